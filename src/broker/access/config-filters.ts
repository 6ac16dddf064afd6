/** Filters of APIs about configs: the right is on the topic, the group, or for all else on the cluster (KIP-133). */

import { clusterResource, type Operation, type ResourceType } from '../../backend/access.ts'
import { type AccessFilter, type FilterParts, partsFilter } from '../../backend/access-filter.ts'
import { errorCode } from '../../protocol/error-codes.ts'
import {
  type AlterConfigsRequest,
  type AlterConfigsResponse,
  createAlterConfigsResponse,
  createAlterConfigsResponseAlterConfigsResourceResponse,
} from '../../protocol/messages/generated/alter-configs.ts'
import {
  createDescribeConfigsResponse,
  createDescribeConfigsResponseDescribeConfigsResult,
  type DescribeConfigsRequest,
  type DescribeConfigsResponse,
} from '../../protocol/messages/generated/describe-configs.ts'
import {
  createIncrementalAlterConfigsResponse,
  createIncrementalAlterConfigsResponseAlterConfigsResourceResponse,
  type IncrementalAlterConfigsRequest,
  type IncrementalAlterConfigsResponse,
} from '../../protocol/messages/generated/incremental-alter-configs.ts'

/** Kafka's numbers (`ConfigResource.Type`); all others are of the brokers. */
const topicType = 2
const groupType = 32

interface ConfigResource {
  readonly resourceType: number
  readonly resourceName: string
}

function resourceOf({ resourceType, resourceName }: ConfigResource): [ResourceType, string] {
  if (resourceType === topicType) return ['topic', resourceName]
  return resourceType === groupType ? ['group', resourceName] : ['cluster', clusterResource]
}

function mayOnConfigs(operation: Operation) {
  return (resource: ConfigResource, { rights }: FilterParts) =>
    rights.may(operation, ...resourceOf(resource))
}

const refusals = {
  topic: [errorCode('TOPIC_AUTHORIZATION_FAILED'), 'Topic authorization failed.'],
  group: [errorCode('GROUP_AUTHORIZATION_FAILED'), 'Group authorization failed.'],
  cluster: [errorCode('CLUSTER_AUTHORIZATION_FAILED'), 'Cluster authorization failed.'],
} as const

function refused({ resourceType, resourceName }: ConfigResource) {
  const [type] = resourceOf({ resourceType, resourceName })
  const [code, errorMessage] = refusals[type as keyof typeof refusals]
  return { resourceType, resourceName, errorCode: code, errorMessage }
}

export const describeConfigsFilter: AccessFilter<DescribeConfigsRequest, DescribeConfigsResponse> =
  partsFilter({
    parts: ({ resources }) => resources,
    keep: (request, resources) => ({ ...request, resources }),
    isAllowed: mayOnConfigs('describeConfigs'),
    denied: (resource) => createDescribeConfigsResponseDescribeConfigsResult(refused(resource)),
    empty: createDescribeConfigsResponse,
    answers: ({ results }) => results,
  })

export const alterConfigsFilter: AccessFilter<AlterConfigsRequest, AlterConfigsResponse> =
  partsFilter({
    parts: ({ resources }) => resources,
    keep: (request, resources) => ({ ...request, resources }),
    isAllowed: mayOnConfigs('alterConfigs'),
    denied: (resource) => createAlterConfigsResponseAlterConfigsResourceResponse(refused(resource)),
    empty: createAlterConfigsResponse,
    answers: ({ responses }) => responses,
  })

export const incrementalAlterConfigsFilter: AccessFilter<
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse
> = partsFilter({
  parts: ({ resources }) => resources,
  keep: (request, resources) => ({ ...request, resources }),
  isAllowed: mayOnConfigs('alterConfigs'),
  denied: (resource) =>
    createIncrementalAlterConfigsResponseAlterConfigsResourceResponse(refused(resource)),
  empty: createIncrementalAlterConfigsResponse,
  answers: ({ responses }) => responses,
})
