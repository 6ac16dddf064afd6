/**
 * Kafka's range assignor: each topic by itself, its partitions in consecutive ranges to the members in order of their
 * ids (static members first, by instance id), the first members getting one more where it does not come out even.
 */
import {
  type AssignmentInput,
  emptyAssignment,
  type GroupMemberSubscription,
  type PlainAssignor,
} from './assignor.ts'

export const range: PlainAssignor = {
  name: 'range',
  protocol: 'eager',
  assign(input: AssignmentInput) {
    const { members, partitionsPerTopic } = input
    const assignment = emptyAssignment(input)
    for (const [topic, count] of partitionsPerTopic) {
      const subscribers = members.filter(({ topics }) => topics.includes(topic)).sort(byIdentity)
      let next = 0
      subscribers.forEach(({ memberId }, i) => {
        const share =
          Math.floor(count / subscribers.length) + (i < count % subscribers.length ? 1 : 0)
        for (const end = next + share; next < end; next++)
          assignment.get(memberId)!.partitions.push({ topic, partition: next })
      })
    }
    return assignment
  },
}

/** Kafka's order of members: those with an instance id first, by it; the others by member id. */
export function byIdentity(a: GroupMemberSubscription, b: GroupMemberSubscription): number {
  if (a.groupInstanceId !== null && b.groupInstanceId !== null)
    return compare(a.groupInstanceId, b.groupInstanceId)
  if (a.groupInstanceId !== null) return -1
  if (b.groupInstanceId !== null) return 1
  return compare(a.memberId, b.memberId)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
