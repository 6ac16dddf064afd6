/** The public consumer: an async sequence of records, with or without a group. */
import { inspectBriefly } from '../../core/duration.ts'
import { PartitionNotFoundError } from '../../core/errors.ts'
import { invalid } from '../../core/options.ts'
import type { Cluster } from '../cluster.ts'
import { watched } from '../telemetry.ts'
import type { Topic } from '../topic.ts'
import type { TopicPartition } from './assignors/assignor.ts'
import type { ResolvedConsumerConfig } from './consumer-config.ts'
import { Consumption, closedConsumer } from './consumption.ts'
import { type SendBytes, withErrorPolicy } from './error-policy.ts'
import { readOffset } from './offset.ts'
import type { PartitionPosition } from './partition-position.ts'
import { checkPartitions, readTopicPartition } from './partitions-option.ts'
import type { ConsumerRecord } from './record.ts'
import { handleBatches } from './record-batches.ts'
import { RecordStream } from './record-stream.ts'
import { RecordWorkers } from './record-workers.ts'
import { Subscription } from './subscription.ts'

/** What a consumer needs beyond the cluster. */
export interface ConsumerParts {
  readonly cluster: Cluster
  readonly sendBytes: SendBytes
  /** Consumers that are being read: the client closes them when it is closed. */
  readonly running: Set<{ close(): Promise<void> }>
}

/**
 * Reads topics, alone or as a member of a group: `kafka.consumer(topics, config)`. It is an async iterable of
 * records, and can be read by one reader at a time.
 */
export class Consumer<V = unknown, K = string> extends RecordStream<ConsumerRecord<V, K>> {
  /** Names, and patterns as `/^orders-/`. */
  readonly topics: readonly string[]
  readonly group: string | undefined
  readonly #parts: ConsumerParts
  readonly #config: ResolvedConsumerConfig
  readonly #begin: () => Consumption<V, K>
  readonly #open: () => Consumption<V, K>
  readonly #running: Running<V, K>

  /** Not for direct use: `kafka.consumer(topic, config)` makes one. */
  constructor(
    parts: ConsumerParts,
    topics: readonly (Topic<V, K, never> | RegExp)[],
    config: ResolvedConsumerConfig,
  ) {
    checkPartitions(topics, config.partitions)
    const running: Running<V, K> = { consumption: undefined, isRead: false, isClosed: false }
    const begin = () => {
      if (running.isClosed) throw closedConsumer()
      running.consumption ??= new Consumption(
        parts.cluster,
        new Subscription(parts.cluster, topics),
        config,
        () => {
          running.consumption = undefined
          running.isRead = false
          parts.running.delete(this)
        },
      )
      parts.running.add(this)
      return running.consumption
    }
    const open = () => {
      const consumption = begin()
      if (running.isRead) {
        throw invalid(
          'This consumer already has a reader; create another with kafka.consumer() to read in parallel',
        )
      }
      running.isRead = true
      return consumption
    }
    super(open)
    const names = topics.map((one) => (one instanceof RegExp ? String(one) : one.name))
    this.topics = [...new Set(names)]
    this.group = config.group
    this.#parts = parts
    this.#config = config
    this.#begin = begin
    this.#open = open
    this.#running = running
  }

  /**
   * Calls `handle` with each record: `concurrency` of them at a time, in the order that `ordering` asks for. Resolves when the
   * consumer is stopped. What happens when `handle` throws says `onError`.
   */
  override async forEach(handle: (record: ConsumerRecord<V, K>) => unknown): Promise<void> {
    checkHandler(handle)
    const { concurrency, ordering, onError } = this.#config
    const { cluster, sendBytes } = this.#parts
    const handled = watched(cluster.config, this.group, handle)
    const isPlain = concurrency === 1 && onError.finally === 'stop' && !onError.retry
    if (isPlain) return super.forEach(handled)
    const consumption = this.#open()
    const { handlerFailures } = cluster.metrics
    const guarded = withErrorPolicy({
      onError,
      consumption,
      handle: handled,
      sendBytes,
      failed: ({ topic }, action) => {
        handlerFailures.at(topic, this.group ?? '', action).value++
      },
      runtime: cluster.runtime,
    })
    const workers = new RecordWorkers(consumption, { concurrency, ordering, handle: guarded })
    await workers.run()
  }

