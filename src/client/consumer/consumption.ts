/**
 * One run of a consumer, from its start to its end: owns the assigned partitions and hands out their records one by
 * one. The membership says which partitions, the fetcher fills them, the committer saves the progress.
 *
 *   GroupMember ──assigned/revoked──▶ Consumption ◀──take/handled/stop── the application
 *                                      │       ▲
 *                                  Fetcher   GroupCommitter
 */
import {
  ClosedError,
  CorruptDataError,
  RebalanceInProgressError,
  SerializationError,
} from '../../core/errors.ts'
import type { Timer } from '../../core/runtime.ts'
import { nextTurn } from '../../core/turn.ts'
import type { RecordCursor } from '../../protocol/records/record-reader.ts'
import { type Cluster, closedClient } from '../cluster.ts'
import { errorLabel, type LagSource } from '../metrics.ts'
import type { Serializer } from '../serializer.ts'
import type { Topic } from '../topic.ts'
import type { TopicPartition } from './assignors/assignor.ts'
import { assignors } from './assignors/assignors.ts'
import { fetchCommitted, GroupCommitter } from './committer.ts'
import type { ResolvedConsumerConfig } from './consumer-config.ts'
import type { FetchedRecords } from './fetched-records.ts'
import { Fetcher } from './fetcher.ts'
import { GroupMember } from './group-member.ts'
import { PartitionConsumption } from './partition-consumption.ts'
import { ConsumerRecord, type RecordHeaders } from './record.ts'
import type { Source } from './record-stream.ts'
import type { HeldSource } from './record-workers.ts'
import type { Subscription } from './subscription.ts'

/**
 * How long `close` waits for the record in the application's hands. Not for ever: the application may be awaiting
 * `close` inside its own handler.
 */
const handlingGraceMs = 1000

/** Topics that match a pattern are looked for at least so often, however long other metadata is trusted. */
const patternAgeMs = 30_000

