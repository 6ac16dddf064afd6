/** Ways to lose or spoil data that the log once had, each as small as it can be shown. */
import { expect, test } from 'vitest'
import { compact } from '../../src/broker/log/compaction.ts'
import { CacheBudget } from '../../src/broker/log/tail-cache.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { ManualRuntime } from '../broker/manual-runtime.ts'
import {
  batchOf,
  flipBit,
  headersIn,
  killableFileSystem,
  marker,
  openLog,
  openStore,
  producerBatch,
  readAll,
  segmentPath,
  startMs,
  values,
} from './log-fixture.ts'

const tinySegments = { segmentBytes: 300 }

test('a topic made anew under an old name keeps its records through a crash', async () => {
  const fileSystem = killableFileSystem()
  const store = await openStore(fileSystem)
  const config = (await openLog(createMemoryFileSystem())).config
  const old = await store.openLog('orders', 0, config)
  for (let i = 0; i < 20; i++) old.append(values('old'))
  await old.whenSynced()
  await store.deleteRecordsBefore(old, 15n)
  await store.deleteLogs([{ topic: 'orders', partition: 0 }])
  const anew = await store.openLog('orders', 0, config)
  anew.append(values('acknowledged'))
  await anew.whenSynced()

  const recovered = await (await openStore(fileSystem)).openLog('orders', 0, config)
  expect((await readAll(recovered)).map(({ value }) => value)).toEqual(['acknowledged'])
})

test('one bit flipped below the recovery point does not cut off what follows it', async () => {
  const fileSystem = createMemoryFileSystem()
  const log = await openLog(fileSystem)
  for (let i = 0; i < 20; i++) log.append(values('durable'))
  await log.whenSynced()
  flipBit(fileSystem, segmentPath(0n), 100)
  const recovered = await openLog(fileSystem, { recoveryPoint: 20n })
  expect(recovered.logEndOffset).toBe(20n)
})

test('a producer of events from the past keeps its dedup window', async () => {
  const runtime = new ManualRuntime()
  const store = await openStore(createMemoryFileSystem(), runtime)
  const log = await store.openLog('orders', 0, (await openLog(createMemoryFileSystem())).config)
  const batch = () =>
    batchOf([{ value: 'v', timestampMs: 1000 }], {
      producerId: 1n,
      producerEpoch: 0,
      baseSequence: 0,
    })
  log.append(batch())
  runtime.advance(1)
  await store.clean()
  expect(log.append(batch()).duplicate).toBe(true)
})

test('the same bytes appended twice are served at two offsets', async () => {
  const log = await openLog(createMemoryFileSystem(), { cacheBudget: new CacheBudget(1_000_000) })
  const bytes = values('v')
  log.append(bytes)
  log.append(bytes)
  await log.whenSynced()
  const headers = headersIn(await log.read(0n, 1_000_000, true, log.highWatermark))
  expect(headers.map(({ baseOffset }) => baseOffset)).toEqual([0n, 1n])
})

test('a read whose limit is under the next batch does not skip to the next segment', async () => {
  const log = await openLog(createMemoryFileSystem(), { log: tinySegments })
  log.append(values('x'.repeat(250)))
  log.append(values('y'))
  await log.whenSynced()
  expect(await log.read(0n, 100, false, log.highWatermark)).toBeUndefined()
})

test('a log whose first segments are gone begins at the first that is there', async () => {
  const fileSystem = createMemoryFileSystem()
  const log = await openLog(fileSystem, { log: tinySegments })
  for (let i = 0; i < 20; i++) log.append(values('x'))
  await log.whenSynced()
  const first = log.segments[1]!.baseOffset
  fileSystem.remove(segmentPath(0n))
  expect((await openLog(fileSystem, { log: tinySegments })).logStartOffset).toBe(first)
})

test('an abort marker that a crash cut off leaves no entry in the aborted index', async () => {
  const fileSystem = createMemoryFileSystem()
  const log = await openLog(fileSystem)
  log.append(producerBatch(0, 1, { isTransactional: true }))
  const size = log.sizeInBytes
  log.append(marker(false), 'broker')
  fileSystem.open(segmentPath(0n)).truncate(size)
  const recovered = await openLog(fileSystem)
  recovered.append(marker(true), 'broker')
  expect(recovered.abortedTransactions(0n, 10n)).toEqual([])
})

test('a tombstone of an old event stays for delete.retention.ms', async () => {
  const fileSystem = createMemoryFileSystem()
  const runtime = new ManualRuntime()
  const cleanupPolicy = { delete: false, compact: true }
  const log = await openLog(fileSystem, { runtime, log: { ...tinySegments, cleanupPolicy } })
  const longAgo = startMs - 400 * 86_400_000
  log.append(batchOf([{ key: 'k', value: 'v', timestampMs: longAgo }]))
  log.append(batchOf([{ key: 'k', value: null, timestampMs: longAgo }]))
  for (let i = 0; i < 8; i++) log.append(batchOf([{ key: `o${i}`, value: 'x'.repeat(60) }]))
  await log.whenSynced()
  await compact(log, fileSystem, runtime)
  const tombstones = (await readAll(log)).filter(({ value }) => value === null)
  expect(tombstones.map(({ key }) => key)).toEqual(['k'])
})
