/** What the budget of open files does to the file system below it: seen from there, on a simulated disk. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeUtf8, equalBytes } from '../../src/core/bytes.ts'
import type { File, FileSystem } from '../../src/storage/file-system.ts'
import { limitOpenFiles } from '../../src/storage/limited-file-system.ts'
import { SeededRandom } from '../simulation/random.ts'
import { SimulatedDisk } from '../simulation/simulated-disk.ts'

interface Limited {
  readonly disk: SimulatedDisk
  readonly fileSystem: FileSystem
  /** How often the process had no file left. */
  shortages: number
}

function limited(openFilesMax: number, processMax = Number.POSITIVE_INFINITY): Limited {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) })
  disk.openFilesMax = processMax
  const onShortage = () => {
    result.shortages++
  }
  const fileSystem = limitOpenFiles(disk, { openFilesMax, onShortage })
  const result = { disk, fileSystem, shortages: 0 }
  return result
}

function create(fileSystem: FileSystem, names: readonly string[]): File[] {
  return names.map((name) => fileSystem.open(name, { create: true }))
}

/** What `act` does below. */
function callsOf(disk: SimulatedDisk, act: () => void): string[] {
  const before = disk.trace.length
  act()
  return disk.trace.slice(before)
}

const read = (file: File | undefined) => () => void file!.readSync(0, 1)

test('the file that was not used for longest is closed, and opened again when it is needed', () => {
  const { disk, fileSystem } = limited(3)
  const [a, b, c] = create(fileSystem, ['a', 'b', 'c'])
  create(fileSystem, ['d'])
  // All had been used since they were opened, so the first went.
  expect(callsOf(disk, read(b))).toEqual([])
  create(fileSystem, ['e'])
  expect(callsOf(disk, read(b))).toEqual([])
  expect(callsOf(disk, read(c))).toEqual(['open c'])
  expect(callsOf(disk, read(a))).toEqual(['open a'])
  expect(disk.openFiles).toBe(3)
})

test('what was written is synced before its file is closed, and then needs no other sync', async () => {
  const { disk, fileSystem } = limited(16)
  const files = create(fileSystem, [...'abcdefghijkl'])
  for (const file of files) file.write(encodeUtf8('1'), 0)
  // Four are being synced ahead of time; the oldest of the rest is synced on the spot.
  expect(callsOf(disk, () => create(fileSystem, ['m']))).toEqual(['sync e', 'synced e', 'open m'])
  const before = disk.trace.length
  const [e] = files.slice(4)
  await e!.sync()
  expect(disk.trace.slice(before)).not.toContain('sync e')
  e!.write(encodeUtf8('1'), 1)
  await e!.sync()
  expect(disk.trace.slice(before)).toContain('synced e')
})

