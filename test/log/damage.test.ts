/** Damaged, missing and torn files: what is found, what is reported, what is still served. */
import { describe, expect, test } from 'vitest'
import { type Logger, silentLogger } from '../../src/core/runtime.ts'
import type { FileSystem } from '../../src/storage/file-system.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { ManualRuntime } from '../broker/manual-runtime.ts'
import {
  contentOf,
  flipBit,
  folder,
  headersIn,
  killableFileSystem,
  openLog,
  openStore,
  overwrite,
  producerBatch,
  readAll,
  segmentPath,
  values,
} from './log-fixture.ts'

const segmented = { segmentBytes: 1000, indexIntervalBytes: 100 }
const corrupt = expect.objectContaining({ code: 'CORRUPT_MESSAGE' })

/** A log of 40 records over several segments, closed in order. */
async function closedLog(fileSystem: FileSystem) {
  const log = await openLog(fileSystem, { log: segmented })
  for (let i = 0; i < 40; i++) log.append(producerBatch(i))
  await log.close()
  return { bases: log.segments.map(({ baseOffset }) => baseOffset) }
}

function recording() {
  const lines: string[] = []
  const note = (_fields: object, message: string) => lines.push(message)
  const logger: Logger = { ...silentLogger, warn: note, error: note }
  return { lines, runtime: new ManualRuntime(logger) }
}

const expectAll = async (log: Awaited<ReturnType<typeof openLog>>) =>
  expect((await readAll(log)).map(({ value }) => value)).toEqual(
    Array.from({ length: 40 }, (_, i) => `${i}`),
  )

describe('a bit flipped in a batch', () => {
  async function damagedLog() {
    const fileSystem = createMemoryFileSystem()
    const log = await openLog(fileSystem)
    for (let i = 0; i < 10; i++) log.append(values(`v${i}`))
    await log.close()
    const batch = headersIn(contentOf(fileSystem, segmentPath(0n)))[5]!
    flipBit(fileSystem, segmentPath(0n), batch.position + 65)
    return fileSystem
  }

  test('is reported to whoever reads that batch', async () => {
    const { lines, runtime } = recording()
    const log = await openLog(await damagedLog(), { isClean: true, recoveryPoint: 10n, runtime })
    await expect(log.read(5n, 1_000_000, true, 10n)).rejects.toThrowError(corrupt)
    expect(lines.length).toBeGreaterThan(0)
  })

  test('leaves the batches before it readable, and those after it to whoever seeks past', async () => {
    const log = await openLog(await damagedLog(), { isClean: true, recoveryPoint: 10n })
    const before = headersIn(await log.read(0n, 1_000_000, true, 10n))
    expect(before.map(({ baseOffset }) => baseOffset)).toEqual([0n, 1n, 2n, 3n, 4n])
    const after = headersIn(await log.read(6n, 1_000_000, true, 10n))
    expect(after.map(({ baseOffset }) => baseOffset)).toEqual([6n, 7n, 8n, 9n])
  })

  test('leaves the partition online, and it takes appends', async () => {
    const log = await openLog(await damagedLog(), { isClean: true, recoveryPoint: 10n })
    await expect(log.read(5n, 1_000_000, true, 10n)).rejects.toThrowError(corrupt)
    expect(log.append(values('more')).baseOffset).toBe(10n)
    await log.whenSynced()
    expect(log.offline).toBeUndefined()
  })
})

