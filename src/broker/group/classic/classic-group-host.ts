/**
 * Hosts one classic group: gives its state machine requests and one timer, and carries out the effects, one batch after
 * the other. A reply that follows a `persist` effect is sent once the snapshot is durable.
 */
import { ClosedError } from '../../../core/errors.ts'
import type { Runtime, Timer } from '../../../core/runtime.ts'
import { levelOf } from '../../log/disk-reserve.ts'
import type { Group } from '../group.ts'
import type { GroupOutcome } from '../group-refusal.ts'
import type { StoredGroup } from '../offset-records.ts'
import type { ClassicGroup, GroupState } from './classic-group.ts'
import type {
  Effect,
  GroupSnapshot,
  JoinInput,
  JoinReply,
  MemberSnapshot,
  SyncInput,
  SyncReply,
} from './group-messages.ts'
import { isSubscribed } from './protocol-choice.ts'

export interface ClassicGroupHostOptions {
  readonly runtime: Runtime
  /** Durable when it resolves. */
  readonly store: (groupId: string, stored: StoredGroup) => Promise<unknown>
  /** Whether the group has not been deleted. */
  readonly isCurrent: (group: Group) => boolean
  /** Something has happened that may have left the group unused. */
  readonly onChange: (group: Group) => void
}

export class ClassicGroupHost implements Group {
  readonly kind = 'classic'
  readonly #options: ClassicGroupHostOptions
  readonly #machine: ClassicGroup
  /** Who waits for the reply to a token. */
  readonly #waiting = new Map<number, (reply: JoinReply | SyncReply) => void>()
  #nextToken = 1
  #emptySinceMs: number
  #timer: Timer | undefined
  #timerAtMs = Number.POSITIVE_INFINITY
  #work: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(options: ClassicGroupHostOptions, machine: ClassicGroup, emptySinceMs: number) {
    this.#options = options
    this.#machine = machine
    this.#emptySinceMs = emptySinceMs
  }

  get id(): string {
    return this.#machine.id
  }

  get state(): GroupState {
    return this.#machine.state
  }

  get protocolType(): string {
    return this.#machine.protocolType
  }

  get protocolName(): string {
    return this.#machine.protocolName
  }

  get generation(): number {
    return this.#machine.generation
  }

  get memberCount(): number {
    return this.#machine.memberCount
  }

  get emptySinceMs(): number {
    return this.#emptySinceMs
  }

  get isUnused(): boolean {
    return this.#machine.isUnused
  }

  members(): readonly MemberSnapshot[] {
    return this.#machine.members()
  }

  isSubscribedTo(topic: string): boolean {
    return isSubscribed(this.protocolType, this.members(), topic)
  }

  /** Waits for the other members. */
  join(input: JoinInput): Promise<JoinReply> {
    return this.#request((token, nowMs) => this.#machine.join(input, token, nowMs))
  }

  /** Waits for the leader. */
  sync(input: SyncInput): Promise<SyncReply> {
    return this.#request((token, nowMs) => this.#machine.sync(input, token, nowMs))
  }

  heartbeat(memberId: string, instanceId: string | null, generation: number): GroupOutcome {
    return this.#machine.heartbeat(memberId, instanceId, generation, this.#now())
  }

  /** Resolves when what follows from it is durable. */
  async leave(memberId: string, instanceId: string | null): Promise<GroupOutcome> {
    const { error, effects } = this.#machine.leave(memberId, instanceId, this.#now())
    await this.#carryOut(effects)
    return error
  }

  checkCommit(memberId: string, instanceId: string | null, generation: number): GroupOutcome {
    return this.#machine.checkCommit(memberId, instanceId, generation, this.#now())
  }

  catchUp(): void {
    if (this.#machine.nextDeadlineMs() > this.#now()) return
    void this.#carryOut(this.#machine.tick(this.#now()))
  }

  suspend(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** Heartbeats only push deadlines back, so a timer that is too early just looks again. */
  resume(): void {
    const { runtime } = this.#options
    const dueAtMs = this.#isClosed ? Number.POSITIVE_INFINITY : this.#machine.nextDeadlineMs()
    if (this.#timer && dueAtMs >= this.#timerAtMs) return
    this.suspend()
    if (dueAtMs === Number.POSITIVE_INFINITY) return
    this.#timerAtMs = dueAtMs
    const onTime = () => {
      this.#timer = undefined
      void this.#carryOut(this.#machine.tick(this.#now()))
    }
    const waitMs = Math.max(0, Math.ceil(dueAtMs - this.#now()))
    this.#timer = runtime.setTimer(waitMs, onTime, { background: true })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.suspend()
    for (const effect of this.#machine.die('COORDINATOR_NOT_AVAILABLE')) this.#deliver(effect)
    await this.#work
  }

  #now(): number {
    return this.#options.runtime.monotonicNow()
  }

  #request<Reply extends JoinReply | SyncReply>(
    act: (token: number, nowMs: number) => Effect[],
  ): Promise<Reply> {
    if (this.#isClosed) return Promise.reject(closedCoordinator())
    const token = this.#nextToken++
    return new Promise((resolve) => {
      this.#waiting.set(token, resolve as (reply: JoinReply | SyncReply) => void)
      void this.#carryOut(act(token, this.#now()))
    })
  }

  #carryOut(effects: readonly Effect[]): Promise<void> {
    this.resume()
    this.#options.onChange(this)
    if (effects.length === 0) return Promise.resolve()
    this.#work = this.#work.then(() => this.#carryOutNow(effects))
    return this.#work
  }

  async #carryOutNow(effects: readonly Effect[]): Promise<void> {
    for (const effect of effects) {
      if (effect.type === 'persist') await this.#persist(effect.snapshot)
      else this.#deliver(effect)
    }
  }

  async #persist(snapshot: GroupSnapshot): Promise<void> {
    const { runtime, store, isCurrent } = this.#options
    const storedAtMs = runtime.now()
    if (snapshot.members.length === 0) this.#emptySinceMs = storedAtMs
    // Deleted while this waited for its turn: to write it now would bring the group back.
    if (!isCurrent(this)) return
    try {
      await store(this.id, { snapshot, storedAtMs })
    } catch (error) {
      // The members are told their assignment all the same: it is in memory, and a restart makes them join again.
      const what = 'the group could not be written to the disk'
      runtime.logger[levelOf(error, 'error')]({ err: error, group: this.id }, what)
    }
  }

  #deliver(effect: Effect): void {
    if (effect.type === 'persist') return
    this.#waiting.get(effect.token)?.(effect.reply)
    this.#waiting.delete(effect.token)
  }
}

export function closedCoordinator(): ClosedError {
  return new ClosedError('The broker is closed', { code: 'COORDINATOR_NOT_AVAILABLE' })
}
