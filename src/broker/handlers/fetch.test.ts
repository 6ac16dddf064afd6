import { describe, expect, test } from 'vitest'
import { isSettled, runAll } from '../../../test/broker/settled.ts'
import {
  afterUncleanStop,
  batch,
  createTopic,
  fetchFrom,
  fetchRequest,
  openTestBroker,
  produceTo,
  type TestBroker,
  valuesIn,
} from '../../../test/broker/test-broker.ts'
import { testSession } from '../../../test/broker/test-session.ts'
import { errorName } from '../../protocol/error-codes.ts'
import {
  createFetchRequest,
  createFetchRequestFetchPartition,
  createFetchRequestFetchTopic,
  type FetchRequest,
  type FetchRequestFetchPartition,
  fetch,
} from '../../protocol/messages/generated/fetch.ts'

async function withTopic(partitions = 1): Promise<TestBroker> {
  const broker = await openTestBroker()
  await createTopic(broker, 'orders', partitions)
  return broker
}

/** One partition with fields of its own. */
async function fetchPartition(
  broker: TestBroker,
  fields: Partial<FetchRequestFetchPartition>,
  options: Partial<FetchRequest> = {},
) {
  const partition = createFetchRequestFetchPartition({ partitionMaxBytes: 1_000_000, ...fields })
  const topics = [createFetchRequestFetchTopic({ topic: 'orders', partitions: [partition] })]
  const response = await broker.ask(
    fetch,
    createFetchRequest({ minBytes: 1, topics, ...options }),
    {
      version: 12,
    },
  )
  const answer = response.responses[0]!.partitions[0]!
  return { ...answer, error: errorName(answer.errorCode) }
}

