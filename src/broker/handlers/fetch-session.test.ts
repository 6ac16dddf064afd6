/** Fetch sessions (KIP-227) as a client sees them. */
import { describe, expect, test } from 'vitest'
import { isSettled, runAll } from '../../../test/broker/settled.ts'
import {
  batch,
  createTopic,
  openTestBroker,
  produceTo,
  type TestBroker,
  valuesIn,
} from '../../../test/broker/test-broker.ts'
import { errorName } from '../../protocol/error-codes.ts'
import {
  createDeleteTopicsRequest,
  deleteTopics,
} from '../../protocol/messages/generated/delete-topics.ts'
import {
  createFetchRequest,
  createFetchRequestFetchPartition,
  createFetchRequestFetchTopic,
  createFetchRequestForgottenTopic,
  type FetchRequest,
  fetch,
} from '../../protocol/messages/generated/fetch.ts'

interface Asked extends Partial<FetchRequest> {
  readonly session?: readonly [id: number, epoch: number]
  /** Topic (its id since version 13), partition, offset. */
  readonly wants?: readonly (readonly [topic: string, partition: number, offset: bigint])[]
  readonly forgets?: readonly (readonly [topic: string, partition: number])[]
  readonly version?: number
  readonly partitionMaxBytes?: number
  readonly signal?: AbortSignal
}

async function ask({ ask: exchange }: TestBroker, asked: Asked) {
  const { session, wants = [], forgets = [], version = 12, signal, ...fields } = asked
  const { partitionMaxBytes = 1_000_000, ...rest } = fields
  const named = (topic: string) => (version >= 13 ? { topicId: topic } : { topic })
  const request = createFetchRequest({
    minBytes: 1,
    sessionId: session?.[0] ?? 0,
    sessionEpoch: session?.[1] ?? 0,
    topics: wants.map(([topic, partition, fetchOffset]) =>
      createFetchRequestFetchTopic({
        ...named(topic),
        partitions: [
          createFetchRequestFetchPartition({ partition, fetchOffset, partitionMaxBytes }),
        ],
      }),
    ),
    forgottenTopicsData: forgets.map(([topic, partition]) =>
      createFetchRequestForgottenTopic({ ...named(topic), partitions: [partition] }),
    ),
    ...rest,
  })
  const response = await exchange(fetch, request, { version, ...(signal && { signal }) })
  return {
    id: response.sessionId,
    error: errorName(response.errorCode),
    told: response.responses.flatMap(({ partitions }) =>
      partitions.map(({ partitionIndex, errorCode, records }) =>
        errorCode === 0
          ? [partitionIndex, ...valuesIn(records)]
          : [partitionIndex, errorName(errorCode)],
      ),
    ),
  }
}

async function withOrders(partitions = 2, config = {}): Promise<TestBroker> {
  const broker = await openTestBroker({ config })
  await createTopic(broker, 'orders', partitions)
  return broker
}

async function deleteTopic(broker: TestBroker, name: string): Promise<void> {
  await broker.ask(deleteTopics, createDeleteTopicsRequest({ topicNames: [name] }), { version: 5 })
}

const bothPartitions = [
  ['orders', 0, 0n],
  ['orders', 1, 0n],
] as const

test.each([7, 9, 11, 12])('version %i reads on in a session', async (version) => {
  const broker = await withOrders()
  await produceTo(broker, 'orders', batch('a'), { partition: 1 })
  const { id, told } = await ask(broker, { wants: bothPartitions, version })
  expect(told).toEqual([[0], [1, 'a']])
  expect(
    (await ask(broker, { session: [id, 1], wants: [['orders', 1, 1n]], version })).told,
  ).toEqual([])
  await produceTo(broker, 'orders', batch('b'), { partition: 1 })
  expect(await ask(broker, { session: [id, 2], version })).toEqual({
    id,
    error: 'NONE',
    told: [[1, 'b']],
  })
})

test.each([13, 18])('version %i reads on in a session of topic ids', async (version) => {
  const broker = await openTestBroker()
  const orders = await createTopic(broker, 'orders')
  const { id } = await ask(broker, { wants: [[orders, 0, 0n]], version })
  await produceTo(broker, 'orders', batch('a'))
  expect((await ask(broker, { session: [id, 1], version })).told).toEqual([[0, 'a']])
})

test.each([4, 6])('version %i has no sessions', async (version) => {
  const broker = await withOrders()
  const request = { wants: bothPartitions, version, sessionEpoch: -1 }
  expect(await ask(broker, request)).toMatchObject({ id: 0, told: [[0], [1]] })
})

test('a session of a broker that is gone is not found', async () => {
  const broker = await withOrders()
  const { id } = await ask(broker, { wants: bothPartitions })
  const again = await broker.restart()
  expect(await ask(again, { session: [id, 1] })).toEqual({
    id: 0,
    error: 'FETCH_SESSION_ID_NOT_FOUND',
    told: [],
  })
})

test('maxFetchSessions: 0 grants none', async () => {
  const broker = await withOrders(2, { maxFetchSessions: 0 })
  expect((await ask(broker, { wants: bothPartitions })).id).toBe(0)
})

