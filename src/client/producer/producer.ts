/** The public producer of one topic: serialises, then hands over to the engine. */
import { onAbort } from '../../core/abort.ts'
import { abortReason } from '../../core/backoff.ts'
import { utf8Length } from '../../core/bytes.ts'
import { inspectBriefly } from '../../core/duration.ts'
import { KafkaError, MessageTooLargeError } from '../../core/errors.ts'
import { invalid } from '../../core/options.ts'
import type { Cluster } from '../cluster.ts'
import { partitionKeyOf, serializeField } from '../serializer.ts'
import { isActive, type Telemetry, type TraceHeaders } from '../telemetry.ts'
import type { Topic } from '../topic.ts'
import { GroupDelivery, type RecordMetadata, SingleDelivery } from './delivery.ts'
import type { OutgoingRecord } from './pending-batch.ts'
import type { ResolvedProducerConfig } from './producer-config.ts'
import type { ProducerEngine } from './producer-engine.ts'
import {
  checkSendOptions,
  type Headers,
  Message,
  readHeaders,
  readPartition,
  readTimestamp,
  type SendOptions,
} from './send-options.ts'

/** Writes to one topic: `kafka.producer(topic, config)`. Sends that are made without waiting share batches. */
export class Producer<V = unknown, K = string> {
  readonly topic: string
  readonly #topic: Topic<unknown, K, V>
  readonly #engine: ProducerEngine
  readonly #config: ResolvedProducerConfig
  readonly #cluster: Cluster
  readonly #telemetry: Telemetry | undefined

  /** Not for direct use: `kafka.producer(topic, config)` makes one. */
  constructor(
    topic: Topic<unknown, K, V>,
    engine: ProducerEngine,
    config: ResolvedProducerConfig,
    cluster: Cluster,
  ) {
    this.topic = topic.name
    this.#topic = topic
    this.#engine = engine
    this.#config = config
    this.#cluster = cluster
    this.#telemetry = cluster.config.telemetry
  }

  /**
   * Stores one record; resolves once it is acknowledged as set by `acks`. Sends made without waiting share batches.
   * Rejects with `SerializationError`, `MessageTooLargeError`, `TopicNotFoundError`, `PartitionNotFoundError`,
   * `TimeoutError`, `ClosedError` or another `KafkaError`; see its `outcome`.
   */
  send(value: V | null, options: SendOptions<K> = {}): Promise<RecordMetadata> {
    return isActive(this.#telemetry)
      ? this.#sendWatched(this.#telemetry, value, options)
      : this.#send(value, options)
  }

  #send(value: V | null, options: SendOptions<K>): Promise<RecordMetadata> {
    const stored = new Promise<RecordMetadata>((resolve, reject) => {
      const record = this.#outgoing(value, options)
      const { signal } = options
      if (signal?.aborted) return reject(abortReason(signal))
      this.#engine.enqueue(record, new SingleDelivery(resolve, reject), 0)
    })
    return unlessCancelled(options?.signal, stored)
  }

