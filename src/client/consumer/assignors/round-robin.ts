/** Kafka's round-robin assignor: all partitions of all topics, in order, dealt to the members that subscribe, in order. */
import { type AssignmentInput, emptyAssignment, type PlainAssignor } from './assignor.ts'
import { byIdentity } from './range.ts'

export const roundRobin: PlainAssignor = {
  name: 'roundrobin',
  protocol: 'eager',
  assign(input: AssignmentInput) {
    const { members, partitionsPerTopic } = input
    const assignment = emptyAssignment(input)
    const order = [...members].sort(byIdentity)
    let turn = 0
    for (const topic of [...partitionsPerTopic.keys()].sort()) {
      if (!members.some(({ topics }) => topics.includes(topic))) continue
      for (let partition = 0; partition < partitionsPerTopic.get(topic)!; partition++) {
        while (!order[turn % order.length]!.topics.includes(topic)) turn++
        assignment.get(order[turn % order.length]!.memberId)!.partitions.push({ topic, partition })
        turn++
      }
    }
    return assignment
  },
}
