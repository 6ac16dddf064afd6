import { describe, expect, test } from 'vitest'
import { createTopic, openTestBroker, type TestBroker } from '../../../test/broker/test-broker.ts'
import { errorName } from '../../protocol/error-codes.ts'
import {
  createDescribeTopicPartitionsRequest,
  createDescribeTopicPartitionsRequestCursor,
  createDescribeTopicPartitionsRequestTopicRequest,
  type DescribeTopicPartitionsResponse,
  describeTopicPartitions,
} from '../../protocol/messages/generated/describe-topic-partitions.ts'
import { zeroUuid } from '../../protocol/uuid.ts'

interface Wanted {
  readonly topics?: readonly string[]
  readonly limit?: number
  readonly cursor?: readonly [topicName: string, partitionIndex: number] | undefined
}

const internal = ['__consumer_offsets', '__transaction_state']

function ask(
  { ask }: TestBroker,
  { topics = [], limit = 2000, cursor }: Wanted = {},
): Promise<DescribeTopicPartitionsResponse> {
  const request = createDescribeTopicPartitionsRequest({
    topics: topics.map((name) => createDescribeTopicPartitionsRequestTopicRequest({ name })),
    responsePartitionLimit: limit,
    cursor: cursor
      ? createDescribeTopicPartitionsRequestCursor({
          topicName: cursor[0],
          partitionIndex: cursor[1],
        })
      : null,
  })
  return ask(describeTopicPartitions, request)
}

/** As `name: partitions` or `name: error`, and where the next answer begins. */
async function outline(broker: TestBroker, wanted: Wanted = {}) {
  const { topics, nextCursor } = await ask(broker, wanted)
  const parts = topics.map(({ name, errorCode, partitions }) => {
    const indexes = partitions.map(({ partitionIndex }) => partitionIndex)
    return `${name}: ${errorCode === 0 ? indexes.join(' ') : errorName(errorCode)}`
  })
  const next = nextCursor && `→ ${nextCursor.topicName} ${nextCursor.partitionIndex}`
  return next ? [...parts, next] : parts
}

/** The internal ones stand before them. */
async function withTopics(): Promise<TestBroker> {
  const broker = await openTestBroker({ config: { nodeId: 7 } })
  for (const [name, partitions] of [
    ['c', 1],
    ['a', 3],
    ['b', 1],
  ] as const)
    await createTopic(broker, name, partitions)
  return broker
}

test('tells all of a topic', async () => {
  const broker = await openTestBroker({ config: { nodeId: 7 } })
  const topicId = await createTopic(broker, 'orders')
  expect(await ask(broker, { topics: ['orders'] })).toEqual({
    throttleTimeMs: 0,
    nextCursor: null,
    topics: [
      {
        errorCode: 0,
        name: 'orders',
        topicId,
        isInternal: false,
        topicAuthorizedOperations: 3576,
        partitions: [
          {
            errorCode: 0,
            partitionIndex: 0,
            leaderId: 7,
            leaderEpoch: 0,
            replicaNodes: [7],
            isrNodes: [7],
            eligibleLeaderReplicas: [],
            lastKnownElr: [],
            offlineReplicas: [],
          },
        ],
      },
    ],
  })
})

test('all topics by name, the internal ones too', async () => {
  const broker = await withTopics()
  expect(await outline(broker)).toEqual([
    ...internal.map((name) => `${name}: 0`),
    'a: 0 1 2',
    'b: 0',
    'c: 0',
  ])
  const [offsets] = (await ask(broker)).topics
  expect(offsets).toMatchObject({ isInternal: true })
})

test('named topics in order, each once, with what does not exist', async () => {
  const topics = ['c', 'nowhere', 'a', 'c', 'no where', '']
  const broker = await withTopics()
  expect(await outline(broker, { topics })).toEqual([
    ': INVALID_TOPIC_EXCEPTION',
    'a: 0 1 2',
    'c: 0',
    'no where: INVALID_TOPIC_EXCEPTION',
    'nowhere: UNKNOWN_TOPIC_OR_PARTITION',
  ])
  const [missing] = (await ask(broker, { topics: ['nowhere'] })).topics
  expect(missing).toMatchObject({ topicId: zeroUuid, partitions: [] })
})

