/**
 * Makes records of what was fetched, as their topics say. Keeps what a record was made of where its like may be written
 * elsewhere, and for one that cannot be read.
 */
import { CorruptDataError, SerializationError } from '../../core/errors.ts'
import type { RecordCursor } from '../../protocol/records/record-reader.ts'
import type { Serializer } from '../serializer.ts'
import type { Topic } from '../topic.ts'
import type { ResolvedOnError } from './consumer-config.ts'
import type { FetchedRecords } from './fetched-records.ts'
import { ConsumerRecord, type RecordSource } from './record.ts'
import { noHeaders, type RawHeaders } from './record-headers.ts'
import type { Subscription } from './subscription.ts'

/** What a record was made of. */
export interface OriginalRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: RawHeaders
  /** Set when it cannot be read as the topic says. */
  readonly fault?: SerializationError
}

export class RecordDecoder<V, K> {
  readonly #subscription: Subscription<V, K>
  readonly #onError: ResolvedOnError
  /** Of topics that have been read. */
  readonly #topics = new Map<string, Topic<V, K, never>>()
  readonly #originals = new WeakMap<ConsumerRecord<V, K>, OriginalRecord>()

  constructor(subscription: Subscription<V, K>, onError: ResolvedOnError) {
    this.#subscription = subscription
    this.#onError = onError
  }

  /**
   * The record at which `records` is. Throws `CorruptDataError`, and `SerializationError` for one that cannot be read where
   * that ends the consumer; else such a record has no key and no value, and its fault with its original.
   */
  decode(source: RecordSource, records: FetchedRecords): ConsumerRecord<V, K> {
    const cursor = records.cursor!
    const topic = this.#topicOf(source.topic)
    let field: 'key' | 'value' = 'key'
    try {
      const key = readKey(topic.key, cursor)
      field = 'value'
      const value = readValue(topic.value, cursor)
      const record = made(source, records, key, value as V)
      if (this.#onError.finally === 'deadLetter') this.#originals.set(record, originalOf(cursor))
      return record
    } catch (cause) {
      // What the batch's own checks found concerns more than this record.
      if (cause instanceof CorruptDataError) throw cause
      const reason = cause instanceof Error ? cause.message : String(cause)
      const fault = new SerializationError(
        `The ${field} at offset ${records.position - 1n} of ${source.topic}-${source.partition} cannot be read as ${topic[field].name}: ${reason}`,
        { code: 'DESERIALIZATION_FAILED', cause },
      )
      if (this.#onError.finally === 'stop') throw fault
      const record = made<V, K>(source, records, null, undefined as V)
      this.#originals.set(record, { ...originalOf(cursor), fault })
      return record
    }
  }

  originalOf(record: ConsumerRecord<V, K>): OriginalRecord | undefined {
    return this.#originals.get(record)
  }

  #topicOf(name: string): Topic<V, K, never> {
    let topic = this.#topics.get(name)
    if (!topic) {
      topic = this.#subscription.topic(name)
      this.#topics.set(name, topic)
    }
    return topic
  }
}

function made<V, K>(
  source: RecordSource,
  records: FetchedRecords,
  key: K | null,
  value: V,
): ConsumerRecord<V, K> {
  const cursor = records.cursor!
  return new ConsumerRecord<V, K>(
    source,
    records.baseOffset,
    cursor.offsetDelta,
    cursor.timestampMs,
    key,
    value,
    cursor.hasHeaders ? cursor.headers() : undefined,
  )
}

function originalOf(cursor: RecordCursor): OriginalRecord {
  return {
    key: cursor.keyBytes(),
    value: cursor.valueBytes(),
    headers: cursor.hasHeaders ? cursor.headers() : noHeaders,
  }
}

function readKey<K>(serializer: Serializer<K, never>, cursor: RecordCursor): K | null {
  if (serializer.deserializeText) {
    const text = cursor.keyText()
    return text === null ? null : serializer.deserializeText(text)
  }
  const bytes = cursor.keyBytes()
  return bytes === null ? null : serializer.deserialize(bytes)
}

function readValue<V>(serializer: Serializer<V, never>, cursor: RecordCursor): V | null {
  if (serializer.deserializeText) {
    const text = cursor.valueText()
    return text === null ? null : serializer.deserializeText(text)
  }
  const bytes = cursor.valueBytes()
  return bytes === null ? null : serializer.deserialize(bytes)
}
