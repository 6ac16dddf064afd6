/** What every `FileSystem` does alike: run by the tests of each implementation. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concatBytes, encodeUtf8, equalBytes } from '../core/bytes.ts'
import { StorageError } from '../core/errors.ts'
import type { File, FileSystem, StorageErrorCode } from './file-system.ts'

/** `create` gives a new, empty file system. */
export function describeFileSystem(name: string, create: () => FileSystem): void {
  describe(`${name} as a file system`, () => {
    describeFiles(create)
    describeFolders(create)
    describeContent(create)
  })
}

function describeFiles(create: () => FileSystem): void {
  test('reads back what was written', async () => {
    const file = create().open('a', { create: true })
    file.write(encodeUtf8('hello world'), 0)
    file.write(encodeUtf8('J'), 0)
    expect(text(file.readSync(0, 5))).toBe('Jello')
    expect(text(await file.read(6, 5))).toBe('world')
    expect(file.size).toBe(11)
    file.close()
  })

  test('reads short at the end, and nothing beyond it', async () => {
    const file = create().open('a', { create: true })
    file.write(encodeUtf8('abc'), 0)
    expect(text(await file.read(2, 10))).toBe('c')
    expect(await file.read(3, 10)).toHaveLength(0)
    expect(file.readSync(100, 10)).toHaveLength(0)
  })

  test('hands out bytes that the reader may change', async () => {
    const file = create().open('a', { create: true })
    const given = encodeUtf8('abc')
    file.write(given, 0)
    given.fill(0)
    file.readSync(0, 3).fill(0)
    ;(await file.read(0, 3)).fill(0)
    expect(text(file.readSync(0, 3))).toBe('abc')
    expect(Object.getPrototypeOf(file.readSync(0, 3))).toBe(Uint8Array.prototype)
  })

  test('fills a gap with zeros', () => {
    const file = create().open('a', { create: true })
    file.write(Uint8Array.of(1), 2)
    expect([...file.readSync(0, 9)]).toEqual([0, 0, 1])
    file.truncate(5)
    expect([...file.readSync(0, 9)]).toEqual([0, 0, 1, 0, 0])
  })

  test('does not bring back what was truncated', () => {
    const file = create().open('a', { create: true })
    file.write(encodeUtf8('abcdef'), 0)
    file.truncate(2)
    expect(file.size).toBe(2)
    file.truncate(4)
    expect([...file.readSync(0, 9)]).toEqual([97, 98, 0, 0])
  })

  test('keeps content from one handle to the next', async () => {
    const fileSystem = create()
    const first = fileSystem.open('a', { create: true })
    first.write(encodeUtf8('kept'), 0)
    await first.sync()
    first.close()
    const second = fileSystem.open('a', { create: true })
    expect(second.size).toBe(4)
    expect(text(second.readSync(0, 4))).toBe('kept')
  })

  test('opens only what is there, unless told to create it', () => {
    const fileSystem = create()
    expect(codeOf(() => fileSystem.open('a'))).toBe('STORAGE_NOT_FOUND')
    expect(codeOf(() => fileSystem.open('missing/a', { create: true }))).toBe('STORAGE_NOT_FOUND')
    expect(fileSystem.stat('a')).toBeUndefined()
    fileSystem.makeDirectory('folder')
    expect(codeOf(() => fileSystem.open('folder'))).toBe('STORAGE_DENIED')
  })

  test('closes twice, finishes what is in flight, and refuses what comes later', async () => {
    const file = create().open('a', { create: true })
    file.write(encodeUtf8('abc'), 0)
    const reading = file.read(0, 3)
    const syncing = file.sync()
    file.close()
    file.close()
    expect(text(await reading)).toBe('abc')
    await syncing
    expect(codeOf(() => file.write(encodeUtf8('x'), 0))).toBe('STORAGE_CLOSED')
    expect(codeOf(() => file.truncate(0))).toBe('STORAGE_CLOSED')
    expect(codeOf(() => file.readSync(0, 1))).toBe('STORAGE_CLOSED')
    await expect(file.read(0, 1)).rejects.toMatchObject({ code: 'STORAGE_CLOSED' })
    await expect(file.sync()).rejects.toMatchObject({ code: 'STORAGE_CLOSED' })
  })

  test('an open file outlives its name', async () => {
    const fileSystem = create()
    const file = fileSystem.open('a', { create: true })
    file.write(encodeUtf8('abc'), 0)
    fileSystem.remove('a')
    fileSystem.open('a', { create: true }).write(encodeUtf8('new'), 0)
    expect(text(await file.read(0, 3))).toBe('abc')
    file.close()
  })
}

