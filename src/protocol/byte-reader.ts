/**
 * Reads Kafka's primitive types from bytes that may be hostile.
 *
 * Invariants: it never reads past `end`; it throws `CorruptDataError` and nothing else; nothing is
 * allocated from a length that was not first checked against the bytes that are left. Byte values are
 * views of the input, not copies: whoever keeps one keeps the whole frame alive.
 *
 * Formats: https://kafka.apache.org/protocol (primitive types), KIP-482 (compact lengths, tagged fields).
 */
import { decodeUtf8, emptyBytes } from '../core/bytes.ts'
import { CorruptDataError } from '../core/errors.ts'
import { formatUuid } from './uuid.ts'

/** Kafka's limit for a string on the wire, in bytes. */
export const stringBytesMax = 0x7fff

/** Below this many bytes, building an ASCII string in JavaScript beats a call into the decoder. */
const shortTextBytes = 24

export class ByteReader {
  readonly bytes: Uint8Array
  /** Position of the next byte to read; a caller may move it within [0, end]. */
  position: number
  /** No read goes to or past this position. */
  readonly end: number
  readonly #view: DataView

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes
    this.position = start
    this.end = end
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining(): number {
    return this.end - this.position
  }

  /** Moves past `size` bytes and returns where they start. */
  #take(size: number): number {
    const at = this.position
    if (size > this.end - at) throw corrupt(`${size} bytes expected, ${this.end - at} left`)
    this.position = at + size
    return at
  }

  readInt8(): number {
    return this.#view.getInt8(this.#take(1))
  }

  readUint8(): number {
    return this.bytes[this.#take(1)]!
  }

  readInt16(): number {
    return this.#view.getInt16(this.#take(2))
  }

  readUint16(): number {
    return this.#view.getUint16(this.#take(2))
  }

  readInt32(): number {
    return this.#view.getInt32(this.#take(4))
  }

  readUint32(): number {
    return this.#view.getUint32(this.#take(4))
  }

  readInt64(): bigint {
    return this.#view.getBigInt64(this.#take(8))
  }

  readFloat64(): number {
    return this.#view.getFloat64(this.#take(8))
  }

  readBool(): boolean {
    return this.bytes[this.#take(1)] !== 0
  }

  /** An unsigned varint of at most 5 bytes and 32 bits. */
  readUnsignedVarint(): number {
    const bytes = this.bytes
    let at = this.#take(1)
    let byte = bytes[at]!
    if (byte < 0x80) return byte
    let value = byte & 0x7f
    for (let shift = 7; shift < 28; shift += 7) {
      at = this.#take(1)
      byte = bytes[at]!
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    byte = bytes[this.#take(1)]!
    if (byte > 0x0f) throw corrupt('a varint has more than 32 bits')
    return (value | (byte << 28)) >>> 0
  }

  /** A zigzag varint of 32 bits. */
  readVarint(): number {
    const value = this.readUnsignedVarint()
    return (value >>> 1) ^ -(value & 1)
  }

  /** A zigzag varint of 64 bits, at most 10 bytes. */
  readVarlong(): bigint {
    let low = 0
    for (let count = 0; count < 4; count++) {
      const byte = this.bytes[this.#take(1)]!
      low |= (byte & 0x7f) << (7 * count)
      if (byte < 0x80) return BigInt((low >>> 1) ^ -(low & 1))
    }
    let value = BigInt(low)
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.bytes[this.#take(1)]!
      if (shift === 63n && byte > 1) throw corrupt('a varint has more than 64 bits')
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    return (value >> 1n) ^ -(value & 1n)
  }

  /** 16 bytes as Kafka prints them: 22 characters of unpadded base64url. */
  readUuid(): string {
    return formatUuid(this.bytes, this.#take(16))
  }

  readString(compact: boolean): string {
    const text = this.readNullableString(compact)
    if (text === null) throw corrupt('null where a string is required')
    return text
  }

  readNullableString(compact: boolean): string | null {
    const length = compact ? this.#readCompactLength() : this.readInt16()
    if (length < 0) {
      if (length === -1) return null
      throw corrupt(`a string of length ${length}`)
    }
    if (length > stringBytesMax) throw corrupt(`a string of ${length} bytes`)
    return this.#readText(length)
  }

  #readText(length: number): string {
    const start = this.#take(length)
    const end = start + length
    if (length <= shortTextBytes) {
      let text = ''
      let at = start
      for (; at < end; at++) {
        const byte = this.bytes[at]!
        if (byte >= 0x80) break
        text += String.fromCharCode(byte)
      }
      if (at === end) return text
    }
    return decodeUtf8(this.bytes, start, end)
  }

  /** Kafka's `bytes` and `records`: a view, not a copy. */
  readBytes(compact: boolean): Uint8Array {
    const bytes = this.readNullableBytes(compact)
    if (bytes === null) throw corrupt('null where bytes are required')
    return bytes
  }

  readNullableBytes(compact: boolean): Uint8Array | null {
    const length = compact ? this.#readCompactLength() : this.readInt32()
    if (length < 0) {
      if (length === -1) return null
      throw corrupt(`bytes of length ${length}`)
    }
    return this.readRaw(length)
  }

  /** The next `size` bytes as a view. */
  readRaw(size: number): Uint8Array {
    const start = this.#take(size)
    return size === 0 ? emptyBytes : this.bytes.subarray(start, start + size)
  }

  /** Length of an array that may not be null; never more than the bytes that are left. */
  readArrayLength(compact: boolean): number {
    const length = this.readNullableArrayLength(compact)
    if (length < 0) throw corrupt('null where an array is required')
    return length
  }

  /** As `readArrayLength`; -1 for null. */
  readNullableArrayLength(compact: boolean): number {
    const length = compact ? this.#readCompactLength() : this.readInt32()
    if (length < -1) throw corrupt(`an array of length ${length}`)
    if (length > this.end - this.position) {
      throw corrupt(`an array of ${length} elements, ${this.end - this.position} bytes left`)
    }
    return length
  }

  #readCompactLength(): number {
    return this.readUnsignedVarint() - 1
  }

  /** Skips a section of tagged fields of which none is known. */
  skipTaggedFields(): void {
    for (let count = this.readTaggedFieldCount(); count > 0; count--) {
      this.readUnsignedVarint()
      this.#take(this.readUnsignedVarint())
    }
  }

  /** Number of tagged fields that follow. Each is a tag and a size (unsigned varints) and its bytes. */
  readTaggedFieldCount(): number {
    const count = this.readUnsignedVarint()
    if (count > this.end - this.position) throw corrupt(`${count} tagged fields`)
    return count
  }

  /** Size of a tagged field whose bytes are all there. */
  readTaggedFieldSize(): number {
    const size = this.readUnsignedVarint()
    if (size > this.end - this.position) throw corrupt(`a tagged field of ${size} bytes`)
    return size
  }

  /** A known tagged field must use exactly the bytes that it announced. */
  endTaggedField(end: number): void {
    if (this.position !== end) throw corrupt('a tagged field whose size does not match its content')
  }

  skip(size: number): void {
    this.#take(size)
  }
}

function corrupt(what: string): CorruptDataError {
  return new CorruptDataError(
    `The message cannot be decoded (${what}): the peer does not speak this version of Kafka's protocol, or bytes were damaged on the way`,
    { code: 'CORRUPT_MESSAGE' },
  )
}
