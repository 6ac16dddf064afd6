/**
 * Takes serialised records and gets them stored: admits them within `bufferMemory`, gathers them into batches by
 * partition, sends batches to partition leaders, retries, and tells each record's `Delivery` its outcome once.
 *
 * The way of a record: enqueue → (admission, when metadata or memory is missing) → PartitionQueue → drain →
 * one Produce request per leader and round → answer → Delivery. Records of a partition keep the order of `enqueue`.
 */
import { backoffDelay } from '../../core/backoff.ts'
import {
  ClosedError,
  KafkaError,
  PartitionNotFoundError,
  TimeoutError,
  withOutcome,
} from '../../core/errors.ts'
import { Fifo } from '../../core/fifo.ts'
import { groupBy } from '../../core/group-by.ts'
import type { Timer } from '../../core/runtime.ts'
import { type Codec, loadCodec } from '../../protocol/compression/codec.ts'
import { errorFrom } from '../../protocol/error-codes.ts'
import {
  createProduceRequest,
  createProduceRequestPartitionProduceData,
  createProduceRequestTopicProduceData,
  type ProduceResponsePartitionProduceResponse,
  produce,
} from '../../protocol/messages/generated/produce.ts'
import { type Cluster, retryTiming, type TopicInfo } from '../cluster.ts'
import { errorLabel } from '../metrics.ts'
import type { Delivery } from './delivery.ts'
import { IdentitySource } from './identity-source.ts'
import { PartitionQueue } from './partition-queue.ts'
import {
  noIdentity,
  type OutgoingRecord,
  type PendingBatch,
  type ProducerIdentity,
} from './pending-batch.ts'
import type { ResolvedProducerConfig } from './producer-config.ts'
import type { ProducerIdentities } from './producer-identities.ts'

/** The broker remembers the last five batches of a producer (KIP-98), so no more may be unanswered. */
const idempotentInFlightMax = 5

/** A full or broken disk rarely mends itself within seconds; the application should hear of it. */
const storageRetriesMax = 3

interface Waiting {
  readonly record: OutgoingRecord
  readonly delivery: Delivery
  readonly index: number
}

interface TopicQueues {
  info: TopicInfo
  readonly queues: PartitionQueue[]
  sticky: number
}

export class ProducerEngine {
  readonly #cluster: Cluster
  readonly #config: ResolvedProducerConfig
  readonly #identities: ProducerIdentities | undefined
  readonly #topics = new Map<string, TopicQueues>()
  readonly #active = new Set<PartitionQueue>()
  readonly #waiting = new Fifo<Waiting>()
  #admitting = false
  #bufferedBytes = 0
  #unsettled = 0
  /** While positive, nothing lingers. */
  #flushes = 0
  #settledListeners: (() => void)[] = []
  #codec: Codec | undefined
  #prepared: Promise<void> | undefined
  #isPrepared = false
  #drainScheduled = false
  #timer: Timer | undefined
  #timerDueAt = Number.POSITIVE_INFINITY
  #closed = false
  /** While set, what fails is not tried again. */
  #discarding: KafkaError | undefined

  /** `identities`: default: its own where the producer is idempotent. */
  constructor(
    cluster: Cluster,
    config: ResolvedProducerConfig,
    identities: ProducerIdentities | undefined = config.idempotent
      ? new IdentitySource(cluster)
      : undefined,
  ) {
    this.#cluster = cluster
    this.#config = config
    this.#identities = identities
    cluster.metrics.buffers.add(this)
  }

