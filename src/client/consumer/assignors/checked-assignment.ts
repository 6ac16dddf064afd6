/** Holds an assignor to its word: what it gives goes to all members, and a mistake in it is told to nobody else. */
import { inspectBriefly } from '../../../core/duration.ts'
import { ConfigError } from '../../../core/errors.ts'
import type { AssignmentInput, Assignor, MemberAssignment } from './assignor.ts'

/** Throws `ConfigError`. */
export function checkAssignment(
  { name, protocol }: Assignor,
  { members, partitionsPerTopic }: AssignmentInput,
  given: unknown,
): ReadonlyMap<string, MemberAssignment> {
  const wrong = (what: string) =>
    new ConfigError(`Assignor '${name}' ${what}`, { code: 'INVALID_ASSIGNMENT' })
  if (!(given instanceof Map)) {
    throw wrong(`must return a Map of { partitions } by member id; got ${inspectBriefly(given)}`)
  }
  const byId = new Map(members.map((member) => [member.memberId, member]))
  const owners = new Map<string, string>()
  for (const member of protocol === 'cooperative' ? members : []) {
    for (const { topic, partition } of member.ownedPartitions) {
      if (!member.topics.includes(topic)) continue
      const place = `${topic}-${partition}`
      // Of two claims neither is sure.
      owners.set(place, owners.has(place) ? '' : member.memberId)
    }
  }
  const taken = new Map<string, string>()
  for (const [memberId, assignment] of given as ReadonlyMap<string, MemberAssignment>) {
    const member = byId.get(memberId)
    if (!member)
      throw wrong(`assigned partitions to '${memberId}', which is not a member of the group`)
    const partitions: unknown = assignment?.partitions
    if (!Array.isArray(partitions)) {
      throw wrong(
        `must assign { partitions: [...] } to '${memberId}'; got ${inspectBriefly(assignment)}`,
      )
    }
    const { userData } = assignment
    if (userData !== undefined && userData !== null && !(userData instanceof Uint8Array)) {
      throw wrong(
        `assigned userData that is not bytes to '${memberId}': ${inspectBriefly(userData)}`,
      )
    }
    for (const { topic, partition } of assignment.partitions) {
      const place = `${topic}-${partition}`
      if (!member.topics.includes(topic)) {
        throw wrong(`assigned ${place} to '${memberId}', which does not subscribe to '${topic}'`)
      }
      const count = partitionsPerTopic.get(topic) ?? 0
      if (!Number.isInteger(partition) || partition < 0 || partition >= count) {
        throw wrong(`gave ${place} to '${memberId}', but '${topic}' has ${count} partitions`)
      }
      const other = taken.get(place)
      if (other !== undefined) throw wrong(`gave ${place} twice, to '${other}' and '${memberId}'`)
      taken.set(place, memberId)
      const owner = owners.get(place)
      if (owner && owner !== memberId) {
        throw wrong(
          `is cooperative, but assigned ${place} to '${memberId}' while '${owner}' still owns it: leave it out of this round`,
        )
      }
    }
  }
  return given as ReadonlyMap<string, MemberAssignment>
}
