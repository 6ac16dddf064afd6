/** What readers see of transactions. Those that are ended are put into the folder by hand. */
import { expect, test } from 'vitest'
import { FaultyFileSystem } from '../../../test/broker/faulty-file-system.ts'
import { ManualRuntime } from '../../../test/broker/manual-runtime.ts'
import {
  batch,
  fetchFrom,
  offsetAt,
  openTestBroker,
  produceTo,
} from '../../../test/broker/test-broker.ts'
import { TransactionalProducer } from '../../../test/broker/transactional-producer.ts'
import {
  createListOffsetsRequest,
  createListOffsetsRequestListOffsetsPartition,
  createListOffsetsRequestListOffsetsTopic,
  listOffsets,
} from '../../protocol/messages/generated/list-offsets.ts'
import { BatchBuilder } from '../../protocol/records/batch-builder.ts'
import { createMemoryFileSystem } from '../../storage/memory-file-system.ts'
import { defaultLogConfig } from '../log/log-config.ts'
import { LogStore } from '../log/log-store.ts'

const readCommitted = 1

function transactional(producerId: bigint, baseSequence: number, value: string): Uint8Array {
  const builder = new BatchBuilder()
  builder.append(0, null, value)
  return builder.build({ producerId, producerEpoch: 0, baseSequence, isTransactional: true })
}

/** A control record: version 0, then 0 for abort or 1 for commit. */
function marker(producerId: bigint, type: 'abort' | 'commit'): Uint8Array {
  const builder = new BatchBuilder()
  const key = new Uint8Array([0, 0, 0, type === 'commit' ? 1 : 0])
  builder.append(0, key, new Uint8Array([0, 0, 0, 0, 0, 0]))
  return builder.build({ producerId, producerEpoch: 0, isTransactional: true, isControl: true })
}

/** 0 of 1, 1 of 2, 2 aborts 1, 3 commits 2, 4 of a third which stays open, 5 of nobody. */
async function withTransactions() {
  const runtime = new ManualRuntime()
  const fileSystem = new FaultyFileSystem(createMemoryFileSystem())
  const store = await LogStore.open({
    fileSystem,
    runtime,
    flushIntervalMs: 1000,
    cleanupIntervalMs: 1000,
    producerIdExpirationMs: 86_400_000,
  })
  const log = await store.openLog('orders', 0, defaultLogConfig)
  log.append(transactional(1n, 0, 'aborted'))
  log.append(transactional(2n, 0, 'committed'))
  log.append(marker(1n, 'abort'), 'broker')
  log.append(marker(2n, 'commit'), 'broker')
  await store.close()
  const broker = await openTestBroker({ fileSystem, runtime })
  // One that no coordinator knows of would be ended at the start.
  const producer = await TransactionalProducer.open(broker, 'teller')
  await producer.send('orders', 'open')
  await produceTo(broker, 'orders', batch('plain'))
  return broker
}

test('read_uncommitted sees everything, and is told of no aborted transactions', async () => {
  const broker = await withTransactions()
  const fetched = await fetchFrom(broker, 'orders')
  expect(fetched).toMatchObject({
    highWatermark: 6n,
    lastStableOffset: 4n,
    abortedTransactions: null,
  })
  expect(fetched.values).toContain('open')
  expect(await offsetAt(broker, 'orders', -1n)).toMatchObject({ offset: 6n })
})

test('read_committed sees what is decided, and which of it was aborted', async () => {
  const broker = await withTransactions()
  const fetched = await fetchFrom(broker, 'orders', 0n, { isolationLevel: readCommitted })
  expect(fetched.values).not.toContain('open')
  expect(fetched.values).not.toContain('plain')
  expect(fetched.abortedTransactions).toEqual([{ producerId: 1n, firstOffset: 0n }])
})

test('read_committed is not told of transactions that were aborted before', async () => {
  const broker = await withTransactions()
  const fetched = await fetchFrom(broker, 'orders', 3n, { isolationLevel: readCommitted })
  expect(fetched.abortedTransactions).toEqual([])
})

test('read_committed waits at an open transaction', async () => {
  const broker = await withTransactions()
  const fetched = await fetchFrom(broker, 'orders', 4n, { isolationLevel: readCommitted })
  expect(fetched).toMatchObject({ error: 'NONE', values: [] })
})

test('the latest offset for read_committed is the last stable one', async () => {
  const { ask } = await withTransactions()
  const partitions = [createListOffsetsRequestListOffsetsPartition({ timestamp: -1n })]
  const topics = [createListOffsetsRequestListOffsetsTopic({ name: 'orders', partitions })]
  const request = createListOffsetsRequest({ replicaId: -1, isolationLevel: readCommitted, topics })
  const response = await ask(listOffsets, request)
  expect(response.topics[0]!.partitions).toMatchObject([{ offset: 4n }])
})
