import { expect, test } from 'vitest'
import { createMemoryFileSystem } from '../../storage/memory-file-system.ts'
import { ReserveBackedFileSystem } from './reserve-backed-file-system.ts'

test('a large file is discarded as the disk does it', () => {
  const discarded: string[] = []
  const disk = Object.assign(createMemoryFileSystem(), {
    discard: (path: string) => void discarded.push(path),
  })
  new ReserveBackedFileSystem(disk, { giveUp: () => false, noticed: () => {} }).discard('a')
  expect(discarded).toEqual(['a'])
})
