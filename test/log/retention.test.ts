/** Which segments go, by age and by size, and what is never let go. */
import { describe, expect, test } from 'vitest'
import type { LogConfig } from '../../src/broker/log/log-config.ts'
import { applyRetention } from '../../src/broker/log/retention.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { batchOf, folder, openLog, readAll, startMs, values } from './log-fixture.ts'

const hourMs = 3_600_000

/** Segments of two records each, an hour apart. */
async function hourly(hours: number, config: Partial<LogConfig>) {
  const fileSystem = createMemoryFileSystem()
  const log = await openLog(fileSystem, {
    log: { segmentBytes: 160, retentionMs: -1, retentionBytes: -1, ...config },
  })
  for (let hour = 0; hour < hours; hour++) {
    const timestampMs = startMs + hour * hourMs
    for (const value of ['a', 'b']) log.append(batchOf([{ value, timestampMs }]))
  }
  await log.whenSynced()
  expect(log.segments.length).toBe(hours)
  return { log, fileSystem }
}

describe('by age', () => {
  test('drops segments whose newest record is too old', async () => {
    const { log } = await hourly(5, { retentionMs: 2 * hourMs })
    expect(await applyRetention(log, startMs + 4 * hourMs)).toBe(2)
    expect([log.logStartOffset, log.logEndOffset]).toEqual([4n, 10n])
    expect((await readAll(log))[0]?.offset).toBe(4n)
  })

  test('keeps a segment as long as one record in it is young', async () => {
    const fileSystem = createMemoryFileSystem()
    const log = await openLog(fileSystem, { log: { retentionMs: hourMs } })
    log.append(batchOf([{ timestampMs: startMs }, { timestampMs: startMs + 9 * hourMs }]))
    await log.whenSynced()
    expect(await applyRetention(log, startMs + 10 * hourMs)).toBe(0)
  })

  test('goes by the oldest first: a young segment protects those behind it', async () => {
    const fileSystem = createMemoryFileSystem()
    const log = await openLog(fileSystem, { log: { segmentBytes: 100, retentionMs: hourMs } })
    for (const hour of [9, 0, 0, 9]) log.append(batchOf([{ timestampMs: startMs + hour * hourMs }]))
    await log.whenSynced()
    expect(await applyRetention(log, startMs + 10 * hourMs - 1)).toBe(0)
  })

  test('drops all when all is old, and goes on at the same offset', async () => {
    const { log } = await hourly(3, { retentionMs: hourMs })
    await applyRetention(log, startMs + 100 * hourMs)
    expect([log.logStartOffset, log.logEndOffset]).toEqual([6n, 6n])
    expect(log.append(values('next')).baseOffset).toBe(6n)
    await log.whenSynced()
    expect((await readAll(log)).map(({ offset }) => offset)).toEqual([6n])
  })

  test('-1 keeps all', async () => {
    const { log } = await hourly(3, {})
    expect(await applyRetention(log, startMs + 1_000_000 * hourMs)).toBe(0)
  })
})

describe('by size', () => {
  test('drops the oldest segments while the rest is still that large', async () => {
    const { log } = await hourly(5, {})
    const [first] = log.segments
    log.updateConfig({ ...log.config, retentionBytes: first!.sizeInBytes * 3 })
    expect(await applyRetention(log, startMs)).toBe(2)
    expect(log.sizeInBytes).toBe(first!.sizeInBytes * 3)
  })

  test('never drops the segment that is written to', async () => {
    const { log } = await hourly(2, { retentionBytes: 0 })
    await applyRetention(log, startMs)
    expect(log.segments).toHaveLength(1)
    expect(log.logEndOffset).toBe(4n)
  })
})

test('what is not on stable storage stays', async () => {
  const log = await openLog(createMemoryFileSystem(), { log: { retentionMs: hourMs } })
  log.append(values('v'))
  expect(await applyRetention(log, startMs + 9 * hourMs)).toBe(0)
  expect(log.segments[0]!.isEmpty).toBe(false)
})

test('the files of a dropped segment are gone, those of others are there', async () => {
  const { log, fileSystem } = await hourly(3, { retentionMs: 2 * hourMs })
  await applyRetention(log, startMs + 3 * hourMs)
  const bases = log.segments.map(({ baseOffset }) => baseOffset.toString().padStart(20, '0'))
  const stems = fileSystem.list(folder).filter((name) => /\.(log|index|timeindex)$/.test(name))
  expect(new Set(stems.map((name) => name.slice(0, 20)))).toEqual(new Set(bases))
})

test('a reader below the new start is told that it is out of range', async () => {
  const { log } = await hourly(3, { retentionMs: hourMs })
  await applyRetention(log, startMs + 3 * hourMs)
  await expect(log.read(0n, 1000, true, log.highWatermark)).rejects.toThrowError(
    expect.objectContaining({ code: 'OFFSET_OUT_OF_RANGE' }),
  )
})
