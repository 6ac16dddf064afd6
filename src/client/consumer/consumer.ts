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
  /** Names, and patterns such as `/^orders-/`. */
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
   * Calls `handle` with each record, up to `concurrency` at a time, in the order set by `ordering`. Resolves when the
   * consumer is stopped. `onError` decides what happens when `handle` throws.
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
   * Resolves when the consumer has its first assignment, knows the start offset of each partition, and `onAssigned` has
   * finished: from then on no new record is missed, even with `Offset.latest`. Starts the consumer if it has no reader
   * yet; records then wait for one. Rejects when the consumer fails, and with `ClosedError` when it is closed first.
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

  /** Position and lag of the partitions currently being read. Empty without a reader. */
  positions(): readonly PartitionPosition[] {
    return this.#running.consumption?.positions() ?? []
  }

  /**
   * Stops delivery from these partitions until `resume`, without leaving the group. Default: all assigned partitions.
   */
  pause(partitions?: readonly TopicPartition[]): void {
    checkList(partitions, 'pause')
    this.#running.consumption?.setPaused(partitions, true)
  }

  resume(partitions?: readonly TopicPartition[]): void {
    checkList(partitions, 'resume')
    this.#running.consumption?.setPaused(partitions, false)
  }

  /**
   * Continues at another offset of an assigned partition. A commit never goes back: the group's offset moves on once it
   * is passed. Offsets are 0 or more. Throws `PartitionNotFoundError` when the partition is not assigned, and
   * `ConfigError` for an invalid partition or offset.
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
   * Stops the consumer: its loops end, handled records are committed, and it leaves the group, so that others take over
   * at once. Idempotent. Reading it again is a `ClosedError`; after a loop that was only left, it is not.
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
