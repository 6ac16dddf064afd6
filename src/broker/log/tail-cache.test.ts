import { expect, test } from 'vitest'
import { CacheBudget, TailCache } from './tail-cache.ts'

const mebibyte = 1024 * 1024

test.each([
  ['a small part of a large request is kept without the rest', 1000, 1000],
  ['most of a request is kept as it came', 900_000, mebibyte],
])('%s', (_, size, keptBytes) => {
  const cache = new TailCache(new CacheBudget(32 * mebibyte), mebibyte)
  const request = new Uint8Array(mebibyte).fill(7)
  cache.add({ baseOffset: 0n, nextOffset: 1n, bytes: request.subarray(100, 100 + size) })
  const [kept] = cache.from(0n)!
  expect(kept!.bytes.length).toBe(size)
  expect(kept!.bytes.every((byte) => byte === 7)).toBe(true)
  expect(kept!.bytes.buffer.byteLength).toBe(keptBytes)
})

test('appends that are small count for what they take besides their bytes', () => {
  const budget = new CacheBudget(32 * mebibyte)
  const cache = new TailCache(budget, mebibyte)
  const count = 20_000
  for (let i = 0n; i < count; i++)
    cache.add({ baseOffset: i, nextOffset: i + 1n, bytes: new Uint8Array(100) })
  const kept = cache.from(oldestIn(cache, count))!
  expect(kept.length).toBeLessThan(mebibyte / 300)
  expect(budget.usedBytes).toBeLessThanOrEqual(mebibyte)
  cache.clear()
  expect(budget.usedBytes).toBe(0)
})

function oldestIn(cache: TailCache, count: number): bigint {
  for (let offset = 0n; offset < count; offset++) if (cache.from(offset)) return offset
  throw new Error('nothing is cached')
}
