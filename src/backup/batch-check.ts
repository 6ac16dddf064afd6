/**
 * Checks the record batches of a log file while its bytes go by: each by its checksum, and that its offsets follow those
 * before it. Holds at most one batch in memory. It says where the first damage is, and looks no further.
 */
import { concatBytes, plainBytes } from '../core/bytes.ts'
import { CorruptDataError } from '../core/errors.ts'
import {
  batchOverheadBytes,
  batchPrefixBytes,
  readBatchHeader,
  verifyBatch,
  viewOf,
} from '../protocol/records/record-batch.ts'

/** What claims to be larger is damage. No request brings so much. */
const batchBytesMax = 256 * 1024 * 1024

export interface CheckedLog {
  /** The offset after the last sound batch. */
  readonly end: bigint
  /** Where the bytes begin that are no sound batch; undefined: there are none. */
  readonly damagedAt: number | undefined
}

export class BatchCheck {
  readonly #size: number
  #end: bigint
  #position = 0
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  #damagedAt: number | undefined

  /** Of a log file of this size whose first offset is `baseOffset`. */
  constructor(baseOffset: bigint, size: number) {
    this.#end = baseOffset
    this.#size = size
  }

  /** The next bytes of the file. They are not kept, unless a batch reaches beyond them. */
  push(piece: Uint8Array): void {
    if (this.#damagedAt !== undefined) return
    this.#pending.push(piece)
    this.#pendingBytes += piece.length
    const needed = this.#needed()
    if (this.#pendingBytes < needed) {
      // Whoever reads may use its buffer again.
      if (this.#pending.at(-1) === piece)
        this.#pending[this.#pending.length - 1] = plainBytes(piece).slice()
      return
    }
    this.#take(concatBytes(this.#pending))
  }

  /** All has gone by. */
  finish(): CheckedLog {
    if (this.#damagedAt === undefined && this.#pendingBytes > 0) this.#damagedAt = this.#position
    return { end: this.#end, damagedAt: this.#damagedAt }
  }

  /** How many bytes from the position on make a batch whole, as far as that is known. */
  #needed(): number {
    const [first] = this.#pending
    if (this.#pendingBytes < batchOverheadBytes) return batchOverheadBytes
    if (first!.length < batchOverheadBytes) this.#pending = [concatBytes(this.#pending)]
    const size = batchSize(this.#pending[0]!, 0)
    return size <= batchBytesMax && this.#position + size <= this.#size ? size : 0
  }

  #take(bytes: Uint8Array): void {
    let at = 0
    while (at + batchOverheadBytes <= bytes.length) {
      const size = batchSize(bytes, at)
      const isPossible = size <= batchBytesMax && this.#position + size <= this.#size
      if (isPossible && at + size > bytes.length) break
      const next = isPossible ? this.#endOf(bytes, at) : undefined
      if (next === undefined) {
        this.#damagedAt = this.#position
        this.#pending = []
        return
      }
      this.#end = next
      this.#position += size
      at += size
    }
    this.#pending = at === bytes.length ? [] : [plainBytes(bytes).slice(at)]
    this.#pendingBytes = bytes.length - at
  }

  /** Undefined: the batch is not sound. */
  #endOf(bytes: Uint8Array, at: number): bigint | undefined {
    try {
      const header = readBatchHeader(bytes, at)
      const isSound = header.baseOffset >= this.#end && verifyBatch(bytes, header)
      return isSound ? header.lastOffset + 1n : undefined
    } catch (error) {
      if (error instanceof CorruptDataError) return undefined
      throw error
    }
  }
}

/** An impossible length is for the header to report. */
function batchSize(bytes: Uint8Array, at: number): number {
  return Math.max(batchPrefixBytes + viewOf(bytes).getInt32(at + 8), batchOverheadBytes)
}
