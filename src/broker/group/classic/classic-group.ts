/**
 * One classic group: the classic group protocol from the coordinator's side, as a pure state machine. Requests and time
 * go in, replies and a snapshot to persist come out; its host (`classic-group-host.ts`)
 * does the I/O.
 *
 *              first join                      all have joined, or time is up
 *   Empty ───────────────▶ PreparingRebalance ───────────────▶ CompletingRebalance
 *     ▲                      ▲          ▲                            │        │
 *     │ last member gone     │ a member │ comes, goes, changes       │        │ leader's SyncGroup
 *     └──────────────────────┘          └────────────────────────────┘        ▼
 *                            └──────────────────────────────────────────── Stable
 *
 * JoinGroup waits until the generation is made, SyncGroup until the leader has sent the assignment; a token stands for
 * each waiting request and gets exactly one reply. A member that waits is alive; otherwise it must send something
 * within its session timeout. Static members (KIP-345) may be replaced without a rebalance. A group without members is
 * Empty at once, so that it can be deleted, whatever ids have been handed out by MEMBER_ID_REQUIRED.
 */
import type { GroupOutcome, GroupRefusal } from '../group-refusal.ts'
import type {
  Effect,
  GroupSnapshot,
  JoinInput,
  JoinReply,
  MemberSnapshot,
  SyncInput,
  SyncReply,
} from './group-messages.ts'
import {
  isWaiting,
  type Member,
  metadataFor,
  newMember,
  noBytes,
  restoredMember,
  snapshotOf,
  updateMember,
} from './member.ts'
import { chooseProtocol, haveCommon, sameProtocols, wantsTheSame } from './protocol-choice.ts'

export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'

export interface GroupLimits {
  /** How long the first rebalance of an empty group waits for more members, milliseconds. */
  readonly initialRebalanceDelayMs: number
  readonly maxSize: number
}

export class ClassicGroup {
  readonly id: string
  readonly #limits: GroupLimits
  #state: GroupState = 'Empty'
  #generation = 0
  #protocolType = ''
  #protocolName = ''
  #leaderId = ''
  readonly #members = new Map<string, Member>()
  /** Ids handed out by MEMBER_ID_REQUIRED, and until when they may be used. */
  readonly #pending = new Map<string, number>()
  #rebalanceDeadlineMs = Number.POSITIVE_INFINITY
  /** The first rebalance of an empty group waits for more members, until then at least. */
  #isGathering = false
  #gatherUntilMs = 0
  /** Members have come since that wait began: it is to begin again. */
  #hasGathered = false
  #syncDeadlineMs = Number.POSITIVE_INFINITY
  #effects: Effect[] = []

  constructor(id: string, limits: GroupLimits) {
    this.id = id
    this.#limits = limits
  }

  /** The group as it was persisted; its members get a fresh session. */
  static restore(
    id: string,
    limits: GroupLimits,
    snapshot: GroupSnapshot,
    nowMs: number,
  ): ClassicGroup {
    const group = new ClassicGroup(id, limits)
    group.#generation = snapshot.generation
    group.#protocolType = snapshot.protocolType
    group.#protocolName = snapshot.protocolName ?? ''
    group.#leaderId = snapshot.leaderId ?? ''
    group.#state = snapshot.members.length > 0 ? 'Stable' : 'Empty'
    for (const saved of snapshot.members)
      group.#members.set(saved.memberId, restoredMember(saved, group.#protocolName, nowMs))
    return group
  }

  get state(): GroupState {
    return this.#state
  }

  get protocolType(): string {
    return this.#protocolType
  }

  get protocolName(): string {
    return this.#protocolName
  }

  get generation(): number {
    return this.#generation
  }

  get size(): number {
    return this.#members.size
  }

  /** Nobody has ever been here, and nobody is about to come: there is nothing to remember. */
  get isUnused(): boolean {
    return this.#state === 'Empty' && this.#generation === 0 && this.#pending.size === 0
  }

  /** For DescribeGroups: metadata and assignment only while they are settled. */
  get memberCount(): number {
    return this.#members.size
  }

