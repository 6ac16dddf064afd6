import { describe, expect, test } from 'vitest'
import { isSettled } from '../../../test/broker/settled.ts'
import {
  batch,
  createTopic,
  fetchFrom,
  openTestBroker,
  produceTo,
} from '../../../test/broker/test-broker.ts'
import { errorName } from '../../protocol/error-codes.ts'
import {
  createProduceRequest,
  createProduceRequestPartitionProduceData,
  createProduceRequestTopicProduceData,
  produce,
} from '../../protocol/messages/generated/produce.ts'
import { BatchBuilder } from '../../protocol/records/batch-builder.ts'

describe('acks', () => {
  test.each([0, 1, -1])('acks=%i stores the records', async (acks) => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    expect(await produceTo(broker, 'orders', batch('a'), { acks })).toMatchObject({
      error: 'NONE',
      baseOffset: 0n,
      logAppendTimeMs: -1n,
      logStartOffset: 0n,
    })
    expect(await produceTo(broker, 'orders', batch('b'), { acks })).toMatchObject({
      baseOffset: 1n,
    })
  })

  test('acks=all is answered only when the records are on stable storage', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    broker.fileSystem.holdSyncs()
    const answer = produceTo(broker, 'orders', batch('a'))
    expect(await isSettled(answer)).toBe(false)
    broker.fileSystem.releaseSyncs()
    expect(await answer).toMatchObject({ error: 'NONE', baseOffset: 0n })
  })

  test('acks=1 is answered without waiting for the disk', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    broker.fileSystem.holdSyncs()
    expect(await produceTo(broker, 'orders', batch('a'), { acks: 1 })).toMatchObject({
      error: 'NONE',
    })
    broker.fileSystem.releaseSyncs()
  })

  test('a disk that is too slow is REQUEST_TIMED_OUT, and the records may be kept', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    broker.fileSystem.holdSyncs()
    const answer = produceTo(broker, 'orders', batch('a'), { timeoutMs: 500 })
    await isSettled(answer)
    broker.runtime.advance(500)
    expect(await answer).toMatchObject({ error: 'REQUEST_TIMED_OUT', baseOffset: -1n })
    broker.fileSystem.releaseSyncs()
    await produceTo(broker, 'orders', batch('b'))
    expect(await fetchFrom(broker, 'orders')).toMatchObject({ values: ['a', 'b'] })
  })

  test('waiting leaves no timer behind', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    const before = broker.runtime.pendingTimers
    await produceTo(broker, 'orders', batch('a'))
    expect(broker.runtime.pendingTimers).toBe(before)
  })

  test('other acks are INVALID_REQUIRED_ACKS and store nothing', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    const answer = await produceTo(broker, 'orders', batch('a'), { acks: 2 })
    expect(answer).toMatchObject({ error: 'INVALID_REQUIRED_ACKS', baseOffset: -1n })
    expect(await fetchFrom(broker, 'orders')).toMatchObject({ values: [] })
  })

  test('many requests share a sync', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    const before = broker.fileSystem.syncs
    await Promise.all(
      Array.from({ length: 50 }, (_, i) => produceTo(broker, 'orders', batch(`${i}`))),
    )
    expect(broker.fileSystem.syncs - before).toBeLessThanOrEqual(3)
  })
})