describe('a long poll', () => {
  test('waits for records and is answered when they come', async () => {
    const broker = await withTopic()
    const answer = fetchFrom(broker, 'orders', 0n, { maxWaitMs: 5000 })
    expect(await isSettled(answer)).toBe(false)
    await produceTo(broker, 'orders', batch('a'))
    expect(await answer).toMatchObject({ error: 'NONE', values: ['a'], highWatermark: 1n })
  })

  test('is answered empty when its time is up', async () => {
    const broker = await withTopic()
    const answer = fetchFrom(broker, 'orders', 0n, { maxWaitMs: 5000 })
    await runAll()
    broker.runtime.advance(4999)
    expect(await isSettled(answer)).toBe(false)
    broker.runtime.advance(1)
    expect(await answer).toMatchObject({ error: 'NONE', values: [], highWatermark: 0n })
  })

  test('waits no longer than fetchMaxWait', async () => {
    const broker = await openTestBroker({ config: { fetchMaxWait: 1000 } })
    await createTopic(broker, 'orders')
    const answer = fetchFrom(broker, 'orders', 0n, { maxWaitMs: 2_000_000_000 })
    await runAll()
    broker.runtime.advance(1000)
    expect(await answer).toMatchObject({ values: [] })
  })

  test('waits for minBytes, and then brings all of them', async () => {
    const broker = await withTopic(2)
    const size = batch('x'.repeat(100)).length
    const ask = fetchRequest('orders', [{ partition: 0 }, { partition: 1 }], {
      maxWaitMs: 5000,
      minBytes: 2 * size,
    })
    const answer = broker.ask(fetch, ask, { version: 12 })
    await runAll()
    await produceTo(broker, 'orders', batch('x'.repeat(100)))
    expect(await isSettled(answer)).toBe(false)
    await produceTo(broker, 'orders', batch('y'.repeat(100)), { partition: 1 })
    const { partitions } = (await answer).responses[0]!
    expect(partitions.map(({ records }) => valuesIn(records).length)).toEqual([1, 1])
  })

  test('answers with what is there when minBytes do not come in time', async () => {
    const broker = await withTopic()
    await produceTo(broker, 'orders', batch('a'))
    const answer = fetchFrom(broker, 'orders', 0n, { maxWaitMs: 100, minBytes: 10_000 })
    expect(await isSettled(answer)).toBe(false)
    broker.runtime.advance(100)
    expect(await answer).toMatchObject({ values: ['a'] })
  })

  test('answers with what has come meanwhile when that is less than minBytes', async () => {
    const broker = await withTopic()
    const answer = fetchFrom(broker, 'orders', 0n, { maxWaitMs: 100, minBytes: 10_000 })
    await runAll()
    await produceTo(broker, 'orders', batch('a'))
    expect(await isSettled(answer)).toBe(false)
    broker.runtime.advance(100)
    expect(await answer).toMatchObject({ values: ['a'], highWatermark: 1n })
  })

  test('makes what acks=1 appends visible without waiting for the background flush', async () => {
    const broker = await withTopic()
    const answer = fetchFrom(broker, 'orders', 0n, { maxWaitMs: 5000 })
    await runAll()
    await produceTo(broker, 'orders', batch('a'), { acks: 1 })
    expect(await answer).toMatchObject({ values: ['a'] })
  })

  test('brings what acks=1 had appended before it came', async () => {
    const broker = await withTopic()
    await produceTo(broker, 'orders', batch('a'), { acks: 1 })
    expect(await fetchFrom(broker, 'orders', 0n, { maxWaitMs: 5000 })).toMatchObject({
      values: ['a'],
    })
  })

  test('ends when its topic is deleted', async () => {
    const broker = await withTopic()
    const answer = fetchFrom(broker, 'orders', 0n, { maxWaitMs: 5000 })
    await runAll()
    await deleteTopic(broker, 'orders')
    expect(await answer).toMatchObject({ error: 'UNKNOWN_TOPIC_OR_PARTITION' })
  })

  test('ends when its partition goes offline', async () => {
    const broker = await withTopic()
    const answer = fetchFrom(broker, 'orders', 0n, { maxWaitMs: 5000 })
    await runAll()
    broker.fileSystem.failSyncs = true
    await produceTo(broker, 'orders', batch('a'))
    expect(await answer).toMatchObject({ error: 'KAFKA_STORAGE_ERROR' })
  })

  test('ends when the caller is gone, and leaves no timer behind', async () => {
    const broker = await withTopic()
    const before = broker.runtime.pendingTimers
    const gone = new AbortController()
    const answer = fetchFrom(broker, 'orders', 0n, { maxWaitMs: 5000, signal: gone.signal })
    expect(await isSettled(answer)).toBe(false)
    gone.abort()
    await answer
    expect(broker.runtime.pendingTimers).toBe(before)
  })

  test('is answered when the broker closes', async () => {
    const broker = await withTopic()
    const answer = fetchFrom(broker, 'orders', 0n, { maxWaitMs: 5000 })
    await runAll()
    await broker.broker.close()
    expect(await answer).toMatchObject({ error: 'NONE', values: [] })
  })

  test('is answered at once when too many wait', async () => {
    const broker = await openTestBroker({ config: { maxWaitingFetches: 1 } })
    await createTopic(broker, 'orders')
    const first = fetchFrom(broker, 'orders', 0n, { maxWaitMs: 5000 })
    await runAll()
    expect(await fetchFrom(broker, 'orders', 0n, { maxWaitMs: 5000 })).toMatchObject({ values: [] })
    broker.runtime.advance(5000)
    await first
  })
})