describe('a long poll', () => {
  test('waits for all partitions of the session', async () => {
    const broker = await withOrders()
    const { id } = await ask(broker, { wants: bothPartitions })
    const answer = ask(broker, { session: [id, 1], maxWaitMs: 5000 })
    expect(await isSettled(answer)).toBe(false)
    await produceTo(broker, 'orders', batch('a'), { partition: 1 })
    expect((await answer).told).toEqual([[1, 'a']])
  })

  test('is answered with nothing when its time is up', async () => {
    const broker = await withOrders()
    const { id } = await ask(broker, { wants: bothPartitions })
    const answer = ask(broker, { session: [id, 1], maxWaitMs: 5000 })
    await runAll()
    broker.runtime.advance(5000)
    expect(await answer).toEqual({ id, error: 'NONE', told: [] })
  })

  test('is refused when the next request of its session overtakes it', async () => {
    const broker = await withOrders()
    const { id } = await ask(broker, { wants: bothPartitions })
    const overtaken = ask(broker, { session: [id, 1], maxWaitMs: 5000 })
    await runAll()
    expect((await ask(broker, { session: [id, 2], forgets: [['orders', 1]] })).error).toBe('NONE')
    await produceTo(broker, 'orders', batch('a'))
    expect(await overtaken).toMatchObject({ error: 'INVALID_FETCH_SESSION_EPOCH', told: [] })
    expect((await ask(broker, { session: [id, 3] })).told).toEqual([[0, 'a']])
  })

  test('whose caller leaves opens no session', async () => {
    const broker = await withOrders(2, { maxFetchSessions: 1 })
    const gone = new AbortController()
    const answer = ask(broker, { wants: bothPartitions, maxWaitMs: 5000, signal: gone.signal })
    await runAll()
    gone.abort()
    await answer
    expect((await ask(broker, { wants: bothPartitions })).id).toBeGreaterThan(0)
  })

  test('that only asks for what is not there is answered at once', async () => {
    const broker = await withOrders()
    const { id, told } = await ask(broker, { wants: [['nowhere', 0, 0n]], maxWaitMs: 5000 })
    expect(told).toEqual([[0, 'UNKNOWN_TOPIC_OR_PARTITION']])
    expect((await ask(broker, { session: [id, 1], maxWaitMs: 5000 })).told).toEqual(told)
  })
})

describe('a topic that is deleted', () => {
  test('by name: an error in every answer until it is back, then its records', async () => {
    const broker = await withOrders(1)
    await createTopic(broker, 'others')
    const wants = [
      ['orders', 0, 0n],
      ['others', 0, 0n],
    ] as const
    const { id } = await ask(broker, { wants })
    await deleteTopic(broker, 'orders')
    const unknown = [[0, 'UNKNOWN_TOPIC_OR_PARTITION']]
    expect((await ask(broker, { session: [id, 1] })).told).toEqual(unknown)
    expect((await ask(broker, { session: [id, 2] })).told).toEqual(unknown)
    await createTopic(broker, 'orders')
    expect((await ask(broker, { session: [id, 3] })).told).toEqual([[0]])
    await produceTo(broker, 'orders', batch('new'))
    expect((await ask(broker, { session: [id, 4] })).told).toEqual([[0, 'new']])
  })

  test('by id: gone, then inconsistent once another has its name', async () => {
    const version = 17
    const broker = await openTestBroker()
    const orders = await createTopic(broker, 'orders')
    const { id } = await ask(broker, { wants: [[orders, 0, 0n]], version })
    await deleteTopic(broker, 'orders')
    const gone = await ask(broker, { session: [id, 1], version })
    expect(gone.told).toEqual([[0, 'UNKNOWN_TOPIC_OR_PARTITION']])
    await createTopic(broker, 'orders')
    const replaced = await ask(broker, { session: [id, 2], version })
    expect(replaced.told).toEqual([[0, 'INCONSISTENT_TOPIC_ID']])
    const anew = await ask(broker, { session: [id, 0], wants: [[orders, 0, 0n]], version })
    expect(anew.told).toEqual([[0, 'UNKNOWN_TOPIC_ID']])
  })

  test('ends the long poll of a session by id', async () => {
    const version = 17
    const broker = await openTestBroker()
    const orders = await createTopic(broker, 'orders')
    const { id } = await ask(broker, { wants: [[orders, 0, 0n]], version })
    const answer = ask(broker, { session: [id, 1], maxWaitMs: 5000, version })
    await runAll()
    await deleteTopic(broker, 'orders')
    expect((await answer).told).toEqual([[0, 'UNKNOWN_TOPIC_OR_PARTITION']])
  })
})

test('no partition starves when an answer holds only one batch', async () => {
  const broker = await withOrders(4)
  for (const partition of [0, 1, 2, 3]) {
    for (const value of ['a', 'b']) {
      await produceTo(broker, 'orders', batch(value), { partition })
    }
  }
  const wants = [0, 1, 2, 3].map((partition) => ['orders', partition, 0n] as const)
  const first = await ask(broker, { wants, maxBytes: 1 })
  const served = [first.told.findIndex((told) => told.length > 1)]
  for (let epoch = 1; epoch <= 7; epoch++) {
    const { told } = await ask(broker, { session: [first.id, epoch], maxBytes: 1 })
    served.push(...told.filter((one) => one.length > 1).map((one) => Number(one[0])))
  }
  expect(served).toEqual([0, 1, 2, 3, 0, 1, 2, 3])
})
