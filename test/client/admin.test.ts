import { beforeEach, describe, expect, test } from 'vitest'
import {
  type Client,
  ConfigError,
  KafkaError,
  Offset,
  OffsetOutOfRangeError,
  PartitionNotFoundError,
  TopicNotFoundError,
} from '../../src/index.ts'
import { until } from '../until.ts'
import { testOfOurBroker, useCluster } from './test-cluster.ts'

const cluster = useCluster()
let kafka: Client
/** No other test's: a cluster keeps its groups. */
let group: string
const run = crypto.randomUUID().slice(0, 8)
let tests = 0

beforeEach(() => {
  kafka = cluster.open({ retryBackoff: 10 })
  group = `billing-${run}-${tests++}`
})

const firstMs = Date.UTC(2024, 0, 1)
const hourMs = 3_600_000

/** `count` records in each partition, an hour of event time apart. */
async function withRecords(count: number, partitions = 1): Promise<void> {
  await kafka.admin.createTopic('orders', { partitions, retention: -1 })
  for (let partition = 0; partition < partitions; partition++) await produce(count, { partition })
}

async function produce(count: number, { topic = 'orders', partition = 0 } = {}): Promise<void> {
  for (let i = 0; i < count; i++)
    await kafka.produce(topic, i, { partition, timestamp: firstMs + i * hourMs })
}

/** Reads so many records with the group, which leaves then and has committed them. */
async function read(count: number): Promise<unknown[]> {
  const records = await kafka.consumer('orders', { group }).take(count).toArray()
  return records.map(({ value }) => value)
}

/** A member that has its assignment and stays until it is stopped. There must be something to read. */
async function stay(topics: string | string[] = 'orders', name = group) {
  const stopped = new AbortController()
  let isAtWork = false
  const done = kafka.consume(topics, { group: name, signal: stopped.signal }, () => {
    isAtWork = true
  })
  await Promise.race([until(() => isAtWork), done])
  return async () => {
    stopped.abort()
    await done
  }
}

async function groupNames(): Promise<string[]> {
  return (await kafka.admin.listGroups()).map((one) => one.group)
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(KafkaError)
  return (error as KafkaError).code
}

describe('alterTopic', () => {
  const alter = (changes: object) => kafka.admin.alterTopic('orders', changes)

  test('takes effect: the log of a topic that becomes compacted keeps its records', async () => {
    await withRecords(1)
    const deleting = () => kafka.admin.deleteRecords('orders', { 0: 1 })
    // Apache Kafka tells its brokers behind the answer.
    await alter({ configs: { 'cleanup.policy': 'compact' } })
    await expect
      .poll(async () => deleting().then(String, (error) => error.code))
      .toBe('POLICY_VIOLATION')
    await alter({ retention: '1 hour', configs: { 'cleanup.policy': null } })
    await expect.poll(async () => deleting().then(() => 'done', String)).toBe('done')
  })

  test('refuses what the broker does not know, and what the client does not', async () => {
    await withRecords(0)
    expect(await codeOf(alter({ configs: { 'no.such.config': 1 } }))).toBe('INVALID_CONFIG')
    expect(await codeOf(alter({ configs: { 'segment.ms': 'x' } }))).toBe('INVALID_CONFIG')
    await expect(alter({ partitions: 3 })).rejects.toThrow(ConfigError)
    await expect(alter({ retention: 'x' })).rejects.toThrow(ConfigError)
    const missing = kafka.admin.alterTopic('nowhere', { retention: -1 })
    await expect(missing).rejects.toThrow(TopicNotFoundError)
  })
})

describe('describeTopic', () => {
  test('tells how long records are kept, and what is set', async () => {
    await kafka.admin.createTopic('orders', {
      partitions: 2,
      retention: '7d',
      configs: { 'cleanup.policy': 'compact' },
    })
    const week = 7 * 24 * 60 * 60 * 1000
    const { partitions, retentionMs, configs } = await kafka.admin.describeTopic('orders')
    expect({ partitions, retentionMs }).toEqual({ partitions: 2, retentionMs: week })
    expect(configs).toMatchObject({ 'retention.ms': String(week), 'cleanup.policy': 'compact' })
    await kafka.admin.alterTopic('orders', { retention: null })
    const altered = await kafka.admin.describeTopic('orders')
    expect(altered.configs).not.toHaveProperty(['retention.ms'])
    expect(altered.retentionMs).toBe(week)
  })
})

