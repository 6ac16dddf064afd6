/**
 * Builds one record batch (magic 2, KIP-98). Records are encoded straight into one growing buffer, strings included,
 * so a record costs no allocation; the header is filled in at the end.
 *
 * Lengths stand before what they measure, so they are guessed as if all text were ASCII and corrected after writing:
 * the bytes move by one or two places in the rare case that the length's own size was guessed wrong.
 */
import { allocateBytes, utf8Length, writeUtf8 } from '../../core/bytes.ts'
import { KafkaError, MessageTooLargeError } from '../../core/errors.ts'
import { type Codec, compressionIds } from '../compression/codec.ts'
import {
  attributesOffset,
  batchOverheadBytes,
  batchPrefixBytes,
  controlFlag,
  renewCrc,
  transactionalFlag,
  viewOf,
} from './record-batch.ts'
import { varintSize, writeDifference, writeVarint } from './varint.ts'

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
/** A builder that had to grow past this gives the memory back when the batch is built. */
const keptBytesMax = 1024 * 1024
const sizeMax = 2 ** 31 - 1
/** Length, attributes, timestamp and offset delta, key and value length, header count, at their longest. */
const recordOverheadMax = 5 + 1 + 10 + 5 + 5 + 5 + 5
/** From here on, counting the bytes of a text is cheaper than keeping three for each character. */
const countedTextLength = 4096
/** Up to this length a loop over ASCII characters is faster than a call out of JavaScript. */
const asciiLoopMax = 20

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

  /** The most that `append` would add, in bytes. Exact lengths are not counted for short texts: three a character. */
  static recordSizeMax(
    key: Uint8Array | string | null,
    value: Uint8Array | string | null,
    headers?: RecordHeaders,
  ): number {
    let size = recordOverheadMax + fieldSizeMax(key) + fieldSizeMax(value)
    if (headers && headers.length > 0) {
      for (const [name, content] of headers) size += 10 + fieldSizeMax(name) + fieldSizeMax(content)
    }
    return size
  }

  /**
   * Adds a record. `timestampMs` is a safe integer. `offsetDelta` (default: one more than the last) leaves
   * gaps, as compaction does. Throws `MessageTooLargeError` past 2 GiB, `KafkaError` (`INVALID_TIMESTAMP`).
   */
  append(
    timestampMs: number,
    key: Uint8Array | string | null,
    value: Uint8Array | string | null,
    headers?: RecordHeaders,
    offsetDelta = this.#lastDelta + 1,
  ): void {
    if (!Number.isSafeInteger(timestampMs)) throw badTimestamp(timestampMs)
    this.#reserve(BatchBuilder.recordSizeMax(key, value, headers))
    if (this.#count === 0) this.#baseTimestamp = timestampMs
    const bytes = this.#bytes
    const start = this.#end
    const guess = (key === null ? 0 : key.length) + (value === null ? 0 : value.length) + 6
    const prefix = varintSize(guess)
    let at = start + prefix
    bytes[at++] = 0
    at = writeDifference(bytes, at, timestampMs, this.#baseTimestamp)
    at = writeVarint(bytes, at, offsetDelta)
    at = writeField(bytes, at, key)
    at = writeField(bytes, at, value)
    // No iterator over nothing, which would be garbage of every record.
    if (headers && headers.length > 0) at = writeHeaders(bytes, at, headers)
    else bytes[at++] = 0
    const size = at - start - prefix
    this.#end = at + moveForLength(bytes, start, prefix, size)
    writeVarint(bytes, start, size)
    if (this.#count === 0 || timestampMs > this.#maxTimestamp) this.#maxTimestamp = timestampMs
    this.#count++
    this.#lastDelta = offsetDelta
  }

  /** The finished batch in bytes of its own. The builder starts anew. */
  build(options: BuildOptions = {}): Uint8Array {
    const { codec } = options
    const records = this.#bytes.subarray(batchOverheadBytes, this.#end)
    const content = codec ? codec.compress(records) : records
    const batch = allocateBytes(batchOverheadBytes + content.length)
    batch.set(content, batchOverheadBytes)
    const view = viewOf(batch)
    view.setBigInt64(0, options.baseOffset ?? 0n)
    view.setInt32(8, batch.length - batchPrefixBytes)
    view.setInt32(12, -1)
    view.setInt8(16, 2)
    const attributes =
      (codec ? compressionIds[codec.name] : 0) |
      (options.isTransactional ? transactionalFlag : 0) |
      (options.isControl ? controlFlag : 0)
    view.setInt16(attributesOffset, attributes)
    view.setInt32(23, Math.max(0, this.#lastDelta))
    view.setBigInt64(27, BigInt(this.#baseTimestamp))
    view.setBigInt64(35, BigInt(this.#maxTimestamp))
    view.setBigInt64(43, options.producerId ?? -1n)
    view.setInt16(51, options.producerEpoch ?? -1)
    view.setInt32(53, options.baseSequence ?? -1)
    view.setInt32(57, this.#count)
    renewCrc(batch, 0)
    this.#reset()
    return batch
  }

  #reset(): void {
    this.#end = batchOverheadBytes
    this.#count = 0
    this.#lastDelta = -1
    if (this.#bytes.length > keptBytesMax) this.#bytes = allocateBytes(initialBytes)
  }

  #reserve(more: number): void {
    const needed = this.#end + more
    if (needed <= this.#bytes.length) return
    if (needed > sizeMax) {
      throw new MessageTooLargeError(`A record batch cannot pass ${sizeMax} bytes`, {
        code: 'MESSAGE_TOO_LARGE',
      })
    }
    const grown = allocateBytes(Math.min(sizeMax, Math.max(needed, this.#bytes.length * 2)))
    grown.set(this.#bytes.subarray(0, this.#end))
    this.#bytes = grown
  }
}

function fieldSizeMax(field: Uint8Array | string | null): number {
  if (field === null) return 0
  if (typeof field !== 'string') return field.length
  return field.length < countedTextLength ? 3 * field.length : utf8Length(field)
}

/** Writes length and content; returns the position after them. */
function writeField(bytes: Uint8Array, at: number, field: Uint8Array | string | null): number {
  if (field === null) {
    bytes[at] = 1
    return at + 1
  }
  if (typeof field === 'string') return writeText(bytes, at, field)
  const start = writeVarint(bytes, at, field.length)
  bytes.set(field, start)
  return start + field.length
}

function writeText(bytes: Uint8Array, at: number, text: string): number {
  const { length } = text
  const prefix = varintSize(length)
  const start = at + prefix
  if (length <= asciiLoopMax && writeAscii(bytes, start, text)) {
    bytes[at] = length << 1
    return start + length
  }
  const written = writeUtf8(bytes, text, start)
  if (written !== length) moveForLength(bytes, at, prefix, written)
  return writeVarint(bytes, at, written) + written
}

/** False, with some of it written, when there is more than ASCII. */
function writeAscii(bytes: Uint8Array, start: number, text: string): boolean {
  let every = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    every |= code
    bytes[start + i] = code
  }
  return every < 0x80
}

/** Moves `size` bytes that stand `prefix` bytes after `at` so that their length fits before them; returns how far. */
function moveForLength(bytes: Uint8Array, at: number, prefix: number, size: number): number {
  const by = varintSize(size) - prefix
  if (by !== 0) bytes.copyWithin(at + prefix + by, at + prefix, at + prefix + size)
  return by
}

function writeHeaders(bytes: Uint8Array, start: number, headers: RecordHeaders): number {
  let at = writeVarint(bytes, start, headers.length)
  for (const [name, value] of headers) at = writeField(bytes, writeField(bytes, at, name), value)
  return at
}

function badTimestamp(timestampMs: number): KafkaError {
  return new KafkaError(
    `A record's timestamp must be whole milliseconds since the epoch; got ${timestampMs}`,
    { code: 'INVALID_TIMESTAMP' },
  )
}
