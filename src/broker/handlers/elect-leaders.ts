/**
 * ElectLeaders v0–2: this node leads every partition and is the only choice, so there is nothing to elect
 * (ELECTION_NOT_NEEDED); where all partitions are asked for, those are not listed. As in Apache Kafka.
 */

import { KafkaError } from '../../core/errors.ts'
import {
  createElectLeadersResponse,
  createElectLeadersResponsePartitionResult,
  createElectLeadersResponseReplicaElectionResult,
  type ElectLeadersRequest,
  type ElectLeadersResponse,
  electLeaders,
} from '../../protocol/messages/generated/elect-leaders.ts'
import { electLeadersFilter } from '../access/cluster-filters.ts'
import { errorCodes, toErrorCode, toErrorMessage } from '../error-code.ts'
import { missingPartition } from '../partition-lookup.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'

type Services = Pick<BrokerServices, 'runtime' | 'topics'>

const uncleanElection = 1

function handleElectLeaders(
  services: Services,
  { electionType, topicPartitions }: ElectLeadersRequest,
): ElectLeadersResponse {
  const isKnown = electionType >= 0 && electionType <= uncleanElection
  if (topicPartitions === null && isKnown) {
    const names = services.topics.all().map(({ name }) => name)
    return createElectLeadersResponse({
      replicaElectionResults: names.map((topic) =>
        createElectLeadersResponseReplicaElectionResult({ topic }),
      ),
    })
  }
  const replicaElectionResults = (topicPartitions ?? []).map(({ topic, partitions }) =>
    createElectLeadersResponseReplicaElectionResult({
      topic,
      partitionResult: partitions.map((partitionId) => {
        const error = isKnown
          ? refusalOf(services, topic, partitionId)
          : unknownElection(electionType)
        return createElectLeadersResponsePartitionResult({
          partitionId,
          errorCode: toErrorCode(services.runtime.logger, error),
          errorMessage: toErrorMessage(error),
        })
      }),
    }),
  )
  const errorCode = isKnown ? errorCodes.NONE : errorCodes.INVALID_REQUEST
  return createElectLeadersResponse({ errorCode, replicaElectionResults })
}

function refusalOf({ topics }: Services, topic: string, partition: number): KafkaError {
  return (
    missingPartition(topics, topic, partition) ??
    new KafkaError(`${topic}-${partition} has its leader, and no other replica`, {
      code: 'ELECTION_NOT_NEEDED',
    })
  )
}

function unknownElection(electionType: number): KafkaError {
  return new KafkaError(`There is no election type ${electionType}: 0 is preferred, 1 unclean`, {
    code: 'INVALID_REQUEST',
  })
}

export const electLeadersApi = served({
  api: electLeaders,
  filter: electLeadersFilter,
  handle: handleElectLeaders,
})
