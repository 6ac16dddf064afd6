/** What compaction keeps, what it drops, and what a crash in the middle of it leaves. */
import { describe, expect, test } from 'vitest'
import { compact } from '../../src/broker/log/compaction.ts'
import type { PartitionLog } from '../../src/broker/log/partition-log.ts'
import type { FileSystem } from '../../src/storage/file-system.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { ManualRuntime } from '../broker/manual-runtime.ts'
import {
  batchOf,
  contentOf,
  folder,
  headersIn,
  marker,
  openLog,
  overwrite,
  readAll,
  recordsIn,
  segmentPath,
  startMs,
  values,
} from './log-fixture.ts'

const config = {
  segmentBytes: 200,
  minCleanableDirtyRatio: 0,
  cleanupPolicy: { delete: false, compact: true },
}

async function compactedLog() {
  const fileSystem = createMemoryFileSystem()
  const runtime = new ManualRuntime()
  const log = await openLog(fileSystem, { runtime, log: config })
  const put = (key: string | null, value: string | null, timestampMs = startMs) =>
    log.append(batchOf([{ key, value, timestampMs }]))
  const clean = async () => {
    await log.whenSynced()
    return compact(log, fileSystem, runtime)
  }
  return { fileSystem, runtime, log, put, clean }
}

/** The last value of each key, which compaction must never change. */
async function lastValues(log: PartitionLog): Promise<Map<string, string | null>> {
  const last = new Map<string, string | null>()
  for (const { key, value } of await readAll(log)) if (key !== null) last.set(key, value)
  return last
}

async function pad(log: PartitionLog): Promise<void> {
  for (let i = 0; i < 6; i++) log.append(batchOf([{ key: `pad${i}`, value: 'x'.repeat(60) }]))
  await log.whenSynced()
}

describe('what stays', () => {
  test('is the last record of each key, at its offset', async () => {
    const { log, put, clean } = await compactedLog()
    for (let i = 0; i < 20; i++) put(`k${i % 4}`, `v${i}`)
    await pad(log)
    const before = await readAll(log)
    expect((await clean())?.freedBytes).toBeGreaterThan(0)
    const after = await readAll(log)
    const lastOf = new Map(before.map((record) => [record.key, record.offset]))
    const kept = after.filter(({ offset }) => offset < log.segments.at(-1)!.baseOffset)
    expect(kept.every(({ key, offset }) => lastOf.get(key) === offset)).toBe(true)
    for (const record of after) expect(before).toContainEqual(record)
  })

  test('is the same last value for every key, however often it runs', async () => {
    const { log, put, clean } = await compactedLog()
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 10; i++) put(`k${(i * 7) % 5}`, `${round}.${i}`)
      await log.whenSynced()
      const before = await lastValues(log)
      await clean()
      expect(await lastValues(log)).toEqual(before)
    }
  })

  test('is the segment that is written to, untouched', async () => {
    const { fileSystem, log, put, clean } = await compactedLog()
    for (let i = 0; i < 20; i++) put('k', `v${i}`)
    await log.whenSynced()
    const active = segmentPath(log.segments.at(-1)!.baseOffset)
    const before = contentOf(fileSystem, active)
    await clean()
    expect(contentOf(fileSystem, active)).toEqual(before)
  })

  test('is the dedup window of a producer', async () => {
    const { fileSystem, log, clean } = await compactedLog()
    for (let i = 0; i < 8; i++)
      log.append(
        batchOf([{ key: 'k', value: `v${i}` }], {
          producerId: 1n,
          producerEpoch: 0,
          baseSequence: i,
        }),
      )
    await pad(log)
    await clean()
    await log.close()
    const again = await openLog(fileSystem, {
      log: config,
      isClean: true,
      recoveryPoint: log.logEndOffset,
    })
    const sent = (sequence: number) =>
      batchOf([{ key: 'k', value: `v${sequence}` }], {
        producerId: 1n,
        producerEpoch: 0,
        baseSequence: sequence,
      })
    expect(again.append(sent(7)).duplicate).toBe(true)
    expect(again.append(sent(8)).duplicate).toBe(false)
  })
})

describe('a read', () => {
  /** Reads as kafkajs does, which takes an answer without records for the end of the log. */
  async function readAsKafkajs(log: PartitionLog, maxBytes: number): Promise<bigint[]> {
    const offsets: bigint[] = []
    for (let offset = log.logStartOffset; ; ) {
      const bytes = await log.read(offset, maxBytes, true, log.highWatermark)
      const from = offset
      const records = bytes ? recordsIn(bytes).filter((record) => record.offset >= from) : []
      if (records.length === 0) return offsets
      offsets.push(...records.map((record) => record.offset))
      offset = headersIn(bytes).at(-1)!.lastOffset + 1n
    }
  }

  test.each([100, 1_000_000])(
    'is never answered with empty batches alone while records are behind them (%i bytes)',
    async (maxBytes) => {
      const { log, put, clean } = await compactedLog()
      for (let i = 0; i < 60; i++) put(i % 20 === 0 ? `once${i}` : 'k', `v${i}`)
      await pad(log)
      await clean()
      // One empty batch, at least, is all that is left of a segment.
      const segments = await Promise.all(
        log.segments.map((segment) => segment.read(segment.baseOffset, 1e6, true, 1000n)),
      )
      const isEmpty = segments.map(
        (bytes) => bytes instanceof Uint8Array && recordsIn(bytes).length === 0,
      )
      expect(isEmpty).toContain(true)
      const all = (await readAll(log)).map(({ offset }) => offset)
      expect(await readAsKafkajs(log, maxBytes)).toEqual(all)
    },
  )

  test('in the middle of a batch that lost its end goes on to the next record', async () => {
    const { log, put, clean } = await compactedLog()
    log.append(batchOf(['a', 'k', 'k', 'k'].map((key) => ({ key, value: 'first' }))))
    for (let i = 0; i < 8; i++) put('k', `v${i}`)
    await pad(log)
    await clean()
    const bytes = await log.read(2n, 100, true, log.highWatermark)
    expect(recordsIn(bytes!).some(({ offset }) => offset >= 2n)).toBe(true)
  })

  test('up to where nothing is left of what was there gives the empty batch, so that its reader gets on', async () => {
    const { log, put, clean } = await compactedLog()
    for (let i = 0; i < 12; i++) put('k', `v${i}`)
    await log.whenSynced()
    await clean()
    const upTo = log.segments[0]!.nextOffset
    const bytes = await log.read(0n, 1_000_000, true, upTo)
    expect(recordsIn(bytes!)).toEqual([])
    expect(headersIn(bytes).at(-1)!.lastOffset).toBe(upTo - 1n)
  })
})

