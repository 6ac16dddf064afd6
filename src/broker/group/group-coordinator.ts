/**
 * Hosts the groups: which there are, by what `__consumer_offsets` holds, and how one is deleted. What it hosts has parts
 * of its own: committed offsets (`offsets`), those in transactions (`transactional`), their expiry, and a room for each
 * kind of group (`classic`).
 *
 * An id belongs to one group, of one kind, and a group is there as long as it has had members or has offsets.
 */
import type { Runtime } from '../../core/runtime.ts'
import type { GroupLimits } from './classic/classic-group.ts'
import { ClassicGroups } from './classic/classic-groups.ts'
import type { Group } from './group.ts'
import { GroupOffsets } from './group-offsets.ts'
import type { GroupOutcome } from './group-refusal.ts'
import { type HostedGroup, HostedGroups } from './hosted-groups.ts'
import { expireOffsets } from './offset-expiry.ts'
import {
  decodeGroupValue,
  decodeKey,
  decodeOffsetValue,
  encodeGroupKey,
  type StoredGroup,
} from './offset-records.ts'
import { OffsetStore } from './offset-store.ts'
import { type OffsetsLog, tombstones } from './offsets-log.ts'
import { PendingOffsets } from './pending-offsets.ts'
import { TransactionalOffsets } from './transactional-offsets.ts'

export interface CoordinatorOptions extends OffsetsLog {
  readonly runtime: Runtime
  readonly limits: GroupLimits
  /** How long offsets of a group without members are kept, milliseconds. */
  readonly offsetsRetentionMs: number
}

export class GroupCoordinator {
  readonly classic: ClassicGroups
  readonly offsets: OffsetStore
  readonly transactional: TransactionalOffsets
  readonly #options: CoordinatorOptions
  readonly #hosted: HostedGroups
  readonly #pending = new PendingOffsets()
  /** Snapshots seen during loading; groups are made of them at its end. */
  readonly #loaded = new Map<string, StoredGroup>()
  #isClosed = false

  constructor(options: CoordinatorOptions) {
    const { runtime, limits } = options
    this.#options = options
    this.classic = new ClassicGroups({ runtime, limits, log: options, hosted: () => this.#hosted })
    this.#hosted = new HostedGroups((groupId) => this.classic.create(groupId))
    const parts = { runtime, log: options, hosted: this.#hosted, pending: this.#pending }
    this.offsets = new OffsetStore(parts)
    this.transactional = new TransactionalOffsets(parts)
  }

  /**
   * Replays one record of `__consumer_offsets`; call in log order, with `transactional.end` for markers, then `loaded`.
   * `transactionOf`: the producer whose transaction the record is part of. Throws `CorruptDataError`.
   */
  load(
    keyBytes: Uint8Array,
    value: Uint8Array | null,
    logOffset = 0n,
    transactionOf?: bigint | undefined,
  ): void {
    const key = decodeKey(keyBytes)
    if (!key) return
    if (key.kind === 'group') {
      if (value) this.#loaded.set(key.group, decodeGroupValue(value))
      else this.#loaded.delete(key.group)
      return
    }
    const { group, topic, partition } = key
    if (!value) {
      this.#hosted.get(group)?.offsets.delete(topic, partition)
      this.#pending.drop(group, topic, partition, logOffset)
      return
    }
    const committed = decodeOffsetValue(value, logOffset)
    if (transactionOf === undefined)
      this.#hosted.host(group).offsets.set(topic, partition, committed)
    else this.#pending.add(transactionOf, { group, topic, partition, committed })
  }

  /** Ends loading: members that were there get a fresh session. */
  loaded(): void {
    for (const [id, stored] of this.#loaded) {
      const offsets = this.#hosted.get(id)?.offsets ?? new GroupOffsets()
      this.#hosted.add({ group: this.classic.restore(id, stored), offsets })
    }
    for (const hosted of this.#hosted.all()) {
      if (!this.#loaded.has(hosted.group.id) && hosted.offsets.isEmpty) this.#hosted.remove(hosted)
      else hosted.group.resume()
    }
    this.#loaded.clear()
  }

  /** Of any kind, as it is by now. */
  group(groupId: string): Group | undefined {
    this.#hosted.get(groupId)?.group.catchUp()
    return this.#hosted.get(groupId)?.group
  }

  /** All of them, as they are by now. */
  groups(): Group[] {
    for (const { group } of this.#hosted.all()) group.catchUp()
    return this.#hosted.all().map(({ group }) => group)
  }

  /** Whether this member may commit. */
  checkCommit(
    groupId: string,
    memberId: string,
    instanceId: string | null,
    generation: number,
  ): GroupOutcome {
    // A commit that a busy broker reads late still counts, as a heartbeat does: so the clock is not looked at first.
    const group = this.#hosted.get(groupId)?.group
    if (group) return group.checkCommit(memberId, instanceId, generation)
    return generation < 0 ? 'NONE' : 'ILLEGAL_GENERATION'
  }

  /** Deletes a group without members and all its offsets. Throws `StorageError`. */
  async delete(groupId: string): Promise<GroupOutcome> {
    this.#hosted.get(groupId)?.group.catchUp()
    const hosted = this.#hosted.get(groupId)
    if (!hosted) return 'GROUP_ID_NOT_FOUND'
    if (hosted.group.state !== 'Empty') return 'NON_EMPTY_GROUP'
    await this.#forget(hosted)
    return 'NONE'
  }

  /**
   * Forgets offsets that are older than `offsetsRetentionMs` and whose group has had no members for as long, and
   * groups that have none left. `nowMs` is the time that retention goes by. Throws `StorageError`.
   */
  expireOffsets(nowMs: number): Promise<void> {
    const { offsetsRetentionMs } = this.#options
    const forgetGroup = (hosted: HostedGroup) => this.#forget(hosted)
    const parts = { hosted: this.#hosted, offsets: this.offsets, forgetGroup }
    return expireOffsets(parts, nowMs - offsetsRetentionMs)
  }

  /** Everyone who waits is told that the coordinator is not available. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.classic.close()
    await Promise.allSettled(this.#hosted.all().map(({ group }) => group.close()))
  }

  /** Removes the group with all its offsets, in memory at once; puts it back when that does not become durable. */
  async #forget(hosted: HostedGroup): Promise<void> {
    const { group } = hosted
    this.#hosted.remove(hosted)
    group.suspend()
    try {
      const deletedAt = await this.#options.append([
        ...tombstones(group.id, this.offsets.storedPartitions(hosted)),
        { key: encodeGroupKey(group.id), value: null },
      ])
      for (const { topic, partition } of this.offsets.pendingOf(group.id))
        this.#pending.drop(group.id, topic, partition, deletedAt)
    } catch (error) {
      if (!this.#hosted.get(group.id)) this.#hosted.add(hosted)
      group.resume()
      throw error
    }
  }
}
