/**
 * Hosts the groups: drives their state machines with requests and one timer each, keeps offsets, and writes what must
 * survive to `__consumer_offsets`.
 *
 * Order of a commit: validated when it arrives, written, durable, then visible and answered. A reply that follows a
 * `persist` effect is sent once the snapshot is durable.
 */
import { ClosedError } from '../../core/errors.ts'
import type { Runtime, Timer } from '../../core/runtime.ts'
import { CommittedOffsets } from './committed-offsets.ts'
import { Group, type GroupLimits, refusedJoin, refusedSync } from './group.ts'
import type { Effect, JoinInput, JoinReply, SyncInput, SyncReply } from './group-messages.ts'
import {
  type CommittedOffset,
  decodeGroupValue,
  decodeKey,
  decodeOffsetValue,
  encodeGroupKey,
  encodeGroupValue,
  encodeOffsetKey,
  encodeOffsetValue,
  type StoredGroup,
} from './offset-records.ts'
import { type PendingOffset, PendingOffsets } from './pending-offsets.ts'

/** The host of members in the broker's own process: they die with it, so none of them is waited for after a start. */
const embeddedHost = 'embedded'

/** Who commits offsets in a transaction. */
export interface ProducerIdAndEpoch {
  readonly producerId: bigint
  readonly producerEpoch: number
}

export interface OffsetsRecord {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
}

export interface CoordinatorOptions {
  readonly runtime: Runtime
  readonly limits: GroupLimits
  /** Appends to `__consumer_offsets`; durable when it resolves, with the offset of the first record. */
  readonly append: (records: readonly OffsetsRecord[]) => Promise<bigint>
  /** The same as part of a producer's transaction; also gives the offset before it is durable. */
  readonly appendInTransaction: (
    records: readonly OffsetsRecord[],
    producer: ProducerIdAndEpoch,
  ) => { baseOffset: bigint; durable: Promise<void> }
  /** How long offsets of a group without members are kept, milliseconds. */
  readonly offsetsRetentionMs: number
}

export interface OffsetToCommit {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly leaderEpoch: number
  readonly metadata: string
}

interface Hosted {
  readonly group: Group
  readonly offsets: CommittedOffsets
  /** Commits that are in the log and not yet durable, so not yet in `offsets`. */
  readonly commits: Set<readonly OffsetToCommit[]>
  /** Wall-clock milliseconds since when it has had no members. */
  emptySinceMs: number
  timer: Timer | undefined
  timerAtMs: number
  /** Effects are carried out one batch after the other. */
  work: Promise<void>
}

export class GroupCoordinator {
  readonly #options: CoordinatorOptions
  readonly #groups = new Map<string, Hosted>()
  readonly #waiting = new Map<number, (reply: JoinReply | SyncReply) => void>()
  /** Snapshots seen during loading; groups are made of them at its end. */
  readonly #loaded = new Map<string, StoredGroup>()
  readonly #pending = new PendingOffsets()
  #nextToken = 1
  #isClosed = false

  constructor(options: CoordinatorOptions) {
    this.#options = options
  }

