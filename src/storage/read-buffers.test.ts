import { describe, expect, test } from 'vitest'
import { ReadBuffers } from './read-buffers.ts'

const kibibyte = 1024

describe('a buffer', () => {
  test('is used again once its bytes were released, by a read of about the same size', () => {
    const buffers = new ReadBuffers()
    const first = buffers.take(100 * kibibyte)
    buffers.release(buffers.own(first.subarray(10, 20)))
    const second = buffers.take(97 * kibibyte)
    expect(second).toHaveLength(97 * kibibyte)
    expect(second.buffer).toBe(first.buffer)
    expect(buffers.freeBytes).toBe(0)
  })

  test('is not used again twice, however often its bytes are released', () => {
    const buffers = new ReadBuffers()
    const bytes = buffers.own(buffers.take(8 * kibibyte))
    buffers.release(bytes)
    buffers.release(bytes)
    const [one, two] = [buffers.take(8 * kibibyte), buffers.take(8 * kibibyte)]
    expect(one.buffer).not.toBe(two.buffer)
    // Released before: another has the buffer now.
    buffers.release(bytes)
    expect(buffers.freeBytes).toBe(0)
  })

  test.each([
    ['that others may read', (buffers: ReadBuffers) => buffers.take(8 * kibibyte)],
    ['from elsewhere', () => new Uint8Array(8 * kibibyte)],
    ['of a small read', (buffers: ReadBuffers) => buffers.own(buffers.take(4 * kibibyte - 1))],
    ['of a large read', (buffers: ReadBuffers) => buffers.own(buffers.take(8 * 2 ** 20 + 1))],
  ])('%s is not used again', (_, bytesFrom) => {
    const buffers = new ReadBuffers()
    buffers.release(bytesFrom(buffers))
    expect(buffers.freeBytes).toBe(0)
  })
})

test('no more than a quarter is taken on top of what is asked for', () => {
  const buffers = new ReadBuffers()
  for (let size = 4 * kibibyte; size <= 8 * 2 ** 20; size += 40_093) {
    const bytes = buffers.take(size)
    expect(bytes).toHaveLength(size)
    expect(bytes.buffer.byteLength).toBeLessThanOrEqual(size * 1.25)
  }
})

test('free buffers are limited to 16 MiB', () => {
  const buffers = new ReadBuffers()
  const all = Array.from({ length: 20 }, () => buffers.own(buffers.take(2 ** 20)))
  for (const bytes of all) buffers.release(bytes)
  expect(buffers.freeBytes).toBe(16 * 2 ** 20)
})
