/**
 * The batches of one partition, in order, and the idempotent producer's sequence state for it (KIP-98, KIP-360).
 *
 * Invariants. Batches leave in the order their records came. None is sent while one `inFlightMax` places before it is
 * unanswered (the broker remembers five). The first of a producer's batches goes alone: a broker that does not know the
 * producer takes any sequence for the first, so one that overtook it would push it out of order. While any batch waits to be retried, one is in flight at a time, oldest first. Sequences are
 * never rolled back: after a batch fails for good, or its fate is unknown, the partition waits until nothing is
 * in flight and goes on from sequence 0 under a new producer epoch (`needsNewEpoch`).
 *
 * A batch that the broker refused for its size is replaced by its parts, among those that wait to be retried: they have
 * its place and its sequence numbers, so that those of later batches, in flight or not, stay right.
 */
import { KafkaError } from '../../core/errors.ts'
import type { Delivery } from './delivery.ts'
import {
  noIdentity,
  type OutgoingRecord,
  PendingBatch,
  type ProducerIdentity,
  sequenceModulus,
} from './pending-batch.ts'
import type { Wave } from './send-buffer.ts'

/** A size that the broker refused is not tried again for so long: the topic's limit rarely changes. */
const refusedSizeKeptMs = 300_000

export interface QueueLimits {
  readonly batchSize: number
  readonly linger: number
  readonly inFlightMax: number
  /** Records share their batch's deadline, so none joins one whose first record came longer ago than this, milliseconds. */
  readonly ageMax: number
}

/** A batch of a partition's queue. */
export type QueuedBatch = PendingBatch<PartitionQueue>

export class PartitionQueue {
  readonly topic: string
  readonly partition: number
  /** Monotonic milliseconds before which nothing is sent (backoff). */
  mutedUntil = 0
  /** Set when sequences can only go on under a new epoch. */
  needsNewEpoch = false
  /** Why it has no leader, if that could not be found out. */
  lookUpError: unknown
  /** Batches that became full. */
  filled = 0
  identity: ProducerIdentity = noIdentity
  readonly #limits: QueueLimits
  #open: QueuedBatch | undefined
  #ready: QueuedBatch[] = []
  #retry: QueuedBatch[] = []
  #inFlight: QueuedBatch[] = []
  #nextSequence = 0
  #nextOrder = 0
  /** The leader has stored something of this identity, so it notices when something is missing. */
  #isKnown = false
  /** What batches may hold since the broker found one too large. */
  #fittingSize = Number.POSITIVE_INFINITY
  #fittingUntil = 0

  constructor(topic: string, partition: number, limits: QueueLimits) {
    this.topic = topic
    this.partition = partition
    this.#limits = limits
  }

