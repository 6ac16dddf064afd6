/**
 * WriteTxnMarkers v1–2: ends a transaction in partitions without asking the coordinator. Brokers do that among each
 * other; here it is for administrators who abort a transaction that hangs (KIP-664). As in Apache Kafka.
 */

import { KafkaError } from '../../core/errors.ts'
import {
  createWriteTxnMarkersResponse,
  createWriteTxnMarkersResponseWritableTxnMarkerPartitionResult,
  createWriteTxnMarkersResponseWritableTxnMarkerResult,
  createWriteTxnMarkersResponseWritableTxnMarkerTopicResult,
  type WriteTxnMarkersRequest,
  type WriteTxnMarkersRequestWritableTxnMarker,
  type WriteTxnMarkersResponse,
  type WriteTxnMarkersResponseWritableTxnMarkerPartitionResult,
  writeTxnMarkers,
} from '../../protocol/messages/generated/write-txn-markers.ts'
import { writeTxnMarkersFilter } from '../access/transaction-filters.ts'
import { errorCodes, toErrorCode } from '../error-code.ts'
import { onlinePartition, topicOf } from '../partition-lookup.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'
import { writeMarker } from '../transaction/write-markers.ts'

type Services = Pick<BrokerServices, 'runtime' | 'topics' | 'groups'>

type Marker = WriteTxnMarkersRequestWritableTxnMarker

async function handleWriteTxnMarkers(
  services: Services,
  { markers }: WriteTxnMarkersRequest,
): Promise<WriteTxnMarkersResponse> {
  return createWriteTxnMarkersResponse({
    markers: await Promise.all(
      markers.map(async (marker) =>
        createWriteTxnMarkersResponseWritableTxnMarkerResult({
          producerId: marker.producerId,
          topics: await Promise.all(
            marker.topics.map(async ({ name, partitionIndexes }) =>
              createWriteTxnMarkersResponseWritableTxnMarkerTopicResult({
                name,
                partitions: await Promise.all(
                  partitionIndexes.map((index) => write(services, marker, name, index)),
                ),
              }),
            ),
          ),
        }),
      ),
    ),
  })
}

async function write(
  services: Services,
  { producerId, producerEpoch, transactionResult, coordinatorEpoch }: Marker,
  topic: string,
  partitionIndex: number,
): Promise<WriteTxnMarkersResponseWritableTxnMarkerPartitionResult> {
  let errorCode: number = errorCodes.NONE
  try {
    const log = onlinePartition(topicOf(services.topics, false, topic, ''), partitionIndex)
    if (producerId < 0n) {
      throw new KafkaError('A marker needs a producer', { code: 'INVALID_REQUEST' })
    }
    const marker = { producerId, producerEpoch, isCommit: transactionResult }
    await writeMarker(services, log, marker, coordinatorEpoch)
  } catch (error) {
    errorCode = toErrorCode(services.runtime.logger, error)
  }
  return createWriteTxnMarkersResponseWritableTxnMarkerPartitionResult({
    partitionIndex,
    errorCode,
  })
}

export const writeTxnMarkersApi = served({
  api: writeTxnMarkers,
  filter: writeTxnMarkersFilter,
  handle: handleWriteTxnMarkers,
})
