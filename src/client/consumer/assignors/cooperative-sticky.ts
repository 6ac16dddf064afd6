/**
 * Cooperative sticky assignment (KIP-429): balanced, and everyone keeps what they have as far as balance allows.
 *
 * A partition that moves between living members is left out of this round: its new owner gets it in the next one, when
 * the old owner has given it up. So no partition ever has two owners.
 */
import type {
  AssignmentInput,
  Assignor,
  GroupMemberSubscription,
  TopicPartition,
} from './assignor.ts'
import { byIdentity } from './range.ts'

export const cooperativeSticky: Assignor = {
  name: 'cooperative-sticky',
  rebalanceProtocol: 'cooperative',
  assign(input: AssignmentInput) {
    const owners = currentOwners(input)
    const target = balance(input, owners)
    for (const [memberId, partitions] of target) {
      const allowed = partitions.filter((partition) => {
        const owner = owners.get(nameOf(partition))
        return owner === undefined || owner === memberId
      })
      target.set(memberId, allowed)
    }
    return target
  },
}

/** Who has which partition; of contradicting claims the one of the newest generation counts. */
function currentOwners({ members, partitionsPerTopic }: AssignmentInput): Map<string, string> {
  const claims = new Map<string, GroupMemberSubscription>()
  for (const member of [...members].sort(byIdentity)) {
    for (const owned of member.ownedPartitions) {
      const exists = owned.partition < (partitionsPerTopic.get(owned.topic) ?? 0)
      if (!exists || !member.topics.includes(owned.topic)) continue
      const rival = claims.get(nameOf(owned))
      if (!rival || member.generation > rival.generation) claims.set(nameOf(owned), member)
    }
  }
  return new Map([...claims].map(([name, { memberId }]) => [name, memberId]))
}

/** The assignment to arrive at, as if partitions could move at once. */
function balance(
  { members, partitionsPerTopic }: AssignmentInput,
  owners: ReadonlyMap<string, string>,
): Map<string, TopicPartition[]> {
  const order = [...members].sort(byIdentity)
  const assignment = new Map<string, TopicPartition[]>(order.map(({ memberId }) => [memberId, []]))
  const subscribers = new Map<string, GroupMemberSubscription[]>()
  const all: TopicPartition[] = []
  for (const [topic, count] of [...partitionsPerTopic].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const ofTopic = order.filter(({ topics }) => topics.includes(topic))
    if (ofTopic.length === 0) continue
    subscribers.set(topic, ofTopic)
    for (let partition = 0; partition < count; partition++) all.push({ topic, partition })
  }
  for (const partition of all) {
    const owner = owners.get(nameOf(partition))
    if (owner !== undefined) assignment.get(owner)!.push(partition)
  }
  const loadOf = (member: GroupMemberSubscription) => assignment.get(member.memberId)!.length
  const lightest = (topic: string) =>
    subscribers
      .get(topic)!
      .reduce((best, member) => (loadOf(member) < loadOf(best) ? member : best))
  for (const partition of all) {
    if (!owners.has(nameOf(partition)))
      assignment.get(lightest(partition.topic).memberId)!.push(partition)
  }
  // Move one partition at a time from a fuller member to one with at least two fewer, until there is no such pair.
  for (let moved = true; moved; ) {
    moved = false
    for (const member of [...order].sort((a, b) => loadOf(b) - loadOf(a))) {
      const own = assignment.get(member.memberId)!
      const at = own.findLastIndex(({ topic }) => loadOf(lightest(topic)) + 1 < own.length)
      if (at < 0) continue
      const [partition] = own.splice(at, 1)
      assignment.get(lightest(partition!.topic).memberId)!.push(partition!)
      moved = true
    }
  }
  return assignment
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}
