/** The two kinds of copying that LZ77 formats (LZ4, Snappy) are made of, and their match finder's hash. */

/** Below this many bytes a loop is faster than a call out of JavaScript. */
const loopMax = 48

export function copyLiterals(
  target: Uint8Array,
  at: number,
  source: Uint8Array,
  start: number,
  length: number,
): void {
  if (length > loopMax) target.set(source.subarray(start, start + length), at)
  else for (let i = 0; i < length; i++) target[at + i] = source[start + i]!
}

/** Copies `length` bytes from `distance` bytes back to `at`; with a shorter distance the bytes repeat. */
export function copyMatch(target: Uint8Array, at: number, distance: number, length: number): void {
  const from = at - distance
  if (length <= loopMax) {
    for (let i = 0; i < length; i++) target[at + i] = target[from + i]!
  } else if (distance === 1) {
    target.fill(target[from]!, at, at + length)
  } else {
    // Each copy doubles what can be copied next.
    let done = 0
    while (done < length) {
      const run = Math.min(length - done, distance + done)
      target.copyWithin(at + done, from, from + run)
      done += run
    }
  }
}

const hashBits = 14
export const hashTableLength = 1 << hashBits

/** Where in a table of `hashTableLength` four bytes, read as a little-endian number, belong. */
export function hashOf(fourBytes: number): number {
  return Math.imul(fourBytes, 0x9e3779b1) >>> (32 - hashBits)
}

/** The same of five bytes: fewer, but longer matches are found. */
export function hashOfFive(fourBytes: number, fifth: number): number {
  return (Math.imul(fourBytes, 0x9e3779b1) + Math.imul(fifth, 0x85ebca6b)) >>> (32 - hashBits)
}

export function readFourBytes(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}
