/** The public consumer: an async sequence of records, with or without a group. */
import { inspectBriefly } from '../../core/duration.ts'
import { ClosedError, PartitionNotFoundError } from '../../core/errors.ts'
import { invalid } from '../../core/options.ts'
import type { Cluster } from '../cluster.ts'
import { watched } from '../telemetry.ts'
import type { Topic } from '../topic.ts'
import type { TopicPartition } from './assignors/assignor.ts'
import type { ResolvedConsumerConfig } from './consumer-config.ts'
import { Consumption, type PartitionPosition } from './consumption.ts'
import { type SendBytes, withErrorPolicy } from './error-policy.ts'
import type { ConsumerRecord } from './record.ts'
import { handleBatches } from './record-batches.ts'
import { RecordStream } from './record-stream.ts'
import { RecordWorkers } from './record-workers.ts'
import { Subscription } from './subscription.ts'

/** What a consumer needs beyond the cluster. */
export interface ConsumerParts {
  readonly cluster: Cluster
  readonly sendBytes: SendBytes
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
  readonly #open: () => Consumption<V, K>
  readonly #running: Running<V, K>

  /** Not for direct use: `kafka.consumer(topic, config)` makes one. */
  constructor(
    parts: ConsumerParts,
    topics: readonly (Topic<V, K, never> | RegExp)[],
    config: ResolvedConsumerConfig,
  ) {
    const running: Running<V, K> = { consumption: undefined, isClosed: false }
    const open = () => {
      if (running.isClosed) {
        throw new ClosedError('The consumer is closed; make a new one to go on', {
          code: 'CONSUMER_CLOSED',
        })
      }
      if (running.consumption) {
        throw invalid(
          'This consumer is being read already; make another with kafka.consumer() to read in parallel',
        )
      }
      running.consumption = new Consumption(
        parts.cluster,
        new Subscription(parts.cluster, topics),
        config,
        () => {
          running.consumption = undefined
        },
      )
      return running.consumption
    }
    super(open)
    const names = topics.map((one) => (one instanceof RegExp ? String(one) : one.name))
    this.topics = [...new Set(names)]
    this.group = config.group
    this.#parts = parts
    this.#config = config
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
    const { logger } = cluster.runtime
    const { handlerFailures } = cluster.metrics
    const guarded = withErrorPolicy({
      onError,
      consumption,
      handle: handled,
      sendBytes,
      failed: ({ topic }, action) => {
        handlerFailures.at(topic, this.group ?? '', action).value++
      },
      logger,
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

  /** Partitions that are being read now: how far, and how far behind the end. Empty when nobody reads. */
  positions(): readonly PartitionPosition[] {
    return this.#running.consumption?.positions() ?? []
  }

  /** Delivers nothing of these partitions until `resume`; membership goes on. Default: of all that are assigned now. */
  pause(partitions?: readonly TopicPartition[]): void {
    this.#running.consumption?.setPaused(partitions, true)
  }

  resume(partitions?: readonly TopicPartition[]): void {
    this.#running.consumption?.setPaused(partitions, false)
  }

  /**
   * Goes on at another offset of a partition that is assigned now. A commit never goes back: the group's offset moves
   * again once it is passed. Throws `PartitionNotFoundError` when the partition is not assigned.
   */
  seek(partition: TopicPartition, offset: bigint): void {
    if (this.#running.consumption?.seek(partition, offset)) return
    throw new PartitionNotFoundError(
      `${partition.topic}-${partition.partition} is not assigned to this consumer at present`,
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
  /** While somebody reads. */
  consumption: Consumption<V, K> | undefined
  isClosed: boolean
}

/** Without one a consumer would wait for its first record to fail. */
function checkHandler(handle: unknown): void {
  if (typeof handle === 'function') return
  throw invalid(`A consumer needs a function that handles records; got ${inspectBriefly(handle)}`)
}
