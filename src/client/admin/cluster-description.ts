/** The cluster and its nodes (DescribeCluster, KIP-700). */
import { errorFrom } from '../../protocol/error-codes.ts'
import {
  createDescribeClusterRequest,
  describeCluster as describeClusterApi,
} from '../../protocol/messages/generated/describe-cluster.ts'
import type { Cluster } from '../cluster.ts'

/** A broker of a cluster. */
export interface ClusterNode {
  readonly id: number
  readonly host: string
  readonly port: number
  readonly rack: string | undefined
}

/** Result of `admin.describeCluster`. */
export interface ClusterDescription {
  readonly id: string
  /** The controller node; undefined while there is none. */
  readonly controllerId: number | undefined
  /** By id. */
  readonly nodes: readonly ClusterNode[]
}

export function describeCluster(cluster: Cluster): Promise<ClusterDescription> {
  return cluster.retrying('describe the cluster', {}, async (call) => {
    const request = createDescribeClusterRequest()
    const response = await cluster.exchange(describeClusterApi, request, call)
    const { errorCode, errorMessage: message, clusterId, controllerId } = response
    if (errorCode !== 0) throw errorFrom(errorCode, message ? { message } : {})
    const nodes = response.brokers.map(({ brokerId, host, port, rack }) => ({
      id: brokerId,
      host,
      port,
      rack: rack ?? undefined,
    }))
    return {
      id: clusterId,
      controllerId: controllerId < 0 ? undefined : controllerId,
      nodes: nodes.sort((a, b) => a.id - b.id),
    }
  })
}
