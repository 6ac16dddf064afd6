/** confluent-kafka (librdkafka): records, groups whose members die, transactions and administration. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { bytes, Client, Message, topic as typed } from '../../../src/index.ts'
import { servedBroker, uniqueNames } from '../npm/served-broker.ts'
import {
  type ConfluentEvent,
  ConfluentProcess,
  type ConfluentRecord,
  confluent,
} from './confluent.ts'
import { storedBatches } from './stored-batches.ts'
import { describeTool } from './tool.ts'

/** Not so old that retention removes what is written. */
const hourAgo = Date.now() - 3_600_000
const broker = servedBroker()
const unique = uniqueNames()
const compressions = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

let running: ConfluentProcess[] = []
afterEach(async () => {
  await Promise.all(running.map((process) => process.kill()))
  running = []
})

async function started(packages: string, onEvent?: (event: ConfluentEvent) => void) {
  const process = await ConfluentProcess.start(packages, onEvent)
  running.push(process)
  return process
}

const common = () => ({ 'bootstrap.servers': broker.bootstrap })
const reading = (group: string) => ({
  ...common(),
  'group.id': group,
  'auto.offset.reset': 'earliest',
  'enable.auto.commit': false,
})
const packed = (text: string) => Buffer.from(text).toString('base64')
const unpacked = (text: string | null) =>
  text === null ? null : Buffer.from(text, 'base64').toString()
const valuesOf = (records: readonly ConfluentRecord[]) =>
  records.map(({ value }) => unpacked(value))

describeTool(confluent, 'confluent-kafka: records', (packages) => {
  let client: ConfluentProcess
  beforeEach(async () => {
    client = await started(packages())
  })

  test.each(compressions)('compression both ways: %s', async (compression) => {
    const topic = unique(compression)
    const values = Array.from(
      { length: 300 },
      (_, i) => `value ${i}, ${'on and on, '.repeat(i % 20)}`,
    )
    await client.call('producer', 'p', {
      config: { ...common(), 'compression.type': compression, 'linger.ms': 50 },
    })
    const records = values.map((value) => ({ topic, partition: 0, value: packed(value) }))
    const delivered = await client.call<[number, number][]>('produce', 'p', { records })
    expect(delivered).toEqual(values.map((_, i) => [0, i]))
    const batches = await storedBatches(broker.url, topic)
    // librdkafka leaves a batch as it is that compression would make no smaller.
    expect(batches.map((batch) => batch.compression)).toContain(compression)
    await using ours = new Client(broker.url)
    const read = await ours
      .consumer(typed(topic, { value: bytes }))
      .take(values.length)
      .toArray()
    expect(read.map(({ value }) => Buffer.from(value).toString())).toEqual(values)
    await ours
      .producer(typed(topic, { value: bytes }), { compression })
      .sendBatch(values.map((value) => Buffer.from(`again ${value}`)))
    await client.call('consumer', 'c', { config: reading(topic) })
    await client.call('assign', 'c', { partitions: [[topic, 0, values.length]] })
    const back = await client.call<ConfluentRecord[]>('read', 'c', { count: values.length })
    expect(valuesOf(back)).toEqual(values.map((value) => `again ${value}`))
  })

  test('keys, headers, timestamps, empty and null: byte for byte, both ways', async () => {
    const topic = unique('parts')
    const every = Buffer.from(Uint8Array.from({ length: 256 }, (_, i) => i)).toString('base64')
    const records = [
      { topic, partition: 0, key: every, value: every, timestamp: hourAgo + 123 },
      { topic, partition: 0, key: packed('k'), timestamp: hourAgo + 124 },
      {
        topic,
        partition: 0,
        value: '',
        headers: [
          ['a', packed('ü')],
          ['a', ''],
          ['b', null],
        ],
        timestamp: hourAgo + 125,
      },
    ]
    await client.call('producer', 'p', { config: common() })
    await client.call('produce', 'p', { records })
    await using ours = new Client(broker.url)
    const raw = typed(topic, { key: bytes, value: bytes })
    const read = await ours.consumer(raw).take(3).toArray()
    const base64 = (part: Uint8Array | null) => part && Buffer.from(part).toString('base64')
    expect(
      read.map(({ key, value, timestamp }) => [base64(key), base64(value), +timestamp]),
    ).toEqual(records.map(({ key = null, value = null, timestamp }) => [key, value, timestamp]))
    // What our client read it writes again, and librdkafka reads the same.
    const copy = unique('copy')
    const producer = ours.producer(typed(copy, { key: bytes, value: bytes }))
    for (const { key, value, timestamp } of read)
      await producer.sendBatch([
        new Message(value, { key: key ?? undefined, timestamp, partition: 0 }),
      ])
    await client.call('consumer', 'c', { config: reading(topic) })
    const from = async (name: string) => {
      await client.call('assign', 'c', { partitions: [[name, 0, 0]] })
      return client.call<ConfluentRecord[]>('read', 'c', { count: 3 })
    }
    const originals = await from(topic)
    expect(originals[2]!.headers).toEqual([
      ['a', packed('ü')],
      ['a', ''],
      ['b', null],
    ])
    const parts = ({ key, value, timestamp }: ConfluentRecord) => [key, value, timestamp]
    expect((await from(copy)).map(parts)).toEqual(originals.map(parts))
  })
})

