/**
 * The client: producers, consumers and administration of one cluster, over one connection. The entry file gives
 * it the connection that its URL calls for.
 */
import type { Connection } from '../connection/connection.ts'
import type { Metric } from '../core/metrics.ts'
import { invalid } from '../core/options.ts'
import { Admin } from './admin.ts'
import { Cluster, closedClient } from './cluster.ts'
import type { ResolvedClientConfig } from './config.ts'
import { type ConsumeBatchConfig, resolveBatchConfig } from './consumer/batch-config.ts'
import { Consumer } from './consumer/consumer.ts'
import {
  type ConsumerConfig,
  type ResolvedConsumerConfig,
  resolveConsumerConfig,
} from './consumer/consumer-config.ts'
import type { SendBytes } from './consumer/error-policy.ts'
import type { ConsumerRecord } from './consumer/record.ts'
import type { RecordMetadata } from './producer/delivery.ts'
import { Producer } from './producer/producer.ts'
import { type ProducerConfig, resolveProducerConfig } from './producer/producer-config.ts'
import { ProducerEngine } from './producer/producer-engine.ts'
import type { SendOptions } from './producer/send-options.ts'
import { bytes } from './serializer.ts'
import { type Topic, topic, toTopic } from './topic.ts'
import type { Transaction } from './transaction/transaction.ts'
import {
  resolveTransactionConfig,
  type TransactionConfig,
} from './transaction/transaction-config.ts'
import { TransactionalProducers } from './transaction/transactional-producers.ts'

type OneOrMore<T> = T | readonly T[]

/** A topic by name or with its types; or a pattern for the names of topics, also of those that are yet to come. */
export type Subscribable<V = unknown, K = string> = string | RegExp | Topic<V, K, never>

export class BaseClient {
  readonly url: string
  readonly #cluster: Cluster
  readonly #connection: Connection
  readonly #admin: Admin
  #produceEngine: ProducerEngine | undefined
  #transactions: TransactionalProducers | undefined
  /** What must be closed with the client: no longer than it is open itself. */
  readonly #open = new Set<{ close(): Promise<void> }>()
  #closing: Promise<void> | undefined

  constructor(config: ResolvedClientConfig, connection: Connection) {
    this.url = connection.url
    this.#connection = connection
    this.#cluster = new Cluster(connection, config)
    this.#admin = new Admin(this.#cluster)
  }