  /**
   * Replays one record of `__consumer_offsets`; call in log order, with `endTransaction` for markers, then `loaded`.
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
      this.#groups.get(group)?.offsets.delete(topic, partition)
      this.#pending.drop(group, topic, partition, logOffset)
      return
    }
    const committed = decodeOffsetValue(value, logOffset)
    if (transactionOf === undefined) this.#host(group).offsets.set(topic, partition, committed)
    else this.#pending.add(transactionOf, { group, topic, partition, committed })
  }

  /** Ends loading: members that were there get a fresh session. */
  loaded(): void {
    const { runtime, limits } = this.#options
    for (const [id, { snapshot: stored, storedAtMs }] of this.#loaded) {
      const isGone = stored.members.every(({ clientHost }) => clientHost === embeddedHost)
      const snapshot = isGone ? { ...stored, members: [] } : stored
      const offsets = this.#groups.get(id)?.offsets ?? new CommittedOffsets()
      const group = Group.restore(id, limits, snapshot, runtime.monotonicNow())
      // Members that died with the process have left just now, however long ago their generation was made.
      const emptySinceMs = stored.members.length > 0 ? runtime.now() : storedAtMs
      this.#groups.set(id, newHosted(group, offsets, emptySinceMs))
    }
    for (const [id, hosted] of this.#groups) {
      if (!this.#loaded.has(id) && hosted.offsets.isEmpty) this.#groups.delete(id)
      else this.#setTimer(hosted)
    }
    this.#loaded.clear()
  }

  /** Waits for the other members. */
  async join(groupId: string, input: JoinInput): Promise<JoinReply> {
    // A member of a group that has been forgotten has been forgotten too.
    if (input.memberId !== '' && !this.#groups.has(groupId))
      return refusedJoin('UNKNOWN_MEMBER_ID', input.memberId)
    const hosted = this.#host(groupId)
    return this.#request(hosted, (token, nowMs) =>
      hosted.group.join(input, token, nowMs),
    ) as Promise<JoinReply>
  }

  /** Waits for the leader. */
  async sync(groupId: string, input: SyncInput): Promise<SyncReply> {
    const hosted = this.#groups.get(groupId)
    if (!hosted) return refusedSync('UNKNOWN_MEMBER_ID')
    return this.#request(hosted, (token, nowMs) =>
      hosted.group.sync(input, token, nowMs),
    ) as Promise<SyncReply>
  }

  /** Kafka's error name, or NONE. */
  heartbeat(
    groupId: string,
    memberId: string,
    instanceId: string | null,
    generation: number,
  ): string {
    const { runtime } = this.#options
    return (
      this.#groups
        .get(groupId)
        ?.group.heartbeat(memberId, instanceId, generation, runtime.monotonicNow()) ??
      'UNKNOWN_MEMBER_ID'
    )
  }

  /** Kafka's error name, or NONE. */
  async leave(groupId: string, memberId: string, instanceId: string | null): Promise<string> {
    const hosted = this.#groups.get(groupId)
    if (!hosted) return 'UNKNOWN_MEMBER_ID'
    const { error, effects } = hosted.group.leave(
      memberId,
      instanceId,
      this.#options.runtime.monotonicNow(),
    )
    await this.#carryOut(hosted, effects)
    return error
  }

  /** Whether this member may commit: Kafka's error name, or NONE. */
  checkCommit(
    groupId: string,
    memberId: string,
    instanceId: string | null,
    generation: number,
  ): string {
    const hosted = this.#groups.get(groupId)
    if (hosted)
      return hosted.group.checkCommit(
        memberId,
        instanceId,
        generation,
        this.#options.runtime.monotonicNow(),
      )
    return generation < 0 ? 'NONE' : 'ILLEGAL_GENERATION'
  }

  /** Stores offsets; call right after `checkCommit`. Durable and visible when it resolves. Throws `StorageError`. */
  async commit(groupId: string, offsets: readonly OffsetToCommit[]): Promise<void> {
    const hosted = this.#host(groupId)
    const committedAtMs = this.#options.runtime.now()
    hosted.commits.add(offsets)
    let baseOffset: bigint
    try {
      baseOffset = await this.#options.append(offsetRecords(groupId, offsets, committedAtMs))
    } catch (error) {
      hosted.commits.delete(offsets)
      this.#dropUnused(hosted)
      throw error
    }
    hosted.commits.delete(offsets)
    offsets.forEach(({ topic, partition, ...rest }, i) => {
      const logOffset = baseOffset + BigInt(i)
      this.#setIfNewer(hosted, topic, partition, { ...rest, committedAtMs, logOffset })
    })
  }

  /** Stores offsets that count once the producer's transaction is committed. Durable when it resolves. Throws `StorageError`. */
  async commitInTransaction(
    groupId: string,
    producer: ProducerIdAndEpoch,
    offsets: readonly OffsetToCommit[],
  ): Promise<void> {
    const { runtime, appendInTransaction } = this.#options
    const committedAtMs = runtime.now()
    const records = offsetRecords(groupId, offsets, committedAtMs)
    const { baseOffset, durable } = appendInTransaction(records, producer)
    offsets.forEach(({ topic, partition, ...rest }, i) => {
      const committed = { ...rest, committedAtMs, logOffset: baseOffset + BigInt(i) }
      this.#pending.add(producer.producerId, { group: groupId, topic, partition, committed })
    })
    await durable
  }

