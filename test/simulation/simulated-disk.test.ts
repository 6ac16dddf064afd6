/** The simulated disk itself: that it loses what a real one may lose, and nothing else. */
import { describe, expect, test } from 'vitest'
import { describeFileSystem } from '../../src/storage/file-system.contract.ts'
import type { File } from '../../src/storage/file-system.ts'
import { SeededRandom } from './random.ts'
import { SimulatedCrash, SimulatedDisk, type SimulatedDiskOptions } from './simulated-disk.ts'

const runs = 300

describeFileSystem('simulated disk', () => newDisk(1))

describe('when the power fails', () => {
  test('what was synced is there, whatever the seed', async () => {
    await forEachSeed(async (disk, seed) => {
      await createSynced(disk, 'a', 'kept')
      const after = disk.afterDeath('power', { random: new SeededRandom(seed) })
      expect(contentOf(after, 'a')).toBe('kept')
    })
  })

  test('a file whose name was not synced may be gone, with its synced content', async () => {
    const found = await outcomes(async (disk) => {
      const file = disk.open('a', { create: true })
      write(file, 'content')
      await file.sync()
    })
    expect(found).toEqual(new Set([undefined, 'content']))
  })

  test('an unsynced write is kept, lost, or only its length is there', async () => {
    const found = await outcomes(async (disk) => {
      const file = await createSynced(disk, 'a', '')
      write(file, 'abc')
    })
    expect(found).toEqual(new Set(['', 'abc', '\0\0\0']))
  })

  test('of two unsynced writes the second may be there without the first', async () => {
    const found = await outcomes(async (disk) => {
      const file = await createSynced(disk, 'a', '')
      write(file, 'abc')
      write(file, 'def')
    })
    for (const possible of ['', 'abc', 'abcdef', '\0\0\0def']) expect(found).toContain(possible)
  })

  test('a write tears at sectors, and keeps what was under a lost one', async () => {
    const found = await outcomes(async (disk) => {
      const file = await createSynced(disk, 'a', 'o'.repeat(1536))
      file.write(new TextEncoder().encode('n'.repeat(1400)), 100)
    })
    const shapes = new Set([...found].map((content) => content?.replace(/(.)\1*/gs, '$1')))
    expect(shapes).toEqual(new Set(['o', 'ono', 'onono']))
    for (const content of found) {
      expect(content).toHaveLength(1536)
      // The sectors begin at 512 and 1024, wherever the write began.
      for (const at of [100, 512, 1024]) {
        const end = Math.min(1500, (Math.floor(at / 512) + 1) * 512)
        expect(new Set(content!.slice(at, end)).size).toBe(1)
      }
    }
  })

  test('an unsynced truncation is done or undone', async () => {
    const found = await outcomes(async (disk) => {
      const file = await createSynced(disk, 'a', 'abc')
      file.truncate(1)
    })
    expect(found).toEqual(new Set(['a', 'abc']))
  })

  test('an unsynced rename is done or undone, never half', async () => {
    const found = new Set<string>()
    await forEachSeed(async (disk, seed) => {
      await createSynced(disk, 'old', 'old')
      await createSynced(disk, 'new', 'new')
      disk.rename('new', 'old')
      const after = disk.afterDeath('power', { random: new SeededRandom(seed) })
      found.add(after.list('').join() + contentOf(after, 'old'))
    })
    expect(found).toEqual(new Set(['new,oldold', 'oldnew']))
  })

  test('names that have nothing to do with each other survive in any combination', async () => {
    const found = new Set<string>()
    await forEachSeed(async (disk, seed) => {
      for (const name of ['a', 'b']) disk.open(name, { create: true })
      const after = disk.afterDeath('power', { random: new SeededRandom(seed) })
      found.add(after.list('').join())
    })
    expect(found).toEqual(new Set(['', 'a', 'b', 'a,b']))
  })

  test('a folder that was being removed may be left in part', async () => {
    const found = new Set<string>()
    await forEachSeed(async (disk, seed) => {
      disk.makeDirectory('f')
      for (const name of ['f/a', 'f/b']) disk.open(name, { create: true })
      await disk.syncDirectory('f')
      await disk.syncDirectory('')
      disk.remove('f')
      const after = disk.afterDeath('power', { random: new SeededRandom(seed) })
      found.add([...after.list(''), ...after.list('f')].join())
    })
    expect(found).toEqual(new Set(['', 'f', 'f,a', 'f,b', 'f,a,b']))
  })

  test('a sync does not cover what is written while it runs', async () => {
    const found = await outcomes(async (disk) => {
      const file = await createSynced(disk, 'a', '')
      write(file, 'abc')
      const syncing = file.sync()
      write(file, 'def')
      await syncing
    })
    for (const possible of ['abc', 'abcdef']) expect(found).toContain(possible)
    for (const content of found) expect(content).toMatch(/^abc/)
  })

  test('two syncs at once cover no more than was there when each began', async () => {
    const found = await outcomes(async (disk) => {
      const file = await createSynced(disk, 'a', '')
      write(file, 'abc')
      const both = Promise.all([file.sync(), file.sync()])
      write(file, 'def')
      await both
    })
    expect(found).toContain('abc')
  })

  test('syncs that do nothing lose anything', async () => {
    const found = await outcomes(async (disk) => void (await createSynced(disk, 'a', 'content')), {
      syncWorks: false,
    })
    expect(found).toContain(undefined)
  })
})

