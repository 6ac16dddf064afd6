/**
 * A batch on its way: records being gathered, then bytes being sent, perhaps more than once.
 *
 *   open ──seal──▶ ready ──first send──▶ in flight ──stored/failed──▶ settled
 *                                          │  ▲
 *                                          ▼  │
 *                                         retry
 *
 * Once it has been sent its bytes, producer epoch and base sequence stay the same for every retry, so the
 * broker can recognise it; only a batch that was certainly not written may be given new ones. One that the broker finds
 * too large is split: its parts take its place in the order, and exactly its sequence numbers.
 *
 * When its time is up while it is in flight, its senders are told (`isTold`); it stays where it is until the answer comes.
 */
import type { Codec } from '../../protocol/compression/codec.ts'
import { BatchBuilder } from '../../protocol/records/batch-builder.ts'
import { assignProducer, readBatchHeader } from '../../protocol/records/record-batch.ts'
import { RecordCursor } from '../../protocol/records/record-reader.ts'
import { type Delivery, StoredRecord } from './delivery.ts'
import type { Wave } from './send-buffer.ts'

export interface OutgoingRecord {
  readonly topic: string
  /** Undefined: the partitioner chooses. */
  readonly partition: number | undefined
  /** Event time, epoch milliseconds. */
  readonly timestampMs: number
  readonly key: string | Uint8Array | null
  readonly value: string | Uint8Array | null
  readonly headers: readonly (readonly [string, string | Uint8Array | null])[] | undefined
  /** What the partitioner goes by instead of the key. */
  readonly partitionKey?: string | Uint8Array | undefined
}

/** A record on its way in. */
export interface Arrival {
  readonly record: OutgoingRecord
  readonly delivery: Delivery
  /** The number by which `delivery` knows it. */
  readonly index: number
  /** Monotonic milliseconds. */
  readonly enqueuedAt: number
  readonly wave: Wave
}

/** Who the producer is to the broker (KIP-98). -1n: not idempotent. */
export interface ProducerIdentity {
  readonly producerId: bigint
  readonly producerEpoch: number
}

/** Sequence numbers are positive 32-bit integers, and begin anew after the last. */
export const sequenceModulus = 2 ** 31

export const noIdentity: ProducerIdentity = { producerId: -1n, producerEpoch: -1 }

/** Records in a row of one delivery, which knows them by numbers in a row: what nobody waits for one by one is one run. */
interface Run {
  readonly delivery: Delivery
  readonly firstIndex: number
  count: number
}

/** Where a batch stands in its partition's order; a part of a batch that was split: by its first record. */
interface Place {
  readonly order: number
  readonly firstRecord: number
}

/** The partition whose records these are. */
interface OfPartition {
  readonly topic: string
  readonly partition: number
}

/** `Queue`: what it waits in. */
export class PendingBatch<Queue extends OfPartition = OfPartition> {
  readonly queue: Queue
  /** Monotonic milliseconds at which the first record came: its linger and its deadline count from here. */
  readonly createdAt: number
  readonly wave: Wave
  /** Place in the partition's order, ascending; parts of one batch have the same. */
  readonly order: number
  /** How many records of the batch as it was once are in the parts before this one. */
  readonly firstRecord: number
  /** Tries that count against `retries`. */
  attempts = 0
  /** An attempt ended without an answer: the broker may have stored the batch. */
  maybeWritten = false
  /** It was sent, and its answer is awaited. */
  isAwaitingAnswer = false
  /** Its senders have been told an outcome, before the broker's answer. */
  isTold = false
  /** It will not be sent again, and only its sequence numbers still have to be seen to. */
  isWithdrawn = false
  /** Why it was not stored at the last try. */
  lastError: unknown
  baseSequence = -1
  recordCount = 0
  /** Size before compression, which is what counts against `bufferMemory`. */
  sizeInBytes = 0
  readonly #builder = new BatchBuilder()
  readonly #runs: Run[] = []
  #lastRun: Run | undefined
  /** Of the records whose deliveries want to know where they were stored. */
  readonly #timestamps: number[] = []
  #bytes: Uint8Array | undefined

  constructor(
    queue: Queue,
    { enqueuedAt, wave }: { readonly enqueuedAt: number; readonly wave: Wave },
    { order, firstRecord }: Place,
  ) {
    this.queue = queue
    this.createdAt = enqueuedAt
    this.wave = wave
    this.order = order
    this.firstRecord = firstRecord
  }