describe('deleteRecords', () => {
  test('deletes what is before the offsets, and tells where the partitions begin', async () => {
    await withRecords(5, 3)
    expect(await kafka.admin.deleteRecords('orders', { 0: 2, 2: 4n })).toEqual({ 0: 2n, 2: 4n })
    const { offsets } = await kafka.admin.describeTopic('orders')
    expect(offsets).toEqual([
      { partition: 0, earliest: 2n, latest: 5n },
      { partition: 1, earliest: 0n, latest: 5n },
      { partition: 2, earliest: 4n, latest: 5n },
    ])
  })

  test('takes an Offset: everything, what is older, nothing', async () => {
    await withRecords(5, 3)
    const before = Offset.timestamp(firstMs + 3 * hourMs)
    const deleted = { 0: Offset.latest, 1: before, 2: Offset.earliest }
    expect(await kafka.admin.deleteRecords('orders', deleted)).toEqual({ 0: 5n, 1: 3n, 2: 0n })
  })

  test('of nothing does nothing', async () => {
    expect(await kafka.admin.deleteRecords('nowhere', {})).toEqual({})
  })

  test('a consumer goes on with what is left', async () => {
    await withRecords(5)
    await kafka.admin.deleteRecords('orders', { 0: 3 })
    expect(await read(2)).toEqual([3, 4])
  })

  test('refuses an offset past the end, and what does not exist', async () => {
    await withRecords(5)
    const { admin } = kafka
    await expect(admin.deleteRecords('orders', { 0: 6 })).rejects.toThrow(OffsetOutOfRangeError)
    await expect(admin.deleteRecords('orders', { 1: 0 })).rejects.toThrow(PartitionNotFoundError)
    await expect(admin.deleteRecords('nowhere', { 0: 0 })).rejects.toThrow(TopicNotFoundError)
    expect(await admin.listTopics()).toHaveLength(1)
  })

  test('refuses a topic that is only compacted', async () => {
    await kafka.admin.createTopic('state', { configs: { 'cleanup.policy': 'compact' } })
    expect(await codeOf(kafka.admin.deleteRecords('state', { 0: 0 }))).toBe('POLICY_VIOLATION')
  })

  test.each([{ x: 1n }, { '-1': 1n }, { 0: -1 }, { 0: 1.5 }, { 0: '3' }, { 0: Offset.shift(1) }])(
    'refuses %o',
    async (offsets) => {
      await withRecords(5)
      // Not what the types allow.
      const deleting = kafka.admin.deleteRecords(
        'orders',
        offsets as { [partition: number]: bigint },
      )
      await expect(deleting).rejects.toThrow(ConfigError)
    },
  )
})

describe('describeCluster', () => {
  test('names the nodes and the controller', async () => {
    const described = await kafka.admin.describeCluster()
    expect(described).toEqual({
      id: expect.stringMatching(/./),
      controllerId: 1,
      nodes: [{ id: 1, host: expect.any(String), port: expect.any(Number), rack: undefined }],
    })
  })

  testOfOurBroker('by its own number', async () => {
    kafka = await cluster.openBroker({ nodeId: 7 })
    const described = await kafka.admin.describeCluster()
    expect(described).toMatchObject({ controllerId: 7, nodes: [{ id: 7 }] })
  })
})

describe('listGroups', () => {
  testOfOurBroker('nothing at first', async () => {
    expect(await kafka.admin.listGroups()).toEqual([])
  })

  test('groups with and without members, by name', async () => {
    await withRecords(1)
    const [atWork, left, only] = ['at-work', 'left', 'only'].map((name) => `${group}-${name}`)
    await kafka.admin.resetOffsets(only!, 'orders', Offset.latest)
    await kafka.consumer('orders', { group: left! }).take(1).toArray()
    const stop = await stay('orders', atWork)
    const listed = await kafka.admin.listGroups()
    expect(listed.filter((one) => one.group.startsWith(group))).toEqual([
      { group: atWork, state: 'Stable', protocolType: 'consumer', memberCount: 1 },
      { group: left, state: 'Empty', protocolType: 'consumer', memberCount: 0 },
      { group: only, state: 'Empty', protocolType: '', memberCount: 0 },
    ])
    expect(listed.map((one) => one.group)).toEqual(listed.map((one) => one.group).sort())
    await stop()
  })
})

