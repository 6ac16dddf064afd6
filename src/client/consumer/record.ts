/** A consumed record. What costs time to make and is often not looked at (offset, timestamp) is made on demand. */
import type { PartitionConsumption } from './partition-consumption.ts'

/** Headers of a consumed record, by name. */
export type RecordHeaders = { readonly [name: string]: string }

const noHeaders: RecordHeaders = Object.freeze({})

/** A record as a consumer gets it. */
export class ConsumerRecord<V = unknown, K = string> {
  readonly topic: string
  readonly partition: number
  readonly key: K | null
  readonly value: V
  /** Header values as UTF-8 text; of a repeated name, the last. */
  readonly headers: RecordHeaders
  readonly #source: PartitionConsumption
  readonly #baseOffset: bigint
  readonly #offsetDelta: number
  readonly #timestampMs: number
  /** @internal Marked by the consumer: handled, or committed by hand. */
  isDone = false

  /** @internal */
  constructor(
    source: PartitionConsumption,
    baseOffset: bigint,
    offsetDelta: number,
    timestampMs: number,
    key: K | null,
    value: V,
    headers: RecordHeaders | undefined,
  ) {
    this.topic = source.topic
    this.partition = source.partition
    this.key = key
    this.value = value
    this.headers = headers ?? noHeaders
    this.#source = source
    this.#baseOffset = baseOffset
    this.#offsetDelta = offsetDelta
    this.#timestampMs = timestampMs
  }

  /** @internal */
  static sourceOf(record: ConsumerRecord): PartitionConsumption {
    return record.#source
  }

  get offset(): bigint {
    return this.#baseOffset + BigInt(this.#offsetDelta)
  }

  /** Event time, or the time of appending where the topic says so. */
  get timestamp(): Date {
    return new Date(this.#timestampMs)
  }

  /**
   * Commits this record and all before it in its partition, durably; but never past a record that is still being
   * handled. Rejects with `RebalanceInProgressError` when the partition has meanwhile gone to another member: the record
   * will be delivered again, there. Without a group there is nothing to commit: `ConfigError`.
   */
  commit(): Promise<void> {
    return this.#source.commit(this as ConsumerRecord)
  }

  toJSON(): object {
    const { topic, partition, key, value, headers, timestamp } = this
    return { topic, partition, offset: this.offset.toString(), timestamp, key, value, headers }
  }

  [Symbol.for('nodejs.util.inspect.custom')](): object {
    const { topic, partition, offset, timestamp, key, value, headers } = this
    return { topic, partition, offset, timestamp, key, value, headers }
  }
}
