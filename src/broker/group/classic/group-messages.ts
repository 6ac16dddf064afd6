/** What goes into a group's state machine and what comes out. `NONE` is success. */
import type { GroupOutcome } from '../group-refusal.ts'

export interface Protocol {
  readonly name: string
  readonly metadata: Uint8Array
}

export interface JoinInput {
  /** Empty for a member that has none yet. */
  readonly memberId: string
  /** The id it gets when it needs one. */
  readonly newMemberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocolType: string
  readonly protocols: readonly Protocol[]
  /** From version 4: a new member first gets an id and joins with it (KIP-394). */
  readonly requiresKnownMemberId: boolean
  /** From version 9: a leader can be told to keep the assignment (KIP-814). */
  readonly canSkipAssignment: boolean
}

export interface JoinReply {
  readonly error: GroupOutcome
  readonly generation: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leader: string
  readonly memberId: string
  readonly skipAssignment: boolean
  /** For the leader only. */
  readonly members: readonly {
    readonly memberId: string
    readonly groupInstanceId: string | null
    readonly metadata: Uint8Array
  }[]
}

export interface SyncInput {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generation: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  /** From the leader: by member id. */
  readonly assignments: ReadonlyMap<string, Uint8Array>
}

export interface SyncReply {
  readonly error: GroupOutcome
  readonly assignment: Uint8Array
  readonly protocolType: string | null
  readonly protocolName: string | null
}

export type Effect =
  | { readonly type: 'join-reply'; readonly token: number; readonly reply: JoinReply }
  | { readonly type: 'sync-reply'; readonly token: number; readonly reply: SyncReply }
  /** To be durable before the replies that follow it are sent. */
  | { readonly type: 'persist'; readonly snapshot: GroupSnapshot }

export interface MemberSnapshot {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly subscription: Uint8Array
  readonly assignment: Uint8Array
}

/** A group as it is persisted. */
export interface GroupSnapshot {
  readonly protocolType: string
  readonly generation: number
  readonly protocolName: string | null
  readonly leaderId: string | null
  readonly members: readonly MemberSnapshot[]
}
