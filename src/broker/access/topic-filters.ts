/** Filters of APIs whose parts are topics: a part that is denied is answered TOPIC_AUTHORIZATION_FAILED. */

import { systemTopicPrefix } from '../../backend/access.ts'
import {
  type AccessFilter,
  type FilterParts,
  mayCreate,
  mayOnCluster,
  mayOnTopic,
  partsFilter,
  seesTopic,
} from '../../backend/access-filter.ts'
import { errorCode } from '../../protocol/error-codes.ts'
import {
  type CreatePartitionsRequest,
  type CreatePartitionsResponse,
  createCreatePartitionsResponse,
  createCreatePartitionsResponseCreatePartitionsTopicResult,
} from '../../protocol/messages/generated/create-partitions.ts'
import {
  type CreateTopicsRequest,
  type CreateTopicsResponse,
  createCreateTopicsResponse,
  createCreateTopicsResponseCreatableTopicResult,
} from '../../protocol/messages/generated/create-topics.ts'
import {
  createDeleteRecordsResponse,
  createDeleteRecordsResponseDeleteRecordsPartitionResult,
  createDeleteRecordsResponseDeleteRecordsTopicResult,
  type DeleteRecordsRequest,
  type DeleteRecordsResponse,
} from '../../protocol/messages/generated/delete-records.ts'
import {
  createDeleteTopicsResponse,
  createDeleteTopicsResponseDeletableTopicResult,
  type DeleteTopicsRequest,
  type DeleteTopicsResponse,
} from '../../protocol/messages/generated/delete-topics.ts'
import {
  createDescribeProducersResponse,
  createDescribeProducersResponsePartitionResponse,
  createDescribeProducersResponseTopicResponse,
  type DescribeProducersRequest,
  type DescribeProducersResponse,
} from '../../protocol/messages/generated/describe-producers.ts'
import {
  createListOffsetsResponse,
  createListOffsetsResponseListOffsetsPartitionResponse,
  createListOffsetsResponseListOffsetsTopicResponse,
  type ListOffsetsRequest,
  type ListOffsetsResponse,
} from '../../protocol/messages/generated/list-offsets.ts'
import {
  createOffsetForLeaderEpochResponse,
  createOffsetForLeaderEpochResponseEpochEndOffset,
  createOffsetForLeaderEpochResponseOffsetForLeaderTopicResult,
  type OffsetForLeaderEpochRequest,
  type OffsetForLeaderEpochResponse,
} from '../../protocol/messages/generated/offset-for-leader-epoch.ts'
import { zeroUuid } from '../../protocol/uuid.ts'

const denied = errorCode('TOPIC_AUTHORIZATION_FAILED')

export const listOffsetsFilter: AccessFilter<ListOffsetsRequest, ListOffsetsResponse> = partsFilter(
  {
    parts: ({ topics }) => topics,
    keep: (request, topics) => ({ ...request, topics }),
    isAllowed: (topic, parts) => mayOnTopic(parts, 'describe', topic),
    denied: ({ name, partitions }) =>
      createListOffsetsResponseListOffsetsTopicResponse({
        name,
        partitions: partitions.map(({ partitionIndex }) =>
          createListOffsetsResponseListOffsetsPartitionResponse({
            partitionIndex,
            errorCode: denied,
            timestamp: -1n,
            offset: -1n,
          }),
        ),
      }),
    empty: createListOffsetsResponse,
    answers: ({ topics }) => topics,
  },
)

/** Replicas ask, too: they need the right on the cluster alone. */
export const offsetForLeaderEpochFilter: AccessFilter<
  OffsetForLeaderEpochRequest,
  OffsetForLeaderEpochResponse
> = partsFilter({
  parts: ({ topics }) => topics,
  keep: (request, topics) => ({ ...request, topics }),
  isAllowed: ({ topic }, parts) =>
    mayOnTopic(parts, 'describe', { name: topic }) || mayOnCluster(parts, 'clusterAction'),
  denied: ({ topic, partitions }) =>
    createOffsetForLeaderEpochResponseOffsetForLeaderTopicResult({
      topic,
      partitions: partitions.map(({ partition }) =>
        createOffsetForLeaderEpochResponseEpochEndOffset({ partition, errorCode: denied }),
      ),
    }),
  empty: createOffsetForLeaderEpochResponse,
  answers: ({ topics }) => topics,
})

