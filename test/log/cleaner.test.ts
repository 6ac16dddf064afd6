/** When retention and compaction look at the logs, and what they say of it. */
import { describe, expect, test } from 'vitest'
import { defaultLogConfig, type LogConfig } from '../../src/broker/log/log-config.ts'
import { cleanedTo, LogStore, type LogStoreOptions } from '../../src/broker/log/log-store.ts'
import type { PartitionLog } from '../../src/broker/log/partition-log.ts'
import type { Logger } from '../../src/core/runtime.ts'
import { nextTurn } from '../../src/core/turn.ts'
import type { FileSystem } from '../../src/storage/file-system.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { ManualRuntime } from '../broker/manual-runtime.ts'
import { batchOf, contentOf, overwrite, readAll, startMs } from './log-fixture.ts'

const dayMs = 86_400_000
const yearMs = 365 * dayMs

interface Line {
  readonly level: string
  readonly message: string
  readonly [field: string]: unknown
}

class Bench {
  readonly lines: Line[] = []
  readonly fileSystem: FileSystem
  readonly runtime: ManualRuntime
  store!: LogStore
  log!: PartitionLog

  constructor(fileSystem: FileSystem = createMemoryFileSystem()) {
    this.fileSystem = fileSystem
    const note = (level: string) => (fields: object, message: string) =>
      void this.lines.push({ level, message, ...fields })
    const logger: Logger = {
      debug: note('debug'),
      info: note('info'),
      warn: note('warn'),
      error: note('error'),
    }
    this.runtime = new ManualRuntime(logger)
  }

  async open(config: Partial<LogConfig>, options: Partial<LogStoreOptions> = {}): Promise<this> {
    this.store = await LogStore.open({
      fileSystem: this.fileSystem,
      runtime: this.runtime,
      flushIntervalMs: 1000,
      cleanupIntervalMs: 15_000,
      producerIdExpirationMs: dayMs,
      ...options,
    })
    const whole = { ...defaultLogConfig, segmentBytes: 200, ...config }
    this.log = await this.store.openLog('orders', 0, whole)
    return this
  }

  /** Some segments of records of one key, with the time of the clock or another. */
  async fill(
    count = 12,
    key: string | null = 'k',
    timestampMs = this.runtime.now(),
  ): Promise<void> {
    for (let i = 0; i < count; i++) this.log.append(batchOf([{ key, value: `v${i}`, timestampMs }]))
    await this.log.whenSynced()
  }

  /** Lets time pass and waits for the look that is due then. */
  async pass(ms: number): Promise<void> {
    this.runtime.advance(ms)
    for (let turn = 0; turn < 20; turn++) await nextTurn()
  }

  async restart(config: Partial<LogConfig>, options: Partial<LogStoreOptions> = {}): Promise<void> {
    await this.store.close()
    await this.open(config, options)
  }

  said(message: string | RegExp): Line[] {
    return this.lines.filter((line) => line.message.search(message) >= 0)
  }
}

const compacted = { cleanupPolicy: { delete: false, compact: true }, minCleanableDirtyRatio: 0.01 }

describe('a look', () => {
  test('comes a second after a segment was closed', async () => {
    const bench = await new Bench().open({ ...compacted }, { cleanupIntervalMs: 1_000_000 })
    await bench.fill()
    expect((await readAll(bench.log)).length).toBe(12)
    await bench.pass(999)
    expect((await readAll(bench.log)).length).toBe(12)
    await bench.pass(1)
    expect((await readAll(bench.log)).length).toBeLessThan(5)
  })

  test('comes at the interval', async () => {
    const bench = await new Bench().open({ retentionMs: 5000 })
    await bench.fill()
    await bench.pass(1000)
    expect(bench.log.logStartOffset).toBe(0n)
    await bench.pass(14_000)
    expect(bench.log.logStartOffset).toBe(12n)
  })

  test('leaves a log alone that is compacted up to little of it, also after a restart', async () => {
    const bench = await new Bench().open(compacted)
    await bench.fill(100)
    await bench.store.clean()
    const { compactedTo } = bench.log
    expect(compactedTo).toBeGreaterThan(90n)
    await bench.restart({ ...compacted, minCleanableDirtyRatio: 0.9 })
    expect(bench.log.compactedTo).toBe(compactedTo)
  })

  test('compacts a log that its checkpoint says is compacted beyond its end', async () => {
    const bench = await new Bench().open(compacted)
    await bench.fill(100)
    await bench.store.close()
    overwrite(bench.fileSystem, cleanedTo, new TextEncoder().encode('0\n1\norders 0 5000\n'))
    await bench.open(compacted)
    await bench.store.clean()
    expect((await readAll(bench.log)).length).toBeLessThan(10)
  })

  test('compacts what waits for longer than max.compaction.lag.ms, whatever its share', async () => {
    const lagging = { ...compacted, minCleanableDirtyRatio: 1, maxCompactionLagMs: 60_000 }
    const bench = await new Bench().open(lagging)
    await bench.fill()
    await bench.pass(15_000)
    expect((await readAll(bench.log)).length).toBe(12)
    for (let i = 0; i < 6; i++) await bench.pass(15_000)
    // The active segment too: it was closed at that age.
    expect((await readAll(bench.log)).length).toBe(1)
  })

  test('leaves what is younger than min.compaction.lag.ms', async () => {
    const bench = await new Bench().open({ ...compacted, minCompactionLagMs: 60_000 })
    await bench.fill()
    await bench.pass(45_000)
    expect((await readAll(bench.log)).length).toBe(12)
    await bench.pass(30_000)
    expect((await readAll(bench.log)).length).toBeLessThan(5)
  })

  test('compacts records of the future where there is no such lag', async () => {
    const bench = await new Bench().open(compacted)
    await bench.fill(12, 'k', startMs + yearMs)
    await bench.store.clean()
    expect((await readAll(bench.log)).length).toBeLessThan(5)
  })
})

