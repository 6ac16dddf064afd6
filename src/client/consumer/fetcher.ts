/**
 * Keeps the assigned partitions supplied: finds out where to start, fetches from each leader, and says when there
 * is something to read.
 *
 * At most one fetch per node is under way, for the partitions that have at most one answer left to read; what is
 * fetched ahead stays near `fetchMaxBytes`. A fetch waits at the broker only when no partition is left out of it, and
 * is given up when the set of partitions changes: a long poll never holds up a partition that is not in it. Every error is either retried after a pause or reported through
 * `onError`: a partition never just stops.
 */
import { backoffDelay } from '../../core/backoff.ts'
import {
  CorruptDataError,
  type KafkaError,
  OffsetOutOfRangeError,
  PartitionNotFoundError,
  StorageError,
  TopicNotFoundError,
} from '../../core/errors.ts'
import { groupBy } from '../../core/group-by.ts'
import type { Timer } from '../../core/runtime.ts'
import { loadCodec } from '../../protocol/compression/codec.ts'
import { errorFrom } from '../../protocol/error-codes.ts'
import {
  createFetchRequest,
  createFetchRequestFetchPartition,
  createFetchRequestFetchTopic,
  type FetchResponsePartitionData,
  fetch,
} from '../../protocol/messages/generated/fetch.ts'
import { readBatches } from '../../protocol/records/record-batch.ts'
import type { Cluster } from '../cluster.ts'
import { isActive } from '../telemetry.ts'
import type { ResolvedConsumerConfig } from './consumer-config.ts'
import { FetchedRecords } from './fetched-records.ts'
import type { Offset } from './offset.ts'
import { lookUpOffsets } from './offset-lookup.ts'
import type { PartitionConsumption } from './partition-consumption.ts'
import type { Patience } from './patience.ts'

/** A node whose answer must not be waited for is asked again after so long. */
const lookAgainMs = 100

/** Failures in a row after which a topic that is not there is taken to be gone, and data to be damaged for good. */
const lastingMax = 10

export interface FetcherEvents {
  /** Something may be readable now. */
  onRecords(): void
  /** The consumer cannot go on. */
  onError(error: unknown): void
  /** A topic is not there (any more). True when that is no error: it is asked for again until it is taken away. */
  onGone(topic: string): boolean
}

export class Fetcher {
  readonly #cluster: Cluster
  readonly #config: ResolvedConsumerConfig
  readonly #events: FetcherEvents
  readonly #patience: Patience
  readonly #partitions = new Set<PartitionConsumption>()
  readonly #fetches = new Map<number, AbortController>()
  /** By node: when it may be asked again without a wait. */
  readonly #lookAgainAt = new Map<number, number>()
  readonly #lane: string
  #timer: Timer | undefined
  #timerDueAt = Number.POSITIVE_INFINITY
  #pumpScheduled = false
  /** Nodes that lead partitions, as of the last look at all of them. */
  #leaders = new Set<number>()
  /** All of them had a place, a leader, and nothing to wait for but that leader's answer. */
  #isSettled = false
  /** Those that had enough to read then, and have not been read since. */
  readonly #fed = new Set<PartitionConsumption>()
  #closed = false

  constructor(
    cluster: Cluster,
    config: ResolvedConsumerConfig,
    patience: Patience,
    events: FetcherEvents,
  ) {
    this.#cluster = cluster
    this.#lane = cluster.newLane()
    this.#config = config
    this.#patience = patience
    this.#events = events
  }

  add(partitions: readonly PartitionConsumption[]): void {
    for (const partition of partitions) this.#partitions.add(partition)
    this.interrupt()
  }

  remove(partitions: readonly PartitionConsumption[]): void {
    for (const partition of partitions) {
      this.#partitions.delete(partition)
      this.#fed.delete(partition)
      this.#patience.forget(partition)
    }
    this.interrupt()
  }

