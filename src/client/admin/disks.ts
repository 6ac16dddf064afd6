/** What is stored where, and how much room there is (DescribeLogDirs of every node). */
import { errorFrom } from '../../protocol/error-codes.ts'
import {
  createDescribeLogDirsRequest,
  describeLogDirs,
} from '../../protocol/messages/generated/describe-log-dirs.ts'
import type { Cluster } from '../cluster.ts'
import { describeCluster } from './cluster-description.ts'

/** A partition's copy in a folder of a node. */
export interface StoredPartition {
  readonly topic: string
  readonly partition: number
  /** On disk, indexes not counted. */
  readonly bytes: bigint
}

/** A folder in which a node stores records, as returned by `admin.describeDisks`. */
export interface NodeDisk {
  /** The id of the node. */
  readonly node: number
  readonly folder: string
  /** Of the file system; undefined: the node does not tell (Apache Kafka before 3.3, a broker in memory). */
  readonly totalBytes: bigint | undefined
  readonly freeBytes: bigint | undefined
  readonly partitions: readonly StoredPartition[]
}

export async function describeDisks(cluster: Cluster): Promise<NodeDisk[]> {
  const { nodes } = await describeCluster(cluster)
  const found = await Promise.all(nodes.map(({ id }) => disksOf(cluster, id)))
  return found.flat()
}

function disksOf(cluster: Cluster, node: number): Promise<NodeDisk[]> {
  return cluster.retrying(`describe the disks of node ${node}`, {}, async (call) => {
    const request = createDescribeLogDirsRequest({ topics: null })
    const response = await cluster.exchange(describeLogDirs, request, { ...call, nodeId: node })
    // Before version 3 a refusal is an answer without folders.
    if (response.errorCode !== 0) throw errorFrom(response.errorCode)
    const refused = response.results.find(({ errorCode }) => errorCode !== 0)
    if (refused && response.results.length === 1) throw errorFrom(refused.errorCode)
    return response.results
      .filter(({ errorCode }) => errorCode === 0)
      .map(({ logDir: folder, topics, totalBytes, usableBytes }) => ({
        ...{ node, folder },
        totalBytes: totalBytes < 0n ? undefined : totalBytes,
        freeBytes: usableBytes < 0n ? undefined : usableBytes,
        partitions: topics.flatMap(({ name: topic, partitions }) =>
          partitions.map(({ partitionIndex: partition, partitionSize: bytes }) => ({
            ...{ topic, partition, bytes },
          })),
        ),
      }))
  })
}
