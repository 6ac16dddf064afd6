/** What damage does to bytes: the ways of a bad network, a bad disk, a wrong version, and malice. */
import type { SeededRandom } from '../simulation/random.ts'

/** Values that lengths, counts and sizes are checked against, or should be. */
const treacherous = [-1, -2, 0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x10000, 0x7fffffff, -0x80000000]

export function randomBytes(random: SeededRandom, size: number): Uint8Array {
  return Uint8Array.from({ length: size }, () => random.below(256))
}

/** A copy with one to four changes. */
export function damagedCopy(random: SeededRandom, bytes: Uint8Array): Uint8Array {
  let copy: Uint8Array = Uint8Array.from(bytes)
  for (let changes = 1 + random.below(4); changes > 0; changes--) copy = damage(random, copy)
  return copy
}

function damage(random: SeededRandom, bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) return randomBytes(random, 1 + random.below(8))
  const at = random.below(bytes.length)
  switch (random.below(8)) {
    case 0:
      bytes[at]! ^= 1 << random.below(8)
      return bytes
    case 1:
      bytes[at] = random.below(256)
      return bytes
    case 2:
      return writeNumber(random, bytes, at)
    case 3:
      // An endless varint.
      return bytes.fill(0xff, at, at + 1 + random.below(12))
    case 4:
      return bytes.slice(0, at)
    case 5:
      return joined(
        bytes.subarray(0, at),
        bytes.subarray(Math.min(bytes.length, at + 1 + random.below(8))),
      )
    case 6:
      return joined(
        bytes.subarray(0, at),
        randomBytes(random, 1 + random.below(16)),
        bytes.subarray(at),
      )
    default:
      // A part of it twice.
      return joined(bytes.subarray(0, at), bytes.subarray(random.below(at + 1)))
  }
}

function writeNumber(random: SeededRandom, bytes: Uint8Array, at: number): Uint8Array {
  const value = treacherous[random.below(treacherous.length)]!
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const size = [2, 4, 8][random.below(3)]!
  if (at + size > bytes.length) bytes[at] = value & 0xff
  else if (size === 2) view.setInt16(at, value)
  else if (size === 4) view.setInt32(at, value)
  else view.setBigInt64(at, random.chance(0.5) ? BigInt(value) : 2n ** 63n - 1n)
  return bytes
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

export function pick<T>(random: SeededRandom, choices: readonly T[]): T {
  return choices[random.below(choices.length)]!
}
