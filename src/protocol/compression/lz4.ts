/**
 * LZ4 in its frame format (magic 0x184D2204): the native add-on where it is installed, else lz4js. The frame's blocks
 * are walked first: block count times block size bounds the output before anything is decompressed.
 */
import { CorruptDataError } from '../../core/errors.ts'
import { type Codec, tooLarge } from './codec.ts'

const frameMagic = 0x184d2204

interface FrameLz4 {
  compress(bytes: Uint8Array): Uint8Array
  decompress(bytes: Uint8Array, bytesMax: number): Uint8Array
}

export async function loadLz4(): Promise<Codec> {
  return lz4Codec((await loadNative()) ?? (await loadPortable()))
}

export async function loadNative(): Promise<FrameLz4 | undefined> {
  try {
    const lz4 = await import('lz4-napi')
    return {
      compress: (bytes) => lz4.compressFrameSync(asBuffer(bytes)),
      decompress: (bytes) => lz4.decompressFrameSync(asBuffer(bytes)),
    }
  } catch {
    return undefined
  }
}

export async function loadPortable(): Promise<FrameLz4> {
  const { default: lz4 } = (await import('lz4js' as string)) as {
    default: {
      compress(bytes: Uint8Array): Uint8Array
      decompress(bytes: Uint8Array, bytesMax: number): Uint8Array
    }
  }
  return {
    compress: (bytes) => lz4.compress(bytes),
    decompress: (bytes, bytesMax) => lz4.decompress(bytes, bytesMax),
  }
}

export function lz4Codec(frames: FrameLz4): Codec {
  return {
    name: 'lz4',
    compress: (bytes) => frames.compress(bytes),
    decompress: (bytes, bytesMax) => frames.decompress(bytes, outputBound(bytes, bytesMax)),
  }
}

/** The most that a frame can decompress to. Throws `CorruptDataError` for a damaged frame or one past `bytesMax`. */
function outputBound(bytes: Uint8Array, bytesMax: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 11 || view.getUint32(0, true) !== frameMagic)
    throw corrupt('it has no frame header')
  const flags = bytes[4]!
  const blockMax = [65_536, 262_144, 1_048_576, 4_194_304][((bytes[5]! >> 4) & 7) - 4]
  if (blockMax === undefined) throw corrupt('its block size is not one of the four')
  const hasBlockChecksum = (flags & 0x10) !== 0
  let at = 7 + (flags & 0x08 ? 8 : 0) + (flags & 0x01 ? 4 : 0)
  let bound = 0
  for (;;) {
    if (at + 4 > bytes.length) throw corrupt('it is cut short')
    const word = view.getUint32(at, true)
    at += 4
    if (word === 0) return bound
    const size = word & 0x7fffffff
    if (size > blockMax || at + size > bytes.length)
      throw corrupt('a block is longer than it may be')
    // A match makes at most 255 bytes of one.
    bound += Math.min(blockMax, word >= 0x80000000 ? size : size * 255)
    if (bound > bytesMax + blockMax) throw tooLarge('lz4', bytesMax)
    at += size + (hasBlockChecksum ? 4 : 0)
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function corrupt(what: string): CorruptDataError {
  return new CorruptDataError(`lz4 data is damaged: ${what}`, { code: 'CORRUPT_MESSAGE' })
}
