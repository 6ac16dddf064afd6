/** How the leader of a group shares the partitions among its members: pure functions of what the members sent. */

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export interface GroupMemberSubscription {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly topics: readonly string[]
  /** Partitions the member has now, as it says; empty where its protocol version does not carry them. */
  readonly ownedPartitions: readonly TopicPartition[]
  /** Generation in which it got them; -1 when unknown. */
  readonly generation: number
}

export interface AssignmentInput {
  readonly members: readonly GroupMemberSubscription[]
  /** Topics that exist. */
  readonly partitionsPerTopic: ReadonlyMap<string, number>
}

export interface Assignor {
  /** The name members agree on; Kafka's own. */
  readonly name: string
  /** Eager: members give up everything before each rebalance. Cooperative: only what moves (KIP-429). */
  readonly rebalanceProtocol: 'eager' | 'cooperative'
  /** Partitions by member id. Every partition of a subscribed topic goes to one subscriber. */
  assign(input: AssignmentInput): Map<string, TopicPartition[]>
}
