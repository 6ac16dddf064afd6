/** How the leader of a group shares the partitions among its members. */

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** A member of the group, as it described itself when it joined. */
export interface GroupMemberSubscription {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly topics: readonly string[]
  /** Partitions the member says it owns; empty if its protocol version does not carry them. */
  readonly ownedPartitions: readonly TopicPartition[]
  /** Generation in which it got them; -1 when unknown. */
  readonly generation: number
  /** What its assignor's `userData` gave; null where it gave none. */
  readonly userData: Uint8Array | null
}

/** The input of an assignment: members and partitions. */
export interface AssignmentInput {
  readonly members: readonly GroupMemberSubscription[]
  /** Of the topics that members subscribe to, those that exist. */
  readonly partitionsPerTopic: ReadonlyMap<string, number>
}

/** What one member gets. */
export interface MemberAssignment {
  readonly partitions: readonly TopicPartition[]
  /** For the member's `onAssignment`. Default: none. */
  readonly userData?: Uint8Array | null | undefined
}

/** What this member has got in a round. */
export interface ReceivedAssignment {
  readonly memberId: string
  readonly generation: number
  readonly partitions: readonly TopicPartition[]
  readonly userData: Uint8Array | null
}

/**
 * How a group shares its partitions. Every member has one, all with the same name and protocol; the leader's is used.
 * An error it throws ends its consumer.
 */
export interface Assignor {
  /** The name that members agree on. */
  readonly name: string
  /** Eager: members give up all partitions before each rebalance. Cooperative: only those that move (KIP-429). */
  readonly protocol: 'eager' | 'cooperative'
  /**
   * Data this member sends to the leader besides its topics and partitions; called whenever it joins. Default: nothing.
   */
  userData?(about: Pick<GroupMemberSubscription, 'topics' | 'ownedPartitions'>): Uint8Array
  /**
   * Assignments by member id; a member left out gets nothing. Each partition goes to one member at most, one that
   * subscribes to its topic. Where the protocol is cooperative, one that moves between members is left out of this
   * round: its owner gives it up, and joins again.
   */
  assign(
    input: AssignmentInput,
  ): ReadonlyMap<string, MemberAssignment> | PromiseLike<ReadonlyMap<string, MemberAssignment>>
  /** Called with this member's assignment, before partitions are revoked and assigned. */
  onAssignment?(assignment: ReceivedAssignment): void
}

/** An assignor that tells nothing but partitions, and knows them at once. */
export interface PlainAssignor extends Assignor {
  assign(input: AssignmentInput): Map<string, { readonly partitions: TopicPartition[] }>
}

/** Nothing for each, to be filled. */
export function emptyAssignment({
  members,
}: AssignmentInput): Map<string, { readonly partitions: TopicPartition[] }> {
  return new Map(members.map(({ memberId }) => [memberId, { partitions: [] }]))
}

export function isAssignor(value: unknown): value is Assignor {
  if (typeof value !== 'object' || value === null) return false
  const { name, protocol, assign, userData, onAssignment } = value as Partial<Assignor>
  return (
    typeof name === 'string' &&
    name !== '' &&
    (protocol === 'eager' || protocol === 'cooperative') &&
    typeof assign === 'function' &&
    (userData === undefined || typeof userData === 'function') &&
    (onAssignment === undefined || typeof onAssignment === 'function')
  )
}