export class Consumption<V, K>
  implements Source<ConsumerRecord<V, K>>, HeldSource<V, K>, LagSource
{
  readonly #cluster: Cluster
  readonly #subscription: Subscription<V, K>
  /** Of topics that have been read. */
  readonly #topics = new Map<string, Topic<V, K, never>>()
  readonly #config: ResolvedConsumerConfig
  readonly #fetcher: Fetcher
  readonly #member: GroupMember | undefined
  readonly #committer: GroupCommitter | undefined
  readonly #partitions: PartitionConsumption[] = []
  readonly #onStopped: () => void
  #turn = 0
  #recordsThisTurn = 0
  /** Given out by `take`. */
  #inHand: ConsumerRecord<V, K> | undefined
  /** What records were made of, where their like may be written elsewhere. */
  readonly #originals = new WeakMap<ConsumerRecord<V, K>, OriginalRecord>()
  #wake: (() => void) | undefined
  #hasNews = false
  #error: unknown
  #stopped: Promise<void> | undefined
  #commitTimer: Timer | undefined
  #refreshTimer: Timer | undefined
  #isRefreshing = false
  #isClosing = false
  readonly #closing = new AbortController()
  readonly #onAbort = () => void this.close()

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
    this.#fetcher = new Fetcher(cluster, config, {
      onRecords: () => this.#notify(),
      onError: (error) => this.#fail(error),
      onGone: (topic) => this.#mayGo(topic),
    })
    if (config.group !== undefined) {
      const member = new GroupMember(cluster, subscription, config, assignors[config.assignor], {
        assigned: (partitions) => this.#assigned(partitions),
        revoked: (partitions) => this.#revoked(partitions),
        lost: (partitions) => this.#lost(partitions),
        failed: (error) => this.#fail(error),
      })
      this.#member = member
      this.#committer = new GroupCommitter(cluster, config.group, {
        owned: () => this.#partitions,
        stableGeneration: () => member.stableGeneration(),
      })
    }
    config.signal?.addEventListener('abort', this.#onAbort, { once: true })
    if (cluster.closed.aborted) this.#error = closedClient()
    else if (config.signal?.aborted) void this.stop()
    else {
      cluster.metrics.consumers.add(this)
      void this.#start()
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
    for (let tried = 0; tried < this.#partitions.length; tried++) {
      const partition = this.#partitions[this.#turn % this.#partitions.length]!
      const records = partition.isPaused || partition.isRevoking ? undefined : partition.advance()
      if (records) return this.#deliver(partition, records)
      this.#turn++
    }
    return undefined
  }

  async ready(): Promise<boolean> {
    if (this.#recordsThisTurn >= this.#config.maxPollRecords) {
      this.#recordsThisTurn = 0
      await nextTurn()
      return this.#goesOn()
    }
    this.handled()
    this.#fetcher.pump()
    while (!this.#hasNews && this.#goesOn()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    this.#hasNews = false
    this.#recordsThisTurn = 0
    return this.#goesOn()
  }

  handled(): void {
    const record = this.#inHand
    if (!record) return
    this.#inHand = undefined
    this.settle(record, true)
  }

  settle(record: ConsumerRecord<V, K>, isHandled: boolean): void {
    ConsumerRecord.sourceOf(record as ConsumerRecord).released(record as ConsumerRecord, isHandled)
  }

  isGone(record: ConsumerRecord<V, K>): boolean {
    return ConsumerRecord.sourceOf(record as ConsumerRecord).isRevoking
  }

  isMoot(record: ConsumerRecord<V, K>, error: unknown): boolean {
    if (!(error instanceof RebalanceInProgressError)) return false
    return ConsumerRecord.sourceOf(record as ConsumerRecord).isLost
  }

  letsGo(error: unknown): boolean {
    const record = this.#inHand
    if (!record) return false
    if (!this.isMoot(record, error)) {
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
    return this.#originals.get(record)
  }

  get group(): string | undefined {
    return this.#config.group
  }

  /** Ends when the consumer does. */
  get closing(): AbortSignal {
    return this.#closing.signal
  }

  /** Partitions that are being read, with how far. */
  positions(): readonly PartitionPosition[] {
    return this.#partitions.map(({ topic, partition, position, highWatermark, isPaused }) => ({
      topic,
      partition,
      position,
      lag: lagOf(position, highWatermark),
      isPaused,
    }))
  }

  /** Delivers nothing of these partitions, or lets them go on; of all when none are named. */
  setPaused(wanted: readonly TopicPartition[] | undefined, isPaused: boolean): void {
    const partitions = wanted ? this.#find(wanted) : this.#partitions
    for (const partition of partitions) partition.isPaused = isPaused
    if (!isPaused) this.#notify()
    this.#fetcher.pump()
  }

  /** Goes on at another offset. False when the partition is not this consumer's at present. */
  seek(wanted: TopicPartition, offset: bigint): boolean {
    const [partition] = this.#find([wanted])
    if (!partition) return false
    partition.seek(offset)
    this.#fetcher.interrupt()
    return true
  }

  /** As `stop`, but first lets the application finish the record it is handling. */
  async close(): Promise<void> {
    this.#beginClosing()
    await this.#whenHandled([...this.#partitions], handlingGraceMs)
    await this.stop()
  }

  stop(): Promise<void> {
    this.#beginClosing()
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  #beginClosing(): void {
    if (this.#isClosing) return
    this.#isClosing = true
    this.#closing.abort()
    this.#notify()
  }

  #goesOn(): boolean {
    if (this.#error !== undefined) throw this.#error
    return !this.#isClosing
  }

  #deliver(partition: PartitionConsumption, records: FetchedRecords): ConsumerRecord<V, K> {
    const record = this.#decode(partition, records)
    this.#recordsThisTurn++
    partition.consumed.value++
    partition.delivered(record as ConsumerRecord)
    if (partition.bufferedAnswers === 1) this.#fetcher.pump()
    return record
  }

  #decode(partition: PartitionConsumption, records: FetchedRecords): ConsumerRecord<V, K> {
    const cursor = records.cursor!
    const topic = this.#topicOf(partition.topic)
    let field: 'key' | 'value' = 'key'
    try {
      const key = readKey(topic.key, cursor)
      field = 'value'
      const value = readValue(topic.value, cursor)
      return this.#record(partition, records, key, value as V)
    } catch (cause) {
      // What the batch's own checks found concerns more than this record.
      if (cause instanceof CorruptDataError) throw cause
      const reason = cause instanceof Error ? cause.message : String(cause)
      const error = new SerializationError(
        `The ${field} at offset ${records.position - 1n} of ${partition.topic}-${partition.partition} cannot be read as ${topic[field].name}: ${reason}`,
        { code: 'DESERIALIZATION_FAILED', cause },
      )
      if (this.#config.onError.finally === 'stop') {
        this.#error = error
        throw error
      }
      const record = this.#record(partition, records, null, undefined as V)
      this.#originals.set(record, { ...originalOf(cursor), fault: error })
      return record
    }
  }

  #record(
    partition: PartitionConsumption,
    records: FetchedRecords,
    key: K | null,
    value: V,
  ): ConsumerRecord<V, K> {
    const cursor = records.cursor!
    const record = new ConsumerRecord<V, K>(
      partition,
      records.baseOffset,
      cursor.offsetDelta,
      cursor.timestampMs,
      key,
      value,
      cursor.hasHeaders ? readHeaders(cursor) : undefined,
    )
    if (this.#config.onError.finally === 'deadLetter') {
      this.#originals.set(record, originalOf(cursor))
    }
    return record
  }

  async #start(): Promise<void> {
    try {
      for (const name of this.#subscription.named) await this.#cluster.ensureTopic(name)
      await this.#subscription.refresh({ signal: this.#closing.signal })
      if (this.#subscription.hasPatterns) this.#refreshLater()
      if (this.#member) {
        this.#member.start()
        if (this.#config.autoCommit) this.#commitLater()
        return
      }
      await this.#assignAll()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Without a group: all partitions of all topics, with those that are new. */
  async #assignAll(): Promise<void> {
    const { topics } = this.#subscription
    const gone = this.#partitions.filter(({ topic }) => !topics.includes(topic))
    this.#lost(gone.map(({ topic, partition }) => ({ topic, partition })))
    const fresh: TopicPartition[] = []
    for (const topic of topics) {
      if (this.#partitions.some((own) => own.topic === topic)) continue
      const { partitions } = await this.#cluster.ensureTopic(topic)
      fresh.push(...partitions.map(({ index }) => ({ topic, partition: index })))
    }
    await this.#assigned(fresh)
  }

  #topicOf(name: string): Topic<V, K, never> {
    let topic = this.#topics.get(name)
    if (!topic) {
      topic = this.#subscription.topic(name)
      this.#topics.set(name, topic)
    }
    return topic
  }

  /** A topic that was found by its name may go again. */
  #mayGo(topic: string): boolean {
    if (!this.#subscription.isMatched(topic)) return false
    void this.#refresh()
    return true
  }

  #refreshLater(): void {
    const waitMs = Math.min(this.#cluster.config.metadataMaxAge, patternAgeMs)
    this.#refreshTimer = this.#cluster.runtime.setTimer(waitMs, () => void this.#refresh())
  }

  /** Looks for topics that have come and gone; one look at a time. */
  async #refresh(): Promise<void> {
    if (this.#isRefreshing || this.#isClosing) return
    this.#isRefreshing = true
    this.#refreshTimer?.cancel()
    try {
      const isChanged = await this.#subscription.refresh({ signal: this.#closing.signal })
      if (isChanged && this.#member) this.#member.resubscribe()
      else if (isChanged) await this.#assignAll()
    } catch (error) {
      // What is read goes on; the next look may succeed.
      if (!this.#isClosing) {
        this.#cluster.runtime.logger.warn({ err: error }, 'topics could not be looked for')
      }
    } finally {
      this.#isRefreshing = false
    }
    if (!this.#isClosing) this.#refreshLater()
  }

  async #assigned(assigned: readonly TopicPartition[]): Promise<void> {
    const partitions = assigned.map(
      ({ topic, partition }) =>
        new PartitionConsumption(
          topic,
          partition,
          this.#committer,
          this.#config.autoCommit,
          this.#cluster.metrics.consumedRecords.at(topic, this.#config.group ?? ''),
        ),
    )
    for (const { topic } of assigned) await this.#cluster.ensureTopic(topic)
    if (this.#config.group !== undefined) {
      const committed = await fetchCommitted(this.#cluster, this.#config.group, assigned)
      partitions.forEach((partition, i) => {
        const offset = committed[i]
        if (offset === undefined) return
        partition.seek(offset)
        partition.committed = offset
      })
    }
    this.#partitions.push(...partitions)
    this.#fetcher.add(partitions)
    if (assigned.length > 0) this.#config.onAssigned?.(assigned)
  }

  async #revoked(revoked: readonly TopicPartition[]): Promise<void> {
    const partitions = this.#find(revoked)
    for (const partition of partitions) partition.revoke()
    this.#fetcher.remove(partitions)
    await this.#whenHandled(partitions, this.#config.rebalanceTimeout * 0.8)
    await this.#committer?.commitNow().catch((error: unknown) => this.#commitFailed(error))
    this.#forget(partitions)
    if (revoked.length > 0) this.#config.onRevoked?.(revoked, false)
  }

  #lost(lost: readonly TopicPartition[]): void {
    const partitions = this.#find(lost)
    this.#fetcher.remove(partitions)
    this.#forget(partitions)
    if (lost.length > 0) this.#config.onRevoked?.(lost, true)
  }

  #forget(partitions: readonly PartitionConsumption[]): void {
    for (const partition of partitions) {
      partition.lose()
      this.#partitions.splice(this.#partitions.indexOf(partition), 1)
    }
  }

  /** Waits for records in the application's hands, but no longer than `waitMs`. */
  async #whenHandled(partitions: readonly PartitionConsumption[], waitMs: number): Promise<void> {
    let timer: Timer | undefined
    const deadline = new Promise<void>((resolve) => {
      timer = this.#cluster.runtime.setTimer(waitMs, resolve)
    })
    await Promise.race([
      Promise.all(partitions.map((partition) => partition.whenHandled())),
      deadline,
    ])
    timer?.cancel()
  }

  #find(wanted: readonly TopicPartition[]): PartitionConsumption[] {
    return this.#partitions.filter((own) =>
      wanted.some(({ topic, partition }) => own.topic === topic && own.partition === partition),
    )
  }

  #commitLater(): void {
    this.#commitTimer = this.#cluster.runtime.setTimer(this.#config.autoCommitInterval, () => {
      const committing = this.#committer!.commitNow()
      void committing
        .catch((error: unknown) => this.#commitFailed(error))
        .then(() => {
          if (!this.#stopped) this.#commitLater()
        })
    })
  }

  #commitFailed(error: unknown): void {
    const { commitFailures } = this.#cluster.metrics
    commitFailures.at(this.#config.group ?? '', errorLabel(error)).value++
    // What was not committed is delivered again later; losing the commit loses no record.
    this.#cluster.runtime.logger.warn(
      { err: error, group: this.#config.group },
      'offsets were not committed',
    )
  }

  async #stop(): Promise<void> {
    this.#notify()
    this.#config.signal?.removeEventListener('abort', this.#onAbort)
    this.#commitTimer?.cancel()
    this.#refreshTimer?.cancel()
    // The application asked to stop inside its handler, or broke out of the loop: that record is not done.
    const record = this.#inHand
    this.#inHand = undefined
    if (record) this.settle(record, false)
    const partitions = [...this.#partitions]
    for (const partition of partitions) partition.revoke()
    this.#fetcher.close()
    try {
      await this.#member?.leave(async () => {
        await this.#committer!.commitNow().catch((error: unknown) => this.#commitFailed(error))
      })
    } finally {
      for (const partition of partitions) partition.lose()
      if (partitions.length > 0) {
        this.#config.onRevoked?.(
          partitions.map(({ topic, partition }) => ({ topic, partition })),
          false,
        )
      }
      this.#cluster.metrics.consumers.delete(this)
      this.#onStopped()
    }
  }

  #fail(error: unknown): void {
    this.#error ??= error ?? new ClosedError('The consumer failed', { code: 'CONSUMER_CLOSED' })
    this.#notify()
  }

  #notify(): void {
    this.#hasNews = true
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}

