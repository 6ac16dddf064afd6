/**
 * CreatePartitions v0–3. The number of partitions can only rise. A topic that is there twice is refused.
 *
 * Differs from Apache Kafka: an assignment must put every new partition on this node.
 */

import { KafkaError } from '../../core/errors.ts'
import {
  type CreatePartitionsRequest,
  type CreatePartitionsRequestCreatePartitionsTopic,
  type CreatePartitionsResponse,
  type CreatePartitionsResponseCreatePartitionsTopicResult,
  createCreatePartitionsResponse,
  createCreatePartitionsResponseCreatePartitionsTopicResult,
  createPartitions,
} from '../../protocol/messages/generated/create-partitions.ts'
import { createPartitionsFilter } from '../access/topic-filters.ts'
import { errorCodes, toErrorCode, toErrorMessage } from '../error-code.ts'
import { unknownTopic } from '../partition-lookup.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'
import { invalidAssignment } from './create-topics.ts'
import { repeatedIn } from './repeated.ts'

type Services = Pick<BrokerServices, 'config' | 'runtime' | 'topics'>

async function handleCreatePartitions(
  services: Services,
  request: CreatePartitionsRequest,
): Promise<CreatePartitionsResponse> {
  const results: CreatePartitionsResponseCreatePartitionsTopicResult[] = []
  const repeated = repeatedIn(request.topics.map(({ name }) => name))
  for (const name of repeated) {
    results.push(
      createCreatePartitionsResponseCreatePartitionsTopicResult({
        name,
        errorCode: errorCodes.INVALID_REQUEST,
        errorMessage: `Topic '${name}' appears more than once in the request`,
      }),
    )
  }
  for (const wanted of request.topics)
    if (!repeated.has(wanted.name))
      results.push(await answer(services, wanted, request.validateOnly))
  return createCreatePartitionsResponse({ results })
}

async function answer(
  services: Services,
  { name, count, assignments }: CreatePartitionsRequestCreatePartitionsTopic,
  validateOnly: boolean,
): Promise<CreatePartitionsResponseCreatePartitionsTopicResult> {
  const { topics, config, runtime } = services
  try {
    const topic = topics.byName(name)
    if (!topic) throw unknownTopic(name)
    if (topic.isInternal) {
      throw new KafkaError(`Topic '${name}' belongs to the broker; its partitions are fixed`, {
        code: 'INVALID_TOPIC_EXCEPTION',
      })
    }
    if (assignments !== null) {
      const isHere = assignments.every(
        ({ brokerIds }) => brokerIds.length === 1 && brokerIds[0] === config.nodeId,
      )
      if (!isHere || assignments.length !== count - topic.partitions.length) {
        throw invalidAssignment(config.nodeId)
      }
    }
    await topics.addPartitions(name, count, { validateOnly })
    return createCreatePartitionsResponseCreatePartitionsTopicResult({ name })
  } catch (error) {
    return createCreatePartitionsResponseCreatePartitionsTopicResult({
      name,
      errorCode: toErrorCode(runtime.logger, error),
      errorMessage: toErrorMessage(error),
    })
  }
}

export const createPartitionsApi = served({
  api: createPartitions,
  filter: createPartitionsFilter,
  handle: handleCreatePartitions,
})
