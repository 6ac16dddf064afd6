/**
 * DescribeProducers v0 (KIP-664): who has written to a partition with a producer id, and where the transaction that it has
 * open there begins. As in Apache Kafka.
 */

import { KafkaError } from '../../core/errors.ts'
import {
  createDescribeProducersResponse,
  createDescribeProducersResponsePartitionResponse,
  createDescribeProducersResponseProducerState,
  createDescribeProducersResponseTopicResponse,
  type DescribeProducersRequest,
  type DescribeProducersResponse,
  type DescribeProducersResponsePartitionResponse,
  describeProducers,
} from '../../protocol/messages/generated/describe-producers.ts'
import { describeProducersFilter } from '../access/topic-filters.ts'
import { toErrorCode, toErrorMessage } from '../error-code.ts'
import type { ProducerView } from '../log/producer-state.ts'
import { onlinePartition, unknownTopic } from '../partition-lookup.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'
import { faultOfTopicName } from '../topics/topic-name.ts'
import type { Topic } from '../topics/topic-registry.ts'

type Services = Pick<BrokerServices, 'runtime' | 'topics'>

function handleDescribeProducers(
  services: Services,
  request: DescribeProducersRequest,
): DescribeProducersResponse {
  return createDescribeProducersResponse({
    topics: request.topics.map(({ name, partitionIndexes }) => {
      const topic = topicOrFault(services, name)
      const partitions = partitionIndexes.map((index) => answer(services, topic, index))
      return createDescribeProducersResponseTopicResponse({ name, partitions })
    }),
  })
}

function topicOrFault({ topics }: Services, name: string): Topic | KafkaError {
  const fault = faultOfTopicName(name)
  if (!fault) return topics.byName(name) ?? unknownTopic(name)
  const code = 'INVALID_TOPIC_EXCEPTION'
  return new KafkaError(`Topic name '${name.slice(0, 260)}' ${fault}`, { code })
}

function answer(
  { runtime }: Services,
  topic: Topic | KafkaError,
  partitionIndex: number,
): DescribeProducersResponsePartitionResponse {
  try {
    const activeProducers = onlinePartition(topic, partitionIndex).producers().map(describe)
    return createDescribeProducersResponsePartitionResponse({
      partitionIndex,
      errorMessage: null,
      activeProducers,
    })
  } catch (error) {
    return createDescribeProducersResponsePartitionResponse({
      partitionIndex,
      errorCode: toErrorCode(runtime.logger, error),
      errorMessage: toErrorMessage(error),
    })
  }
}

function describe({ epoch, transactionFirstOffset, ...producer }: ProducerView) {
  return createDescribeProducersResponseProducerState({
    ...producer,
    producerEpoch: epoch,
    currentTxnStartOffset: transactionFirstOffset,
  })
}

export const describeProducersApi = served({
  api: describeProducers,
  filter: describeProducersFilter,
  handle: handleDescribeProducers,
})
