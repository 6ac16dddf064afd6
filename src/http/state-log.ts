/**
 * What the API must remember, in a compacted topic: answers to idempotency keys, leases of groups, tickets. Any replica can
 * serve any request, because the log is all there is; what a replica holds in memory is only a view of it.
 *
 * A partition of the topic has one writer at a time: whoever holds its transactional id.
 *
 *   1. A replica that has something to do registers the id (InitProducerId), which ends what another one had under way and
 *      fences it.
 *   2. It reads the partition to its end. From now on its view is the truth, for nobody else can commit.
 *   3. It does what was asked, as many requests as wait together, in one transaction with the records that they write.
 *      Where nothing is to be written, it writes that it is the writer: else it would answer from a view that is old.
 *   4. A replica that finds itself fenced forgets its view and begins at 1.
 *
 * Whatever is asked must be such that it can be asked again: after an outcome that is not known, it is.
 */

import { orNotTrusted } from '../backend/not-trusted.ts'
import type { RecordMetadata } from '../client/producer/delivery.ts'
import { Message, type SendOptions } from '../client/producer/send-options.ts'
import { bytes, string } from '../client/serializer.ts'
import { type Topic, topic } from '../client/topic.ts'
import type { Transaction } from '../client/transaction/transaction.ts'
import { resolveTransactionConfig } from '../client/transaction/transaction-config.ts'
import { TransactionalProducer } from '../client/transaction/transactional-producer.ts'
import { backoffDelay, delay } from '../core/backoff.ts'
import { decodeUtf8, encodeUtf8 } from '../core/bytes.ts'
import { KafkaError, TopicNotFoundError } from '../core/errors.ts'
import type { Runtime } from '../core/runtime.ts'
import { errorFrom, errorName } from '../protocol/error-codes.ts'
import {
  createCreateTopicsRequest,
  createCreateTopicsRequestCreatableTopic,
  createTopics,
} from '../protocol/messages/generated/create-topics.ts'
import type { Caller } from './callers.ts'
import { serviceClosing } from './problem.ts'
import { RecordReader } from './records/record-reader.ts'
import { startingPlace } from './records/starting-place.ts'

export interface StateLogOptions {
  readonly runtime: Runtime
  /** The client of the service itself, which may do all of this. */
  readonly open: () => { readonly caller: Caller; release(): void }
  /** Forgets what has expired. Called with each entry that is read. */
  readonly isExpired: (key: string, value: Uint8Array, now: number) => boolean
}

/** What a job sees of its partition, and what it may do. All of it counts, or nothing. */
export interface StateTurn {
  get(key: string): Uint8Array | undefined
  /** Null: it is forgotten. */
  put(key: string, value: Uint8Array | null): void
  /** How many entries the partition has, those that have expired left out. */
  readonly size: number
  /** How many partitions there are. */
  readonly partitions: number
  /** The answer is right also if this replica is not the writer any more: it need not be confirmed. */
  isCertain(): void
  send(
    topicName: string,
    records: readonly {
      readonly value: Uint8Array | null
      readonly options: SendOptions<Uint8Array>
    }[],
  ): Promise<RecordMetadata[]>
}

type Job<T> = (turn: StateTurn) => Promise<T>

interface Waiting {
  readonly job: Job<unknown>
  /** It may have to undo what it has sent: nothing else may be part of its transaction. */
  readonly isAlone: boolean
  /** When it was asked, monotonic milliseconds. */
  readonly since: number
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

export const stateTopic = '__kafka_do_http'
const stateTopicConfig = {
  partitions: 8,
  configs: {
    'cleanup.policy': 'compact',
    'min.cleanable.dirty.ratio': 0.1,
    'segment.ms': 3_600_000,
  },
}
/** So many requests share a transaction. */
const jobsMax = 200
/** How often what was asked is tried again, after being fenced or losing an answer. */
const triesMax = 8
/** What was asked longer ago than this is not tried again, milliseconds: whoever asked has an end to their patience. */
const patienceMs = 20_000
const transactionTimeoutMs = 20_000
const ownerKey = 'owner'
const sweepMs = 60_000
const sweptMax = 5000

export class StateLog {
  readonly #options: StateLogOptions
  readonly #partitions: StatePartition[] = []
  #ready: Promise<void> | undefined
  #held: { readonly caller: Caller; release(): void } | undefined
  #isClosed = false

