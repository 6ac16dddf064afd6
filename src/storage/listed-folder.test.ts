import { expect, test, vi } from 'vitest'
import { ListedFolder } from './listed-folder.ts'
import { createMemoryFileSystem } from './memory-file-system.ts'
import { readWhole } from './read-whole.ts'

function folderOf(...names: string[]) {
  const inner = createMemoryFileSystem()
  inner.makeDirectory('orders-0')
  for (const name of names) inner.open(`orders-0/${name}`, { create: true }).close()
  return { inner, listed: new ListedFolder(inner, 'orders-0') }
}

test('what is not in the folder is not looked for', () => {
  const { inner, listed } = folderOf('a')
  const calls = [vi.spyOn(inner, 'open'), vi.spyOn(inner, 'stat'), vi.spyOn(inner, 'remove')]
  expect(listed.stat('orders-0/b')).toBeUndefined()
  expect(readWhole(listed, 'orders-0/b')).toBeUndefined()
  expect(() => listed.open('orders-0/b')).toThrow(
    expect.objectContaining({ code: 'STORAGE_NOT_FOUND' }),
  )
  listed.remove('orders-0/b')
  for (const call of calls) expect(call).not.toHaveBeenCalled()
  expect(listed.stat('orders-0/a')).toMatchObject({ size: 0, isDirectory: false })
})

test('what is made, renamed and removed through it is seen', () => {
  const { inner, listed } = folderOf('c', 'a')
  listed.open('orders-0/b', { create: true }).close()
  listed.rename('orders-0/a', 'orders-0/d')
  listed.remove('orders-0/c')
  expect(listed.list('orders-0')).toEqual(['b', 'd'])
  expect(inner.list('orders-0')).toEqual(['b', 'd'])
  expect(['a', 'b', 'c', 'd'].map((name) => listed.has(name))).toEqual([false, true, false, true])
  listed.discard('orders-0/d')
  listed.discard('orders-0/b')
  expect(listed.isEmpty).toBe(true)
  expect(inner.list('orders-0')).toEqual([])
})

test('other folders are as they are', () => {
  const { inner, listed } = folderOf('a')
  inner.open('meta', { create: true }).close()
  inner.makeDirectory('orders-01')
  inner.open('orders-01/x', { create: true }).close()
  expect(listed.stat('meta')).toBeDefined()
  expect(listed.list('orders-01')).toEqual(['x'])
  listed.remove('orders-01/x')
  expect(inner.list('orders-01')).toEqual([])
})
