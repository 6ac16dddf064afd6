/** @platformatic/kafka's members of a group: how they share, come, go and die, and where they go on. */
import { expect, test, vi } from 'vitest'
import { describeClient } from '../describe-client.ts'
import { type MemberProcess, startMember } from '../npm/member-process.ts'
import { servedBroker, uniqueNames } from '../npm/served-broker.ts'
import { createAdmin, createConsumer, createProducer, take, text } from './platformatic-client.ts'

const broker = servedBroker()
const unique = uniqueNames()
const partitions = [0, 1, 2, 3]
const until = { timeout: 20_000, interval: 20 }

interface Member {
  readonly assigned: readonly number[]
  readonly values: readonly string[]
}

/** A member in this process, with the same habits as those in processes of their own. */
async function startLocalMember(groupId: string, topic: string): Promise<Member> {
  const consumer = createConsumer(broker, { groupId, autocommit: false })
  const values: string[] = []
  const stream = await consumer.consume({
    topics: [topic],
    mode: 'committed',
    fallbackMode: 'earliest',
  })
  const reading = async () => {
    for await (const message of stream) {
      await message.commit()
      values.push(String(text(message)))
    }
  }
  let failure: unknown
  reading().catch((error: unknown) => {
    failure = error
  })
  return {
    get assigned() {
      if (failure) throw failure
      return consumer.assignments?.find((entry) => entry.topic === topic)?.partitions ?? []
    },
    values,
  }
}

function shared(...members: readonly Member[]): void {
  const all = members.flatMap(({ assigned }) => assigned)
  expect([...all].sort()).toEqual(partitions)
  for (const { assigned } of members) expect(assigned.length).toBe(4 / members.length)
}

async function createTopic(prefix: string): Promise<string> {
  const topic = unique(prefix)
  await createAdmin(broker).createTopics({ topics: [topic], partitions: partitions.length })
  return topic
}

async function produce(topic: string, prefix: string): Promise<string[]> {
  const values = Array.from({ length: 40 }, (_, i) => `${prefix} ${i}`)
  const messages = values.map((value, i) => ({
    topic,
    partition: i % partitions.length,
    value: Buffer.from(value),
  }))
  await createProducer(broker).send({ messages })
  return values
}

/** Committed offsets by partition. */
async function committed(groupId: string, topic: string): Promise<bigint[]> {
  const groups = [{ groupId, topics: [{ name: topic, partitionIndexes: partitions }] }]
  const [group] = await createAdmin(broker).listConsumerGroupOffsets({ groups })
  const found = group?.topics[0]?.partitions ?? []
  return partitions.map(
    (index) => found.find(({ partitionIndex }) => partitionIndex === index)?.committedOffset ?? -1n,
  )
}

