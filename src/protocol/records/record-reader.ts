/**
 * Reads the records of one batch with a cursor: nothing is allocated for a record until its parts are asked for.
 * Lengths and counts are checked against the bytes that are there; whatever is wrong is a `CorruptDataError`.
 */
import { decodeUtf8, plainBytes } from '../../core/bytes.ts'
import { CorruptDataError, KafkaError } from '../../core/errors.ts'
import type { Codec } from '../compression/codec.ts'
import { type BatchHeader, batchOverheadBytes } from './record-batch.ts'

/** Default limit of what one batch may decompress to. */
const decompressedBytesMax = 256 * 1024 * 1024

export class RecordCursor {
  /** Offset of the current record less that of the batch. */
  offsetDelta = -1
  /** Of the current record, epoch milliseconds; the batch's when the broker stamps it. May be any number in hostile bytes. */
  timestampMs = 0
  readonly #header: BatchHeader
  readonly #bytes: Uint8Array
  readonly #end: number
  readonly #baseTimestamp: number
  readonly #appendTime: number | undefined
  #at: number
  #left: number
  #recordStart = 0
  #keyStart = 0
  #keyLength = -1
  #valueStart = 0
  #valueLength = -1
  #headerCount = 0
  #headersStart = 0
  #recordEnd = 0

  /** `codec` is needed when the batch is compressed. */
  constructor(
    bytes: Uint8Array,
    header: BatchHeader,
    codec?: Codec,
    bytesMax = decompressedBytesMax,
  ) {
    this.#header = header
    this.#appendTime = header.timestampType === 'append' ? Number(header.maxTimestamp) : undefined
    this.#left = header.recordCount
    this.#baseTimestamp = Number(header.baseTimestamp)
    const start = header.position + batchOverheadBytes
    const end = header.position + header.sizeInBytes
    if (header.compression === 'none' || (header.recordCount === 0 && start === end)) {
      this.#bytes = plainBytes(bytes)
      this.#at = start
      this.#end = end
      return
    }
    if (codec?.name !== header.compression) {
      throw new KafkaError(
        `The batch is compressed with ${header.compression}, whose codec is not loaded`,
        {
          code: 'UNSUPPORTED_COMPRESSION_TYPE',
        },
      )
    }
    this.#bytes = codec.decompress(bytes.subarray(start, end), bytesMax)
    this.#at = 0
    this.#end = this.#bytes.length
  }

  get offset(): bigint {
    return this.#header.baseOffset + BigInt(this.offsetDelta)
  }

  get hasHeaders(): boolean {
    return this.#headerCount > 0
  }

