/**
 * One partition's part of a fetch answer, read record by record. Skips what the consumer must not see: records
 * before the position (batches are whole), control records, and with `read_committed` those of aborted
 * transactions. Verifies each batch's CRC-32C.
 *
 * Aborted transactions (KIP-98): the broker names producer and first offset of each that touches the fetched
 * range. A producer counts as aborted from that offset until its next abort marker; several aborts by one
 * producer, and markers beyond this answer, come out right because the list is applied in offset order.
 */
import { CorruptDataError } from '../../core/errors.ts'
import { type Codec, loadedCodec } from '../../protocol/compression/codec.ts'
import { type BatchHeader, readBatches, verifyBatch } from '../../protocol/records/record-batch.ts'
import { RecordCursor } from '../../protocol/records/record-reader.ts'

export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

const abortMarker = 0

export class FetchedRecords {
  readonly sizeInBytes: number
  readonly #name: string
  readonly #bytes: Uint8Array
  readonly #batches: Iterator<BatchHeader>
  readonly #aborted: AbortedTransaction[]
  readonly #abortedProducers = new Set<bigint>()
  #abortedAt = 0
  /** Records below are skipped: the first batch may begin before what was asked for. */
  readonly #from: bigint
  #batch: BatchHeader | undefined
  /** Records of the batch before this offset delta are skipped. */
  #firstDelta = 0
  #position: bigint
  /** At the current record after `next()` gave true. */
  cursor: RecordCursor | undefined

  /** `aborted` is empty for `read_uncommitted`. */
  constructor(
    name: string,
    bytes: Uint8Array,
    from: bigint,
    aborted: readonly AbortedTransaction[],
  ) {
    this.sizeInBytes = bytes.length
    this.#name = name
    this.#bytes = bytes
    this.#batches = readBatches(bytes)
    this.#aborted = [...aborted].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1))
    this.#from = from
    this.#position = from
  }

  get baseOffset(): bigint {
    return this.#batch!.baseOffset
  }

  /** The offset after everything read or skipped so far. */
  get position(): bigint {
    return this.cursor && this.#batch
      ? this.#batch.baseOffset + BigInt(this.cursor.offsetDelta + 1)
      : this.#position
  }

  /** Moves to the next record for the consumer; false at the end. Throws `CorruptDataError`. */
  next(): boolean {
    for (;;) {
      if (this.cursor) {
        while (this.cursor.next()) {
          if (this.cursor.offsetDelta >= this.#firstDelta) return true
        }
        this.cursor = undefined
        this.#position = this.#batch!.lastOffset + 1n
      }
      if (!this.#nextBatch()) return false
    }
  }

  #nextBatch(): boolean {
    const { value: batch, done } = this.#batches.next()
    if (done) return false
    this.#batch = batch
    // A number, since a BigInt for each record takes a good part of what reading it takes.
    this.#firstDelta = batch.baseOffset < this.#from ? Number(this.#from - batch.baseOffset) : 0
    if (batch.lastOffset < this.#from) return true
    if (!verifyBatch(this.#bytes, batch)) {
      throw new CorruptDataError(
        `The batch at offset ${batch.baseOffset} of ${this.#name} fails its checksum: it was damaged on disk or in transit. Seek past offset ${batch.lastOffset} to continue without it`,
        { code: 'CORRUPT_MESSAGE' },
      )
    }
    if (this.#isHidden(batch)) this.#position = batch.lastOffset + 1n
    else this.cursor = new RecordCursor(this.#bytes, batch, codecOf(batch))
    return true
  }

  #isHidden(batch: BatchHeader): boolean {
    for (; this.#abortedAt < this.#aborted.length; this.#abortedAt++) {
      const next = this.#aborted[this.#abortedAt]!
      if (next.firstOffset > batch.lastOffset) break
      this.#abortedProducers.add(next.producerId)
    }
    if (batch.isControl) {
      if (this.#isAbortMarker(batch)) this.#abortedProducers.delete(batch.producerId)
      return true
    }
    return batch.isTransactional && this.#abortedProducers.has(batch.producerId)
  }

  /** A control record's key is its version and its type, both int16: 0 is abort, 1 is commit. */
  #isAbortMarker(batch: BatchHeader): boolean {
    const cursor = new RecordCursor(this.#bytes, batch, codecOf(batch))
    const key = cursor.next() ? cursor.keyBytes() : null
    return key !== null && key.length >= 4 && ((key[2]! << 8) | key[3]!) === abortMarker
  }
}

function codecOf(batch: BatchHeader): Codec | undefined {
  return batch.compression === 'none' ? undefined : loadedCodec(batch.compression)
}
