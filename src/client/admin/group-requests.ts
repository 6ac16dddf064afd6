/** What all calls about groups share: finding the coordinator, again when it has moved, and asking it. */
import { KafkaError } from '../../core/errors.ts'
import { invalid } from '../../core/options.ts'
import { errorFrom, errorName } from '../../protocol/error-codes.ts'
import {
  createDescribeGroupsRequest,
  type DescribeGroupsResponseDescribedGroup,
  describeGroups,
} from '../../protocol/messages/generated/describe-groups.ts'
import {
  createOffsetFetchRequest,
  createOffsetFetchRequestGroup,
  offsetFetch,
} from '../../protocol/messages/generated/offset-fetch.ts'
import type { CallOptions, Cluster } from '../cluster.ts'

export interface CommittedOffset {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** What was kept beside it; '' where nothing was. */
  readonly metadata: string
}

const coordinatorErrors: ReadonlySet<string> = new Set([
  'NOT_COORDINATOR',
  'COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
])

/** The last version in which topics have names; later ones have only ids, which a deleted topic no longer tells. */
export const namedTopics = { maxVersion: 9 } as const

export function checkGroupName(group: unknown): asserts group is string {
  if (typeof group !== 'string' || group === '')
    throw invalid(`A group's name must be a string that is not empty; got ${String(group)}`)
}

/** Runs `attempt` with the coordinator of the group until it succeeds or fails for good. */
export function withCoordinator<T>(
  cluster: Cluster,
  group: string,
  what: string,
  attempt: (call: CallOptions & { nodeId: number }) => Promise<T>,
): Promise<T> {
  return cluster.retrying(what, {}, async (call) => {
    const nodeId = await cluster.coordinator('group', group, call)
    try {
      return await attempt({ ...call, nodeId })
    } catch (error) {
      if (error instanceof KafkaError && coordinatorErrors.has(error.code))
        cluster.forgetCoordinator('group', group)
      throw error
    }
  })
}

/** The group as its coordinator has it, and which node that is; undefined when there is no such group. */
export function askForGroup(
  cluster: Cluster,
  group: string,
): Promise<{ described: DescribeGroupsResponseDescribedGroup; coordinatorId: number } | undefined> {
  return withCoordinator(cluster, group, `describe group '${group}'`, async (call) => {
    const request = createDescribeGroupsRequest({ groups: [group] })
    const response = await cluster.exchange(describeGroups, request, call)
    const described = response.groups[0]
    const code = described?.errorCode ?? -1
    // Before v6 a group that is not there is only dead.
    if (errorName(code) === 'GROUP_ID_NOT_FOUND') return undefined
    if (!described || code !== 0) throw errorFrom(code, { group, message: described?.errorMessage })
    if (described.groupState === 'Dead') return undefined
    return { described, coordinatorId: call.nodeId }
  })
}

/** Everything that the group has committed. */
export function fetchAllCommitted(cluster: Cluster, group: string): Promise<CommittedOffset[]> {
  const what = `fetch the committed offsets of group '${group}'`
  return withCoordinator(cluster, group, what, async (call) => {
    const response = await cluster.exchange(
      offsetFetch,
      (version) =>
        version >= 8
          ? createOffsetFetchRequest({
              groups: [
                createOffsetFetchRequestGroup({
                  groupId: group,
                  memberId: null,
                  memberEpoch: -1,
                  topics: null,
                }),
              ],
            })
          : createOffsetFetchRequest({ groupId: group, topics: null }),
      { ...call, ...namedTopics },
    )
    const { errorCode, topics } = response.groups[0] ?? response
    if (errorCode !== 0) throw errorFrom(errorCode, { group })
    return topics.flatMap(({ name, partitions }) =>
      partitions
        .filter(({ committedOffset }) => committedOffset >= 0n)
        .map(({ partitionIndex, committedOffset, metadata }) => ({
          topic: name,
          partition: partitionIndex,
          offset: committedOffset,
          metadata: metadata ?? '',
        })),
    )
  })
}