  /**
   * Calls `handle` with up to `size` records at a time: as soon as there are so many, or `waitMs` after the first. They count
   * as handled when `handle` resolves, together.
   * @internal
   */
  async forEachBatch(
    { size, waitMs }: { size: number; waitMs: number },
    handle: (records: ConsumerRecord<V, K>[]) => unknown,
  ): Promise<void> {
    checkHandler(handle)
    const { runtime, config } = this.#parts.cluster
    await handleBatches(
      this.#open(),
      { size, waitMs, runtime },
      watched(config, this.group, handle),
    )
  }

  /**
   * Resolves when the first assignment is there, each of its partitions has its place to start, and `onAssigned` is over:
   * from then on nothing that is produced is missed, also with `Offset.latest`. Where nobody reads yet, it begins: records
   * wait for who will. Rejects when the consumer fails, and with `ClosedError` when it is closed before.
   */
  async ready(): Promise<void> {
    const { isRead } = this.#running
    const consumption = this.#begin()
    try {
      await consumption.whenReady()
    } catch (error) {
      // Nobody else would end what was only begun.
      if (!isRead && !this.#running.isRead) await consumption.stop().catch(() => undefined)
      throw error
    }
  }

  /** Partitions that are being read now: how far, and how far behind the end. Empty when nobody reads. */
  positions(): readonly PartitionPosition[] {
    return this.#running.consumption?.positions() ?? []
  }

  /** Delivers nothing of these partitions until `resume`; membership goes on. Default: of all that are assigned now. */
  pause(partitions?: readonly TopicPartition[]): void {
    checkList(partitions, 'pause')
    this.#running.consumption?.setPaused(partitions, true)
  }

  resume(partitions?: readonly TopicPartition[]): void {
    checkList(partitions, 'resume')
    this.#running.consumption?.setPaused(partitions, false)
  }

  /**
   * Goes on at another offset of a partition that is assigned now. A commit never goes back: the group's offset moves
   * again once it is passed. Offsets are 0 or more. Throws `PartitionNotFoundError` when the partition is not assigned, and
   * `ConfigError` for what is no partition or no offset.
   */
  seek(partition: TopicPartition, offset: bigint | number): void {
    readTopicPartition(partition, 'The partition to seek')
    const place = readOffset(offset, 'seek')
    if (this.#running.consumption?.seek(partition, place)) return
    throw new PartitionNotFoundError(
      `${partition.topic}-${partition.partition} is not currently assigned to this consumer`,
      { code: 'UNKNOWN_TOPIC_OR_PARTITION' },
    )
  }

  /**
   * Finishes: loops over this consumer end, what was handled is committed, and the group is left so that others
   * take over at once. Idempotent. Reading it again is a `ClosedError`; after a loop that was only left, it is not.
   */
  async close(): Promise<void> {
    this.#running.isClosed = true
    await this.#running.consumption?.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

interface Running<V, K> {
  /** While somebody reads, or waits until it is ready. */
  consumption: Consumption<V, K> | undefined
  isRead: boolean
  isClosed: boolean
}

function checkList(partitions: unknown, method: string): void {
  if (partitions === undefined) return
  if (!Array.isArray(partitions)) {
    throw invalid(
      `${method} takes an array of { topic, partition }, or nothing for all; got ${inspectBriefly(partitions)}`,
    )
  }
  for (const [i, one] of partitions.entries()) readTopicPartition(one, `${method}(…)[${i}]`)
}

/** Without one a consumer would wait for its first record to fail. */
function checkHandler(handle: unknown): void {
  if (typeof handle === 'function') return
  throw invalid(`A consumer needs a function that handles records; got ${inspectBriefly(handle)}`)
}
