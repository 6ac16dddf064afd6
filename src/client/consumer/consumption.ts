/**
 * One run of a consumer, from its start to its end: hands out the records of the assigned partitions one by one. The
 * membership says which partitions (without one: all of the topics, or those that were named), the fetcher fills them, the
 * committer saves the progress.
 *
 *   GroupMember ──assigned/revoked──▶ AssignedPartitions ◀─┐
 *                                                          Consumption ◀──take/handled/stop── the application
 *                                      Fetcher ◀───────────┘
 */
import { onAbort } from '../../core/abort.ts'
import { ClosedError, CorruptDataError, RebalanceInProgressError } from '../../core/errors.ts'
import type { Timer } from '../../core/runtime.ts'
import { nextTurn } from '../../core/turn.ts'
import { resolvesWithin } from '../../core/within.ts'
import { type Cluster, closedClient } from '../cluster.ts'
import type { LagSource } from '../metrics.ts'
import { AssignedPartitions } from './assigned-partitions.ts'
import type { TopicPartition } from './assignors/assignor.ts'
import { GroupCommitter, outsider } from './committer.ts'
import type { ResolvedConsumerConfig } from './consumer-config.ts'
import type { FetchedRecords } from './fetched-records.ts'
import { Fetcher } from './fetcher.ts'
import { GroupMember } from './group-member.ts'
import { PartitionConsumption } from './partition-consumption.ts'
import { type PartitionPosition, positionOf } from './partition-position.ts'
import { Patience } from './patience.ts'
import { Readiness } from './readiness.ts'
import type { ConsumerRecord } from './record.ts'
import { type OriginalRecord, RecordDecoder } from './record-decoder.ts'
import type { Source } from './record-stream.ts'
import type { HeldSource } from './record-workers.ts'
import { StartingPoint } from './starting-point.ts'
import type { Subscription } from './subscription.ts'
import { TopicWatch } from './topic-watch.ts'

