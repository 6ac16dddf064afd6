/** A consumed record. What costs time to make and is often not looked at (offset, timestamp, headers) is made on demand. */
import {
  noHeaders,
  type RawHeaders,
  type RecordHeaders,
  readableHeaders,
} from './record-headers.ts'

/** Whom a record came from. */
export interface RecordSource {
  readonly topic: string
  readonly partition: number
  commit(record: ConsumerRecord): Promise<void>
}

/** The first and the last time that a Date can hold, epoch milliseconds (ECMA-262, time values). */
const dateMsMax = 8.64e15

/** Epoch milliseconds as a Date; the nearest that a Date can hold. */
export function dateOf(timestampMs: number): Date {
  return new Date(Math.max(-dateMsMax, Math.min(dateMsMax, timestampMs)))
}

/** A record as a consumer gets it. */
export class ConsumerRecord<V = unknown, K = string> {
  readonly topic: string
  readonly partition: number
  readonly key: K | null
  readonly value: V
  /**
   * Header names and values as they are stored: values as bytes (views into the fetched data: copy those you keep) or
   * null, repeated names in their order. `headers` has them as text.
   */
  readonly rawHeaders: RawHeaders
  /** Event time, or the time of appending where the topic says so: epoch milliseconds, as stored. */
  readonly timestampMs: number
  readonly #source: RecordSource
  readonly #baseOffset: bigint
  readonly #offsetDelta: number
  #headers: RecordHeaders | undefined
  /** @internal Marked by the consumer: handled, or committed by hand. */
  isDone = false

  /** @internal */
  constructor(
    source: RecordSource,
    baseOffset: bigint,
    offsetDelta: number,
    timestampMs: number,
    key: K | null,
    value: V,
    rawHeaders: RawHeaders | undefined,
  ) {
    this.topic = source.topic
    this.partition = source.partition
    this.key = key
    this.value = value
    this.rawHeaders = rawHeaders ?? noHeaders
    this.timestampMs = timestampMs
    this.#source = source
    this.#baseOffset = baseOffset
    this.#offsetDelta = offsetDelta
  }

  /** @internal */
  static sourceOf(record: ConsumerRecord): RecordSource {
    return record.#source
  }

  get offset(): bigint {
    return this.#baseOffset + BigInt(this.#offsetDelta)
  }

  /** `timestampMs` as a Date; where others stored a time beyond 8.64e15, the last that a Date can hold. */
  get timestamp(): Date {
    return dateOf(this.timestampMs)
  }

  /** Header values as UTF-8 text by name; null where the value is null; of a repeated name, the last. Bytes: `rawHeaders`. */
  get headers(): RecordHeaders {
    this.#headers ??= readableHeaders(this.rawHeaders)
    return this.#headers
  }

  /**
   * Commits this record and all earlier ones in its partition, durably, but never past a record that is still being
   * handled. Rejects with `RebalanceInProgressError` if the partition has moved to another member: the record will be
   * delivered again there. Without a group it rejects with `ConfigError`.
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
