/**
 * One fetch session (KIP-227): the partitions that a client reads from, and what it was last told of each, so that
 * a request names only what has changed, and an answer too.
 *
 * The order of the partitions is the order in which they are read. One that has given records goes to the end, so none
 * starves when the answers are full.
 *
 * The epoch counts requests: 0 opened the session, then 1, 2, … and 1 again after the largest int32. A request is
 * taken when it has the epoch that is due, so one that was lost or doubled is noticed.
 */
import type {
  FetchRequest,
  FetchResponsePartitionData,
} from '../../protocol/messages/generated/fetch.ts'
import {
  byKey,
  type FetchTarget,
  type FetchTargets,
  keyOf,
  partitionKey,
  type Told,
  targetsOf,
  topicKey,
} from './fetch-target.ts'

/** Asks for a new session. */
export const initialEpoch = 0
/** Asks for none, and ends the one that is named. */
export const finalEpoch = -1

const int32Max = 2_147_483_647

export function nextEpoch(epoch: number): number {
  return epoch === int32Max ? 1 : epoch + 1
}

export interface FetchSessionOptions {
  readonly id: number
  /** Whether its requests name topics by id; it never changes. */
  readonly byId: boolean
  readonly createdAt: number
  readonly targets: readonly FetchTarget[]
}

export class FetchSession {
  readonly id: number
  readonly byId: boolean
  readonly createdAt: number
  lastUsedAt: number
  /** What the next request must have. */
  epoch = nextEpoch(initialEpoch)
  readonly #targets: FetchTargets

  constructor({ id, byId, createdAt, targets }: FetchSessionOptions) {
    this.id = id
    this.byId = byId
    this.createdAt = createdAt
    this.lastUsedAt = createdAt
    this.#targets = byKey(targets, byId)
  }

  get size(): number {
    return this.#targets.size
  }

  targets(): FetchTarget[] {
    return [...this.#targets.values()]
  }

  /** Takes over what the request changes; first what it asks for, then what it forgets. */
  update({ topics, forgottenTopicsData }: FetchRequest): void {
    for (const changed of targetsOf(topics, this.byId)) {
      const key = keyOf(changed, this.byId)
      const known = this.#targets.get(key)
      if (known) known.wanted = changed.wanted
      else this.#targets.set(key, changed)
    }
    for (const { topic, topicId, partitions } of forgottenTopicsData) {
      const key = topicKey(topic, topicId, this.byId)
      for (const partition of partitions) this.#targets.delete(partitionKey(key, partition))
    }
  }

  /** Notes what an answer tells the client. False when it brings nothing new, and so need not be sent. */
  tell(target: FetchTarget, answer: FetchResponsePartitionData): boolean {
    const isChanged = hasNews(target.told, answer)
    if (isChanged) {
      const { errorCode, highWatermark, lastStableOffset, logStartOffset } = answer
      // After an error the client knows nothing: the partition is sent again once it is well.
      target.told =
        errorCode === 0 ? { highWatermark, lastStableOffset, logStartOffset } : undefined
    }
    if (answer.records && answer.records.length > 0) this.#moveToEnd(target)
    return isChanged
  }

  #moveToEnd(target: FetchTarget): void {
    const key = keyOf(target, this.byId)
    // It may have been forgotten while its records were read.
    if (this.#targets.get(key) !== target) return
    this.#targets.delete(key)
    this.#targets.set(key, target)
  }
}

function hasNews(told: Told | undefined, answer: FetchResponsePartitionData): boolean {
  return (
    told === undefined ||
    answer.errorCode !== 0 ||
    (answer.records !== null && answer.records.length > 0) ||
    answer.divergingEpoch.epoch >= 0 ||
    answer.highWatermark !== told.highWatermark ||
    answer.lastStableOffset !== told.lastStableOffset ||
    answer.logStartOffset !== told.logStartOffset
  )
}
