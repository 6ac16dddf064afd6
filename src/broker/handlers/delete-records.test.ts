import { describe, expect, test } from 'vitest'
import { copyFiles, FaultyFileSystem } from '../../../test/broker/faulty-file-system.ts'
import { isSettled, runAll } from '../../../test/broker/settled.ts'
import {
  batch,
  createBatch,
  createTopic,
  fetchFrom,
  offsetAt,
  openTestBroker,
  produceTo,
  type TestBroker,
} from '../../../test/broker/test-broker.ts'
import { errorName } from '../../protocol/error-codes.ts'
import {
  createDeleteRecordsRequest,
  createDeleteRecordsRequestDeleteRecordsPartition,
  createDeleteRecordsRequestDeleteRecordsTopic,
  deleteRecords,
} from '../../protocol/messages/generated/delete-records.ts'
import {
  createDeleteTopicsRequest,
  createDeleteTopicsRequestDeleteTopicState,
  deleteTopics,
} from '../../protocol/messages/generated/delete-topics.ts'
import {
  createIncrementalAlterConfigsRequest,
  createIncrementalAlterConfigsRequestAlterableConfig,
  createIncrementalAlterConfigsRequestAlterConfigsResource,
  incrementalAlterConfigs,
} from '../../protocol/messages/generated/incremental-alter-configs.ts'
import { createMemoryFileSystem } from '../../storage/memory-file-system.ts'

const earliest = -2n
const latest = -1n

type Wanted = readonly [topic: string, partition: number, offset: bigint]

async function ask({ ask }: TestBroker, wanted: readonly Wanted[], version = 2) {
  const topics = wanted.map(([name, partitionIndex, offset]) =>
    createDeleteRecordsRequestDeleteRecordsTopic({
      name,
      partitions: [createDeleteRecordsRequestDeleteRecordsPartition({ partitionIndex, offset })],
    }),
  )
  return ask(deleteRecords, createDeleteRecordsRequest({ topics, timeoutMs: 1000 }), { version })
}

async function deleteBefore(
  broker: TestBroker,
  offset: bigint,
  options: { topic?: string; partition?: number; version?: number } = {},
) {
  const { topic = 'orders', partition = 0, version = 2 } = options
  const response = await ask(broker, [[topic, partition, offset]], version)
  const { lowWatermark, errorCode } = response.topics[0]!.partitions[0]!
  return { lowWatermark, error: errorName(errorCode) }
}

async function withRecords(
  count: number,
  configs: { [name: string]: string } = {},
  valueLength = 0,
): Promise<TestBroker> {
  const broker = await openTestBroker()
  await createTopic(broker, 'orders', 1, configs)
  for (let i = 0; i < count; i++)
    await produceTo(broker, 'orders', batch(`v${i}`.padEnd(valueLength)))
  return broker
}

function logFiles({ fileSystem }: TestBroker): string[] {
  return fileSystem.list('orders-0').filter((name) => name.endsWith('.log'))
}

async function afterKill({ fileSystem }: TestBroker): Promise<TestBroker> {
  const left = createMemoryFileSystem()
  copyFiles(fileSystem, left)
  return openTestBroker({ fileSystem: new FaultyFileSystem(left) })
}

test.each([0, 1, 2])('version %i: the log begins at the offset', async (version) => {
  const broker = await withRecords(5)
  expect(await deleteBefore(broker, 3n, { version })).toEqual({ error: 'NONE', lowWatermark: 3n })
  expect(await offsetAt(broker, 'orders', earliest)).toMatchObject({ offset: 3n })
  expect((await fetchFrom(broker, 'orders', 3n)).values).toEqual(['v3', 'v4'])
  expect(await fetchFrom(broker, 'orders', 2n)).toMatchObject({ error: 'OFFSET_OUT_OF_RANGE' })
})

test('in the middle of a batch, its later records stay', async () => {
  const broker = await openTestBroker()
  await createTopic(broker, 'orders')
  await produceTo(broker, 'orders', batch('a', 'b', 'c'))
  expect(await deleteBefore(broker, 1n)).toEqual({ error: 'NONE', lowWatermark: 1n })
  expect(await offsetAt(broker, 'orders', 0n)).toMatchObject({ offset: 1n })
})

test('the start never goes back', async () => {
  const broker = await withRecords(5)
  await deleteBefore(broker, 3n)
  expect(await deleteBefore(broker, 1n)).toEqual({ error: 'NONE', lowWatermark: 3n })
  expect(await deleteBefore(broker, 0n)).toEqual({ error: 'NONE', lowWatermark: 3n })
})

