/** Rarer ways to lose or spoil data, or to get stuck, that the log once had. */
import { describe, expect, test } from 'vitest'
import { compact } from '../../src/broker/log/compaction.ts'
import { applyRetention } from '../../src/broker/log/retention.ts'
import { Segment } from '../../src/broker/log/segment.ts'
import { CacheBudget } from '../../src/broker/log/tail-cache.ts'
import { type Logger, silentLogger } from '../../src/core/runtime.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { FaultyFileSystem } from '../broker/faulty-file-system.ts'
import { ManualRuntime } from '../broker/manual-runtime.ts'
import { SeededRandom } from '../simulation/random.ts'
import { SimulatedDisk } from '../simulation/simulated-disk.ts'
import {
  batchOf,
  contentOf,
  flipBit,
  headersIn,
  killableFileSystem,
  marker,
  openLog,
  openStore,
  overwrite,
  producerBatch,
  readAll,
  segmentPath,
  settle,
  startMs,
  values,
} from './log-fixture.ts'

const tinySegments = { segmentBytes: 300 }
const compacted = { ...tinySegments, cleanupPolicy: { delete: false, compact: true } }

describe('while something else is going on', () => {
  test('records deleted during a compaction stay deleted, and the log goes on', async () => {
    const fileSystem = new FaultyFileSystem(createMemoryFileSystem())
    const runtime = new ManualRuntime()
    const log = await openLog(fileSystem, { runtime, log: compacted })
    for (let i = 0; i < 30; i++) log.append(batchOf([{ key: 'k', value: `v${i}` }]))
    await log.whenSynced()
    const active = log.segments.at(-1)!
    fileSystem.holdSyncs()
    const compacting = compact(log, fileSystem, runtime).catch(() => undefined)
    await settle()
    log.raiseLogStart(25n)
    log.dropSegmentsBelow(25n)
    fileSystem.releaseSyncs()
    await compacting
    expect(log.segments.at(-1)).toBe(active)
  })

  test('a read does not skip a segment that compaction replaces under it', async () => {
    const fileSystem = createMemoryFileSystem()
    const log = await openLog(fileSystem, { log: tinySegments })
    for (let i = 0; i < 12; i++) log.append(values('v'))
    await log.whenSynced()
    const old = log.segments[0]!
    const reading = log.read(0n, 1_000_000, true, log.highWatermark)
    log.replaceSegments([old], Segment.open(fileSystem, 'orders-0', 0n, 4096, old.nextOffset))
    old.close()
    expect(headersIn(await reading)[0]?.baseOffset).toBe(0n)
  })

  test('a read of what is being deleted is out of range, not a read of what follows', async () => {
    const log = await openLog(createMemoryFileSystem(), { log: tinySegments })
    for (let i = 0; i < 12; i++) log.append(values('v'))
    await log.whenSynced()
    const reading = log.read(0n, 1_000_000, true, log.highWatermark)
    log.raiseLogStart(8n)
    log.dropSegmentsBelow(8n)
    await expect(reading).rejects.toThrowError(
      expect.objectContaining({ code: 'OFFSET_OUT_OF_RANGE' }),
    )
  })

  test('a wait for a sync does not outlive the log', async () => {
    const log = await openLog(createMemoryFileSystem())
    log.append(values('v'))
    log.abandon()
    const outcome = await Promise.race([
      log.whenSynced().then(
        () => 'synced',
        () => 'refused',
      ),
      settle().then(() => 'forgotten'),
    ])
    expect(outcome).toBe('refused')
  })
})

