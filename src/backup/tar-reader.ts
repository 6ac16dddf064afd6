/**
 * Reads a tar archive as it comes, one entry after the other, without holding one in memory: what `tar-writer.ts` writes, and
 * what GNU tar and bsdtar make of such files (pax and long names, large sizes).
 */
import { concatBytes, decodeUtf8 } from '../core/bytes.ts'
import { CorruptDataError } from '../core/errors.ts'
import { blockBytes, sumOf } from './tar-writer.ts'

export interface TarEntry {
  readonly path: string
  readonly size: number
  readonly kind: 'file' | 'folder' | 'other'
  /** The content, by the piece. What is not read is skipped. */
  chunks(): AsyncGenerator<Uint8Array, void, undefined>
}

/** Of pax headers and long names, bytes. */
const extendedBytesMax = 65_536

export class TarReader {
  readonly #bytes: ByteStream
  /** Content, and what fills its last block, that has not been read. */
  #left = 0
  #padding = 0
  #isOver = false

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#bytes = new ByteStream(source)
  }

  /** Undefined at the end of the archive. Throws `CorruptDataError` where it is damaged or cut off. */
  async next(): Promise<TarEntry | undefined> {
    let path: string | undefined
    let size: number | undefined
    for (;;) {
      await this.#skip()
      const header = this.#isOver ? undefined : await this.#header()
      if (!header) return undefined
      const type = String.fromCharCode(header[156]! || 48)
      this.#expect(numberAt(header, 124, 12))
      if (type === 'L') path = textOf(await this.#whole(), 0, extendedBytesMax)
      else if (type === 'x') {
        const records = paxRecords(await this.#whole())
        path = records.get('path') ?? path
        if (records.has('size')) size = Number(records.get('size'))
      } else if (type !== 'g' && type !== 'K') {
        if (size !== undefined) this.#expect(size)
        return this.#entry(path ?? pathOf(header), type)
      }
    }
  }

  /** Lets go of the source. */
  close(): Promise<void> {
    return this.#bytes.close()
  }

  #entry(path: string, type: string): TarEntry {
    const kind = type === '0' || type === '7' ? 'file' : type === '5' ? 'folder' : 'other'
    return { path, size: this.#left, kind, chunks: () => this.#chunks() }
  }

  #expect(size: number): void {
    if (!Number.isSafeInteger(size) || size < 0) throw this.#damaged('a size cannot be read')
    this.#left = size
    this.#padding = (blockBytes - (size % blockBytes)) % blockBytes
  }

  /** Undefined: there is no more. */
  async #header(): Promise<Uint8Array | undefined> {
    const header = await this.#bytes.exactly(blockBytes)
    if (!header) throw this.#damaged('it ends in the middle')
    if (header.every((byte) => byte === 0)) {
      this.#isOver = true
      // Whoever writes it is to get to the end.
      while (await this.#bytes.some(blockBytes));
      return undefined
    }
    if (numberAt(header, 148, 8) !== sumOf(header)) throw this.#damaged('a header is not sound')
    return header
  }

  async *#chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    while (this.#left > 0) {
      const chunk = await this.#bytes.some(this.#left)
      if (!chunk) throw this.#damaged('it ends in the middle')
      this.#left -= chunk.length
      yield chunk
    }
  }

  async #skip(): Promise<void> {
    this.#left += this.#padding
    this.#padding = 0
    for await (const _ of this.#chunks());
  }

  async #whole(): Promise<Uint8Array> {
    if (this.#left > extendedBytesMax) throw this.#damaged('a name is too long')
    const parts: Uint8Array[] = []
    for await (const chunk of this.#chunks()) parts.push(chunk)
    return concatBytes(parts)
  }

  #damaged(how: string): CorruptDataError {
    return new CorruptDataError(
      `The tar archive is damaged at byte ${this.#bytes.position}: ${how}`,
      { code: 'CORRUPT_MESSAGE' },
    )
  }
}

/** Bytes of a source that gives them in pieces of any size. */
class ByteStream {
  position = 0
  readonly #source: AsyncIterator<Uint8Array>
  #chunk = new Uint8Array(0)

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** At least one byte, at most `max`; undefined at the end. */
  async some(max: number): Promise<Uint8Array | undefined> {
    while (this.#chunk.length === 0) {
      const next = await this.#source.next()
      if (next.done) return undefined
      this.#chunk = next.value as Uint8Array<ArrayBuffer>
    }
    const taken = this.#chunk.subarray(0, max)
    this.#chunk = this.#chunk.subarray(taken.length)
    this.position += taken.length
    return taken
  }

  /** Undefined: there are not so many. */
  async exactly(length: number): Promise<Uint8Array | undefined> {
    const parts: Uint8Array[] = []
    for (let missing = length; missing > 0; ) {
      const part = await this.some(missing)
      if (!part) return undefined
      parts.push(part)
      missing -= part.length
    }
    return parts.length === 1 ? parts[0] : concatBytes(parts)
  }

  async close(): Promise<void> {
    await this.#source.return?.()
  }
}

function pathOf(header: Uint8Array): string {
  const isUstar = textOf(header, 257, 5) === 'ustar'
  const prefix = isUstar ? textOf(header, 345, 155) : ''
  const name = textOf(header, 0, 100)
  return prefix === '' ? name : `${prefix}/${name}`
}

/** Up to the first zero. */
function textOf(bytes: Uint8Array, at: number, length: number): string {
  const field = bytes.subarray(at, at + length)
  const end = field.indexOf(0)
  return decodeUtf8(end < 0 ? field : field.subarray(0, end))
}

/** Octal digits, or with the first bit set a number in base 256. */
function numberAt(bytes: Uint8Array, at: number, length: number): number {
  if ((bytes[at]! & 0x80) === 0) {
    const text = textOf(bytes, at, length).trim()
    return /^[0-7]*$/.test(text) ? Number.parseInt(text || '0', 8) : Number.NaN
  }
  let value = bytes[at]! & 0x7f
  for (let i = at + 1; i < at + length; i++) value = value * 256 + bytes[i]!
  return value
}

function paxRecords(bytes: Uint8Array): Map<string, string> {
  const records = new Map<string, string>()
  for (const [, key, value] of decodeUtf8(bytes).matchAll(/\d+ ([^=\n]+)=([^\n]*)\n/g))
    records.set(key!, value!)
  return records
}