function describeFolders(create: () => FileSystem): void {
  test('lists names in order, and nothing where there is nothing', () => {
    const fileSystem = create()
    expect(fileSystem.list('')).toEqual([])
    expect(fileSystem.list('missing')).toEqual([])
    fileSystem.makeDirectory('b/c/d')
    for (const path of ['z', 'a', 'b/2', 'b/1']) fileSystem.open(path, { create: true }).close()
    expect(fileSystem.list('')).toEqual(['a', 'b', 'z'])
    expect(fileSystem.list('b')).toEqual(['1', '2', 'c'])
    expect(fileSystem.list('b/c')).toEqual(['d'])
  })

  test('tells files from folders', () => {
    const fileSystem = create()
    fileSystem.makeDirectory('folder')
    fileSystem.makeDirectory('folder')
    fileSystem.open('folder/file', { create: true }).write(encodeUtf8('abc'), 0)
    expect(fileSystem.stat('folder')).toMatchObject({ isDirectory: true })
    expect(fileSystem.stat('folder/file')).toMatchObject({ isDirectory: false, size: 3 })
    expect(fileSystem.stat('folder/none')).toBeUndefined()
    expect(codeOf(() => fileSystem.makeDirectory('folder/file'))).toBe('STORAGE_DENIED')
  })

  test('renames over an existing file', async () => {
    const fileSystem = create()
    fileSystem.open('old', { create: true }).write(encodeUtf8('old'), 0)
    fileSystem.open('new', { create: true }).write(encodeUtf8('new'), 0)
    fileSystem.rename('new', 'old')
    await fileSystem.syncDirectory('')
    expect(fileSystem.list('')).toEqual(['old'])
    expect(text(fileSystem.open('old').readSync(0, 9))).toBe('new')
  })

  test('renames a folder with all it holds', () => {
    const fileSystem = create()
    fileSystem.makeDirectory('a/b')
    fileSystem.open('a/b/file', { create: true }).write(encodeUtf8('abc'), 0)
    fileSystem.rename('a', 'c')
    expect(fileSystem.stat('a')).toBeUndefined()
    expect(text(fileSystem.open('c/b/file').readSync(0, 9))).toBe('abc')
  })

  test('renames nothing that is not there, nor to where nothing can be', () => {
    const fileSystem = create()
    fileSystem.open('a', { create: true }).close()
    fileSystem.makeDirectory('full')
    fileSystem.open('full/b', { create: true }).close()
    expect(codeOf(() => fileSystem.rename('none', 'b'))).toBe('STORAGE_NOT_FOUND')
    expect(codeOf(() => fileSystem.rename('a', 'none/b'))).toBe('STORAGE_NOT_FOUND')
    expect(codeOf(() => fileSystem.rename('a', 'full'))).toBe('STORAGE_DENIED')
    expect(fileSystem.list('')).toEqual(['a', 'full'])
  })

  test('removes files, whole folders, and what is not there', () => {
    const fileSystem = create()
    fileSystem.makeDirectory('a/b')
    fileSystem.makeDirectory('ab')
    fileSystem.open('a/b/file', { create: true }).close()
    fileSystem.remove('a')
    fileSystem.remove('none')
    expect(fileSystem.list('')).toEqual(['ab'])
    expect(fileSystem.stat('a/b/file')).toBeUndefined()
  })

  test('cannot sync a folder that is not there', async () => {
    await expect(create().syncDirectory('none')).rejects.toMatchObject({
      code: 'STORAGE_NOT_FOUND',
    })
  })

  test('belongs to one at a time', () => {
    const fileSystem = create()
    const lock = fileSystem.lock()
    expect(() => fileSystem.lock()).toThrow(expect.objectContaining({ code: 'DATA_FOLDER_LOCKED' }))
    lock.release()
    const next = fileSystem.lock()
    // It has passed on: releasing it again takes nothing from its new holder.
    lock.release()
    expect(() => fileSystem.lock()).toThrow()
    next.release()
  })
}

type Step =
  | { readonly type: 'write'; readonly at: number; readonly size: number }
  | { readonly type: 'append'; readonly size: number }
  | { readonly type: 'truncate'; readonly size: number }

const size = fc.oneof(fc.nat(2_000), fc.nat(600_000))
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ type: fc.constant('write' as const), at: size, size }),
  fc.record({ type: fc.constant('append' as const), size }),
  fc.record({ type: fc.constant('truncate' as const), size }),
)

function describeContent(create: () => FileSystem): void {
  test('holds what an array would, whatever is written where', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const file = create().open('a', { create: true })
        let model: Uint8Array = new Uint8Array(0)
        steps.forEach((one, index) => {
          model = carryOut(one, file, model, index + 1)
        })
        expect(file.size).toBe(model.length)
        expect(equalBytes(file.readSync(0, model.length + 1), model)).toBe(true)
        file.close()
      }),
      { numRuns: 40 },
    )
  })
}

function carryOut(one: Step, file: File, model: Uint8Array, fill: number): Uint8Array {
  if (one.type === 'truncate') {
    file.truncate(one.size)
    return resized(model, one.size)
  }
  const at = one.type === 'append' ? model.length : one.at
  const bytes = new Uint8Array(one.size).fill(fill)
  // A write of nothing leaves the length alone.
  if (bytes.length === 0) return model
  file.write(bytes, at)
  const next = resized(model, Math.max(model.length, at + bytes.length))
  next.set(bytes, at)
  return next
}

function resized(bytes: Uint8Array, length: number): Uint8Array {
  const kept = bytes.slice(0, length)
  return concatBytes([kept, new Uint8Array(length - kept.length)])
}

function codeOf(act: () => unknown): StorageErrorCode | 'no error' {
  try {
    act()
    return 'no error'
  } catch (error) {
    if (error instanceof StorageError) return error.code as StorageErrorCode
    throw error
  }
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}