describe.each([true, false])('an index file, opened clean: %s', (isClean) => {
  const damages: [string, (bytes: Uint8Array) => Uint8Array | undefined][] = [
    ['missing', () => undefined],
    ['empty', () => new Uint8Array(0)],
    ['zeroed', (bytes) => new Uint8Array(bytes.length)],
    ['cut in an entry', (bytes) => bytes.slice(0, -3)],
    ['of random bytes', (bytes) => bytes.map((_, i) => (i * 97 + 13) & 0xff)],
  ]
  describe.each(['index', 'timeindex'])('.%s', (ending) => {
    test.each(damages)('%s: every record is still found', async (_, damage) => {
      const fileSystem = createMemoryFileSystem()
      const { bases } = await closedLog(fileSystem)
      for (const base of bases) {
        const path = segmentPath(base, ending)
        const content = damage(contentOf(fileSystem, path))
        if (content) overwrite(fileSystem, path, content)
        else fileSystem.remove(path)
      }
      const log = await openLog(fileSystem, { log: segmented, isClean, recoveryPoint: 40n })
      await expectAll(log)
      for (let offset = 0n; offset < 40n; offset++) {
        const [first] = headersIn(await log.read(offset, 1, true, 40n))
        expect(first?.baseOffset).toBe(offset)
      }
    })
  })
})

describe.each([true, false])('producer snapshots, opened clean: %s', (isClean) => {
  const snapshots = (fileSystem: FileSystem) =>
    fileSystem.list(folder).filter((name) => name.endsWith('.snapshot'))

  test.each(['missing', 'damaged'])('all %s: the window is made anew from the log', async (how) => {
    const fileSystem = createMemoryFileSystem()
    await closedLog(fileSystem)
    expect(snapshots(fileSystem).length).toBeGreaterThan(1)
    for (const name of snapshots(fileSystem)) {
      if (how === 'missing') fileSystem.remove(`${folder}/${name}`)
      else flipBit(fileSystem, `${folder}/${name}`, 20)
    }
    const log = await openLog(fileSystem, { log: segmented, isClean, recoveryPoint: 40n })
    for (const sequence of [35, 36, 37, 38, 39])
      expect(log.append(producerBatch(sequence))).toMatchObject({
        baseOffset: BigInt(sequence),
        duplicate: true,
      })
    expect(log.append(producerBatch(40)).baseOffset).toBe(40n)
  })

  test('the newest damaged: an older one serves', async () => {
    const fileSystem = createMemoryFileSystem()
    await closedLog(fileSystem)
    flipBit(fileSystem, `${folder}/${snapshots(fileSystem).at(-1)}`, 20)
    const log = await openLog(fileSystem, { log: segmented, isClean, recoveryPoint: 40n })
    expect(log.append(producerBatch(39)).duplicate).toBe(true)
  })
})

describe('a torn end', () => {
  /** Every way in which the last of four batches may have been cut. */
  test('is cut off at the last whole batch, wherever it tore', async () => {
    const whole = createMemoryFileSystem()
    const log = await openLog(whole)
    for (let i = 0; i < 4; i++) log.append(producerBatch(i))
    await log.whenSynced()
    const content = contentOf(whole, segmentPath(0n))
    const last = headersIn(content).at(-1)!
    for (let size = last.position; size < content.length; size++) {
      const fileSystem = createMemoryFileSystem()
      fileSystem.makeDirectory(folder)
      overwrite(fileSystem, segmentPath(0n), content.slice(0, size))
      const recovered = await openLog(fileSystem, { recoveryPoint: 3n })
      expect(recovered.logEndOffset, `${size} bytes`).toBe(3n)
      expect(recovered.sizeInBytes).toBe(last.position)
      expect(recovered.append(producerBatch(3)).baseOffset).toBe(3n)
    }
  })

  test('of zeros, as a length without content leaves it, is cut off', async () => {
    const fileSystem = createMemoryFileSystem()
    const log = await openLog(fileSystem)
    for (let i = 0; i < 4; i++) log.append(values('v'))
    const content = contentOf(fileSystem, segmentPath(0n))
    overwrite(fileSystem, segmentPath(0n), new Uint8Array([...content, ...new Uint8Array(5000)]))
    const { lines, runtime } = recording()
    const recovered = await openLog(fileSystem, { recoveryPoint: 4n, runtime })
    expect(recovered.logEndOffset).toBe(4n)
    expect(recovered.sizeInBytes).toBe(content.length)
    expect(lines).toHaveLength(1)
  })

  test('that has its length but not its content is cut off', async () => {
    const fileSystem = createMemoryFileSystem()
    const log = await openLog(fileSystem)
    for (let i = 0; i < 4; i++) log.append(producerBatch(i))
    const last = headersIn(contentOf(fileSystem, segmentPath(0n))).at(-1)!
    flipBit(fileSystem, segmentPath(0n), last.position + 65)
    const recovered = await openLog(fileSystem, { recoveryPoint: 3n })
    expect([recovered.logEndOffset, recovered.sizeInBytes]).toEqual([3n, last.position])
    expect(recovered.append(producerBatch(3))).toMatchObject({ baseOffset: 3n, duplicate: false })
  })

  test('takes the segments after it along', async () => {
    const fileSystem = createMemoryFileSystem()
    const { bases } = await closedLog(fileSystem)
    const second = segmentPath(bases[1]!)
    overwrite(fileSystem, second, contentOf(fileSystem, second).slice(0, -10))
    const recovered = await openLog(fileSystem, { log: segmented })
    expect(recovered.logEndOffset).toBe(bases[2]! - 1n)
    expect(recovered.segments).toHaveLength(2)
  })

  test('begins a new leader epoch, which says where the old one ended', async () => {
    const fileSystem = createMemoryFileSystem()
    const log = await openLog(fileSystem)
    for (let i = 0; i < 4; i++) log.append(values('v'))
    await log.whenSynced()
    const recovered = await openLog(fileSystem)
    expect(recovered.leaderEpoch).toBeGreaterThan(log.leaderEpoch)
    recovered.append(values('v'))
    expect(recovered.endOffsetForEpoch(log.leaderEpoch)).toEqual({
      epoch: log.leaderEpoch,
      endOffset: 4n,
    })
  })
})

