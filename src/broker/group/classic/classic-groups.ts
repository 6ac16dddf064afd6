/**
 * The room of the classic groups: takes the requests that only they know (JoinGroup, SyncGroup, Heartbeat, LeaveGroup,
 * DescribeGroups) to the group they are for. A group of another kind is none of these requests' business.
 */
import type { Runtime } from '../../../core/runtime.ts'
import type { GroupOutcome } from '../group-refusal.ts'
import type { HostedGroups } from '../hosted-groups.ts'
import { encodeGroupKey, encodeGroupValue, type StoredGroup } from '../offset-records.ts'
import type { OffsetsLog } from '../offsets-log.ts'
import { ClassicGroup, type GroupLimits, refusedJoin, refusedSync } from './classic-group.ts'
import {
  ClassicGroupHost,
  type ClassicGroupHostOptions,
  closedCoordinator,
} from './classic-group-host.ts'
import type { JoinInput, JoinReply, SyncInput, SyncReply } from './group-messages.ts'

/** The host of members in the broker's own process: they die with it, so none of them is waited for after a start. */
const embeddedHost = 'embedded'

export interface ClassicGroupsOptions {
  readonly runtime: Runtime
  readonly limits: GroupLimits
  readonly log: OffsetsLog
  /** The coordinator's: asked only once it is there. */
  readonly hosted: () => HostedGroups
}

export class ClassicGroups {
  readonly #options: ClassicGroupsOptions
  readonly #hostOptions: ClassicGroupHostOptions
  #isClosed = false

  constructor(options: ClassicGroupsOptions) {
    const { runtime, log, hosted } = options
    this.#options = options
    this.#hostOptions = {
      runtime,
      store: (groupId, stored) =>
        log.append([{ key: encodeGroupKey(groupId), value: encodeGroupValue(stored) }]),
      isCurrent: (group) => hosted().isCurrent(group),
      onChange: (group) => {
        const current = hosted().get(group.id)
        if (current?.group === group) hosted().dropUnused(current)
      },
    }
  }

  /** A group without members, which is not hosted yet. */
  create(groupId: string): ClassicGroupHost {
    const { runtime, limits } = this.#options
    return new ClassicGroupHost(this.#hostOptions, new ClassicGroup(groupId, limits), runtime.now())
  }

  /** The group as it was stored; its members get a fresh session. */
  restore(groupId: string, { snapshot: stored, storedAtMs }: StoredGroup): ClassicGroupHost {
    const { runtime, limits } = this.#options
    const hasLeft = stored.members.every(({ clientHost }) => clientHost === embeddedHost)
    const snapshot = hasLeft ? { ...stored, members: [] } : stored
    const machine = ClassicGroup.restore(groupId, limits, snapshot, runtime.monotonicNow())
    // Members that died with the process have left just now, however long ago their generation was made.
    const emptySinceMs = stored.members.length > 0 ? runtime.now() : storedAtMs
    return new ClassicGroupHost(this.#hostOptions, machine, emptySinceMs)
  }

  /** As it is by now. */
  find(groupId: string): ClassicGroupHost | undefined {
    this.#lookUp(groupId)?.catchUp()
    return this.#lookUp(groupId)
  }

  #lookUp(groupId: string): ClassicGroupHost | undefined {
    const group = this.#options.hosted().get(groupId)?.group
    return group instanceof ClassicGroupHost ? group : undefined
  }

  /** Waits for the other members. */
  async join(groupId: string, input: JoinInput): Promise<JoinReply> {
    if (this.#isClosed) throw closedCoordinator()
    // A member of a group that has been forgotten has been forgotten too.
    if (input.memberId !== '' && !this.#options.hosted().get(groupId))
      return refusedJoin('UNKNOWN_MEMBER_ID', input.memberId)
    this.#options.hosted().host(groupId)
    const group = this.#lookUp(groupId)
    return group ? group.join(input) : refusedJoin('INCONSISTENT_GROUP_PROTOCOL', input.memberId)
  }

  /** Waits for the leader. */
  async sync(groupId: string, input: SyncInput): Promise<SyncReply> {
    return this.#lookUp(groupId)?.sync(input) ?? refusedSync('UNKNOWN_MEMBER_ID')
  }

  heartbeat(
    groupId: string,
    memberId: string,
    instanceId: string | null,
    generation: number,
  ): GroupOutcome {
    return this.#lookUp(groupId)?.heartbeat(memberId, instanceId, generation) ?? 'UNKNOWN_MEMBER_ID'
  }

  async leave(groupId: string, memberId: string, instanceId: string | null): Promise<GroupOutcome> {
    return this.#lookUp(groupId)?.leave(memberId, instanceId) ?? 'UNKNOWN_MEMBER_ID'
  }

  /** From now on nobody joins. */
  close(): void {
    this.#isClosed = true
  }
}
