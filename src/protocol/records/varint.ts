/** Sizes and writing of the zigzag varints of records (KIP-98). */

/** Bytes of a signed 32-bit value as a zigzag varint: 1 to 5. */
export function varintSize(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  if (zigzag < 0x80) return 1
  if (zigzag < 0x4000) return 2
  if (zigzag < 0x200000) return 3
  return zigzag < 0x10000000 ? 4 : 5
}

/** Writes a signed 32-bit value; returns the position after it. */
export function writeVarint(target: Uint8Array, at: number, value: number): number {
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0
  let position = at
  while (zigzag >= 0x80) {
    target[position++] = (zigzag & 0x7f) | 0x80
    zigzag >>>= 7
  }
  target[position++] = zigzag
  return position
}

/** Writes `value - base`, both safe integers, as a varlong of 1 to 8 bytes; returns the position after it. */
export function writeDifference(
  target: Uint8Array,
  at: number,
  value: number,
  base: number,
): number {
  const difference = value - base
  if (difference === (difference | 0)) return writeVarint(target, at, difference)
  let position = at
  if (Math.abs(difference) < 2 ** 51) {
    let zigzag = difference < 0 ? -2 * difference - 1 : 2 * difference
    // The low four bytes' worth with integers, which are several times faster.
    for (; zigzag >= 2 ** 28; zigzag = Math.floor(zigzag / 128)) {
      target[position++] = (zigzag % 128) | 0x80
    }
    for (; zigzag >= 0x80; zigzag >>>= 7) target[position++] = (zigzag & 0x7f) | 0x80
    target[position++] = zigzag
    return position
  }
  // The difference as a number may have been rounded.
  const exact = BigInt(value) - BigInt(base)
  let zigzag = exact < 0n ? -2n * exact - 1n : 2n * exact
  for (; zigzag >= 0x80n; zigzag >>= 7n) target[position++] = Number(zigzag & 0x7fn) | 0x80
  target[position++] = Number(zigzag)
  return position
}
