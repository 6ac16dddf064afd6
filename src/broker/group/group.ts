/**
 * What every kind of group has in common, so that kinds can stand beside each other: the coordinator and the requests
 * that do not mind the kind see a group through this and no more. A kind has a folder of its own, with its members,
 * its protocol, and the requests that only it knows.
 */
import type { GroupOutcome } from './group-refusal.ts'

/** By Kafka's names of group types. */
export type GroupKind = 'classic'

export interface Group {
  readonly id: string
  readonly kind: GroupKind
  /** Kafka's name of its state, of which every kind has `Empty`: there are no members, and it may be deleted. */
  readonly state: string
  /** Empty when it has never had members. */
  readonly protocolType: string
  readonly memberCount: number
  /** Wall-clock milliseconds since when it has had no members. */
  readonly emptySinceMs: number
  /** Nobody has ever been here, and nobody is about to come: there is nothing to remember but offsets. */
  readonly isUnused: boolean
  /** Whether this member may commit offsets. */
  checkCommit(memberId: string, instanceId: string | null, generation: number): GroupOutcome
  /** Whether its members read the topic, so that its offsets there are their own business. */
  isSubscribedTo(topic: string): boolean
  /** Does what is due by now without waiting for its timer, which may be late: members whose session is over are out. */
  catchUp(): void
  /** Lets go of its timer: it is being deleted. */
  suspend(): void
  /** It has not been deleted after all. */
  resume(): void
  /** Everyone who waits is told that the coordinator is not available. Resolves when nothing is under way. */
  close(): Promise<void>
}
