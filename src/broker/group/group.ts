/**
 * One consumer group: the classic group protocol from the coordinator's side, as a pure state machine. Requests and time
 * go in, replies and a snapshot to persist come out; the host (`group-coordinator.ts`) does the I/O.
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
 * within its session timeout. Static members (KIP-345) may be replaced without a rebalance.
 */
import type {
  Effect,
  GroupSnapshot,
  JoinInput,
  JoinReply,
  MemberSnapshot,
  Protocol,
  SyncInput,
  SyncReply,
} from './group-messages.ts'

export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'

export interface GroupLimits {
  /** How long the first rebalance of an empty group waits for more members, milliseconds. */
  readonly initialRebalanceDelayMs: number
  readonly maxSize: number
}

interface Member {
  readonly id: string
  readonly instanceId: string | null
  clientId: string
  clientHost: string
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
  protocols: readonly Protocol[]
  assignment: Uint8Array
  /** When it is dead unless it is heard of. */
  expiresAtMs: number
  joinToken: number | undefined
  syncToken: number | undefined
}

const noBytes = new Uint8Array(0)

export class Group {
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
  #joinNotBeforeMs = 0
  #syncDeadlineMs = Number.POSITIVE_INFINITY
  #effects: Effect[] = []

  constructor(id: string, limits: GroupLimits) {
    this.id = id
    this.#limits = limits
  }

