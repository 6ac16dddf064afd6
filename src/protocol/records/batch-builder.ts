/**
 * Builds one record batch (magic 2). Records are encoded straight into one growing buffer, strings included, so a
 * record costs no allocation; the header is filled in at the end.
 */
import { allocateBytes, utf8Length, writeUtf8 } from '../../core/bytes.ts'
import { MessageTooLargeError } from '../../core/errors.ts'
import type { Codec } from '../compression/codec.ts'
import { attributesOffset, batchOverheadBytes, batchPrefixBytes, renewCrc, viewOf } from './record-batch.ts'
import { varintSize, varlongSize, writeVarint, writeVarlong } from './varint.ts'

export type RecordHeaders = readonly (readonly [name: string, value: Uint8Array | string | null])[]

export interface BuildOptions {
  /** Default: not compressed. */
  codec?: Codec
  /** Default -1n: not idempotent. */
  producerId?: bigint
  producerEpoch?: number
  baseSequence?: number
  isTransactional?: boolean
  isControl?: boolean
  /** Default 0n; the broker assigns the real one. */
  baseOffset?: bigint
}

const initialBytes = 512
const sizeMax = 2 ** 31 - 1
const compressionIds = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const

export class BatchBuilder {
  #bytes = allocateBytes(initialBytes)
  #end = batchOverheadBytes
  #count = 0
  #lastDelta = -1
  #baseTimestamp = 0
  #maxTimestamp = 0

  get recordCount(): number {
    return this.#count
  }

  /** Of the batch as it stands, not compressed. */
  get sizeInBytes(): number {
    return this.#end
  }

  /**
   * Adds a record. `timestampMs` is a safe integer. `offsetDelta` (default: one more than the last) leaves gaps, as
   * compaction does. Throws `MessageTooLargeError` past 2 GiB.
   */
  append(
    timestampMs: number,
    key: Uint8Array | string | null,
    value: Uint8Array | string | null,
    headers?: RecordHeaders,
    offsetDelta = this.#lastDelta + 1,
  ): void {
    if (this.#count === 0) {
      this.#baseTimestamp = timestampMs
      this.#maxTimestamp = timestampMs
    } else if (timestampMs > this.#maxTimestamp) this.#maxTimestamp = timestampMs
    const timestampDelta = timestampMs - this.#baseTimestamp
    const keyLength = fieldLength(key)
    const valueLength = fieldLength(value)
    const size =
      1 +
      varlongSize(timestampDelta) +
      varintSize(offsetDelta) +
      fieldSize(keyLength) +
      fieldSize(valueLength) +
      (headers ? headersSize(headers) : 1)
    this.#reserve(size + 5)
    const bytes = this.#bytes
    let at = writeVarint(bytes, this.#end, size)
    bytes[at++] = 0
    at = writeVarlong(bytes, at, timestampDelta)
    at = writeVarint(bytes, at, offsetDelta)
    at = writeField(bytes, at, key, keyLength)
    at = writeField(bytes, at, value, valueLength)
    if (headers) at = writeHeaders(bytes, at, headers)
    else bytes[at++] = 0
    this.#end = at
    this.#count++
    this.#lastDelta = offsetDelta
  }

  /** The finished batch in bytes of its own. The builder starts anew. */
  build(options: BuildOptions = {}): Uint8Array {
    const { codec } = options
    const batch = codec ? this.#compressed(codec) : this.#bytes.slice(0, this.#end)
    const view = viewOf(batch)
    view.setBigInt64(0, options.baseOffset ?? 0n)
    view.setInt32(8, batch.length - batchPrefixBytes)
    view.setInt32(12, -1)
    view.setInt8(16, 2)
    const flags = (options.isTransactional ? 16 : 0) | (options.isControl ? 32 : 0)
    view.setInt16(attributesOffset, (codec ? compressionIds[codec.name] : 0) | flags)
    view.setInt32(23, Math.max(0, this.#lastDelta))
    view.setBigInt64(27, BigInt(this.#baseTimestamp))
    view.setBigInt64(35, BigInt(this.#maxTimestamp))
    view.setBigInt64(43, options.producerId ?? -1n)
    view.setInt16(51, options.producerEpoch ?? -1)
    view.setInt32(53, options.baseSequence ?? -1)
    view.setInt32(57, this.#count)
    renewCrc(batch, 0)
    this.#end = batchOverheadBytes
    this.#count = 0
    this.#lastDelta = -1
    return batch
  }

  #compressed(codec: Codec): Uint8Array {
    const records = codec.compress(this.#bytes.subarray(batchOverheadBytes, this.#end))
    const batch = allocateBytes(batchOverheadBytes + records.length)
    batch.set(records, batchOverheadBytes)
    return batch
  }

  #reserve(more: number): void {
    const needed = this.#end + more
    if (needed <= this.#bytes.length) return
    if (needed > sizeMax) {
      throw new MessageTooLargeError(`A record batch cannot pass ${sizeMax} bytes`, { code: 'MESSAGE_TOO_LARGE' })
    }
    const grown = allocateBytes(Math.min(sizeMax, Math.max(needed, this.#bytes.length * 2)))
    grown.set(this.#bytes.subarray(0, this.#end))
    this.#bytes = grown
  }
}

/** Length in bytes, -1 for null. */
function fieldLength(field: Uint8Array | string | null): number {
  if (field === null) return -1
  return typeof field === 'string' ? utf8Length(field) : field.length
}

function fieldSize(length: number): number {
  return length < 0 ? 1 : varintSize(length) + length
}

function writeField(bytes: Uint8Array, at: number, field: Uint8Array | string | null, length: number): number {
  const start = writeVarint(bytes, at, length)
  if (field === null) return start
  if (typeof field !== 'string') bytes.set(field, start)
  else if (length > asciiLoopMax || length !== field.length) writeUtf8(bytes, field, start)
  else for (let i = 0; i < length; i++) bytes[start + i] = field.charCodeAt(i)
  return start + length
}

/** Up to this length a loop over ASCII characters is faster than a call out of JavaScript. */
const asciiLoopMax = 24

function headersSize(headers: RecordHeaders): number {
  let size = varintSize(headers.length)
  for (const [name, value] of headers) size += fieldSize(fieldLength(name)) + fieldSize(fieldLength(value))
  return size
}

function writeHeaders(bytes: Uint8Array, start: number, headers: RecordHeaders): number {
  let at = writeVarint(bytes, start, headers.length)
  for (const [name, value] of headers) {
    at = writeField(bytes, at, name, fieldLength(name))
    at = writeField(bytes, at, value, fieldLength(value))
  }
  return at
}
