/** kafkajs's members of a group: how they share, come, go and die, and where they go on. */
import type { Kafka } from 'kafkajs'
import { expect, test, vi } from 'vitest'
import { describeClient } from '../describe-client.ts'
import { collect, connected, createKafkajs, quickGroup, readAll, text } from './kafkajs-client.ts'
import { type MemberProcess, startMember } from './member-process.ts'
import { servedBroker, uniqueNames } from './served-broker.ts'

const broker = servedBroker()
const unique = uniqueNames()
const partitions = [0, 1, 2, 3]
const until = { timeout: 20_000, interval: 20 }

interface Member {
  readonly assigned: readonly number[]
  readonly values: readonly string[]
}

/** A member in this process, with the same habits as those in processes of their own. */
async function startLocalMember(kafka: Kafka, groupId: string, topic: string): Promise<Member> {
  const consumer = await connected(kafka.consumer({ groupId, ...quickGroup }))
  const member = { assigned: [] as readonly number[], values: [] as string[] }
  consumer.on('consumer.group_join', ({ payload }) => {
    member.assigned = payload.memberAssignment[topic] ?? []
  })
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      const offset = String(BigInt(message.offset) + 1n)
      await consumer.commitOffsets([{ topic, partition, offset }])
      member.values.push(String(text(message)))
    },
  })
  return member
}

function shared(...members: readonly Member[]): void {
  const all = members.flatMap(({ assigned }) => assigned)
  expect([...all].sort()).toEqual(partitions)
  for (const { assigned } of members) expect(assigned.length).toBe(4 / members.length)
}

async function createTopic(kafka: Kafka, prefix: string): Promise<string> {
  const topic = unique(prefix)
  const admin = await connected(kafka.admin())
  await admin.createTopics({ topics: [{ topic, numPartitions: partitions.length }] })
  return topic
}

async function produce(kafka: Kafka, topic: string, prefix: string): Promise<string[]> {
  const producer = await connected(kafka.producer())
  const values = Array.from({ length: 40 }, (_, i) => `${prefix} ${i}`)
  const messages = values.map((value, i) => ({ value, partition: i % partitions.length }))
  await producer.send({ topic, messages })
  return values
}