export const deleteRecordsFilter: AccessFilter<DeleteRecordsRequest, DeleteRecordsResponse> =
  partsFilter({
    parts: ({ topics }) => topics,
    keep: (request, topics) => ({ ...request, topics }),
    isAllowed: (topic, parts) => mayOnTopic(parts, 'delete', topic),
    denied: ({ name, partitions }) =>
      createDeleteRecordsResponseDeleteRecordsTopicResult({
        name,
        partitions: partitions.map(({ partitionIndex }) =>
          createDeleteRecordsResponseDeleteRecordsPartitionResult({
            partitionIndex,
            lowWatermark: -1n,
            errorCode: denied,
          }),
        ),
      }),
    empty: createDeleteRecordsResponse,
    answers: ({ topics }) => topics,
  })

export const describeProducersFilter: AccessFilter<
  DescribeProducersRequest,
  DescribeProducersResponse
> = partsFilter({
  parts: ({ topics }) => topics,
  keep: (request, topics) => ({ ...request, topics }),
  isAllowed: (topic, parts) => mayOnTopic(parts, 'read', topic),
  denied: ({ name, partitionIndexes }) =>
    createDescribeProducersResponseTopicResponse({
      name,
      partitions: partitionIndexes.map((partitionIndex) =>
        createDescribeProducersResponsePartitionResponse({
          partitionIndex,
          errorCode: denied,
          errorMessage: 'Topic authorization failed.',
        }),
      ),
    }),
  empty: createDescribeProducersResponse,
  answers: ({ topics }) => topics,
})

export const createPartitionsFilter: AccessFilter<
  CreatePartitionsRequest,
  CreatePartitionsResponse
> = partsFilter({
  parts: ({ topics }) => topics,
  keep: (request, topics) => ({ ...request, topics }),
  isAllowed: (topic, parts) => mayOnTopic(parts, 'alter', topic),
  denied: ({ name }) =>
    createCreatePartitionsResponseCreatePartitionsTopicResult({ name, errorCode: denied }),
  empty: createCreatePartitionsResponse,
  answers: ({ results }) => results,
})

const createOnly: AccessFilter<CreateTopicsRequest, CreateTopicsResponse> = partsFilter({
  parts: ({ topics }) => topics,
  keep: (request, topics) => ({ ...request, topics }),
  isAllowed: (topic, parts) => mayCreate(parts, topic, true),
  denied: ({ name }) =>
    createCreateTopicsResponseCreatableTopicResult({
      name,
      errorCode: denied,
      errorMessage: 'Authorization failed.',
      configs: null,
    }),
  empty: createCreateTopicsResponse,
  answers: ({ topics }) => topics,
})

/** The answer tells of a topic's configs what the caller may see of them (KIP-525). */
export const createTopicsFilter: AccessFilter<CreateTopicsRequest, CreateTopicsResponse> = async (
  request,
  parts,
  next,
) => {
  const response = await createOnly(request, parts, next)
  for (const topic of response.topics) {
    if (topic.errorCode !== 0 || seesTopic(parts, 'describeConfigs', topic)) continue
    topic.topicConfigErrorCode = denied
    topic.numPartitions = -1
    topic.replicationFactor = -1
    topic.configs = null
  }
  return response
}

/** The right to delete on the cluster is one for all topics but the server's own. */
function mayDeleteAll(
  parts: FilterParts,
  { name, topicId }: { readonly name: string | null; readonly topicId: string },
): boolean {
  const known = name || parts.names.topicName(topicId)
  return !known?.startsWith(systemTopicPrefix) && mayOnCluster(parts, 'delete')
}

/** Whoever may not even describe a topic is not told the name that an id stands for. */
export const deleteTopicsFilter: AccessFilter<DeleteTopicsRequest, DeleteTopicsResponse> =
  partsFilter({
    parts: ({ topics, topicNames }, version) =>
      version >= 6 ? topics : topicNames.map((name) => ({ name, topicId: zeroUuid })),
    keep: (request, topics) => ({
      ...request,
      topics: request.topics.length > 0 ? topics : [],
      topicNames: request.topics.length > 0 ? [] : topics.map(({ name }) => name!),
    }),
    isAllowed: (topic, parts) =>
      (mayOnTopic(parts, 'delete', topic) && mayOnTopic(parts, 'describe', topic)) ||
      mayDeleteAll(parts, topic),
    denied: (topic, parts) =>
      createDeleteTopicsResponseDeletableTopicResult({
        name: mayOnTopic(parts, 'describe', topic)
          ? topic.name || (parts.names.topicName(topic.topicId) ?? null)
          : topic.name,
        topicId: topic.topicId,
        errorCode: denied,
        errorMessage: 'Topic authorization failed.',
      }),
    empty: createDeleteTopicsResponse,
    answers: ({ responses }) => responses,
  })
