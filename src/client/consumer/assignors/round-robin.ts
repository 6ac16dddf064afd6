/** Kafka's round-robin assignor: all partitions of all topics, in order, dealt to the members that subscribe, in order. */
import type { AssignmentInput, Assignor, TopicPartition } from './assignor.ts'
import { byIdentity } from './range.ts'

export const roundRobin: Assignor = {
  name: 'roundrobin',
  rebalanceProtocol: 'eager',
  assign({ members, partitionsPerTopic }: AssignmentInput) {
    const assignment = new Map<string, TopicPartition[]>(
      members.map(({ memberId }) => [memberId, []]),
    )
    const order = [...members].sort(byIdentity)
    let turn = 0
    for (const topic of [...partitionsPerTopic.keys()].sort()) {
      if (!members.some(({ topics }) => topics.includes(topic))) continue
      for (let partition = 0; partition < partitionsPerTopic.get(topic)!; partition++) {
        while (!order[turn % order.length]!.topics.includes(topic)) turn++
        assignment.get(order[turn % order.length]!.memberId)!.push({ topic, partition })
        turn++
      }
    }
    return assignment
  },
}