test('-1 deletes everything; offsets go on from there', async () => {
  const broker = await withRecords(4)
  expect(await deleteBefore(broker, -1n)).toEqual({ error: 'NONE', lowWatermark: 4n })
  expect(await fetchFrom(broker, 'orders', 4n)).toMatchObject({ error: 'NONE', values: [] })
  expect(await produceTo(broker, 'orders', batch('next'))).toMatchObject({ baseOffset: 4n })
  expect((await fetchFrom(broker, 'orders', 4n)).values).toEqual(['next'])
})

test('-1 of an empty partition', async () => {
  expect(await deleteBefore(await withRecords(0), -1n)).toEqual({ error: 'NONE', lowWatermark: 0n })
})

test('-1 covers what acks=1 has acknowledged', async () => {
  const broker = await withRecords(1)
  await produceTo(broker, 'orders', batch('acknowledged'), { acks: 1 })
  expect(await deleteBefore(broker, -1n)).toEqual({ error: 'NONE', lowWatermark: 2n })
})

test('several partitions, each for itself; what is there twice counts as it comes last', async () => {
  const broker = await openTestBroker()
  await createTopic(broker, 'orders', 2)
  for (const partition of [0, 1])
    for (let i = 0; i < 3; i++) await produceTo(broker, 'orders', batch('v'), { partition })
  const response = await ask(broker, [
    ['orders', 0, 3n],
    ['nowhere', 0, 0n],
    ['orders', 1, 9n],
    ['orders', 0, 2n],
  ])
  expect(
    response.topics.map(({ name, partitions }) => [
      name,
      partitions.map((one) => [one.partitionIndex, one.lowWatermark, errorName(one.errorCode)]),
    ]),
  ).toEqual([
    [
      'orders',
      [
        [0, 2n, 'NONE'],
        [1, -1n, 'OFFSET_OUT_OF_RANGE'],
      ],
    ],
    ['nowhere', [[0, -1n, 'UNKNOWN_TOPIC_OR_PARTITION']]],
  ])
})

describe('refused', () => {
  test.each([6n, 2n ** 62n, -2n, -(2n ** 62n)])('offset %i of five records', async (offset) => {
    const broker = await withRecords(5)
    const refused = { error: 'OFFSET_OUT_OF_RANGE', lowWatermark: -1n }
    expect(await deleteBefore(broker, offset)).toEqual(refused)
    expect(await offsetAt(broker, 'orders', earliest)).toMatchObject({ offset: 0n })
  })

  test('a topic that is only compacted', async () => {
    const compacted = await withRecords(1, { 'cleanup.policy': 'compact' })
    const refused = { error: 'POLICY_VIOLATION', lowWatermark: -1n }
    expect(await deleteBefore(compacted, 1n)).toEqual(refused)
    expect(await deleteBefore(compacted, 9n)).toEqual(refused)
    const both = await withRecords(0, { 'cleanup.policy': 'compact,delete' })
    await produceTo(both, 'orders', createBatch(['k']))
    expect(await deleteBefore(both, 1n)).toEqual({ error: 'NONE', lowWatermark: 1n })
  })

  test("the broker's own topics", async () => {
    const broker = await withRecords(0)
    const offsets = { topic: '__consumer_offsets' }
    expect(await deleteBefore(broker, 0n, offsets)).toEqual({
      error: 'INVALID_TOPIC_EXCEPTION',
      lowWatermark: -1n,
    })
    const error = 'UNKNOWN_TOPIC_OR_PARTITION'
    expect(await deleteBefore(broker, 0n, { ...offsets, partition: 99 })).toMatchObject({ error })
    expect(await deleteBefore(broker, 0n, { topic: '__cluster_metadata' })).toMatchObject({ error })
  })

  test('what does not exist', async () => {
    const broker = await withRecords(0)
    const error = 'UNKNOWN_TOPIC_OR_PARTITION'
    expect(await deleteBefore(broker, 0n, { topic: 'nowhere' })).toMatchObject({ error })
    expect(await deleteBefore(broker, 0n, { topic: 'no where!' })).toMatchObject({ error })
    expect(await deleteBefore(broker, 0n, { partition: 1 })).toMatchObject({ error })
    expect(await deleteBefore(broker, 0n, { partition: -1 })).toMatchObject({ error })
  })

  test('when the new start cannot be stored; and done when it is asked again', async () => {
    const broker = await withRecords(5)
    const { fileSystem } = broker
    fileSystem.failWrites = 'STORAGE_FULL'
    const refused = { error: 'KAFKA_STORAGE_ERROR', lowWatermark: -1n }
    expect(await deleteBefore(broker, 3n)).toEqual(refused)
    fileSystem.failWrites = undefined
    expect(await deleteBefore(broker, 3n)).toEqual({ error: 'NONE', lowWatermark: 3n })
    expect(await offsetAt(await afterKill(broker), 'orders', earliest)).toMatchObject({
      offset: 3n,
    })
  })
})

