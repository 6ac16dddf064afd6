/** Filters of the APIs of rights, and the answer to who may not do something on the cluster. */
import { errorCode } from '../protocol/error-codes.ts'
import {
  type CreateAclsRequest,
  type CreateAclsResponse,
  createCreateAclsResponse,
  createCreateAclsResponseAclCreationResult,
} from '../protocol/messages/generated/create-acls.ts'
import {
  createDeleteAclsResponse,
  createDeleteAclsResponseDeleteAclsFilterResult,
  type DeleteAclsRequest,
  type DeleteAclsResponse,
} from '../protocol/messages/generated/delete-acls.ts'
import {
  createDescribeAclsResponse,
  type DescribeAclsRequest,
  type DescribeAclsResponse,
} from '../protocol/messages/generated/describe-acls.ts'
import type { Operation } from './access.ts'
import { type AccessFilter, type FilterParts, mayOnCluster, wholeFilter } from './access-filter.ts'

/** As Apache Kafka words it. */
export const clusterDenied = {
  errorCode: errorCode('CLUSTER_AUTHORIZATION_FAILED'),
  errorMessage: 'Cluster authorization failed.',
}

export function needs(operation: Operation) {
  return (_: unknown, parts: FilterParts) => mayOnCluster(parts, operation)
}

export const describeAclsFilter: AccessFilter<DescribeAclsRequest, DescribeAclsResponse> =
  wholeFilter(needs('describe'), () => createDescribeAclsResponse(clusterDenied))

export const createAclsFilter: AccessFilter<CreateAclsRequest, CreateAclsResponse> = wholeFilter(
  needs('alter'),
  ({ creations }) =>
    createCreateAclsResponse({
      results: creations.map(() => createCreateAclsResponseAclCreationResult(clusterDenied)),
    }),
)

export const deleteAclsFilter: AccessFilter<DeleteAclsRequest, DeleteAclsResponse> = wholeFilter(
  needs('alter'),
  ({ filters }) =>
    createDeleteAclsResponse({
      filterResults: filters.map(() =>
        createDeleteAclsResponseDeleteAclsFilterResult(clusterDenied),
      ),
    }),
)