describeClient('kafkajs: groups', () => {
  const goesOn = async (end: (member: MemberProcess) => Promise<void>) => {
    const kafka = createKafkajs(broker)
    const topic = await createTopic(kafka, 'members')
    const stays = await startLocalMember(kafka, topic, topic)
    await vi.waitFor(() => shared(stays), until)
    const goes = startMember('kafkajs-member.js', broker, topic, topic)
    await vi.waitFor(() => shared(stays, goes), until)

    const first = await produce(kafka, topic, 'first')
    await vi.waitFor(() => expectAll([...stays.values, ...goes.values], first), until)
    expect(goes.values.length).toBeGreaterThan(0)
    await end(goes)
    const second = await produce(kafka, topic, 'second')
    await vi.waitFor(() => shared(stays), until)
    await vi.waitFor(
      () => expectAll([...stays.values, ...goes.values], [...first, ...second]),
      until,
    )
    // What was committed is not read again: the member had told of all that it committed.
    expect(stays.values.length + goes.values.length).toBe(first.length + second.length)
  }

  test('a member joins and leaves: partitions are shared, nothing is lost or read twice', () =>
    goesOn((member) => member.leave()))

  test('a member is killed: its partitions go to the others', () =>
    goesOn((member) => member.kill()))

  test('three members come at once', async () => {
    const kafka = createKafkajs(broker)
    const topic = await createTopic(kafka, 'three')
    const starting = [1, 2, 3].map(() => startLocalMember(kafka, topic, topic))
    const members = await Promise.all(starting)
    await vi.waitFor(() => {
      expect(members.flatMap(({ assigned }) => assigned).sort()).toEqual(partitions)
      for (const { assigned } of members) expect(assigned.length).toBeGreaterThan(0)
    }, until)
    const values = await produce(kafka, topic, 'v')
    await vi.waitFor(
      () =>
        expectAll(
          members.flatMap(({ values }) => values),
          values,
        ),
      until,
    )
  })

  test('commit offsets and fetch them, with metadata', async () => {
    const kafka = createKafkajs(broker)
    const topic = await createTopic(kafka, 'commit')
    await produce(kafka, topic, 'v')
    const consumer = await connected(kafka.consumer({ groupId: topic, ...quickGroup }))
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({ autoCommit: false, eachMessage: async () => {} })
    await consumer.commitOffsets([
      { topic, partition: 0, offset: '3', metadata: 'here' },
      { topic, partition: 2, offset: '10' },
    ])
    const admin = await connected(kafka.admin())
    const [fetched] = await admin.fetchOffsets({ groupId: topic, topics: [topic] })
    expect(fetched?.partitions).toEqual(
      expect.arrayContaining([
        { partition: 0, offset: '3', metadata: 'here' },
        { partition: 2, offset: '10', metadata: null },
      ]),
    )
  })

  test('a new member goes on where the group was', async () => {
    const kafka = createKafkajs(broker)
    const topic = await createTopic(kafka, 'goes-on')
    const first = await produce(kafka, topic, 'first')
    const seen = await readAll(kafka, topic, first.length)
    expectAll(
      seen.map(({ message }) => String(text(message))),
      first,
    )
    const second = await produce(kafka, topic, 'second')
    const read = await readAll(kafka, topic, second.length)
    expect(read.map(({ message }) => text(message)).sort()).toEqual([...second].sort())
  })

  test('set and reset offsets', async () => {
    const kafka = createKafkajs(broker)
    const topic = await createTopic(kafka, 'reset')
    await produce(kafka, topic, 'v')
    const admin = await connected(kafka.admin())
    const start = async (groupId: string) => {
      await readAll(kafka, topic, 40, { groupId })
      expect(await offsets(groupId)).toEqual(['10', '10', '10', '10'])
      return groupId
    }
    const offsets = async (groupId: string) => {
      const [fetched] = await admin.fetchOffsets({ groupId, topics: [topic] })
      const sorted = [...(fetched?.partitions ?? [])].sort((a, b) => a.partition - b.partition)
      return sorted.map(({ offset }) => offset)
    }
    const set = async (groupId: string) => {
      await admin.setOffsets({ groupId, topic, partitions: [{ partition: 1, offset: '4' }] })
      expect(await offsets(groupId)).toEqual(['10', '4', '10', '10'])
      expect(await readAll(kafka, topic, 6, { groupId })).toHaveLength(6)
    }
    const toEarliest = async (groupId: string) => {
      await admin.resetOffsets({ groupId, topic, earliest: true })
      expect(await readAll(kafka, topic, 40, { groupId })).toHaveLength(40)
    }
    const toLatest = async (groupId: string) => {
      await admin.resetOffsets({ groupId, topic, earliest: false })
      // kafkajs commits its own sign for "latest", and asks for the offset when a member starts.
      expect(await offsets(groupId)).toEqual(['-1', '-1', '-1', '-1'])
    }
    // Each sleeps for 5 s inside kafkajs.
    await Promise.all([
      start(unique('set')).then(set),
      start(unique('earliest')).then(toEarliest),
      start(unique('latest')).then(toLatest),
    ])
  })

  test('describe the group that one is in', async () => {
    const kafka = createKafkajs(broker)
    const topic = await createTopic(kafka, 'describe')
    const consumer = await connected(kafka.consumer({ groupId: topic, ...quickGroup }))
    await produce(kafka, topic, 'v')
    await collect(consumer, topic, 1)
    const group = await consumer.describeGroup()
    expect(group).toMatchObject({
      groupId: topic,
      state: 'Stable',
      protocolType: 'consumer',
      protocol: 'RoundRobinAssigner',
    })
    expect(group.members).toHaveLength(1)
    expect(group.members[0]).toMatchObject({ clientId: 'kafkajs-conformance' })
  })
})

function expectAll(values: readonly string[], expected: readonly string[]): void {
  expect([...new Set(values)].sort()).toEqual([...expected].sort())
}