describe('limits', () => {
  test('the first batch comes whatever its size, then nothing past maxBytes', async () => {
    const broker = await withTopic(2)
    await produceTo(broker, 'orders', batch('x'.repeat(500)))
    await produceTo(broker, 'orders', batch('second'))
    await produceTo(broker, 'orders', batch('other'), { partition: 1 })
    const request = fetchRequest('orders', [{ partition: 0 }, { partition: 1 }], { maxBytes: 10 })
    const { partitions } = (await broker.ask(fetch, request, { version: 12 })).responses[0]!
    expect(partitions.map(({ records }) => valuesIn(records).length)).toEqual([1, 0])
  })

  test('partitionMaxBytes bounds each partition', async () => {
    const broker = await withTopic(2)
    for (const partition of [0, 1]) {
      for (const value of ['a', 'b', 'c'])
        await produceTo(broker, 'orders', batch(value), { partition })
    }
    const partitionMaxBytes = 2 * batch('a').length
    const wanted = [
      { partition: 0, partitionMaxBytes },
      { partition: 1, partitionMaxBytes },
    ]
    const response = await broker.ask(fetch, fetchRequest('orders', wanted), { version: 12 })
    expect(response.responses[0]!.partitions.map(({ records }) => valuesIn(records))).toEqual([
      ['a', 'b'],
      ['a', 'b'],
    ])
  })
})

describe('errors', () => {
  test('one partition that fails does not hide the others, and ends the wait', async () => {
    const broker = await withTopic(2)
    await produceTo(broker, 'orders', batch('a'))
    const request = fetchRequest('orders', [{ partition: 1, fetchOffset: 7n }, { partition: 0 }], {
      maxWaitMs: 5000,
      minBytes: 100_000,
    })
    const { partitions } = (await broker.ask(fetch, request, { version: 12 })).responses[0]!
    expect(partitions.map(({ errorCode }) => errorName(errorCode))).toEqual([
      'OFFSET_OUT_OF_RANGE',
      'NONE',
    ])
    expect(valuesIn(partitions[1]!.records)).toEqual(['a'])
  })

  test('a partition that is not there leaves the others their wait', async () => {
    const broker = await withTopic()
    const wanted = [{ partition: 9 }, { partition: 0 }]
    const request = fetchRequest('orders', wanted, { maxWaitMs: 5000 })
    const answer = broker.ask(fetch, request, { version: 12 })
    expect(await isSettled(answer)).toBe(false)
    await produceTo(broker, 'orders', batch('a'))
    const { partitions } = (await answer).responses[0]!
    expect(partitions.map(({ errorCode }) => errorName(errorCode))).toEqual([
      'UNKNOWN_TOPIC_OR_PARTITION',
      'NONE',
    ])
    expect(valuesIn(partitions[1]!.records)).toEqual(['a'])
  })

  test.each([-1n, 2n, 1_000_000n])('offset %s of a log with one record', async (fetchOffset) => {
    const broker = await withTopic()
    await produceTo(broker, 'orders', batch('a'))
    expect(await fetchFrom(broker, 'orders', fetchOffset, { maxWaitMs: 5000 })).toMatchObject({
      error: 'OFFSET_OUT_OF_RANGE',
    })
  })

  test('a topic that does not exist', async () => {
    const broker = await withTopic()
    expect(await fetchFrom(broker, 'nowhere')).toMatchObject({
      error: 'UNKNOWN_TOPIC_OR_PARTITION',
    })
  })

  test('a leader epoch that is not the current one', async () => {
    const broker = await withTopic()
    const current = (await fetchPartition(broker, { currentLeaderEpoch: 0 })).error
    const newer = (await fetchPartition(broker, { currentLeaderEpoch: 1000 })).error
    expect([current, newer]).toEqual(['NONE', 'UNKNOWN_LEADER_EPOCH'])
  })
})

