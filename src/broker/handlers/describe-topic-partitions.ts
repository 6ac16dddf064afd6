/**
 * DescribeTopicPartitions v0 (KIP-966): topics in the order of their names, at most so many partitions an answer; the
 * cursor says where the next one begins. Without names: all topics. A request that cannot be is INVALID_REQUEST for each
 * topic that it names. As in Apache Kafka, but for a partition that the disk has failed: it keeps its leader, as in
 * Metadata.
 */

import {
  createDescribeTopicPartitionsResponse,
  createDescribeTopicPartitionsResponseCursor,
  createDescribeTopicPartitionsResponsePartition,
  createDescribeTopicPartitionsResponseTopic,
  type DescribeTopicPartitionsRequest,
  type DescribeTopicPartitionsResponse,
  type DescribeTopicPartitionsResponsePartition,
  type DescribeTopicPartitionsResponseTopic,
  describeTopicPartitions,
} from '../../protocol/messages/generated/describe-topic-partitions.ts'
import { describeTopicPartitionsFilter } from '../access/metadata-filter.ts'
import { allowedOperations } from '../access/operations.ts'
import { errorCodes } from '../error-code.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'
import { faultOfTopicName } from '../topics/topic-name.ts'

type Services = Pick<BrokerServices, 'config' | 'topics'>

/** Kafka's `max.request.partition.size.limit`. */
const partitionsMax = 2000

function handleDescribeTopicPartitions(
  services: Services,
  request: DescribeTopicPartitionsRequest,
): DescribeTopicPartitionsResponse {
  const { cursor } = request
  const wantsAll = request.topics.length === 0
  const names = namesFrom(services, request, cursor?.topicName ?? '')
  const isListed = !cursor || wantsAll || names.includes(cursor.topicName)
  if (!isListed || (cursor && cursor.partitionIndex < 0)) return refused(request)
  let left = Math.max(1, Math.min(partitionsMax, request.responsePartitionLimit))
  const topics: DescribeTopicPartitionsResponseTopic[] = []
  for (const name of names) {
    if (left === 0) return answer(topics, name, 0)
    const topic = services.topics.byName(name)
    if (!topic) {
      // Of those that nobody has named, one may be deleted in between.
      if (!wantsAll) topics.push(unknown(name))
      continue
    }
    const from = name === cursor?.topicName ? cursor.partitionIndex : 0
    const partitions = topic.partitions.slice(from, from + left)
    left -= partitions.length
    topics.push(
      createDescribeTopicPartitionsResponseTopic({
        name,
        topicId: topic.id,
        isInternal: topic.isInternal,
        partitions: partitions.map((log) => describe(log, services.config.nodeId)),
        topicAuthorizedOperations: allowedOperations.topic,
      }),
    )
    if (from + partitions.length < topic.partitions.length && from < topic.partitions.length)
      return answer(topics, name, from + partitions.length)
  }
  return createDescribeTopicPartitionsResponse({ topics })
}

/** What is asked for, from where the cursor stands on, each once and in order. */
function namesFrom(
  { topics }: Services,
  request: DescribeTopicPartitionsRequest,
  first: string,
): string[] {
  const asked = request.topics.length === 0 ? topics.all() : request.topics
  const names = new Set(asked.map(({ name }) => name).filter((name) => name >= first))
  return [...names].sort()
}

function describe(log: PartitionLog, nodeId: number): DescribeTopicPartitionsResponsePartition {
  const nodes = [nodeId]
  return createDescribeTopicPartitionsResponsePartition({
    partitionIndex: log.partition,
    leaderId: nodeId,
    leaderEpoch: log.leaderEpoch,
    replicaNodes: nodes,
    isrNodes: nodes,
    eligibleLeaderReplicas: [],
    lastKnownElr: [],
    offlineReplicas: log.offline ? nodes : [],
  })
}

function answer(
  topics: DescribeTopicPartitionsResponseTopic[],
  topicName: string,
  partitionIndex: number,
): DescribeTopicPartitionsResponse {
  const nextCursor = createDescribeTopicPartitionsResponseCursor({ topicName, partitionIndex })
  return createDescribeTopicPartitionsResponse({ topics, nextCursor })
}

function unknown(name: string): DescribeTopicPartitionsResponseTopic {
  return createDescribeTopicPartitionsResponseTopic({
    name,
    errorCode: faultOfTopicName(name)
      ? errorCodes.INVALID_TOPIC_EXCEPTION
      : errorCodes.UNKNOWN_TOPIC_OR_PARTITION,
    topicAuthorizedOperations: allowedOperations.topic,
  })
}

function refused({ topics }: DescribeTopicPartitionsRequest): DescribeTopicPartitionsResponse {
  const errorCode = errorCodes.INVALID_REQUEST
  return createDescribeTopicPartitionsResponse({
    topics: topics.map(({ name }) =>
      createDescribeTopicPartitionsResponseTopic({ name, errorCode }),
    ),
  })
}

export const describeTopicPartitionsApi = served({
  api: describeTopicPartitions,
  filter: describeTopicPartitionsFilter,
  handle: handleDescribeTopicPartitions,
})
