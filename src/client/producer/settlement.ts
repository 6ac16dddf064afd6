/**
 * What becomes of a batch: it is stored, tried again, split, or failed for good; and its senders are told, once, by the
 * answer or by their deadline, whichever is first.
 *
 * A batch that is too large for the broker was certainly not written, so its parts may take over its sequence numbers.
 * Later batches of the partition that were in flight are then refused as out of order, and are tried again after the parts.
 */
import { backoffDelay } from '../../core/backoff.ts'
import { KafkaError, MessageTooLargeError, TimeoutError, withOutcome } from '../../core/errors.ts'
import { loadedCodec } from '../../protocol/compression/codec.ts'
import { errorFrom } from '../../protocol/error-codes.ts'
import type { ProduceResponsePartitionProduceResponse } from '../../protocol/messages/generated/produce.ts'
import { type Cluster, retryTiming } from '../cluster.ts'
import { errorLabel } from '../metrics.ts'
import type { PartitionQueue, QueuedBatch } from './partition-queue.ts'
import type { ResolvedProducerConfig } from './producer-config.ts'
import type { ProducerIdentities } from './producer-identities.ts'
import type { SendBuffer } from './send-buffer.ts'

/** Records named in a message; that there are more is said. */
const namedRecordsMax = 10

/** A full or broken disk rarely mends itself within seconds; the application should hear of it. */
const storageRetriesMax = 3

interface SettlementParts {
  readonly cluster: Cluster
  readonly config: ResolvedProducerConfig
  readonly identities: ProducerIdentities | undefined
  readonly buffer: SendBuffer
}

export class Settlement {
  /** While set, what fails is not tried again. */
  isDiscarding = false
  readonly #cluster: Cluster
  readonly #config: ResolvedProducerConfig
  readonly #identities: ProducerIdentities | undefined
  readonly #buffer: SendBuffer

  constructor({ cluster, config, identities, buffer }: SettlementParts) {
    this.#cluster = cluster
    this.#config = config
    this.#identities = identities
    this.#buffer = buffer
  }

  /** The broker's answer to a batch; undefined when it left the batch out. */
  answered(batch: QueuedBatch, answer: ProduceResponsePartitionProduceResponse | undefined): void {
    batch.isAwaitingAnswer = false
    if (!answer) {
      batch.maybeWritten = true
      const message = 'the broker left the partition out of its response'
      return this.attemptFailed(batch, errorFrom(-1, { message }))
    }
    if (answer.errorCode === 0)
      return this.stored(batch, answer.baseOffset, Number(answer.logAppendTimeMs))
    const { topic, partition } = batch.queue
    const message = messageOf(answer)
    const error = errorFrom(answer.errorCode, { topic, partition, ...(message && { message }) })
    if (error.code === 'DUPLICATE_SEQUENCE_NUMBER') return this.stored(batch, -1n, -1)
    if (error.outcome === 'unknown') batch.maybeWritten = true
    if (staleMetadata.has(error.code)) this.#cluster.invalidateTopic(topic)
    this.attemptFailed(batch, error)
  }

  /** No answer came: whether the batch went out before the connection failed cannot be known. */
  unanswered(batch: QueuedBatch, error: unknown): void {
    batch.isAwaitingAnswer = false
    batch.maybeWritten = true
    this.#cluster.invalidateTopic(batch.queue.topic)
    this.attemptFailed(batch, error)
  }

