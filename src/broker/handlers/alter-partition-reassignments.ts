/**
 * AlterPartitionReassignments v0–1 (KIP-455). Every partition has its one replica on this node, and that is the only
 * assignment there can be: to ask for it changes nothing, and there is never a reassignment to cancel. As in Apache Kafka.
 */

import { KafkaError } from '../../core/errors.ts'
import {
  type AlterPartitionReassignmentsRequest,
  type AlterPartitionReassignmentsRequestReassignablePartition,
  type AlterPartitionReassignmentsResponse,
  alterPartitionReassignments,
  createAlterPartitionReassignmentsResponse,
  createAlterPartitionReassignmentsResponseReassignablePartitionResponse,
  createAlterPartitionReassignmentsResponseReassignableTopicResponse,
} from '../../protocol/messages/generated/alter-partition-reassignments.ts'
import { alterPartitionReassignmentsFilter } from '../access/cluster-filters.ts'
import { toErrorCode } from '../error-code.ts'
import { missingPartition } from '../partition-lookup.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'

type Services = Pick<BrokerServices, 'config' | 'runtime' | 'topics'>

function handleAlterPartitionReassignments(
  services: Services,
  { topics, allowReplicationFactorChange }: AlterPartitionReassignmentsRequest,
): AlterPartitionReassignmentsResponse {
  return createAlterPartitionReassignmentsResponse({
    allowReplicationFactorChange,
    errorMessage: null,
    responses: topics.map(({ name, partitions }) =>
      createAlterPartitionReassignmentsResponseReassignableTopicResponse({
        name,
        partitions: partitions.map((wanted) => answer(services, name, wanted)),
      }),
    ),
  })
}

function answer(
  services: Services,
  topic: string,
  wanted: AlterPartitionReassignmentsRequestReassignablePartition,
) {
  const { partitionIndex } = wanted
  const refusal = refusalOf(services, topic, wanted)
  return createAlterPartitionReassignmentsResponseReassignablePartitionResponse({
    partitionIndex,
    errorMessage: null,
    ...(refusal && {
      errorCode: toErrorCode(services.runtime.logger, refusal),
      errorMessage: refusal.message,
    }),
  })
}

function refusalOf(
  { topics, config: { nodeId } }: Services,
  topic: string,
  { partitionIndex, replicas }: AlterPartitionReassignmentsRequestReassignablePartition,
): KafkaError | undefined {
  const missing = missingPartition(topics, topic, partitionIndex)
  if (missing) return missing
  if (replicas === null) {
    return new KafkaError(`${topic}-${partitionIndex} is not being reassigned`, {
      code: 'NO_REASSIGNMENT_IN_PROGRESS',
    })
  }
  if (replicas.length === 1 && replicas[0] === nodeId) return undefined
  return new KafkaError(
    `${topic}-${partitionIndex} can have the one replica [${nodeId}] only, got [${replicas.join(', ')}]`,
    { code: 'INVALID_REPLICA_ASSIGNMENT' },
  )
}

export const alterPartitionReassignmentsApi = served({
  api: alterPartitionReassignments,
  filter: alterPartitionReassignmentsFilter,
  handle: handleAlterPartitionReassignments,
})