test.each([15, 16])(
  'version %i: who has an old leader epoch learns the new one (KIP-951)',
  async (version) => {
    const before = await openTestBroker()
    const topicId = await createTopic(before, 'orders')
    const broker = await afterUncleanStop(before)
    const partition = createFetchRequestFetchPartition({ currentLeaderEpoch: 0 })
    const topics = [createFetchRequestFetchTopic({ topicId, partitions: [partition] })]
    const request = createFetchRequest({ minBytes: 1, maxWaitMs: 5000, topics })
    const advertised = { host: 'h', port: 9092 }
    const response = await broker.ask(fetch, request, {
      version,
      session: testSession({ advertised }),
    })
    const answer = response.responses[0]!.partitions[0]!
    expect(errorName(answer.errorCode)).toBe('FENCED_LEADER_EPOCH')
    expect(answer.currentLeader).toEqual(
      version >= 16 ? { leaderId: 1, leaderEpoch: 1 } : { leaderId: -1, leaderEpoch: -1 },
    )
    expect(response.nodeEndpoints).toEqual(
      version >= 16 ? [{ nodeId: 1, ...advertised, rack: null }] : [],
    )
  },
)

describe('the epoch of the last record that the reader has (KIP-595)', () => {
  test('and an offset beyond where that epoch ends: the end is told at once', async () => {
    const broker = await withTopic()
    await produceTo(broker, 'orders', batch('a'))
    const wanted = { fetchOffset: 5n, lastFetchedEpoch: 0 }
    expect(await fetchPartition(broker, wanted, { maxWaitMs: 5000 })).toMatchObject({
      error: 'NONE',
      divergingEpoch: { epoch: 0, endOffset: 1n },
      records: new Uint8Array(0),
    })
  })

  test('and an offset within it: records', async () => {
    const broker = await withTopic()
    await produceTo(broker, 'orders', batch('a'))
    const answer = await fetchPartition(broker, { fetchOffset: 0n, lastFetchedEpoch: 0 })
    expect(answer.divergingEpoch.epoch).toBe(-1)
    expect(valuesIn(answer.records)).toEqual(['a'])
  })

  test('that has not been yet', async () => {
    const broker = await withTopic()
    await produceTo(broker, 'orders', batch('a'))
    const answer = await fetchPartition(broker, { fetchOffset: 1n, lastFetchedEpoch: 9 })
    expect(answer.error).toBe('OFFSET_OUT_OF_RANGE')
  })
})

test.each([13, 18])('version %i names topics by id', async (version) => {
  const broker = await openTestBroker()
  const topicId = await createTopic(broker, 'orders')
  await produceTo(broker, 'orders', batch('a'))
  const topic = (id: string) =>
    createFetchRequestFetchTopic({
      topicId: id,
      partitions: [createFetchRequestFetchPartition({ partitionMaxBytes: 1000 })],
    })
  const unknown = 'AAAAAAAAAAAAAAAAAAAAAQ'
  const request = createFetchRequest({ minBytes: 1, topics: [topic(unknown), topic(topicId)] })
  const { responses } = await broker.ask(fetch, request, { version })
  expect(responses.map((one) => one.topicId)).toEqual([unknown, topicId])
  expect(responses.map(({ partitions }) => errorName(partitions[0]!.errorCode))).toEqual([
    'UNKNOWN_TOPIC_ID',
    'NONE',
  ])
})

test.each([4, 5, 7, 9, 11, 12])('version %i reads by name', async (version) => {
  const broker = await withTopic()
  await produceTo(broker, 'orders', batch('a'))
  const response = await broker.ask(fetch, fetchRequest('orders', [{}]), { version })
  expect(valuesIn(response.responses[0]!.partitions[0]!.records)).toEqual(['a'])
})

test('a fetch from the middle of a batch brings the whole batch', async () => {
  const broker = await withTopic()
  await produceTo(broker, 'orders', batch('a', 'b', 'c'))
  expect(await fetchFrom(broker, 'orders', 2n)).toMatchObject({ values: ['a', 'b', 'c'] })
})

async function deleteTopic(broker: TestBroker, name: string): Promise<void> {
  const { createDeleteTopicsRequest, deleteTopics } = await import(
    '../../protocol/messages/generated/delete-topics.ts'
  )
  await broker.ask(deleteTopics, createDeleteTopicsRequest({ topicNames: [name] }), { version: 5 })
}