  stored(batch: QueuedBatch, baseOffset: bigint, appendTimeMs: number): void {
    batch.isAwaitingAnswer = false
    batch.queue.stored(batch)
    if (batch.isTold) return
    this.#release(batch)
    const { sentRecords, sentBytes, sends } = this.#cluster.metrics
    const { topic } = batch.queue
    sentRecords.at(topic).value += batch.recordCount
    sentBytes.at(topic).value += batch.sizeInBytes
    sends.observe(topic, this.#now() - batch.createdAt)
    batch.stored(baseOffset, appendTimeMs)
  }

  attemptFailed(batch: QueuedBatch, error: unknown): void {
    const isSequenceGap = this.#noteGap(batch, error)
    if (batch.isTold) return this.#giveUp(batch, error)
    if (this.#mayGoOn && isTooLarge(error) && batch.recordCount > 1) return this.#split(batch)
    const isRetriable = isSequenceGap || (error instanceof KafkaError && error.retriable)
    batch.lastError = error
    if (isRetriable && this.#mayGoOn && batch.attempts <= this.#retriesFor(error)) {
      const now = this.#now()
      if (now < batch.createdAt + this.#config.deliveryTimeout)
        return this.#retryLater(batch, isSequenceGap ? 0 : this.#backoff(batch, error), now)
      this.#giveUp(batch, error)
      return this.#failForGood(batch, this.#overdue(batch))
    }
    this.#giveUp(batch, error)
    this.#failForGood(batch, isTooLarge(error) ? tooLarge(batch, error) : error)
    batch.isTold = true
  }

  /** Fails what waits in a queue, in flight or not, that came at least `deliveryTimeout` ago; returns those in flight. */
  expire(queue: PartitionQueue, now: number): QueuedBatch[] {
    const time = now - this.#config.deliveryTimeout
    for (const batch of queue.expire(time)) {
      this.#dropped(batch)
      this.#failForGood(batch, this.#overdue(batch))
    }
    const inFlight = queue.overdue(time)
    for (const batch of inFlight) {
      this.#failForGood(batch, this.#overdue(batch))
      batch.isTold = true
    }
    return inFlight
  }

  /** Fails what is in the queue but not in flight. */
  failQueued(queue: PartitionQueue, error: unknown): void {
    for (const batch of queue.drain()) {
      this.#dropped(batch)
      this.fail(batch, error)
    }
  }

  /** Tells the senders of a batch that is in no queue any more. */
  fail(batch: QueuedBatch, error: unknown): void {
    this.#release(batch)
    const failures = this.#cluster.metrics.sendFailures.at(batch.queue.topic, errorLabel(error))
    failures.value += batch.recordCount
    batch.failed(batch.maybeWritten || batch.isAwaitingAnswer ? asUnknown(error) : error)
  }

  get #mayGoOn(): boolean {
    return !this.isDiscarding && !this.#cluster.closed.aborted
  }

  /** Whether the broker missed a batch before this one, or does not know the producer. */
  #noteGap(batch: QueuedBatch, error: unknown): boolean {
    const { queue } = batch
    if (!this.#identities || !(error instanceof KafkaError) || !sequenceErrors.has(error.code))
      return false
    if (queue.hasOlder(batch) || queue.needsNewEpoch) {
      // A gap behind an older batch closes by itself once that one is settled: nothing is wrong with this one.
      batch.attempts--
      return true
    }
    queue.needsNewEpoch = true
    if (error.code === 'UNKNOWN_PRODUCER_ID' || error.code === 'INVALID_PRODUCER_EPOCH')
      this.#identities.discard()
    return true
  }

  #retryLater(batch: QueuedBatch, waitMs: number, now: number): void {
    batch.queue.mutedUntil = now + waitMs
    this.#cluster.metrics.sendRetries.at(batch.queue.topic).value++
    batch.queue.retryLater(batch)
  }

  #backoff({ attempts }: QueuedBatch, error: unknown): number {
    const timing = retryTiming(error, this.#config.retryBackoff)
    return backoffDelay(attempts, timing, this.#cluster.runtime)
  }

  #split(batch: QueuedBatch): void {
    const { compression } = this.#config
    const parts = batch.split(compression === 'none' ? undefined : loadedCodec(compression))
    for (const { sizeInBytes } of parts) this.#buffer.resize(sizeInBytes)
    this.#buffer.resize(-batch.sizeInBytes)
    this.#cluster.metrics.sendRetries.at(batch.queue.topic).value++
    batch.queue.replace(batch, parts, this.#now())
  }

  #giveUp(batch: QueuedBatch, error: unknown): void {
    if (isTooLarge(error)) return batch.queue.withdraw(batch)
    batch.queue.settle(batch)
    this.#dropped(batch)
  }

  /** Its sequence numbers are used up or in doubt: what follows needs a fresh start. */
  #dropped({ queue, baseSequence }: QueuedBatch): void {
    if (this.#identities && baseSequence >= 0) queue.needsNewEpoch = true
  }

  #failForGood(batch: QueuedBatch, error: unknown): void {
    this.#identities?.transaction?.failed(error)
    this.fail(batch, error)
  }

  #retriesFor(error: unknown): number {
    const { retries } = this.#config
    const isStorage = error instanceof KafkaError && error.code === 'KAFKA_STORAGE_ERROR'
    return isStorage ? Math.min(retries, storageRetriesMax) : retries
  }

  #release(batch: QueuedBatch): void {
    this.#buffer.resize(-batch.sizeInBytes)
    this.#buffer.settle(batch.wave, batch.recordCount)
  }

  #overdue({ queue, lastError, isAwaitingAnswer }: QueuedBatch): TimeoutError {
    const cause = isAwaitingAnswer ? undefined : (lastError ?? queue.lookUpError)
    const why = isAwaitingAnswer
      ? 'the broker has not responded'
      : cause instanceof Error
        ? `last: ${cause.message}`
        : 'the partition has no leader, or the producer has no id yet'
    const { topic, partition } = queue
    return new TimeoutError(
      `The record for ${topic}-${partition} was not stored within deliveryTimeout (${this.#config.deliveryTimeout} ms); ${why}`,
      { code: 'REQUEST_TIMED_OUT', retriable: true, cause },
    )
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

const staleMetadata: ReadonlySet<string> = new Set([
  'NOT_LEADER_OR_FOLLOWER',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_TOPIC_ID',
])

/** What a broker refuses a batch with before it writes anything, because of its size. */
function isTooLarge(error: unknown): error is KafkaError {
  return (
    error instanceof KafkaError &&
    (error.code === 'MESSAGE_TOO_LARGE' || error.code === 'RECORD_LIST_TOO_LARGE')
  )
}

function tooLarge({ queue, sizeInBytes, recordCount }: QueuedBatch, error: KafkaError): KafkaError {
  if (recordCount > 1) return error
  const { topic, partition } = queue
  const limit =
    error.code === 'MESSAGE_TOO_LARGE'
      ? "the topic's max.message.bytes"
      : "the topic's segment.bytes"
  return new MessageTooLargeError(
    `A record of ${sizeInBytes} bytes for ${topic}-${partition} is too large for the broker, even in its own batch. Send less, store large payloads elsewhere and send a reference, or raise ${limit}. The broker: ${error.message}`,
    { code: error.code, cause: error },
  )
}

function asUnknown(error: unknown): unknown {
  return error instanceof KafkaError
    ? withOutcome(error, 'unknown', 'an earlier attempt may have stored the record')
    : error
}

/** What the broker said, and which records of the batch it refused (KIP-467). */
function messageOf({
  errorMessage,
  recordErrors,
}: ProduceResponsePartitionProduceResponse): string | undefined {
  if (recordErrors.length === 0) return errorMessage ?? undefined
  const indexes = recordErrors.slice(0, namedRecordsMax).map(({ batchIndex }) => batchIndex)
  const more = recordErrors.length - indexes.length
  const which = `refused records of the batch, counted from 0: ${indexes.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
  const why = errorMessage ?? recordErrors[0]!.batchIndexErrorMessage
  return why ? `${why} (${which})` : which
}
