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
import { KafkaError, TimeoutError, TopicNotFoundError } from '../../core/errors.ts'
import type { Timer } from '../../core/runtime.ts'
import { within } from '../../core/within.ts'
import { errorFrom } from '../../protocol/error-codes.ts'
import { createHeartbeatRequest, heartbeat } from '../../protocol/messages/generated/heartbeat.ts'
import {
  createJoinGroupRequest,
  createJoinGroupRequestProtocol,
  type JoinGroupResponse,
  joinGroup,
} from '../../protocol/messages/generated/join-group.ts'
import {
  createLeaveGroupRequest,
  createLeaveGroupRequestMemberIdentity,
  leaveGroup,
} from '../../protocol/messages/generated/leave-group.ts'
import {
  createSyncGroupRequest,
  createSyncGroupRequestAssignment,
  syncGroup,
} from '../../protocol/messages/generated/sync-group.ts'
import type { Cluster } from '../cluster.ts'
import type { Assignor, TopicPartition } from './assignors/assignor.ts'
import {
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from './assignors/consumer-protocol.ts'
import type { ResolvedConsumerConfig } from './consumer-config.ts'

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
  /** The member cannot go on. */
  failed(error: unknown): void
}

const firstHeartbeatMs = 50
const protocolType = 'consumer'

export class GroupMember {
  readonly #cluster: Cluster
  readonly #groupId: string
  readonly #subscription: Subscribed
  readonly #config: ResolvedConsumerConfig
  readonly #assignor: Assignor
  readonly #events: MemberEvents
  readonly #leaving = new AbortController()
  readonly #lane: string
  #memberId = ''
  #generationId = -1
  #owned: TopicPartition[] = []
  #rejoin = true
  #rejoinListener: (() => void) | undefined
  #isStable = false
  /** Why the member could not go on. */
  #failure: { readonly error: unknown } | undefined
  #stableListeners: (() => void)[] = []
  #heartbeatTimer: Timer | undefined
  #heartbeatDelayMs = firstHeartbeatMs
  /** Rounds of joining. A heartbeat that is answered in a later one than it was sent in says nothing any more. */
  #round = 0
  #running: Promise<void> | undefined
  /** The last round of joining, also when it is over. */
  #joining: Promise<void> | undefined
  #isLeaving = false
  #partitionCounts = new Map<string, number>()
  #isLeader = false

  constructor(
    cluster: Cluster,
    subscription: Subscribed,
    config: ResolvedConsumerConfig,
    assignor: Assignor,
    events: MemberEvents,
  ) {
    this.#cluster = cluster
    this.#lane = cluster.newLane()
    this.#groupId = config.group!
    this.#subscription = subscription
    this.#config = config
    this.#assignor = assignor
    this.#events = events
  }

  start(): void {
    this.#running ??= this.#run()
  }

  /** The topics have changed: the partitions are to be shared out anew. */
  resubscribe(): void {
    this.#rebalance()
  }

