/** A record on its way through a topology: what every callback gets as its second argument. */
import { dateOf } from '../client/consumer/record.ts'
import {
  noHeaders,
  type RawHeaders,
  type RecordHeaders,
  readableHeaders,
} from '../client/consumer/record-headers.ts'

/** Where the record that is being processed was read. */
export interface Origin {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
}

/** Where a record of a batch was read. Most are never asked for their offset, so the BigInt is made when one is. */
export class BatchOrigin implements Origin {
  readonly topic: string
  readonly partition: number
  readonly #baseOffset: bigint
  readonly #offsetDelta: number

  /** `baseOffset`: of the batch; `offsetDelta`: how much further on the record is. */
  constructor(topic: string, partition: number, baseOffset: bigint, offsetDelta: number) {
    this.topic = topic
    this.partition = partition
    this.#baseOffset = baseOffset
    this.#offsetDelta = offsetDelta
  }

  get offset(): bigint {
    return this.#baseOffset + BigInt(this.#offsetDelta)
  }
}

/**
 * A record as it stands at an operator. `topic`, `partition` and `offset` are those of the record that was read; key,
 * value, timestamp and headers are those set by the operators upstream. It never changes, so you may keep it.
 */
export class StreamRecord<V = unknown, K = unknown> {
  readonly key: K
  readonly value: V
  /** Event time, epoch milliseconds. */
  readonly timestampMs: number
  /** Header names and values as they are stored, repeated names in their order. `headers` has them as text. */
  readonly rawHeaders: RawHeaders
  /** @internal */
  readonly origin: Origin

  /** @internal */
  constructor(origin: Origin, key: K, value: V, timestampMs: number, rawHeaders: RawHeaders) {
    this.origin = origin
    this.key = key
    this.value = value
    this.timestampMs = timestampMs
    this.rawHeaders = rawHeaders
  }

  get topic(): string {
    return this.origin.topic
  }

  get partition(): number {
    return this.origin.partition
  }

  get offset(): bigint {
    return this.origin.offset
  }

  /** `timestampMs` as a Date. */
  get timestamp(): Date {
    return dateOf(this.timestampMs)
  }

  /** Header values as UTF-8 text by name; null where the value is null; of a repeated name, the last. */
  get headers(): RecordHeaders {
    return readableHeaders(this.rawHeaders)
  }

  /** @internal */
  withValue(value: unknown): StreamRecord {
    return new StreamRecord(
      this.origin,
      this.key as unknown,
      value,
      this.timestampMs,
      this.rawHeaders,
    )
  }

  /** @internal */
  withKey(key: unknown): StreamRecord {
    return new StreamRecord(
      this.origin,
      key,
      this.value as unknown,
      this.timestampMs,
      this.rawHeaders,
    )
  }

  /** @internal What an operator with state makes of it: of its own time, without headers. */
  derived(key: unknown, value: unknown, timestampMs: number): StreamRecord {
    return new StreamRecord(this.origin, key, value, timestampMs, noHeaders)
  }

  toJSON(): object {
    const { topic, partition, offset, key, value, timestamp, headers } = this
    return { topic, partition, offset: String(offset), timestamp, key, value, headers }
  }
}
