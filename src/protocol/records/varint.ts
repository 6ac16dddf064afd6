/** Sizes of the zigzag varints of records (KIP-98), and the 64-bit arithmetic that JavaScript numbers lack. */

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

const isInt32 = (value: number) => value === (value | 0)

/** Bytes of a signed safe integer as a zigzag varlong: 1 to 8. */
export function varlongSize(value: number): number {
  if (isInt32(value)) return varintSize(value)
  let zigzag = value < 0 ? -2 * value - 1 : 2 * value
  let size = 1
  for (; zigzag >= 0x80; zigzag = Math.floor(zigzag / 0x80)) size++
  return size
}

/** Writes a signed integer of at most 52 bits; returns the position after it. */
export function writeVarlong(target: Uint8Array, at: number, value: number): number {
  if (isInt32(value)) return writeVarint(target, at, value)
  let zigzag = value < 0 ? -2 * value - 1 : 2 * value
  let position = at
  for (; zigzag >= 0x80; zigzag = Math.floor(zigzag / 0x80)) target[position++] = (zigzag % 0x80) | 0x80
  target[position++] = zigzag
  return position
}
