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
