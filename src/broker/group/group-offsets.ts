/**
 * The offsets of one group, in memory: those that are committed and visible, and commits that are on their way. Of two
 * commits for a partition the later in the log counts.
 */
import type { CommittedOffset } from './offset-records.ts'

export interface OffsetToCommit {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly leaderEpoch: number
  readonly metadata: string
}

export class GroupOffsets {
  readonly #byTopic = new Map<string, Map<number, CommittedOffset>>()
  /** Commits that are in the log and not yet durable, so not yet visible. */
  readonly underWay = new Set<readonly OffsetToCommit[]>()

  /** Nothing is visible. */
  get isEmpty(): boolean {
    return this.#byTopic.size === 0
  }

  /** Of each topic that has some. */
  byTopic(): Iterable<readonly [topic: string, ReadonlyMap<number, CommittedOffset>]> {
    return this.#byTopic
  }

  get(topic: string, partition: number): CommittedOffset | undefined {
    return this.#byTopic.get(topic)?.get(partition)
  }

  set(topic: string, partition: number, committed: CommittedOffset): void {
    let ofTopic = this.#byTopic.get(topic)
    if (!ofTopic) {
      ofTopic = new Map()
      this.#byTopic.set(topic, ofTopic)
    }
    ofTopic.set(partition, committed)
  }

  setIfNewer(topic: string, partition: number, committed: CommittedOffset): void {
    const current = this.get(topic, partition)
    if (current && current.logOffset > committed.logOffset) return
    this.set(topic, partition, committed)
  }

  delete(topic: string, partition: number): void {
    const ofTopic = this.#byTopic.get(topic)
    ofTopic?.delete(partition)
    if (ofTopic?.size === 0) this.#byTopic.delete(topic)
  }

  *entries(): Generator<[topic: string, partition: number, committed: CommittedOffset], undefined> {
    for (const [topic, ofTopic] of this.#byTopic) {
      for (const [partition, committed] of ofTopic) yield [topic, partition, committed]
    }
    return undefined
  }
}
