import { expect, test } from 'vitest'
import { describeFileSystem } from './file-system.contract.ts'
import { createMemoryFileSystem } from './memory-file-system.ts'

describeFileSystem('memory', createMemoryFileSystem)

test('many small appends keep their order across chunks', () => {
  const file = createMemoryFileSystem().open('a', { create: true })
  const line = new Uint8Array(100)
  for (let i = 0; i < 10_000; i++) file.write(line.fill(i & 0xff), i * 100)
  expect(file.size).toBe(1_000_000)
  for (const i of [0, 2621, 2622, 9999]) {
    expect(new Set(file.readSync(i * 100, 100))).toEqual(new Set([i & 0xff]))
  }
})