describe('what cannot be stored', () => {
  test('a topic that does not exist', async () => {
    const broker = await openTestBroker()
    expect(await produceTo(broker, 'nowhere', batch('a'))).toMatchObject({
      error: 'UNKNOWN_TOPIC_OR_PARTITION',
      errorMessage: expect.stringContaining('nowhere'),
    })
  })

  test.each([-1, 2, 2_147_483_647])('partition %i of two', async (partition) => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders', 2)
    expect(await produceTo(broker, 'orders', batch('a'), { partition })).toMatchObject({
      error: 'UNKNOWN_TOPIC_OR_PARTITION',
    })
  })

  test("the broker's own topics", async () => {
    const broker = await openTestBroker()
    for (const name of ['__consumer_offsets', '__cluster_metadata']) {
      const { error } = await produceTo(broker, name, batch('a'))
      expect(['INVALID_TOPIC_EXCEPTION', 'UNKNOWN_TOPIC_OR_PARTITION']).toContain(error)
    }
  })

  test.each([null, new Uint8Array(0)])('no records', async (records) => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    expect(await produceTo(broker, 'orders', records)).toMatchObject({ error: 'INVALID_RECORD' })
  })

  test('a batch over max.message.bytes', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders', 1, { 'max.message.bytes': '100' })
    expect(await produceTo(broker, 'orders', batch('x'.repeat(200)))).toMatchObject({
      error: 'MESSAGE_TOO_LARGE',
    })
    expect(await produceTo(broker, 'orders', batch('small'))).toMatchObject({
      error: 'NONE',
      baseOffset: 0n,
    })
  })

  test('a batch that was damaged on the way', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    const records = batch('a', 'b')
    records[records.length - 1]! ^= 1
    expect(await produceTo(broker, 'orders', records)).toMatchObject({ error: 'CORRUPT_MESSAGE' })
    expect(await produceTo(broker, 'orders', batch('c'))).toMatchObject({ baseOffset: 0n })
  })

  test.each([1, 20, 60])('a batch cut to %i bytes', async (size) => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    const { error } = await produceTo(broker, 'orders', batch('a').subarray(0, size))
    expect(['CORRUPT_MESSAGE', 'INVALID_RECORD']).toContain(error)
  })

  test('zstd before version 7', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    const codec = {
      name: 'zstd' as const,
      compress: (b: Uint8Array) => b,
      decompress: (b: Uint8Array) => b,
    }
    const builder = new BatchBuilder()
    builder.append(0, null, 'a')
    const records = builder.build({ codec })
    const answer = await produceTo(broker, 'orders', records.slice(), { version: 6 })
    expect(answer).toMatchObject({ error: 'UNSUPPORTED_COMPRESSION_TYPE' })
    expect(await produceTo(broker, 'orders', records, { version: 7 })).toMatchObject({
      error: 'NONE',
    })
  })

  test('transactional batches without a transactional id', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    const builder = new BatchBuilder()
    builder.append(0, null, 'a')
    const records = builder.build({
      producerId: 1n,
      producerEpoch: 0,
      baseSequence: 0,
      isTransactional: true,
    })
    expect(await produceTo(broker, 'orders', records)).toMatchObject({
      error: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
    })
    expect(await fetchFrom(broker, 'orders')).toMatchObject({ highWatermark: 0n })
  })
})

test('one partition that fails leaves the others alone', async () => {
  const broker = await openTestBroker()
  await createTopic(broker, 'orders', 2)
  const corrupt = batch('bad')
  corrupt[corrupt.length - 1]! ^= 1
  const response = await broker.ask(
    produce,
    createProduceRequest({
      acks: -1,
      timeoutMs: 1000,
      topicData: [
        createProduceRequestTopicProduceData({
          name: 'orders',
          partitionData: [corrupt, batch('good')].map((records, index) =>
            createProduceRequestPartitionProduceData({ index, records }),
          ),
        }),
      ],
    }),
    { version: 12 },
  )
  const errors = response.responses[0]!.partitionResponses.map(({ errorCode }) =>
    errorName(errorCode),
  )
  expect(errors).toEqual(['CORRUPT_MESSAGE', 'NONE'])
  expect(await fetchFrom(broker, 'orders', 0n, { partition: 1 })).toMatchObject({
    values: ['good'],
  })
})

test('version 13 names topics by id', async () => {
  const broker = await openTestBroker()
  const topicId = await createTopic(broker, 'orders')
  const ask = async (id: string) => {
    const partitionData = [
      createProduceRequestPartitionProduceData({ index: 0, records: batch('a') }),
    ]
    const topicData = [createProduceRequestTopicProduceData({ topicId: id, partitionData })]
    const response = await broker.ask(
      produce,
      createProduceRequest({ acks: -1, timeoutMs: 1000, topicData }),
      { version: 13 },
    )
    const [topic] = response.responses
    return { topicId: topic!.topicId, error: errorName(topic!.partitionResponses[0]!.errorCode) }
  }
  expect(await ask(topicId)).toEqual({ topicId, error: 'NONE' })
  const other = 'AAAAAAAAAAAAAAAAAAAAAQ'
  expect(await ask(other)).toEqual({ topicId: other, error: 'UNKNOWN_TOPIC_ID' })
})

