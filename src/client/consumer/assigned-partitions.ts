/**
 * The partitions that a consumer has: how they come, with a place to start and the application told, and how they go, with
 * what was being handled finished and committed. Nothing is fetched of a partition before `onAssigned` is over.
 *
 *   add ─▶ where to start ─▶ onAssigned ─▶ fetched, handed out ─┬─ give up ─▶ handled ─▶ committed ─▶ onRevoked ─▶ gone
 *                                                               └─ lose ─▶ gone ─▶ onLost
 *
 * Whoever was told of a partition by `onAssigned` is told once that it goes.
 */
import { PartitionNotFoundError } from '../../core/errors.ts'
import { resolvesWithin } from '../../core/within.ts'
import type { Cluster } from '../cluster.ts'
import { errorLabel } from '../metrics.ts'
import { AssignmentHooks } from './assignment-hooks.ts'
import type { TopicPartition } from './assignors/assignor.ts'
import { fetchCommitted } from './committer.ts'
import type { ResolvedConsumerConfig } from './consumer-config.ts'
import type { Fetcher } from './fetcher.ts'
import type { Offset } from './offset.ts'
import { type Committer, PartitionConsumption } from './partition-consumption.ts'

/** A partition that comes, and where to start where nothing is committed. */
export interface ComingPartition extends TopicPartition {
  readonly start: Offset
}

export interface AssignedPartitionsParts {
  readonly cluster: Cluster
  readonly config: ResolvedConsumerConfig
  readonly fetcher: Fetcher
  /** Undefined without a group. */
  readonly committer: Committer | undefined
  /** A hook has failed. */
  readonly failed: (error: unknown) => void
}

/** Share of `rebalanceTimeout` that what is being handled may take; the rest is for committing and the hook. */
const handlingShare = 0.8