  constructor(options: StateLogOptions) {
    this.#options = options
  }

  /**
   * Does `job` in the partition that `key` belongs to. It may be done again after an outcome that is not known, and must then
   * see in the state what it did before. Rejects with the job's error, and with what keeps it from being done.
   */
  async run<T>(key: string, job: Job<T>, { isAlone = false } = {}): Promise<T> {
    await this.#open()
    const partition = this.#partitions[hashOf(key) % this.#partitions.length]!
    return partition.run(job, isAlone)
  }

  /** Asks whether the topic might be made, and makes nothing. Rejects with what keeps `run` from doing anything. */
  async check(): Promise<void> {
    const { caller, release } = this.#options.open()
    try {
      const { partitions: numPartitions } = stateTopicConfig
      const wanted = { name: stateTopic, numPartitions, replicationFactor: -1 }
      const topics = [createCreateTopicsRequestCreatableTopic(wanted)]
      const request = createCreateTopicsRequest({ topics, validateOnly: true })
      const [answer] = (await caller.cluster.exchange(createTopics, request, {})).topics
      const code = errorName(answer!.errorCode)
      if (code !== 'NONE' && code !== 'TOPIC_ALREADY_EXISTS')
        throw orNotTrusted(errorFrom(answer!.errorCode, { topic: stateTopic }), stateTopic)
    } finally {
      release()
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#ready?.catch(() => undefined)
    await Promise.all(this.#partitions.map((partition) => partition.close()))
    this.#held?.release()
  }

  #open(): Promise<void> {
    if (this.#isClosed) return Promise.reject(serviceClosing())
    if (!this.#ready) {
      const opening = this.#openTopic()
      this.#ready = opening
      opening.catch(() => {
        if (this.#ready === opening) this.#ready = undefined
      })
    }
    return this.#ready
  }

  async #openTopic(): Promise<void> {
    this.#held ??= this.#options.open()
    const { caller } = this.#held
    await caller.admin.createTopic(stateTopic, stateTopicConfig).catch((error: unknown) => {
      if (!(error instanceof KafkaError) || error.code !== 'TOPIC_ALREADY_EXISTS')
        throw orNotTrusted(error, stateTopic)
    })
    const { partitions } = await caller.cluster.ensureTopic(stateTopic, { create: false })
    if (this.#partitions.length > 0) return
    for (const { index } of partitions)
      this.#partitions.push(new StatePartition(index, partitions.length, caller, this.#options))
  }
}

const stateRecords: Topic<Uint8Array> = topic<Uint8Array>(stateTopic, { key: string, value: bytes })

class StatePartition {
  readonly #index: number
  readonly #caller: Caller
  readonly #options: StateLogOptions
  readonly #waiting: Waiting[] = []
  #running: Promise<void> | undefined
  #producer: TransactionalProducer | undefined
  /** Undefined: not read since this replica has become the writer. */
  #view: Map<string, Uint8Array> | undefined

  readonly #count: number
  #sweptAt = 0

  constructor(index: number, count: number, caller: Caller, options: StateLogOptions) {
    this.#index = index
    this.#count = count
    this.#caller = caller
    this.#options = options
  }

  run<T>(job: Job<T>, isAlone: boolean): Promise<T> {
    return new Promise((resolve, reject) => {
      const since = this.#options.runtime.monotonicNow()
      const settle = { resolve: resolve as (result: unknown) => void, reject }
      this.#waiting.push({ job, isAlone, since, ...settle })
      this.#running ??= this.#runAll().finally(() => {
        this.#running = undefined
      })
    })
  }

  async close(): Promise<void> {
    await this.#running
    await this.#producer?.close().catch(() => undefined)
  }

  async #runAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#take()
      for (let tries = 1; ; tries++) {
        const left = batch.length
        const failed = await this.#tryBatch(batch)
        if (failed === undefined) break
        if (batch.length < left) continue
        this.#forget()
        const { error, isOfJob } = failed
        const isWorthIt = error instanceof KafkaError && (error.retriable || isFenced(error))
        if (isWorthIt && !isOfJob) this.#rejectLate(batch, error)
        if (batch.length === 0) break
        if (!isWorthIt || tries >= triesMax || this.#isLate(batch[0]!)) {
          if (batch.length === 1) batch[0]!.reject(error)
          // One of them may be to blame: each has its own try.
          else this.#waiting.unshift(...batch.map((one) => ({ ...one, isAlone: true })))
          break
        }
        const { runtime } = this.#options
        await delay(runtime, backoffDelay(tries, { baseMs: 20, maxMs: 1000, jitter: 0.5 }, runtime))
      }
    }
  }

