/** Consumer groups: listing, describing with their lag, deleting. */
import { CorruptDataError } from '../../core/errors.ts'
import { printable } from '../../core/json.ts'
import { errorCode, errorFrom } from '../../protocol/error-codes.ts'
import {
  createDeleteGroupsRequest,
  deleteGroups,
} from '../../protocol/messages/generated/delete-groups.ts'
import {
  createDescribeGroupsRequest,
  type DescribeGroupsResponseDescribedGroupMember,
  describeGroups,
} from '../../protocol/messages/generated/describe-groups.ts'
import {
  createListGroupsRequest,
  listGroups as listGroupsApi,
} from '../../protocol/messages/generated/list-groups.ts'
import type { CallOptions, Cluster } from '../cluster.ts'
import type { TopicPartition } from '../consumer/assignors/assignor.ts'
import { decodeAssignment, decodeSubscription } from '../consumer/assignors/consumer-protocol.ts'
import { Offset } from '../consumer/offset.ts'
import { lookUpOffsets } from '../consumer/offset-lookup.ts'
import { describeCluster } from './cluster-description.ts'
import {
  askForGroup,
  type CommittedOffset,
  checkGroupName,
  fetchAllCommitted,
  withCoordinator,
} from './group-requests.ts'

/** A group as returned by `admin.listGroups`. */
export interface GroupSummary {
  readonly group: string
  /** Kafka's name: `Stable`, `Empty`, `PreparingRebalance`, `CompletingRebalance` …; empty before Kafka 2.6. */
  readonly state: string
  /** `consumer` for consumers; empty for groups that only store offsets. */
  readonly protocolType: string
  /** Members at present; undefined for a group of a kind whose members this client cannot ask for. */
  readonly memberCount: number | undefined
}

/** A member of a group, as its coordinator knows it. */
export interface GroupMember {
  readonly memberId: string
  /** Of a static member. */
  readonly instanceId: string | undefined
  readonly clientId: string
  readonly host: string
  /** Its topics, if known: while the group is stable. */
  readonly topics: readonly string[]
  readonly partitions: readonly TopicPartition[]
}

/** Position of a group in one partition. */
export interface GroupPartition extends TopicPartition {
  /** The next offset that the group will read; undefined when it has committed none. */
  readonly committed: bigint | undefined
  /** Offset that the next record will get; undefined when the topic is gone. */
  readonly latest: bigint | undefined
  /** Records between the two; undefined where one of them is. */
  readonly lag: bigint | undefined
  /** The member that reads it now. */
  readonly memberId: string | undefined
}

/** Result of `admin.describeGroup`. */
export interface GroupDescription extends GroupSummary {
  /** The assignor that its members agreed on; empty while there is none. */
  readonly assignor: string
  /** The node that coordinates the group. */
  readonly coordinatorId: number
  readonly members: readonly GroupMember[]
  /** The partitions the group has committed or reads, by topic and partition. */
  readonly partitions: readonly GroupPartition[]
  /** The sum over the partitions whose lag is known. */
  readonly totalLag: bigint
}

export async function listGroups(cluster: Cluster): Promise<GroupSummary[]> {
  const { nodes } = await describeCluster(cluster)
  const lists = await Promise.all(nodes.map(({ id }) => listGroupsOf(cluster, id)))
  return lists.flat().sort((a, b) => (a.group < b.group ? -1 : 1))
}

/** Each node tells the groups that it coordinates. */
function listGroupsOf(cluster: Cluster, nodeId: number): Promise<GroupSummary[]> {
  return cluster.retrying(`list the groups of node ${nodeId}`, {}, async (call) => {
    const request = createListGroupsRequest()
    const response = await cluster.exchange(listGroupsApi, request, { ...call, nodeId })
    if (response.errorCode !== 0) throw errorFrom(response.errorCode)
    const names = response.groups.map(({ groupId }) => groupId)
    const counts = await memberCounts(cluster, names, { ...call, nodeId })
    return response.groups.map(({ groupId, groupState, protocolType }) => ({
      group: groupId,
      state: groupState,
      protocolType,
      memberCount: counts.get(groupId),
    }))
  })
}

/** Groups that are described by one request. */
const describedAtOnce = 500