describe('when the process dies', () => {
  test('everything it had handed over is there', async () => {
    await forEachSeed(async (disk, seed) => {
      disk.makeDirectory('f')
      write(disk.open('f/new', { create: true }), 'abc')
      disk.rename('f/new', 'f/a')
      const after = disk.afterDeath('process', { random: new SeededRandom(seed) })
      expect(contentOf(after, 'f/a')).toBe('abc')
    })
  })

  test('the write it died in may be cut short', async () => {
    const found = new Set<string | undefined>()
    await forEachSeed(
      async (disk, seed) => {
        const file = disk.open('a', { create: true })
        expect(() => write(file, 'abc')).toThrow(SimulatedCrash)
        const after = disk.afterDeath('process', { random: new SeededRandom(seed) })
        found.add(contentOf(after, 'a'))
      },
      { crashAtCall: 2 },
    )
    expect(found).toEqual(new Set(['', 'a', 'ab', 'abc']))
  })

  test('nothing works any more, not even looking', async () => {
    const disk = newDisk(1, { crashAtCall: 2 })
    const file = disk.open('a', { create: true })
    await expect(file.sync()).rejects.toThrow(SimulatedCrash)
    expect(disk.isDead).toBe(true)
    const ways = [
      () => disk.open('a'),
      () => disk.list(''),
      () => disk.stat('a'),
      () => file.readSync(0, 1),
      () => file.truncate(0),
      () => disk.lock(),
    ]
    for (const way of ways) expect(way).toThrow(SimulatedCrash)
    await expect(file.read(0, 1)).rejects.toThrow(SimulatedCrash)
  })

  test('a sync in flight may have been carried out without its answer', async () => {
    const disk = newDisk(1)
    const file = disk.open('a', { create: true })
    await disk.syncDirectory('')
    write(file, 'abc')
    const dying = disk.afterDeath('process', { random: new SeededRandom(1), crashAtCall: 3 })
    const again = dying.open('a')
    await expect(again.sync()).rejects.toThrow(SimulatedCrash)
    expect(dying.trace).toEqual(['open a', 'sync a', 'synced a'])
    await forEachSeed(async (_, seed) => {
      const after = dying.afterDeath('power', { random: new SeededRandom(seed) })
      expect(contentOf(after, 'a')).toBe('abc')
    })
  })
})

