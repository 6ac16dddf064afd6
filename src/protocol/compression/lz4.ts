/**
 * LZ4 in its frame format (version 1.6.4), as Kafka uses it:
 *
 *   magic 0x184D2204 | FLG | BD | [content size 8] [dictionary id 4] | HC | (size 4, block, [checksum 4])… | 0 int32 |
 *   [content checksum 4]
 *
 * Numbers are little-endian; a size with the highest bit set is of a block that is not compressed. What is written: no
 * checksums (the batch has its own) and independent blocks of 64 KiB, which is all that Kafka's Java client reads.
 */
import { allocateBytes } from '../../core/bytes.ts'
import type { Codec } from './codec.ts'
import { damaged, tooLarge } from './damaged-data.ts'
import {
  compressLz4Block,
  decompressLz4Block,
  lz4BlockBound,
  measureLz4Block,
} from './lz4-block.ts'

const magic = 0x184d2204
const blockBytes = 65_536
/** Magic, FLG (version 1, independent blocks), BD (64 KiB), HC (the second byte of the xxHash32 of the two before). */
const frameHeader = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]
const rawFlag = 0x80000000

interface Block {
  readonly start: number
  readonly end: number
  readonly isRaw: boolean
}

export const lz4Codec: Codec = {
  name: 'lz4',
  compress(bytes) {
    const blockCount = Math.ceil(bytes.length / blockBytes)
    const bound =
      frameHeader.length + blockCount * (4 + lz4BlockBound(0)) + lz4BlockBound(bytes.length) + 4
    const output = new Uint8Array(bound)
    const view = new DataView(output.buffer)
    output.set(frameHeader)
    let at = frameHeader.length
    for (let start = 0; start < bytes.length; start += blockBytes) {
      const end = Math.min(bytes.length, start + blockBytes)
      const size = compressLz4Block(bytes, start, end, output, at + 4) - at - 4
      if (size < end - start) {
        view.setUint32(at, size, true)
        at += 4 + size
      } else {
        view.setUint32(at, (end - start) | rawFlag, true)
        output.set(bytes.subarray(start, end), at + 4)
        at += 4 + end - start
      }
    }
    view.setUint32(at, 0, true)
    return output.subarray(0, at + 4)
  },
  decompress(bytes, bytesMax) {
    const { blocks, size } = readFrame(bytes, bytesMax)
    const output = allocateBytes(size)
    let at = 0
    for (const { start, end, isRaw } of blocks) {
      if (!isRaw) at = decompressLz4Block(bytes, start, end, output, at)
      else {
        output.set(bytes.subarray(start, end), at)
        at += end - start
      }
    }
    return output
  },
}

/** The frame's blocks and what they hold together; nothing is allocated for a size that is only claimed. */
function readFrame(bytes: Uint8Array, bytesMax: number): { blocks: Block[]; size: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 11 || view.getUint32(0, true) !== magic)
    throw damaged('lz4', 'it is not a frame')
  const flags = bytes[4]!
  if (flags >> 6 !== 1) throw damaged('lz4', `its version is ${flags >> 6}`)
  const isIndependent = (flags & 0x20) !== 0
  const checksumBytes = flags & 0x10 ? 4 : 0
  const blocks: Block[] = []
  let size = 0
  let at = 7 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0)
  for (;;) {
    if (at + 4 > bytes.length) throw damaged('lz4', 'it is cut short')
    const word = view.getUint32(at, true)
    if (word === 0) return { blocks, size }
    const isRaw = word >= rawFlag
    const start = at + 4
    const end = start + (word & 0x7fffffff)
    if (end > bytes.length) throw damaged('lz4', 'it is cut short')
    size += isRaw ? end - start : measureLz4Block(bytes, start, end, isIndependent ? 0 : size)
    if (size > bytesMax) throw tooLarge('lz4', bytesMax)
    blocks.push({ start, end, isRaw })
    at = end + checksumBytes
  }
}