  /** The group as it was persisted; its members get a fresh session. */
  static restore(id: string, limits: GroupLimits, snapshot: GroupSnapshot, nowMs: number): Group {
    const group = new Group(id, limits)
    group.#generation = snapshot.generation
    group.#protocolType = snapshot.protocolType
    group.#protocolName = snapshot.protocolName ?? ''
    group.#leaderId = snapshot.leaderId ?? ''
    group.#state = snapshot.members.length > 0 ? 'Stable' : 'Empty'
    for (const saved of snapshot.members) {
      group.#members.set(saved.memberId, {
        id: saved.memberId,
        instanceId: saved.groupInstanceId,
        clientId: saved.clientId,
        clientHost: saved.clientHost,
        sessionTimeoutMs: saved.sessionTimeoutMs,
        rebalanceTimeoutMs: saved.rebalanceTimeoutMs,
        protocols: [{ name: group.#protocolName, metadata: saved.subscription }],
        assignment: saved.assignment,
        expiresAtMs: nowMs + saved.sessionTimeoutMs,
        joinToken: undefined,
        syncToken: undefined,
      })
    }
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

  /** For DescribeGroups: metadata and assignment only while they are settled. */
  members(): readonly MemberSnapshot[] {
    return [...this.#members.values()].map((member) => this.#snapshotOf(member))
  }

  join(input: JoinInput, token: number, nowMs: number): Effect[] {
    return this.#collect(() => this.#join(input, token, nowMs))
  }

  sync(input: SyncInput, token: number, nowMs: number): Effect[] {
    return this.#collect(() => this.#sync(input, token, nowMs))
  }

  /** Kafka's error name, or NONE. Cheap: it only pushes the member's deadline. */
  heartbeat(
    memberId: string,
    instanceId: string | null,
    generation: number,
    nowMs: number,
  ): string {
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
  ): { error: string; effects: Effect[] } {
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

  /** Whether this member may commit offsets: Kafka's error name, or NONE. */
  checkCommit(
    memberId: string,
    instanceId: string | null,
    generation: number,
    nowMs: number,
  ): string {
    if (this.#state === 'Dead') return 'COORDINATOR_NOT_AVAILABLE'
    // A consumer that assigns partitions to itself uses the group only to store offsets.
    if (generation < 0 && this.#members.size === 0) return 'NONE'
    if (this.#members.size === 0)
      return memberId === '' ? 'ILLEGAL_GENERATION' : 'UNKNOWN_MEMBER_ID'
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
        const isWaiting = member.joinToken !== undefined || member.syncToken !== undefined
        if (!isWaiting && member.expiresAtMs <= nowMs) this.#remove(member, nowMs)
      }
      if (this.#state === 'CompletingRebalance' && nowMs >= this.#syncDeadlineMs)
        this.#dropUnsynced(nowMs)
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
    for (const { joinToken, syncToken, expiresAtMs } of this.#members.values()) {
      if (joinToken === undefined && syncToken === undefined) next = Math.min(next, expiresAtMs)
    }
    if (this.#state === 'CompletingRebalance') next = Math.min(next, this.#syncDeadlineMs)
    if (this.#state === 'PreparingRebalance') {
      const hasAll = this.#hasAllJoined()
      next = Math.min(next, hasAll ? this.#joinNotBeforeMs : this.#rebalanceDeadlineMs)
    }
    return next
  }

  /** The coordinator goes away or the group is deleted: everyone who waits is told `error`. */
  die(error: string): Effect[] {
    return this.#collect(() => {
      for (const member of this.#members.values()) this.#refuseWaiting(member, error)
      this.#members.clear()
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
    const refuse = (error: string, memberId = input.memberId) =>
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
    if (this.#pending.delete(input.memberId)) {
      if (this.#isFull()) return refuse('GROUP_MAX_SIZE_REACHED', '')
      return this.#addMember(input.memberId, input, token, nowMs)
    }
    if (holder && holder.id !== input.memberId) return refuse('FENCED_INSTANCE_ID')
    const member = this.#members.get(input.memberId)
    if (!member) return refuse('UNKNOWN_MEMBER_ID')
    this.#rejoin(member, input, token, nowMs)
  }

  #rejoin(member: Member, input: JoinInput, token: number, nowMs: number): void {
    const isUnchanged = sameProtocols(member.protocols, input.protocols)
    this.#touch(member, nowMs)
    const settled =
      this.#state === 'CompletingRebalance' ||
      (this.#state === 'Stable' && member.id !== this.#leaderId)
    if (settled && isUnchanged) return this.#replyJoin(token, this.#joined(member))
    this.#refuseJoin(member, 'UNKNOWN_MEMBER_ID')
    updateMember(member, input)
    member.joinToken = token
    if (this.#state === 'PreparingRebalance') this.#completeJoinIfReady(nowMs)
    else this.#prepareRebalance(nowMs)
  }

  #addMember(id: string, input: JoinInput, token: number, nowMs: number): void {
    const member = newMember(id, input, nowMs)
    member.joinToken = token
    this.#members.set(id, member)
    if (this.#members.size === 1 && this.#state === 'Empty') this.#protocolType = input.protocolType
    if (this.#state === 'PreparingRebalance') this.#completeJoinIfReady(nowMs)
    else this.#prepareRebalance(nowMs)
  }

  /** A static member has come back under its instance id: its place goes to the new member id. */
  #replaceStatic(old: Member, input: JoinInput, token: number, nowMs: number): void {
    const member = newMember(input.newMemberId, input, nowMs)
    member.assignment = old.assignment
    this.#refuseWaiting(old, 'FENCED_INSTANCE_ID')
    const members = [...this.#members.values()].map((one) => (one === old ? member : one))
    this.#members.clear()
    for (const one of members) this.#members.set(one.id, one)
    const wasLeader = this.#leaderId === old.id
    if (wasLeader) this.#leaderId = member.id
    const keepsSubscription = sameProtocols(
      old.protocols.filter(({ name }) => name === this.#protocolName),
      input.protocols.filter(({ name }) => name === this.#protocolName),
    )
    if (this.#state === 'Stable' && keepsSubscription) {
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
    const refuse = (error: string) =>
      this.#replySync(token, { error, assignment: noBytes, protocolType: null, protocolName: null })
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
    if (this.#state === 'Stable') return this.#replySync(token, this.#synced(member))
    if (member.syncToken !== undefined)
      this.#replySync(member.syncToken, {
        error: 'REBALANCE_IN_PROGRESS',
        assignment: noBytes,
        protocolType: null,
        protocolName: null,
      })
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
    const isFirst = this.#state === 'Empty'
    this.#state = 'PreparingRebalance'
    const timeoutMs = Math.max(
      ...[...this.#members.values()].map((member) => member.rebalanceTimeoutMs),
    )
    this.#rebalanceDeadlineMs = nowMs + timeoutMs
    this.#joinNotBeforeMs = isFirst
      ? nowMs + Math.min(this.#limits.initialRebalanceDelayMs, timeoutMs)
      : nowMs
    this.#completeJoinIfReady(nowMs)
  }

  #hasAllJoined(): boolean {
    if (this.#pending.size > 0) return false
    for (const { joinToken } of this.#members.values()) if (joinToken === undefined) return false
    return true
  }

  #completeJoinIfReady(nowMs: number): void {
    if (
      this.#state === 'PreparingRebalance' &&
      this.#hasAllJoined() &&
      nowMs >= this.#joinNotBeforeMs
    )
      this.#completeJoin(nowMs)
  }

  #completeJoin(nowMs: number): void {
    // Who has not come in time is out; static members keep their place until their session ends.
    for (const member of [...this.#members.values()]) {
      if (member.joinToken === undefined && member.instanceId === null)
        this.#members.delete(member.id)
    }
    this.#generation++
    if (this.#members.size === 0) {
      this.#becomeEmpty()
      return
    }
    this.#protocolName = this.#vote()
    const present = [...this.#members.values()].filter(({ joinToken }) => joinToken !== undefined)
    if (present.length === 0) {
      // Only static members that are away: they get their chance until their sessions end.
      this.#rebalanceDeadlineMs =
        nowMs + Math.max(...[...this.#members.values()].map((member) => member.rebalanceTimeoutMs))
      return
    }
    if (!present.some(({ id }) => id === this.#leaderId)) this.#leaderId = present[0]!.id
    this.#state = 'CompletingRebalance'
    this.#syncDeadlineMs =
      nowMs + Math.max(...[...this.#members.values()].map((member) => member.rebalanceTimeoutMs))
    for (const member of present) {
      this.#touch(member, nowMs)
      this.#replyJoin(member.joinToken!, this.#joined(member))
      member.joinToken = undefined
    }
  }

  #dropUnsynced(nowMs: number): void {
    for (const member of [...this.#members.values()]) {
      if (member.syncToken === undefined) this.#members.delete(member.id)
    }
    if (this.#members.size === 0) this.#becomeEmpty()
    else this.#prepareRebalance(nowMs)
  }

  #remove(member: Member, nowMs: number): void {
    this.#members.delete(member.id)
    this.#refuseWaiting(member, 'UNKNOWN_MEMBER_ID')
    if (this.#state === 'PreparingRebalance') {
      if (this.#members.size === 0 && this.#pending.size === 0) this.#completeJoin(nowMs)
      else this.#completeJoinIfReady(nowMs)
      return
    }
    if (this.#members.size > 0) return this.#prepareRebalance(nowMs)
    this.#generation++
    this.#becomeEmpty()
  }

  #becomeEmpty(): void {
    this.#state = 'Empty'
    this.#leaderId = ''
    this.#protocolName = ''
    this.#effects.push({ type: 'persist', snapshot: this.snapshot() })
  }

  /** The protocol that most members prefer among those that all support. */
  #vote(): string {
    const members = [...this.#members.values()]
    const common = members[0]!.protocols
      .map(({ name }) => name)
      .filter((name) =>
        members.every(({ protocols }) => protocols.some((own) => own.name === name)),
      )
    const votes = new Map<string, number>()
    for (const { protocols } of members) {
      const choice = protocols.find(({ name }) => common.includes(name))!.name
      votes.set(choice, (votes.get(choice) ?? 0) + 1)
    }
    return [...votes].reduce((best, vote) => (vote[1] > best[1] ? vote : best))[0]
  }

  /** Whether the group and this member have a protocol in common. */
  #accepts({ memberId, groupInstanceId, protocolType, protocols }: JoinInput): boolean {
    if (protocolType === '' || protocols.length === 0) return false
    const others = [...this.#members.values()].filter(
      ({ id, instanceId }) =>
        id !== memberId && (groupInstanceId === null || instanceId !== groupInstanceId),
    )
    if (others.length === 0) return true
    if (protocolType !== this.#protocolType) return false
    return protocols.some(({ name }) =>
      others.every((member) => member.protocols.some((own) => own.name === name)),
    )
  }

  #identify(memberId: string, instanceId: string | null): string | undefined {
    if (instanceId !== null) {
      const holder = this.#staticMember(instanceId)
      if (holder && holder.id !== memberId) return 'FENCED_INSTANCE_ID'
    }
    return this.#state === 'Dead' || !this.#members.has(memberId) ? 'UNKNOWN_MEMBER_ID' : undefined
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

  #snapshotOf(member: Member): MemberSnapshot {
    return {
      memberId: member.id,
      groupInstanceId: member.instanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      sessionTimeoutMs: member.sessionTimeoutMs,
      rebalanceTimeoutMs: member.rebalanceTimeoutMs,
      subscription:
        member.protocols.find(({ name }) => name === this.#protocolName)?.metadata ?? noBytes,
      assignment: member.assignment,
    }
  }

  #refuseWaiting(member: Member, error: string): void {
    this.#refuseJoin(member, error)
    this.#refuseSync(member, error)
  }

  #refuseJoin(member: Member, error: string): void {
    if (member.joinToken === undefined) return
    this.#replyJoin(member.joinToken, refusedJoin(error, member.id))
    member.joinToken = undefined
  }

  #refuseSync(member: Member, error: string): void {
    if (member.syncToken === undefined) return
    this.#replySync(member.syncToken, {
      error,
      assignment: noBytes,
      protocolType: null,
      protocolName: null,
    })
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

function newMember(id: string, input: JoinInput, nowMs: number): Member {
  return {
    id,
    instanceId: input.groupInstanceId,
    clientId: input.clientId,
    clientHost: input.clientHost,
    sessionTimeoutMs: input.sessionTimeoutMs,
    rebalanceTimeoutMs: input.rebalanceTimeoutMs,
    protocols: input.protocols,
    assignment: noBytes,
    expiresAtMs: nowMs + input.sessionTimeoutMs,
    joinToken: undefined,
    syncToken: undefined,
  }
}

function updateMember(member: Member, input: JoinInput): void {
  member.clientId = input.clientId
  member.clientHost = input.clientHost
  member.sessionTimeoutMs = input.sessionTimeoutMs
  member.rebalanceTimeoutMs = input.rebalanceTimeoutMs
  member.protocols = input.protocols
}

function refusedJoin(error: string, memberId: string): JoinReply {
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

function sameProtocols(a: readonly Protocol[], b: readonly Protocol[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ name, metadata }, i) => name === b[i]!.name && sameBytes(metadata, b[i]!.metadata))
  )
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}