  /** Bytes of records that have no outcome yet. */
  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  /** Takes over a record; `delivery` is told its outcome, also when it could not be sent. Never throws. */
  enqueue(record: OutgoingRecord, delivery: Delivery, index: number): void {
    if (this.#closed) return delivery.failed(index, closedProducer())
    this.#unsettled++
    if (this.#waiting.length === 0 && this.#tryAppend(record, delivery, index)) return
    this.#waiting.push({ record, delivery, index })
    if (!this.#admitting) void this.#admit()
  }

  /** Resolves once every record enqueued so far has its outcome. */
  async flush(): Promise<void> {
    this.#flushes++
    this.#scheduleDrain()
    while (this.#unsettled > 0) {
      await new Promise<void>((resolve) => this.#settledListeners.push(resolve))
    }
    this.#flushes--
  }

  /** Fails what has not been sent and waits for the outcome of what has; nothing is sent again. */
  async discard(error: KafkaError): Promise<void> {
    this.#discarding = error
    this.#failWaiting(error)
    for (const queue of this.#active) this.#failAll(queue.drain(), error)
    try {
      await this.flush()
    } finally {
      this.#discarding = undefined
    }
  }

  /** Every partition goes on under a new identity, from sequence 0. Only when nothing is on its way. */
  startEpoch(identity: ProducerIdentity): void {
    for (const { queues } of this.#topics.values()) {
      for (const queue of queues) {
        for (const batch of queue.startEpoch(identity)) this.#fail(batch, lostTrack(queue))
      }
    }
  }

  #failWaiting(error: KafkaError): void {
    for (const waiting of this.#waiting.drain()) this.#refuse(waiting, error)
  }

  /** What never got into a batch. */
  #refuse({ record, delivery, index }: Waiting, error: unknown): void {
    this.#settled(1)
    this.#countFailed(record.topic, 1, error)
    delivery.failed(index, error)
  }

  /** Sends what is queued, then refuses more. Idempotent. */
  async close(): Promise<void> {
    if (this.#closed) return
    await this.flush()
    this.#closed = true
    this.#timer?.cancel()
    this.#cluster.metrics.buffers.delete(this)
  }

  #tryAppend(record: OutgoingRecord, delivery: Delivery, index: number): boolean {
    const topic = this.#topics.get(record.topic)
    if (!topic || this.#bufferedBytes >= this.#config.bufferMemory) return false
    const count = topic.queues.length
    const partition =
      record.partition ??
      this.#config.partitioner({
        topic: record.topic,
        key: record.key,
        partitionCount: count,
        sticky: topic.sticky,
      })
    const queue = topic.queues[partition]
    if (!queue) return false
    const { bytes, sealed } = queue.append(record, delivery, index, this.#now())
    this.#bufferedBytes += bytes
    this.#active.add(queue)
    if (sealed && record.partition === undefined && record.key === null) this.#moveSticky(topic)
    this.#scheduleDrain()
    return true
  }

  /** The slow way in, for records that found metadata missing, memory used up, or others waiting already. */
  async #admit(): Promise<void> {
    this.#admitting = true
    for (let head = this.#waiting.peek(); head; head = this.#waiting.peek()) {
      try {
        await this.#makeRoom(head.record)
        // Discarded meanwhile, and told so.
        if (this.#waiting.peek() !== head) continue
        this.#waiting.shift()
        if (this.#tryAppend(head.record, head.delivery, head.index)) continue
        this.#refuse(head, this.#noSuchPartition(head.record))
      } catch (error) {
        if (this.#waiting.peek() !== head) continue
        this.#waiting.shift()
        this.#refuse(head, error)
      }
    }
    this.#admitting = false
  }

  async #makeRoom(record: OutgoingRecord): Promise<void> {
    const known = this.#topics.get(record.topic)
    const isOutOfRange = known && record.partition !== undefined && !known.queues[record.partition]
    if (!known || isOutOfRange) {
      if (isOutOfRange) this.#cluster.invalidateTopic(record.topic)
      this.#learn(await this.#cluster.ensureTopic(record.topic))
    }
    const deadline = this.#now() + this.#config.deliveryTimeout
    while (this.#bufferedBytes >= this.#config.bufferMemory) {
      if (this.#now() >= deadline) {
        throw new TimeoutError(
          `The producer's buffer stayed full (bufferMemory: ${this.#config.bufferMemory} bytes) for ${this.#config.deliveryTimeout} ms; the broker is slower than the sender`,
          { code: 'BUFFER_FULL', retriable: true },
        )
      }
      await new Promise<void>((resolve) => this.#settledListeners.push(resolve))
    }
  }

  #noSuchPartition(record: OutgoingRecord): KafkaError {
    const count = this.#topics.get(record.topic)?.queues.length ?? 0
    return new PartitionNotFoundError(
      `Topic '${record.topic}' has ${count === 1 ? 'one partition, number 0' : `${count} partitions, numbered from 0`}; partition ${record.partition ?? 'chosen by the partitioner'} does not exist`,
      { code: 'UNKNOWN_TOPIC_OR_PARTITION' },
    )
  }

  #learn(info: TopicInfo): void {
    const known = this.#topics.get(info.name)
    const limits = {
      batchSize: this.#config.batchSize,
      lingerMs: this.#config.lingerMs,
      inFlightMax: this.#config.idempotent ? idempotentInFlightMax : 1,
    }
    const queues = known?.queues ?? []
    for (let partition = queues.length; partition < info.partitions.length; partition++) {
      queues.push(new PartitionQueue(info.name, partition, limits))
    }
    if (known) known.info = info
    else this.#topics.set(info.name, { info, queues, sticky: this.#randomPartition(queues.length) })
  }

  #moveSticky(topic: TopicQueues): void {
    const count = topic.queues.length
    if (count > 1) topic.sticky = (topic.sticky + 1 + this.#randomPartition(count - 1)) % count
  }

  #randomPartition(count: number): number {
    return Math.floor(this.#cluster.runtime.random() * count)
  }

  /** Sends made in one go share a batch: the drain runs once the current synchronous code is done. */
  #scheduleDrain(): void {
    if (this.#drainScheduled) return
    this.#drainScheduled = true
    queueMicrotask(() => {
      this.#drainScheduled = false
      if (this.#isPrepared) this.#drain()
      else void this.#prepare()
    })
  }

  async #prepare(): Promise<void> {
    this.#prepared ??= this.#loadWhatSendingNeeds()
    try {
      await this.#prepared
      this.#isPrepared = true
      this.#drain()
    } catch (error) {
      this.#prepared = undefined
      for (const queue of this.#active) this.#failAll(queue.drain(), error)
    }
  }

  async #loadWhatSendingNeeds(): Promise<void> {
    const { compression } = this.#config
    if (compression !== 'none') this.#codec = await loadCodec(compression)
    await this.#identities?.acquire()
  }

  #drain(): void {
    const now = this.#now()
    for (;;) {
      const byLeader = new Map<number, PendingBatch[]>()
      for (const queue of this.#active) {
        if (this.#flushes > 0) queue.seal()
        this.#takeFrom(queue, now, byLeader)
      }
      if (byLeader.size === 0) break
      for (const [leaderId, batches] of byLeader) {
        for (const part of splitBySize(batches, this.#config.maxRequestSize))
          void this.#send(leaderId, part)
      }
    }
    this.#setTimer(now)
  }

  #takeFrom(queue: PartitionQueue, now: number, byLeader: Map<number, PendingBatch[]>): void {
    if (queue.isEmpty) {
      this.#active.delete(queue)
      return
    }
    if (queue.needsNewEpoch && !queue.isInFlight) return void this.#startEpoch(queue)
    if (this.#identities && !queue.isInFlight && queue.identity === noIdentity) {
      queue.startEpoch(this.#identities.current)
    }
    const leaderId = this.#leaderOf(queue, now)
    if (leaderId === undefined) return
    const batch = queue.take(now)
    if (!batch) return
    const batches = byLeader.get(leaderId)
    if (batches) batches.push(batch)
    else byLeader.set(leaderId, [batch])
  }

  #leaderOf(queue: PartitionQueue, now: number): number | undefined {
    const leaderId = this.#cluster.leaderOf(queue.topic, queue.partition)
    if (leaderId === undefined && now >= queue.mutedUntil) {
      queue.mutedUntil = now + this.#config.retryBackoffMs
      this.#failAll(queue.expire(now - this.#config.deliveryTimeout), this.#expired())
      this.#cluster.ensureTopic(queue.topic).then(
        (info) => {
          this.#learn(info)
          queue.mutedUntil = 0
          this.#scheduleDrain()
        },
        (error: unknown) => {
          if (error instanceof KafkaError && error.retriable) this.#scheduleDrain()
          else this.#failAll(queue.drain(), error)
        },
      )
    }
    return leaderId
  }

  async #send(nodeId: number, batches: PendingBatch[]): Promise<void> {
    const { acks, deliveryTimeout } = this.#config
    const timeoutMs = Math.min(deliveryTimeout, this.#cluster.config.timeout)
    const byTopic = groupBy(batches, (batch) => batch.queue.topic)
    const transaction = this.#identities?.transaction
    const request = createProduceRequest({
      transactionalId: transaction?.transactionalId ?? null,
      acks: acks === 'all' ? -1 : acks,
      timeoutMs,
      topicData: [...byTopic].map(([name, ofTopic]) =>
        createProduceRequestTopicProduceData({
          name,
          topicId: this.#topics.get(name)!.info.id,
          partitionData: ofTopic.map((batch) =>
            createProduceRequestPartitionProduceData({
              index: batch.queue.partition,
              records: batch.encode(this.#codec, batch.queue.identity, transaction !== undefined),
            }),
          ),
        }),
      ),
    })
    try {
      await transaction?.join(batches.map(({ queue }) => queue))
    } catch (error) {
      for (const batch of batches) this.#attemptFailed(batch, error)
      return this.#scheduleDrain()
    }
    try {
      const oneWay = acks === 0
      const response = await this.#cluster.exchange(produce, request, {
        nodeId,
        timeoutMs,
        oneWay,
        maxVersion: transaction?.produceVersionMax,
      })
      if (oneWay) {
        for (const batch of batches) this.#stored(batch, -1n, -1)
      } else {
        for (const batch of batches)
          this.#answered(batch, findAnswer(response.responses, batch, this.#topics))
      }
    } catch (error) {
      for (const batch of batches) {
        // Whether it went out before the connection failed cannot be known.
        batch.maybeWritten = true
        this.#cluster.invalidateTopic(batch.queue.topic)
        this.#attemptFailed(batch, error)
      }
    }
    this.#scheduleDrain()
  }

  #answered(
    batch: PendingBatch,
    answer: ProduceResponsePartitionProduceResponse | undefined,
  ): void {
    if (!answer) {
      batch.maybeWritten = true
      return this.#attemptFailed(
        batch,
        errorFrom(-1, { message: 'the broker left the partition out of its answer' }),
      )
    }
    if (answer.errorCode === 0)
      return this.#stored(batch, answer.baseOffset, Number(answer.logAppendTimeMs))
    const { topic, partition } = batch.queue
    const message = answer.errorMessage ?? undefined
    const error = errorFrom(answer.errorCode, { topic, partition, ...(message && { message }) })
    if (error.code === 'DUPLICATE_SEQUENCE_NUMBER') {
      this.#stored(batch, -1n, -1)
      return
    }
    if (error.outcome === 'unknown') batch.maybeWritten = true
    if (
      error.code === 'NOT_LEADER_OR_FOLLOWER' ||
      error.code === 'UNKNOWN_TOPIC_OR_PARTITION' ||
      error.code === 'UNKNOWN_TOPIC_ID'
    ) {
      this.#cluster.invalidateTopic(topic)
    }
    this.#attemptFailed(batch, error)
  }

  #stored(batch: PendingBatch, baseOffset: bigint, appendTimeMs: number): void {
    batch.queue.stored(batch)
    this.#release(batch)
    const { sentRecords, sentBytes, sends } = this.#cluster.metrics
    const { topic } = batch.queue
    sentRecords.at(topic).value += batch.recordCount
    sentBytes.at(topic).value += batch.sizeInBytes
    sends.observe(topic, this.#now() - batch.createdAt)
    batch.stored(baseOffset, appendTimeMs)
  }

  #attemptFailed(batch: PendingBatch, error: unknown): void {
    const { queue } = batch
    const now = this.#now()
    const isSequenceGap =
      error instanceof KafkaError &&
      this.#identities !== undefined &&
      sequenceErrors.has(error.code)
    // A gap behind an older batch closes by itself once that one is settled; else only a new epoch helps.
    if (isSequenceGap && !queue.hasOlder(batch)) {
      queue.needsNewEpoch = true
      if (error.code === 'UNKNOWN_PRODUCER_ID' || error.code === 'INVALID_PRODUCER_EPOCH')
        this.#identities?.discard()
    }
    const isRetriable = isSequenceGap || (error instanceof KafkaError && error.retriable)
    const hasTime = now < batch.createdAt + this.#config.deliveryTimeout
    if (
      isRetriable &&
      hasTime &&
      !this.#discarding &&
      batch.attempts <= this.#retriesFor(error) &&
      !this.#cluster.closed.aborted
    ) {
      const { retryBackoffMs } = this.#config
      queue.mutedUntil =
        now +
        (isSequenceGap
          ? 0
          : backoffDelay(batch.attempts, retryTiming(error, retryBackoffMs), this.#cluster.runtime))
      this.#cluster.metrics.sendRetries.at(queue.topic).value++
      queue.retryLater(batch)
      return
    }
    queue.settle(batch)
    // Its sequence numbers are used up or in doubt: what follows needs a fresh start.
    if (this.#identities) queue.needsNewEpoch = true
    this.#identities?.transaction?.failed(error)
    this.#fail(batch, error)
  }

  #retriesFor(error: unknown): number {
    const { retries } = this.#config
    const isStorage = error instanceof KafkaError && error.code === 'KAFKA_STORAGE_ERROR'
    return isStorage ? Math.min(retries, storageRetriesMax) : retries
  }

  async #startEpoch(queue: PartitionQueue): Promise<void> {
    const identities = this.#identities!
    // Muted while the broker is asked, so that drains meanwhile pass it by.
    queue.needsNewEpoch = false
    queue.mutedUntil = Number.POSITIVE_INFINITY
    try {
      const identity = await identities.next(queue.identity)
      for (const batch of queue.startEpoch(identity)) this.#fail(batch, lostTrack(queue))
    } catch (error) {
      this.#failAll(queue.drain(), error)
      queue.needsNewEpoch = true
    }
    queue.mutedUntil = 0
    this.#scheduleDrain()
  }

  #failAll(batches: PendingBatch[], error: unknown): void {
    for (const batch of batches) this.#fail(batch, error)
  }

