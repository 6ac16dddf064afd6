/** A record that lies in a topic of the test driver: for its tasks, bytes and text on demand; for the test, what was written. */
import { dateOf } from '../../client/consumer/record.ts'
import {
  type RawHeaders,
  type RecordHeaders,
  readableHeaders,
} from '../../client/consumer/record-headers.ts'
import { decodeUtf8, encodeUtf8 } from '../../core/bytes.ts'
import type { RecordData } from '../../streams/task/record-data.ts'

type Data = string | Uint8Array | null

/** What is written to a topic. */
export interface Written {
  readonly key: Data
  readonly value: Data
  readonly timestampMs: number
  readonly headers: RawHeaders
  readonly partitionKey?: Data | undefined
}

export class TestRecord implements RecordData {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly timestampMs: number
  readonly hasHeaders: boolean
  readonly #key: Data
  readonly #value: Data
  readonly #headers: RawHeaders

  constructor(
    topic: string,
    partition: number,
    offset: bigint,
    { key, value, timestampMs, headers }: Written,
  ) {
    this.topic = topic
    this.partition = partition
    this.offset = offset
    this.timestampMs = timestampMs
    this.hasHeaders = headers.length > 0
    this.#key = key
    this.#value = value
    this.#headers = headers
  }

  keyBytes(): Uint8Array | null {
    return toBytes(this.#key)
  }

  keyText(): string | null {
    return toText(this.#key)
  }

  valueBytes(): Uint8Array | null {
    return toBytes(this.#value)
  }

  valueText(): string | null {
    return toText(this.#value)
  }

  headers(): RawHeaders {
    return this.#headers
  }
}

/**
 * A record that the topology has written. Other properties exist but are not enumerable, so that they are ignored in
 * comparisons.
 */
export interface OutputRecord<V = unknown, K = string> {
  readonly key: K | null
  readonly value: V | null
  /** Event time, epoch milliseconds. */
  readonly timestampMs: number
  /** Header values as text by name. */
  readonly headers: RecordHeaders
  /** The same as a Date. Not enumerable. */
  readonly timestamp: Date
  /** Not enumerable. */
  readonly topic: string
  /** Not enumerable. */
  readonly partition: number
  /** Headers as they are stored. Not enumerable. */
  readonly rawHeaders: RawHeaders
}

export function outputRecord<V, K>(
  record: TestRecord,
  key: K | null,
  value: V | null,
): OutputRecord<V, K> {
  const { topic, partition, timestampMs } = record
  const rawHeaders = record.headers()
  const hidden = { topic, partition, rawHeaders, timestamp: dateOf(timestampMs) }
  const output = { key, value, timestampMs, headers: readableHeaders(rawHeaders) }
  for (const [name, of] of Object.entries(hidden)) {
    Object.defineProperty(output, name, { value: of, enumerable: false })
  }
  return output as OutputRecord<V, K>
}

function toBytes(data: Data): Uint8Array | null {
  return typeof data === 'string' ? encodeUtf8(data) : data
}

function toText(data: Data): string | null {
  return data instanceof Uint8Array ? decodeUtf8(data) : data
}
