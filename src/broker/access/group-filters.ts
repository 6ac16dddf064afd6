/** Filters of APIs about consumer groups. */

import { clusterResource, type Operation } from '../../backend/access.ts'
import {
  type AccessFilter,
  authorizedOperations,
  type FilterParts,
  mayOnCluster,
  mayOnTopic,
  partsFilter,
  wholeFilter,
} from '../../backend/access-filter.ts'
import { errorCode } from '../../protocol/error-codes.ts'
import {
  createDeleteGroupsResponse,
  createDeleteGroupsResponseDeletableGroupResult,
  type DeleteGroupsRequest,
  type DeleteGroupsResponse,
} from '../../protocol/messages/generated/delete-groups.ts'
import {
  createDescribeGroupsResponse,
  createDescribeGroupsResponseDescribedGroup,
  type DescribeGroupsRequest,
  type DescribeGroupsResponse,
} from '../../protocol/messages/generated/describe-groups.ts'
import {
  createFindCoordinatorResponse,
  createFindCoordinatorResponseCoordinator,
  type FindCoordinatorRequest,
  type FindCoordinatorResponse,
} from '../../protocol/messages/generated/find-coordinator.ts'
import {
  createHeartbeatResponse,
  type HeartbeatRequest,
  type HeartbeatResponse,
} from '../../protocol/messages/generated/heartbeat.ts'
import {
  createJoinGroupResponse,
  type JoinGroupRequest,
  type JoinGroupResponse,
} from '../../protocol/messages/generated/join-group.ts'
import {
  createLeaveGroupResponse,
  type LeaveGroupRequest,
  type LeaveGroupResponse,
} from '../../protocol/messages/generated/leave-group.ts'
import type {
  ListGroupsRequest,
  ListGroupsResponse,
} from '../../protocol/messages/generated/list-groups.ts'
import {
  createOffsetCommitResponse,
  createOffsetCommitResponsePartition,
  createOffsetCommitResponseTopic,
  type OffsetCommitRequest,
  type OffsetCommitRequestTopic,
  type OffsetCommitResponse,
} from '../../protocol/messages/generated/offset-commit.ts'
import {
  createOffsetDeleteResponse,
  createOffsetDeleteResponsePartition,
  createOffsetDeleteResponseTopic,
  type OffsetDeleteRequest,
  type OffsetDeleteResponse,
} from '../../protocol/messages/generated/offset-delete.ts'
import {
  createSyncGroupResponse,
  type SyncGroupRequest,
  type SyncGroupResponse,
} from '../../protocol/messages/generated/sync-group.ts'

const groupDenied = errorCode('GROUP_AUTHORIZATION_FAILED')
const topicDenied = errorCode('TOPIC_AUTHORIZATION_FAILED')

function mayOnGroup({ rights }: FilterParts, operation: Operation, groupId: string): boolean {
  return rights.may(operation, 'group', groupId)
}

function mayBeMember({ groupId }: { readonly groupId: string }, parts: FilterParts): boolean {
  return mayOnGroup(parts, 'read', groupId)
}

export const joinGroupFilter: AccessFilter<JoinGroupRequest, JoinGroupResponse> = wholeFilter(
  mayBeMember,
  ({ memberId }) => createJoinGroupResponse({ errorCode: groupDenied, memberId }),
)

export const heartbeatFilter: AccessFilter<HeartbeatRequest, HeartbeatResponse> = wholeFilter(
  mayBeMember,
  () => createHeartbeatResponse({ errorCode: groupDenied }),
)

export const leaveGroupFilter: AccessFilter<LeaveGroupRequest, LeaveGroupResponse> = wholeFilter(
  mayBeMember,
  () => createLeaveGroupResponse({ errorCode: groupDenied }),
)

export const syncGroupFilter: AccessFilter<SyncGroupRequest, SyncGroupResponse> = wholeFilter(
  mayBeMember,
  () => createSyncGroupResponse({ errorCode: groupDenied }),
)

export const describeGroupsFilter: AccessFilter<
  DescribeGroupsRequest,
  DescribeGroupsResponse
> = async (request, parts, next) => {
  const response = await describeAllowed(request, parts, next)
  if (request.includeAuthorizedOperations)
    for (const group of response.groups)
      if (group.errorCode === 0)
        group.authorizedOperations = authorizedOperations(parts.rights, 'group', group.groupId)
  return response
}

const describeAllowed: AccessFilter<DescribeGroupsRequest, DescribeGroupsResponse> = partsFilter({
  parts: ({ groups }) => groups,
  keep: (request, groups) => ({ ...request, groups }),
  isAllowed: (groupId, parts) => mayOnGroup(parts, 'describe', groupId),
  denied: (groupId) =>
    createDescribeGroupsResponseDescribedGroup({ groupId, errorCode: groupDenied }),
  empty: createDescribeGroupsResponse,
  answers: ({ groups }) => groups,
})

export const listGroupsFilter: AccessFilter<ListGroupsRequest, ListGroupsResponse> = async (
  request,
  parts,
  next,
) => {
  const response = await next(request)
  const { rights } = parts
  if (rights.allows('describe', 'cluster', clusterResource)) return response
  const groups = response.groups.filter(({ groupId }) =>
    rights.allows('describe', 'group', groupId),
  )
  return { ...response, groups }
}