  #fail(batch: PendingBatch, error: unknown): void {
    this.#release(batch)
    this.#countFailed(batch.queue.topic, batch.recordCount, error)
    batch.failed(batch.maybeWritten ? asUnknown(error) : error)
  }

  #countFailed(topic: string, count: number, error: unknown): void {
    this.#cluster.metrics.sendFailures.at(topic, errorLabel(error)).value += count
  }

  #release(batch: PendingBatch): void {
    this.#bufferedBytes -= batch.sizeInBytes
    this.#settled(batch.recordCount)
  }

  #settled(count: number): void {
    this.#unsettled -= count
    if (this.#settledListeners.length === 0) return
    const listeners = this.#settledListeners
    this.#settledListeners = []
    for (const listener of listeners) listener()
  }

  #expired(): TimeoutError {
    return new TimeoutError(
      `The record could not be sent within deliveryTimeout (${this.#config.deliveryTimeout} ms): the partition has no leader`,
      { code: 'REQUEST_TIMED_OUT', retriable: true },
    )
  }

  /** One timer, for the earliest linger or backoff that ends in the future. */
  #setTimer(now: number): void {
    let dueAt = Number.POSITIVE_INFINITY
    for (const queue of this.#active) {
      const due = queue.dueAt()
      if (due !== undefined && due > now && due < dueAt) dueAt = due
    }
    if (dueAt === Number.POSITIVE_INFINITY || dueAt === this.#timerDueAt) return
    this.#timer?.cancel()
    this.#timerDueAt = dueAt
    this.#timer = this.#cluster.runtime.setTimer(Math.ceil(dueAt - now), () => {
      this.#timerDueAt = Number.POSITIVE_INFINITY
      this.#scheduleDrain()
    })
  }

  #now(): number {
    return this.#cluster.runtime.monotonicNow()
  }
}

