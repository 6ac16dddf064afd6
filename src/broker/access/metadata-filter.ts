/**
 * Metadata and DescribeTopicPartitions: of all topics those are told that the caller may describe; those asked for by name
 * or id are refused. A topic that is not there is created for who may create it, and no other.
 */

import {
  type AccessFilter,
  authorizedOperations,
  type FilterParts,
  mayCreate,
  mayOnTopic,
  partsFilter,
  seesTopic,
} from '../../backend/access-filter.ts'
import { errorCode } from '../../protocol/error-codes.ts'
import {
  createDescribeTopicPartitionsResponse,
  createDescribeTopicPartitionsResponseTopic,
  type DescribeTopicPartitionsRequest,
  type DescribeTopicPartitionsResponse,
} from '../../protocol/messages/generated/describe-topic-partitions.ts'
import {
  createMetadataResponse,
  createMetadataResponseTopic,
  type MetadataRequest,
  type MetadataRequestTopic,
  type MetadataResponse,
} from '../../protocol/messages/generated/metadata.ts'
import { zeroUuid } from '../../protocol/uuid.ts'
import { clusterOperations } from './cluster-filters.ts'

const denied = errorCode('TOPIC_AUTHORIZATION_FAILED')
const unknownTopic = errorCode('UNKNOWN_TOPIC_OR_PARTITION')

export const metadataFilter: AccessFilter<MetadataRequest, MetadataResponse> = async (
  request,
  parts,
  next,
) => {
  const { topics } = request
  const isOfAll = topics === null || (parts.version === 0 && topics.length === 0)
  const response = isOfAll ? await ofAll(request, parts, next) : await ofSome(request, parts, next)
  if (request.includeTopicAuthorizedOperations)
    for (const topic of response.topics)
      if (topic.name !== null && topic.errorCode !== denied)
        topic.topicAuthorizedOperations = authorizedOperations(parts.rights, 'topic', topic.name)
  if (request.includeClusterAuthorizedOperations)
    response.clusterAuthorizedOperations = clusterOperations(parts.rights)
  return response
}

const ofAll: AccessFilter<MetadataRequest, MetadataResponse> = async (request, parts, next) => {
  const response = await next(request)
  const topics = response.topics.filter((topic) => seesTopic(parts, 'describe', topic))
  return { ...response, topics }
}

const ofSome: AccessFilter<MetadataRequest, MetadataResponse> = async (request, parts, next) => {
  const allowed = request.topics!.filter((topic) => mayOnTopic(parts, 'describe', topic))
  const response = await withoutCreating(allowed, request, parts, next)
  for (const topic of request.topics!)
    if (!allowed.includes(topic)) response.topics.push(refused(topic, parts.version))
  return response
}

/** Topics that the caller may not create are asked for apart, and nothing is created then. */
async function withoutCreating(
  topics: MetadataRequestTopic[],
  request: MetadataRequest,
  parts: FilterParts,
  next: (request: MetadataRequest) => Promise<MetadataResponse>,
): Promise<MetadataResponse> {
  // Up to v3 a request cannot say that nothing is to be created.
  const mayBeCreated = parts.version < 4 || request.allowAutoTopicCreation
  const apart = mayBeCreated ? topics.filter((topic) => isNotToBeCreated(topic, parts)) : []
  if (apart.length === 0) return next({ ...request, topics })
  const rest = topics.filter((topic) => !apart.includes(topic))
  const seen = await lookAt(apart, request, parts, next)
  const response = rest.length > 0 ? await next({ ...request, topics: rest }) : seen
  const wouldBeCreated = parts.names.createsTopics ?? true
  const known = seen.topics.map((topic) =>
    topic.errorCode === unknownTopic && wouldBeCreated
      ? createMetadataResponseTopic({ name: topic.name, errorCode: denied })
      : topic,
  )
  return { ...response, topics: rest.length > 0 ? [...response.topics, ...known] : known }
}

function isNotToBeCreated(topic: MetadataRequestTopic, parts: FilterParts): boolean {
  const isNamed = topic.topicId === zeroUuid && topic.name !== null
  return isNamed && !mayCreate(parts, topic, false)
}

async function lookAt(
  wanted: MetadataRequestTopic[],
  request: MetadataRequest,
  { version }: FilterParts,
  next: (request: MetadataRequest) => Promise<MetadataResponse>,
): Promise<MetadataResponse> {
  if (version >= 4) return next({ ...request, topics: wanted, allowAutoTopicCreation: false })
  // Version 0 has an empty list for all.
  const all = await next({ ...request, topics: version === 0 ? [] : null })
  const byName = new Map(all.topics.map((topic) => [topic.name, topic]))
  const topics = wanted.map(
    ({ name }) =>
      byName.get(name) ?? createMetadataResponseTopic({ name, errorCode: unknownTopic }),
  )
  return createMetadataResponse({ ...all, topics })
}

/** Who gives an id is not told the name. */
function refused({ name, topicId }: MetadataRequestTopic, version: number) {
  return createMetadataResponseTopic(
    topicId === zeroUuid
      ? { name, errorCode: denied }
      : // Versions 10 and 11 have no null name.
        { name: version >= 12 ? null : '', topicId, errorCode: denied },
  )
}

/** Of authorized operations: nobody asked, or nothing can be said. */
const notTold = -2_147_483_648

export const describeTopicPartitionsFilter: AccessFilter<
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponse
> = async (request, parts, next) => {
  const response = await describeAllowed(request, parts, next)
  // A request that cannot be is answered without them.
  for (const topic of response.topics)
    if (topic.name !== null && topic.topicAuthorizedOperations !== notTold)
      topic.topicAuthorizedOperations = authorizedOperations(parts.rights, 'topic', topic.name)
  if (request.topics.length > 0) return response
  const topics = response.topics.filter((topic) => seesTopic(parts, 'describe', topic))
  return { ...response, topics }
}

const describeAllowed: AccessFilter<
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponse
> = partsFilter({
  parts: ({ topics }) => topics,
  keep: (request, topics) => ({ ...request, topics }),
  isAllowed: (topic, parts) => mayOnTopic(parts, 'describe', topic),
  denied: ({ name }) => createDescribeTopicPartitionsResponseTopic({ name, errorCode: denied }),
  empty: createDescribeTopicPartitionsResponse,
  answers: ({ topics }) => topics,
})
