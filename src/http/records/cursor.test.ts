import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isCursor, readCursor, writeCursor } from './cursor.ts'

const topicId = 'AbCdEfGhIjKlMnOpQrStU-'

test('a cursor says what was written into it', () => {
  const offsets = fc.dictionary(fc.nat(20).map(String), fc.bigInt(0n, 2n ** 63n - 1n))
  fc.assert(
    fc.property(offsets, (given) => {
      const map = new Map(
        Object.entries(given).map(([partition, offset]) => [Number(partition), offset]),
      )
      const text = writeCursor(topicId, map)
      expect(isCursor(text)).toBe(true)
      expect(encodeURIComponent(text)).toBe(text)
      expect(readCursor(text)).toEqual({ topicId, offsets: map })
    }),
  )
})

test.each([
  'c1.',
  'c1.short.0',
  `c1.${topicId}.zzzzzzzzzzzzzz`,
  `c1.${topicId}.A`,
  `c1.${topicId}.1y2p0ij32e8e8`,
  `c2.${topicId}.0`,
])('%s is none', (text) => {
  expect(() => readCursor(text)).toThrow('no cursor of this API')
})