  /** Those behind a batch that came to nothing would fare no better. */
  #rejectLate(batch: Waiting[], error: unknown): void {
    for (const list of [batch, this.#waiting]) {
      const late = list.filter((one) => this.#isLate(one))
      const others = list.filter((one) => !late.includes(one))
      list.splice(0, list.length, ...others)
      for (const one of late) one.reject(error)
    }
  }

  #isLate({ since }: Waiting): boolean {
    return this.#options.runtime.monotonicNow() - since >= patienceMs
  }

  #take(): Waiting[] {
    if (this.#waiting[0]!.isAlone) return this.#waiting.splice(0, 1)
    const end = this.#waiting.findIndex(({ isAlone }, i) => isAlone || i >= jobsMax)
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : end)
  }

  /**
   * Undefined: each has its result. Else why nothing of it counts, as far as is known, and whether what a job has sent was
   * the reason. A job that fails after it has sent
   * something takes the transaction with it: it leaves the batch, and the others are done again.
   */
  async #tryBatch(
    batch: Waiting[],
  ): Promise<{ readonly error: unknown; readonly isOfJob: boolean } | undefined> {
    let settle: (() => void)[] = []
    let undone: Waiting | undefined
    let isOfJob = false
    try {
      const pending = await this.#transaction(async (transaction) => {
        settle = []
        undone = undefined
        isOfJob = false
        const turn = new Turn(await this.#loaded(), transaction, this.#index, this.#count)
        for (const waiting of batch) {
          const sentBefore = turn.sent
          try {
            const result = await waiting.job(turn)
            settle.push(() => waiting.resolve(result))
          } catch (error) {
            // Of the transaction itself: nothing of it counts.
            isOfJob = turn.failure !== undefined
            if (isOfJob && isOfTransaction(turn.failure)) throw turn.failure
            if (turn.sent > sentBefore) {
              undone = waiting
              throw error
            }
            settle.push(() => waiting.reject(error))
          }
        }
        this.#sweep(turn)
        // A replica that answers from its view alone would not notice that it is no longer the writer.
        if (turn.pending.size === 0 && turn.certain < batch.length)
          turn.put(ownerKey, encodeUtf8(String(this.#options.runtime.now())))
        await turn.written()
        return turn.pending
      })
      for (const [key, value] of pending) {
        if (value === null) this.#view!.delete(key)
        else this.#view!.set(key, value)
      }
    } catch (error) {
      if (!undone) return { error, isOfJob }
      undone.reject(error)
      batch.splice(batch.indexOf(undone), 1)
      return batch.length === 0 ? undefined : { error: again(), isOfJob: true }
    }
    for (const one of settle) one()
    return undefined
  }

  #transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    this.#producer ??= new TransactionalProducer(
      this.#caller.cluster,
      resolveTransactionConfig({
        id: transactionalIdOf(this.#index),
        timeout: transactionTimeoutMs,
      }),
      transactionalIdOf(this.#index),
    )
    return this.#producer.run(work, stateRecords as Topic<unknown, unknown>)
  }

  /** Takes out what has expired, now and then, a part of it at a time. */
  #sweep(turn: Turn): void {
    const { runtime, isExpired } = this.#options
    const at = runtime.monotonicNow()
    if (at - this.#sweptAt < sweepMs) return
    this.#sweptAt = at
    const now = runtime.now()
    let left = sweptMax
    for (const [key, value] of this.#view!) {
      if (turn.pending.has(key) || !isExpired(key, value, now)) continue
      turn.put(key, null)
      if (--left === 0) return
    }
  }

  async #loaded(): Promise<Map<string, Uint8Array>> {
    if (this.#view) return this.#view
    const view = new Map<string, Uint8Array>()
    const { cluster } = this.#caller
    const reader = new RecordReader(cluster, stateTopic)
    const wanted = { topic: stateTopic, partition: this.#index, from: 'earliest' }
    let { offsets } = await startingPlace(cluster, wanted)
    try {
      for (let isAtEnd = false; !isAtEnd; ) {
        const read = await reader.read(offsets, {
          ...{ maxRecords: 100_000, maxBytes: 8 * 1_048_576, waitMs: 0, signal: cluster.closed },
        })
        for (const { key, value } of read.records) {
          const name = decodeUtf8(key!)
          if (value === null) view.delete(name)
          else view.set(name, value)
        }
        offsets = read.next
        isAtEnd = read.isAtEnd
      }
    } finally {
      reader.release()
    }
    this.#view = view
    return view
  }

  #forget(): void {
    this.#view = undefined
    const producer = this.#producer
    this.#producer = undefined
    producer?.close().catch(() => undefined)
  }
}

class Turn implements StateTurn {
  readonly pending = new Map<string, Uint8Array | null>()
  readonly #view: ReadonlyMap<string, Uint8Array>
  readonly #transaction: Transaction
  readonly #partition: number
  #failure: { readonly error: unknown } | undefined

  readonly partitions: number

  constructor(
    view: ReadonlyMap<string, Uint8Array>,
    transaction: Transaction,
    partition: number,
    partitions: number,
  ) {
    this.partitions = partitions
    this.#view = view
    this.#transaction = transaction
    this.#partition = partition
  }

  /** Sends so far, whatever became of them. */
  sent = 0
  /** Jobs whose answers need no confirmation. */
  certain = 0

  /** Set once the transaction can only be aborted. */
  get failure(): unknown {
    return this.#failure?.error
  }

  get size(): number {
    return this.#view.size + this.pending.size
  }

  isCertain(): void {
    this.certain++
  }

  get(key: string): Uint8Array | undefined {
    const changed = this.pending.get(key)
    return changed === undefined ? this.#view.get(key) : (changed ?? undefined)
  }

  put(key: string, value: Uint8Array | null): void {
    this.pending.set(key, value)
  }

  async send(
    topicName: string,
    records: readonly {
      readonly value: Uint8Array | null
      readonly options: SendOptions<Uint8Array>
    }[],
  ): Promise<RecordMetadata[]> {
    const typed = topic<Uint8Array, Uint8Array>(topicName, { key: bytes, value: bytes })
    const messages = records.map(({ value, options }) => new Message(value, options))
    this.sent++
    try {
      return await this.#transaction.sendBatch<Uint8Array, Uint8Array>(messages, { topic: typed })
    } catch (error) {
      this.#failure = { error }
      throw error
    }
  }

  /** Writes what has changed. */
  async written(): Promise<void> {
    if (this.pending.size === 0) return
    const partition = this.#partition
    const messages = [...this.pending].map(
      ([key, value]) => new Message<Uint8Array>(value, { key, partition }),
    )
    await this.#transaction.sendBatch(messages)
  }
}

function transactionalIdOf(partition: number): string {
  return `${stateTopic}-${partition}`
}

function isFenced({ code }: KafkaError): boolean {
  return ['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED', 'INVALID_TXN_STATE', 'ABORTED'].includes(
    code,
  )
}

/** A record that is refused is the fault of who wrote it; what else fails may be over the next time. */
function isOfTransaction(error: unknown): boolean {
  return (
    error instanceof KafkaError &&
    ((error.retriable && !(error instanceof TopicNotFoundError)) || isFenced(error))
  )
}

function again(): KafkaError {
  return new KafkaError('Another request of the same transaction failed', { retriable: true })
}

/** FNV-1a; every replica must come to the same. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5
  for (const byte of encodeUtf8(key)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}
