/** What OffsetCommit and TxnOffsetCommit have in common: offsets that may be stored, and the answers that say how it went. */
import { utf8Length } from '../../core/bytes.ts'
import { KafkaError } from '../../core/errors.ts'
import { errorCodes, toErrorCode } from '../error-code.ts'
import type { OffsetToCommit } from '../group/group-offsets.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { BrokerServices } from '../services.ts'

type Services = Pick<BrokerServices, 'config' | 'runtime' | 'topics'>

export interface AcceptedOffset {
  readonly log: PartitionLog
  readonly offset: OffsetToCommit
  readonly answer: { errorCode: number }
}

interface WantedOffset {
  readonly committedOffset: bigint
  readonly committedLeaderEpoch: number
  readonly committedMetadata: string | null
}

/** Throws OFFSET_METADATA_TOO_LARGE. */
export function toOffset(
  { config }: Services,
  { topic, partition }: PartitionLog,
  { committedOffset, committedLeaderEpoch, committedMetadata }: WantedOffset,
): OffsetToCommit {
  const metadata = committedMetadata ?? ''
  if (utf8Length(metadata) > config.offsetMetadataMaxBytes) {
    throw new KafkaError(
      `The metadata of a committed offset may be at most ${config.offsetMetadataMaxBytes} bytes (offsetMetadataMaxBytes)`,
      { code: 'OFFSET_METADATA_TOO_LARGE' },
    )
  }
  return {
    topic,
    partition,
    offset: committedOffset,
    leaderEpoch: committedLeaderEpoch,
    metadata,
  }
}

/**
 * Those whose records before the offset are on stable storage, so that no crash leaves a group ahead of its topic, and
 * whose topic is still there: it may have been deleted while the disk was busy, and its offsets with it; one that is
 * stored now would hold for the next topic of that name. The answers of the others are set.
 */
export async function storable(
  services: Services,
  accepted: readonly AcceptedOffset[],
): Promise<AcceptedOffset[]> {
  const covered = await Promise.all(accepted.map((one) => isCovered(services, one)))
  // Of a topic that is gone this is said, and not that its log is closed.
  return accepted.filter((one, i) => isStillThere(services, one) && covered[i])
}

function isStillThere({ topics }: Services, { log, answer }: AcceptedOffset): boolean {
  if (topics.byName(log.topic)?.partitions[log.partition] === log) return true
  answer.errorCode = errorCodes.UNKNOWN_TOPIC_OR_PARTITION
  return false
}

async function isCovered(
  services: Services,
  { log, offset, answer }: AcceptedOffset,
): Promise<boolean> {
  try {
    // An offset past the end, which Kafka allows, has nothing more to wait for.
    const isPastEnd = offset.offset > log.logEndOffset
    await log.whenSynced(isPastEnd ? log.logEndOffset : offset.offset)
    return true
  } catch (error) {
    answer.errorCode = toErrorCode(services.runtime.logger, error)
    return false
  }
}