describe('describeGroup', () => {
  test('members, what they read, and how far they are behind', async () => {
    await withRecords(2, 2)
    await kafka.admin.resetOffsets(group, 'orders', Offset.at(1))
    const stop = await stay()
    await produce(3)
    const described = await kafka.admin.describeGroup(group)
    expect(described).toMatchObject({
      group,
      state: 'Stable',
      protocolType: 'consumer',
      assignor: 'cooperative-sticky',
      coordinatorId: 1,
    })
    const [member, ...others] = described.members
    expect(others).toEqual([])
    expect(member).toEqual({
      memberId: expect.stringMatching(/./),
      instanceId: undefined,
      clientId: expect.stringMatching(/./),
      host: expect.stringMatching(/./),
      topics: ['orders'],
      partitions: [
        { topic: 'orders', partition: 0 },
        { topic: 'orders', partition: 1 },
      ],
    })
    expect(described.partitions).toMatchObject([
      { topic: 'orders', partition: 0, latest: 5n, memberId: member!.memberId },
      { topic: 'orders', partition: 1, latest: 2n, memberId: member!.memberId },
    ])
    for (const { committed, latest, lag } of described.partitions)
      expect(lag).toBe(latest! - committed!)
    await stop()
  })

  test('what a group that has left is behind, in total', async () => {
    await withRecords(5, 2)
    await kafka.admin.resetOffsets(group, 'orders', Offset.at(3))
    const before = { topic: 'orders', committed: 3n, latest: 5n, lag: 2n, memberId: undefined }
    expect(await kafka.admin.describeGroup(group)).toEqual({
      group,
      state: 'Empty',
      protocolType: '',
      assignor: '',
      coordinatorId: 1,
      members: [],
      partitions: [
        { ...before, partition: 0 },
        { ...before, partition: 1 },
      ],
      totalLag: 4n,
      memberCount: 0,
    })
  })

  test('a partition that is read and not committed has no lag yet', async () => {
    await withRecords(1)
    await kafka.admin.createTopic('quiet')
    const stop = await stay(['orders', 'quiet'])
    const { partitions } = await kafka.admin.describeGroup(group)
    const quiet = partitions.find(({ topic }) => topic === 'quiet')
    expect(quiet).toMatchObject({ committed: undefined, latest: 0n, lag: undefined })
    expect(quiet!.memberId).toBeDefined()
    await stop()
  })

  test('an offset past the end lags by nothing', async () => {
    await withRecords(5)
    await kafka.admin.resetOffsets(group, 'orders', Offset.latest)
    const { partitions, totalLag } = await kafka.admin.describeGroup(group)
    expect(partitions).toMatchObject([{ lag: 0n }])
    expect(totalLag).toBe(0n)
  })

  test('a group that does not exist', async () => {
    expect(await codeOf(kafka.admin.describeGroup('none'))).toBe('GROUP_ID_NOT_FOUND')
    await expect(kafka.admin.describeGroup('')).rejects.toThrow(ConfigError)
  })
})