describeTool(confluent, 'confluent-kafka: groups', (packages) => {
  test('members are killed: the others go on, nothing is lost', async () => {
    const topic = unique('group')
    await using ours = new Client(broker.url)
    await ours.admin.createTopic(topic, { partitions: 6 })
    const seen = new Set<string>()
    const assigned = new Map<string, number>()
    const onEvent = ({ event, record, assigned: partitions, error }: ConfluentEvent) => {
      expect(error).toBeUndefined()
      if (record) seen.add(unpacked(record.value)!)
      if (partitions) assigned.set(event, partitions.length)
    }
    const config = { ...reading(topic), 'session.timeout.ms': 1000, 'heartbeat.interval.ms': 100 }
    const members: ConfluentProcess[] = []
    for (const name of ['one', 'two', 'three']) {
      const member = await started(packages(), onEvent)
      members.push(member)
      await member.call('consumer', name, { config })
      await member.call('run', name, { topics: [topic] })
    }
    const counts = () => [...assigned.values()]
    await vi.waitFor(() => expect(counts()).toEqual([2, 2, 2]), { timeout: 30_000 })
    let sent = 0
    const produce = async (count: number) => {
      const values = Array.from({ length: count }, () => `${sent++}`)
      await ours
        .producer(typed(topic, { value: bytes }))
        .sendBatch(
          values.map((value) => new Message(Buffer.from(value), { partition: Number(value) % 6 })),
        )
    }
    // Killed in the middle of what comes, one after the other.
    const killedWhileReading = async (index: number, name: string) => {
      const before = seen.size
      const producing = produce(600)
      await vi.waitFor(() => expect(seen.size).toBeGreaterThan(before + 50), {
        timeout: 30_000,
        interval: 5,
      })
      await members[index]!.kill()
      assigned.delete(name)
      await producing
      await produce(60)
      await vi.waitFor(() => expect(seen.size).toBe(sent), { timeout: 30_000 })
    }
    await killedWhileReading(1, 'two')
    expect(counts()).toEqual([3, 3])
    await killedWhileReading(0, 'one')
    expect(counts()).toEqual([6])
  })

  test.each(['range', 'roundrobin', 'cooperative-sticky'])(
    'shares a topic with our client: %s',
    async (assignor) => {
      const topic = unique('mixed')
      await using ours = new Client(broker.url)
      await ours.admin.createTopic(topic, { partitions: 4 })
      let assigned = 0
      const member = await started(packages(), (event) => {
        assigned = event.assigned?.length ?? assigned
      })
      const config = { ...reading(topic), 'partition.assignment.strategy': assignor }
      await member.call('consumer', 'theirs', { config })
      await member.call('run', 'theirs', { topics: [topic] })
      const enough = new AbortController()
      const reader = ours.consumer(topic, {
        group: topic,
        assignor: assignor as 'range' | 'roundrobin' | 'cooperative-sticky',
        signal: enough.signal,
      })
      const consuming = reader.forEach(() => {}).catch(() => undefined)
      const group = () => ours.admin.describeGroup(topic)
      await vi.waitFor(
        async () => {
          const { members, assignor: agreed } = await group()
          expect(agreed).toBe(assignor)
          expect(members.map(({ partitions }) => partitions.length)).toEqual([2, 2])
          expect(assigned).toBe(2)
        },
        { timeout: 30_000 },
      )
      enough.abort()
      await consuming
      await vi.waitFor(() => expect(assigned).toBe(4), { timeout: 30_000 })
    },
  )

  test('offsets: committed with metadata, found by time, reset by an admin', async () => {
    const topic = unique('offsets')
    const client = await started(packages())
    await client.call('producer', 'p', { config: common() })
    const records = Array.from({ length: 10 }, (_, i) => ({
      topic,
      partition: 0,
      value: packed(`${i}`),
      timestamp: hourAgo + i * 1000,
    }))
    await client.call('produce', 'p', { records })
    await client.call('consumer', 'c', { config: reading(topic) })
    expect(await client.call('watermarks', 'c', { partition: [topic, 0, 0] })).toEqual([0, 10])
    expect(
      await client.call('offsets_for_times', 'c', { times: [[topic, 0, hourAgo + 4500]] }),
    ).toEqual([[topic, 0, 5]])
    await client.call('commit', 'c', { offsets: [[topic, 0, 4, 'noted']] })
    expect(await client.call('committed', 'c', { partitions: [[topic, 0, 0]] })).toEqual([
      [topic, 0, 4, 'noted'],
    ])
    await client.call('close', 'c')
    await client.call('admin', 'a', { config: common() })
    expect(
      await client.call('alter_group_offsets', 'a', { group: topic, offsets: [[topic, 0, 8]] }),
    ).toEqual([[topic, 0, 8]])
    expect(await client.call('group_offsets', 'a', { group: topic })).toEqual([[topic, 0, 8]])
    await client.call('consumer', 'c', { config: reading(topic) })
    await client.call('subscribe', 'c', { topics: [topic] })
    expect(valuesOf(await client.call('read', 'c', { count: 2 }))).toEqual(['8', '9'])
  })
})