describe('disks', () => {
  test('a marker whose index entry finds no space is not in the log', async () => {
    const disk = new SimulatedDisk({ random: new SeededRandom(1) })
    const log = await openLog(disk)
    log.append(producerBatch(0, 1, { isTransactional: true }))
    disk.failNext('write', /txnindex/, 'STORAGE_FULL')
    expect(() => log.append(marker(false), 'broker')).toThrowError()
    log.append(values('next'))
    await log.whenSynced()
    const offsets = headersIn(contentOf(disk, segmentPath(0n))).map(({ baseOffset }) => baseOffset)
    expect(offsets).toEqual([0n, 1n])
  })

  test.each([true, false])(
    'offsets of a lost end are not given out again (clean: %s)',
    async (isClean) => {
      const lines: string[] = []
      const logger: Logger = { ...silentLogger, error: (_, message) => lines.push(message) }
      const fileSystem = createMemoryFileSystem()
      const log = await openLog(fileSystem)
      for (let i = 0; i < 20; i++) log.append(values('durable'))
      await log.close()
      const content = contentOf(fileSystem, segmentPath(0n))
      overwrite(fileSystem, segmentPath(0n), content.slice(0, content.length / 2))
      const runtime = new ManualRuntime(logger)
      const recovered = await openLog(fileSystem, { isClean, recoveryPoint: 20n, runtime })
      expect(recovered.append(values('more')).baseOffset).toBe(20n)
      expect(lines.length).toBeGreaterThan(0)
    },
  )

  async function logOfTen() {
    const fileSystem = createMemoryFileSystem()
    const log = await openLog(fileSystem)
    for (let i = 0; i < 10; i++) log.append(values(`v${i}`))
    await log.close()
    const { position } = headersIn(contentOf(fileSystem, segmentPath(0n)))[5]!
    return { fileSystem, position, options: { isClean: true, recoveryPoint: 10n } }
  }

  test('a damaged length leaves the batches after it readable', async () => {
    const { fileSystem, position, options } = await logOfTen()
    flipBit(fileSystem, segmentPath(0n), position + 10)
    const log = await openLog(fileSystem, options)
    expect(headersIn(await log.read(8n, 1_000_000, true, 10n))[0]?.baseOffset).toBe(8n)
  })

  test('a bit flipped in a header near the end does not keep a clean log from opening', async () => {
    const { fileSystem, position, options } = await logOfTen()
    flipBit(fileSystem, segmentPath(0n), position + 9)
    const log = await openLog(fileSystem, options)
    expect(log.logEndOffset).toBe(10n)
    expect(headersIn(await log.read(6n, 1_000_000, true, 10n))[0]?.baseOffset).toBe(6n)
  })

  test('a damaged base offset, which no checksum covers, is not served', async () => {
    const { fileSystem, position, options } = await logOfTen()
    flipBit(fileSystem, segmentPath(0n), position + 7)
    const log = await openLog(fileSystem, options)
    const bytes = await log.read(0n, 1_000_000, true, 10n)
    const offsets = headersIn(bytes).map(({ baseOffset }) => baseOffset)
    expect(offsets).toEqual(Array.from({ length: offsets.length }, (_, i) => BigInt(i)))
    expect(offsets.length).toBeLessThan(6)
  })

  test('nor is one that the damage of the batch before it reaches into', async () => {
    const { fileSystem, options } = await logOfTen()
    const content = contentOf(fileSystem, segmentPath(0n))
    const { position } = headersIn(content)[1]!
    overwrite(fileSystem, segmentPath(0n), content.fill(0, position - 4, position + 8))
    const log = await openLog(fileSystem, options)
    for (const lost of [0n, 1n])
      await expect(log.read(lost, 1_000_000, true, 10n)).rejects.toThrow('damaged')
    expect(headersIn(await log.read(2n, 1_000_000, true, 10n))[0]?.baseOffset).toBe(2n)
  })
})

test('a damaged log does not keep the others from retention', async () => {
  const fileSystem = killableFileSystem()
  const runtime = new ManualRuntime()
  const store = await openStore(fileSystem, runtime)
  const base = (await openLog(createMemoryFileSystem())).config
  const damaged = await store.openLog('damaged', 0, { ...base, ...compacted })
  for (let i = 0; i < 12; i++) damaged.append(batchOf([{ key: 'k', value: 'v' }]))
  await damaged.whenSynced()
  flipBit(fileSystem, `damaged-0/${'0'.repeat(20)}.log`, 65)
  const other = await store.openLog('other', 0, { ...base, retentionMs: 1000 })
  other.append(values('old'))
  await other.whenSynced()
  runtime.advance(10_000)
  await store.clean().catch(() => undefined)
  expect(other.logStartOffset).toBe(1n)
})

test('records without a timestamp are not expired at once', async () => {
  const log = await openLog(createMemoryFileSystem(), { log: { retentionMs: 3_600_000 } })
  log.append(batchOf([{ value: 'v', timestampMs: -1 }]))
  await log.whenSynced()
  await applyRetention(log, startMs)
  expect(await readAll(log)).toHaveLength(1)
})

test('the first leader epoch has an end, as later ones have', async () => {
  const log = await openLog(createMemoryFileSystem())
  log.append(values('v', 3))
  expect(log.endOffsetForEpoch(0)).toEqual({ epoch: 0, endOffset: 3n })
})

test('a checkpoint of recovery points keeps those of logs that are not open yet', async () => {
  const fileSystem = killableFileSystem()
  const config = (await openLog(createMemoryFileSystem())).config
  const store = await openStore(fileSystem)
  for (const topic of ['a', 'b']) (await store.openLog(topic, 0, config)).append(values('v'))
  await store.close()
  const runtime = new ManualRuntime()
  const again = await openStore(fileSystem, runtime)
  const log = await again.openLog('a', 0, config)
  log.append(values('v'))
  runtime.advance(1000)
  await settle()
  const text = new TextDecoder().decode(contentOf(fileSystem, 'recovery-point-offset-checkpoint'))
  expect(text).toContain('b 0 1')
})

test('idle partitions do not keep a busy one out of the cache', async () => {
  const cacheBudget = new CacheBudget(1000)
  const idle = await openLog(createMemoryFileSystem(), { cacheBudget })
  idle.append(values('x'.repeat(900)))
  const fileSystem = createMemoryFileSystem()
  const busy = await openLog(fileSystem, { cacheBudget })
  busy.append(values('y'.repeat(200)))
  await busy.whenSynced()
  busy.segments[0]!.file.close()
  expect(headersIn(await busy.read(0n, 1000, true, 1n))).toHaveLength(1)
})

test('what is left of an open transaction is where the log is stable up to', async () => {
  const store = await openStore(createMemoryFileSystem())
  const log = await store.openLog('orders', 0, (await openLog(createMemoryFileSystem())).config)
  log.append(producerBatch(0, 4, { isTransactional: true }))
  await log.whenSynced()
  expect(log.lastStableOffset).toBe(0n)
  await store.deleteRecordsBefore(log, 3n)
  expect(log.lastStableOffset).toBe(3n)
  log.append(marker(true), 'broker')
  await log.whenSynced()
  expect(log.lastStableOffset).toBe(5n)
})