describe('the data folder', () => {
  const checkpoints = ['recovery-point-offset-checkpoint', 'log-start-offset-checkpoint']
  const config = async () => (await openLog(createMemoryFileSystem())).config

  async function killedStore(fileSystem: FileSystem) {
    const runtime = new ManualRuntime()
    const store = await openStore(fileSystem, runtime)
    const log = await store.openLog('orders', 0, await config())
    for (let i = 0; i < 8; i++) log.append(producerBatch(i))
    await log.whenSynced()
    await store.deleteRecordsBefore(log, 2n)
    return store
  }

  test('keeps the dedup window of five through a kill', async () => {
    const fileSystem = killableFileSystem()
    await killedStore(fileSystem)
    const log = await (await openStore(fileSystem)).openLog('orders', 0, await config())
    for (const sequence of [3, 4, 5, 6, 7])
      expect(log.append(producerBatch(sequence))).toMatchObject({
        baseOffset: BigInt(sequence),
        duplicate: true,
      })
  })

  test('keeps deleted records deleted through a kill', async () => {
    const fileSystem = killableFileSystem()
    await killedStore(fileSystem)
    const log = await (await openStore(fileSystem)).openLog('orders', 0, await config())
    expect(log.logStartOffset).toBe(2n)
  })

  describe.each(['killed', 'closed'])('%s', (how) => {
    test.each(
      checkpoints.flatMap((name) => [
        [name, ''],
        [name, '0\n1\n'],
        [name, '0\n1\norders zero five\n'],
        [name, '7\n0\n'],
        [name, '\0\0\0\0\0\0'],
      ]),
    )('starts when %s is %j', async (name, text) => {
      const fileSystem = killableFileSystem()
      const store = await killedStore(fileSystem)
      if (how === 'closed') await store.close()
      overwrite(fileSystem, name, new TextEncoder().encode(text))
      const log = await (await openStore(fileSystem)).openLog('orders', 0, await config())
      expect(log.logEndOffset).toBe(8n)
      expect((await readAll(log)).at(-1)?.value).toBe('7')
    })
  })

  test('of a newer format is refused with what to do', async () => {
    const fileSystem = killableFileSystem()
    overwrite(fileSystem, 'meta.properties', new TextEncoder().encode('version=9\ncluster.id=x\n'))
    await expect(openStore(fileSystem)).rejects.toThrowError(/version 9.*Use the kafka-do/)
  })
})
