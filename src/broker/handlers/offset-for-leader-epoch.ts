/**
 * OffsetForLeaderEpoch v2–4 (KIP-101, KIP-320): where an epoch ended, so that a reader notices that the log it read is
 * not the log that is there. -1 and -1 for an epoch that has not been. As in Apache Kafka; `replicaId` is not looked at,
 * for everything is led by this node.
 */

import {
  createOffsetForLeaderEpochResponse,
  createOffsetForLeaderEpochResponseEpochEndOffset,
  createOffsetForLeaderEpochResponseOffsetForLeaderTopicResult,
  type OffsetForLeaderEpochRequest,
  type OffsetForLeaderEpochRequestOffsetForLeaderPartition,
  type OffsetForLeaderEpochResponse,
  type OffsetForLeaderEpochResponseEpochEndOffset,
  offsetForLeaderEpoch,
} from '../../protocol/messages/generated/offset-for-leader-epoch.ts'
import { offsetForLeaderEpochFilter } from '../access/topic-filters.ts'
import { toErrorCode } from '../error-code.ts'
import { checkLeaderEpoch, onlinePartition, unknownTopic } from '../partition-lookup.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'
import type { Topic } from '../topics/topic-registry.ts'

type Services = Pick<BrokerServices, 'runtime' | 'topics'>

function handleOffsetForLeaderEpoch(
  services: Services,
  request: OffsetForLeaderEpochRequest,
): OffsetForLeaderEpochResponse {
  const topics = request.topics.map(({ topic: name, partitions }) => {
    const topic = services.topics.byName(name)
    return createOffsetForLeaderEpochResponseOffsetForLeaderTopicResult({
      topic: name,
      partitions: partitions.map((wanted) => answer(services, name, topic, wanted)),
    })
  })
  return createOffsetForLeaderEpochResponse({ topics })
}

function answer(
  { runtime }: Services,
  name: string,
  topic: Topic | undefined,
  wanted: OffsetForLeaderEpochRequestOffsetForLeaderPartition,
): OffsetForLeaderEpochResponseEpochEndOffset {
  const { partition, currentLeaderEpoch, leaderEpoch } = wanted
  try {
    const log = onlinePartition(topic ?? unknownTopic(name), partition)
    checkLeaderEpoch(log, currentLeaderEpoch)
    const end = log.endOffsetForEpoch(leaderEpoch)
    return createOffsetForLeaderEpochResponseEpochEndOffset({
      partition,
      ...(end && { leaderEpoch: end.epoch, endOffset: end.endOffset }),
    })
  } catch (error) {
    const errorCode = toErrorCode(runtime.logger, error)
    return createOffsetForLeaderEpochResponseEpochEndOffset({ partition, errorCode })
  }
}

export const offsetForLeaderEpochApi = served({
  api: offsetForLeaderEpoch,
  filter: offsetForLeaderEpochFilter,
  handle: handleOffsetForLeaderEpoch,
})
