/** Writes the end of a transaction to its partitions, and tells the groups whose offsets were part of it. */
import { ProducerFencedError } from '../../core/errors.ts'
import type { GroupCoordinator } from '../group/group-coordinator.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { offsetsTopic } from '../topics/topic-name.ts'
import type { TopicRegistry } from '../topics/topic-registry.ts'
import type { EndMarker } from './transaction-coordinator.ts'

export interface MarkedParts {
  readonly topics: TopicRegistry
  readonly groups: GroupCoordinator
}

/** There is one coordinator, and it never moves. */
const coordinatorEpoch = 0

/**
 * Resolves when every marker is durable; partitions that were deleted need none. Rejects with the first error when one
 * cannot be written; the others are.
 */
export async function writeMarkers(parts: MarkedParts, marker: EndMarker): Promise<void> {
  const outcomes = await Promise.allSettled(
    marker.partitions.map(async ({ topic, partition }) => {
      const log = parts.topics.byName(topic)?.partitions[partition]
      if (!log) return
      try {
        await writeMarker(parts, log, marker, coordinatorEpoch)
      } catch (error) {
        // A newer producer has ended what was under way here; a topic that is deleted meanwhile needs nothing.
        if (!(error instanceof ProducerFencedError) && !log.isClosed) throw error
      }
    }),
  )
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
}

/** Resolves when the marker is durable in one partition. Throws as `appendMarker` and `whenSynced` do. */
export async function writeMarker(
  { groups }: MarkedParts,
  log: PartitionLog,
  marker: Omit<EndMarker, 'partitions'>,
  epoch: number,
): Promise<void> {
  const endOffset = log.appendMarker(marker, marker.isCommit ? 'commit' : 'abort', epoch)
  await log.whenSynced(endOffset)
  if (log.topic === offsetsTopic)
    groups.transactional.end(marker.producerId, marker.isCommit, endOffset)
}
