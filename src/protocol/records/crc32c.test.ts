import fc from 'fast-check'
import { expect, test } from 'vitest'
import { crc32c, portableCrc32c } from './crc32c.ts'

test.each([
  ['nothing', new Uint8Array(0), 0],
  ['the usual check value', new TextEncoder().encode('123456789'), 0xe3069283],
  // RFC 3720, appendix B.4.
  ['32 zeros', new Uint8Array(32), 0x8a9136aa],
  ['32 times 255', new Uint8Array(32).fill(255), 0x62a8ab43],
  ['0 to 31', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
  ['31 to 0', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
])('the checksum of %s is known', (_, bytes, checksum) => {
  expect(crc32c(bytes)).toBe(checksum)
  expect(portableCrc32c(bytes)).toBe(checksum)
})

test('the tables and the native add-on agree, on any part of an array of any length', () => {
  const range = fc.tuple(fc.uint8Array({ maxLength: 2000, size: 'max' }), fc.nat(50), fc.nat(50))
  fc.assert(
    fc.property(range, ([bytes, start, cut]) => {
      const end = Math.max(start, bytes.length - cut)
      const part = bytes.slice(start, end)
      expect(
        portableCrc32c(bytes, Math.min(start, bytes.length), Math.min(end, bytes.length)),
      ).toBe(crc32c(part))
      expect(crc32c(part)).toBe(bitByBit(part))
    }),
  )
})

/** The definition, without tables. */
function bitByBit(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return (crc ^ 0xffffffff) >>> 0
}