test('a batch that is sent again gets its first offset and is stored once', async () => {
  const broker = await openTestBroker()
  await createTopic(broker, 'orders')
  const build = (baseSequence: number) => {
    const builder = new BatchBuilder()
    builder.append(0, null, `${baseSequence}`)
    return builder.build({ producerId: 7n, producerEpoch: 0, baseSequence })
  }
  expect(await produceTo(broker, 'orders', build(0))).toMatchObject({ baseOffset: 0n })
  expect(await produceTo(broker, 'orders', build(1))).toMatchObject({ baseOffset: 1n })
  expect(await produceTo(broker, 'orders', build(0))).toMatchObject({
    error: 'NONE',
    baseOffset: 0n,
  })
  expect(await produceTo(broker, 'orders', build(5))).toMatchObject({
    error: 'OUT_OF_ORDER_SEQUENCE_NUMBER',
  })
  expect(await fetchFrom(broker, 'orders')).toMatchObject({ values: ['0', '1'] })
})

test('a topic with LogAppendTime is answered with the time of the append', async () => {
  const broker = await openTestBroker()
  await createTopic(broker, 'orders', 1, { 'message.timestamp.type': 'LogAppendTime' })
  const answer = await produceTo(broker, 'orders', batch('a'))
  expect(answer.logAppendTimeMs).toBe(BigInt(broker.runtime.now()))
})

describe('a disk that refuses', () => {
  test('full: the append fails, what was acknowledged stays, and it goes on when there is room', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    await produceTo(broker, 'orders', batch('kept'))
    broker.fileSystem.failWrites = 'STORAGE_FULL'
    expect(await produceTo(broker, 'orders', batch('lost'))).toMatchObject({
      error: 'KAFKA_STORAGE_ERROR',
    })
    expect(await fetchFrom(broker, 'orders')).toMatchObject({ values: ['kept'] })
    broker.fileSystem.failWrites = undefined
    expect(await produceTo(broker, 'orders', batch('later'))).toMatchObject({
      error: 'NONE',
      baseOffset: 1n,
    })
    const again = await broker.restart()
    expect(await fetchFrom(again, 'orders')).toMatchObject({ values: ['kept', 'later'] })
  })

  test('a failed sync takes the partition offline, for producers and consumers, until a restart', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders', 2)
    await produceTo(broker, 'orders', batch('kept'))
    broker.fileSystem.failSyncs = true
    expect(await produceTo(broker, 'orders', batch('unknown'))).toMatchObject({
      error: 'KAFKA_STORAGE_ERROR',
    })
    broker.fileSystem.failSyncs = false
    expect(await produceTo(broker, 'orders', batch('refused'))).toMatchObject({
      error: 'KAFKA_STORAGE_ERROR',
    })
    expect(await fetchFrom(broker, 'orders')).toMatchObject({ error: 'KAFKA_STORAGE_ERROR' })
    expect(await produceTo(broker, 'orders', batch('other'), { partition: 1 })).toMatchObject({
      error: 'NONE',
    })
    const again = await broker.restart()
    expect((await fetchFrom(again, 'orders')).values[0]).toBe('kept')
  })
})

describe('more partitions than files that may be open', () => {
  const numbers = Array.from({ length: 60 }, (_, index) => index)
  const to = (partitions: readonly number[], acks: number) =>
    createProduceRequest({
      acks,
      timeoutMs: 30_000,
      topicData: [
        createProduceRequestTopicProduceData({
          name: 'many',
          partitionData: partitions.map((index) =>
            createProduceRequestPartitionProduceData({ index, records: batch('a') }),
          ),
        }),
      ],
    })

  test.each([1, -1])(
    'a request does not overtake one that waits in the middle, acks=%i',
    async (acks) => {
      const broker = await openTestBroker({ config: { maxOpenFiles: 16 } })
      await createTopic(broker, 'many', numbers.length)
      broker.fileSystem.holdSyncs()
      const requests = [numbers, [59], [59, 58], numbers].map((partitions) =>
        broker.ask(produce, to(partitions, acks), { version: 9 }),
      )
      expect(await isSettled(Promise.race(requests))).toBe(false)
      broker.fileSystem.releaseSyncs()
      const [all, one, two, again] = (await Promise.all(requests)).map(({ responses }) =>
        responses[0]!.partitionResponses.map(({ errorCode, baseOffset }) => [
          errorCode,
          baseOffset,
        ]),
      )
      expect(all).toEqual(numbers.map(() => [0, 0n]))
      expect(one).toEqual([[0, 1n]])
      expect(two).toEqual([
        [0, 2n],
        [0, 1n],
      ])
      expect(again!.slice(57)).toEqual([
        [0, 1n],
        [0, 2n],
        [0, 3n],
      ])
    },
  )
})