export class AssignedPartitions {
  readonly #parts: AssignedPartitionsParts
  readonly #hooks: AssignmentHooks
  readonly #list: PartitionConsumption[] = []
  #end: () => void = () => undefined
  readonly #ended = new Promise<void>((resolve) => {
    this.#end = resolve
  })
  #isEnding = false

  constructor(parts: AssignedPartitionsParts) {
    this.#parts = parts
    const { config, cluster, failed } = parts
    this.#hooks = new AssignmentHooks({ config, runtime: cluster.runtime, failed })
  }

  get all(): readonly PartitionConsumption[] {
    return this.#list
  }

  find(wanted: readonly TopicPartition[]): PartitionConsumption[] {
    return this.#list.filter((own) => wanted.some((one) => isSame(own, one)))
  }

  has(wanted: TopicPartition): boolean {
    return this.#list.some((own) => isSame(own, wanted))
  }

  /** Nothing more comes, and what comes is not waited for: the consumer stops, or has failed. */
  end(): void {
    this.#isEnding = true
    this.#end()
  }

  /** Resolves when they are being read: each has its place, and `onAssigned` is over. */
  async add(coming: readonly ComingPartition[]): Promise<void> {
    if (coming.length === 0 || this.#isEnding) return
    const { cluster, config, committer, fetcher } = this.#parts
    const absence = await this.#firstAbsent(coming)
    // A partition that was given by others may come to be known here a little later.
    if (absence && config.partitions) throw absence
    const partitions = coming.map(({ topic, partition, start }) => {
      const consumed = cluster.metrics.consumedRecords.at(topic, config.group ?? '')
      const options = { start, committer, autoCommit: config.autoCommit, consumed }
      return new PartitionConsumption(topic, partition, options)
    })
    if (config.group !== undefined) {
      const committed = await fetchCommitted(cluster, config.group, partitions)
      partitions.forEach((partition, i) => {
        const offset = committed[i]
        if (offset === undefined) return
        partition.seek(offset)
        partition.committed = offset
      })
    }
    if (this.#isEnding) return
    this.#list.push(...partitions)
    fetcher.add(partitions)
    const placed = Promise.all(partitions.map((partition) => partition.whenPlaced()))
    await Promise.race([placed, this.#ended])
    const told = partitions.filter(({ isLost }) => !isLost)
    const announcing = this.#hooks.run('onAssigned', told, {
      skipIf: () => {
        if (this.#isEnding) return true
        for (const partition of told) partition.isAnnounced = true
        return false
      },
    })
    await Promise.race([announcing, this.#ended])
    if (this.#isEnding) return
    for (const partition of partitions) partition.isHeld = false
    fetcher.interrupt()
  }

  /** Resolves when they are gone. */
  async giveUp(given: readonly TopicPartition[]): Promise<void> {
    const { config, fetcher, cluster } = this.#parts
    const deadline = cluster.runtime.monotonicNow() + config.rebalanceTimeout
    const partitions = this.find(given)
    for (const partition of partitions) partition.revoke()
    fetcher.remove(partitions)
    await this.whenHandled(partitions, config.rebalanceTimeout * handlingShare)
    await this.#commitAndTell(partitions, deadline - cluster.runtime.monotonicNow())
    this.#forget(partitions)
  }

  /** As `giveUp`, of all that are left, for good: what is being handled is not waited for. */
  async giveUpAll(): Promise<void> {
    const partitions = [...this.#list]
    for (const partition of partitions) partition.revoke()
    await this.#commitAndTell(partitions)
  }

  /** They have gone to others. */
  lose(lost: readonly TopicPartition[]): void {
    const partitions = this.find(lost)
    this.#parts.fetcher.remove(partitions)
    this.#forget(partitions)
    void this.#hooks.run('onLost', partitions.filter(wasAnnounced))
  }

  /** Resolves when the hook that is running is over; undefined while none is. */
  get hookUnderWay(): Promise<void> | undefined {
    return this.#hooks.underWay
  }

  /** Whatever is left is gone. */
  forgetAll(): void {
    for (const partition of this.#list) partition.lose()
    this.#list.length = 0
  }

  /** Waits for records in the application's hands, but no longer than `waitMs`. */
  async whenHandled(partitions: readonly PartitionConsumption[], waitMs: number): Promise<void> {
    const handled = Promise.all(partitions.map((partition) => partition.whenHandled()))
    await resolvesWithin(this.#parts.cluster.runtime, handled, waitMs)
  }

  /** Commits what is done. A commit that fails is told, and costs no record: what was not committed comes again. */
  async commit(): Promise<void> {
    const { committer, cluster, config } = this.#parts
    try {
      await committer?.commitNow()
    } catch (error) {
      const { commitFailures } = cluster.metrics
      commitFailures.at(config.group ?? '', errorLabel(error)).value++
      cluster.runtime.logger.warn(
        { err: error, group: config.group },
        'offsets were not committed; handled records may be delivered again',
      )
    }
  }

  async #commitAndTell(
    partitions: readonly PartitionConsumption[],
    limitMs = Number.POSITIVE_INFINITY,
  ): Promise<void> {
    await this.commit()
    const told = partitions.filter(wasAnnounced)
    await this.#hooks.run('onRevoked', told, { limitMs: Math.max(1, limitMs) })
    // What the hook has waited for may be done now.
    if (this.#parts.config.onRevoked && told.length > 0) await this.commit()
  }

  /** What is known of a topic may be older than its newest partitions. Undefined when all are there. */
  async #firstAbsent(
    wanted: readonly TopicPartition[],
  ): Promise<PartitionNotFoundError | undefined> {
    const { cluster } = this.#parts
    const look = async () => {
      const options = { create: false, absent: 'leave out' } as const
      const found = await cluster.ensureTopics(
        wanted.map(({ topic }) => topic),
        options,
      )
      const countOf = (topic: string) => found.get(topic)?.partitions.length ?? 0
      const absent = wanted.filter(({ topic, partition }) => partition >= countOf(topic))
      return { absent, countOf }
    }
    const old = await look()
    if (old.absent.length === 0) return undefined
    for (const { topic } of old.absent) cluster.invalidateTopic(topic)
    const { absent, countOf } = await look()
    if (absent.length === 0) return undefined
    const { topic, partition } = absent[0]!
    const count = countOf(topic)
    return new PartitionNotFoundError(
      `${topic}-${partition} does not exist: topic '${topic}' has ${count} partition${count === 1 ? '' : 's'}, counted from 0`,
      { code: 'UNKNOWN_TOPIC_OR_PARTITION' },
    )
  }

  #forget(partitions: readonly PartitionConsumption[]): void {
    for (const partition of partitions) {
      partition.lose()
      const at = this.#list.indexOf(partition)
      if (at >= 0) this.#list.splice(at, 1)
    }
  }
}

function wasAnnounced({ isAnnounced }: PartitionConsumption): boolean {
  return isAnnounced
}

function isSame(a: TopicPartition, b: TopicPartition): boolean {
  return a.partition === b.partition && a.topic === b.topic
}
