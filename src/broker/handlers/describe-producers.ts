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
} from '../../protocol/messages/generated/describe-producers.ts'
import { toErrorCode, toErrorMessage } from '../error-code.ts'
import type { ProducerView } from '../log/producer-state.ts'
import { onlinePartition, unknownTopic } from '../partition-lookup.ts'
import type { BrokerServices } from '../services.ts'
import { faultOfTopicName } from '../topics/topic-name.ts'
import type { Topic } from '../topics/topic-registry.ts'

export function handleDescribeProducers(
  services: BrokerServices,
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

function topicOrFault({ topics }: BrokerServices, name: string): Topic | KafkaError {
  const fault = faultOfTopicName(name)
  if (!fault) return topics.byName(name) ?? unknownTopic(name)
  const code = 'INVALID_TOPIC_EXCEPTION'
  return new KafkaError(`Topic name '${name.slice(0, 260)}' ${fault}`, { code })
}

function answer(
  { runtime }: BrokerServices,
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
