import { describe, expect, test } from 'vitest'
import {
  afterUncleanStop,
  batch,
  createTopic,
  offsetAt,
  openTestBroker,
  produceTo,
  type TestBroker,
} from '../../../test/broker/test-broker.ts'
import { errorName } from '../../protocol/error-codes.ts'
import {
  createListOffsetsRequest,
  createListOffsetsRequestListOffsetsPartition,
  createListOffsetsRequestListOffsetsTopic,
  listOffsets,
} from '../../protocol/messages/generated/list-offsets.ts'
import { BatchBuilder } from '../../protocol/records/batch-builder.ts'

const latest = -1n
const earliest = -2n
const maxTimestamp = -3n

/** Records with these timestamps, each in a batch of its own. */
async function withTimestamps(...timestamps: number[]): Promise<TestBroker> {
  const broker = await openTestBroker()
  await createTopic(broker, 'orders')
  for (const timestamp of timestamps) {
    const builder = new BatchBuilder()
    builder.append(timestamp, null, `${timestamp}`)
    await produceTo(broker, 'orders', builder.build())
  }
  return broker
}

test('earliest and latest', async () => {
  const broker = await withTimestamps(10, 20, 30)
  expect(await offsetAt(broker, 'orders', earliest)).toMatchObject({ error: 'NONE', offset: 0n })
  expect(await offsetAt(broker, 'orders', latest)).toMatchObject({ error: 'NONE', offset: 3n })
})

test('latest covers what acks=1 has acknowledged', async () => {
  const broker = await withTimestamps()
  await produceTo(broker, 'orders', batch('a'), { acks: 1 })
  expect(await offsetAt(broker, 'orders', latest)).toMatchObject({ offset: 1n })
})

test.each([
  [5n, 0n, 10n],
  [10n, 0n, 10n],
  [11n, 1n, 30n],
  [30n, 1n, 30n],
])('the first record at or after %i', async (timestamp, offset, found) => {
  const broker = await withTimestamps(10, 30, 20)
  expect(await offsetAt(broker, 'orders', timestamp)).toMatchObject({ offset, timestamp: found })
})

test('nothing after the last timestamp', async () => {
  const broker = await withTimestamps(10, 20)
  expect(await offsetAt(broker, 'orders', 21n)).toMatchObject({
    error: 'NONE',
    offset: -1n,
    timestamp: -1n,
  })
})

test('the record with the largest timestamp', async () => {
  const broker = await withTimestamps(10, 30, 20)
  expect(await offsetAt(broker, 'orders', maxTimestamp)).toMatchObject({
    offset: 1n,
    timestamp: 30n,
  })
})

test('an empty partition', async () => {
  const broker = await withTimestamps()
  expect(await offsetAt(broker, 'orders', earliest)).toMatchObject({ offset: 0n })
  expect(await offsetAt(broker, 'orders', latest)).toMatchObject({ offset: 0n })
  expect(await offsetAt(broker, 'orders', maxTimestamp)).toMatchObject({ offset: -1n })
  expect(await offsetAt(broker, 'orders', 0n)).toMatchObject({ offset: -1n })
})

test('without tiered storage, earliest local is earliest and the tiered ones are nothing', async () => {
  const broker = await withTimestamps(10)
  expect(await offsetAt(broker, 'orders', -4n)).toMatchObject({ offset: 0n })
  expect(await offsetAt(broker, 'orders', -5n)).toMatchObject({ error: 'NONE', offset: -1n })
  expect(await offsetAt(broker, 'orders', -6n)).toMatchObject({ error: 'NONE', offset: -1n })
})

describe('the leader epoch', () => {
  test('is that of the record which was found, and of the next one for latest', async () => {
    const before = await withTimestamps(10, 20)
    const broker = await afterUncleanStop(before)
    await produceTo(broker, 'orders', batch('later'))
    const epochs = []
    for (const timestamp of [earliest, -4n, 10n, 21n, maxTimestamp, latest]) {
      epochs.push((await offsetAt(broker, 'orders', timestamp)).leaderEpoch)
    }
    expect(epochs).toEqual([0, 0, 0, 1, 1, 1])
  })

  test('is that of the partition when there are no records', async () => {
    const broker = await withTimestamps()
    expect(await offsetAt(broker, 'orders', earliest)).toMatchObject({ leaderEpoch: 0 })
    const later = await afterUncleanStop(broker)
    expect(await offsetAt(later, 'orders', earliest)).toMatchObject({ leaderEpoch: 1 })
    expect(await offsetAt(later, 'orders', 5n)).toMatchObject({ offset: -1n, leaderEpoch: -1 })
  })

  test.each([1, 3])('has no place in version %i', async (version) => {
    const broker = await withTimestamps(10)
    expect(await offsetAt(broker, 'orders', earliest, { version })).toMatchObject({
      offset: 0n,
      leaderEpoch: -1,
    })
  })
})

describe('errors', () => {
  test.each([
    [-7n, 11],
    [-100n, 1],
    [maxTimestamp, 6],
    [-4n, 7],
    [-5n, 8],
    [-6n, 10],
  ])('timestamp %i in version %i', async (timestamp, version) => {
    const broker = await withTimestamps(10)
    expect(await offsetAt(broker, 'orders', timestamp, { version })).toMatchObject({
      error: 'UNSUPPORTED_VERSION',
    })
  })

  test('what does not exist', async () => {
    const broker = await withTimestamps(10)
    const error = 'UNKNOWN_TOPIC_OR_PARTITION'
    expect(await offsetAt(broker, 'nowhere', latest)).toMatchObject({ error })
    expect(await offsetAt(broker, 'orders', latest, { partition: 1 })).toMatchObject({ error })
  })

  test('a partition that is asked for twice, also in two places', async () => {
    const broker = await withTimestamps(10)
    const one = (partitionIndex: number) =>
      createListOffsetsRequestListOffsetsPartition({ partitionIndex, timestamp: latest })
    const orders = (...partitions: number[]) =>
      createListOffsetsRequestListOffsetsTopic({ name: 'orders', partitions: partitions.map(one) })
    const ask = async (...topics: ReturnType<typeof orders>[]) => {
      const request = createListOffsetsRequest({ replicaId: -1, topics })
      const response = await broker.ask(listOffsets, request)
      return response.topics.flatMap(({ partitions }) =>
        partitions.map(({ errorCode }) => errorName(errorCode)),
      )
    }
    expect(await ask(orders(0, 0))).toEqual(['INVALID_REQUEST', 'INVALID_REQUEST'])
    expect(await ask(orders(0), orders(0))).toEqual(['INVALID_REQUEST', 'INVALID_REQUEST'])
    expect(await ask(orders(0), orders(1))).toEqual(['NONE', 'UNKNOWN_TOPIC_OR_PARTITION'])
  })
})

test.each([1, 2, 4, 6, 7, 10, 11])('version %i', async (version) => {
  const broker = await withTimestamps(10)
  expect(await offsetAt(broker, 'orders', latest, { version })).toMatchObject({ offset: 1n })
})