describe('a limit', () => {
  test.each([
    [1, ['a: 0', '→ a 1']],
    [2, ['a: 0 1', '→ a 2']],
    [3, ['a: 0 1 2', '→ b 0']],
    [4, ['a: 0 1 2', 'b: 0', '→ c 0']],
    [5, ['a: 0 1 2', 'b: 0', 'c: 0']],
  ])('of %i', async (limit, expected) => {
    const topics = ['a', 'b', 'c']
    expect(await outline(await withTopics(), { topics, limit })).toEqual(expected)
  })

  test.each([0, -5])('of %i is one', async (limit) => {
    const broker = await withTopics()
    expect(await outline(broker, { topics: ['a'], limit })).toEqual(['a: 0', '→ a 1'])
  })

  test('is 2000 at most', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'wide', 2001)
    const { topics, nextCursor } = await ask(broker, { topics: ['wide'], limit: 1_000_000 })
    expect(topics[0]!.partitions).toHaveLength(2000)
    expect(nextCursor).toEqual({ topicName: 'wide', partitionIndex: 2000 })
  })

  test('does not count topics that do not exist', async () => {
    const broker = await withTopics()
    const topics = ['aa', 'ab', 'b']
    expect(await outline(broker, { topics, limit: 1 })).toEqual([
      'aa: UNKNOWN_TOPIC_OR_PARTITION',
      'ab: UNKNOWN_TOPIC_OR_PARTITION',
      'b: 0',
    ])
    expect(await outline(broker, { topics: ['a', 'aa', 'b'], limit: 3 })).toEqual([
      'a: 0 1 2',
      '→ aa 0',
    ])
  })
})

describe('a cursor', () => {
  test.each([
    [undefined, 1],
    [undefined, 2],
    [['a', 'b', 'c', 'nowhere'], 1],
    [['c', 'a'], 2],
  ])('with the topics %s leads through everything, %i at a time', async (topics, limit) => {
    const broker = await withTopics()
    const seen: string[] = []
    let cursor: Wanted['cursor']
    do {
      const response = await ask(broker, { ...(topics && { topics }), limit, cursor })
      for (const { name, partitions } of response.topics)
        seen.push(...partitions.map(({ partitionIndex }) => `${name}-${partitionIndex}`))
      const next = response.nextCursor
      cursor = next ? [next.topicName, next.partitionIndex] : undefined
    } while (cursor)
    const all = [...internal.map((name) => `${name}-0`), 'a-0', 'a-1', 'a-2', 'b-0', 'c-0']
    expect(seen).toEqual(topics ? all.filter((name) => topics.includes(name[0]!)) : all)
  })

  test('past the end of its topic', async () => {
    const broker = await withTopics()
    const cursor = ['a', 9] as const
    expect(await outline(broker, { cursor, limit: 1 })).toEqual(['a: ', 'b: 0', '→ c 0'])
  })

  test('at a topic that has been deleted', async () => {
    const broker = await withTopics()
    const cursor = ['aa', 1] as const
    expect(await outline(broker, { cursor })).toEqual(['b: 0', 'c: 0'])
    expect(await outline(broker, { cursor, topics: ['a', 'aa', 'b'] })).toEqual([
      'aa: UNKNOWN_TOPIC_OR_PARTITION',
      'b: 0',
    ])
  })

  test.each([
    ['at a topic that is not asked for', ['b', 0]],
    ['before the first partition', ['a', -1]],
  ] as const)('%s is INVALID_REQUEST', async (_what, cursor) => {
    const broker = await withTopics()
    expect(await outline(broker, { topics: ['c', 'a'], cursor })).toEqual([
      'c: INVALID_REQUEST',
      'a: INVALID_REQUEST',
    ])
  })

  test('before the first partition, of no topic in particular, is answered by nothing', async () => {
    expect(await outline(await withTopics(), { cursor: ['a', -1] })).toEqual([])
  })
})