const sequenceErrors: ReadonlySet<string> = new Set([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
])

/** A request holds one batch per partition; this keeps it near the size limit too. */
function splitBySize(batches: PendingBatch[], bytesMax: number): PendingBatch[][] {
  const parts: PendingBatch[][] = []
  let size = Number.POSITIVE_INFINITY
  for (const batch of batches) {
    if (size + batch.sizeInBytes > bytesMax) {
      parts.push([])
      size = 0
    }
    parts.at(-1)!.push(batch)
    size += batch.sizeInBytes
  }
  return parts
}

function findAnswer(
  responses: readonly {
    name: string
    topicId: string
    partitionResponses: ProduceResponsePartitionProduceResponse[]
  }[],
  batch: PendingBatch,
  topics: ReadonlyMap<string, TopicQueues>,
): ProduceResponsePartitionProduceResponse | undefined {
  const { topic, partition } = batch.queue
  const id = topics.get(topic)!.info.id
  const ofTopic = responses.find(
    (response) => response.name === topic || (response.name === '' && response.topicId === id),
  )
  return ofTopic?.partitionResponses.find((response) => response.index === partition)
}

function lostTrack({ topic, partition }: PartitionQueue): KafkaError {
  return new KafkaError(
    `The producer lost track of ${topic}-${partition}: an earlier attempt got no answer and the broker no longer knows the sequence. Look for the record before sending it again`,
    { code: 'OUT_OF_ORDER_SEQUENCE_NUMBER', outcome: 'unknown' },
  )
}

function asUnknown(error: unknown): unknown {
  return error instanceof KafkaError
    ? withOutcome(error, 'unknown', 'an earlier attempt may have stored the record')
    : error
}

function closedProducer(): ClosedError {
  return new ClosedError('The producer is closed; make a new one to go on', {
    code: 'PRODUCER_CLOSED',
  })
}
