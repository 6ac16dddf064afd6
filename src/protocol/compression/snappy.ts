/**
 * Snappy as Kafka writes it: the framing of xerial's snappy-java around raw Snappy blocks.
 *
 *   magic 0x82 "SNAPPY" 0 | version int32 1 | lowest compatible version int32 1 | (length int32, raw block)…
 *
 * Some producers write one raw block without the framing; that is read too. A raw block begins with its
 * decompressed length as a varint, which is checked before anything is allocated.
 */
import { allocateBytes, concatBytes } from '../../core/bytes.ts'
import { CorruptDataError } from '../../core/errors.ts'
import { type Codec, tooLarge } from './codec.ts'

const magic = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0]
const frameHeaderBytes = 16
const blockBytes = 32 * 1024

interface RawSnappy {
  compress(bytes: Uint8Array): Uint8Array
  uncompress(bytes: Uint8Array): Uint8Array
}

export async function loadSnappy(): Promise<Codec> {
  return snappyCodec((await loadNative()) ?? (await loadPortable()))
}

export async function loadNative(): Promise<RawSnappy | undefined> {
  try {
    const snappy = await import('snappy')
    return {
      compress: (bytes) => snappy.compressSync(bytes as Buffer),
      uncompress: (bytes) => snappy.uncompressSync(bytes as Buffer, { asBuffer: true }) as Buffer,
    }
  } catch {
    return undefined
  }
}

export async function loadPortable(): Promise<RawSnappy> {
  const { default: snappy } = (await import('snappyjs' as string)) as { default: RawSnappy }
  return snappy
}

export function snappyCodec(raw: RawSnappy): Codec {
  return {
    name: 'snappy',
    compress(bytes) {
      const header = allocateBytes(frameHeaderBytes)
      header.set(magic)
      header.set([0, 0, 0, 1, 0, 0, 0, 1], magic.length)
      const parts = [header]
      for (let at = 0; at < bytes.length; at += blockBytes) {
        const block = raw.compress(bytes.subarray(at, at + blockBytes))
        const length = new Uint8Array(4)
        new DataView(length.buffer).setInt32(0, block.length)
        parts.push(length, block)
      }
      return concatBytes(parts)
    },
    decompress(bytes, bytesMax) {
      const blocks = isFramed(bytes) ? framedBlocks(bytes) : [bytes]
      let size = 0
      for (const block of blocks) {
        size += uncompressedLength(block)
        if (size > bytesMax) throw tooLarge('snappy', bytesMax)
      }
      return concatBytes(blocks.map((block) => raw.uncompress(block)))
    },
  }
}

function isFramed(bytes: Uint8Array): boolean {
  return bytes.length >= frameHeaderBytes && magic.every((byte, i) => bytes[i] === byte)
}

function framedBlocks(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const blocks: Uint8Array[] = []
  for (let at = frameHeaderBytes; at < bytes.length; ) {
    const length = at + 4 <= bytes.length ? view.getInt32(at) : -1
    if (length < 0 || at + 4 + length > bytes.length)
      throw corrupt('a block is longer than the data')
    blocks.push(bytes.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return blocks
}

function uncompressedLength(block: Uint8Array): number {
  let length = 0
  for (let i = 0; i < 5; i++) {
    const byte = block[i]
    if (byte === undefined) break
    length += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) return checkRatio(length, block.length)
  }
  throw corrupt('a block does not begin with its length')
}

/** No Snappy element makes more than 64 bytes of 3, so a length beyond that is a lie. */
function checkRatio(length: number, compressedBytes: number): number {
  if (length > compressedBytes * 64)
    throw corrupt(`a block of ${compressedBytes} bytes claims to hold ${length}`)
  return length
}

function corrupt(what: string): CorruptDataError {
  return new CorruptDataError(`snappy data is damaged: ${what}`, { code: 'CORRUPT_MESSAGE' })
}
