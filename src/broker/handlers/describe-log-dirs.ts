/**
 * DescribeLogDirs v1–5: the data folder, and how many bytes of records each partition has in it. What is asked for and
 * not there is left out.
 *
 * v4+: size and free space of the disk, as the system tells them; -1 where it does not, and in memory.
 *
 * Differs from Apache Kafka: a partition that the disk has failed does not take the folder offline; it is listed with the
 * size it had.
 */

import {
  createDescribeLogDirsResponse,
  createDescribeLogDirsResponseDescribeLogDirsPartition,
  createDescribeLogDirsResponseDescribeLogDirsResult,
  createDescribeLogDirsResponseDescribeLogDirsTopic,
  type DescribeLogDirsRequest,
  type DescribeLogDirsResponse,
  type DescribeLogDirsResponseDescribeLogDirsTopic,
  describeLogDirs,
} from '../../protocol/messages/generated/describe-log-dirs.ts'
import { describeLogDirsFilter } from '../access/cluster-filters.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'

type Services = Pick<BrokerServices, 'topics' | 'logs'>

function handleDescribeLogDirs(
  services: Services,
  request: DescribeLogDirsRequest,
): DescribeLogDirsResponse {
  const { description: logDir, reserve } = services.logs
  const { totalBytes = -1, freeBytes = -1 } = reserve.condition() ?? {}
  const result = createDescribeLogDirsResponseDescribeLogDirsResult({
    logDir,
    topics: describeTopics(services, request),
    totalBytes: BigInt(totalBytes),
    usableBytes: BigInt(freeBytes),
  })
  return createDescribeLogDirsResponse({ results: [result] })
}

function describeTopics(
  services: Services,
  request: DescribeLogDirsRequest,
): DescribeLogDirsResponseDescribeLogDirsTopic[] {
  const wanted = request.topics && wantedPartitions(request.topics)
  const described: DescribeLogDirsResponseDescribeLogDirsTopic[] = []
  for (const { name, partitions } of services.topics.all()) {
    const indexes = wanted?.get(name)
    const logs = wanted ? partitions.filter(({ partition }) => indexes?.has(partition)) : partitions
    if (logs.length === 0) continue
    described.push(
      createDescribeLogDirsResponseDescribeLogDirsTopic({ name, partitions: logs.map(describe) }),
    )
  }
  return described
}

function wantedPartitions(
  topics: readonly { readonly topic: string; readonly partitions: readonly number[] }[],
): Map<string, Set<number>> {
  const wanted = new Map<string, Set<number>>()
  for (const { topic, partitions } of topics)
    wanted.set(topic, new Set([...(wanted.get(topic) ?? []), ...partitions]))
  return wanted
}

function describe({ partition, sizeInBytes }: PartitionLog) {
  return createDescribeLogDirsResponseDescribeLogDirsPartition({
    partitionIndex: partition,
    partitionSize: BigInt(sizeInBytes),
  })
}

export const describeLogDirsApi = served({
  api: describeLogDirs,
  filter: describeLogDirsFilter,
  handle: handleDescribeLogDirs,
})