  get isEmpty(): boolean {
    if (this.#open || this.#ready.length + this.#inFlight.length > 0) return false
    return this.#retry.every(({ isWithdrawn }) => isWithdrawn)
  }

  get isInFlight(): boolean {
    return this.#inFlight.length > 0
  }

  /** Adds a record that came with a wave at `enqueuedAt` (monotonic milliseconds); returns the bytes it took. */
  append(
    record: OutgoingRecord,
    delivery: Delivery,
    index: number,
    enqueuedAt: number,
    wave: Wave,
  ): number {
    if (this.#open && !this.#hasRoom(this.#open, record, enqueuedAt, wave)) {
      this.seal()
      this.filled++
    }
    const batch = this.#open ?? this.#begin(enqueuedAt, wave)
    const before = batch.sizeInBytes
    batch.add(record, delivery, index)
    return batch.sizeInBytes - before
  }

  #begin(enqueuedAt: number, wave: Wave): QueuedBatch {
    const place = { order: this.#nextOrder++, firstRecord: 0 }
    this.#open = new PendingBatch<PartitionQueue>(this, { enqueuedAt, wave }, place)
    return this.#open
  }

  #hasRoom(batch: PendingBatch, record: OutgoingRecord, enqueuedAt: number, wave: Wave): boolean {
    if (batch.wave !== wave || enqueuedAt - batch.createdAt > this.#limits.ageMax) return false
    const sizeMax =
      enqueuedAt < this.#fittingUntil
        ? Math.min(this.#fittingSize, this.#limits.batchSize)
        : this.#limits.batchSize
    return batch.sizeInBytes + payloadLength(record) <= sizeMax
  }

  /** Closes the open batch, so that it is sent without waiting for more. */
  seal(): void {
    if (!this.#open) return
    this.#ready.push(this.#open)
    this.#open = undefined
  }

  /** When the open batch is due, monotonic milliseconds; undefined when nothing waits for a linger or a backoff. */
  dueAt(): number | undefined {
    if (this.#retry.length > 0 || this.#ready.length > 0) return this.mutedUntil
    return this.#open && Math.max(this.mutedUntil, this.#open.createdAt + this.#limits.linger)
  }

  /** The next batch that may be sent now, moved to in flight; undefined when there is none. */
  take(now: number): QueuedBatch | undefined {
    if (now < this.mutedUntil || this.needsNewEpoch) return undefined
    while (this.#inFlight.length === 0 && this.#retry[0]?.isWithdrawn)
      this.#closeGap(this.#retry.shift()!)
    if (this.#retry.length > 0) {
      return this.#inFlight.length === 0 ? this.#send(this.#retry.shift()!) : undefined
    }
    if (this.#isWindowFull()) return undefined
    if (this.#ready.length === 0 && this.#open && now >= this.#open.createdAt + this.#limits.linger)
      this.seal()
    const batch = this.#ready.shift()
    if (!batch) return undefined
    if (this.identity.producerId >= 0n) {
      batch.baseSequence = this.#nextSequence
      this.#nextSequence = (this.#nextSequence + batch.recordCount) % sequenceModulus
    }
    return this.#send(batch)
  }

  /**
   * The broker recognises a retry only among the producer's last batches. So what counts is not how many are unanswered,
   * but how far the next one would be ahead of the oldest that is.
   */
  #isWindowFull(): boolean {
    const oldest = this.#inFlight[0]
    const next = this.#ready[0] ?? this.#open
    return (
      oldest !== undefined &&
      next !== undefined &&
      next.order - oldest.order >= (this.#isKnown ? this.#limits.inFlightMax : 1)
    )
  }

  /** The batch is stored. */
  stored(batch: QueuedBatch): void {
    this.#isKnown = true
    this.settle(batch)
    // A part was taken at its sequence, so the whole that it was split from was never written.
    for (const other of this.#retry) if (other.order === batch.order) other.maybeWritten = false
  }

  /** The batch is settled: stored, or failed for good. */
  settle(batch: QueuedBatch): void {
    this.#inFlight = this.#inFlight.filter((other) => other !== batch)
  }

  /** The batch must be sent again; it goes back to its place in the order. */
  retryLater(batch: QueuedBatch): void {
    this.settle(batch)
    const at = this.#retry.findIndex((other) => batch.isBefore(other))
    this.#retry.splice(at < 0 ? this.#retry.length : at, 0, batch)
  }

  /** The broker found `batch` too large: its parts are sent instead, and later batches are made no larger than they. */
  replace(batch: QueuedBatch, parts: readonly QueuedBatch[], now: number): void {
    this.retryLater(batch)
    this.#retry.splice(this.#retry.indexOf(batch), 1, ...parts)
    const known = now < this.#fittingUntil ? this.#fittingSize : Number.POSITIVE_INFINITY
    this.#fittingSize = Math.min(known, Math.ceil(batch.sizeInBytes / 2))
    this.#fittingUntil = now + refusedSizeKeptMs
  }

  /**
   * The broker refused the batch without writing it, and it will not be sent again. It keeps its place until it is its turn
   * with nothing in flight; then those behind it move up to its sequence numbers.
   */
  withdraw(batch: QueuedBatch): void {
    batch.isWithdrawn = true
    if (batch.baseSequence < 0) this.settle(batch)
    else this.retryLater(batch)
  }

  /**
   * Sound also when those behind may have been written after all, because a refusal was not the whole truth: the broker then
   * misses what it expects, and refuses them as out of order.
   */
  #closeGap({ recordCount }: QueuedBatch): void {
    const moved = (sequence: number) => (sequence - recordCount + sequenceModulus) % sequenceModulus
    for (const batch of this.#retry) batch.resequence(this.identity, moved(batch.baseSequence))
    this.#nextSequence = moved(this.#nextSequence)
  }

  /** Whether an older batch is still unanswered or waits to be retried. */
  hasOlder(batch: QueuedBatch): boolean {
    const isOlder = (other: QueuedBatch) => other.isBefore(batch)
    return this.#inFlight.some(isOlder) || this.#retry.some(isOlder)
  }

  /**
   * Goes on under a new epoch from sequence 0. Only when nothing is in flight. Returns the batches that may have
   * been written under the old epoch: they can be neither resent nor forgotten, so their senders must be told.
   */
  startEpoch(identity: ProducerIdentity): QueuedBatch[] {
    if (this.#inFlight.length > 0)
      throw new KafkaError('a producer epoch was changed with batches in flight')
    this.identity = identity
    this.needsNewEpoch = false
    this.#isKnown = false
    this.#nextSequence = 0
    const left = this.#retry.filter((batch) => !batch.isWithdrawn)
    const undecided = left.filter((batch) => batch.maybeWritten)
    this.#retry = left.filter((batch) => !batch.maybeWritten)
    for (const batch of this.#retry) {
      batch.resequence(identity, this.#nextSequence)
      this.#nextSequence = (this.#nextSequence + batch.recordCount) % sequenceModulus
    }
    return undecided
  }

  /** Removes and returns every batch that is not in flight. */
  drain(): QueuedBatch[] {
    return this.expire(Number.POSITIVE_INFINITY)
  }

  /** When the first record came whose senders wait, monotonic milliseconds. */
  oldest(): number | undefined {
    const first = this.#inFlight.find(({ isTold }) => !isTold)
    const waiting = this.#retry.find(({ isTold }) => !isTold) ?? this.#ready[0] ?? this.#open
    if (!first) return waiting?.createdAt
    return waiting ? Math.min(first.createdAt, waiting.createdAt) : first.createdAt
  }

  /** Removes and returns the batches that wait and whose first record came at `time` (monotonic milliseconds) or before. */
  expire(time: number): QueuedBatch[] {
    if (this.#open && this.#open.createdAt <= time) this.seal()
    const isOverdue = (batch: QueuedBatch) => batch.createdAt <= time && !batch.isWithdrawn
    const expired = [...this.#retry, ...this.#ready].filter(isOverdue)
    if (expired.length === 0) return expired
    this.#retry = this.#retry.filter((batch) => !isOverdue(batch))
    this.#ready = this.#ready.filter((batch) => !isOverdue(batch))
    return expired
  }

  /** The batches in flight whose first record came at `time` or before, and whose senders wait. */
  overdue(time: number): QueuedBatch[] {
    return this.#inFlight.filter(({ isTold, createdAt }) => !isTold && createdAt <= time)
  }

  #send(batch: QueuedBatch): QueuedBatch {
    this.#inFlight.push(batch)
    batch.attempts++
    return batch
  }
}

/** About the size of a record: its text counts as if it were ASCII. */
function payloadLength({ key, value, headers }: OutgoingRecord): number {
  let length = 32 + (key?.length ?? 0) + (value?.length ?? 0)
  // An iterator over nothing is garbage of every record, too.
  if (headers && headers.length > 0) {
    for (const [name, content] of headers) length += 4 + name.length + (content?.length ?? 0)
  }
  return length
}
