import { expect, test } from 'vitest'
import { describeFileSystem } from './file-system.contract.ts'
import { limitOpenFiles } from './limited-file-system.ts'
import { createMemoryFileSystem } from './memory-file-system.ts'

for (const openFilesMax of [1, 2, 16])
  describeFileSystem(`memory with ${openFilesMax} files open at a time`, () =>
    limitOpenFiles(createMemoryFileSystem(), { openFilesMax }),
  )

test('a large file is discarded as the file system below does it', () => {
  const discarded: string[] = []
  const inner = Object.assign(createMemoryFileSystem(), {
    discard: (path: string) => void discarded.push(path),
  })
  limitOpenFiles(inner, { openFilesMax: 16 }).discard?.('a')
  expect(discarded).toEqual(['a'])
})
