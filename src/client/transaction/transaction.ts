/** A transaction as the application sees it, inside `kafka.transaction(…)`. */
import { KafkaError } from '../../core/errors.ts'
import type { Cluster } from '../cluster.ts'
import type { PartitionConsumption } from '../consumer/partition-consumption.ts'
import { ConsumerRecord } from '../consumer/record.ts'
import type { RecordMetadata } from '../producer/delivery.ts'
import { type Message, Producer, type SendOptions } from '../producer/producer.ts'
import type { ResolvedProducerConfig } from '../producer/producer-config.ts'
import type { ProducerEngine } from '../producer/producer-engine.ts'
import { type Topic, toTopic } from '../topic.ts'
import type { PartitionOffset, TransactionSession } from './transaction-session.ts'

/** Options of a send in a transaction. */
export interface TransactionSendOptions<V = unknown, K = string> extends SendOptions<K> {
  /** Default: the topic that the transaction was begun with. */
  topic?: string | Topic<V, K> | undefined
}

interface TransactionParts {
  readonly cluster: Cluster
  readonly engine: ProducerEngine
  readonly session: TransactionSession
  readonly producerConfig: ResolvedProducerConfig
  readonly defaultTopic: Topic<unknown, unknown>
}

export class Transaction<V = unknown, K = string> {
  readonly #parts: TransactionParts
  readonly #producers = new Map<unknown, Producer<unknown, unknown>>()
  /** How far each partition is done once this is committed. */
  readonly #offsets = new Map<PartitionConsumption, bigint>()
  #isOver = false

  /** Not for direct use: `kafka.transaction(topic, work)` makes one. */
  constructor(parts: TransactionParts) {
    this.#parts = parts
  }

  /**
   * Writes a record, which counts once the transaction is committed. Need not be awaited: the commit waits for it, and
   * fails when it failed. Rejects as `Producer.send` does.
   */
  send<W = V, L = K>(
    value: W | null,
    options: TransactionSendOptions<W, L> = {},
  ): Promise<RecordMetadata> {
    const { topic, ...rest } = options
    return this.#watched(() => this.#producer(topic).send(value, rest as SendOptions<unknown>))
  }

  /** Writes many records; see `send` and `Producer.sendBatch`. */
  sendBatch<W = V, L = K>(
    items: readonly (W | null | Message<W, L>)[],
    options: Omit<TransactionSendOptions<W, L>, 'key'> = {},
  ): Promise<RecordMetadata[]> {
    const { topic, ...rest } = options
    return this.#watched(() =>
      this.#producer(topic).sendBatch(
        items as readonly (unknown | Message<unknown, unknown>)[],
        rest,
      ),
    )
  }

  /**
   * Marks consumed records, and all before them in their partitions, as done when the transaction commits, and not
   * before: with the sends, each of them counts exactly once. Rejects with `RebalanceInProgressError` when a partition has
   * gone to another member of the group; the transaction is then aborted.
   */
  commitOffsets(records: ConsumerRecord | readonly ConsumerRecord[]): Promise<void> {
    return this.#watched(async () => {
      const list = (Array.isArray(records) ? records : [records]) as readonly ConsumerRecord[]
      const last = new Map<PartitionConsumption, bigint>()
      for (const record of list) {
        const source = ConsumerRecord.sourceOf(record)
        source.checkCommittable(record)
        const next = record.offset + 1n
        if (next > (last.get(source) ?? -1n)) last.set(source, next)
      }
      for (const [committer, sources] of byCommitter(last.keys())) {
        const offsets: PartitionOffset[] = sources.map((source) => ({
          topic: source.topic,
          partition: source.partition,
          offset: last.get(source)!,
        }))
        await this.#parts.session.commitOffsets(await committer.membership(), offsets)
      }
      for (const [source, offset] of last) this.#offsets.set(source, offset)
    })
  }

  /** @internal Nothing can be added any more. */
  close(): void {
    this.#isOver = true
  }

  /** @internal */
  committed(): void {
    for (const [source, offset] of this.#offsets) {
      if (offset > source.committed) source.committed = offset
    }
  }

  #producer(topic: string | Topic<never, never> | undefined | object): Producer<unknown, unknown> {
    const { cluster, engine, producerConfig, defaultTopic } = this.#parts
    const wanted = (topic ?? defaultTopic) as string | Topic<unknown, unknown>
    let producer = this.#producers.get(wanted)
    if (!producer) {
      producer = new Producer(toTopic(wanted), engine, producerConfig, cluster.runtime)
      this.#producers.set(wanted, producer)
    }
    return producer
  }

  /** Whatever fails here makes the commit fail; nobody has to await it. */
  #watched<T>(act: () => Promise<T>): Promise<T> {
    const outcome = this.#isOver ? Promise.reject(over()) : act()
    outcome.catch((error: unknown) => {
      if (!this.#isOver) this.#parts.session.failed(error)
    })
    return outcome
  }
}

function byCommitter(sources: Iterable<PartitionConsumption>) {
  const groups = new Map<NonNullable<PartitionConsumption['committer']>, PartitionConsumption[]>()
  for (const source of sources) {
    const committer = source.committer!
    groups.set(committer, [...(groups.get(committer) ?? []), source])
  }
  return groups
}

function over(): KafkaError {
  return new KafkaError(
    'The transaction is over: await what belongs to it before its callback returns',
    { code: 'INVALID_TXN_STATE' },
  )
}