describe('what is said', () => {
  test('of retention: how much, why and up to when, in a line for each partition and look', async () => {
    const bench = await new Bench().open({ retentionMs: 1000 })
    await bench.fill()
    const bytes = bench.log.sizeInBytes
    const segments = bench.log.segments.length
    await bench.pass(15_000)
    expect(bench.said('the oldest records were removed')).toEqual([
      {
        level: 'info',
        message: 'the oldest records were removed',
        log: 'orders-0',
        reason: 'time',
        retentionMs: 1000,
        retentionBytes: -1,
        fromOffset: '0',
        toOffset: '12',
        segments,
        bytes,
        newest: new Date(startMs).toISOString(),
      },
    ])
    await bench.pass(15_000)
    expect(bench.said('removed')).toHaveLength(1)
  })

  test('of retention by size', async () => {
    const bench = await new Bench().open({ retentionBytes: 500 })
    await bench.fill()
    await bench.store.clean()
    expect(bench.said('removed')).toMatchObject([{ reason: 'size' }])
  })

  test('of records that were deleted on request', async () => {
    const bench = await new Bench().open({})
    await bench.fill()
    await bench.store.deleteRecordsBefore(bench.log, 7n)
    expect(bench.said('removed')).toMatchObject([
      { reason: 'deleteRecords', fromOffset: '0', toOffset: '7', segments: 3 },
    ])
  })

  test('of records without a key, which compaction removes', async () => {
    const bench = await new Bench().open({})
    await bench.fill(8, null)
    bench.log.updateConfig({ ...bench.log.config, ...compacted })
    await bench.fill(4)
    await bench.store.clean()
    expect(bench.said('without a key')).toMatchObject([{ level: 'warn', records: 8 }])
  })

  test('of a damaged log, once: it is not compacted until the next start', async () => {
    const bench = await new Bench().open({ ...compacted, minCompactionLagMs: 1000 })
    await bench.fill()
    const path = `${bench.log.segments[0]!.path}.log`
    const content = contentOf(bench.fileSystem, path)
    content[content.length - 1]! ^= 1
    overwrite(bench.fileSystem, path, content)
    for (let look = 0; look < 3; look++) await bench.pass(15_000)
    expect(bench.said('damaged and is not compacted')).toHaveLength(1)
    expect(bench.said('failed')).toEqual([])
    expect(contentOf(bench.fileSystem, path)).toEqual(content)
  })
})

describe('a clock that is wrong by years', () => {
  const config = { retentionMs: 7 * dayMs }
  const grace = { clockJumpGraceMs: dayMs }

  test('deletes nothing at the first look: there is a warning, and a day to set it', async () => {
    const bench = await new Bench().open(config, grace)
    await bench.fill()
    await bench.pass(15_000)
    bench.runtime.jump(10 * yearMs)
    await bench.pass(15_000)
    expect(bench.log.logStartOffset).toBe(0n)
    expect(bench.said('the clock jumped far ahead')).toHaveLength(1)
    bench.runtime.jump(-10 * yearMs)
    for (let hour = 0; hour < 30; hour++) await bench.pass(3_600_000)
    expect(bench.log.logStartOffset).toBe(0n)
  })

  test('is believed when the day is over', async () => {
    const bench = await new Bench().open(config, grace)
    await bench.fill()
    await bench.pass(15_000)
    bench.runtime.jump(10 * yearMs)
    for (let hour = 0; hour < 25; hour++) await bench.pass(3_600_000)
    expect(bench.log.logStartOffset).toBe(12n)
  })

  test('is noticed at a start too', async () => {
    const bench = await new Bench().open(config, grace)
    await bench.fill()
    await bench.pass(15_000)
    await bench.store.close()
    bench.runtime.jump(10 * yearMs)
    await bench.open(config, grace)
    await bench.pass(15_000)
    expect(bench.log.logStartOffset).toBe(0n)
    expect(bench.said('far ahead of when this broker last ran')).toHaveLength(1)
  })

  test('does not keep retention from what had expired anyway', async () => {
    const bench = await new Bench().open(config, grace)
    await bench.fill(12, 'k', startMs - 6.9 * dayMs)
    await bench.pass(15_000)
    bench.runtime.jump(10 * yearMs)
    for (let hour = 0; hour < 4; hour++) await bench.pass(3_600_000)
    expect(bench.log.logStartOffset).toBe(12n)
  })
})
