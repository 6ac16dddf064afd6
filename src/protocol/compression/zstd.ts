/**
 * Zstandard (RFC 8878): the runtime's own from Node 22.15, else a WebAssembly build. The WebAssembly one is told how
 * much room the output needs: the frame's content size where it is given, else blocks times their largest size.
 */
import { CorruptDataError } from '../../core/errors.ts'
import { type Codec, tooLarge } from './codec.ts'
import { nodeZlib } from './node-zlib.ts'

const frameMagic = 0xfd2fb528
const blockBytesMax = 128 * 1024

export async function loadZstd(): Promise<Codec> {
  return loadBuiltIn() ?? (await loadPortable())
}

export function loadBuiltIn(): Codec | undefined {
  const zlib = nodeZlib()
  const { zstdCompressSync, zstdDecompressSync } = zlib ?? {}
  if (!zstdCompressSync || !zstdDecompressSync) return undefined
  return {
    name: 'zstd',
    compress: (bytes) => zstdCompressSync(bytes),
    decompress(bytes, bytesMax) {
      try {
        return zstdDecompressSync(bytes, { maxOutputLength: bytesMax })
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
          throw tooLarge('zstd', bytesMax)
        throw error
      }
    },
  }
}

export async function loadPortable(): Promise<Codec> {
  const zstd = await import('@bokuweb/zstd-wasm')
  await zstd.init()
  return {
    name: 'zstd',
    compress: (bytes) => zstd.compress(bytes, 3),
    decompress: (bytes, bytesMax) =>
      zstd.decompress(bytes, { defaultHeapSize: outputBound(bytes, bytesMax) }),
  }
}

/** The most that a frame can decompress to. Throws `CorruptDataError` for a damaged frame or one past `bytesMax`. */
function outputBound(bytes: Uint8Array, bytesMax: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 9 || view.getUint32(0, true) !== frameMagic)
    throw corrupt('it has no frame header')
  const descriptor = bytes[4]!
  const isSingleSegment = (descriptor & 0x20) !== 0
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!
  const sizeAt = 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes
  let at = sizeAt + sizeBytes
  if (at > bytes.length) throw corrupt('it is cut short')
  let declared = 0
  for (let i = sizeBytes - 1; i >= 0; i--) declared = declared * 256 + bytes[sizeAt + i]!
  if (sizeBytes === 2) declared += 256
  if (declared > bytesMax) throw tooLarge('zstd', bytesMax)
  let bound = 0
  for (let isLast = false; !isLast; ) {
    if (at + 3 > bytes.length) throw corrupt('it is cut short')
    const header = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)
    isLast = (header & 1) === 1
    const type = (header >> 1) & 3
    const size = header >> 3
    if (type === 3) throw corrupt('a block has a reserved type')
    bound += type === 2 ? blockBytesMax : size
    at += 3 + (type === 1 ? 1 : size)
    if (at > bytes.length) throw corrupt('it is cut short')
  }
  if (sizeBytes > 0 && declared > bound) throw corrupt('it claims to hold more than its blocks can')
  return sizeBytes > 0 ? Math.max(1, declared) : Math.min(bound, bytesMax + 1)
}

function corrupt(what: string): CorruptDataError {
  return new CorruptDataError(`zstd data is damaged: ${what}`, { code: 'CORRUPT_MESSAGE' })
}