  /** Gives up waiting fetches: what to fetch has changed. */
  interrupt(): void {
    for (const controller of this.#fetches.values()) controller.abort()
    this.pump()
  }

  /**
   * Something was read, of this partition: there may be room for more. All partitions are looked at only when a fetch can be
   * begun, so that a record costs the same whatever their number.
   */
  taken(partition?: PartitionConsumption): void {
    if (partition) this.#fed.delete(partition)
    if (!this.#isSettled) return this.pump()
    let dueAt = Number.POSITIVE_INFINITY
    for (const leaderId of this.#leaders) {
      if (this.#fetches.has(leaderId)) continue
      const restsUntil = this.#lookAgainAt.get(leaderId)
      // With nothing left out of it, a fetch need not wait for its turn.
      if (restsUntil === undefined || !partition || this.#fed.size === 0) return this.pump()
      dueAt = Math.min(dueAt, restsUntil)
    }
    if (dueAt === Number.POSITIVE_INFINITY) return
    const now = this.#cluster.runtime.monotonicNow()
    if (now >= dueAt) this.pump()
    else this.#wakeAt(dueAt, now)
  }

  /** Looks at all partitions and fetches what is missing; called whenever something has changed. */
  pump(): void {
    if (this.#pumpScheduled || this.#closed) return
    this.#pumpScheduled = true
    queueMicrotask(() => {
      this.#pumpScheduled = false
      if (!this.#closed) this.#pumpNow()
    })
  }

  close(): void {
    this.#closed = true
    this.#cluster.releaseLane(this.#lane)
    this.#timer?.cancel()
    for (const controller of this.#fetches.values()) controller.abort()
    for (const partition of this.#partitions) this.#patience.forget(partition)
  }

  #pumpNow(): void {
    const now = this.#cluster.runtime.monotonicNow()
    let roomBytes = this.#config.fetchMaxBytes
    for (const partition of this.#partitions) roomBytes -= partition.bufferedBytes
    const byLeader = new Map<number, PartitionConsumption[]>()
    const leftOut: PartitionConsumption[] = []
    const placeless: PartitionConsumption[] = []
    let dueAt = Number.POSITIVE_INFINITY
    this.#leaders = new Set()
    this.#isSettled = true
    this.#fed.clear()
    for (const partition of this.#partitions) {
      if (partition.isRevoking) continue
      const isIdle = partition.isPaused || partition.isHeld
      if (partition.fetchOffset === undefined) {
        if (now < partition.retryAt) dueAt = Math.min(dueAt, partition.retryAt)
        else if (!partition.isFetching) placeless.push(partition)
        this.#isSettled = false
        if (!isIdle) leftOut.push(partition)
        continue
      }
      if (isIdle) continue
      const { bufferedAnswers } = partition
      const isWanted = bufferedAnswers === 0 || (bufferedAnswers === 1 && roomBytes > 0)
      const leaderId = this.#cluster.leaderOf(partition.topic, partition.partition)
      if (leaderId === undefined || now < partition.retryAt) this.#isSettled = false
      else this.#leaders.add(leaderId)
      const mayBeFetched = isWanted && !partition.isFetching
      if (now < partition.retryAt) dueAt = Math.min(dueAt, partition.retryAt)
      else if (mayBeFetched && leaderId !== undefined) {
        append(byLeader, leaderId, partition)
        continue
      } else if (mayBeFetched) void this.#findLeader(partition)
      if (!isWanted) this.#fed.add(partition)
      leftOut.push(partition)
    }
    if (placeless.length > 0) void this.#findStarts(placeless)
    for (const [leaderId, partitions] of byLeader) {
      if (this.#fetches.has(leaderId)) continue
      const isWhole = !leftOut.some((partition) => this.#mayBeAt(leaderId, partition))
      const lookAt = isWhole ? 0 : (this.#lookAgainAt.get(leaderId) ?? 0)
      if (now < lookAt) {
        dueAt = Math.min(dueAt, lookAt)
        continue
      }
      if (!isWhole) this.#lookAgainAt.set(leaderId, now + lookAgainMs)
      void this.#fetch(leaderId, partitions, isWhole ? this.#config.fetchMaxWait : 0)
    }
    this.#wakeAt(dueAt, now)
  }

  #mayBeAt(nodeId: number, { topic, partition }: PartitionConsumption): boolean {
    const leaderId = this.#cluster.leaderOf(topic, partition)
    return leaderId === undefined || leaderId === nodeId
  }

  async #findStarts(partitions: readonly PartitionConsumption[]): Promise<void> {
    for (const partition of partitions) partition.isFetching = true
    const byStart = groupBy(partitions, ({ start }) => start)
    await Promise.all([...byStart].map(([start, ofStart]) => this.#lookUpStarts(ofStart, start)))
    for (const partition of partitions) partition.isFetching = false
    this.pump()
  }

  /** In as few requests as can be; one topic that fails does not keep the others. */
  async #lookUpStarts(partitions: readonly PartitionConsumption[], start: Offset): Promise<void> {
    try {
      const options = { isolation: this.#config.isolation, create: false }
      const found = await lookUpOffsets(this.#cluster, partitions, start, options)
      partitions.forEach((partition, i) => {
        if (partition.fetchOffset === undefined) partition.seek(found[i]!)
        this.#works(partition)
      })
    } catch (error) {
      const byTopic = [...groupBy(partitions, ({ topic }) => topic).values()]
      if (byTopic.length === 1) for (const partition of partitions) this.#failed(partition, error)
      else await Promise.all(byTopic.map((ofTopic) => this.#lookUpStarts(ofTopic, start)))
    }
  }

  async #findLeader(partition: PartitionConsumption): Promise<void> {
    await this.#working(partition, async () => {
      const topic = await this.#cluster.ensureTopic(partition.topic, { create: false })
      if (!topic.partitions[partition.partition]) {
        // What is known may be older than the partition.
        this.#cluster.invalidateTopic(partition.topic)
        throw errorFrom(3, { topic: partition.topic, partition: partition.partition })
      }
      if (topic.partitions[partition.partition]!.leaderId < 0) {
        this.#cluster.invalidateTopic(partition.topic)
        throw errorFrom(5, { topic: partition.topic, partition: partition.partition })
      }
    })
  }

  /** Runs one step for a partition, with the partition marked busy and its errors judged. */
  async #working(partition: PartitionConsumption, step: () => Promise<void>): Promise<void> {
    partition.isFetching = true
    try {
      await step()
    } catch (error) {
      this.#failed(partition, error)
    } finally {
      partition.isFetching = false
    }
    this.pump()
  }

  async #fetch(
    nodeId: number,
    partitions: PartitionConsumption[],
    maxWaitMs: number,
  ): Promise<void> {
    const controller = new AbortController()
    this.#fetches.set(nodeId, controller)
    for (const partition of partitions) partition.isFetching = true
    const asked = new Map(partitions.map((partition) => [partition, partition.fetchOffset!]))
    // As they are now: by the time of the answer the topics may have to be looked up again.
    const names = new Map(partitions.map(({ topic }) => [this.#cluster.topicId(topic), topic]))
    const polled = this.#polls()
    try {
      const response = await this.#cluster.exchange(fetch, this.#request(partitions, maxWaitMs), {
        nodeId,
        lane: this.#lane,
        signal: controller.signal,
        timeoutMs: maxWaitMs + this.#cluster.config.timeout,
      })
      if (response.errorCode !== 0) throw errorFrom(response.errorCode)
      const places = new Map(partitions.map((one) => [`${one.topic}-${one.partition}`, one]))
      for (const answer of response.responses) {
        const topic = answer.topic === '' ? names.get(answer.topicId) : answer.topic
        for (const data of answer.partitions) {
          const partition = places.get(`${topic}-${data.partitionIndex}`)
          if (partition && partition.fetchOffset === asked.get(partition)) {
            const count = await this.#take(partition, data)
            polled?.count(partition.topic, count)
          }
        }
      }
      polled?.tell()
    } catch (error) {
      if (!controller.signal.aborted) {
        for (const partition of partitions) {
          this.#cluster.invalidateTopic(partition.topic)
          this.#failed(partition, error)
        }
      }
    } finally {
      this.#fetches.delete(nodeId)
      for (const partition of partitions) partition.isFetching = false
    }
    this.#events.onRecords()
    this.pump()
  }

  /** For telemetry that wants to know; else undefined. */
  #polls(): { count(topic: string, records: number): void; tell(): void } | undefined {
    const { runtime, config } = this.#cluster
    const { telemetry, clientId } = config
    if (!isActive(telemetry) || !telemetry.polled) return undefined
    const counts = new Map<string, number>()
    const startedAt = runtime.now()
    const from = runtime.monotonicNow()
    return {
      count(topic, records) {
        if (records > 0) counts.set(topic, (counts.get(topic) ?? 0) + records)
      },
      tell: () => {
        const durationMs = runtime.monotonicNow() - from
        const { group } = this.#config
        for (const [topic, count] of counts) {
          try {
            telemetry.polled?.({ topic, clientId, group, count, startedAt, durationMs })
          } catch (error) {
            runtime.logger.warn({ err: error, topic }, 'telemetry.polled threw')
          }
        }
      },
    }
  }

  #request(partitions: readonly PartitionConsumption[], maxWaitMs: number) {
    const byTopic = groupBy(partitions, (partition) => partition.topic)
    return createFetchRequest({
      replicaId: -1,
      maxWaitMs,
      minBytes: this.#config.fetchMinBytes,
      maxBytes: this.#config.fetchMaxBytes,
      isolationLevel: this.#config.isolation === 'read_committed' ? 1 : 0,
      sessionId: 0,
      sessionEpoch: -1,
      topics: [...byTopic].map(([topic, ofTopic]) =>
        createFetchRequestFetchTopic({
          topic,
          topicId: this.#cluster.topicId(topic),
          partitions: ofTopic.map((partition) =>
            createFetchRequestFetchPartition({
              partition: partition.partition,
              fetchOffset: partition.fetchOffset!,
              currentLeaderEpoch: -1,
              lastFetchedEpoch: -1,
              logStartOffset: -1n,
              partitionMaxBytes: this.#config.maxPartitionFetchBytes,
            }),
          ),
        }),
      ),
    })
  }

  /** How many records it brought. */
  async #take(partition: PartitionConsumption, data: FetchResponsePartitionData): Promise<number> {
    const { topic, partition: index } = partition
    if (data.errorCode !== 0) {
      const error = errorFrom(data.errorCode, { topic, partition: index })
      if (error.code === 'OFFSET_OUT_OF_RANGE') this.#outOfRange(partition, error)
      else {
        this.#cluster.invalidateTopic(topic)
        this.#failed(partition, error)
      }
      return 0
    }
    this.#works(partition)
    partition.highWatermark = data.highWatermark
    const isCommitted = this.#config.isolation === 'read_committed'
    // Brokers before Kafka 0.11 know no transactions.
    partition.readableEnd =
      isCommitted && data.lastStableOffset >= 0n ? data.lastStableOffset : data.highWatermark
    const { records } = data
    if (!records || records.length === 0) return 0
    const from = partition.fetchOffset!
    let next: bigint | undefined
    let count = 0
    try {
      for (const batch of readBatches(records)) {
        next = batch.lastOffset + 1n
        count += batch.recordCount
        if (batch.compression !== 'none') await loadCodec(batch.compression)
      }
    } catch (error) {
      this.#events.onError(error)
      return 0
    }
    if (next === undefined) {
      this.#events.onError(
        new CorruptDataError(
          `The answer for ${topic}-${index} at offset ${partition.fetchOffset} contains no complete batch`,
          {
            code: 'CORRUPT_MESSAGE',
          },
        ),
      )
      return 0
    }
    const aborted =
      this.#config.isolation === 'read_committed' ? (data.abortedTransactions ?? []) : []
    // It may have been moved elsewhere while a codec was loaded.
    if (partition.fetchOffset !== from) return 0
    partition.add(new FetchedRecords(`${topic}-${index}`, records, from, aborted), next)
    return count
  }

  #outOfRange(partition: PartitionConsumption, error: KafkaError): void {
    const { topic, partition: index, fetchOffset } = partition
    const { start: offset } = partition
    if (offset.kind === 'at' || offset.kind === 'timestamp') {
      return this.#events.onError(
        new OffsetOutOfRangeError(
          `Offset ${fetchOffset} of ${topic}-${index} is not in the log: retention may have removed it. Start again with offset: Offset.earliest or Offset.latest, or reset the group`,
          { code: error.code, cause: error },
        ),
      )
    }
    this.#cluster.runtime.logger.warn(
      { topic, partition: index, offset: String(fetchOffset), reset: offset.kind },
      'offset is out of range; starting again',
    )
    partition.seek(fetchOffset!)
    partition.fetchOffset = undefined
  }

  #works(partition: PartitionConsumption): void {
    partition.failures = 0
    this.#patience.forget(partition)
  }

  #failed(partition: PartitionConsumption, error: unknown): void {
    if (this.#closed || !this.#partitions.has(partition)) return
    partition.failures++
    const mayLast = lasting.some((kind) => error instanceof kind)
    const isGoing = error instanceof TopicNotFoundError && this.#events.onGone(partition.topic)
    if (isGoing) partition.markGone()
    else if (mayLast && partition.failures > lastingMax) return this.#endFor(partition, error)
    else {
      const end = this.#patience.judge(partition, error)
      if (end !== undefined) return this.#endFor(partition, end)
    }
    const { runtime, config } = this.#cluster
    partition.retryAt =
      runtime.monotonicNow() +
      backoffDelay(partition.failures, { baseMs: config.retryBackoff, maxMs: 1000 }, runtime)
    runtime.logger.debug(
      { err: error, topic: partition.topic, partition: partition.partition },
      'fetch failed; retrying',
    )
  }

  /** It is not tried again, which at once would fail at once and leave nobody else a turn. */
  #endFor(partition: PartitionConsumption, error: unknown): void {
    partition.retryAt = Number.POSITIVE_INFINITY
    this.#events.onError(error)
  }

  #wakeAt(dueAt: number, now: number): void {
    if (dueAt === Number.POSITIVE_INFINITY || dueAt === this.#timerDueAt) return
    this.#timer?.cancel()
    this.#timerDueAt = dueAt
    this.#timer = this.#cluster.runtime.setTimer(Math.ceil(dueAt - now), () => {
      this.#timerDueAt = Number.POSITIVE_INFINITY
      this.pump()
    })
  }
}

/** Kafka calls these retriable, but no wait puts right a topic that was deleted, or a disk that is broken. */
const lasting = [TopicNotFoundError, PartitionNotFoundError, CorruptDataError, StorageError]

function append<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key)
  if (list) list.push(value)
  else lists.set(key, [value])
}
