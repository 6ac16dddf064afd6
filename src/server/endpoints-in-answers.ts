/** The addresses of nodes in an answer, replaced by those where clients reach them through us. */
import type { Endpoint } from '../backend/endpoint.ts'
import type { ApiIdentity } from '../protocol/api.ts'
import {
  type DescribeClusterResponse,
  describeCluster,
} from '../protocol/messages/generated/describe-cluster.ts'
import { type FetchResponse, fetch } from '../protocol/messages/generated/fetch.ts'
import {
  type FindCoordinatorResponse,
  findCoordinator,
} from '../protocol/messages/generated/find-coordinator.ts'
import { type MetadataResponse, metadata } from '../protocol/messages/generated/metadata.ts'
import { type ProduceResponse, produce } from '../protocol/messages/generated/produce.ts'

type EndpointOf = (nodeId: number) => Endpoint

/** Changes the response, which is nobody else's. */
export function withEndpoints(
  { key }: ApiIdentity,
  response: unknown,
  endpointOf: EndpointOf,
): unknown {
  if (key === metadata.key) {
    for (const node of (response as MetadataResponse).brokers) move(node, node.nodeId, endpointOf)
  } else if (key === describeCluster.key) {
    for (const node of (response as DescribeClusterResponse).brokers)
      move(node, node.brokerId, endpointOf)
  } else if (key === findCoordinator.key) {
    const found = response as FindCoordinatorResponse
    for (const node of [found, ...found.coordinators])
      if (node.host !== '') move(node, node.nodeId, endpointOf)
  } else if (key === fetch.key || key === produce.key) {
    for (const node of (response as FetchResponse | ProduceResponse).nodeEndpoints)
      move(node, node.nodeId, endpointOf)
  }
  return response
}

function move(node: { host: string; port: number }, nodeId: number, endpointOf: EndpointOf): void {
  const { host, port } = endpointOf(nodeId)
  node.host = host
  node.port = port
}
