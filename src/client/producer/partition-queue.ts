/**
 * The batches of one partition, in order, and the idempotent producer's sequence state for it (KIP-98, KIP-360).
 *
 * Invariants. Batches leave in the order their records came. None is sent while one `inFlightMax` places before it is
 * unanswered (the broker remembers five). The first of a producer's batches goes alone: a broker that does not know the
 * producer takes any sequence for the first, so one that overtook it would push it out of order. While any batch waits to be retried, one is in flight at a time, oldest first. Sequences are
 * never rolled back: after a batch fails for good, or its fate is unknown, the partition waits until nothing is
 * in flight and goes on from sequence 0 under a new producer epoch (`needsNewEpoch`).
 */
import { KafkaError } from '../../core/errors.ts'
import type { Delivery } from './delivery.ts'
import {
  noIdentity,
  type OutgoingRecord,
  PendingBatch,
  type ProducerIdentity,
} from './pending-batch.ts'

const sequenceModulus = 2 ** 31

export interface QueueLimits {
  readonly batchSize: number
  readonly lingerMs: number
  readonly inFlightMax: number
}

export class PartitionQueue {
  readonly topic: string
  readonly partition: number
  /** Monotonic milliseconds before which nothing is sent (backoff). */
  mutedUntil = 0
  /** Set when sequences can only go on under a new epoch. */
  needsNewEpoch = false
  identity: ProducerIdentity = noIdentity
  readonly #limits: QueueLimits
  #open: PendingBatch | undefined
  #ready: PendingBatch[] = []
  #retry: PendingBatch[] = []
  #inFlight: PendingBatch[] = []
  #nextSequence = 0
  #nextOrder = 0
  /** The leader has stored something of this identity, so it notices when something is missing. */
  #isKnown = false

  constructor(topic: string, partition: number, limits: QueueLimits) {
    this.topic = topic
    this.partition = partition
    this.#limits = limits
  }

  get isEmpty(): boolean {
    return !this.#open && this.#ready.length + this.#retry.length + this.#inFlight.length === 0
  }

  get isInFlight(): boolean {
    return this.#inFlight.length > 0
  }

  /** Adds a record; returns the bytes it took and whether a batch became full. */
  append(
    record: OutgoingRecord,
    delivery: Delivery,
    index: number,
    now: number,
  ): { bytes: number; sealed: boolean } {
    let sealed = false
    const size = payloadLength(record)
    if (this.#open && this.#open.sizeInBytes + size > this.#limits.batchSize) {
      this.seal()
      sealed = true
    }
    this.#open ??= new PendingBatch(this, now, this.#nextOrder++)
    const before = this.#open.sizeInBytes
    this.#open.add(record, delivery, index)
    return { bytes: this.#open.sizeInBytes - before, sealed }
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
    return this.#open && Math.max(this.mutedUntil, this.#open.createdAt + this.#limits.lingerMs)
  }

  /** The next batch that may be sent now, moved to in flight; undefined when there is none. */
  take(now: number): PendingBatch | undefined {
    if (now < this.mutedUntil || this.needsNewEpoch) return undefined
    if (this.#retry.length > 0) {
      return this.#inFlight.length === 0 ? this.#send(this.#retry.shift()!) : undefined
    }
    if (this.#isWindowFull()) return undefined
    if (
      this.#ready.length === 0 &&
      this.#open &&
      now >= this.#open.createdAt + this.#limits.lingerMs
    )
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
  stored(batch: PendingBatch): void {
    this.#isKnown = true
    this.settle(batch)
  }

  /** The batch is settled: stored, or failed for good. */
  settle(batch: PendingBatch): void {
    this.#inFlight = this.#inFlight.filter((other) => other !== batch)
  }

  /** The batch must be sent again; it goes back to its place in the order. */
  retryLater(batch: PendingBatch): void {
    this.settle(batch)
    const at = this.#retry.findIndex((other) => other.order > batch.order)
    this.#retry.splice(at < 0 ? this.#retry.length : at, 0, batch)
  }

  /** Whether an older batch is still unanswered or waits to be retried. */
  hasOlder(batch: PendingBatch): boolean {
    const older = (other: PendingBatch) => other !== batch && other.order < batch.order
    return this.#inFlight.some(older) || this.#retry.some(older)
  }

  /**
   * Goes on under a new epoch from sequence 0. Only when nothing is in flight. Returns the batches that may have
   * been written under the old epoch: they can be neither resent nor forgotten, so their senders must be told.
   */
  startEpoch(identity: ProducerIdentity): PendingBatch[] {
    if (this.#inFlight.length > 0)
      throw new KafkaError('a producer epoch was changed with batches in flight')
    this.identity = identity
    this.needsNewEpoch = false
    this.#isKnown = false
    this.#nextSequence = 0
    const undecided = this.#retry.filter((batch) => batch.maybeWritten)
    this.#retry = this.#retry.filter((batch) => !batch.maybeWritten)
    for (const batch of this.#retry) {
      batch.resequence(identity, this.#nextSequence)
      this.#nextSequence = (this.#nextSequence + batch.recordCount) % sequenceModulus
    }
    return undecided
  }

  /** Removes and returns every batch that is not in flight. */
  drain(): PendingBatch[] {
    this.seal()
    const batches = [...this.#retry, ...this.#ready]
    this.#retry = []
    this.#ready = []
    return batches
  }

  /** Removes and returns waiting batches older than `createdBefore` (monotonic milliseconds). */
  expire(createdBefore: number): PendingBatch[] {
    const expired = [...this.#retry, ...this.#ready].filter(
      (batch) => batch.createdAt < createdBefore,
    )
    if (expired.length === 0) return expired
    this.#retry = this.#retry.filter((batch) => !expired.includes(batch))
    this.#ready = this.#ready.filter((batch) => !expired.includes(batch))
    return expired
  }

  #send(batch: PendingBatch): PendingBatch {
    this.#inFlight.push(batch)
    batch.attempts++
    return batch
  }
}

/** A quick upper estimate of a record's size: UTF-8 takes at most three bytes for each UTF-16 unit. */
function payloadLength(record: OutgoingRecord): number {
  return 32 + (record.key?.length ?? 0) + (record.value?.length ?? 0)
}
