/**
 * The requests that a member of a group sends to its coordinator, over a connection of their own: a JoinGroup waits for
 * the other members, and would hold up everything behind it.
 */
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
import { type Assignment, decodeAssignment } from './assignors/consumer-protocol.ts'
import type { ResolvedConsumerConfig } from './consumer-config.ts'

const protocolType = 'consumer'

export class GroupRequests {
  readonly #cluster: Cluster
  readonly #config: ResolvedConsumerConfig
  readonly #groupId: string
  readonly #signal: AbortSignal
  readonly #lane: string

  /** `signal` gives up what is under way, but for a join. */
  constructor(cluster: Cluster, config: ResolvedConsumerConfig, signal: AbortSignal) {
    this.#cluster = cluster
    this.#config = config
    this.#groupId = config.group!
    this.#signal = signal
    this.#lane = cluster.newLane()
  }

  /** Lets go of the connection. */
  close(): void {
    this.#cluster.releaseLane(this.#lane)
  }

  /**
   * Answers also with an error code. Goes on when the member leaves: the answer has the id under which the group waits
   * for it, and under which it can leave.
   */
  join(
    memberId: string,
    protocol: { readonly name: string; readonly metadata: Uint8Array },
  ): Promise<JoinGroupResponse> {
    const request = createJoinGroupRequest({
      groupId: this.#groupId,
      sessionTimeoutMs: this.#config.sessionTimeout,
      rebalanceTimeoutMs: this.#config.rebalanceTimeout,
      memberId,
      groupInstanceId: this.#config.groupInstanceId ?? null,
      protocolType,
      protocols: [createJoinGroupRequestProtocol(protocol)],
      reason: null,
    })
    const options = { lane: this.#lane, timeoutMs: this.#roundMs }
    return this.#ask((nodeId) => this.#cluster.exchange(joinGroup, request, { nodeId, ...options }))
  }

  /** What the member is assigned. Rejects with what the coordinator refuses. */
  async sync(
    { generationId, memberId, protocolName }: JoinGroupResponse,
    assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[],
  ): Promise<Assignment> {
    const request = createSyncGroupRequest({
      groupId: this.#groupId,
      generationId,
      memberId,
      groupInstanceId: this.#config.groupInstanceId ?? null,
      protocolType,
      protocolName,
      assignments: assignments.map((assignment) => createSyncGroupRequestAssignment(assignment)),
    })
    const options = { lane: this.#lane, timeoutMs: this.#roundMs, signal: this.#signal }
    const { errorCode, assignment } = await this.#ask((nodeId) =>
      this.#cluster.exchange(syncGroup, request, { nodeId, ...options }),
    )
    if (errorCode !== 0) throw errorFrom(errorCode, { group: this.#groupId })
    if (assignment.length === 0) return { partitions: [], userData: null }
    return decodeAssignment(assignment)
  }

  /** Rejects with what the coordinator refuses. */
  async heartbeat(memberId: string, generationId: number): Promise<void> {
    const request = createHeartbeatRequest({
      groupId: this.#groupId,
      generationId,
      memberId,
      groupInstanceId: this.#config.groupInstanceId ?? null,
    })
    const { errorCode } = await this.#ask((nodeId) =>
      this.#cluster.exchange(heartbeat, request, { nodeId, lane: this.#lane }),
    )
    if (errorCode !== 0) throw errorFrom(errorCode, { group: this.#groupId })
  }

  /** Also when the signal has aborted. Whatever the coordinator answers, the session time-out does the same later. */
  async leave(memberId: string): Promise<void> {
    const member = createLeaveGroupRequestMemberIdentity({
      memberId,
      groupInstanceId: null,
      reason: 'the consumer was closed',
    })
    const request = (version: number) =>
      createLeaveGroupRequest({
        groupId: this.#groupId,
        ...(version >= 3 ? { members: [member] } : { memberId }),
      })
    const nodeId = await this.#cluster.coordinator('group', this.#groupId)
    await this.#cluster.exchange(leaveGroup, request, { nodeId })
  }

  /** A round takes until the slowest member has joined. */
  get #roundMs(): number {
    return this.#config.rebalanceTimeout + this.#cluster.config.timeout
  }

  async #ask<T>(exchange: (nodeId: number) => Promise<T>): Promise<T> {
    const options = { signal: this.#signal }
    return exchange(await this.#cluster.coordinator('group', this.#groupId, options))
  }
}
