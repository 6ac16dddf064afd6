/**
 * DescribeCluster v0–2 (KIP-700): this node is the whole cluster, and its controller. As in Apache Kafka; no broker is
 * ever fenced, so `includeFencedBrokers` (v2) adds none.
 */
import { errorCode } from '../../protocol/error-codes.ts'
import {
  createDescribeClusterResponse,
  createDescribeClusterResponseDescribeClusterBroker,
  type DescribeClusterRequest,
  type DescribeClusterResponse,
} from '../../protocol/messages/generated/describe-cluster.ts'
import { allowedOperations } from '../access/operations.ts'
import type { RequestContext } from '../request-context.ts'
import type { BrokerServices } from '../services.ts'

const brokers = 1
const controllers = 2

export function handleDescribeCluster(
  services: BrokerServices,
  { endpointType, includeClusterAuthorizedOperations }: DescribeClusterRequest,
  { advertised = services.advertised() }: RequestContext,
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