  /** @internal What other parts of a client are made with. */
  protected get parts() {
    this.#checkOpen()
    return { cluster: this.#cluster, running: this.#open }
  }

  /** Topics, records, groups and the cluster. */
  get admin(): Admin {
    return this.#admin
  }

  /** Metrics of this client and its consumers, for an exporter such as prom-client. See docs/observability.md. */
  metrics(): Metric[] {
    return this.#cluster.metrics.read()
  }

  /**
   * Stores one event with default settings. See `Producer.send` for what it rejects with.
   * @example await kafka.produce('orders', { orderId: '123' }, { key: 'customer-7' })
   */
  produce<V = unknown, K = string, Input = V>(
    topic: string | Topic<V, K, Input>,
    value: Input | null,
    options?: SendOptions<K>,
  ): Promise<RecordMetadata> {
    try {
      this.#checkOpen()
      const config = resolveProducerConfig(undefined)
      this.#produceEngine ??= this.#track(new ProducerEngine(this.#cluster, config))
      const producer = new Producer(toTopic(topic), this.#produceEngine, config, this.#cluster)
      return producer.send(value, options)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** A producer for one topic. Throws `ConfigError`. */
  producer<V = unknown, K = string, Input = V>(
    topic: string | Topic<V, K, Input>,
    config?: ProducerConfig,
  ): Producer<Input, K> {
    this.#checkOpen()
    const resolved = resolveProducerConfig(config)
    const engine = this.#track(new ProducerEngine(this.#cluster, resolved))
    engine.onClosed = () => this.#open.delete(engine)
    return new Producer(toTopic(topic), engine, resolved, this.#cluster)
  }

  /**
   * A consumer of one topic or several; it starts when it is read. A RegExp selects all topics whose names match,
   * except internal ones; topics created later are found within 30 s, or `metadataMaxAge` if that is less. Throws
   * `ConfigError`.
   */
  consumer<V = unknown, K = string>(
    topics: OneOrMore<Subscribable<V, K>>,
    config?: ConsumerConfig,
  ): Consumer<V, K> {
    return this.#consumer(topics, resolveConsumerConfig(config))
  }

  #consumer<V, K>(
    topics: OneOrMore<Subscribable<V, K>>,
    config: ResolvedConsumerConfig,
  ): Consumer<V, K> {
    this.#checkOpen()
    const list = (Array.isArray(topics) ? topics : [topics]) as readonly Subscribable<V, K>[]
    const parts = { cluster: this.#cluster, sendBytes: this.#sendBytes, running: this.#open }
    return new Consumer(parts, list.map(toSubscribed), config)
  }

  /**
   * Calls `handler` with each record, in order within a partition; with `concurrency` and `ordering`, several at a
   * time. Resolves when the consumer is stopped, by `config.signal` or `close()`. When the handler throws, it stops,
   * commits nothing past that record, and rejects with the handler's error, unless `onError` says otherwise. It
   * continues if the record's partition has moved to another member (`RebalanceInProgressError`), which handles the
   * record again.
   */
  async consume<V = unknown, K = string>(
    topics: OneOrMore<Subscribable<V, K>>,
    config: ConsumerConfig,
    handler: (record: ConsumerRecord<V, K>) => unknown,
  ): Promise<void> {
    const consumer = this.consumer(topics, config)
    await consumer.forEach(handler)
  }

  /**
   * Calls `handler` with up to `batchSize` records (default 100): as soon as there are so many, or `batchTimeout` (default 1 s)
   * after the first. They are committed together when it resolves; when it throws, none of them is, and `consumeBatch`
   * rejects with its error.
   */
  async consumeBatch<V = unknown, K = string>(
    topics: OneOrMore<Subscribable<V, K>>,
    config: ConsumeBatchConfig,
    handler: (records: ConsumerRecord<V, K>[]) => unknown,
  ): Promise<void> {
    const { size, waitMs, consumer: resolved } = resolveBatchConfig(config)
    const consumer = this.#consumer(topics, resolved)
    await consumer.forEachBatch({ size, waitMs }, handler)
  }

  /**
   * Writes to one topic or several, all or nothing: commits when `work` resolves, aborts when it rejects. Consumers
   * that read committed records, the default here, see the records only then. With `commitOffsets`, reading, writing
   * and committing the position happen exactly once.
   *
   * Rejects with `work`'s error; with that of a send that failed; with `ProducerFencedError` when another producer with
   * the same `id` has taken over or the transaction took too long. `outcome` `'unknown'`: it may have been committed.
   * @example
   * await kafka.transaction('payments', async (tx) => {
   *   await tx.send({ amount: 10 }, { key: 'alice' })
   *   await tx.send({ amount: -10 }, { key: 'bob' })
   * })
   */
  transaction<T, V = unknown, K = string, Input = V>(
    topic: string | Topic<V, K, Input>,
    work: (transaction: Transaction<Input, K>) => Promise<T>,
  ): Promise<T>
  transaction<T, V = unknown, K = string, Input = V>(
    topic: string | Topic<V, K, Input>,
    config: TransactionConfig,
    work: (transaction: Transaction<Input, K>) => Promise<T>,
  ): Promise<T>
  async transaction<T, V, K, Input>(
    topic: string | Topic<V, K, Input>,
    configOrWork: TransactionConfig | ((transaction: Transaction<Input, K>) => Promise<T>),
    maybeWork?: (transaction: Transaction<Input, K>) => Promise<T>,
  ): Promise<T> {
    this.#checkOpen()
    const hasConfig = typeof configOrWork !== 'function'
    const work = hasConfig ? maybeWork : configOrWork
    if (typeof work !== 'function') {
      throw invalid('transaction(topic, config?, work) needs a function that does the work')
    }
    const config = resolveTransactionConfig(hasConfig ? configOrWork : undefined)
    this.#transactions ??= this.#track(new TransactionalProducers(this.#cluster))
    return this.#transactions.run(
      config,
      toTopic(topic) as Topic<unknown, unknown>,
      work as (transaction: Transaction) => Promise<T>,
    )
  }

  /**
   * Stops consumers (committing handled records), sends what producers have buffered, and releases all resources.
   * Idempotent.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const results = await Promise.allSettled([...this.#open].map((part) => part.close()))
    this.#cluster.close()
    await this.#connection.close()
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  /** For dead letters: with default settings, and the bytes as they are. */
  readonly #sendBytes: SendBytes = (name, value, options) =>
    this.produce(topic<Uint8Array, Uint8Array>(name, { key: bytes, value: bytes }), value, options)

  #track<T extends { close(): Promise<void> }>(part: T): T {
    this.#open.add(part)
    return part
  }

  #checkOpen(): void {
    if (this.#closing) throw closedClient()
  }
}

function toSubscribed<V, K>(wanted: Subscribable<V, K>): RegExp | Topic<V, K, never> {
  return wanted instanceof RegExp ? wanted : toTopic(wanted)
}