/** What a record was made of. */
export interface OriginalRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly (readonly [name: string, value: Uint8Array | null])[]
  /** Set when it cannot be read as the topic says. */
  readonly fault?: SerializationError
}

/** How far a partition has been read. */
export interface PartitionPosition {
  readonly topic: string
  readonly partition: number
  /** The next offset to be delivered; undefined until it is known where to start. */
  readonly position: bigint | undefined
  /** Offsets between that and the end of the partition as last heard of; undefined until then. */
  readonly lag: bigint | undefined
  readonly isPaused: boolean
}

function originalOf(cursor: RecordCursor): OriginalRecord {
  return {
    key: cursor.keyBytes(),
    value: cursor.valueBytes(),
    headers: cursor.hasHeaders ? [...cursor.headers()] : [],
  }
}

function lagOf(position: bigint | undefined, highWatermark: bigint): bigint | undefined {
  if (position === undefined || highWatermark < 0n) return undefined
  return highWatermark > position ? highWatermark - position : 0n
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

const decoder = new TextDecoder()

function readHeaders(cursor: RecordCursor): RecordHeaders {
  const headers: { [name: string]: string } = {}
  for (const [name, value] of cursor.headers())
    headers[name] = value === null ? '' : decoder.decode(value)
  return headers
}