describe('resetOffsets', () => {
  test.each([
    ['earliest', Offset.earliest, 1n],
    ['latest', Offset.latest, 5n],
    ['an exact offset', Offset.at(2), 2n],
    ['an exact offset before the beginning', Offset.at(0), 1n],
    ['an exact offset past the end', Offset.at(99), 5n],
    ['a time', Offset.timestamp(firstMs + 3 * hourMs - 1), 3n],
    ['a time after all records', Offset.timestamp(firstMs + 99 * hourMs), 5n],
    ['a shift onwards', Offset.shift(1), 4n],
    ['a shift back', Offset.shift(-2), 1n],
    ['a shift past the end', Offset.shift(10n ** 30n), 5n],
    ['a shift before the beginning', Offset.shift(-(10n ** 30n)), 1n],
    ['a shift by nothing', Offset.shift(0), 3n],
  ])('to %s', async (_what, offset, expected) => {
    await withRecords(5)
    await kafka.admin.deleteRecords('orders', { 0: 1 })
    await kafka.admin.resetOffsets(group, 'orders', Offset.at(3))
    expect(await kafka.admin.resetOffsets(group, 'orders', offset)).toEqual([
      { partition: 0, before: 3n, offset: expected },
    ])
    const { partitions } = await kafka.admin.describeGroup(group)
    expect(partitions).toMatchObject([{ committed: expected }])
  })

  test('the group reads on from there', async () => {
    await withRecords(4)
    expect(await read(4)).toEqual([0, 1, 2, 3])
    await kafka.admin.resetOffsets(group, 'orders', Offset.at(1))
    expect(await read(3)).toEqual([1, 2, 3])
  })

  test('every partition by itself', async () => {
    await withRecords(2, 2)
    await produce(2, { partition: 1 })
    expect(await kafka.admin.resetOffsets(group, 'orders', Offset.latest)).toEqual([
      { partition: 0, before: undefined, offset: 2n },
      { partition: 1, before: undefined, offset: 4n },
    ])
    expect(await kafka.admin.resetOffsets(group, 'orders', Offset.shift(-1))).toEqual([
      { partition: 0, before: 2n, offset: 1n },
      { partition: 1, before: 4n, offset: 3n },
    ])
  })

  test('refused while the group is active', async () => {
    await withRecords(2)
    const stop = await stay()
    const resetting = () => kafka.admin.resetOffsets(group, 'orders', Offset.earliest)
    expect(await codeOf(resetting())).toBe('NON_EMPTY_GROUP')
    await stop()
    expect(await resetting()).toMatchObject([{ partition: 0, offset: 0n }])
  })

  test('what was never committed cannot be shifted', async () => {
    await withRecords(1)
    const shifting = kafka.admin.resetOffsets(group, 'orders', Offset.shift(1))
    await expect(shifting).rejects.toThrow(OffsetOutOfRangeError)
    expect(await groupNames()).not.toContain(group)
  })

  test('refuses a topic that does not exist, without making it, and what is no offset', async () => {
    const { admin } = kafka
    await expect(admin.resetOffsets(group, 'nowhere', Offset.latest)).rejects.toThrow(
      TopicNotFoundError,
    )
    expect(await admin.listTopics()).toEqual([])
    for (const wrong of [undefined, 3n, { kind: 'x' }])
      await expect(admin.resetOffsets(group, 'orders', wrong as never)).rejects.toThrow(ConfigError)
    expect(() => Offset.shift(0.5)).toThrow(ConfigError)
  })

  test('a consumer cannot start at a shift', async () => {
    const offset = Offset.shift(1) as never
    expect(() => kafka.consumer('orders', { offset })).toThrow(ConfigError)
  })
})

describe('deleteGroup', () => {
  test('forgets the group with its offsets', async () => {
    await withRecords(2)
    await read(2)
    await kafka.admin.deleteGroup(group)
    expect(await groupNames()).not.toContain(group)
    expect(await read(2)).toEqual([0, 1])
  })

  test('refused while it has members, and when it does not exist', async () => {
    await withRecords(1)
    const stop = await stay()
    expect(await codeOf(kafka.admin.deleteGroup(group))).toBe('NON_EMPTY_GROUP')
    await stop()
    await kafka.admin.deleteGroup(group)
    expect(await codeOf(kafka.admin.deleteGroup(group))).toBe('GROUP_ID_NOT_FOUND')
    await expect(kafka.admin.deleteGroup('')).rejects.toThrow(ConfigError)
  })
})

test('a closed client administrates nothing', async () => {
  const { admin } = kafka
  await kafka.close()
  expect(await codeOf(admin.listGroups())).toBe('CLIENT_CLOSED')
})

describe('where places are', () => {
  test('by time, at the beginning and at the end, in each partition', async () => {
    await withRecords(3, 2)
    const at = async (offset: Offset) =>
      (await kafka.admin.listOffsets('orders', offset)).map(({ partition, offset: found }) => [
        partition,
        found,
      ])
    expect(await at(Offset.earliest)).toEqual([
      [0, 0n],
      [1, 0n],
    ])
    expect(await at(Offset.latest)).toEqual([
      [0, 3n],
      [1, 3n],
    ])
    expect(await at(Offset.timestamp(firstMs + hourMs))).toEqual([
      [0, 1n],
      [1, 1n],
    ])
    expect(await at(Offset.timestamp(firstMs + 9 * hourMs))).toEqual([
      [0, 3n],
      [1, 3n],
    ])
    expect(JSON.stringify(await kafka.admin.listOffsets('orders', Offset.latest))).toBe(
      '[{"partition":0,"offset":"3"},{"partition":1,"offset":"3"}]',
    )
    await expect(kafka.admin.listOffsets('missing', Offset.latest)).rejects.toThrow(
      TopicNotFoundError,
    )
    await expect(kafka.admin.listOffsets('orders', 'latest' as never)).rejects.toThrow(ConfigError)
    await expect(
      kafka.admin.listOffsets('orders', Offset.latest, { isolation: 'none' as never }),
    ).rejects.toThrow(/read_committed/)
  })
})

