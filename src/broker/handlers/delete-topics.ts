/**
 * DeleteTopics v1–6; by name, or by topic id (v6). Answered once the topics and their data are gone. The committed
 * offsets of a topic go with it. A topic that is there twice is refused, and answered once.
 *
 * Differs from Apache Kafka: the broker's own topics cannot be deleted (INVALID_TOPIC_EXCEPTION).
 */

import type { RequestContext } from '../../backend/request-context.ts'
import { KafkaError } from '../../core/errors.ts'
import {
  createDeleteTopicsResponse,
  createDeleteTopicsResponseDeletableTopicResult,
  type DeleteTopicsRequest,
  type DeleteTopicsResponse,
  type DeleteTopicsResponseDeletableTopicResult,
  deleteTopics,
} from '../../protocol/messages/generated/delete-topics.ts'
import { zeroUuid } from '../../protocol/uuid.ts'
import { deleteTopicsFilter } from '../access/topic-filters.ts'
import { toErrorCode, toErrorMessage } from '../error-code.ts'
import { topicOf } from '../partition-lookup.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'
import { repeatedIn } from './repeated.ts'

type Services = Pick<BrokerServices, 'runtime' | 'topics'>

interface Named {
  readonly name: string | null
  readonly topicId: string
}

async function handleDeleteTopics(
  services: Services,
  request: DeleteTopicsRequest,
  { version }: RequestContext,
): Promise<DeleteTopicsResponse> {
  const named: readonly Named[] =
    version >= 6 ? request.topics : request.topicNames.map((name) => ({ name, topicId: zeroUuid }))
  const responses: DeleteTopicsResponseDeletableTopicResult[] = []
  const keys = named.map((one) => keyOf(services, one))
  const repeated = repeatedIn(keys)
  const answered = new Set<string>()
  for (const [i, one] of named.entries()) {
    const key = keys[i]!
    if (answered.has(key)) continue
    answered.add(key)
    responses.push(await answer(services, one, repeated.has(key)))
  }
  return createDeleteTopicsResponse({ responses })
}

/** The same for all that means the same topic. */
function keyOf({ topics }: Services, { name, topicId }: Named): string {
  return name === null ? topicId : (topics.byName(name)?.id ?? `name ${name}`)
}

async function answer(
  services: Services,
  { name, topicId }: Named,
  isRepeated: boolean,
): Promise<DeleteTopicsResponseDeletableTopicResult> {
  const byId = topicId !== zeroUuid
  try {
    if (byId === (name !== null)) {
      throw new KafkaError('Give either the name or the id of each topic', {
        code: 'INVALID_REQUEST',
      })
    }
    if (isRepeated)
      throw new KafkaError('The topic appears more than once in the request', {
        code: 'INVALID_REQUEST',
      })
    const topic = topicOf(services.topics, byId, name ?? '', topicId)
    if (topic instanceof KafkaError) throw topic
    if (topic.isInternal) {
      throw new KafkaError(`Topic '${topic.name}' belongs to the broker and cannot be deleted`, {
        code: 'INVALID_TOPIC_EXCEPTION',
      })
    }
    await services.topics.delete(topic.name)
    return createDeleteTopicsResponseDeletableTopicResult({ name: topic.name, topicId: topic.id })
  } catch (error) {
    return createDeleteTopicsResponseDeletableTopicResult({
      name,
      topicId,
      errorCode: toErrorCode(services.runtime.logger, error),
      errorMessage: toErrorMessage(error),
    })
  }
}

export const deleteTopicsApi = served({
  api: deleteTopics,
  filter: deleteTopicsFilter,
  handle: handleDeleteTopics,
})