describeTool(confluent, 'confluent-kafka: transactions', (packages) => {
  const transactional = (id: string) => ({ ...common(), 'transactional.id': id })
  const readOf = async (
    client: ConfluentProcess,
    topic: string,
    isolation: string,
    count: number,
  ) => {
    const config = { ...reading(unique('reader')), 'isolation.level': isolation }
    await client.call('consumer', isolation, { config })
    await client.call('assign', isolation, { partitions: [[topic, 0, 0]] })
    return valuesOf(await client.call('read', isolation, { count }))
  }

  test('commit and abort: read_committed sees the first, read_uncommitted both', async () => {
    const topic = unique('tx')
    const client = await started(packages())
    await client.call('producer', 'p', { config: transactional(topic) })
    await client.call('init_transactions', 'p')
    for (const [value, end] of [
      ['a', 'commit_transaction'],
      ['b', 'abort_transaction'],
      ['c', 'commit_transaction'],
    ] as const) {
      await client.call('begin_transaction', 'p')
      const record = { topic, partition: 0, value: packed(value) }
      await client.call('produce', 'p', { records: [record, record] })
      await client.call(end, 'p')
    }
    expect(await readOf(client, topic, 'read_committed', 4)).toEqual(['a', 'a', 'c', 'c'])
    expect(await readOf(client, topic, 'read_uncommitted', 6)).toEqual([...'aabbcc'])
  })

  test('a zombie is fenced, and its open transaction aborted', async () => {
    const topic = unique('zombie')
    const [zombie, heir] = [await started(packages()), await started(packages())]
    for (const [client, value] of [
      [zombie, 'zombie'],
      [heir, 'heir'],
    ] as const) {
      await client.call('producer', 'p', { config: transactional(topic) })
      await client.call('init_transactions', 'p')
      await client.call('begin_transaction', 'p')
      await client.call('produce', 'p', {
        records: [{ topic, partition: 0, value: packed(value) }],
      })
    }
    const refused = zombie.call('commit_transaction', 'p')
    await expect(refused).rejects.toMatchObject({ code: '_FENCED', isFatal: true })
    await heir.call('commit_transaction', 'p')
    expect(await readOf(heir, topic, 'read_committed', 1)).toEqual(['heir'])
    expect(await readOf(heir, topic, 'read_uncommitted', 2)).toEqual(['zombie', 'heir'])
  })

  test('read, transform, write: offsets move with a commit only', async () => {
    const [input, output] = [unique('in'), unique('out')]
    const client = await started(packages())
    await client.call('producer', 'plain', { config: common() })
    const records = ['1', '2'].map((value) => ({
      topic: input,
      partition: 0,
      value: packed(value),
    }))
    await client.call('produce', 'plain', { records })
    await client.call('consumer', 'c', { config: reading(input) })
    await client.call('subscribe', 'c', { topics: [input] })
    await client.call('read', 'c', { count: 2 })
    await client.call('producer', 'p', { config: transactional(output) })
    await client.call('init_transactions', 'p')
    const step = async (value: string, offset: number, end: string) => {
      await client.call('begin_transaction', 'p')
      await client.call('produce', 'p', {
        records: [{ topic: output, partition: 0, value: packed(value) }],
      })
      await client.call('send_offsets', 'p', { consumer: 'c', offsets: [[input, 0, offset]] })
      await client.call(end, 'p')
      return client.call('committed', 'c', { partitions: [[input, 0, 0]] })
    }
    expect(await step('no', 2, 'abort_transaction')).toEqual([[input, 0, -1001]])
    expect(await step('yes', 2, 'commit_transaction')).toEqual([[input, 0, 2]])
    expect(await readOf(client, output, 'read_committed', 1)).toEqual(['yes'])
  })
})

