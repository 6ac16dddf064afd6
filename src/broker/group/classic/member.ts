/** One member of a group, as its state machine keeps it. */
import type { JoinInput, MemberSnapshot, Protocol } from './group-messages.ts'

export interface Member {
  readonly id: string
  readonly instanceId: string | null
  clientId: string
  clientHost: string
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
  /** What it can speak, the preferred first. */
  protocols: readonly Protocol[]
  assignment: Uint8Array
  /** When it is dead unless it is heard of. */
  expiresAtMs: number
  /** The JoinGroup or SyncGroup of its that waits for an answer. */
  joinToken: number | undefined
  syncToken: number | undefined
  /** Whether it has asked for its assignment in this generation. */
  hasSynced: boolean
}

export const noBytes = new Uint8Array(0)

export function newMember(id: string, input: JoinInput, nowMs: number): Member {
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
    hasSynced: false,
  }
}

/** A member as it was persisted, with a fresh session. */
export function restoredMember(saved: MemberSnapshot, protocolName: string, nowMs: number): Member {
  return {
    id: saved.memberId,
    instanceId: saved.groupInstanceId,
    clientId: saved.clientId,
    clientHost: saved.clientHost,
    sessionTimeoutMs: saved.sessionTimeoutMs,
    rebalanceTimeoutMs: saved.rebalanceTimeoutMs,
    protocols: [{ name: protocolName, metadata: saved.subscription }],
    assignment: saved.assignment,
    expiresAtMs: nowMs + saved.sessionTimeoutMs,
    joinToken: undefined,
    syncToken: undefined,
    hasSynced: true,
  }
}

export function updateMember(member: Member, input: JoinInput): void {
  member.clientId = input.clientId
  member.clientHost = input.clientHost
  member.sessionTimeoutMs = input.sessionTimeoutMs
  member.rebalanceTimeoutMs = input.rebalanceTimeoutMs
  member.protocols = input.protocols
}

export function snapshotOf(member: Member, protocolName: string): MemberSnapshot {
  return {
    memberId: member.id,
    groupInstanceId: member.instanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    sessionTimeoutMs: member.sessionTimeoutMs,
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    subscription: metadataFor(member, protocolName),
    assignment: member.assignment,
  }
}

/** What the member says under this protocol; no bytes when it does not speak it. */
export function metadataFor({ protocols }: Member, protocolName: string): Uint8Array {
  return protocols.find(({ name }) => name === protocolName)?.metadata ?? noBytes
}

/** Whether the member waits for the coordinator: then it is alive. */
export function isWaiting({ joinToken, syncToken }: Member): boolean {
  return joinToken !== undefined || syncToken !== undefined
}
