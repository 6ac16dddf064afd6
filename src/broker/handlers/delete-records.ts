/**
 * DeleteRecords v0–2. Answered once the new start of the log is durable: no crash brings the records back. Topics that are
 * only compacted refuse (POLICY_VIOLATION), and so do the broker's own (INVALID_TOPIC_EXCEPTION).
 *
 * Differs from Apache Kafka: first waits until what was appended so far is on stable storage, so that -1, the high
 * watermark, covers all that was acknowledged. `timeoutMs` is not looked at: nothing is waited for but the disk.
 */

import { KafkaError, OffsetOutOfRangeError } from '../../core/errors.ts'
import {
  createDeleteRecordsResponse,
  createDeleteRecordsResponseDeleteRecordsPartitionResult,
  createDeleteRecordsResponseDeleteRecordsTopicResult,
  type DeleteRecordsRequest,
  type DeleteRecordsRequestDeleteRecordsTopic,
  type DeleteRecordsResponse,
  type DeleteRecordsResponseDeleteRecordsPartitionResult,
  deleteRecords,
} from '../../protocol/messages/generated/delete-records.ts'
import { deleteRecordsFilter } from '../access/topic-filters.ts'
import { toErrorCode } from '../error-code.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { checkIsStillThere, onlinePartition, unknownTopic } from '../partition-lookup.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'

type Services = Pick<BrokerServices, 'runtime' | 'topics' | 'logs'>

const highWatermark = -1n
const noLowWatermark = -1n

async function handleDeleteRecords(
  services: Services,
  request: DeleteRecordsRequest,
): Promise<DeleteRecordsResponse> {
  const topics = [...wantedOffsets(request.topics)].map(async ([name, offsets]) =>
    createDeleteRecordsResponseDeleteRecordsTopicResult({
      name,
      partitions: await Promise.all(
        [...offsets].map(([index, offset]) => answer(services, name, index, offset)),
      ),
    }),
  )
  return createDeleteRecordsResponse({ topics: await Promise.all(topics) })
}

/** By topic and partition; what is there twice counts as it comes last. */
function wantedOffsets(
  topics: readonly DeleteRecordsRequestDeleteRecordsTopic[],
): Map<string, Map<number, bigint>> {
  const wanted = new Map<string, Map<number, bigint>>()
  for (const { name, partitions } of topics) {
    const offsets = wanted.get(name) ?? new Map<number, bigint>()
    wanted.set(name, offsets)
    for (const { partitionIndex, offset } of partitions) offsets.set(partitionIndex, offset)
  }
  return wanted
}

async function answer(
  services: Services,
  name: string,
  partitionIndex: number,
  offset: bigint,
): Promise<DeleteRecordsResponseDeleteRecordsPartitionResult> {
  try {
    const lowWatermark = await deleteBefore(services, name, partitionIndex, offset)
    return createDeleteRecordsResponseDeleteRecordsPartitionResult({ partitionIndex, lowWatermark })
  } catch (error) {
    return createDeleteRecordsResponseDeleteRecordsPartitionResult({
      partitionIndex,
      lowWatermark: noLowWatermark,
      errorCode: toErrorCode(services.runtime.logger, error),
    })
  }
}

/** Returns where the log begins now. Throws `KafkaError` with Kafka's code. */
async function deleteBefore(
  { topics, logs }: Services,
  name: string,
  index: number,
  offset: bigint,
): Promise<bigint> {
  const topic = topics.byName(name) ?? unknownTopic(name)
  const log = onlinePartition(topic, index)
  if (!(topic instanceof KafkaError) && topic.isInternal) {
    throw new KafkaError(`Topic '${name}' belongs to the broker; its records cannot be deleted`, {
      code: 'INVALID_TOPIC_EXCEPTION',
    })
  }
  checkMayDelete(log)
  const before = offset === highWatermark ? log.logEndOffset : offset
  if (before < 0n) {
    throw new OffsetOutOfRangeError(`There is no offset ${offset}`, { code: 'OFFSET_OUT_OF_RANGE' })
  }
  const start = await logs.deleteRecordsBefore(log, before)
  checkIsStillThere(topics, log)
  return start
}

function checkMayDelete({ topic, config: { cleanupPolicy } }: PartitionLog): void {
  if (!cleanupPolicy.compact || cleanupPolicy.delete) return
  throw new KafkaError(
    `The cleanup.policy of topic '${topic}' is compact: its records are deleted by tombstones`,
    { code: 'POLICY_VIOLATION' },
  )
}

export const deleteRecordsApi = served({
  api: deleteRecords,
  filter: deleteRecordsFilter,
  handle: handleDeleteRecords,
})