  /** The current generation; while there is none, waits for the next (or for the end of the membership). Rejects when there can be none. */
  async stableGeneration(): Promise<Generation> {
    while (!this.#isStable && !this.#leaving.signal.aborted) {
      if (this.#failure) throw this.#failure.error
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
      if (this.#memberId !== '' && this.#config.groupInstanceId === undefined)
        await this.#sayGoodbye()
    }
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#isLeaving; ) {
      try {
        this.#joining = this.#joinAndSync()
        await this.#joining
        failures = 0
        await this.#untilRebalance()
      } catch (error) {
        if (this.#isLeaving) return
        if (!this.#recovers(error)) {
          this.#loseAll()
          this.#stopHeartbeats()
          this.#failure = { error }
          this.#wakeStableListeners()
          return this.#events.failed(error)
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
    await within(this.#cluster.runtime, this.#joining, {
      timeoutMs: 1.5 * this.#config.heartbeatInterval,
      onTimeout: () => new TimeoutError('The rebalance goes on'),
    }).catch(() => undefined)
  }

  async #joinAndSync(): Promise<void> {
    this.#isStable = false
    this.#rejoin = false
    if (!this.#isCooperative && this.#owned.length > 0) {
      const owned = this.#owned
      this.#owned = []
      this.#isStable = true
      await this.#events.revoked(owned)
      this.#isStable = false
    }
    this.#stopHeartbeats()
    const joined = await this.#join()
    // What asked for a rebalance while the join waited has got it.
    this.#rejoin = false
    this.#memberId = joined.memberId
    this.#generationId = joined.generationId
    this.#isLeader = joined.leader === joined.memberId
    this.#cluster.metrics.rebalances.at(this.#groupId).value++
    const assignments = this.#isLeader ? await this.#assign(joined) : []
    const assignment = await this.#sync(joined, assignments)
    this.#announceStable()
    this.#heartbeatDelayMs = Math.min(firstHeartbeatMs, this.#config.heartbeatInterval)
    this.#scheduleHeartbeat()
    await this.#adopt(assignment)
  }

  async #adopt(assignment: readonly TopicPartition[]): Promise<void> {
    const gone = this.#owned.filter((partition) => !includes(assignment, partition))
    const fresh = assignment.filter((partition) => !includes(this.#owned, partition))
    this.#owned = assignment.filter((partition) => !includes(fresh, partition))
    if (gone.length > 0) {
      await this.#events.revoked(gone)
      // What was given up can go to its new owner only in another round.
      this.#rebalance()
    }
    if (fresh.length > 0) {
      const generationId = this.#generationId
      // When this fails they are not consumed, and must be assigned anew.
      await this.#events.assigned(fresh)
      // The membership may be lost meanwhile: others may have them by now.
      if (generationId === this.#generationId) this.#owned = [...assignment]
      else this.#events.lost(fresh)
    }
  }

  get #isCooperative(): boolean {
    return this.#assignor.rebalanceProtocol === 'cooperative'
  }

  async #join(): Promise<JoinGroupResponse> {
    const { sessionTimeout, rebalanceTimeout, groupInstanceId } = this.#config
    const metadata = encodeSubscription({
      topics: this.#subscription.topics,
      ownedPartitions: this.#owned,
      generationId: this.#generationId,
    })
    const request = createJoinGroupRequest({
      groupId: this.#groupId,
      sessionTimeoutMs: sessionTimeout,
      rebalanceTimeoutMs: rebalanceTimeout,
      memberId: this.#memberId,
      groupInstanceId: groupInstanceId ?? null,
      protocolType,
      protocols: [createJoinGroupRequestProtocol({ name: this.#assignor.name, metadata })],
      reason: null,
    })
    const timeoutMs = rebalanceTimeout + this.#cluster.config.timeout
    const response = await this.#ask((nodeId) =>
      this.#cluster.exchange(joinGroup, request, {
        nodeId,
        lane: this.#lane,
        timeoutMs,
        signal: this.#leaving.signal,
      }),
    )
    if (response.memberId !== '') this.#memberId = response.memberId
    const error =
      response.errorCode === 0 ? undefined : errorFrom(response.errorCode, { group: this.#groupId })
    if (error?.code === 'MEMBER_ID_REQUIRED') return this.#join()
    if (error) throw error
    return response
  }

  async #assign(
    joined: JoinGroupResponse,
  ): Promise<{ memberId: string; assignment: Uint8Array }[]> {
    const members = joined.members.map((member) => {
      const { topics, ownedPartitions, generationId } = decodeSubscription(member.metadata)
      const { memberId, groupInstanceId } = member
      return { memberId, groupInstanceId, topics, ownedPartitions, generation: generationId }
    })
    const topics = new Set(members.flatMap((member) => member.topics))
    this.#partitionCounts = new Map()
    for (const name of topics) {
      const count = await this.#partitionCount(name)
      if (count !== undefined) this.#partitionCounts.set(name, count)
    }
    // A leader that has come back keeps watch over the topics, but leaves the assignment as it is (KIP-814).
    if (joined.skipAssignment) return []
    const assigned = this.#assignor.assign({ members, partitionsPerTopic: this.#partitionCounts })
    return members.map(({ memberId }) => ({
      memberId,
      assignment: encodeAssignment(assigned.get(memberId) ?? []),
    }))
  }

  /** Undefined for one that was only found by its name, and has gone. */
  async #partitionCount(name: string): Promise<number | undefined> {
    const isMatched = this.#subscription.isMatched(name)
    try {
      const topic = await this.#cluster.ensureTopic(name, { create: !isMatched })
      return topic.partitions.length
    } catch (error) {
      if (isMatched && error instanceof TopicNotFoundError) return undefined
      throw error
    }
  }

  async #sync(
    joined: JoinGroupResponse,
    assignments: readonly { memberId: string; assignment: Uint8Array }[],
  ): Promise<TopicPartition[]> {
    const request = createSyncGroupRequest({
      groupId: this.#groupId,
      generationId: joined.generationId,
      memberId: joined.memberId,
      groupInstanceId: this.#config.groupInstanceId ?? null,
      protocolType,
      protocolName: joined.protocolName,
      assignments: assignments.map((assignment) => createSyncGroupRequestAssignment(assignment)),
    })
    const timeoutMs = this.#config.rebalanceTimeout + this.#cluster.config.timeout
    const response = await this.#ask((nodeId) =>
      this.#cluster.exchange(syncGroup, request, {
        nodeId,
        lane: this.#lane,
        timeoutMs,
        signal: this.#leaving.signal,
      }),
    )
    if (response.errorCode !== 0) throw errorFrom(response.errorCode, { group: this.#groupId })
    return response.assignment.length === 0 ? [] : decodeAssignment(response.assignment)
  }

  async #ask<T>(exchange: (nodeId: number) => Promise<T>): Promise<T> {
    const nodeId = await this.#cluster.coordinator('group', this.#groupId, {
      signal: this.#leaving.signal,
    })
    return exchange(nodeId)
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
    const request = createHeartbeatRequest({
      groupId: this.#groupId,
      generationId: this.#generationId,
      memberId: this.#memberId,
      groupInstanceId: this.#config.groupInstanceId ?? null,
    })
    try {
      const response = await this.#ask((nodeId) =>
        this.#cluster.exchange(heartbeat, request, { nodeId, lane: this.#lane }),
      )
      if (round !== this.#round) return
      if (response.errorCode !== 0) throw errorFrom(response.errorCode, { group: this.#groupId })
      if (this.#isLeader) this.#watchTopics()
    } catch (error) {
      if (round !== this.#round) return
      this.#heartbeatRefused(error)
    }
    this.#scheduleHeartbeat()
  }

  #heartbeatRefused(error: unknown): void {
    const code = error instanceof KafkaError ? error.code : ''
    if (code === 'REBALANCE_IN_PROGRESS') return this.#rebalance()
    if (membershipLost.has(code)) {
      this.#recovers(error)
      return this.#rebalance()
    }
    this.#cluster.forgetCoordinator('group', this.#groupId)
    this.#cluster.runtime.logger.debug(
      { err: error, group: this.#groupId },
      'heartbeat failed; trying again',
    )
  }

  /** The leader notices when a topic has got more partitions. */
  #watchTopics(): void {
    for (const [name, count] of this.#partitionCounts) {
      const topic = this.#cluster.topic(name)
      if (topic && topic.partitions.length !== count) this.#rebalance()
      if (!topic) this.#cluster.ensureTopic(name, { create: false }).catch(() => undefined)
    }
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

  /** Prepares for another try after `error`; false when there is no sense in one. */
  #recovers(error: unknown): boolean {
    if (!(error instanceof KafkaError)) return false
    if (membershipLost.has(error.code)) {
      this.#loseAll()
      if (error.code !== 'ILLEGAL_GENERATION') this.#memberId = ''
      this.#generationId = -1
      return true
    }
    if (error.code === 'REBALANCE_IN_PROGRESS') return true
    this.#cluster.forgetCoordinator('group', this.#groupId)
    return error.retriable
  }

  #loseAll(): void {
    const owned = this.#owned
    this.#owned = []
    this.#isStable = false
    if (owned.length > 0) this.#events.lost(owned)
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
    const member = createLeaveGroupRequestMemberIdentity({
      memberId: this.#memberId,
      groupInstanceId: null,
      reason: 'the consumer was closed',
    })
    const request = (version: number) =>
      createLeaveGroupRequest({
        groupId: this.#groupId,
        ...(version >= 3 ? { members: [member] } : { memberId: this.#memberId }),
      })
    try {
      const nodeId = await this.#cluster.coordinator('group', this.#groupId)
      await this.#cluster.exchange(leaveGroup, request, { nodeId })
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

function includes(list: readonly TopicPartition[], { topic, partition }: TopicPartition): boolean {
  return list.some((other) => other.topic === topic && other.partition === partition)
}
