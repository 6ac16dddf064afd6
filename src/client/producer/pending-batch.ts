/**
 * A batch on its way: records being gathered, then bytes being sent, perhaps more than once.
 *
 *   open ──seal──▶ ready ──first send──▶ in flight ──stored/failed──▶ settled
 *                                          │  ▲
 *                                          ▼  │
 *                                         retry
 *
 * Once it has been sent its bytes, producer epoch and base sequence stay the same for every retry, so the
 * broker can recognise it; only a batch that was certainly not written may be given new ones.
 */
import type { Codec } from '../../protocol/compression/codec.ts'
import { BatchBuilder } from '../../protocol/records/batch-builder.ts'
import { assignProducer } from '../../protocol/records/record-batch.ts'
import type { Delivery } from './delivery.ts'
import type { PartitionQueue } from './partition-queue.ts'

export interface OutgoingRecord {
  readonly topic: string
  /** Undefined: the partitioner chooses. */
  readonly partition: number | undefined
  /** Event time, epoch milliseconds. */
  readonly timestampMs: number
  readonly key: string | Uint8Array | null
  readonly value: string | Uint8Array | null
  readonly headers: readonly (readonly [string, string | Uint8Array | null])[] | undefined
}

/** Who the producer is to the broker (KIP-98). -1n: not idempotent. */
export interface ProducerIdentity {
  readonly producerId: bigint
  readonly producerEpoch: number
}

export const noIdentity: ProducerIdentity = { producerId: -1n, producerEpoch: -1 }

export class PendingBatch {
  readonly queue: PartitionQueue
  /** Monotonic milliseconds at which the first record came. */
  readonly createdAt: number
  /** Place in the partition's order, ascending. */
  readonly order: number
  attempts = 0
  /** An attempt ended without an answer: the broker may have stored the batch. */
  maybeWritten = false
  baseSequence = -1
  /** Size before compression, which is what counts against `bufferMemory`. */
  sizeInBytes = 0
  readonly #builder = new BatchBuilder()
  readonly #deliveries: Delivery[] = []
  readonly #indexes: number[] = []
  readonly #timestamps: number[] = []
  #bytes: Uint8Array | undefined

  constructor(queue: PartitionQueue, createdAt: number, order: number) {
    this.queue = queue
    this.createdAt = createdAt
    this.order = order
  }

  get recordCount(): number {
    return this.#deliveries.length
  }

  add(record: OutgoingRecord, delivery: Delivery, index: number): void {
    this.#builder.append(record.timestampMs, record.key, record.value, record.headers)
    this.#deliveries.push(delivery)
    this.#indexes.push(index)
    this.#timestamps.push(record.timestampMs)
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

  /** `baseOffset` -1n: the broker did not say. `appendTimeMs` -1: the records keep their own timestamps. */
  stored(baseOffset: bigint, appendTimeMs: number): void {
    const { topic, partition } = this.queue
    for (let i = 0; i < this.#deliveries.length; i++) {
      this.#deliveries[i]!.stored(this.#indexes[i]!, {
        topic,
        partition,
        offset: baseOffset < 0n ? -1n : baseOffset + BigInt(i),
        timestamp: new Date(appendTimeMs >= 0 ? appendTimeMs : this.#timestamps[i]!),
      })
    }
  }

  failed(error: unknown): void {
    for (let i = 0; i < this.#deliveries.length; i++) {
      this.#deliveries[i]!.failed(this.#indexes[i]!, error)
    }
  }
}
