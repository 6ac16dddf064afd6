/** Disks that are full, fail, or fail to sync: who is told, and what goes on. */
import { describe, expect, test } from 'vitest'
import { CacheBudget } from '../../src/broker/log/tail-cache.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { FaultyFileSystem } from '../broker/faulty-file-system.ts'
import { SeededRandom } from '../simulation/random.ts'
import { SimulatedDisk } from '../simulation/simulated-disk.ts'
import { headersIn, openLog, producerBatch, readAll, values } from './log-fixture.ts'

const full = expect.objectContaining({ code: 'STORAGE_FULL' })
const offline = expect.objectContaining({ code: 'KAFKA_STORAGE_ERROR' })
const newDisk = () => new SimulatedDisk({ random: new SeededRandom(1) })

describe('a full disk', () => {
  test('fails the append that found it, and nothing else', async () => {
    const disk = newDisk()
    const log = await openLog(disk)
    log.append(producerBatch(0))
    await log.whenSynced()
    const size = log.sizeInBytes
    disk.capacityBytes = 0
    expect(() => log.append(producerBatch(1))).toThrowError(full)
    expect(log.offline).toBeUndefined()
    expect([log.logEndOffset, log.sizeInBytes]).toEqual([1n, size])
    expect(await readAll(log)).toHaveLength(1)
  })

  test('takes the same batch, once, when there is space again', async () => {
    const disk = newDisk()
    const log = await openLog(disk)
    log.append(producerBatch(0))
    disk.capacityBytes = 0
    for (let attempt = 0; attempt < 3; attempt++)
      expect(() => log.append(producerBatch(1))).toThrowError(full)
    disk.capacityBytes = Number.POSITIVE_INFINITY
    expect(log.append(producerBatch(1))).toMatchObject({ baseOffset: 1n, duplicate: false })
    await log.whenSynced()
    expect((await readAll(log)).map(({ value }) => value)).toEqual(['0', '1'])
  })

  test('leaves nothing half written, wherever in the batch it came to its end', async () => {
    const size = values('x'.repeat(300)).length
    for (let free = 0; free < size; free += 7) {
      const disk = newDisk()
      const log = await openLog(disk)
      log.append(values('first'))
      await log.whenSynced()
      const before = log.sizeInBytes
      disk.leaveFree(free)
      expect(() => log.append(values('x'.repeat(300)))).toThrowError(full)
      expect(log.sizeInBytes, `${free} bytes free`).toBe(before)
    }
  })

  test('when a segment is full too, fails the append and rolls later', async () => {
    const fileSystem = new FaultyFileSystem(createMemoryFileSystem())
    const log = await openLog(fileSystem, { log: { segmentBytes: 120 } })
    log.append(producerBatch(0))
    fileSystem.failWrites = 'STORAGE_FULL'
    for (let attempt = 0; attempt < 2; attempt++)
      expect(() => log.append(producerBatch(1, 2))).toThrowError(full)
    fileSystem.failWrites = undefined
    log.append(producerBatch(1, 2))
    await log.whenSynced()
    expect(log.segments.length).toBe(2)
    expect((await readAll(log)).map(({ value }) => value)).toEqual(['0', '1', '2'])
  })
})

describe('a sync that fails', () => {
  async function failedLog() {
    const fileSystem = new FaultyFileSystem(createMemoryFileSystem())
    const log = await openLog(fileSystem)
    log.append(values('durable'))
    await log.whenSynced()
    log.append(values('in doubt'))
    fileSystem.failSyncs = true
    const waiting = [log.whenSynced(), log.whenSynced(2n)]
    const outcomes = await Promise.allSettled(waiting)
    fileSystem.failSyncs = false
    return { fileSystem, log, outcomes }
  }

  test('fails everyone who waits for it', async () => {
    const { outcomes } = await failedLog()
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected' })
      expect((outcome as PromiseRejectedResult).reason).toMatchObject({
        code: 'KAFKA_STORAGE_ERROR',
        outcome: 'unknown',
      })
    }
  })

  test('takes the partition offline, and is never tried again', async () => {
    const { fileSystem, log } = await failedLog()
    const { syncs } = fileSystem
    expect(log.offline).toEqual(offline)
    await expect(log.whenSynced()).rejects.toThrowError(offline)
    expect(() => log.append(values('more'))).toThrowError(offline)
    await expect(log.read(0n, 100, true, 1n)).rejects.toThrowError(offline)
    await log.close()
    expect(fileSystem.syncs).toBe(syncs)
  })

  test('does not move the high watermark, and wakes those who listen', async () => {
    const fileSystem = new FaultyFileSystem(createMemoryFileSystem())
    const log = await openLog(fileSystem)
    log.append(values('v'))
    let woken = 0
    log.onAdvance(() => woken++)
    fileSystem.failSyncs = true
    await log.whenSynced().catch(() => undefined)
    expect([log.highWatermark, woken]).toEqual([0n, 1])
  })
})

describe('syncs', () => {
  test('are shared by all who ask while one is under way', async () => {
    const fileSystem = new FaultyFileSystem(createMemoryFileSystem())
    const log = await openLog(fileSystem)
    log.append(values('first'))
    fileSystem.holdSyncs()
    const { syncs } = fileSystem
    const first = log.whenSynced()
    await Promise.resolve()
    await Promise.resolve()
    const later: Promise<void>[] = []
    for (let i = 0; i < 50; i++) {
      log.append(values('later'))
      later.push(log.whenSynced())
    }
    fileSystem.releaseSyncs()
    await Promise.all([first, ...later])
    expect(fileSystem.syncs - syncs).toBe(2)
    expect(log.highWatermark).toBe(51n)
  })

  test('show a reader nothing before they are done', async () => {
    const fileSystem = new FaultyFileSystem(createMemoryFileSystem())
    const log = await openLog(fileSystem)
    log.append(values('v'))
    fileSystem.holdSyncs()
    const synced = log.whenSynced()
    expect(log.highWatermark).toBe(0n)
    expect(await log.read(0n, 1000, true, log.highWatermark)).toBeUndefined()
    fileSystem.releaseSyncs()
    await synced
    expect(log.highWatermark).toBe(1n)
  })

  test.each([0, 1_000_000])('bound what a read gives, with a cache of %i bytes', async (cache) => {
    const cacheBudget = new CacheBudget(cache)
    const log = await openLog(createMemoryFileSystem(), { cacheBudget })
    log.append(values('synced', 2))
    await log.whenSynced()
    log.append(values('not yet', 2))
    const bytes = await log.read(0n, 1_000_000, true, log.highWatermark)
    expect(headersIn(bytes).map(({ lastOffset }) => lastOffset)).toEqual([1n])
    expect(await log.read(2n, 1_000_000, true, log.highWatermark)).toBeUndefined()
    expect(headersIn(await log.read(0n, 1_000_000, true, 3n))).toHaveLength(1)
  })

  test('of a new segment cover the old one, the new one and the folder', async () => {
    const disk = newDisk()
    const log = await openLog(disk, { log: { segmentBytes: 150 } })
    log.append(values('a'))
    log.append(values('b'.repeat(100)))
    const from = disk.trace.length
    await log.whenSynced()
    const synced = disk.trace.slice(from).filter((call) => call.startsWith('synced '))
    const [old, current] = log.segments.map(({ path }) => `${path}.log`)
    expect(synced.map((call) => call.slice('synced '.length))).toEqual(
      expect.arrayContaining([old, current, 'orders-0/']),
    )
  })
})
