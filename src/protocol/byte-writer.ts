/**
 * Writes Kafka's primitive types into a buffer that grows. Byte values are copied, but large ones only referred to when
 * the writer is told so (`attachFromBytes`): a megabyte of records then goes from the log to the socket as it is.
 *
 * A value that its type cannot hold is an error of the caller (`KafkaError` INVALID_REQUEST), never cut.
 */
import { allocateBytes, utf8Length, writeUtf8 } from '../core/bytes.ts'
import { KafkaError } from '../core/errors.ts'
import { stringBytesMax } from './byte-reader.ts'
import { parseUuid } from './uuid.ts'

/** Below this many characters, copying ASCII in JavaScript beats a call into the encoder. */
const shortTextLength = 32

/** Bytes that belong at a position of the writer's own buffer, without being in it. */
interface Attachment {
  readonly at: number
  readonly bytes: Uint8Array
}

export class ByteWriter {
  #bytes: Uint8Array
  #view: DataView
  #length = 0
  readonly #attachFromBytes: number
  #attachments: Attachment[] = []
  #attachedBytes = 0

  /** Byte values of `attachFromBytes` and more are not copied: `finishParts` then gives them as they were passed. */
  constructor(initialBytes = 256, attachFromBytes = Number.POSITIVE_INFINITY) {
    this.#bytes = allocateBytes(initialBytes)
    this.#view = viewOf(this.#bytes)
    this.#attachFromBytes = attachFromBytes
  }

  /** Bytes written so far, attached ones not counted; also the position of the next one. */
  get length(): number {
    return this.#length
  }

  /** Bytes written so far, attached ones included. */
  get totalBytes(): number {
    return this.#length + this.#attachedBytes
  }

