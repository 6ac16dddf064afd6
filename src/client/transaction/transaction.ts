/**
 * A transaction as the application sees it, inside `kafka.transaction(…)`. It ends only when nothing that was called on it
 * is under way any more: what arrives at the broker after the end would belong to the next one.
 */
import { inspectBriefly } from '../../core/duration.ts'
import { KafkaError, withOutcome } from '../../core/errors.ts'
import { invalid } from '../../core/options.ts'
import type { Cluster } from '../cluster.ts'
import { PartitionConsumption } from '../consumer/partition-consumption.ts'
import { ConsumerRecord } from '../consumer/record.ts'
import { BatchError, type RecordMetadata } from '../producer/delivery.ts'
import { Producer } from '../producer/producer.ts'
import type { ResolvedProducerConfig } from '../producer/producer-config.ts'
import type { ProducerEngine } from '../producer/producer-engine.ts'
import { checkIsOptions, type Message, type SendOptions } from '../producer/send-options.ts'
import { type Topic, toTopic } from '../topic.ts'
import { over, type PartitionOffset } from './offset-commits.ts'
import type { TransactionSession } from './transaction-session.ts'

/** Options of a send in a transaction. */
export interface TransactionSendOptions<V = unknown, K = string> extends SendOptions<K> {
  /** Default: the topic that the transaction was begun with. */
  topic?: string | Topic<unknown, K, V> | undefined
}

interface TransactionParts {
  readonly cluster: Cluster
  readonly engine: ProducerEngine
  readonly session: TransactionSession
  readonly producerConfig: ResolvedProducerConfig
  readonly defaultTopic: Topic<unknown, unknown>
}

/** An open transaction, passed to the callback of `kafka.transaction`. It ends with the callback. */
export class Transaction<V = unknown, K = string> {
  readonly #parts: TransactionParts
  readonly #producers = new Map<unknown, Producer<unknown, unknown>>()
  /** How far each partition is done once this is committed. */
  readonly #offsets = new Map<PartitionConsumption, bigint>()
  #isOver = false
  #underWay = 0
  #settledListeners: (() => void)[] = []

  /** Not for direct use: `kafka.transaction(topic, work)` makes one. */
  constructor(parts: TransactionParts) {
    this.#parts = parts
  }

  /**
   * Writes a record, which counts once the transaction is committed. Need not be awaited: the commit waits for it, and
   * fails when it failed. Rejects as `Producer.send` does; then the transaction can only be aborted, also when the error is
   * caught. With `INVALID_TXN_STATE` once the transaction is over.
   */
  send<W = V, L = K>(
    value: W | null,
    options: TransactionSendOptions<W, L> = {},
  ): Promise<RecordMetadata> {
    return this.#watched(async () => {
      checkIsOptions(options)
      const { topic, ...rest } = options
      return this.#producer(topic).send(value, rest as SendOptions<unknown>)
    })
  }

  /** Writes many records; see `send` and `Producer.sendBatch`. */
  sendBatch<W = V, L = K>(
    items: readonly (W | null | Message<W, L>)[],
    options: Omit<TransactionSendOptions<W, L>, 'key'> = {},
  ): Promise<RecordMetadata[]> {
    return this.#watched(async () => {
      checkIsOptions(options)
      const { topic, ...rest } = options
      return this.#producer(topic).sendBatch(
        items as readonly (unknown | Message<unknown, unknown>)[],
        rest,
      )
    })
  }

  /**
   * Commits consumed records, and all earlier ones in their partitions, together with the transaction, so that each
   * record takes effect exactly once (KIP-447). Call it while the records are being handled, or read them with
   * `autoCommit: false`. Need not be awaited. When it rejects, the transaction can only be aborted:
   * `RebalanceInProgressError` if a partition has moved to another member of the group, which gets the records again;
   * `ConfigError` for records that were read without a group, or handled before.
   */
  commitOffsets(records: ConsumerRecord | readonly ConsumerRecord[]): Promise<void> {
    return this.#watched(async () => {
      const list = (Array.isArray(records) ? records : [records]) as readonly ConsumerRecord[]
      const last = new Map<PartitionConsumption, ConsumerRecord>()
      for (const record of list) {
        if (!(record instanceof ConsumerRecord)) {
          throw invalid(
            `commitOffsets takes one record from a consumer, or an array of them; got ${inspectBriefly(record)}`,
          )
        }
        const source = PartitionConsumption.of(record)
        source.checkCommittableInTransaction(record)
        const other = last.get(source)
        if (!other || record.offset > other.offset) last.set(source, record)
      }
      for (const [committer, sources] of byCommitter(last.keys())) {
        const offsets: PartitionOffset[] = sources.map((source) => ({
          topic: source.topic,
          partition: source.partition,
          offset: last.get(source)!.offset + 1n,
        }))
        const check = () => {
          for (const source of sources) source.checkCommittable(last.get(source)!)
        }
        await this.#parts.session.commitOffsets({ committer, offsets, check })
      }
      for (const [source, { offset }] of last) {
        const before = this.#offsets.get(source) ?? -1n
        if (offset >= before) this.#offsets.set(source, offset + 1n)
      }
    })
  }

  /** @internal Resolves when nothing is under way; from that very moment nothing can be added. */
  async finish(): Promise<void> {
    while (this.#underWay > 0) {
      // What lingers is sent; offsets may still be under way then.
      await this.#parts.engine.flush()
      await this.#settled()
    }
    this.close()
  }

  /** @internal Nothing can be added any more. */
  close(): void {
    this.#isOver = true
    this.#parts.session.seal()
  }

  /** @internal After `close`: resolves when nothing is under way. */
  async settled(): Promise<void> {
    while (this.#underWay > 0) await this.#settled()
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
      producer = new Producer(toTopic(wanted), engine, producerConfig, cluster)
      this.#producers.set(wanted, producer)
    }
    return producer
  }

  /** Whatever fails here makes the commit fail; nobody has to await it. */
  #watched<T>(act: () => Promise<T>): Promise<T> {
    const outcome = this.#isOver ? Promise.reject(over()) : this.#counted(act)
    outcome.catch(() => undefined)
    return outcome
  }

  async #counted<T>(act: () => Promise<T>): Promise<T> {
    this.#underWay++
    try {
      return await act()
    } catch (error) {
      const certain = doesNotCount(error)
      if (!this.#isOver) this.#parts.session.failed(certain)
      throw certain
    } finally {
      this.#underWay--
      const listeners = this.#settledListeners
      this.#settledListeners = []
      for (const listener of listeners) listener()
    }
  }

  /** Resolves when something has settled, or nothing is under way. */
  #settled(): Promise<void> {
    if (this.#underWay === 0) return Promise.resolve()
    return new Promise((resolve) => this.#settledListeners.push(resolve))
  }
}

/** A record may be stored or not: it does not count, for the transaction is aborted. */
function doesNotCount(error: unknown): unknown {
  if (error instanceof BatchError) {
    return new BatchError(
      error.results.map((result) =>
        result instanceof KafkaError ? (doesNotCount(result) as KafkaError) : result,
      ),
    )
  }
  return error instanceof KafkaError
    ? withOutcome(error, 'failed', 'its result is discarded: the transaction is aborted')
    : error
}

function byCommitter(sources: Iterable<PartitionConsumption>) {
  const groups = new Map<NonNullable<PartitionConsumption['committer']>, PartitionConsumption[]>()
  for (const source of sources) {
    const committer = source.committer!
    groups.set(committer, [...(groups.get(committer) ?? []), source])
  }
  return groups
}