  /**
   * Stores many records, in order; resolves with their metadata in the same order. Items are values, or `Message`s
   * for those with a key, headers, partition or timestamp. When some records fail, rejects with `BatchError`, which
   * has each record's outcome. A value that cannot be serialised fails the call before anything is sent.
   */
  async sendBatch(
    items: readonly (V | null | Message<V, K>)[],
    options: Omit<SendOptions<K>, 'key'> = {},
  ): Promise<RecordMetadata[]> {
    if (!Array.isArray(items)) {
      const orElse = isIterable(items) ? ', such as [...items]' : ''
      throw invalid(
        `sendBatch takes an array of values or Messages${orElse}; got ${inspectBriefly(items)}`,
      )
    }
    checkSendOptions(options)
    if (!isActive(this.#telemetry)) return this.#sendBatch(items, options)
    const { clientId } = this.#cluster.config
    const about = { topic: this.topic, clientId, count: items.length }
    return this.#telemetry.send(about, (headers) => this.#sendBatch(items, options, headers))
  }

  async #sendWatched(
    telemetry: Telemetry,
    value: V | null,
    options: SendOptions<K>,
  ): Promise<RecordMetadata> {
    checkSendOptions(options)
    const { clientId } = this.#cluster.config
    const about = { topic: this.topic, clientId, count: 1, key: options.key }
    const [metadata] = await telemetry.send(about, async (added) => {
      const headers = withHeaders(options.headers, added)
      return [await this.#send(value, { ...options, headers })]
    })
    return metadata!
  }

  async #sendBatch(
    items: readonly (V | null | Message<V, K>)[],
    options: Omit<SendOptions<K>, 'key'>,
    added: TraceHeaders = [],
  ): Promise<RecordMetadata[]> {
    if (options.signal?.aborted) throw abortReason(options.signal)
    const traced = (own: SendOptions<K>): SendOptions<K> =>
      added.length === 0 ? own : { ...own, headers: withHeaders(own.headers, added) }
    // Read once: what can be gone through only once has to do for all of them.
    const { headers } = options
    const shared = headers === undefined ? options : { ...options, headers: readHeaders(headers) }
    const forAll = traced(shared)
    const records: OutgoingRecord[] = []
    // Not `map`, which passes holes by.
    for (let i = 0; i < items.length; i++) {
      const item = items[i] as V | null | Message<V, K>
      records.push(
        item instanceof Message
          ? this.#outgoing(item.value as V | null, traced({ ...shared, ...item.options }))
          : this.#outgoing(item, forAll),
      )
    }
    const delivery = new GroupDelivery(records.length)
    for (let i = 0; i < records.length; i++) this.#engine.enqueue(records[i]!, delivery, i)
    return unlessCancelled(options.signal, delivery.promise)
  }

  /** Sends all buffered records and resolves once every send so far has its outcome. */
  flush(): Promise<void> {
    return this.#engine.flush()
  }

  /** Flushes, then refuses further sends. Idempotent. */
  close(): Promise<void> {
    return this.#engine.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #outgoing(value: V | null, options: SendOptions<K>): OutgoingRecord {
    checkSendOptions(options)
    if (value instanceof Message) {
      throw invalid('send takes a value and its options; a Message is for sendBatch')
    }
    const { name, key: keySerializer, value: valueSerializer } = this.#topic
    const record = {
      topic: name,
      partition: readPartition(options.partition),
      timestampMs:
        options.timestamp === undefined
          ? this.#cluster.runtime.now()
          : readTimestamp(options.timestamp),
      key: serializeField(keySerializer, options.key ?? null, 'key', name),
      value: serializeField(valueSerializer, value, 'value', name),
      headers: readHeaders(options.headers),
      partitionKey: partitionKeyOf(keySerializer, options.key ?? null, name),
    }
    this.#checkSize(record)
    return record
  }

  #checkSize({ key, value, headers, topic }: OutgoingRecord): void {
    const { maxRequestSize } = this.#config
    const roughly = (key?.length ?? 0) + (value?.length ?? 0)
    // A UTF-16 unit takes at most three bytes: most records are seen to fit without counting.
    if (!headers && roughly * 3 + 128 <= maxRequestSize) return
    let size = byteLength(key) + byteLength(value) + 80
    for (const [headerName, content] of headers ?? [])
      size += byteLength(headerName) + byteLength(content) + 10
    if (size <= maxRequestSize) return
    throw new MessageTooLargeError(
      `A record of about ${size} bytes for topic '${topic}' is over maxRequestSize (${maxRequestSize}). Send less, store large payloads elsewhere and send a reference, or raise maxRequestSize and the topic's max.message.bytes`,
      { code: 'MESSAGE_TOO_LARGE' },
    )
  }
}

/** Those that were given count for more than those of telemetry. */
function withHeaders(given: Headers | undefined, added: TraceHeaders): Headers | undefined {
  if (added.length === 0) return given
  const own = readHeaders(given) ?? []
  const names = new Set(own.map(([name]) => name))
  return [...own, ...added.filter(([name]) => !names.has(name))]
}

/** As `stored`, but rejects as soon as the signal aborts: what is on its way may be stored all the same. */
function unlessCancelled<T>(signal: AbortSignal | undefined, stored: Promise<T>): Promise<T> {
  // What is no signal was refused, which `stored` says.
  if (signal === undefined || !(signal instanceof AbortSignal)) return stored
  return new Promise((resolve, reject) => {
    const stopListening = onAbort(signal, () =>
      reject(
        new KafkaError('The send was cancelled in flight; the record may be stored', {
          code: 'ABORTED',
          outcome: 'unknown',
          cause: abortReason(signal),
        }),
      ),
    )
    stored.finally(stopListening).then(resolve, reject)
  })
}

function byteLength(data: string | Uint8Array | null): number {
  if (data === null) return 0
  return typeof data === 'string' ? utf8Length(data) : data.length
}

function isIterable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Symbol.iterator in value
}
