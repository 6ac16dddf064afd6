/** An assignor of the application's own: with user data both ways. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import {
  type AssignmentInput,
  type Assignor,
  type Client,
  ConfigError,
  type ReceivedAssignment,
  type TopicPartition,
} from '../../src/index.ts'
import { MockClient } from '../../src/testing/index.ts'
import { useCluster } from './test-cluster.ts'

const text = (bytes: Uint8Array | null) => bytes && new TextDecoder().decode(bytes)
const bytesOf = (said: string) => new TextEncoder().encode(said)

/** All that nobody else has goes to the member that says the greatest number. */
function greatest(says: string, heard: { inputs: AssignmentInput[]; got: ReceivedAssignment[] }) {
  return (protocol: Assignor['protocol']): Assignor => ({
    name: 'greatest',
    protocol,
    userData: () => bytesOf(says),
    assign(input) {
      heard.inputs.push(input)
      const { members, partitionsPerTopic } = input
      const [first] = [...members].sort(
        (a, b) => Number(text(b.userData)) - Number(text(a.userData)),
      )
      const isFree = (place: TopicPartition) =>
        protocol === 'eager' ||
        !members.some(
          (member) =>
            member !== first &&
            member.ownedPartitions.some(
              (own) => own.topic === place.topic && own.partition === place.partition,
            ),
        )
      const all = [...partitionsPerTopic].flatMap(([topic, count]) =>
        Array.from({ length: count }, (_, partition) => ({ topic, partition })),
      )
      const told = bytesOf(`of ${members.length}`)
      return new Map(
        members.map((member) => [
          member.memberId,
          { partitions: member === first ? all.filter(isFree) : [], userData: told },
        ]),
      )
    },
    onAssignment: (assignment) => void heard.got.push(assignment),
  })
}

describe('an assignor as an object', () => {
  const cluster = useCluster()
  let kafka: Client
  beforeEach(async () => {
    kafka = cluster.open()
    await kafka.admin.createTopic('orders', { partitions: 3 })
  })

  test.each(['eager', 'cooperative'] as const)(
    '%s: what members say reaches the leader, and what it says them',
    async (protocol) => {
      const heard = { inputs: [] as AssignmentInput[], got: [] as ReceivedAssignment[] }
      const open = (says: string) =>
        kafka.consumer('orders', {
          group: 'g',
          heartbeatInterval: 20,
          assignor: greatest(says, heard)(protocol),
        })
      const small = open('1')
      await small.ready()
      expect(heard.got[0]).toMatchObject({ partitions: [{ partition: 0 }, {}, {}] })
      expect(text(heard.got[0]!.userData)).toBe('of 1')
      const great = open('2')
      await great.ready()
      const counts = () => [small, great].map((consumer) => consumer.positions().length)
      await vi.waitFor(() => expect(counts()).toEqual([0, 3]), 15_000)
      const { members, partitionsPerTopic } = heard.inputs.at(-1)!
      expect(members.map(({ userData }) => text(userData)).sort()).toEqual(['1', '2'])
      expect(partitionsPerTopic).toEqual(new Map([['orders', 3]]))
      expect(text(heard.got.at(-1)!.userData)).toBe('of 2')
      await small.close()
      await great.close()
    },
  )

  test('one that says nothing, and takes its time', async () => {
    const heard: (Uint8Array | null)[] = []
    const assignor: Assignor = {
      name: 'plain',
      protocol: 'eager',
      async assign({ members }) {
        await Promise.resolve()
        heard.push(...members.map(({ userData }) => userData))
        return new Map([
          [members[0]!.memberId, { partitions: [{ topic: 'orders', partition: 2 }] }],
        ])
      },
    }
    const consumer = kafka.consumer('orders', { group: 'g', assignor })
    await consumer.ready()
    expect(consumer.positions()).toMatchObject([{ topic: 'orders', partition: 2 }])
    expect(heard).toEqual([null])
    await consumer.close()
  })
})

describe('one that does wrong ends its consumer', () => {
  let kafka: MockClient
  beforeEach(async () => {
    kafka = new MockClient()
    await kafka.seed('orders', [1])
  })
  afterEach(() => kafka.close())
  const plain: Assignor = { name: 'mine', protocol: 'eager', assign: () => new Map() }
  const mine = () => {
    throw new Error('mine')
  }

  test.each<[string, Partial<Assignor>, string]>([
    ['throws in assign', { assign: mine }, 'mine'],
    ['throws in userData', { userData: mine }, 'mine'],
    ['throws in onAssignment', { onAssignment: mine }, 'mine'],
    ['gives no bytes', { userData: () => 'x' as never }, "userData of assignor 'mine' must return"],
    ['gives no Map', { assign: () => ({}) as never }, "Assignor 'mine' must return a Map"],
    ['never answers', { assign: () => new Promise(() => undefined) }, 'rebalanceTimeout (1000 ms)'],
  ])('%s', async (_, wrong, message) => {
    const assignor = { ...plain, ...wrong }
    const config = { group: 'g', rebalanceTimeout: '1s', assignor } as const
    let isOver = false
    const ended = expect(kafka.consume('orders', config, () => undefined)).rejects.toThrow(message)
    void ended.then(() => {
      isOver = true
    })
    while (!isOver) await kafka.clock.advance(100)
    await ended
    // One that could not even join has made no group.
    const { members } = await kafka.admin.describeGroup('g').catch(() => ({ members: [] }))
    expect(members).toEqual([])
  })

  test('partitions of topics that were not asked for', async () => {
    const assign = ({ members }: AssignmentInput) =>
      new Map([[members[0]!.memberId, { partitions: [{ topic: 'other', partition: 0 }] }]])
    const reading = kafka.consume('orders', { group: 'g', assignor: { ...plain, assign } }, mine)
    await expect(reading).rejects.toThrow(ConfigError)
  })
})