  /** What was written, as a view. The writer must not be used again, unless after `reset`. Not for one that attaches. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** What was written, as the pieces that follow one another. The writer must not be used again. */
  finishParts(): Uint8Array[] {
    const parts: Uint8Array[] = []
    let start = 0
    for (const { at, bytes } of this.#attachments) {
      if (at > start) parts.push(this.#bytes.subarray(start, at))
      parts.push(bytes)
      start = at
    }
    if (this.#length > start) parts.push(this.#bytes.subarray(start, this.#length))
    return parts
  }

  /** Forgets what was written and keeps the buffer: what `finish` returned before is overwritten. */
  reset(): void {
    this.#length = 0
    this.#attachments = []
    this.#attachedBytes = 0
  }

  /** Makes room for `size` more bytes and returns where they start. */
  #grow(size: number): number {
    const at = this.#length
    const end = at + size
    if (end > this.#bytes.length) {
      const bytes = allocateBytes(Math.max(end, 2 * this.#bytes.length))
      bytes.set(this.#bytes.subarray(0, at))
      this.#bytes = bytes
      this.#view = viewOf(bytes)
    }
    this.#length = end
    return at
  }

  writeInt8(value: number): void {
    if ((value << 24) >> 24 !== value) throw outOfRange('int8', value)
    const at = this.#grow(1)
    this.#view.setInt8(at, value)
  }

  writeUint8(value: number): void {
    if ((value & 0xff) !== value) throw outOfRange('uint8', value)
    const at = this.#grow(1)
    this.#bytes[at] = value
  }

  writeInt16(value: number): void {
    if ((value << 16) >> 16 !== value) throw outOfRange('int16', value)
    const at = this.#grow(2)
    this.#view.setInt16(at, value)
  }

  writeUint16(value: number): void {
    if ((value & 0xffff) !== value) throw outOfRange('uint16', value)
    const at = this.#grow(2)
    this.#view.setUint16(at, value)
  }

  writeInt32(value: number): void {
    if ((value | 0) !== value) throw outOfRange('int32', value)
    const at = this.#grow(4)
    this.#view.setInt32(at, value)
  }

  writeUint32(value: number): void {
    if (value >>> 0 !== value) throw outOfRange('uint32', value)
    const at = this.#grow(4)
    this.#view.setUint32(at, value)
  }

  writeInt64(value: bigint): void {
    if (value > int64Max || value < int64Min) throw outOfRange('int64', value)
    const at = this.#grow(8)
    this.#view.setBigInt64(at, value)
  }

  writeFloat64(value: number): void {
    const at = this.#grow(8)
    this.#view.setFloat64(at, value)
  }

  writeBool(value: boolean): void {
    const at = this.#grow(1)
    this.#bytes[at] = value ? 1 : 0
  }

  /** 1 to 5 bytes; `value` from 0 to 2^32 - 1. */
  writeUnsignedVarint(value: number): void {
    if (value >>> 0 !== value) throw outOfRange('unsigned varint', value)
    let at = this.#grow(unsignedVarintSize(value))
    while (value > 0x7f) {
      this.#bytes[at++] = (value & 0x7f) | 0x80
      value >>>= 7
    }
    this.#bytes[at] = value
  }

  /** Zigzag, 32 bits. */
  writeVarint(value: number): void {
    if ((value | 0) !== value) throw outOfRange('varint', value)
    this.writeUnsignedVarint(((value << 1) ^ (value >> 31)) >>> 0)
  }

  /** Zigzag, 64 bits. */
  writeVarlong(value: bigint): void {
    if (value > int64Max || value < int64Min) throw outOfRange('varlong', value)
    let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
    while (rest > 0x7fn) {
      this.writeUint8(Number(rest & 0x7fn) | 0x80)
      rest >>= 7n
    }
    this.writeUint8(Number(rest))
  }

  /** `uuid` in Kafka's form, 22 characters. */
  writeUuid(uuid: string): void {
    const at = this.#grow(16)
    parseUuid(uuid, this.#bytes, at)
  }

  /** Kafka's limit is 32,767 bytes of UTF-8. */
  writeString(text: string, compact: boolean): void {
    const length = text.length
    if (length <= shortTextLength) {
      const start = this.#grow(length + (compact ? 1 : 2))
      const bytes = this.#bytes
      let at = start
      if (compact) bytes[at++] = length + 1
      else {
        bytes[at++] = 0
        bytes[at++] = length
      }
      let i = 0
      for (; i < length; i++) {
        const code = text.charCodeAt(i)
        if (code >= 0x80) break
        bytes[at++] = code
      }
      if (i === length) return
      this.#length = start
    }
    const size = utf8Length(text)
    if (size > stringBytesMax) {
      throw invalid(`A string of ${size} bytes cannot be sent: Kafka allows ${stringBytesMax}`)
    }
    if (compact) this.writeUnsignedVarint(size + 1)
    else this.writeInt16(size)
    const at = this.#grow(size)
    writeUtf8(this.#bytes, text, at)
  }

  writeNullableString(text: string | null, compact: boolean): void {
    if (text !== null) this.writeString(text, compact)
    else if (compact) this.writeUnsignedVarint(0)
    else this.writeInt16(-1)
  }

  /** Kafka's `bytes` and `records`: a length and the content. */
  writeBytes(bytes: Uint8Array, compact: boolean): void {
    if (compact) this.writeUnsignedVarint(bytes.length + 1)
    else this.writeInt32(bytes.length)
    this.writeRaw(bytes)
  }

  writeNullableBytes(bytes: Uint8Array | null, compact: boolean): void {
    if (bytes !== null) this.writeBytes(bytes, compact)
    else this.writeArrayLength(-1, compact)
  }

  /** `bytes` without a length. */
  writeRaw(bytes: Uint8Array): void {
    if (bytes.length >= this.#attachFromBytes) {
      this.#attachments.push({ at: this.#length, bytes })
      this.#attachedBytes += bytes.length
      return
    }
    const at = this.#grow(bytes.length)
    this.#bytes.set(bytes, at)
  }

  /** -1 for a null array. */
  writeArrayLength(length: number, compact: boolean): void {
    if (compact) this.writeUnsignedVarint(length + 1)
    else this.writeInt32(length)
  }

  /** Leaves room for an int32 that `patchInt32` fills in later; returns where. */
  reserveInt32(): number {
    return this.#grow(4)
  }

  patchInt32(at: number, value: number): void {
    this.#view.setInt32(at, value)
  }

  /** Starts a value that its size in bytes (an unsigned varint) precedes; ends with `endSized`. Nothing in it may be attached. */
  beginSized(): number {
    return this.#grow(1)
  }

  endSized(mark: number): void {
    const start = mark + 1
    const size = this.#length - start
    const extra = unsignedVarintSize(size) - 1
    if (extra > 0) {
      this.#grow(extra)
      this.#bytes.copyWithin(start + extra, start, start + size)
    }
    const end = this.#length
    this.#length = mark
    this.writeUnsignedVarint(size)
    this.#length = end
  }
}

const int64Max = 0x7fffffffffffffffn
const int64Min = -0x8000000000000000n

function unsignedVarintSize(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  if (value < 0x200000) return 3
  return value < 0x10000000 ? 4 : 5
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function outOfRange(type: string, value: number | bigint): KafkaError {
  return invalid(`${value} does not fit Kafka's ${type}`)
}

function invalid(message: string): KafkaError {
  return new KafkaError(message, { code: 'INVALID_REQUEST' })
}
