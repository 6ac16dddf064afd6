/**
 * OffsetCommit v2–10; by topic id from v10 on. An offset is stored only when all records before it are on stable storage,
 * so that no crash leaves a group ahead of its topic; it is answered when it is durable itself.
 *
 * Differs from Apache Kafka: `retentionTimeMs` (v2–4) is not looked at; the broker's `offsetsRetention` holds.
 */
import { utf8Length } from '../../core/bytes.ts'
import { KafkaError } from '../../core/errors.ts'
import { errorCode } from '../../protocol/error-codes.ts'
import {
  createOffsetCommitResponse,
  createOffsetCommitResponsePartition,
  createOffsetCommitResponseTopic,
  type OffsetCommitRequest,
  type OffsetCommitRequestPartition,
  type OffsetCommitResponse,
  type OffsetCommitResponsePartition,
} from '../../protocol/messages/generated/offset-commit.ts'
import { errorCodes, toErrorCode } from '../error-code.ts'
import type { OffsetToCommit } from '../group/group-coordinator.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { onlinePartition, topicOf } from '../partition-lookup.ts'
import type { RequestContext } from '../request-context.ts'
import type { BrokerServices } from '../services.ts'

/** An offset that may be stored, and the answer that says how it went. */
interface Accepted {
  readonly log: PartitionLog
  readonly offset: OffsetToCommit
  readonly answer: OffsetCommitResponsePartition
}

export async function handleOffsetCommit(
  services: BrokerServices,
  request: OffsetCommitRequest,
  { version }: RequestContext,
): Promise<OffsetCommitResponse> {
  const refusal = check(services, request)
  const accepted: Accepted[] = []
  const topics = request.topics.map(({ name, topicId, partitions }) => {
    const topic = topicOf(services.topics, version >= 10, name, topicId)
    const answers = partitions.map((wanted) => {
      const { partitionIndex } = wanted
      const answer = createOffsetCommitResponsePartition({ partitionIndex, errorCode: refusal })
      if (refusal === errorCodes.NONE) {
        try {
          const log = onlinePartition(topic, partitionIndex)
          accepted.push({ log, offset: toOffset(services, log, wanted), answer })
        } catch (error) {
          answer.errorCode = toErrorCode(services.runtime.logger, error)
        }
      }
      return answer
    })
    return createOffsetCommitResponseTopic({ name, topicId, partitions: answers })
  })
  if (accepted.length > 0) await store(services, request, accepted)
  return createOffsetCommitResponse({ topics })
}

function check(
  { groups }: BrokerServices,
  { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch }: OffsetCommitRequest,
): number {
  return errorCode(
    groups.checkCommit(groupId, memberId, groupInstanceId, generationIdOrMemberEpoch),
  )
}

function toOffset(
  { config }: BrokerServices,
  log: PartitionLog,
  { committedOffset, committedLeaderEpoch, committedMetadata }: OffsetCommitRequestPartition,
): OffsetToCommit {
  const metadata = committedMetadata ?? ''
  if (utf8Length(metadata) > config.offsetMetadataMaxBytes) {
    throw new KafkaError(
      `The metadata of a committed offset may have ${config.offsetMetadataMaxBytes} bytes (offsetMetadataMaxBytes)`,
      { code: 'OFFSET_METADATA_TOO_LARGE' },
    )
  }
  const { topic, partition } = log
  return {
    topic,
    partition,
    offset: committedOffset,
    leaderEpoch: committedLeaderEpoch,
    metadata,
  }
}

async function store(
  services: BrokerServices,
  request: OffsetCommitRequest,
  accepted: readonly Accepted[],
): Promise<void> {
  const covered = (await Promise.all(accepted.map((one) => isCovered(services, one)))).flatMap(
    (one) => one ?? [],
  )
  const stored = covered.filter((one) => isStillThere(services, one))
  if (stored.length === 0) return
  // The member may have been fenced while the disk was busy.
  let outcome = check(services, request)
  if (outcome === errorCodes.NONE) {
    try {
      await services.groups.commit(
        request.groupId,
        stored.map(({ offset }) => offset),
      )
    } catch (error) {
      services.runtime.logger.error(
        { err: error, group: request.groupId },
        'offsets could not be stored',
      )
      outcome = errorCodes.COORDINATOR_NOT_AVAILABLE
    }
  }
  for (const { answer } of stored) answer.errorCode = outcome
}

/**
 * Whether the partition is the one that was asked for. Its topic may have been deleted while the disk was busy, and its
 * offsets with it; one that is stored now would hold for the next topic of that name.
 */
function isStillThere({ topics }: BrokerServices, { log, answer }: Accepted): boolean {
  if (topics.byName(log.topic)?.partitions[log.partition] === log) return true
  answer.errorCode = errorCodes.UNKNOWN_TOPIC_OR_PARTITION
  return false
}

/** Waits until the records before the offset are on stable storage; undefined, with the answer set, when they cannot be. */
async function isCovered(
  services: BrokerServices,
  accepted: Accepted,
): Promise<Accepted | undefined> {
  const { log, offset, answer } = accepted
  try {
    // An offset past the end, which Kafka allows, has nothing more to wait for.
    const isPastEnd = offset.offset > log.logEndOffset
    await log.whenSynced(isPastEnd ? log.logEndOffset : offset.offset)
    return accepted
  } catch (error) {
    answer.errorCode = toErrorCode(services.runtime.logger, error)
    return undefined
  }
}