  isBefore({ order, firstRecord }: Place): boolean {
    return this.order < order || (this.order === order && this.firstRecord < firstRecord)
  }

  add(
    record: Omit<OutgoingRecord, 'topic' | 'partition'>,
    delivery: Delivery,
    index: number,
  ): void {
    this.#builder.append(record.timestampMs, record.key, record.value, record.headers)
    const run = this.#lastRun
    if (run?.delivery === delivery && run.firstIndex + run.count === index) run.count++
    else {
      this.#lastRun = { delivery, firstIndex: index, count: 1 }
      this.#runs.push(this.#lastRun)
    }
    if (delivery.stored) this.#timestamps.push(record.timestampMs)
    this.recordCount++
    this.sizeInBytes = this.#builder.sizeInBytes
  }

  /** The bytes to send, as of `identity` and `baseSequence`. */
  encode(
    codec: Codec | undefined,
    identity: ProducerIdentity,
    isTransactional: boolean,
  ): Uint8Array {
    const { producerId, producerEpoch } = identity
    this.#bytes ??= this.#builder.build({
      ...(codec && { codec }),
      producerId,
      producerEpoch,
      baseSequence: this.baseSequence,
      isTransactional,
    })
    return this.#bytes
  }

  /** Gives a batch that was certainly not written its place under a new producer epoch. */
  resequence(identity: ProducerIdentity, baseSequence: number): void {
    this.baseSequence = baseSequence
    if (!this.#bytes) return
    // A copy: an embedded broker may still hold the old bytes.
    this.#bytes = this.#bytes.slice()
    assignProducer(this.#bytes, 0, identity.producerId, identity.producerEpoch, baseSequence)
  }

  /**
   * Its records in two batches or more, each of at most half its size unless a single record is larger. Only for one that
   * was sent, of two records or more.
   */
  split(codec: Codec | undefined): PendingBatch<Queue>[] {
    const bytes = this.#bytes!
    const cursor = new RecordCursor(bytes, readBatchHeader(bytes), codec)
    const half = this.sizeInBytes / 2
    const parts: PendingBatch<Queue>[] = []
    let part: PendingBatch<Queue> | undefined
    let run = 0
    let ofRun = 0
    for (let i = 0; cursor.next(); i++) {
      if (!part || part.sizeInBytes + cursor.recordBytes().length > half) {
        part = this.#partFrom(i)
        parts.push(part)
      }
      const record = {
        timestampMs: cursor.timestampMs,
        key: cursor.keyBytes(),
        value: cursor.valueBytes(),
        headers: cursor.hasHeaders ? cursor.headers() : undefined,
      }
      const { delivery, firstIndex, count } = this.#runs[run]!
      part.add(record, delivery, firstIndex + ofRun)
      if (++ofRun === count) {
        run++
        ofRun = 0
      }
    }
    return parts
  }

  #partFrom(record: number): PendingBatch<Queue> {
    const { queue, order, createdAt, wave } = this
    const place = { order, firstRecord: this.firstRecord + record }
    const part = new PendingBatch<Queue>(queue, { enqueuedAt: createdAt, wave }, place)
    part.maybeWritten = this.maybeWritten
    if (this.baseSequence >= 0) part.baseSequence = (this.baseSequence + record) % sequenceModulus
    return part
  }

  /** `baseOffset` -1n: the broker did not say. `appendTimeMs` -1: the records keep their own timestamps. */
  stored(baseOffset: bigint, appendTimeMs: number): void {
    const { topic, partition } = this.queue
    let at = 0
    let told = 0
    for (const { delivery, firstIndex, count } of this.#runs) {
      for (let i = 0; delivery.stored && i < count; i++) {
        const offset = baseOffset < 0n ? -1n : baseOffset + BigInt(at + i)
        const timestampMs = this.#timestamps[told++]!
        const timestamp = new Date(appendTimeMs >= 0 ? appendTimeMs : timestampMs)
        delivery.stored(firstIndex + i, new StoredRecord(topic, partition, offset, timestamp))
      }
      at += count
    }
  }

  failed(error: unknown): void {
    for (const { delivery, firstIndex, count } of this.#runs) {
      for (let i = 0; i < count; i++) delivery.failed(firstIndex + i, error)
    }
  }
}