/** By group; without those of another kind than the classic one, and those that have gone since they were listed. */
async function memberCounts(
  cluster: Cluster,
  groups: readonly string[],
  call: CallOptions & { nodeId: number },
): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (let at = 0; at < groups.length; at += describedAtOnce) {
    const request = createDescribeGroupsRequest({ groups: groups.slice(at, at + describedAtOnce) })
    const response = await cluster.exchange(describeGroups, request, call)
    for (const { groupId, errorCode, groupState, members } of response.groups)
      if (errorCode === 0 && groupState !== 'Dead') counts.set(groupId, members.length)
  }
  return counts
}

export async function describeGroup(cluster: Cluster, group: string): Promise<GroupDescription> {
  checkGroupName(group)
  const found = await askForGroup(cluster, group)
  if (!found) throw errorFrom(errorCode('GROUP_ID_NOT_FOUND'), { group })
  const { described, coordinatorId } = found
  const members = described.members.map(toMember)
  const committed = await fetchAllCommitted(cluster, group)
  const partitions = await describePartitions(cluster, members, committed)
  return printable({
    group,
    state: described.groupState,
    protocolType: described.protocolType,
    assignor: described.protocolData,
    coordinatorId,
    members,
    memberCount: members.length,
    partitions,
    totalLag: partitions.reduce((sum, { lag = 0n }) => sum + lag, 0n),
  })
}

export async function deleteGroup(cluster: Cluster, group: string): Promise<void> {
  checkGroupName(group)
  await withCoordinator(cluster, group, `delete group '${group}'`, async (call) => {
    const request = createDeleteGroupsRequest({ groupsNames: [group] })
    const response = await cluster.exchange(deleteGroups, request, call)
    const code = response.results[0]?.errorCode ?? -1
    if (code !== 0) throw errorFrom(code, { group })
  })
}

function toMember(member: DescribeGroupsResponseDescribedGroupMember): GroupMember {
  const { memberId, groupInstanceId, clientId, clientHost } = member
  return {
    memberId,
    instanceId: groupInstanceId ?? undefined,
    clientId,
    host: clientHost,
    topics: decoded(member.memberMetadata, (bytes) => [...decodeSubscription(bytes).topics].sort()),
    partitions: decoded(member.memberAssignment, (bytes) =>
      [...decodeAssignment(bytes).partitions].sort(inOrder),
    ),
  }
}

/** Members of a group that rebalances, or that are no consumers, tell nothing that could be read. */
function decoded<T>(bytes: Uint8Array, decode: (bytes: Uint8Array) => T[]): T[] {
  if (bytes.length === 0) return []
  try {
    return decode(bytes)
  } catch (error) {
    if (error instanceof CorruptDataError) return []
    throw error
  }
}

async function describePartitions(
  cluster: Cluster,
  members: readonly GroupMember[],
  committed: readonly CommittedOffset[],
): Promise<GroupPartition[]> {
  const places = new Map<string, TopicPartition>()
  const readers = new Map<string, string>()
  const offsets = new Map<string, bigint>()
  for (const { topic, partition, offset } of committed) {
    places.set(keyOf({ topic, partition }), { topic, partition })
    offsets.set(keyOf({ topic, partition }), offset)
  }
  for (const { memberId, partitions } of members) {
    for (const place of partitions) {
      places.set(keyOf(place), place)
      readers.set(keyOf(place), memberId)
    }
  }
  const ends = await latestOffsets(cluster, [...places.values()])
  return [...places]
    .map(([key, place]) => {
      const offset = offsets.get(key)
      const latest = ends.get(key)
      const isKnown = offset !== undefined && latest !== undefined
      return printable({
        ...place,
        committed: offset,
        latest,
        // An offset past the end, which Kafka allows, lags by nothing.
        lag: isKnown ? (latest > offset ? latest - offset : 0n) : undefined,
        memberId: readers.get(key),
      })
    })
    .sort(inOrder)
}

/** Of those partitions that are still there. */
async function latestOffsets(
  cluster: Cluster,
  places: readonly TopicPartition[],
): Promise<Map<string, bigint>> {
  if (places.length === 0) return new Map()
  const topics = await cluster.listTopics({ internal: true })
  const counts = new Map(topics.map(({ name, partitions }) => [name, partitions.length]))
  const present = places.filter(({ topic, partition }) => partition < (counts.get(topic) ?? 0))
  const options = { isolation: 'read_uncommitted', create: false } as const
  const ends = await lookUpOffsets(cluster, present, Offset.latest, options)
  return new Map(present.map((place, i) => [keyOf(place), ends[i]!]))
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${partition} ${topic}`
}

function inOrder(a: TopicPartition, b: TopicPartition): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1
  return a.partition - b.partition
}
