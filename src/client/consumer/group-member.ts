/**
 * One member of a consumer group: the classic group protocol (JoinGroup, SyncGroup, Heartbeat, LeaveGroup) from
 * the client's side, with eager and cooperative (KIP-429) rebalancing and static membership (KIP-345).
 *
 *            ┌──────── rebalance needed ────────┐
 *            ▼                                  │
 *   join ─▶ sync ─▶ give up what moved ─▶ stable: heartbeats ──leave──▶ gone
 *            ▲          │ (cooperative, something was given up)
 *            └──────────┘
 *
 * Heartbeats run on timers of their own, but while joining, so a slow handler does not cost the membership. Just after a rebalance
 * they come quickly and then slow down to `heartbeatInterval`: where one member joins, others tend to follow.
 */
import { backoffDelay, delay } from '../../core/backoff.ts'
import { KafkaError, RebalanceInProgressError } from '../../core/errors.ts'
import type { Timer } from '../../core/runtime.ts'
import { resolvesWithin, within } from '../../core/within.ts'
import { errorFrom } from '../../protocol/error-codes.ts'
import type { JoinGroupResponse } from '../../protocol/messages/generated/join-group.ts'
import type { Cluster } from '../cluster.ts'
import type { TopicPartition } from './assignors/assignor.ts'
import { encodeSubscription } from './assignors/consumer-protocol.ts'
import { userDataOf } from './assignors/user-data.ts'
import type { ResolvedConsumerConfig } from './consumer-config.ts'
import { GroupLeader } from './group-leader.ts'
import { GroupRequests } from './group-requests.ts'
import type { Patience } from './patience.ts'
import { hasUnassigned } from './unassigned-partitions.ts'

/** The membership that commits are made under. */
export interface Generation {
  readonly generationId: number
  readonly memberId: string
  readonly groupInstanceId: string | null
  /** The coordinator no longer accepts it: the member must join again first. */
  expire(): void
}

/** What it subscribes to, at any time. */
export interface Subscribed {
  readonly topics: readonly string[]
  /** Whether a topic may come and go without anything being wrong. */
  isMatched(topic: string): boolean
}

export interface MemberEvents {
  /** These partitions are newly this member's. Resolves once they are being consumed. */
  assigned(partitions: readonly TopicPartition[]): Promise<void>
  /** These are to be given up. Resolves once what was being handled is finished and committed, or time is up. */
  revoked(partitions: readonly TopicPartition[]): Promise<void>
  /** These have been taken away: nothing more can be committed for them. */
  lost(partitions: readonly TopicPartition[]): void
  /** A round is over: what was assigned in it is being consumed. */
  settled(): void
  /** The member cannot go on. */
  failed(error: unknown): void
}

const firstHeartbeatMs = 50
/** A coordinator answers a new member at once, with its id, unless it is older than KIP-394 or does not answer at all. */
const firstAnswerMs = 2000

export class GroupMember {
  readonly #cluster: Cluster
  readonly #groupId: string
  readonly #subscription: Subscribed
  readonly #config: ResolvedConsumerConfig
  readonly #events: MemberEvents
  readonly #patience: Patience
  readonly #leaving = new AbortController()
  readonly #requests: GroupRequests
  readonly #leader: GroupLeader
  #memberId = ''
  #generationId = -1
  #owned: TopicPartition[] = []
  #rejoin = true
  #rejoinListener: (() => void) | undefined
  #isStable = false
  /** Partitions are being given up: until they are, the member cannot join again. */
  #isGivingUp = false
  /** Why the member could not go on. */
  #failure: { readonly error: unknown } | undefined
  #stableListeners: (() => void)[] = []
  #heartbeatTimer: Timer | undefined
  #heartbeatDelayMs = firstHeartbeatMs
  /** Rounds of joining. A heartbeat that is answered in a later one than it was sent in says nothing any more. */
  #round = 0
  #running: Promise<void> | undefined
  /** Resolves when the last JoinGroup that was sent is answered, and the id it brings is known. */
  #answered: Promise<void> | undefined
  /** The last round of joining, also when it is over. */
  #joining: Promise<void> | undefined
  #isLeaving = false
  #isLeader = false
  /**
   * A static member that has come back gets what it had, without a round. If it was about to give some of that up when it died, nobody
   * is going to ask for the round in which that goes to others: after so long it looks. Monotonic milliseconds.
   */
  #looksAt = Number.POSITIVE_INFINITY