describe('transactions', () => {
  const inTransaction = (key: string, value: string, sequence: number) =>
    batchOf([{ key, value }], {
      producerId: 1n,
      producerEpoch: 0,
      baseSequence: sequence,
      isTransactional: true,
    })

  test('an aborted value does not replace the committed one before it', async () => {
    const { log, put, clean } = await compactedLog()
    put('k', 'committed')
    log.append(inTransaction('k', 'aborted', 0))
    log.append(marker(false), 'broker')
    await pad(log)
    await clean()
    const found = (await readAll(log)).filter(({ key }) => key === 'k').map(({ value }) => value)
    expect(found).toEqual(['committed'])
  })

  test('a committed value does', async () => {
    const { log, put, clean } = await compactedLog()
    put('k', 'old')
    log.append(inTransaction('k', 'new', 0))
    log.append(marker(true), 'broker')
    await pad(log)
    await clean()
    const found = (await readAll(log)).filter(({ key }) => key === 'k').map(({ value }) => value)
    expect(found).toEqual(['new'])
  })

  test('an open one is left alone with all that follows', async () => {
    const { log, put, clean } = await compactedLog()
    log.append(inTransaction('k', 'open', 0))
    for (let i = 0; i < 10; i++) put('k', `v${i}`)
    await log.whenSynced()
    const before = await readAll(log)
    expect(before).toHaveLength(11)
    await clean()
    expect(await readAll(log)).toEqual(before)
  })
})

describe('a crash', () => {
  async function readyToSwap(): Promise<{
    fileSystem: FileSystem
    last: Map<string, unknown>
    end: bigint
  }> {
    const { fileSystem, log, put } = await compactedLog()
    for (let i = 0; i < 12; i++) put('k', `v${i}`)
    await pad(log)
    const last = await lastValues(log)
    await log.close()
    return { fileSystem, last, end: log.logEndOffset }
  }

  test('before the swap leaves the old segment', async () => {
    const { fileSystem, last } = await readyToSwap()
    overwrite(fileSystem, `${segmentPath(0n)}.cleaned`, new Uint8Array([1, 2, 3]))
    const log = await openLog(fileSystem, { log: config })
    expect(await lastValues(log)).toEqual(last)
    expect(fileSystem.list(folder).filter((name) => name.endsWith('.cleaned'))).toEqual([])
  })

  test('in the swap leaves the new one', async () => {
    const { fileSystem, last, end } = await readyToSwap()
    const whole = contentOf(fileSystem, segmentPath(0n))
    fileSystem.rename(segmentPath(0n), `${segmentPath(0n)}.swap`)
    const log = await openLog(fileSystem, { log: config, isClean: true, recoveryPoint: end })
    expect(contentOf(fileSystem, segmentPath(0n))).toEqual(whole)
    expect(await lastValues(log)).toEqual(last)
  })
})

test('a log that is hardly dirty is left alone', async () => {
  const { log, put, clean } = await compactedLog()
  for (let i = 0; i < 12; i++) put('k', `v${i}`)
  await clean()
  log.updateConfig({ ...log.config, minCleanableDirtyRatio: 1 })
  expect(await clean()).toBeUndefined()
})

test('a segment takes the name of the one it replaces once the indexes of that are gone for good', async () => {
  const inner = createMemoryFileSystem()
  const log = await openLog(inner)
  for (let i = 0; i < 4; i++) log.append(values('v'))
  await log.close()
  const path = `${folder}/00000000000000000000`
  const whole = inner.open(`${path}.log`)
  inner.open(`${path}.log.swap`, { create: true }).write(whole.readSync(0, whole.size), 0)
  const changes: string[] = []
  const fileSystem = new Proxy(inner, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        if (name === 'remove' || name === 'rename' || name === 'syncDirectory')
          changes.push(`${name} ${args[0]}`)
        return value.apply(target, args)
      }
    },
  })
  const opened = await openLog(fileSystem)
  expect(opened.logEndOffset).toBe(4n)
  const expected = [
    `remove ${path}.index`,
    `remove ${path}.timeindex`,
    `syncDirectory ${folder}`,
    `rename ${path}.log.swap`,
    `syncDirectory ${folder}`,
  ]
  expect(changes.filter((change) => expected.includes(change)).slice(0, 5)).toEqual(expected)
})