describeClient('@platformatic/kafka: groups', () => {
  const goesOn = async (end: (member: MemberProcess) => Promise<void>) => {
    const topic = await createTopic('members')
    const stays = await startLocalMember(topic, topic)
    await vi.waitFor(() => shared(stays), until)
    const goes = startMember('../platformatic/platformatic-member.js', broker, topic, topic)
    await vi.waitFor(() => shared(stays, goes), until)

    const first = await produce(topic, 'first')
    await vi.waitFor(() => expectAll([...stays.values, ...goes.values], first), until)
    expect(goes.values.length).toBeGreaterThan(0)
    await end(goes)
    const second = await produce(topic, 'second')
    await vi.waitFor(() => shared(stays), until)
    await vi.waitFor(
      () => expectAll([...stays.values, ...goes.values], [...first, ...second]),
      until,
    )
  }

  test('a member joins and leaves: partitions are shared, nothing is lost', () =>
    goesOn((member) => member.leave()))

  test('a member is killed: its partitions go to the others', () =>
    goesOn((member) => member.kill()))

  test('three members come at once', async () => {
    const topic = await createTopic('three')
    const members = await Promise.all([1, 2, 3].map(() => startLocalMember(topic, topic)))
    await vi.waitFor(() => {
      expect(members.flatMap(({ assigned }) => assigned).sort()).toEqual(partitions)
      for (const { assigned } of members) expect(assigned.length).toBeGreaterThan(0)
    }, until)
    const values = await produce(topic, 'v')
    await vi.waitFor(
      () =>
        expectAll(
          members.flatMap(({ values }) => values),
          values,
        ),
      until,
    )
  })

  test('commit offsets and fetch them', async () => {
    const topic = await createTopic('commit')
    const consumer = createConsumer(broker, { groupId: topic, autocommit: false })
    await consumer.consume({ topics: [topic], mode: 'earliest' })
    const offset = (partition: number, to: bigint) => ({
      ...{ topic, partition, offset: to, leaderEpoch: -1 },
    })
    await consumer.commit({ offsets: [offset(0, 3n), offset(2, 10n)] })
    expect(await committed(topic, topic)).toEqual([3n, -1n, 10n, -1n])
    const listed = await consumer.listCommittedOffsets({ topics: [{ topic, partitions }] })
    expect(listed.get(topic)).toEqual([3n, -1n, 10n, -1n])
  })

  test('a new member goes on where the group was, also after autocommit', async () => {
    const topic = await createTopic('goes-on')
    const read = async (count: number) => {
      const consumer = createConsumer(broker, { groupId: topic, autocommit: true })
      const stream = await consumer.consume({
        topics: [topic],
        mode: 'committed',
        fallbackMode: 'earliest',
      })
      const messages = await take(stream, count)
      await consumer.close(true)
      return messages.map((message) => String(text(message)))
    }
    const first = await produce(topic, 'first')
    expectAll(await read(first.length), first)
    await vi.waitFor(
      async () => expect(await committed(topic, topic)).toEqual([10n, 10n, 10n, 10n]),
      until,
    )
    const second = await produce(topic, 'second')
    const again = await read(second.length)
    expect([...again].sort()).toEqual([...second].sort())
  })

  test('set, reset and delete offsets', async () => {
    const topic = await createTopic('reset')
    await produce(topic, 'v')
    const admin = createAdmin(broker)
    const set = (partitionOffsets: { partition: number; offset: bigint }[]) =>
      admin.alterConsumerGroupOffsets({
        groupId: topic,
        topics: [{ name: topic, partitionOffsets }],
      })
    await set(partitions.map((partition) => ({ partition, offset: 10n })))
    await set([{ partition: 1, offset: 4n }])
    expect(await committed(topic, topic)).toEqual([10n, 4n, 10n, 10n])
    const consumer = createConsumer(broker, { groupId: topic, autocommit: false })
    const stream = await consumer.consume({ topics: [topic], mode: 'committed' })
    const read = await take(stream, 6)
    for (const { partition } of read) expect(partition).toBe(1)
    await consumer.close(true)

    await admin.deleteConsumerGroupOffsets({
      groupId: topic,
      topics: [{ name: topic, partitionIndexes: [0, 1] }],
    })
    expect(await committed(topic, topic)).toEqual([-1n, -1n, 10n, 10n])
  })

  test('lag', async () => {
    const topic = await createTopic('lag')
    await produce(topic, 'v')
    const consumer = createConsumer(broker, { groupId: topic, autocommit: false })
    const stream = await consumer.consume({ topics: [topic], mode: 'committed' })
    const committed = [10n, 0n, 9n, 7n]
    await consumer.commit({
      offsets: committed.map((offset, partition) => ({
        ...{ topic, partition, offset, leaderEpoch: -1 },
      })),
    })
    await vi.waitFor(async () => {
      const lag = await consumer.getLag({ topics: [topic] })
      expect(lag.get(topic)).toEqual([0n, 10n, 1n, 3n])
    }, until)
    await stream.close()
  })

  test('a static member that is killed and comes back has its partitions, without a rebalance', async () => {
    const topic = await createTopic('static')
    const stays = createConsumer(broker, {
      ...{ groupId: topic, groupInstanceId: 'stays', autocommit: false },
    })
    await stays.consume({ topics: [topic], mode: 'earliest' })
    const start = () =>
      startMember('../platformatic/platformatic-member.js', broker, topic, topic, 'away')
    const away = start()
    await vi.waitFor(() => {
      expect(stays.assignments?.[0]?.partitions).toHaveLength(2)
      expect(away.assigned).toHaveLength(2)
    }, until)
    const { generationId } = stays
    const group = (await createAdmin(broker).describeGroups({ groups: [topic] })).get(topic)
    const instances = [...(group?.members.values() ?? [])].map((member) => member.groupInstanceId)
    expect(instances.sort()).toEqual(['away', 'stays'])

    await away.kill()
    const back = start()
    await vi.waitFor(() => expect(back.assigned).toEqual(away.assigned), until)
    expect(stays.generationId).toBe(generationId)
  })
})

function expectAll(values: readonly string[], expected: readonly string[]): void {
  expect([...new Set(values)].sort()).toEqual([...expected].sort())
}