  constructor(
    cluster: Cluster,
    subscription: Subscribed,
    config: ResolvedConsumerConfig,
    patience: Patience,
    events: MemberEvents,
  ) {
    this.#cluster = cluster
    this.#groupId = config.group!
    this.#subscription = subscription
    this.#config = config
    this.#patience = patience
    this.#events = events
    this.#requests = new GroupRequests(cluster, config, this.#leaving.signal)
    this.#leader = new GroupLeader(cluster, subscription, config, this.#leaving.signal)
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** The topics have changed: the partitions are to be shared out anew. */
  resubscribe(): void {
    this.#rebalance()
  }

  /** Topics may have got partitions. */
  checkTopics(): void {
    if (this.#isLeader && this.#isStable) this.#watchTopics()
  }

  /** The current generation; while there is none, waits for the next (or for the end of the membership). Rejects when there can be none. */
  async stableGeneration(): Promise<Generation> {
    while (!this.#isStable && !this.#leaving.signal.aborted) {
      if (this.#failure) throw this.#failure.error
      // What has to be committed before they are given up cannot wait for a generation that comes after.
      if (this.#isGivingUp) throw lostMembership(this.#groupId)
      await new Promise<void>((resolve) => this.#stableListeners.push(resolve))
    }
    const generationId = this.#generationId
    return {
      generationId,
      memberId: this.#memberId,
      groupInstanceId: this.#config.groupInstanceId ?? null,
      expire: () => {
        if (generationId === this.#generationId && !this.#leaving.signal.aborted) {
          this.#isStable = false
          this.#rebalance()
        }
      },
    }
  }

  /**
   * Leaves the group so that others can take over at once; a static member keeps its place until its session ends.
   * `beforeLeaving` runs once no rebalance can begin any more.
   */
  async leave(beforeLeaving: () => Promise<void>): Promise<void> {
    this.#isLeaving = true
    this.#rejoinListener?.()
    await this.#finishRound()
    this.#leaving.abort()
    this.#announceStable()
    await this.#running
    try {
      await beforeLeaving()
    } finally {
      this.#stopHeartbeats()
      if (this.#config.groupInstanceId === undefined) await this.#leaveByName()
      this.#requests.close()
    }
  }

  /** A member that is leaving before its first join is answered has to learn what it is called there. */
  async #leaveByName(): Promise<void> {
    if (this.#memberId === '' && this.#answered) {
      const isKnown = await resolvesWithin(this.#cluster.runtime, this.#answered, firstAnswerMs)
      // Then the group hears of it when it has answered, if the client is still open.
      if (!isKnown) return void this.#answered.then(() => this.#sayGoodbye())
    }
    await this.#sayGoodbye()
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#isLeaving; ) {
      try {
        this.#joining = this.#joinAndSync()
        await this.#joining
        failures = 0
        this.#patience.forget(this)
        await this.#untilRebalance()
      } catch (error) {
        if (this.#isLeaving) return
        const end = this.#recover(error)
        if (end !== undefined) {
          this.#loseAll()
          this.#stopHeartbeats()
          this.#failure = { error: end }
          this.#wakeStableListeners()
          return this.#events.failed(end)
        }
        failures++
        await this.#pause(failures)
      }
    }
  }

  /**
   * Where what is owned goes on being read in a rebalance, what was handled can be committed only after it. Waits about
   * as long as the others need to hear of it.
   */
  async #finishRound(): Promise<void> {
    if (!this.#joining || !this.#isCooperative || this.#owned.length === 0) return
    const waitMs = 1.5 * this.#config.heartbeatInterval
    await resolvesWithin(this.#cluster.runtime, this.#joining, waitMs).catch(() => undefined)
  }

  async #joinAndSync(): Promise<void> {
    this.#isStable = false
    this.#rejoin = false
    if (!this.#isCooperative && this.#owned.length > 0) {
      const owned = this.#owned
      this.#owned = []
      this.#isStable = true
      await this.#giveUp(owned)
      this.#isStable = false
    }
    this.#stopHeartbeats()
    const isNew = this.#memberId === ''
    const joined = await this.#join()
    // What asked for a rebalance while the join waited has got it.
    this.#rejoin = false
    this.#memberId = joined.memberId
    this.#generationId = joined.generationId
    this.#isLeader = joined.leader === joined.memberId
    this.#cluster.metrics.rebalances.at(this.#groupId).value++
    const assignments = this.#isLeader ? await this.#leader.assign(joined) : []
    const { partitions, userData } = await this.#requests.sync(joined, assignments)
    this.#announceStable()
    this.#heartbeatDelayMs = Math.min(firstHeartbeatMs, this.#config.heartbeatInterval)
    this.#scheduleHeartbeat()
    const hasComeBack = isNew && this.#isCooperative && this.#config.groupInstanceId !== undefined
    this.#looksAt = hasComeBack ? this.#afterSession() : Number.POSITIVE_INFINITY
    const { memberId, generationId: generation } = joined
    this.#config.assignor.onAssignment?.({ memberId, generation, partitions, userData })
    if (await this.#adopt(partitions)) this.#events.settled()
  }

  /** False: the membership was lost meanwhile, and with it the assignment. */
  async #adopt(assignment: readonly TopicPartition[]): Promise<boolean> {
    const generationId = this.#generationId
    const gone = this.#owned.filter((partition) => !includes(assignment, partition))
    const fresh = assignment.filter((partition) => !includes(this.#owned, partition))
    this.#owned = assignment.filter((partition) => !includes(fresh, partition))
    if (gone.length > 0) {
      await this.#giveUp(gone)
      if (generationId !== this.#generationId) return false
      // What was given up can go to its new owner only in another round.
      this.#rebalance()
    }
    if (fresh.length > 0) {
      // When this fails they are not consumed, and must be assigned anew.
      await this.#events.assigned(fresh)
      // Others may have them by now.
      if (generationId !== this.#generationId) {
        this.#events.lost(fresh)
        return false
      }
      this.#owned = [...assignment]
    }
    return true
  }

  /** Heartbeats go on meanwhile, so the membership can be lost. */
  async #giveUp(partitions: readonly TopicPartition[]): Promise<void> {
    this.#isGivingUp = true
    try {
      await this.#events.revoked(partitions)
    } finally {
      this.#isGivingUp = false
    }
  }

  get #isCooperative(): boolean {
    return this.#config.assignor.protocol === 'cooperative'
  }

  async #join(): Promise<JoinGroupResponse> {
    const { assignor } = this.#config
    const about = { topics: this.#subscription.topics, ownedPartitions: [...this.#owned] }
    const generationId = this.#generationId
    const userData = userDataOf(assignor, about, generationId)
    const metadata = encodeSubscription({ ...about, generationId, userData })
    const asking = this.#requests.join(this.#memberId, { name: assignor.name, metadata })
    this.#answered = asking.then(
      ({ memberId }) => {
        if (memberId !== '') this.#memberId = memberId
      },
      () => undefined,
    )
    const response = await within(this.#cluster.runtime, asking, { signal: this.#leaving.signal })
    if (response.errorCode === 0) return response
    const error = errorFrom(response.errorCode, { group: this.#groupId })
    if (error.code === 'MEMBER_ID_REQUIRED') return this.#join()
    throw error
  }

  /** Also those under way: their answer leads to nothing. While joining there are none: to the broker, who waits is alive. */
  #stopHeartbeats(): void {
    this.#round++
    this.#heartbeatTimer?.cancel()
  }

  #scheduleHeartbeat(): void {
    this.#heartbeatTimer?.cancel()
    this.#heartbeatTimer = this.#cluster.runtime.setTimer(
      this.#heartbeatDelayMs,
      () => void this.#heartbeat(),
    )
    this.#heartbeatDelayMs = Math.min(this.#heartbeatDelayMs * 1.5, this.#config.heartbeatInterval)
  }

  async #heartbeat(): Promise<void> {
    const round = this.#round
    try {
      await this.#requests.heartbeat(this.#memberId, this.#generationId)
      if (round !== this.#round) return
      if (this.#isLeader) this.#watchTopics()
      if (this.#cluster.runtime.monotonicNow() >= this.#looksAt) void this.#look(round)
    } catch (error) {
      if (round !== this.#round) return
      this.#heartbeatRefused(error)
    }
    this.#scheduleHeartbeat()
  }

  /** By then, whoever was to give something up has done so, or is no member any more. */
  #afterSession(): number {
    return this.#cluster.runtime.monotonicNow() + this.#config.sessionTimeout
  }

  async #look(round: number): Promise<void> {
    this.#looksAt = Number.POSITIVE_INFINITY
    const { topics } = this.#subscription
    try {
      const isUndone = await hasUnassigned(this.#cluster, this.#groupId, topics)
      if (isUndone && round === this.#round) this.#rebalance()
    } catch (error) {
      if (round === this.#round) this.#looksAt = this.#afterSession()
      this.#cluster.runtime.logger.debug(
        { err: error, group: this.#groupId },
        'could not ask what the group has assigned; trying again',
      )
    }
  }

  #heartbeatRefused(error: unknown): void {
    const code = error instanceof KafkaError ? error.code : ''
    if (code === 'REBALANCE_IN_PROGRESS') return this.#rebalance()
    if (membershipLost.has(code)) {
      this.#recover(error)
      return this.#rebalance()
    }
    this.#cluster.forgetCoordinator('group', this.#groupId)
    this.#cluster.runtime.logger.debug(
      { err: error, group: this.#groupId },
      'heartbeat failed; retrying',
    )
  }

  #watchTopics(): void {
    if (this.#leader.hasNewPartitions()) this.#rebalance()
  }

  #rebalance(): void {
    this.#rejoin = true
    this.#rejoinListener?.()
  }

  async #untilRebalance(): Promise<void> {
    while (!this.#rejoin && !this.#isLeaving) {
      await new Promise<void>((resolve) => {
        this.#rejoinListener = resolve
      })
    }
  }

  /** Prepares for another try after `error`. Otherwise what the membership ends with. */
  #recover(error: unknown): unknown {
    if (!(error instanceof KafkaError)) return error
    if (membershipLost.has(error.code)) {
      this.#loseAll()
      if (error.code !== 'ILLEGAL_GENERATION') this.#memberId = ''
      this.#generationId = -1
      return undefined
    }
    if (error.code === 'REBALANCE_IN_PROGRESS') return undefined
    this.#cluster.forgetCoordinator('group', this.#groupId)
    return this.#patience.judge(this, error)
  }

  #loseAll(): void {
    const owned = this.#owned
    this.#owned = []
    this.#isStable = false
    if (owned.length > 0) this.#events.lost(owned)
    if (this.#isGivingUp) this.#wakeStableListeners()
  }

  #announceStable(): void {
    this.#isStable = true
    this.#wakeStableListeners()
  }

  #wakeStableListeners(): void {
    const listeners = this.#stableListeners
    this.#stableListeners = []
    for (const listener of listeners) listener()
  }

  async #pause(failures: number): Promise<void> {
    const { runtime, config } = this.#cluster
    const waitMs = backoffDelay(
      failures,
      { baseMs: Math.min(config.retryBackoff, 100), maxMs: 1000 },
      runtime,
    )
    await delay(runtime, waitMs, this.#leaving.signal).catch(() => undefined)
  }

  async #sayGoodbye(): Promise<void> {
    if (this.#memberId === '') return
    try {
      await this.#requests.leave(this.#memberId)
    } catch (error) {
      // The session time-out does the same a little later.
      this.#cluster.runtime.logger.debug(
        { err: error, group: this.#groupId },
        'could not leave the group',
      )
    }
  }
}

/** The coordinator has forgotten this member or moved past its generation. */
const membershipLost: ReadonlySet<string> = new Set(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION'])

function lostMembership(group: string): RebalanceInProgressError {
  return new RebalanceInProgressError(
    `The consumer is no longer a member of group '${group}': its partitions have moved to other members, which get the records again`,
    { code: 'UNKNOWN_MEMBER_ID' },
  )
}

function includes(list: readonly TopicPartition[], { topic, partition }: TopicPartition): boolean {
  return list.some((other) => other.topic === topic && other.partition === partition)
}