  /** Moves to the next record; false at the end. Throws `CorruptDataError`. */
  next(): boolean {
    if (this.#left === 0) {
      if (this.#at !== this.#end) throw this.#corrupt('holds more bytes than its records')
      return false
    }
    this.#left--
    this.#recordStart = this.#at
    const size = this.#varint()
    const recordEnd = this.#at + size
    if (size < 0 || recordEnd > this.#end) {
      throw this.#corrupt('has a record that is longer than the batch')
    }
    this.#recordEnd = recordEnd
    this.#at++
    const timestampMs = this.#timestamp()
    this.timestampMs = this.#appendTime ?? timestampMs
    const offsetDelta = this.#varint()
    if (offsetDelta <= this.offsetDelta || offsetDelta > this.#header.lastOffsetDelta) {
      throw this.#corrupt(`has offset delta ${offsetDelta} after ${this.offsetDelta}`)
    }
    this.offsetDelta = offsetDelta
    this.#keyLength = this.#varint()
    this.#keyStart = this.#at
    this.#skip(this.#keyLength)
    this.#valueLength = this.#varint()
    this.#valueStart = this.#at
    this.#skip(this.#valueLength)
    this.#headerCount = this.#varint()
    this.#headersStart = this.#at
    if (this.#headerCount === 0) {
      if (this.#at !== recordEnd) throw this.#corrupt('has a record with bytes to spare')
    } else if (this.#headerCount < 0 || this.#headerCount > recordEnd - this.#at) {
      throw this.#corrupt(`has a record with ${this.#headerCount} headers`)
    }
    this.#at = recordEnd
    return true
  }

  /** The whole current record as it is encoded, its length first; a view. */
  recordBytes(): Uint8Array {
    return this.#bytes.subarray(this.#recordStart, this.#recordEnd)
  }

  /** A view into the batch; null for a null key. */
  keyBytes(): Uint8Array | null {
    return this.#keyLength < 0
      ? null
      : this.#bytes.subarray(this.#keyStart, this.#keyStart + this.#keyLength)
  }

  keyText(): string | null {
    return this.#keyLength < 0
      ? null
      : decodeUtf8(this.#bytes, this.#keyStart, this.#keyStart + this.#keyLength)
  }

  /** A view into the batch; null for a null value. */
  valueBytes(): Uint8Array | null {
    return this.#valueLength < 0
      ? null
      : this.#bytes.subarray(this.#valueStart, this.#valueStart + this.#valueLength)
  }

  valueText(): string | null {
    return this.#valueLength < 0
      ? null
      : decodeUtf8(this.#bytes, this.#valueStart, this.#valueStart + this.#valueLength)
  }

  /** Names and values (views) of the headers. Throws `CorruptDataError`. */
  headers(): [name: string, value: Uint8Array | null][] {
    const resume = this.#at
    this.#at = this.#headersStart
    const headers: [string, Uint8Array | null][] = []
    for (let i = 0; i < this.#headerCount; i++) {
      const nameLength = this.#varint()
      const nameStart = this.#at
      if (nameLength < 0) throw this.#corrupt('has a header without a name')
      this.#skip(nameLength)
      const valueLength = this.#varint()
      const valueStart = this.#at
      this.#skip(valueLength)
      const name = decodeUtf8(this.#bytes, nameStart, nameStart + nameLength)
      headers.push([
        name,
        valueLength < 0 ? null : this.#bytes.subarray(valueStart, valueStart + valueLength),
      ])
    }
    if (this.#at !== this.#recordEnd) throw this.#corrupt('has a record with bytes to spare')
    this.#at = resume
    return headers
  }

  #skip(length: number): void {
    if (length > 0) this.#at += length
    if (length < -1 || this.#at > this.#recordEnd)
      throw this.#corrupt('has a field that is longer than its record')
  }

  #varint(): number {
    const bytes = this.#bytes
    let byte = this.#at < this.#end ? bytes[this.#at++]! : this.#cutShort()
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1)
    let zigzag = byte & 0x7f
    for (let shift = 7; shift < 35; shift += 7) {
      byte = this.#at < this.#end ? bytes[this.#at++]! : this.#cutShort()
      zigzag |= (byte & 0x7f) << shift
      if (byte < 0x80) return (zigzag >>> 1) ^ -(zigzag & 1)
    }
    throw this.#corrupt('has a varint of more than 5 bytes')
  }

  /** Reads a timestamp delta and gives the timestamp; rounded past 2^53, which only hostile bytes hold. */
  #timestamp(): number {
    const bytes = this.#bytes
    const start = this.#at
    let low = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#at < this.#end ? bytes[this.#at++]! : this.#cutShort()
      low |= (byte & 0x7f) << shift
      if (byte < 0x80) return this.#baseTimestamp + ((low >>> 1) ^ -(low & 1))
    }
    let wide = low
    for (let factor = 2 ** 28; factor < 2 ** 49; factor *= 128) {
      const byte = this.#at < this.#end ? bytes[this.#at++]! : this.#cutShort()
      wide += (byte & 0x7f) * factor
      if (byte < 0x80) return this.#baseTimestamp + (low & 1 ? -(wide + 1) / 2 : wide / 2)
    }
    let zigzag = BigInt(wide)
    for (let shift = 49n; this.#at - start < 10; shift += 7n) {
      const byte = this.#at < this.#end ? bytes[this.#at++]! : this.#cutShort()
      zigzag |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) {
        const delta = BigInt.asIntN(64, (zigzag >> 1n) ^ -(zigzag & 1n))
        return Number(this.#header.baseTimestamp + delta)
      }
    }
    throw this.#corrupt('has a varlong of more than 10 bytes')
  }

  #cutShort(): never {
    throw this.#corrupt('ends in the middle of a record')
  }

  #corrupt(what: string): CorruptDataError {
    return new CorruptDataError(`The record batch at offset ${this.#header.baseOffset} ${what}`, {
      code: 'CORRUPT_MESSAGE',
    })
  }
}