export const deleteGroupsFilter: AccessFilter<DeleteGroupsRequest, DeleteGroupsResponse> =
  partsFilter({
    parts: ({ groupsNames }) => groupsNames,
    keep: (request, groupsNames) => ({ ...request, groupsNames }),
    isAllowed: (groupId, parts) => mayOnGroup(parts, 'delete', groupId),
    denied: (groupId) =>
      createDeleteGroupsResponseDeletableGroupResult({ groupId, errorCode: groupDenied }),
    empty: createDeleteGroupsResponse,
    answers: ({ results }) => results,
  })

export const offsetDeleteFilter: AccessFilter<OffsetDeleteRequest, OffsetDeleteResponse> = (
  request,
  parts,
  next,
) =>
  mayOnGroup(parts, 'delete', request.groupId)
    ? deleteOfTopics(request, parts, next).then(withoutPartsOfError)
    : Promise.resolve(createOffsetDeleteResponse({ errorCode: groupDenied }))

/** What holds for the group is all that there is to say. */
function withoutPartsOfError(response: OffsetDeleteResponse): OffsetDeleteResponse {
  return response.errorCode === 0 ? response : { ...response, topics: [] }
}

const deleteOfTopics: AccessFilter<OffsetDeleteRequest, OffsetDeleteResponse> = partsFilter({
  parts: ({ topics }) => topics,
  keep: (request, topics) => ({ ...request, topics }),
  isAllowed: (topic, parts) => mayOnTopic(parts, 'read', topic),
  denied: ({ name, partitions }) =>
    createOffsetDeleteResponseTopic({
      name,
      partitions: partitions.map(({ partitionIndex }) =>
        createOffsetDeleteResponsePartition({ partitionIndex, errorCode: topicDenied }),
      ),
    }),
  empty: createOffsetDeleteResponse,
  answers: ({ topics }) => topics,
})

export const offsetCommitFilter: AccessFilter<OffsetCommitRequest, OffsetCommitResponse> = (
  request,
  parts,
  next,
) => {
  if (mayOnGroup(parts, 'read', request.groupId)) return commitOfTopics(request, parts, next)
  const topics = request.topics.map((topic) => refusedCommit(topic, groupDenied))
  return Promise.resolve(createOffsetCommitResponse({ topics }))
}

const commitOfTopics: AccessFilter<OffsetCommitRequest, OffsetCommitResponse> = partsFilter({
  parts: ({ topics }) => topics,
  keep: (request, topics) => ({ ...request, topics }),
  isAllowed: (topic, parts) => mayOnTopic(parts, 'read', topic),
  denied: (topic) => refusedCommit(topic, topicDenied),
  empty: createOffsetCommitResponse,
  answers: ({ topics }) => topics,
})

function refusedCommit({ name, topicId, partitions }: OffsetCommitRequestTopic, code: number) {
  return createOffsetCommitResponseTopic({
    name,
    topicId,
    partitions: partitions.map(({ partitionIndex }) =>
      createOffsetCommitResponsePartition({ partitionIndex, errorCode: code }),
    ),
  })
}

const coordinatorTypes = [
  { type: 'group', code: groupDenied },
  { type: 'transactionalId', code: errorCode('TRANSACTIONAL_ID_AUTHORIZATION_FAILED') },
] as const
const clusterDenied = errorCode('CLUSTER_AUTHORIZATION_FAILED')

/** Up to v3 one key, from v4 on several; coordinators of share groups are of brokers alone. */
export const findCoordinatorFilter: AccessFilter<
  FindCoordinatorRequest,
  FindCoordinatorResponse
> = (request, parts, next) =>
  parts.version >= 4
    ? findSeveral(request, parts, next)
    : mayFind(request.key, parts, request)
      ? next(request)
      : Promise.resolve(createFindCoordinatorResponse(refusedCoordinator('', request.keyType)))

const findSeveral: AccessFilter<FindCoordinatorRequest, FindCoordinatorResponse> = (
  request,
  parts,
  next,
) => {
  const filter = partsFilter<
    FindCoordinatorRequest,
    FindCoordinatorResponse,
    string,
    ReturnType<typeof refusedCoordinator>
  >({
    parts: ({ coordinatorKeys }) => coordinatorKeys,
    keep: (whole, coordinatorKeys) => ({ ...whole, coordinatorKeys }),
    isAllowed: mayFind,
    denied: (key) => refusedCoordinator(key, request.keyType),
    empty: createFindCoordinatorResponse,
    answers: ({ coordinators }) => coordinators,
  })
  return filter(request, parts, next)
}

function mayFind(key: string, parts: FilterParts, { keyType }: FindCoordinatorRequest): boolean {
  const known = coordinatorTypes[keyType]
  return known
    ? parts.rights.may('describe', known.type, key)
    : mayOnCluster(parts, 'clusterAction')
}

function refusedCoordinator(key: string, keyType: number) {
  return createFindCoordinatorResponseCoordinator({
    key,
    nodeId: -1,
    port: -1,
    errorCode: coordinatorTypes[keyType]?.code ?? clusterDenied,
  })
}
