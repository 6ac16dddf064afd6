/**
 * Raw Snappy (google/snappy's format_description.txt): the decompressed length as a varint, then elements. The low two
 * bits of an element's tag say what it is: 0 a literal, 1 to 3 a copy whose offset has 11, 16 or 32 bits.
 */
import { damaged } from './damaged-data.ts'
import { copyLiterals, copyMatch, hashOf, hashTableLength, readFourBytes } from './match-copy.ts'

const matchMin = 4
const copyMax = 64
/** Offsets have at most 16 bits here: longer input is compressed in parts that know nothing of each other. */
const partBytes = 65_536

const table = new Int32Array(hashTableLength)

export function snappyBound(size: number): number {
  return 32 + size + Math.floor(size / 6)
}

/** Compresses `input[start, end)` to `output` from `at` on, where `snappyBound` bytes are free; returns the end. */
export function compressSnappy(
  input: Uint8Array,
  start: number,
  end: number,
  output: Uint8Array,
  at: number,
): number {
  let out = at
  let length = end - start
  for (; length >= 0x80; length >>>= 7) output[out++] = (length & 0x7f) | 0x80
  output[out++] = length
  for (let part = start; part < end; part += partBytes) {
    out = compressPart(input, part, Math.min(end, part + partBytes), output, out)
  }
  return out
}

function compressPart(
  input: Uint8Array,
  start: number,
  end: number,
  output: Uint8Array,
  at: number,
): number {
  let out = at
  let anchor = start
  let position = start
  // The longer nothing matches, the larger the steps.
  let misses = 1 << 5
  // Positions are kept relative to the part's start, one more than they are: 0 is none.
  table.fill(0)
  while (position + matchMin <= end) {
    const four = readFourBytes(input, position)
    const slot = hashOf(four)
    const candidate = start + table[slot]! - 1
    table[slot] = position - start + 1
    if (candidate < start || readFourBytes(input, candidate) !== four) {
      position += misses++ >> 5
      continue
    }
    let length = matchMin
    while (position + length < end && input[position + length] === input[candidate + length])
      length++
    if (position > anchor) out = writeLiteral(output, out, input, anchor, position - anchor)
    out = writeCopies(output, out, position - candidate, length)
    position += length
    anchor = position
    misses = 1 << 5
  }
  return anchor < end ? writeLiteral(output, out, input, anchor, end - anchor) : out
}

function writeLiteral(
  output: Uint8Array,
  at: number,
  input: Uint8Array,
  start: number,
  length: number,
): number {
  const size = length - 1
  let out = at
  if (size < 60) output[out++] = size << 2
  else if (size < 256) {
    output[out++] = 60 << 2
    output[out++] = size
  } else {
    output[out++] = 61 << 2
    output[out++] = size & 0xff
    output[out++] = size >> 8
  }
  copyLiterals(output, out, input, start, length)
  return out + length
}

function writeCopies(output: Uint8Array, at: number, distance: number, length: number): number {
  let out = at
  let left = length
  while (left > 0) {
    // What remains should be enough for the shorter kind of copy.
    const size =
      left > copyMax && left < copyMax + matchMin ? copyMax - matchMin : Math.min(left, copyMax)
    if (size >= 4 && size < 12 && distance < 2048) {
      output[out++] = 1 | ((size - 4) << 2) | ((distance >> 8) << 5)
      output[out++] = distance & 0xff
    } else {
      output[out++] = 2 | ((size - 1) << 2)
      output[out++] = distance & 0xff
      output[out++] = distance >> 8
    }
    left -= size
  }
  return out
}

/**
 * How many bytes `input[start, end)` says that it holds. Throws `CorruptDataError` for a length that so few bytes cannot
 * decompress to, so that nothing is allocated for a lie.
 */
export function measureSnappy(input: Uint8Array, start: number, end: number): number {
  let length = 0
  for (let at = start, factor = 1; at < Math.min(end, start + 5); at++, factor *= 128) {
    const byte = input[at]!
    length += (byte & 0x7f) * factor
    if (byte >= 0x80) continue
    // No element makes more than 64 bytes of 3.
    if (length > ((end - at) / 3) * copyMax) {
      throw damaged('snappy', `${end - start} bytes claim to hold ${length}`)
    }
    return length
  }
  throw damaged('snappy', 'its length is missing')
}

/** Decompresses `input[start, end)` to all of `output[at, outputEnd)`. Throws `CorruptDataError`. */
export function decompressSnappy(
  input: Uint8Array,
  start: number,
  end: number,
  output: Uint8Array,
  at: number,
  outputEnd: number,
): void {
  let position = start
  while (input[position]! >= 0x80) position++
  position++
  let out = at
  while (position < end) {
    const tag = input[position++]!
    const kind = tag & 3
    let length = (tag >> 2) + 1
    if (kind === 0) {
      const lengthBytes = length - 60
      if (lengthBytes > 0) {
        length = readNumber(input, position, lengthBytes) + 1
        position += lengthBytes
      }
      if (position + length > end || out + length > outputEnd) throw outOfBounds()
      copyLiterals(output, out, input, position, length)
      position += length
    } else {
      let distance: number
      if (kind === 1) {
        length = ((tag >> 2) & 7) + 4
        distance = ((tag >> 5) << 8) | input[position]!
        position++
      } else {
        const offsetBytes = kind === 2 ? 2 : 4
        distance = readNumber(input, position, offsetBytes)
        position += offsetBytes
      }
      if (position > end || distance === 0 || distance > out - at || out + length > outputEnd) {
        throw outOfBounds()
      }
      copyMatch(output, out, distance, length)
    }
    out += length
  }
  if (out !== outputEnd) throw damaged('snappy', 'it holds less than it says')
}

/** Past the end of the data the bytes count as 0; the caller checks where it has got to. */
function readNumber(bytes: Uint8Array, at: number, size: number): number {
  let value = 0
  for (let i = size - 1; i >= 0; i--) value = value * 256 + (bytes[at + i] ?? 0)
  return value
}

function outOfBounds(): Error {
  return damaged('snappy', 'an element is longer than there is room')
}
