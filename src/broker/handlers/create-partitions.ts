/**
 * CreatePartitions v0–3. The number of partitions can only rise.
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
} from '../../protocol/messages/generated/create-partitions.ts'
import { toErrorCode, toErrorMessage } from '../error-code.ts'
import { unknownTopic } from '../partition-lookup.ts'
import type { BrokerServices } from '../services.ts'
import { invalidAssignment } from './create-topics.ts'

export async function handleCreatePartitions(
  services: BrokerServices,
  request: CreatePartitionsRequest,
): Promise<CreatePartitionsResponse> {
  const results: CreatePartitionsResponseCreatePartitionsTopicResult[] = []
  const names = new Set<string>()
  for (const wanted of request.topics) {
    const isRepeated = names.has(wanted.name)
    names.add(wanted.name)
    results.push(await answer(services, wanted, isRepeated, request.validateOnly))
  }
  return createCreatePartitionsResponse({ results })
}

async function answer(
  services: BrokerServices,
  { name, count, assignments }: CreatePartitionsRequestCreatePartitionsTopic,
  isRepeated: boolean,
  validateOnly: boolean,
): Promise<CreatePartitionsResponseCreatePartitionsTopicResult> {
  const { topics, config, runtime } = services
  try {
    if (isRepeated) {
      throw new KafkaError(`Topic '${name}' is there more than once in the request`, {
        code: 'INVALID_REQUEST',
      })
    }
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