describe('durability', () => {
  test('answered when the new start is on stable storage, not before', async () => {
    const broker = await withRecords(5)
    broker.fileSystem.holdSyncs(/log-start-offset-checkpoint/)
    const deleting = deleteBefore(broker, 3n)
    expect(await isSettled(deleting)).toBe(false)
    broker.fileSystem.releaseSyncs()
    expect(await deleting).toEqual({ error: 'NONE', lowWatermark: 3n })
  })

  test('a restart and a kill keep it', async () => {
    const broker = await withRecords(5)
    await deleteBefore(broker, 3n)
    const killed = await afterKill(broker)
    expect(await offsetAt(killed, 'orders', earliest)).toMatchObject({ offset: 3n })
    expect(await offsetAt(await broker.restart(), 'orders', earliest)).toMatchObject({ offset: 3n })
  })

  test('what is told as deleted is durable, also when another deletion went further', async () => {
    const broker = await withRecords(5)
    broker.fileSystem.holdSyncs(/log-start-offset-checkpoint/)
    const first = deleteBefore(broker, 2n)
    await runAll()
    const second = deleteBefore(broker, 4n)
    await runAll()
    broker.fileSystem.releaseSyncs()
    expect(await first).toMatchObject({ lowWatermark: 2n })
    expect(await second).toMatchObject({ lowWatermark: 4n })
  })

  test('many deletions at once share their syncs', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders', 50)
    for (let partition = 0; partition < 50; partition++)
      await produceTo(broker, 'orders', batch('gone', 'kept'), { partition })
    const before = broker.fileSystem.syncs
    const wanted = Array.from({ length: 50 }, (_, partition): Wanted => ['orders', partition, 1n])
    const response = await ask(broker, wanted)
    const starts = response.topics[0]!.partitions.map(({ lowWatermark }) => lowWatermark)
    expect(starts).toEqual(Array(50).fill(1n))
    expect(broker.fileSystem.syncs - before).toBeLessThan(10)
  })
})

describe('space', () => {
  const small = { 'segment.bytes': '1024', 'retention.ms': '-1' }

  test('whole segments go at once', async () => {
    const broker = await withRecords(20, small, 200)
    const before = logFiles(broker).length
    await deleteBefore(broker, 10n)
    expect(logFiles(broker).length).toBeLessThan(before / 2 + 2)
    expect((await fetchFrom(broker, 'orders', 10n)).values).toHaveLength(10)
  })

  test('all segments go when all records do, though the topic keeps records for ever', async () => {
    const broker = await withRecords(20, small, 200)
    await deleteBefore(broker, -1n)
    expect(logFiles(broker)).toEqual(['00000000000000000020.log'])
    expect(await produceTo(broker, 'orders', batch('v'))).toMatchObject({ baseOffset: 20n })
  })
})

test('a topic that is deleted and made anew meanwhile keeps its records and its files', async () => {
  const broker = await withRecords(20, { 'segment.bytes': '1024' }, 200)
  broker.fileSystem.holdSyncs(/log-start-offset-checkpoint/)
  const deleting = deleteBefore(broker, -1n)
  await runAll()
  const removal = broker.ask(
    deleteTopics,
    createDeleteTopicsRequest({
      topics: [createDeleteTopicsRequestDeleteTopicState({ name: 'orders' })],
    }),
  )
  await runAll()
  broker.fileSystem.releaseSyncs()
  expect(await deleting).toMatchObject({ error: 'UNKNOWN_TOPIC_OR_PARTITION' })
  await removal
  await createTopic(broker, 'orders')
  await produceTo(broker, 'orders', batch('new'))
  expect((await fetchFrom(await afterKill(broker), 'orders')).values).toEqual(['new'])
})

test('a topic may become compacted only; then it refuses', async () => {
  const broker = await withRecords(2)
  const configs = [
    createIncrementalAlterConfigsRequestAlterableConfig({
      name: 'cleanup.policy',
      value: 'compact',
    }),
  ]
  const resources = [
    createIncrementalAlterConfigsRequestAlterConfigsResource({
      resourceType: 2,
      resourceName: 'orders',
      configs,
    }),
  ]
  await broker.ask(incrementalAlterConfigs, createIncrementalAlterConfigsRequest({ resources }))
  expect(await deleteBefore(broker, 1n)).toMatchObject({ error: 'POLICY_VIOLATION' })
  expect(await offsetAt(broker, 'orders', latest)).toMatchObject({ offset: 2n })
})