export class Consumption<V, K>
  implements Source<ConsumerRecord<V, K>>, HeldSource<V, K>, LagSource
{
  readonly #cluster: Cluster
  readonly #subscription: Subscription<V, K>
  readonly #config: ResolvedConsumerConfig
  readonly #fetcher: Fetcher
  readonly #member: GroupMember | undefined
  readonly #committer: GroupCommitter | undefined
  readonly #decoder: RecordDecoder<V, K>
  readonly #assigned: AssignedPartitions
  readonly #startingPoint: StartingPoint
  readonly #watch: TopicWatch
  readonly #onStopped: () => void
  #turn = 0
  #recordsThisTurn = 0
  /** Given out by `take`. */
  #inHand: ConsumerRecord<V, K> | undefined
  #wake: (() => void) | undefined
  #hasNews = false
  #error: unknown
  /** What a hook threw while the consumer was stopping. */
  #stopError: unknown
  /** The first assignment is being read. */
  readonly #readiness = new Readiness()
  #stopped: Promise<void> | undefined
  #commitTimer: Timer | undefined
  #isClosing = false
  readonly #closing = new AbortController()
  readonly #stopListening: () => void
  readonly #patience: Patience

  constructor(
    cluster: Cluster,
    subscription: Subscription<V, K>,
    config: ResolvedConsumerConfig,
    onStopped: () => void,
  ) {
    this.#cluster = cluster
    this.#subscription = subscription
    this.#config = config
    this.#onStopped = onStopped
    this.#patience = new Patience({
      runtime: cluster.runtime,
      giveUpAfterMs: config.giveUpAfter,
      group: config.group,
    })
    this.#fetcher = new Fetcher(cluster, config, this.#patience, {
      onRecords: () => this.#notify(),
      onError: (error) => this.#fail(error),
      onGone: (topic) => this.#mayGo(topic),
    })
    this.#decoder = new RecordDecoder(subscription, config.onError)
    this.#startingPoint = new StartingPoint(config.offset)
    this.#watch = new TopicWatch({
      cluster,
      subscription,
      closing: this.#closing.signal,
      // The leader of a group looks for new partitions.
      watchesNamed: config.group === undefined,
      looked: (isChanged) => this.#looked(isChanged),
      grown: (topic) => this.#grown(topic),
    })
    if (config.group !== undefined) {
      const isMember = config.partitions === undefined
      const member = isMember ? this.#newMember() : undefined
      this.#member = member
      this.#committer = new GroupCommitter(cluster, config.group, {
        owned: () => this.#assigned.all,
        patience: this.#patience,
        closing: this.#closing.signal,
        stableGeneration: () => member?.stableGeneration() ?? Promise.resolve(outsider),
      })
    }
    this.#assigned = new AssignedPartitions({
      cluster,
      config,
      fetcher: this.#fetcher,
      committer: this.#committer,
      failed: (error) => {
        if (this.#isClosing) this.#stopError ??= error
        this.#fail(error)
      },
    })
    this.#stopListening = onAbort(config.signal, () => this.#closeUnasked())
    if (cluster.closed.aborted) this.#error = closedClient()
    else if (config.signal?.aborted) this.#closeUnasked()
    else {
      cluster.metrics.consumers.add(this)
      void this.#begin()
    }
  }

  take(): ConsumerRecord<V, K> | undefined {
    this.handled()
    this.#inHand = this.takeHeld()
    return this.#inHand
  }

  takeHeld(): ConsumerRecord<V, K> | undefined {
    if (this.#error !== undefined) throw this.#error
    if (this.#isClosing || this.#recordsThisTurn >= this.#config.maxPollRecords) return undefined
    const partitions = this.#assigned.all
    for (let tried = 0; tried < partitions.length; tried++) {
      const partition = partitions[this.#turn % partitions.length]!
      const records =
        partition.isPaused || partition.isRevoking ? undefined : this.#advance(partition)
      if (records) return this.#deliver(partition, records)
      this.#turn++
    }
    return undefined
  }

  #advance(partition: PartitionConsumption): FetchedRecords | undefined {
    const { bufferedAnswers } = partition
    const records = partition.advance()
    if (partition.bufferedAnswers < bufferedAnswers) this.#fetcher.taken(partition)
    return records
  }

  async ready(): Promise<boolean> {
    if (this.#recordsThisTurn >= this.#config.maxPollRecords) {
      this.#recordsThisTurn = 0
      await nextTurn()
      return this.#isOpen()
    }
    this.handled()
    this.#fetcher.pump()
    while (!this.#hasNews && this.#isOpen()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    this.#hasNews = false
    this.#recordsThisTurn = 0
    return this.#isOpen()
  }

  handled(): void {
    const record = this.#inHand
    if (!record) return
    this.#inHand = undefined
    this.settle(record, true)
  }

  settle(record: ConsumerRecord<V, K>, isHandled: boolean): void {
    PartitionConsumption.of(record as ConsumerRecord).released(record as ConsumerRecord, isHandled)
  }

  isRevoking(record: ConsumerRecord<V, K>): boolean {
    return PartitionConsumption.of(record as ConsumerRecord).isRevoking
  }

  lostToOther(record: ConsumerRecord<V, K>, error: unknown): boolean {
    if (!(error instanceof RebalanceInProgressError)) return false
    return PartitionConsumption.of(record as ConsumerRecord).isLost
  }

  releaseFailed(error: unknown): boolean {
    const record = this.#inHand
    if (!record) return false
    if (!this.lostToOther(record, error)) {
      this.stopsFor(record, error)
      return false
    }
    this.#inHand = undefined
    this.settle(record, false)
    return true
  }

  stopsFor(record: ConsumerRecord<V, K>, error: unknown): void {
    const { topic, partition, offset } = record
    this.#cluster.runtime.logger.error(
      { err: error, group: this.group, topic, partition, offset: String(offset) },
      'a handler failed, so its consumer stops; the record is not handled',
    )
  }

  /** What the record was made of; kept where `onError` may write it to another topic. */
  originalOf(record: ConsumerRecord<V, K>): OriginalRecord | undefined {
    return this.#decoder.originalOf(record)
  }

  get group(): string | undefined {
    return this.#config.group
  }

  /** Whether something fails at present that it keeps trying. */
  get isWaiting(): boolean {
    return this.#patience.isWaiting
  }

  /** Ends when the consumer does. */
  get closing(): AbortSignal {
    return this.#closing.signal
  }

  /** Partitions that are being read, with how far. */
  positions(): readonly PartitionPosition[] {
    return this.#assigned.all.map(positionOf)
  }

  /** Delivers nothing of these partitions, or lets them go on; of all when none are named. */
  setPaused(wanted: readonly TopicPartition[] | undefined, isPaused: boolean): void {
    const partitions = wanted ? this.#assigned.find(wanted) : this.#assigned.all
    for (const partition of partitions) partition.isPaused = isPaused
    if (!isPaused) this.#notify()
    this.#fetcher.pump()
  }

  /** Goes on at another offset. False when the partition is not this consumer's at present. */
  seek(wanted: TopicPartition, offset: bigint): boolean {
    const [partition] = this.#assigned.find([wanted])
    if (!partition) return false
    partition.seek(offset)
    this.#fetcher.interrupt()
    return true
  }

  /** As `stop`, but first lets the application finish the record it is handling. */
  async close(): Promise<void> {
    this.#beginClosing()
    await this.#assigned.whenHandled([...this.#assigned.all], this.#config.closeHandlerTimeout)
    await this.stop()
  }

  /** Resolves when all that was assigned first is being read. Rejects when the consumer ends before. */
  whenReady(): Promise<void> {
    return this.#readiness.wait()
  }

  stop(): Promise<void> {
    this.#beginClosing()
    this.#stopped ??= this.#stopInTime()
    return this.#stopped
  }

  #beginClosing(): void {
    if (this.#isClosing) return
    this.#isClosing = true
    this.#closing.abort()
    this.#assigned.end()
    this.#readiness.end(this.#error ?? closedConsumer())
    this.#notify()
  }

  /** What goes wrong is told to whoever reads. */
  #closeUnasked(): void {
    this.close().catch(() => undefined)
  }

  #newMember(): GroupMember {
    return new GroupMember(this.#cluster, this.#subscription, this.#config, this.#patience, {
      assigned: (partitions) => this.#assigned.add(this.#placed(partitions)),
      revoked: (partitions) => this.#assigned.giveUp(partitions),
      lost: (partitions) => this.#assigned.lose(partitions),
      settled: () => this.#readiness.become(),
      failed: (error) => this.#fail(error),
    })
  }

  #isOpen(): boolean {
    if (this.#error !== undefined) throw this.#error
    return !this.#isClosing
  }

  #deliver(partition: PartitionConsumption, records: FetchedRecords): ConsumerRecord<V, K> {
    const record = this.#decode(partition, records)
    this.#recordsThisTurn++
    partition.consumed.value++
    partition.delivered(record as ConsumerRecord)
    return record
  }

  #decode(partition: PartitionConsumption, records: FetchedRecords): ConsumerRecord<V, K> {
    try {
      return this.#decoder.decode(partition, records)
    } catch (error) {
      if (!(error instanceof CorruptDataError)) this.#error = error
      throw error
    }
  }

  async #begin(): Promise<void> {
    const { signal } = this.#closing
    try {
      const named = await this.#cluster.ensureTopics(this.#subscription.named)
      await this.#subscription.refresh({ signal })
      const matched = await this.#lookUp(this.#subscription.topics)
      this.#startingPoint.begin([...named.values(), ...matched.values()])
      if (this.#committer && this.#config.autoCommit) this.#commitLater()
      const { partitions } = this.#config
      if (partitions) {
        const { offset } = this.#config
        await this.#assigned.add(partitions.map((one) => ({ ...one, start: one.offset ?? offset })))
        return this.#readiness.become()
      }
      this.#watch.start()
      if (this.#member) return this.#member.start()
      await this.#assignAll()
      this.#readiness.become()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Without those that are not there. */
  #lookUp(topics: readonly string[]): ReturnType<Cluster['ensureTopics']> {
    return this.#cluster.ensureTopics(topics, { create: false, absent: 'leave out' })
  }

  /** Without a group: all partitions of all topics, with those that are new. */
  async #assignAll(): Promise<void> {
    const { topics } = this.#subscription
    this.#assigned.lose(this.#assigned.all.filter(({ topic }) => !topics.includes(topic)))
    const found = await this.#lookUp(topics)
    const all = [...found.values()].flatMap(({ name, partitions }) =>
      partitions.map(({ index }) => ({ topic: name, partition: index })),
    )
    const own = new Set(this.#assigned.all.map(keyOf))
    await this.#assigned.add(this.#placed(all.filter((one) => !own.has(keyOf(one)))))
  }

  #placed(partitions: readonly TopicPartition[]) {
    return partitions.map(({ topic, partition }) => ({
      topic,
      partition,
      start: this.#startingPoint.of(topic, partition),
    }))
  }

  async #looked(isChanged: boolean): Promise<void> {
    if (!this.#member) await this.#assignAll()
    else if (isChanged) this.#member.resubscribe()
  }

  #grown(topic: string): void {
    if (this.#member) this.#member.checkTopics()
    else if (this.#subscription.topics.includes(topic)) void this.#watch.look()
  }

  /** A topic that was found by its name may go again. */
  #mayGo(topic: string): boolean {
    if (!this.#subscription.isMatched(topic)) return false
    void this.#watch.look()
    return true
  }

  #commitLater(): void {
    this.#commitTimer = this.#cluster.runtime.setTimer(this.#config.autoCommitInterval, () => {
      void this.#assigned.commit().then(() => {
        if (!this.#stopped) this.#commitLater()
      })
    })
  }

  async #stopInTime(): Promise<void> {
    const { runtime, metrics } = this.#cluster
    const { closeTimeout, group } = this.#config
    const stopping = this.#stop()
    try {
      while (!(await resolvesWithin(runtime, stopping, closeTimeout))) {
        const hook = this.#assigned.hookUnderWay
        if (hook) {
          // It has a limit of its own.
          await hook
          continue
        }
        runtime.logger.warn(
          { group, closeTimeout },
          'the consumer could not commit and leave its group in time; handled records may be delivered again',
        )
        break
      }
    } finally {
      this.#assigned.forgetAll()
      metrics.consumers.delete(this)
      this.#onStopped()
    }
    if (this.#stopError !== undefined) throw this.#stopError
  }

  async #stop(): Promise<void> {
    this.#notify()
    this.#stopListening()
    this.#watch.stop()
    this.#commitTimer?.cancel()
    // The application asked to stop inside its handler, or broke out of the loop: that record is not done.
    const record = this.#inHand
    this.#inHand = undefined
    if (record) this.settle(record, false)
    for (const partition of this.#assigned.all) partition.revoke()
    this.#fetcher.close()
    if (this.#member) await this.#member.leave(() => this.#assigned.giveUpAll())
    else await this.#assigned.giveUpAll()
  }

  #fail(error: unknown): void {
    this.#error ??= error ?? new ClosedError('The consumer failed', { code: 'CONSUMER_CLOSED' })
    this.#assigned.end()
    this.#readiness.end(this.#error)
    this.#notify()
  }

  #notify(): void {
    this.#hasNews = true
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}

export function closedConsumer(): ClosedError {
  return new ClosedError('The consumer is closed; create a new one', {
    code: 'CONSUMER_CLOSED',
  })
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${partition} ${topic}`
}
