/** Filters of APIs that need a right on the cluster: they are served as a whole or not at all. */

import { clusterResource } from '../../backend/access.ts'
import {
  type AccessFilter,
  authorizedOperations,
  type FilterParts,
  wholeFilter,
} from '../../backend/access-filter.ts'
import { clusterDenied, needs } from '../../backend/acl-filters.ts'
import {
  type AlterPartitionReassignmentsRequest,
  type AlterPartitionReassignmentsResponse,
  createAlterPartitionReassignmentsResponse,
} from '../../protocol/messages/generated/alter-partition-reassignments.ts'
import type {
  DescribeClusterRequest,
  DescribeClusterResponse,
} from '../../protocol/messages/generated/describe-cluster.ts'
import {
  createDescribeLogDirsResponse,
  type DescribeLogDirsRequest,
  type DescribeLogDirsResponse,
} from '../../protocol/messages/generated/describe-log-dirs.ts'
import {
  createElectLeadersResponse,
  createElectLeadersResponsePartitionResult,
  createElectLeadersResponseReplicaElectionResult,
  type ElectLeadersRequest,
  type ElectLeadersResponse,
} from '../../protocol/messages/generated/elect-leaders.ts'
import {
  createListPartitionReassignmentsResponse,
  type ListPartitionReassignmentsRequest,
  type ListPartitionReassignmentsResponse,
} from '../../protocol/messages/generated/list-partition-reassignments.ts'

export const describeLogDirsFilter: AccessFilter<DescribeLogDirsRequest, DescribeLogDirsResponse> =
  wholeFilter(needs('describe'), () =>
    createDescribeLogDirsResponse({ errorCode: clusterDenied.errorCode }),
  )

export const electLeadersFilter: AccessFilter<ElectLeadersRequest, ElectLeadersResponse> =
  wholeFilter(needs('alter'), ({ topicPartitions }) =>
    createElectLeadersResponse({
      errorCode: clusterDenied.errorCode,
      replicaElectionResults: topicPartitions?.map(({ topic, partitions }) =>
        createElectLeadersResponseReplicaElectionResult({
          topic,
          partitionResult: partitions.map((partitionId) =>
            createElectLeadersResponsePartitionResult({ partitionId, ...clusterDenied }),
          ),
        }),
      ),
    }),
  )

export const alterPartitionReassignmentsFilter: AccessFilter<
  AlterPartitionReassignmentsRequest,
  AlterPartitionReassignmentsResponse
> = wholeFilter(needs('alter'), () => createAlterPartitionReassignmentsResponse(clusterDenied))

export const listPartitionReassignmentsFilter: AccessFilter<
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponse
> = wholeFilter(needs('describe'), () => createListPartitionReassignmentsResponse(clusterDenied))

/** Where the nodes are is no secret; what the caller may do with the cluster is told to who may describe it. */
export const describeClusterFilter: AccessFilter<
  DescribeClusterRequest,
  DescribeClusterResponse
> = async (request, { rights }, next) => {
  const response = await next(request)
  if (!request.includeClusterAuthorizedOperations) return response
  return { ...response, clusterAuthorizedOperations: clusterOperations(rights) }
}

export function clusterOperations(rights: FilterParts['rights']): number {
  if (!rights.allows('describe', 'cluster', clusterResource)) return 0
  return authorizedOperations(rights, 'cluster', clusterResource)
}
