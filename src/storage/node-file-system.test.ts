import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { describeFileSystem } from './file-system.contract.ts'
import type { FileSystem } from './file-system.ts'
import { createNodeFileSystem } from './node-file-system.ts'

const scratch = mkdtempSync(join(tmpdir(), 'kafka-do-storage-'))
let folders = 0
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

function newFolder(): string {
  return join(scratch, `${folders++}`)
}

function create(): FileSystem {
  const fileSystem = createNodeFileSystem(newFolder())
  fileSystem.makeDirectory('')
  return fileSystem
}

describeFileSystem('node', create)

test('puts its files below the root', () => {
  const root = newFolder()
  const fileSystem = createNodeFileSystem(root)
  fileSystem.makeDirectory('orders-0')
  const file = fileSystem.open('orders-0/log', { create: true })
  file.write(new TextEncoder().encode('abc'), 0)
  file.close()
  expect(readFileSync(join(root, 'orders-0', 'log'), 'utf8')).toBe('abc')
  expect(fileSystem.description).toBe(root)
})

test('many reads and syncs in flight survive a close', async () => {
  const file = create().open('a', { create: true })
  file.write(new Uint8Array(100_000).fill(7), 0)
  const work = Array.from({ length: 40 }, (_, i) =>
    i % 4 === 0 ? file.sync() : file.read(i * 1000, 1000),
  )
  file.close()
  const results = await Promise.all(work)
  expect(results.filter((bytes) => bytes?.length === 1000)).toHaveLength(30)
})

describe.runIf(process.platform === 'linux')('what the system refuses', () => {
  test('a full disk is STORAGE_FULL, and says what to do', () => {
    // Writing to this device fails as a full disk does.
    const file = createNodeFileSystem('/dev').open('full')
    expect(() => file.write(new Uint8Array(4096), 0)).toThrow(
      expect.objectContaining({
        code: 'STORAGE_FULL',
        message: expect.stringMatching(/disk is full; delete topics.*ENOSPC/),
      }),
    )
    file.close()
  })

  test('a file where a folder should be is named', () => {
    const root = newFolder()
    const fileSystem = createNodeFileSystem(root)
    fileSystem.makeDirectory('')
    fileSystem.open('a', { create: true }).close()
    expect(() => fileSystem.open('a/b', { create: true })).toThrow(
      expect.objectContaining({
        code: 'STORAGE_DENIED',
        message: expect.stringContaining("'a/b'"),
      }),
    )
  })
})
