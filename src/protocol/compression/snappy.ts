/**
 * Snappy as Kafka writes it: the framing of xerial's snappy-java around raw Snappy blocks.
 *
 *   magic 0x82 "SNAPPY" 0 | version int32 1 | lowest compatible version int32 1 | (length int32, raw block)…
 *
 * Some producers write one raw block without the framing; that is read too.
 */
import { allocateBytes } from '../../core/bytes.ts'
import type { Codec } from './codec.ts'
import { damaged, tooLarge } from './damaged-data.ts'
import { compressSnappy, decompressSnappy, measureSnappy, snappyBound } from './snappy-block.ts'

const header = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]
const magicBytes = 8
const blockBytes = 32 * 1024

export const snappyCodec: Codec = {
  name: 'snappy',
  compress(bytes) {
    const blockCount = Math.ceil(bytes.length / blockBytes)
    const bound = header.length + blockCount * (4 + snappyBound(0)) + snappyBound(bytes.length)
    const output = new Uint8Array(bound)
    const view = new DataView(output.buffer)
    output.set(header)
    let at = header.length
    for (let start = 0; start < bytes.length; start += blockBytes) {
      const end = Math.min(bytes.length, start + blockBytes)
      const blockEnd = compressSnappy(bytes, start, end, output, at + 4)
      view.setInt32(at, blockEnd - at - 4)
      at = blockEnd
    }
    return output.subarray(0, at)
  },
  decompress(bytes, bytesMax) {
    if (!isFramed(bytes)) {
      const size = measureSnappy(bytes, 0, bytes.length)
      if (size > bytesMax) throw tooLarge('snappy', bytesMax)
      const output = allocateBytes(size)
      decompressSnappy(bytes, 0, bytes.length, output, 0, size)
      return output
    }
    let size = 0
    for (let at = header.length; at < bytes.length; at = blockEnd(bytes, at)) {
      size += measureSnappy(bytes, at + 4, blockEnd(bytes, at))
      if (size > bytesMax) throw tooLarge('snappy', bytesMax)
    }
    const output = allocateBytes(size)
    let written = 0
    for (let at = header.length; at < bytes.length; at = blockEnd(bytes, at)) {
      const end = blockEnd(bytes, at)
      const writtenEnd = written + measureSnappy(bytes, at + 4, end)
      decompressSnappy(bytes, at + 4, end, output, written, writtenEnd)
      written = writtenEnd
    }
    return output
  },
}

function isFramed(bytes: Uint8Array): boolean {
  if (bytes.length < header.length) return false
  for (let i = 0; i < magicBytes; i++) if (bytes[i] !== header[i]) return false
  return true
}

/** The end of the block whose length stands at `at`. */
function blockEnd(bytes: Uint8Array, at: number): number {
  if (at + 4 > bytes.length) throw damaged('snappy', 'it is cut short')
  const length = new DataView(bytes.buffer, bytes.byteOffset + at, 4).getInt32(0)
  if (length < 0 || at + 4 + length > bytes.length) throw damaged('snappy', 'it is cut short')
  return at + 4 + length
}
