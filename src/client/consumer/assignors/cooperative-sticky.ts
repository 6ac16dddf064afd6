/**
 * Cooperative sticky assignment (KIP-429): balanced, and everyone keeps what they have as far as balance allows.
 *
 * A partition that moves between living members is left out of this round: its new owner gets it in the next one, when
 * the old owner has given it up. So no partition ever has two owners.
 */

import type {
  AssignmentInput,
  GroupMemberSubscription,
  PlainAssignor,
  TopicPartition,
} from './assignor.ts'
import { balance, type Share } from './balance.ts'
import { byIdentity } from './range.ts'

export const cooperativeSticky: PlainAssignor = {
  name: 'cooperative-sticky',
  protocol: 'cooperative',
  assign(input: AssignmentInput) {
    const owners = currentOwners(input)
    const shares = new Map<GroupMemberSubscription, Share>()
    for (const member of [...input.members].sort(byIdentity))
      shares.set(member, { topics: new Set(member.topics), partitions: new Map(), size: 0 })
    balance([...shares.values()], input.partitionsPerTopic, (topic, partition) => {
      const owner = owners.get(topic)?.get(partition)
      return owner && shares.get(owner)
    })
    const assignment = new Map<string, { partitions: TopicPartition[] }>()
    for (const member of input.members) {
      const isFree = ({ topic, partition }: TopicPartition) => {
        const owner = owners.get(topic)?.get(partition)
        return owner === undefined || owner === member
      }
      assignment.set(member.memberId, {
        partitions: partitionsOf(shares.get(member)!).filter(isFree),
      })
    }
    return assignment
  },
}

/** Who has which partition; of contradicting claims the one of the newest generation counts. */
function currentOwners({
  members,
  partitionsPerTopic,
}: AssignmentInput): Map<string, Map<number, GroupMemberSubscription>> {
  const owners = new Map<string, Map<number, GroupMemberSubscription>>()
  for (const member of [...members].sort(byIdentity)) {
    for (const { topic, partition } of member.ownedPartitions) {
      const exists = partition < (partitionsPerTopic.get(topic) ?? 0)
      if (!exists || !member.topics.includes(topic)) continue
      const ofTopic = owners.get(topic) ?? new Map<number, GroupMemberSubscription>()
      owners.set(topic, ofTopic)
      const rival = ofTopic.get(partition)
      if (!rival || member.generation > rival.generation) ofTopic.set(partition, member)
    }
  }
  return owners
}

function partitionsOf({ partitions }: Share): TopicPartition[] {
  return [...partitions].flatMap(([topic, numbers]) =>
    [...numbers].sort((a, b) => a - b).map((partition) => ({ topic, partition })),
  )
}
