/**
 * CreateTopics v2–7. Answered once the topics are durable. Each topic stands for itself; a name that is there twice is
 * refused.
 *
 * Differs from Apache Kafka: one replica of each partition is all there can be (replication factor 1 or -1), and a
 * manual assignment must put every partition on this node. `timeoutMs` is not looked at: nothing is waited for but the
 * disk.
 */

import { KafkaError } from '../../core/errors.ts'
import {
  type CreateTopicsRequest,
  type CreateTopicsRequestCreatableTopic,
  type CreateTopicsResponse,
  type CreateTopicsResponseCreatableTopicResult,
  createCreateTopicsResponse,
  createCreateTopicsResponseCreatableTopicConfigs,
  createCreateTopicsResponseCreatableTopicResult,
  createTopics,
} from '../../protocol/messages/generated/create-topics.ts'
import { createTopicsFilter } from '../access/topic-filters.ts'
import { errorCodes, toErrorCode, toErrorMessage } from '../error-code.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'
import { describeTopicConfigs } from '../topics/config-description.ts'
import { checkOverrides, type TopicOverrides } from '../topics/topic-configs.ts'
import type { NewTopic } from '../topics/topic-registry.ts'
import { repeatedIn } from './repeated.ts'

type Services = Pick<BrokerServices, 'config' | 'runtime' | 'topics'>

const brokerDefault = -1

async function handleCreateTopics(
  services: Services,
  request: CreateTopicsRequest,
): Promise<CreateTopicsResponse> {
  const topics: CreateTopicsResponseCreatableTopicResult[] = []
  const repeated = repeatedIn(request.topics.map(({ name }) => name))
  for (const name of repeated) {
    const errorMessage = `Topic '${name}' appears more than once in the request`
    topics.push(failed(name, errorCodes.INVALID_REQUEST, errorMessage))
  }
  for (const wanted of request.topics) {
    if (!repeated.has(wanted.name))
      topics.push(await answer(services, wanted, request.validateOnly))
  }
  return createCreateTopicsResponse({ topics })
}

async function answer(
  services: Services,
  wanted: CreateTopicsRequestCreatableTopic,
  validateOnly: boolean,
): Promise<CreateTopicsResponseCreatableTopicResult> {
  const { name } = wanted
  try {
    const plan = services.topics.plan(toNewTopic(wanted, services.config.nodeId))
    if (validateOnly) return created(services, name, plan.partitions, plan.overrides)
    const topic = await services.topics.create(plan)
    return created(services, name, topic.partitions.length, topic.overrides, topic.id)
  } catch (error) {
    return failed(name, toErrorCode(services.runtime.logger, error), toErrorMessage(error))
  }
}

/** Throws `KafkaError` with Kafka's code. */
function toNewTopic(wanted: CreateTopicsRequestCreatableTopic, nodeId: number): NewTopic {
  const { name, numPartitions, replicationFactor, assignments, configs } = wanted
  const overrides = checkOverrides(configs.map((config) => [config.name, config.value] as const))
  if (assignments.length > 0) {
    if (numPartitions !== brokerDefault || replicationFactor !== brokerDefault) {
      throw new KafkaError(
        'Give either an assignment or numbers of partitions and replicas, not both',
        {
          code: 'INVALID_REQUEST',
        },
      )
    }
    const indexes = new Set(assignments.map(({ partitionIndex }) => partitionIndex))
    const isWhole =
      indexes.size === assignments.length && assignments.every((_, index) => indexes.has(index))
    const isHere = assignments.every(
      ({ brokerIds }) => brokerIds.length === 1 && brokerIds[0] === nodeId,
    )
    if (!isWhole || !isHere) throw invalidAssignment(nodeId)
    return { name, partitions: assignments.length, overrides }
  }
  if (replicationFactor !== 1 && replicationFactor !== brokerDefault) {
    throw new KafkaError(
      `This broker keeps one copy of each partition: the replication factor must be 1 or -1, got ${replicationFactor}`,
      { code: 'INVALID_REPLICATION_FACTOR' },
    )
  }
  if (numPartitions === brokerDefault) return { name, overrides }
  return { name, partitions: numPartitions, overrides }
}

export function invalidAssignment(nodeId: number): KafkaError {
  return new KafkaError(
    `An assignment must give every partition, from 0 on, the one replica [${nodeId}]`,
    { code: 'INVALID_REPLICA_ASSIGNMENT' },
  )
}

function created(
  services: Services,
  name: string,
  numPartitions: number,
  overrides: TopicOverrides,
  topicId?: string,
): CreateTopicsResponseCreatableTopicResult {
  const configs = describeTopicConfigs(overrides, services.config).map((config) =>
    createCreateTopicsResponseCreatableTopicConfigs({
      name: config.name,
      value: config.value,
      configSource: config.source,
    }),
  )
  return createCreateTopicsResponseCreatableTopicResult({
    name,
    topicId,
    errorMessage: null,
    numPartitions,
    replicationFactor: 1,
    configs,
  })
}

function failed(
  name: string,
  errorCode: number,
  errorMessage: string | null,
): CreateTopicsResponseCreatableTopicResult {
  return createCreateTopicsResponseCreatableTopicResult({
    name,
    errorCode,
    errorMessage,
  })
}

export const createTopicsApi = served({
  api: createTopics,
  filter: createTopicsFilter,
  handle: handleCreateTopics,
})
