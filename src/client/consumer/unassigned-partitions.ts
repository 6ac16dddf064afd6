/** Whether a group's last round left something half done: partitions that were to be given up for others, and have gone to nobody. */
import { askForGroup } from '../admin/group-requests.ts'
import type { Cluster } from '../cluster.ts'
import { decodeAssignment } from './assignors/consumer-protocol.ts'

/** Of topics that there are. False while the group is in a round. */
export async function hasUnassigned(
  cluster: Cluster,
  group: string,
  topics: readonly string[],
): Promise<boolean> {
  const found = await askForGroup(cluster, group)
  if (found?.described.groupState !== 'Stable') return false
  const assigned = new Set<string>()
  for (const { memberAssignment } of found.described.members) {
    if (memberAssignment.length === 0) continue
    const { partitions } = decodeAssignment(memberAssignment)
    for (const { topic, partition } of partitions) assigned.add(`${partition} ${topic}`)
  }
  const there = await cluster.ensureTopics(topics, { create: false, absent: 'leave out' })
  return [...there.values()].some(({ name, partitions }) =>
    partitions.some(({ index }) => !assigned.has(`${index} ${name}`)),
  )
}