describeTool(confluent, 'confluent-kafka: admin', (packages) => {
  let client: ConfluentProcess
  let topic: string
  beforeEach(async () => {
    client = await started(packages())
    topic = unique('admin')
    await client.call('admin', 'a', { config: common() })
    const settings = { topic, num_partitions: 2, config: { 'retention.ms': '60000' } }
    expect(await client.call('create_topics', 'a', { topics: [settings] })).toEqual({
      [topic]: null,
    })
  })

  test('topics: create, describe, grow, delete', async () => {
    const again = await client.call('create_topics', 'a', {
      topics: [{ topic, num_partitions: 1 }],
    })
    expect(again).toMatchObject({ [topic]: { error: { name: 'TOPIC_ALREADY_EXISTS' } } })
    expect(await client.call('create_partitions', 'a', { topic, total: 3 })).toEqual({
      [topic]: null,
    })
    expect(await client.call('describe_topics', 'a', { topics: [topic] })).toMatchObject({
      [topic]: { partitions: [0, 1, 2].map((id) => [id, 1, [1], [1]]), isInternal: false },
    })
    expect(await client.call('list_topics', 'a')).toMatchObject({ topics: { [topic]: 3 } })
    expect(await client.call('delete_topics', 'a', { topics: [topic] })).toEqual({ [topic]: null })
    const gone = await client.call('delete_topics', 'a', { topics: [topic] })
    expect(gone).toMatchObject({ [topic]: { error: { name: 'UNKNOWN_TOPIC_OR_PART' } } })
  })

  test('configs: describe, set, append, remove', async () => {
    const configs = () => client.call('describe_configs', 'a', { kind: 'TOPIC', name: topic })
    expect(await configs()).toMatchObject({ 'retention.ms': '60000' })
    const changes = [
      ['retention.ms', 'DELETE', ''],
      ['cleanup.policy', 'APPEND', 'compact'],
    ]
    await client.call('incremental_alter_configs', 'a', { topic, changes })
    const changed = await configs()
    expect(changed).toMatchObject({ 'cleanup.policy': 'delete,compact' })
    expect(changed).not.toHaveProperty(['retention.ms'])
    const wrong = client.call('incremental_alter_configs', 'a', {
      topic,
      changes: [['retention.ms', 'SET', 'soon']],
    })
    expect(await wrong).toMatchObject({ error: { name: 'INVALID_CONFIG' } })
  })

  test('records and offsets: delete, earliest, latest, by time', async () => {
    await client.call('producer', 'p', { config: common() })
    const records = [1, 2, 3].map((n) => ({
      topic,
      partition: 0,
      value: packed(`${n}`),
      timestamp: n * 1000,
    }))
    await client.call('produce', 'p', { records })
    expect(await client.call('delete_records', 'a', { before: [[topic, 0, 1]] })).toEqual([1])
    const offset = async (spec: string | number) =>
      (await client.call<number[]>('list_offsets', 'a', { topic, partition: 0, spec }))[0]
    expect(await offset('earliest')).toBe(1)
    expect(await offset('latest')).toBe(3)
    expect(await offset(2500)).toBe(2)
    expect(await offset('max_timestamp')).toBe(2)
  })

  test('groups: list, describe, delete', async () => {
    const group = unique('described')
    await client.call('consumer', 'c', { config: { ...reading(group), 'client.id': 'me' } })
    await client.call('subscribe', 'c', { topics: [topic] })
    await client.call('read', 'c', { count: 1, timeout: 3 })
    expect(await client.call('list_groups', 'a')).toMatchObject({ [group]: 'STABLE' })
    expect(await client.call('describe_group', 'a', { group })).toMatchObject({
      state: 'STABLE',
      coordinator: 1,
      members: [
        {
          clientId: 'me',
          partitions: [
            [topic, 0],
            [topic, 1],
          ],
        },
      ],
    })
    const busy = await client.call('delete_groups', 'a', { groups: [group] })
    expect(busy).toMatchObject({ [group]: { error: { name: 'NON_EMPTY_GROUP' } } })
    await client.call('close', 'c')
    expect(await client.call('delete_groups', 'a', { groups: [group] })).toEqual({ [group]: null })
  })

  test('the cluster', async () => {
    expect(await client.call('describe_cluster', 'a')).toMatchObject({ controller: 1, nodes: [1] })
    expect(await client.call('elect_leaders', 'a', { partition: [topic, 0, 0] })).toMatchObject([
      { name: 'ELECTION_NOT_NEEDED' },
    ])
  })
})
