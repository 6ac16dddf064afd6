/**
 * The committed offsets of all groups.
 *
 * Order of a commit: validated when it arrives (`GroupCoordinator.checkCommit`), written, durable, then visible and
 * answered. A deletion is durable before anything is forgotten, and what was committed anew meanwhile stays.
 */
import type { OffsetToCommit } from './group-offsets.ts'
import type { HostedGroup } from './hosted-groups.ts'
import type { CommittedOffset } from './offset-records.ts'
import { type OffsetsParts, type OffsetsRecord, offsetRecords, tombstones } from './offsets-log.ts'
import type { PendingOffset } from './pending-offsets.ts'

type Place = [topic: string, partition: number]

export class OffsetStore {
  readonly #parts: OffsetsParts

  constructor(parts: OffsetsParts) {
    this.#parts = parts
  }

  /** Stores offsets; call right after `checkCommit`. Durable and visible when it resolves. Throws `StorageError`. */
  async commit(groupId: string, toCommit: readonly OffsetToCommit[]): Promise<void> {
    const hosted = this.#parts.hosted.host(groupId)
    const { offsets } = hosted
    const committedAtMs = this.#parts.runtime.now()
    offsets.underWay.add(toCommit)
    let baseOffset: bigint
    try {
      baseOffset = await this.#parts.log.append(offsetRecords(groupId, toCommit, committedAtMs))
    } catch (error) {
      offsets.underWay.delete(toCommit)
      this.#parts.hosted.dropUnused(hosted)
      throw error
    }
    offsets.underWay.delete(toCommit)
    toCommit.forEach(({ topic, partition, ...rest }, i) => {
      const logOffset = baseOffset + BigInt(i)
      offsets.setIfNewer(topic, partition, { ...rest, committedAtMs, logOffset })
    })
  }

  committed(groupId: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.#parts.hosted.get(groupId)?.offsets.get(topic, partition)
  }

  /** All committed offsets of a group. */
  allCommitted(groupId: string): [topic: string, partition: number, committed: CommittedOffset][] {
    return [...(this.#parts.hosted.get(groupId)?.offsets.entries() ?? [])]
  }

  /** All committed offsets of a group, by topic. */
  byTopic(
    groupId: string,
  ): Iterable<readonly [topic: string, ReadonlyMap<number, CommittedOffset>]> {
    return this.#parts.hosted.get(groupId)?.offsets.byTopic() ?? []
  }

  /** Topics that offsets are stored for, also in transactions that are not over. */
  topics(): Set<string> {
    const pending = this.#parts.pending.find(() => true).map(({ topic }) => topic)
    const committed = this.#parts.hosted
      .all()
      .flatMap(({ offsets }) => [...offsets.entries()].map(([topic]) => topic))
    return new Set([...committed, ...pending])
  }

  /**
   * Forgets what the group has committed for these partitions. A group that has nothing left stays until offsets expire,
   * so that a caller who asks twice is told the same. Durable when it resolves. Throws `StorageError`.
   */
  async delete(
    groupId: string,
    partitions: readonly (readonly [topic: string, partition: number])[],
  ): Promise<void> {
    const hosted = this.#parts.hosted.get(groupId)
    const places = hosted ? this.storedPartitions(hosted) : []
    const stored = new Set(places.map((place) => place.join('-')))
    const gone = partitions.filter((place) => stored.has(place.join('-')))
    if (!hosted || gone.length === 0) return this.#nothingToForget()
    const deletedAt = await this.#parts.log.append(tombstones(groupId, gone))
    for (const [topic, partition] of gone) this.#forgetOne(hosted, topic, partition, deletedAt)
  }

  /**
   * The topic is gone, and so are the offsets committed for it. They are forgotten once that is durable, so that a call
   * that failed can be made again. Throws `StorageError`.
   */
  async onTopicDeleted(topic: string): Promise<void> {
    const records: OffsetsRecord[] = []
    const concerned: [hosted: HostedGroup, gone: Place[]][] = []
    // A transaction may be the first thing that is heard of a group.
    for (const { group } of this.#parts.pending.find((pending) => pending.topic === topic)) {
      this.#parts.hosted.host(group)
    }
    for (const hosted of this.#parts.hosted.all()) {
      const gone = this.storedPartitions(hosted).filter(([name]) => name === topic)
      records.push(...tombstones(hosted.group.id, gone))
      if (gone.length > 0) concerned.push([hosted, gone])
    }
    if (records.length === 0) return this.#nothingToForget()
    const deletedAt = await this.#parts.log.append(records)
    for (const [hosted, gone] of concerned) {
      for (const [, partition] of gone) this.#forgetOne(hosted, topic, partition, deletedAt)
      this.#parts.hosted.dropUnused(hosted)
    }
  }

  /** A commit that failed may be in the log all the same, and would be back at the next start. */
  #nothingToForget(): Promise<void> {
    return this.#parts.log.whenDurable()
  }

  /** Removes these very offsets: what has been committed anew meanwhile stays. Throws `StorageError`. */
  async forget(
    hosted: HostedGroup,
    old: readonly [topic: string, partition: number, committed: CommittedOffset][],
  ): Promise<void> {
    const { group, offsets } = hosted
    await this.#parts.log.append(tombstones(group.id, old))
    for (const [topic, partition, committed] of old)
      if (offsets.get(topic, partition) === committed) offsets.delete(topic, partition)
    this.#parts.hosted.dropUnused(hosted)
  }

  /** Partitions whose offsets are in the log, durable or about to be, or part of a transaction. */
  storedPartitions({ group, offsets }: HostedGroup): Place[] {
    const stored = [...offsets.entries()].map(([topic, partition]): Place => [topic, partition])
    const others = [...[...offsets.underWay].flat(), ...this.pendingOf(group.id)]
    for (const { topic, partition } of others) stored.push([topic, partition])
    return stored
  }

  /** What transactions that are not over have committed for the group. */
  pendingOf(groupId: string): PendingOffset[] {
    return this.#parts.pending.find(({ group }) => group === groupId)
  }

  /** Commits become visible in the order of the log, so what is visible came before; what is pending may not have. */
  #forgetOne({ group, offsets }: HostedGroup, topic: string, partition: number, at: bigint): void {
    offsets.delete(topic, partition)
    this.#parts.pending.drop(group.id, topic, partition, at)
  }
}