test('a file is not closed while it is read, written back or waited for', async () => {
  const { disk, fileSystem } = limited(4)
  const files = create(fileSystem, ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'])
  for (const file of files) file.write(encodeUtf8(file.path), 0)
  const reads = files.map((file) => file.read(0, 9))
  const syncs = files.map((file) => file.sync())
  for (let i = 0; i < 50; i++) {
    create(fileSystem, [`other-${i}`])
    expect(disk.openFiles).toBeLessThanOrEqual(4)
    await Promise.resolve()
  }
  const texts = (await Promise.all(reads)).map((bytes) => new TextDecoder().decode(bytes))
  expect(texts).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'])
  await Promise.all(syncs)
})

test('a sync that failed ahead of its time is told to the next one, and to each after it', async () => {
  const { disk, fileSystem } = limited(2)
  const [a] = create(fileSystem, ['a', 'b'])
  await a!.sync()
  disk.failNext('sync', /^a$/, 'STORAGE_IO')
  a!.write(encodeUtf8('1'), 0)
  create(fileSystem, ['b']).at(0)!.write(encodeUtf8('2'), 0)
  create(fileSystem, ['c', 'd', 'e'])
  await expect(a!.sync()).rejects.toMatchObject({ code: 'STORAGE_IO' })
  a!.write(encodeUtf8('1'), 1)
  await expect(a!.sync()).rejects.toMatchObject({ code: 'STORAGE_IO' })
})

test('a sync that waits for its turn fails when the file could not be synced to make room meanwhile', async () => {
  const { disk, fileSystem } = limited(2, 3)
  const [a, b] = create(fileSystem, ['a', 'b'])
  a!.write(encodeUtf8('1'), 0)
  // All that may be under way at a time is: the sync of the first waits.
  const reads = Array.from({ length: 8 }, () => b!.read(0, 1))
  const synced = a!.sync().then(
    () => 'synced',
    (error: unknown) => error,
  )
  disk.failNext('sync', /^a$/, 'STORAGE_IO')
  create(fileSystem, ['c'])
  expect(disk.trace).toContain('sync a')
  expect(await synced).toMatchObject({ code: 'STORAGE_IO' })
  await Promise.all(reads)
  expect(disk.trace.filter((call) => call.startsWith('sync'))).toEqual(['sync a'])
})

test('files that are written to are synced ahead of time when they are many', async () => {
  const { disk, fileSystem } = limited(12)
  const files = create(fileSystem, ['a', 'b', 'c', 'd', 'e', 'f', 'g'])
  for (const file of files) file.write(encodeUtf8('1'), 0)
  while (!disk.trace.includes('synced a')) await Promise.resolve()
  // The newest are left for those who wait for them.
  expect(disk.trace).not.toContain('sync g')
})

test('whoever may wait writes when enough is synced, and nothing is synced on the spot', async () => {
  const { disk, fileSystem } = limited(16)
  let waits = 0
  for (let i = 0; i < 100; i++) {
    const wait = fileSystem.whenWritable!()
    if (wait) waits++
    await wait
    const calls = callsOf(disk, () => {
      fileSystem.open(`${i}`, { create: true }).write(encodeUtf8('1'), 0)
    })
    expect(calls.filter((call) => call.startsWith('synced'))).toEqual([])
  }
  expect(waits).toBeGreaterThan(0)
})

test('syncs of one file follow one another: the kernel tells of a failure once', async () => {
  const { disk, fileSystem } = limited(16)
  const [a] = create(fileSystem, ['a'])
  a!.write(encodeUtf8('1'), 0)
  const first = a!.sync()
  a!.write(encodeUtf8('2'), 1)
  await Promise.all([first, a!.sync(), a!.sync()])
  const syncs = disk.trace.filter((call) => call.startsWith('sync'))
  expect(syncs).toEqual(['sync a', 'synced a', 'sync a', 'synced a'])
})

test('a file is found where its folder was renamed to, and stays when its name is taken away', async () => {
  const { fileSystem } = limited(1)
  fileSystem.makeDirectory('old')
  const [a, b, c] = create(fileSystem, ['old/a', 'old/b', 'old/c'])
  for (const file of [a!, b!, c!]) file.write(encodeUtf8(file.path), 0)
  fileSystem.rename('old', 'new')
  for (const file of [a!, b!, c!]) expect(textOf(file)).toBe(file.path)
  fileSystem.rename('new/a', 'new/b')
  create(fileSystem, ['new/a']).at(0)!.write(encodeUtf8('other'), 0)
  fileSystem.remove('new')
  for (const file of [a!, b!, c!]) expect(textOf(file)).toBe(file.path)
  const opening = () => fileSystem.open('new/a')
  expect(opening).toThrow(expect.objectContaining({ code: 'STORAGE_NOT_FOUND' }))
})

test('where others take all files that are left, the spare ones serve', async () => {
  const limit = limited(16, 40)
  const { disk, fileSystem } = limit
  fileSystem.makeDirectory('folder')
  const lock = fileSystem.lock()
  disk.takeRestOfFiles()
  expect(limit.shortages).toBe(0)
  const files = Array.from({ length: 60 }, (_, i) => {
    const [file] = create(fileSystem, [`folder/${i}`])
    file!.write(encodeUtf8(String(i)), 0)
    return file!
  })
  await Promise.all([
    ...files.map((file) => file.sync()),
    ...files.map((file) => file.read(0, 9)),
    fileSystem.syncDirectory('folder'),
    fileSystem.syncDirectory(''),
  ])
  expect(fileSystem.list('folder')).toHaveLength(60)
  fileSystem.remove('folder')
  expect(limit.shortages).toBeGreaterThan(0)
  for (const file of files) file.close()
  lock.release()
  expect(disk.openFiles).toBe(0)
})

test('everyone who asks for the sync of a folder meanwhile shares the next', async () => {
  const { disk, fileSystem } = limited(16)
  const shared = Array.from({ length: 9 }, () => fileSystem.syncDirectory(''))
  await Promise.all(shared)
  expect(disk.trace).toEqual(['sync /', 'synced /', 'sync /', 'synced /'])
  disk.failNext('sync', /^\/$/, 'STORAGE_IO')
  const [failed, after] = [fileSystem.syncDirectory(''), fileSystem.syncDirectory('')]
  await expect(failed).rejects.toMatchObject({ code: 'STORAGE_IO' })
  await after
})

const operation = fc.record({
  file: fc.nat(29),
  kind: fc.constantFrom('write', 'read', 'readSync', 'sync', 'turn', 'take', 'give', 'list'),
})

test('whatever is done, no more files are open than may be, and each holds what was written', async () => {
  const steps = fc.array(operation, { minLength: 50, maxLength: 300 })
  const run = fc.asyncProperty(steps, async (operations) => {
    const { disk, fileSystem } = limited(16, 24)
    const lock = fileSystem.lock()
    const files = new Map<number, File>()
    const written = new Map<number, number[]>()
    const underWay: Promise<unknown>[] = []
    for (const { file: number, kind } of operations) {
      const file = files.get(number) ?? fileSystem.open(`${number}`, { create: true })
      files.set(number, file)
      const bytes = written.get(number) ?? []
      written.set(number, bytes)
      if (kind === 'write') {
        file.write(Uint8Array.of(bytes.length), bytes.length)
        bytes.push(bytes.length)
      } else if (kind === 'sync') underWay.push(file.sync())
      else if (kind === 'turn') await Promise.resolve()
      else if (kind === 'take') disk.takeRestOfFiles()
      else if (kind === 'give') disk.takenByOthers = 0
      else if (kind === 'list') fileSystem.list('')
      else {
        const expected = Uint8Array.from(bytes)
        const check = (found: Uint8Array) => expect(equalBytes(found, expected)).toBe(true)
        if (kind === 'readSync') check(file.readSync(0, expected.length))
        else underWay.push(file.read(0, expected.length).then(check))
      }
      expect(disk.openFiles).toBeLessThanOrEqual(16)
    }
    await Promise.all(underWay)
    for (const file of files.values()) file.close()
    lock.release()
    // Syncs ahead of time may be under way still.
    for (let turn = 0; turn < 1000 && disk.openFiles > 0; turn++) await Promise.resolve()
    expect(disk.openFiles).toBe(0)
  })
  await fc.assert(run, { numRuns: 60 })
})

function textOf(file: File): string {
  return new TextDecoder().decode(file.readSync(0, file.size))
}