describe('transactions', () => {
  test('are told of while they are open, and the end of what is committed is before them', async () => {
    await kafka.admin.createTopic('payments', { partitions: 2 })
    const id = `pay-${group}`
    await kafka.transaction('payments', { id }, async (tx) => {
      await tx.send(1, { partition: 1 })
      const open = await kafka.admin.describeTransaction(id)
      expect(open).toMatchObject({
        transactionalId: id,
        state: 'Ongoing',
        partitions: [{ topic: 'payments', partition: 1 }],
      })
      expect(open.startedAtMs).toBeGreaterThan(firstMs)
      const found = (await kafka.admin.listTransactions()).find((one) => one.transactionalId === id)
      expect(found).toMatchObject({ state: 'Ongoing', producerId: open.producerId })
      const committed = await kafka.admin.listOffsets('payments', Offset.latest, {
        isolation: 'read_committed',
      })
      expect(committed.map(({ offset }) => offset)).toEqual([0n, 0n])
      const all = await kafka.admin.listOffsets('payments', Offset.latest)
      expect(all.map(({ offset }) => offset)).toEqual([0n, 1n])
    })
    const state = async () => (await kafka.admin.describeTransaction(id)).state
    await expect.poll(state, { timeout: 20_000 }).toBe('CompleteCommit')
    const done = await kafka.admin.describeTransaction(id)
    expect([done.startedAtMs, done.partitions]).toEqual([undefined, []])
    await expect(kafka.admin.describeTransaction(`${id}-not`)).rejects.toMatchObject({
      code: 'TRANSACTIONAL_ID_NOT_FOUND',
    })
    await expect(kafka.admin.describeTransaction('')).rejects.toThrow(ConfigError)
  })
})

describe('rights and quotas', () => {
  test('what cannot be is refused before anything is asked', async () => {
    const right = { principal: 'User:a', type: 'topic', name: 'x', operation: 'read' } as const
    for (const acls of [
      [],
      'x',
      [{ ...right, principal: 'a' }],
      [{ ...right, type: 'topics' }],
      [{ ...right, operation: undefined }],
      [{ ...right, hosts: '*' }],
      [right, { ...right, type: 'cluster' }],
    ])
      await expect(kafka.admin.createAcls(acls as never)).rejects.toThrow(ConfigError)
    await expect(kafka.admin.listAcls({ nmae: 'x' } as never)).rejects.toThrow(
      /Did you mean 'name'/,
    )
    await expect(kafka.admin.deleteAcls({ pattern: 'any' as never })).rejects.toThrow(/literal/)
    for (const [entity, changes] of [
      [{}, { producer_byte_rate: 1 }],
      [{ user: '' }, { producer_byte_rate: 1 }],
      [{ users: 'a' }, { producer_byte_rate: 1 }],
      [{ user: 'a' }, {}],
      [{ user: 'a' }, { producer_byte_rate: -1 }],
    ])
      await expect(kafka.admin.alterQuotas(entity as never, changes as never)).rejects.toThrow(
        ConfigError,
      )
    await expect(kafka.admin.createKey({ name: 'x' } as never)).rejects.toThrow(/scopes/)
    await expect(
      kafka.admin.createKey({ name: 'x', scopes: ['admin'], expires: 1 } as never),
    ).rejects.toThrow(ConfigError)
    await expect(kafka.admin.rotateKey('')).rejects.toThrow(ConfigError)
  })

  test('keys are of kafka-do serve with access control', async () => {
    await expect(kafka.admin.listKeys()).rejects.toMatchObject({ code: 'SECURITY_DISABLED' })
  })
})
