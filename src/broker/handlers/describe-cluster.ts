/**
 * DescribeCluster v0–2 (KIP-700): this node is the whole cluster, and its controller. As in Apache Kafka; no broker is
 * ever fenced, so `includeFencedBrokers` (v2) adds none.
 */

import type { RequestContext } from '../../backend/request-context.ts'
import { errorCode } from '../../protocol/error-codes.ts'
import {
  createDescribeClusterResponse,
  createDescribeClusterResponseDescribeClusterBroker,
  type DescribeClusterRequest,
  type DescribeClusterResponse,
  describeCluster,
} from '../../protocol/messages/generated/describe-cluster.ts'
import { describeClusterFilter } from '../access/cluster-filters.ts'
import { allowedOperations } from '../access/operations.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'

type Services = Pick<BrokerServices, 'config' | 'clusterId'>

const brokers = 1
const controllers = 2

function handleDescribeCluster(
  services: Services,
  { endpointType, includeClusterAuthorizedOperations }: DescribeClusterRequest,
  { session: { advertised } }: RequestContext,
): DescribeClusterResponse {
  if (endpointType !== brokers) return refused(endpointType)
  const { nodeId } = services.config
  const { host, port } = advertised
  return createDescribeClusterResponse({
    errorMessage: null,
    clusterId: services.clusterId,
    controllerId: nodeId,
    brokers: [createDescribeClusterResponseDescribeClusterBroker({ brokerId: nodeId, host, port })],
    ...(includeClusterAuthorizedOperations && {
      clusterAuthorizedOperations: allowedOperations.cluster,
    }),
  })
}

function refused(endpointType: number): DescribeClusterResponse {
  const isKnown = endpointType === controllers
  return createDescribeClusterResponse({
    errorCode: errorCode(isKnown ? 'MISMATCHED_ENDPOINT_TYPE' : 'UNSUPPORTED_ENDPOINT_TYPE'),
    errorMessage: isKnown
      ? 'This is an endpoint of brokers (1), not of controllers (2)'
      : `There is no endpoint type ${endpointType}`,
  })
}

export const describeClusterApi = served({
  api: describeCluster,
  filter: describeClusterFilter,
  handle: handleDescribeCluster,
})