  /** A producer's transaction is over, before `endOffset` in the log: its offsets count from now on, or never did. */
  endTransaction(producerId: bigint, isCommit: boolean, endOffset: bigint): void {
    for (const { group, topic, partition, committed } of this.#pending.take(
      producerId,
      endOffset,
    )) {
      if (isCommit) this.#setIfNewer(this.#host(group), topic, partition, committed)
    }
  }

  /** Whether a transaction that is under way may change this offset. */
  isPending(groupId: string, topic: string, partition: number): boolean {
    return this.#pending.has(groupId, topic, partition)
  }

  committed(groupId: string, topic: string, partition: number): CommittedOffset | undefined {
    return this.#groups.get(groupId)?.offsets.get(topic, partition)
  }

  /** All committed offsets of a group. */
  allCommitted(groupId: string): [topic: string, partition: number, committed: CommittedOffset][] {
    return [...(this.#groups.get(groupId)?.offsets.entries() ?? [])]
  }

  /** Topics that offsets are stored for, also in transactions that are not over. */
  topicsWithOffsets(): Set<string> {
    const pending = this.#pending.find(() => true).map(({ topic }) => topic)
    const groups = [...this.#groups.values()]
    const committed = groups.flatMap(({ offsets }) =>
      [...offsets.entries()].map(([topic]) => topic),
    )
    return new Set([...committed, ...pending])
  }

  group(groupId: string): Group | undefined {
    return this.#groups.get(groupId)?.group
  }

  groups(): Group[] {
    return [...this.#groups.values()].map(({ group }) => group)
  }

  /** Deletes a group without members and all its offsets. Kafka's error name, or NONE. Throws `StorageError`. */
  async delete(groupId: string): Promise<string> {
    const hosted = this.#groups.get(groupId)
    if (!hosted) return 'GROUP_ID_NOT_FOUND'
    if (hosted.group.size > 0 || hosted.group.state === 'PreparingRebalance')
      return 'NON_EMPTY_GROUP'
    await this.#forget(hosted)
    return 'NONE'
  }

  /**
   * Forgets what the group has committed for these partitions. A group that has nothing left stays until offsets expire,
   * so that a caller who asks twice is told the same. Durable when it resolves. Throws `StorageError`.
   */
  async deleteOffsets(
    groupId: string,
    partitions: readonly (readonly [topic: string, partition: number])[],
  ): Promise<void> {
    const hosted = this.#groups.get(groupId)
    if (!hosted) return
    const stored = new Set(this.#storedPartitions(hosted).map((place) => place.join('-')))
    const gone = partitions.filter((place) => stored.has(place.join('-')))
    if (gone.length === 0) return
    const deletedAt = await this.#options.append([...tombstones(groupId, gone)])
    for (const [topic, partition] of gone) this.#deleteOffset(hosted, topic, partition, deletedAt)
  }

  /**
   * The topic is gone, and so are the offsets committed for it. They are forgotten once that is durable, so that a call
   * that failed can be made again. Throws `StorageError`.
   */
  async onTopicDeleted(topic: string): Promise<void> {
    const records: OffsetsRecord[] = []
    const concerned: [hosted: Hosted, gone: [topic: string, partition: number][]][] = []
    // A transaction may be the first thing that is heard of a group.
    for (const { group } of this.#pending.find((pending) => pending.topic === topic)) {
      this.#host(group)
    }
    for (const [groupId, hosted] of this.#groups) {
      const gone = this.#storedPartitions(hosted).filter(([name]) => name === topic)
      records.push(...tombstones(groupId, gone))
      if (gone.length > 0) concerned.push([hosted, gone])
    }
    if (records.length === 0) return
    const deletedAt = await this.#options.append(records)
    for (const [hosted, gone] of concerned) {
      for (const [, partition] of gone) this.#deleteOffset(hosted, topic, partition, deletedAt)
      this.#dropUnused(hosted)
    }
  }

  /**
   * Forgets offsets that are older than `offsetsRetentionMs` and whose group has had no members for as long, and
   * groups that have none left. Throws `StorageError`.
   */
  async expireOffsets(): Promise<void> {
    const { runtime, offsetsRetentionMs } = this.#options
    const oldestMs = runtime.now() - offsetsRetentionMs
    for (const hosted of [...this.#groups.values()]) {
      const { group, offsets, commits, emptySinceMs } = hosted
      this.#dropUnused(hosted)
      // Groups that only store offsets never had members whose going could count.
      const isExpired = group.protocolType === '' || emptySinceMs <= oldestMs
      if (group.state !== 'Empty' || !isExpired || !this.#isCurrent(hosted)) continue
      // To remove an offset now could remove one that has just been committed anew, or is about to be.
      if (commits.size > 0 || this.#pendingOf(group.id).length > 0) continue
      const entries = [...offsets.entries()]
      const old = entries.filter(([, , { committedAtMs }]) => committedAtMs <= oldestMs)
      const isLeft = old.length < entries.length || emptySinceMs > oldestMs
      if (!isLeft) await this.#forget(hosted)
      else if (old.length > 0) await this.#forgetOffsets(hosted, old)
    }
  }

  /** Everyone who waits is told that the coordinator is not available. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const { group, timer } of this.#groups.values()) {
      timer?.cancel()
      this.#deliver(group.die('COORDINATOR_NOT_AVAILABLE'))
    }
    await Promise.allSettled([...this.#groups.values()].map(({ work }) => work))
  }

  #host(groupId: string): Hosted {
    let hosted = this.#groups.get(groupId)
    if (!hosted) {
      const { runtime, limits } = this.#options
      hosted = newHosted(new Group(groupId, limits), new CommittedOffsets(), runtime.now())
      this.#groups.set(groupId, hosted)
    }
    return hosted
  }

  /** Removes the group with all its offsets, in memory at once; puts it back when that does not become durable. */
  async #forget(hosted: Hosted): Promise<void> {
    const { id } = hosted.group
    this.#groups.delete(id)
    hosted.timer?.cancel()
    hosted.timer = undefined
    try {
      const deletedAt = await this.#options.append([
        ...tombstones(id, this.#storedPartitions(hosted)),
        { key: encodeGroupKey(id), value: null },
      ])
      for (const { topic, partition } of this.#pendingOf(id))
        this.#pending.drop(id, topic, partition, deletedAt)
    } catch (error) {
      if (!this.#groups.has(id)) this.#groups.set(id, hosted)
      this.#setTimer(hosted)
      throw error
    }
  }

  async #forgetOffsets(
    hosted: Hosted,
    old: readonly [topic: string, partition: number, committed: CommittedOffset][],
  ): Promise<void> {
    const { group, offsets } = hosted
    await this.#options.append([...tombstones(group.id, old)])
    // What has been committed anew meanwhile stays.
    for (const [topic, partition, committed] of old)
      if (offsets.get(topic, partition) === committed) offsets.delete(topic, partition)
    this.#dropUnused(hosted)
  }

  #request(
    hosted: Hosted,
    act: (token: number, nowMs: number) => Effect[],
  ): Promise<JoinReply | SyncReply> {
    if (this.#isClosed)
      return Promise.reject(
        new ClosedError('The broker is closed', { code: 'COORDINATOR_NOT_AVAILABLE' }),
      )
    const token = this.#nextToken++
    return new Promise((resolve) => {
      this.#waiting.set(token, resolve)
      const effects = act(token, this.#options.runtime.monotonicNow())
      void this.#carryOut(hosted, effects)
    })
  }

  #carryOut(hosted: Hosted, effects: readonly Effect[]): Promise<void> {
    this.#setTimer(hosted)
    this.#dropUnused(hosted)
    if (effects.length === 0) return Promise.resolve()
    hosted.work = hosted.work.then(() => this.#carryOutNow(hosted, effects))
    return hosted.work
  }

  async #carryOutNow(hosted: Hosted, effects: readonly Effect[]): Promise<void> {
    for (const effect of effects) {
      if (effect.type !== 'persist') this.#deliver([effect])
      else await this.#persist(hosted, effect.snapshot)
    }
  }

  #setIfNewer(hosted: Hosted, topic: string, partition: number, committed: CommittedOffset): void {
    const current = hosted.offsets.get(topic, partition)
    if (current && current.logOffset > committed.logOffset) return
    hosted.offsets.set(topic, partition, committed)
  }

  /** Commits become visible in the order of the log, so what is visible came before; what is pending may not have. */
  #deleteOffset(hosted: Hosted, topic: string, partition: number, deletedAt: bigint): void {
    hosted.offsets.delete(topic, partition)
    this.#pending.drop(hosted.group.id, topic, partition, deletedAt)
  }

  #pendingOf(groupId: string): PendingOffset[] {
    return this.#pending.find(({ group }) => group === groupId)
  }

  /** Partitions whose offsets are in the log, durable or about to be, or part of a transaction. */
  #storedPartitions({ group, offsets, commits }: Hosted): [topic: string, partition: number][] {
    const stored = [...offsets.entries()].map(([topic, partition]): [string, number] => [
      topic,
      partition,
    ])
    const others = [...[...commits].flat(), ...this.#pendingOf(group.id)]
    for (const { topic, partition } of others) stored.push([topic, partition])
    return stored
  }

  /** A request that came to nothing, such as a join that was refused, leaves no group behind. */
  #dropUnused(hosted: Hosted): void {
    const { group, offsets, commits } = hosted
    if (group.isUnused && offsets.isEmpty && commits.size === 0 && this.#isCurrent(hosted))
      this.#groups.delete(group.id)
  }

  /** Whether the group has not been deleted, nor another begun under its id. */
  #isCurrent(hosted: Hosted): boolean {
    return this.#groups.get(hosted.group.id) === hosted
  }

  async #persist(hosted: Hosted, snapshot: StoredGroup['snapshot']): Promise<void> {
    const { runtime, append } = this.#options
    const storedAtMs = runtime.now()
    if (snapshot.members.length === 0) hosted.emptySinceMs = storedAtMs
    const { id } = hosted.group
    // Deleted while this waited for its turn: to write it now would bring the group back.
    if (!this.#isCurrent(hosted)) return
    try {
      await append([{ key: encodeGroupKey(id), value: encodeGroupValue({ snapshot, storedAtMs }) }])
    } catch (error) {
      // The members are told their assignment all the same: it is in memory, and a restart makes them join again.
      runtime.logger.error({ err: error, group: id }, 'the group could not be written to the disk')
    }
  }

  #deliver(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type === 'persist') continue
      this.#waiting.get(effect.token)?.(effect.reply)
      this.#waiting.delete(effect.token)
    }
  }

  /** Heartbeats only push deadlines back, so a timer that is too early just looks again. */
  #setTimer(hosted: Hosted): void {
    const { runtime } = this.#options
    const dueAtMs = this.#isClosed ? Number.POSITIVE_INFINITY : hosted.group.nextDeadlineMs()
    if (hosted.timer && dueAtMs >= hosted.timerAtMs) return
    hosted.timer?.cancel()
    hosted.timer = undefined
    if (dueAtMs === Number.POSITIVE_INFINITY) return
    hosted.timerAtMs = dueAtMs
    const onTime = () => {
      hosted.timer = undefined
      void this.#carryOut(hosted, hosted.group.tick(runtime.monotonicNow()))
    }
    hosted.timer = runtime.setTimer(
      Math.max(0, Math.ceil(dueAtMs - runtime.monotonicNow())),
      onTime,
      { background: true },
    )
  }
}

function newHosted(group: Group, offsets: CommittedOffsets, emptySinceMs: number): Hosted {
  return {
    group,
    offsets,
    commits: new Set(),
    emptySinceMs,
    timer: undefined,
    timerAtMs: Number.POSITIVE_INFINITY,
    work: Promise.resolve(),
  }
}

function offsetRecords(
  groupId: string,
  offsets: readonly OffsetToCommit[],
  committedAtMs: number,
): OffsetsRecord[] {
  return offsets.map(({ topic, partition, ...rest }) => ({
    key: encodeOffsetKey(groupId, topic, partition),
    value: encodeOffsetValue({ ...rest, committedAtMs }),
  }))
}

function* tombstones(
  groupId: string,
  partitions: Iterable<readonly [topic: string, partition: number, ...unknown[]]>,
): Generator<OffsetsRecord> {
  for (const [topic, partition] of partitions)
    yield { key: encodeOffsetKey(groupId, topic, partition), value: null }
}
