/**
 * Metadata v0–13. Creates topics that are asked for by name and missing, where request (v4+) and broker allow it.
 *
 * Differs from Apache Kafka: a created topic is ready in the same answer, not after LEADER_NOT_AVAILABLE; a partition
 * that the disk has failed keeps its leader, so that clients are told why (KAFKA_STORAGE_ERROR) when they use it; the
 * broker's own metadata log is not listed.
 */

import type { RequestContext } from '../../backend/request-context.ts'
import {
  createMetadataResponse,
  createMetadataResponseBroker,
  createMetadataResponsePartition,
  createMetadataResponseTopic,
  type MetadataRequest,
  type MetadataRequestTopic,
  type MetadataResponse,
  type MetadataResponseTopic,
  metadata,
} from '../../protocol/messages/generated/metadata.ts'
import { zeroUuid } from '../../protocol/uuid.ts'
import { metadataFilter } from '../access/metadata-filter.ts'
import { allowedOperations } from '../access/operations.ts'
import { errorCodes, toErrorCode } from '../error-code.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'
import { faultOfTopicName } from '../topics/topic-name.ts'
import type { Topic } from '../topics/topic-registry.ts'

type Services = Pick<BrokerServices, 'config' | 'runtime' | 'clusterId' | 'topics'>

async function handleMetadata(
  services: Services,
  request: MetadataRequest,
  { version, session: { advertised } }: RequestContext,
): Promise<MetadataResponse> {
  const { config, clusterId, topics } = services
  const { host, port } = advertised
  const wantsAll = request.topics === null || (version === 0 && request.topics.length === 0)
  const answers: MetadataResponseTopic[] = []
  if (wantsAll) for (const topic of topics.all()) answers.push(describe(services, topic, request))
  else
    for (const wanted of request.topics!)
      answers.push(await answer(services, wanted, request, version))
  return createMetadataResponse({
    brokers: [createMetadataResponseBroker({ nodeId: config.nodeId, host, port })],
    clusterId,
    controllerId: config.nodeId,
    topics: answers,
    ...(request.includeClusterAuthorizedOperations && {
      clusterAuthorizedOperations: allowedOperations.cluster,
    }),
  })
}

async function answer(
  services: Services,
  { topicId, name }: MetadataRequestTopic,
  request: MetadataRequest,
  version: number,
): Promise<MetadataResponseTopic> {
  const { topics, config } = services
  if (version >= 10 && topicId !== zeroUuid) {
    const topic = topics.byId(topicId)
    if (topic) return describe(services, topic, request)
    // Versions 10 and 11 have no null name.
    return failed(version >= 12 ? null : '', topicId, errorCodes.UNKNOWN_TOPIC_ID)
  }
  if (name === null) return failed(version >= 12 ? null : '', topicId, errorCodes.INVALID_REQUEST)
  const known = topics.byName(name)
  if (known) return describe(services, known, request)
  if (faultOfTopicName(name)) return failed(name, zeroUuid, errorCodes.INVALID_TOPIC_EXCEPTION)
  const mayCreate = config.autoCreateTopics && (version < 4 || request.allowAutoTopicCreation)
  if (!mayCreate) return failed(name, zeroUuid, errorCodes.UNKNOWN_TOPIC_OR_PARTITION)
  try {
    return describe(services, await topics.ensure(name), request)
  } catch (error) {
    return failed(name, zeroUuid, toErrorCode(services.runtime.logger, error))
  }
}

function describe(
  { config }: Services,
  topic: Topic,
  request: MetadataRequest,
): MetadataResponseTopic {
  const nodes = [config.nodeId]
  return createMetadataResponseTopic({
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.isInternal,
    partitions: topic.partitions.map((log, partitionIndex) =>
      createMetadataResponsePartition({
        partitionIndex,
        leaderId: config.nodeId,
        leaderEpoch: log.leaderEpoch,
        replicaNodes: nodes,
        isrNodes: nodes,
        offlineReplicas: log.offline ? nodes : [],
      }),
    ),
    ...(request.includeTopicAuthorizedOperations && {
      topicAuthorizedOperations: allowedOperations.topic,
    }),
  })
}

function failed(name: string | null, topicId: string, errorCode: number): MetadataResponseTopic {
  return createMetadataResponseTopic({ errorCode, name, topicId })
}

export const metadataApi = served({
  api: metadata,
  filter: metadataFilter,
  handle: handleMetadata,
})
