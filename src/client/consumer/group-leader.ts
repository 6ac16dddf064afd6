/** What the leader of a group does for all: shares the partitions out, and sees when topics have got more. */
import { TimeoutError } from '../../core/errors.ts'
import { within } from '../../core/within.ts'
import type { JoinGroupResponse } from '../../protocol/messages/generated/join-group.ts'
import type { Cluster } from '../cluster.ts'
import { checkAssignment } from './assignors/checked-assignment.ts'
import { decodeSubscription, encodeAssignment } from './assignors/consumer-protocol.ts'
import type { ResolvedConsumerConfig } from './consumer-config.ts'

interface Subscription {
  /** Whether a topic may come and go without anything being wrong. */
  isMatched(topic: string): boolean
}

export class GroupLeader {
  readonly #cluster: Cluster
  readonly #subscription: Subscription
  readonly #config: ResolvedConsumerConfig
  readonly #signal: AbortSignal
  #partitionCounts = new Map<string, number>()

  constructor(
    cluster: Cluster,
    subscription: Subscription,
    config: ResolvedConsumerConfig,
    signal: AbortSignal,
  ) {
    this.#cluster = cluster
    this.#subscription = subscription
    this.#config = config
    this.#signal = signal
  }

  /** What each member gets, by the group's assignor. Throws what the assignor throws, and when its result is not valid. */
  async assign(joined: JoinGroupResponse): Promise<{ memberId: string; assignment: Uint8Array }[]> {
    const members = joined.members.map((member) => {
      const { generationId, ...subscription } = decodeSubscription(member.metadata)
      const { memberId, groupInstanceId } = member
      return { memberId, groupInstanceId, ...subscription, generation: generationId }
    })
    this.#partitionCounts = await this.#countPartitions(members.flatMap(({ topics }) => topics))
    // A leader that has come back keeps watch over the topics, but leaves the assignment as it is (KIP-814).
    if (joined.skipAssignment) return []
    const { assignor, rebalanceTimeout } = this.#config
    const input = { members, partitionsPerTopic: this.#partitionCounts }
    const assigning = Promise.resolve(assignor.assign(input))
    const given = await within(this.#cluster.runtime, assigning, {
      timeoutMs: rebalanceTimeout,
      signal: this.#signal,
      onTimeout: () =>
        new TimeoutError(
          `Assignor '${assignor.name}' took longer than rebalanceTimeout (${rebalanceTimeout} ms)`,
          { code: 'REQUEST_TIMED_OUT' },
        ),
    })
    const assigned = checkAssignment(assignor, input, given)
    return members.map(({ memberId }) => {
      const { partitions = [], userData = null } = assigned.get(memberId) ?? {}
      return { memberId, assignment: encodeAssignment({ partitions, userData }) }
    })
  }

  /** Whether a topic is known to have more partitions than were shared out. Asks for those whose metadata is old. */
  hasNewPartitions(): boolean {
    const counts = [...this.#partitionCounts]
    const old = counts.map(([name]) => name).filter((name) => !this.#cluster.topic(name))
    if (old.length > 0) {
      const options = { create: false, absent: 'leave out' } as const
      this.#cluster.ensureTopics(old, options).catch(() => undefined)
    }
    return counts.some(([name, count]) => {
      const topic = this.#cluster.topic(name)
      return topic !== undefined && topic.partitions.length !== count
    })
  }

  /** Without topics that were only found by their names, and have gone. */
  async #countPartitions(names: readonly string[]): Promise<Map<string, number>> {
    const isMatched = (name: string) => this.#subscription.isMatched(name)
    const [named, matched] = await Promise.all([
      this.#cluster.ensureTopics(names.filter((name) => !isMatched(name))),
      this.#cluster.ensureTopics(names.filter(isMatched), { create: false, absent: 'leave out' }),
    ])
    const found = [...named.values(), ...matched.values()]
    return new Map(found.map(({ name, partitions }) => [name, partitions.length]))
  }
}
