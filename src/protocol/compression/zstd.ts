/**
 * Zstandard (RFC 8878): the runtime's own from Node 22.15, else a WebAssembly build. That one is told how much room each
 * frame needs: its content size where it is given, else what its blocks can hold at most. Both are checked against the
 * limit first, and a content size against the blocks, so nothing is allocated for a size that is only claimed.
 */
import { concatBytes, plainBytes } from '../../core/bytes.ts'
import { requirePackage } from '../optional-package.ts'
import type { Codec } from './codec.ts'
import { damaged, tooLarge } from './damaged-data.ts'
import { isOutputTooLarge, nodeZlib } from './node-zlib.ts'

const level = 3
const frameMagic = 0xfd2fb528
const skippableMagic = 0x184d2a50
const blockBytesMax = 128 * 1024

export async function loadZstd(): Promise<Codec> {
  return builtInZstd() ?? (await loadPortableZstd())
}

function builtInZstd(): Codec | undefined {
  const { zstdCompressSync, zstdDecompressSync } = nodeZlib() ?? {}
  if (!zstdCompressSync || !zstdDecompressSync) return undefined
  return {
    name: 'zstd',
    compress: (bytes) => plainBytes(zstdCompressSync(bytes)),
    decompress: (bytes, bytesMax) =>
      decompressFrames(bytes, bytesMax, (frame, roomBytes) => {
        try {
          return plainBytes(zstdDecompressSync(frame, { maxOutputLength: roomBytes }))
        } catch (error) {
          throw isOutputTooLarge(error) ? tooLarge('zstd', bytesMax) : error
        }
      }),
  }
}

export async function loadPortableZstd(): Promise<Codec> {
  const zstd = await importZstd()
  await initOnce(zstd)
  return {
    name: 'zstd',
    compress: (bytes) => zstd.compress(bytes, level),
    decompress: (bytes, bytesMax) =>
      decompressFrames(bytes, bytesMax, (frame, roomBytes) =>
        zstd.decompress(frame, { defaultHeapSize: roomBytes }),
      ),
  }
}

type ZstdPackage = typeof import('@bokuweb/zstd-wasm')

async function importZstd(): Promise<ZstdPackage> {
  const required = requirePackage('@bokuweb/zstd-wasm') as ZstdPackage | undefined
  if (required) return required
  try {
    return await import('@bokuweb/zstd-wasm')
  } catch (cause) {
    throw new Error('@bokuweb/zstd-wasm is not installed', { cause })
  }
}

const initializations = Symbol.for('kafka-do.zstd-wasm')

/** The package is broken once it was initialized again, also by another copy of this module in the process. */
function initOnce({ init }: ZstdPackage): Promise<void> {
  const shared = globalThis as { [initializations]?: WeakMap<object, Promise<void>> }
  shared[initializations] ??= new WeakMap()
  const begun = shared[initializations].get(init) ?? init()
  shared[initializations].set(init, begun)
  return begun
}

/** `decompress` is given a frame and the most that it may decompress to; both implementations read only one frame. */
function decompressFrames(
  bytes: Uint8Array,
  bytesMax: number,
  decompress: (frame: Uint8Array, roomBytes: number) => Uint8Array,
): Uint8Array {
  let left = bytesMax
  const parts: Uint8Array[] = []
  for (const { start, end, contentBytes, boundBytes } of readFrames(bytes)) {
    if ((contentBytes ?? 0) > left) throw tooLarge('zstd', bytesMax)
    const roomBytes = contentBytes ?? Math.min(boundBytes, left + 1)
    if (roomBytes === 0) continue
    const part = decompress(bytes.subarray(start, end), roomBytes)
    left -= part.length
    if (left < 0) throw tooLarge('zstd', bytesMax)
    parts.push(part)
  }
  return concatBytes(parts)
}

interface Frame {
  readonly start: number
  readonly end: number
  /** What the frame says that it holds, when it does. */
  readonly contentBytes: number | undefined
  /** What its blocks can hold at most. */
  readonly boundBytes: number
}

/** Where the frames of `bytes` are and what they hold. Throws `CorruptDataError`. */
function readFrames(bytes: Uint8Array): Frame[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const frames: Frame[] = []
  let at = 0
  do {
    if (at + 8 > bytes.length) throw cutShort()
    const magic = view.getUint32(at, true)
    if (magic >>> 4 === skippableMagic >>> 4) {
      at += 8 + view.getUint32(at + 4, true)
      if (at > bytes.length) throw cutShort()
      continue
    }
    if (magic !== frameMagic) throw damaged('zstd', 'it is not a frame')
    const frame = readFrame(bytes, at)
    frames.push(frame)
    at = frame.end
  } while (at < bytes.length)
  return frames
}

function readFrame(bytes: Uint8Array, start: number): Frame {
  const descriptor = bytes[start + 4]!
  const isSingleSegment = (descriptor & 0x20) !== 0
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!
  const sizeBytes = [isSingleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6]!
  const sizeAt = start + 5 + (isSingleSegment ? 0 : 1) + dictionaryBytes
  let at = sizeAt + sizeBytes
  if (at > bytes.length) throw cutShort()
  let contentBytes = sizeBytes === 2 ? 256 : 0
  for (let i = 0; i < sizeBytes; i++) contentBytes += bytes[sizeAt + i]! * 256 ** i
  let boundBytes = 0
  for (let isLast = false; !isLast; ) {
    if (at + 3 > bytes.length) throw cutShort()
    const block = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)
    isLast = (block & 1) === 1
    const type = (block >> 1) & 3
    const size = block >> 3
    if (type === 3 || size > blockBytesMax) throw damaged('zstd', 'a block is of no known kind')
    // A block of type 1 is one byte repeated.
    boundBytes += type === 2 ? blockBytesMax : size
    at += 3 + (type === 1 ? 1 : size)
  }
  if (descriptor & 4) at += 4
  if (at > bytes.length) throw cutShort()
  if (sizeBytes === 0) return { start, end: at, contentBytes: undefined, boundBytes }
  if (contentBytes > boundBytes) throw damaged('zstd', 'it says that it holds more than it can')
  return { start, end: at, contentBytes, boundBytes }
}

function cutShort(): Error {
  return damaged('zstd', 'it is cut short')
}