describe('faults', () => {
  test('a failed sync drops what it was to write: the next one proves nothing', async () => {
    const found = await outcomes(async (disk) => {
      const file = await createSynced(disk, 'a', '')
      write(file, 'abc')
      disk.failNext('sync', /^a$/, 'STORAGE_IO')
      await expect(file.sync()).rejects.toMatchObject({ code: 'STORAGE_IO' })
      expect(contentOf(disk, 'a')).toBe('abc')
      await file.sync()
    })
    expect(found).toEqual(new Set(['', 'abc', '\0\0\0']))
  })

  test('a disk fills up in the middle of a write, and has room again after a removal', async () => {
    const disk = newDisk(1)
    const first = disk.open('a', { create: true })
    const file = disk.open('b', { create: true })
    disk.leaveFree(10)
    write(first, '12345678')
    expect(() => write(file, 'abcd')).toThrow(expect.objectContaining({ code: 'STORAGE_FULL' }))
    expect(contentOf(disk, 'b')).toBe('ab')
    disk.remove('a')
    file.truncate(0)
    write(file, 'abcd')
    expect(contentOf(disk, 'b')).toBe('abcd')
  })

  test('overwriting needs no room', () => {
    const disk = newDisk(1)
    const file = disk.open('a', { create: true })
    write(file, 'abcd')
    disk.capacityBytes = 4
    file.write(new TextEncoder().encode('xy'), 1)
    expect(contentOf(disk, 'a')).toBe('axyd')
  })

  test('an operation fails once, where it was told to', async () => {
    const disk = newDisk(1)
    const file = disk.open('a', { create: true })
    write(file, 'abc')
    disk.failNext('read', /a/, 'STORAGE_IO')
    disk.failNext('open', /c/, 'STORAGE_DENIED')
    disk.open('b', { create: true })
    expect(() => disk.open('c', { create: true })).toThrow(
      expect.objectContaining({ code: 'STORAGE_DENIED' }),
    )
    await expect(file.read(0, 3)).rejects.toMatchObject({ code: 'STORAGE_IO' })
    expect(await file.read(0, 3)).toHaveLength(3)
  })

  test('a flipped bit is on the disk, too', async () => {
    const disk = newDisk(1)
    await createSynced(disk, 'a', 'abc')
    disk.flipBit('a', 1)
    expect(contentOf(disk, 'a')).toBe('acc')
    const after = disk.afterDeath('power', { random: new SeededRandom(1) })
    expect(contentOf(after, 'a')).toBe('acc')
  })
})

test('the same seed gives the same disk', async () => {
  const live = async () => {
    const disk = newDisk(42)
    const files = ['a', 'b', 'c'].map((name) => disk.open(name, { create: true }))
    for (const file of files) for (let i = 0; i < 20; i++) write(file, 'x'.repeat(700))
    await Promise.all(files.map((file) => file.sync().then(() => write(file, 'end'))))
    for (const file of files) for (let i = 0; i < 20; i++) write(file, 'y'.repeat(700))
    const after = disk.afterDeath('power', { random: new SeededRandom(7) })
    return [disk.trace, after.list('').map((name) => contentOf(after, name))]
  }
  expect(await live()).toEqual(await live())
})

function newDisk(seed: number, options: Omit<SimulatedDiskOptions, 'random'> = {}): SimulatedDisk {
  return new SimulatedDisk({ random: new SeededRandom(seed), ...options })
}

async function forEachSeed(
  act: (disk: SimulatedDisk, seed: number) => Promise<void>,
  options: Omit<SimulatedDiskOptions, 'random'> = {},
): Promise<void> {
  for (let seed = 1; seed <= runs; seed++) await act(newDisk(seed, options), seed)
}

/** All that file `a` can be after `act` and a power failure. */
async function outcomes(
  act: (disk: SimulatedDisk) => Promise<void>,
  options: Omit<SimulatedDiskOptions, 'random'> = {},
): Promise<Set<string | undefined>> {
  const found = new Set<string | undefined>()
  await forEachSeed(async (disk) => {
    await act(disk)
    found.add(contentOf(disk.afterDeath('power', { random: new SeededRandom(1) }), 'a'))
  }, options)
  return found
}

/** A file whose name and content are durable. */
async function createSynced(disk: SimulatedDisk, path: string, content: string): Promise<File> {
  const file = disk.open(path, { create: true })
  write(file, content)
  await file.sync()
  await disk.syncDirectory('')
  return file
}

/** Appends. */
function write(file: File, content: string): void {
  file.write(new TextEncoder().encode(content), file.size)
}

function contentOf(disk: SimulatedDisk, path: string): string | undefined {
  const found = disk.stat(path)
  return found && new TextDecoder().decode(disk.open(path).readSync(0, found.size))
}
