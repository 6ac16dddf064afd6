/**
 * LZ4 blocks (the LZ4 block format description, version 1.6): a block is a run of sequences, each a token, literals and a
 * match of at least 4 bytes at most 65,535 back; the last sequence has literals only.
 */
import { damaged } from './damaged-data.ts'
import {
  copyLiterals,
  copyMatch,
  hashOfFive,
  hashTableLength,
  readFourBytes,
} from './match-copy.ts'

const matchMin = 4
const distanceMax = 65_535
/** The format demands that the last five bytes are literals, and that no match begins in the last twelve. */
const lastLiterals = 5
const matchStartMargin = 12

const table = new Int32Array(hashTableLength)

/** The most that a block of `size` bytes takes when it is compressed. */
export function lz4BlockBound(size: number): number {
  return size + Math.floor(size / 255) + 16
}

/** Compresses `input[start, end)` to `output` from `at` on, where `lz4BlockBound` bytes are free; returns the end. */
export function compressLz4Block(
  input: Uint8Array,
  start: number,
  end: number,
  output: Uint8Array,
  at: number,
): number {
  let out = at
  let anchor = start
  if (end - start > matchStartMargin) {
    // Positions are kept relative to the block's start, one more than they are: 0 is none.
    table.fill(0)
    const matchStartEnd = end - matchStartMargin
    const matchEnd = end - lastLiterals
    let position = start
    // The longer nothing matches, the larger the steps.
    let misses = 1 << 6
    while (position <= matchStartEnd) {
      const four = readFourBytes(input, position)
      const slot = hashOfFive(four, input[position + 4]!)
      let candidate = start + table[slot]! - 1
      table[slot] = position - start + 1
      if (
        candidate < start ||
        position - candidate > distanceMax ||
        readFourBytes(input, candidate) !== four
      ) {
        position += misses++ >> 6
        continue
      }
      while (
        position > anchor &&
        candidate > start &&
        input[position - 1] === input[candidate - 1]
      ) {
        position--
        candidate--
      }
      let length = matchMin
      while (
        position + length < matchEnd &&
        input[position + length] === input[candidate + length]
      ) {
        length++
      }
      out = writeSequence(
        output,
        out,
        input,
        anchor,
        position - anchor,
        position - candidate,
        length,
      )
      position += length
      anchor = position
      misses = 1 << 6
      table[hashOfFive(readFourBytes(input, position - 2), input[position + 2]!)] =
        position - 1 - start
    }
  }
  return writeLastLiterals(output, out, input, anchor, end - anchor)
}

function writeSequence(
  output: Uint8Array,
  at: number,
  input: Uint8Array,
  start: number,
  literals: number,
  distance: number,
  length: number,
): number {
  const extra = length - matchMin
  let out = at + 1
  output[at] = (Math.min(literals, 15) << 4) | Math.min(extra, 15)
  if (literals >= 15) out = writeLength(output, out, literals - 15)
  copyLiterals(output, out, input, start, literals)
  out += literals
  output[out++] = distance & 0xff
  output[out++] = distance >> 8
  return extra >= 15 ? writeLength(output, out, extra - 15) : out
}

function writeLastLiterals(
  output: Uint8Array,
  at: number,
  input: Uint8Array,
  start: number,
  literals: number,
): number {
  let out = at + 1
  output[at] = Math.min(literals, 15) << 4
  if (literals >= 15) out = writeLength(output, out, literals - 15)
  copyLiterals(output, out, input, start, literals)
  return out + literals
}

function writeLength(output: Uint8Array, at: number, length: number): number {
  let out = at
  let left = length
  for (; left >= 255; left -= 255) output[out++] = 255
  output[out++] = left
  return out
}

/**
 * How many bytes the block at `input[start, end)` holds, found without decompressing it. `before` bytes that matches may
 * refer to stand before it. Throws `CorruptDataError` unless `decompressLz4Block` can decompress it.
 */
export function measureLz4Block(
  input: Uint8Array,
  start: number,
  end: number,
  before: number,
): number {
  let at = start
  let size = 0
  while (at < end) {
    const token = input[at++]!
    let literals = token >> 4
    if (literals === 15) {
      for (let more = 255; more === 255; literals += more) {
        if (at >= end) throw cutShort()
        more = input[at++]!
      }
    }
    at += literals
    size += literals
    if (at === end) return size
    if (at + 2 > end) throw cutShort()
    const distance = input[at]! | (input[at + 1]! << 8)
    at += 2
    if (distance === 0 || distance > before + size)
      throw damaged('lz4', 'a match refers to nothing')
    let length = token & 15
    if (length === 15) {
      for (let more = 255; more === 255; length += more) {
        if (at >= end) throw cutShort()
        more = input[at++]!
      }
    }
    size += length + matchMin
  }
  throw cutShort()
}

/** Decompresses a block that `measureLz4Block` has accepted to `output` from `at` on; returns the end. */
export function decompressLz4Block(
  input: Uint8Array,
  start: number,
  end: number,
  output: Uint8Array,
  at: number,
): number {
  let position = start
  let out = at
  for (;;) {
    const token = input[position++]!
    let literals = token >> 4
    if (literals === 15) {
      for (let more = 255; more === 255; literals += more) more = input[position++]!
    }
    copyLiterals(output, out, input, position, literals)
    position += literals
    out += literals
    if (position >= end) return out
    const distance = input[position]! | (input[position + 1]! << 8)
    position += 2
    let length = (token & 15) + matchMin
    if (length === 15 + matchMin) {
      for (let more = 255; more === 255; length += more) more = input[position++]!
    }
    copyMatch(output, out, distance, length)
    out += length
  }
}

function cutShort(): Error {
  return damaged('lz4', 'a block is cut short')
}