  members(): readonly MemberSnapshot[] {
    return [...this.#members.values()].map((member) => snapshotOf(member, this.#protocolName))
  }

  join(input: JoinInput, token: number, nowMs: number): Effect[] {
    return this.#collect(() => this.#join(input, token, nowMs))
  }

  sync(input: SyncInput, token: number, nowMs: number): Effect[] {
    return this.#collect(() => this.#sync(input, token, nowMs))
  }

  /** Cheap: it only pushes the member's deadline. */
  heartbeat(
    memberId: string,
    instanceId: string | null,
    generation: number,
    nowMs: number,
  ): GroupOutcome {
    const error = this.#identify(memberId, instanceId)
    if (error) return error
    if (generation !== this.#generation) return 'ILLEGAL_GENERATION'
    this.#touch(this.#members.get(memberId)!, nowMs)
    return this.#state === 'PreparingRebalance' ? 'REBALANCE_IN_PROGRESS' : 'NONE'
  }

  /** One member leaves, by member id or by instance id. */
  leave(
    memberId: string,
    instanceId: string | null,
    nowMs: number,
  ): { error: GroupOutcome; effects: Effect[] } {
    if (instanceId !== null) {
      const member = this.#staticMember(instanceId)
      if (!member) return { error: 'UNKNOWN_MEMBER_ID', effects: [] }
      if (memberId !== '' && member.id !== memberId)
        return { error: 'FENCED_INSTANCE_ID', effects: [] }
      return { error: 'NONE', effects: this.#collect(() => this.#remove(member, nowMs)) }
    }
    if (this.#pending.delete(memberId))
      return { error: 'NONE', effects: this.#collect(() => this.#completeJoinIfReady(nowMs)) }
    const member = this.#members.get(memberId)
    if (!member) return { error: 'UNKNOWN_MEMBER_ID', effects: [] }
    return { error: 'NONE', effects: this.#collect(() => this.#remove(member, nowMs)) }
  }

  /** Whether this member may commit offsets. */
  checkCommit(
    memberId: string,
    instanceId: string | null,
    generation: number,
    nowMs: number,
  ): GroupOutcome {
    // A consumer that assigns partitions to itself uses the group only to store offsets.
    if (generation < 0 && this.#members.size === 0 && this.#state !== 'Dead') return 'NONE'
    const error = this.#identify(memberId, instanceId)
    if (error) return error
    if (generation !== this.#generation) return 'ILLEGAL_GENERATION'
    this.#touch(this.#members.get(memberId)!, nowMs)
    return this.#state === 'CompletingRebalance' ? 'REBALANCE_IN_PROGRESS' : 'NONE'
  }

  /** Lets time pass: dead members go, waits end. */
  tick(nowMs: number): Effect[] {
    return this.#collect(() => {
      for (const [id, expiresAtMs] of this.#pending)
        if (expiresAtMs <= nowMs) this.#pending.delete(id)
      for (const member of [...this.#members.values()]) {
        if (!isWaiting(member) && member.expiresAtMs <= nowMs) this.#remove(member, nowMs)
      }
      if (nowMs >= this.#syncDeadlineMs) this.#dropUnsynced(nowMs)
      if (this.#state === 'PreparingRebalance') {
        if (nowMs >= this.#rebalanceDeadlineMs) this.#completeJoin(nowMs)
        else this.#completeJoinIfReady(nowMs)
      }
    })
  }

  /** When `tick` next has something to do; infinity when never. */
  nextDeadlineMs(): number {
    let next = Number.POSITIVE_INFINITY
    for (const expiresAtMs of this.#pending.values()) next = Math.min(next, expiresAtMs)
    for (const member of this.#members.values())
      if (!isWaiting(member)) next = Math.min(next, member.expiresAtMs)
    if (this.#state === 'PreparingRebalance') {
      const hasAll = this.#hasAllJoined()
      next = Math.min(next, hasAll ? this.#gatherUntilMs : this.#rebalanceDeadlineMs)
    }
    return Math.min(next, this.#syncDeadlineMs)
  }

  /** The coordinator goes away or the group is deleted: everyone who waits is told `error`. */
  die(error: GroupRefusal): Effect[] {
    return this.#collect(() => {
      for (const member of this.#members.values()) this.#refuseWaiting(member, error)
      this.#members.clear()
      this.#pending.clear()
      this.#syncDeadlineMs = Number.POSITIVE_INFINITY
      this.#state = 'Dead'
    })
  }

  snapshot(): GroupSnapshot {
    return {
      protocolType: this.#protocolType,
      generation: this.#generation,
      protocolName: this.#protocolName || null,
      leaderId: this.#leaderId || null,
      members: this.members(),
    }
  }

  #join(input: JoinInput, token: number, nowMs: number): void {
    const refuse = (error: GroupRefusal, memberId = input.memberId) =>
      this.#replyJoin(token, refusedJoin(error, memberId))
    if (this.#state === 'Dead') return refuse('COORDINATOR_NOT_AVAILABLE')
    if (!this.#accepts(input)) return refuse('INCONSISTENT_GROUP_PROTOCOL')
    const holder =
      input.groupInstanceId === null ? undefined : this.#staticMember(input.groupInstanceId)
    if (input.memberId === '') {
      if (holder) return this.#replaceStatic(holder, input, token, nowMs)
      if (this.#isFull()) return refuse('GROUP_MAX_SIZE_REACHED')
      if (input.groupInstanceId === null && input.requiresKnownMemberId) {
        this.#pending.set(input.newMemberId, nowMs + input.sessionTimeoutMs)
        return refuse('MEMBER_ID_REQUIRED', input.newMemberId)
      }
      return this.#addMember(input.newMemberId, input, token, nowMs)
    }
    if (input.groupInstanceId === null && this.#pending.delete(input.memberId)) {
      if (this.#isFull()) return refuse('GROUP_MAX_SIZE_REACHED', '')
      return this.#addMember(input.memberId, input, token, nowMs)
    }
    const error = this.#identify(input.memberId, input.groupInstanceId)
    if (error) return refuse(error)
    this.#rejoin(this.#members.get(input.memberId)!, input, token, nowMs)
  }

  #rejoin(member: Member, input: JoinInput, token: number, nowMs: number): void {
    const isUnchanged = sameProtocols(member.protocols, input.protocols)
    this.#touch(member, nowMs)
    const settled =
      this.#state === 'CompletingRebalance' ||
      (this.#state === 'Stable' && member.id !== this.#leaderId)
    if (settled && isUnchanged) return this.#replyJoin(token, this.#joined(member))
    // An earlier request of the same member, most likely from a connection it has given up.
    this.#refuseJoin(member, 'REBALANCE_IN_PROGRESS')
    updateMember(member, input)
    member.joinToken = token
    if (this.#state === 'PreparingRebalance') this.#completeJoinIfReady(nowMs)
    else this.#prepareRebalance(nowMs)
  }

  #addMember(id: string, input: JoinInput, token: number, nowMs: number): void {
    const member = newMember(id, input, nowMs)
    member.joinToken = token
    this.#members.set(id, member)
    if (this.#members.size === 1) this.#protocolType = input.protocolType
    if (this.#state === 'PreparingRebalance') {
      this.#hasGathered = true
      this.#completeJoinIfReady(nowMs)
    } else this.#prepareRebalance(nowMs)
  }

  /** A static member has come back under its instance id: its place goes to the new member id. */
  #replaceStatic(old: Member, input: JoinInput, token: number, nowMs: number): void {
    const member = newMember(input.newMemberId, input, nowMs)
    member.assignment = old.assignment
    member.hasSynced = old.hasSynced
    this.#refuseWaiting(old, 'FENCED_INSTANCE_ID')
    const members = [...this.#members.values()].map((one) => (one === old ? member : one))
    this.#members.clear()
    for (const one of members) this.#members.set(one.id, one)
    const wasLeader = this.#leaderId === old.id
    if (wasLeader) this.#leaderId = member.id
    const protocol = this.#protocolName
    const isUnchanged =
      this.#state === 'Stable' &&
      chooseProtocol(members) === protocol &&
      wantsTheSame(this.#protocolType, metadataFor(old, protocol), metadataFor(member, protocol))
    if (isUnchanged) {
      this.#effects.push({ type: 'persist', snapshot: this.snapshot() })
      // Before KIP-814 a leader could not be told to leave the assignment as it is, so it is not told that it leads.
      const reply = this.#joined(member)
      const leader = wasLeader && !input.canSkipAssignment ? old.id : this.#leaderId
      return this.#replyJoin(token, {
        ...reply,
        leader,
        skipAssignment: wasLeader && input.canSkipAssignment,
        members: input.canSkipAssignment ? reply.members : [],
      })
    }
    member.joinToken = token
    if (this.#state === 'PreparingRebalance') this.#completeJoinIfReady(nowMs)
    else this.#prepareRebalance(nowMs)
  }

  #sync(input: SyncInput, token: number, nowMs: number): void {
    const refuse = (error: GroupRefusal) => this.#replySync(token, refusedSync(error))
    const error = this.#identify(input.memberId, input.groupInstanceId)
    if (error) return refuse(error)
    if (input.generation !== this.#generation) return refuse('ILLEGAL_GENERATION')
    const hasOther = (given: string | null, own: string) => given !== null && given !== own
    if (
      hasOther(input.protocolType, this.#protocolType) ||
      hasOther(input.protocolName, this.#protocolName)
    ) {
      return refuse('INCONSISTENT_GROUP_PROTOCOL')
    }
    const member = this.#members.get(input.memberId)!
    this.#touch(member, nowMs)
    if (this.#state === 'PreparingRebalance') return refuse('REBALANCE_IN_PROGRESS')
    member.hasSynced = true
    if (this.#state === 'Stable') return this.#replySync(token, this.#synced(member))
    this.#refuseSync(member, 'REBALANCE_IN_PROGRESS')
    member.syncToken = token
    if (member.id === this.#leaderId) this.#settle(input, nowMs)
  }

  /** The leader has sent the assignment. */
  #settle(input: SyncInput, nowMs: number): void {
    for (const member of this.#members.values())
      member.assignment = input.assignments.get(member.id) ?? noBytes
    this.#state = 'Stable'
    this.#effects.push({ type: 'persist', snapshot: this.snapshot() })
    for (const member of this.#members.values()) {
      this.#touch(member, nowMs)
      if (member.syncToken === undefined) continue
      this.#replySync(member.syncToken, this.#synced(member))
      member.syncToken = undefined
    }
  }

  #prepareRebalance(nowMs: number): void {
    for (const member of this.#members.values()) this.#refuseSync(member, 'REBALANCE_IN_PROGRESS')
    const { initialRebalanceDelayMs } = this.#limits
    this.#isGathering = this.#state === 'Empty' && initialRebalanceDelayMs > 0
    this.#state = 'PreparingRebalance'
    this.#syncDeadlineMs = Number.POSITIVE_INFINITY
    this.#rebalanceDeadlineMs = nowMs + this.#longestRebalanceMs()
    this.#hasGathered = false
    this.#gatherUntilMs = this.#isGathering
      ? Math.min(nowMs + initialRebalanceDelayMs, this.#rebalanceDeadlineMs)
      : nowMs
    this.#completeJoinIfReady(nowMs)
  }

  #hasAllJoined(): boolean {
    if (this.#pending.size > 0) return false
    for (const { joinToken } of this.#members.values()) if (joinToken === undefined) return false
    return true
  }

  #longestRebalanceMs(): number {
    let longestMs = 0
    for (const { rebalanceTimeoutMs } of this.#members.values())
      longestMs = Math.max(longestMs, rebalanceTimeoutMs)
    return longestMs
  }

  #completeJoinIfReady(nowMs: number): void {
    if (this.#state !== 'PreparingRebalance' || !this.#hasAllJoined()) return
    if (nowMs < this.#gatherUntilMs) return
    // As long as members keep coming the wait goes on, up to the rebalance timeout.
    const nextMs = nowMs + this.#limits.initialRebalanceDelayMs
    if (this.#isGathering && this.#hasGathered && nowMs < this.#rebalanceDeadlineMs) {
      this.#gatherUntilMs = Math.min(nextMs, this.#rebalanceDeadlineMs)
      this.#hasGathered = false
    } else this.#completeJoin(nowMs)
  }

  #completeJoin(nowMs: number): void {
    // Who has not come in time is out; static members keep their place until their session ends.
    for (const member of [...this.#members.values()]) {
      if (member.joinToken === undefined && member.instanceId === null)
        this.#members.delete(member.id)
    }
    if (this.#members.size === 0) return this.#becomeEmpty()
    const present = [...this.#members.values()].filter(({ joinToken }) => joinToken !== undefined)
    if (present.length === 0) {
      // Only static members that are away: they get their chance until their sessions end.
      this.#rebalanceDeadlineMs = nowMs + this.#longestRebalanceMs()
      return
    }
    this.#generation++
    this.#protocolName = chooseProtocol([...this.#members.values()])
    if (!present.some(({ id }) => id === this.#leaderId)) this.#leaderId = present[0]!.id
    this.#state = 'CompletingRebalance'
    this.#syncDeadlineMs = nowMs + this.#longestRebalanceMs()
    for (const member of this.#members.values()) member.hasSynced = false
    for (const member of present) {
      this.#touch(member, nowMs)
      this.#replyJoin(member.joinToken!, this.#joined(member))
      member.joinToken = undefined
    }
  }

  /** The time to ask for the assignment is up: who has not, the leader or another, is out. */
  #dropUnsynced(nowMs: number): void {
    this.#syncDeadlineMs = Number.POSITIVE_INFINITY
    const silent = [...this.#members.values()].filter(({ hasSynced }) => !hasSynced)
    if (silent.length === 0) return
    for (const { id } of silent) this.#members.delete(id)
    if (this.#members.size === 0) this.#becomeEmpty()
    else this.#prepareRebalance(nowMs)
  }

  #remove(member: Member, nowMs: number): void {
    this.#members.delete(member.id)
    this.#refuseWaiting(member, 'UNKNOWN_MEMBER_ID')
    // Also when ids have been handed out that nobody has come back with: with no member there is nobody who waits for
    // them, and whoever asked may be gone. Until their time is up they may still be used.
    if (this.#members.size === 0) this.#becomeEmpty()
    else if (this.#state === 'PreparingRebalance') this.#completeJoinIfReady(nowMs)
    else this.#prepareRebalance(nowMs)
  }

  /** Under a new generation, so that whoever was in the last one can no longer commit. */
  #becomeEmpty(): void {
    this.#generation++
    this.#state = 'Empty'
    this.#syncDeadlineMs = Number.POSITIVE_INFINITY
    this.#leaderId = ''
    this.#protocolName = ''
    this.#effects.push({ type: 'persist', snapshot: this.snapshot() })
  }

  /** Whether the group and this member have a protocol in common. */
  #accepts({ memberId, groupInstanceId, protocolType, protocols }: JoinInput): boolean {
    if (protocolType === '' || protocols.length === 0) return false
    const others = [...this.#members.values()].filter(
      ({ id, instanceId }) =>
        id !== memberId && (groupInstanceId === null || instanceId !== groupInstanceId),
    )
    if (this.#members.size > 0 && protocolType !== this.#protocolType) return false
    return haveCommon(protocols, others)
  }

  #identify(memberId: string, instanceId: string | null): GroupRefusal | undefined {
    if (this.#state === 'Dead') return 'COORDINATOR_NOT_AVAILABLE'
    if (instanceId !== null) {
      const holder = this.#staticMember(instanceId)
      if (!holder) return 'UNKNOWN_MEMBER_ID'
      if (holder.id !== memberId) return 'FENCED_INSTANCE_ID'
    }
    return this.#members.has(memberId) ? undefined : 'UNKNOWN_MEMBER_ID'
  }

  #staticMember(instanceId: string): Member | undefined {
    for (const member of this.#members.values()) if (member.instanceId === instanceId) return member
    return undefined
  }

  #isFull(): boolean {
    return this.#members.size >= this.#limits.maxSize
  }

  #touch(member: Member, nowMs: number): void {
    member.expiresAtMs = nowMs + member.sessionTimeoutMs
  }

  #joined(member: Member): JoinReply {
    const isLeader = member.id === this.#leaderId
    return {
      error: 'NONE',
      generation: this.#generation,
      protocolType: this.#protocolType,
      protocolName: this.#protocolName,
      leader: this.#leaderId,
      memberId: member.id,
      skipAssignment: false,
      members: isLeader
        ? this.members().map(({ memberId, groupInstanceId, subscription }) => ({
            memberId,
            groupInstanceId,
            metadata: subscription,
          }))
        : [],
    }
  }

  #synced(member: Member): SyncReply {
    return {
      error: 'NONE',
      assignment: member.assignment,
      protocolType: this.#protocolType,
      protocolName: this.#protocolName,
    }
  }

  #refuseWaiting(member: Member, error: GroupRefusal): void {
    this.#refuseJoin(member, error)
    this.#refuseSync(member, error)
  }

  #refuseJoin(member: Member, error: GroupRefusal): void {
    if (member.joinToken === undefined) return
    this.#replyJoin(member.joinToken, refusedJoin(error, member.id))
    member.joinToken = undefined
  }

  #refuseSync(member: Member, error: GroupRefusal): void {
    if (member.syncToken === undefined) return
    this.#replySync(member.syncToken, refusedSync(error))
    member.syncToken = undefined
  }

  #replyJoin(token: number, reply: JoinReply): void {
    this.#effects.push({ type: 'join-reply', token, reply })
  }

  #replySync(token: number, reply: SyncReply): void {
    this.#effects.push({ type: 'sync-reply', token, reply })
  }

  #collect(act: () => void): Effect[] {
    act()
    const effects = this.#effects
    this.#effects = []
    return effects
  }
}

export function refusedJoin(error: GroupRefusal, memberId: string): JoinReply {
  return {
    error,
    generation: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    memberId,
    skipAssignment: false,
    members: [],
  }
}

export function refusedSync(error: GroupRefusal): SyncReply {
  return { error, assignment: noBytes, protocolType: null, protocolName: null }
}
