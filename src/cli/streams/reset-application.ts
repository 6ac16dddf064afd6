/**
 * Taking a stream application back to its beginning.
 *
 *   1. the group is deleted        from here on a start is refused: there is state without offsets
 *   2. its own topics are deleted  a start begins anew
 *   3. offsets are committed       … where was asked for
 *
 * Ended in the middle, it can be done again; no start in between counts records twice.
 */

import type { Admin } from '../../client/admin.ts'
import { Offset } from '../../client/consumer/offset.ts'
import { TopicNotFoundError } from '../../core/errors.ts'
import type { StoredApplication } from './stored-application.ts'

/** Where it is to begin. */
export type Beginning = 'earliest' | 'latest' | Date

export interface ResetOffsets {
  readonly topic: string
  readonly partition: number
  readonly before: bigint | undefined
  readonly offset: bigint
}

export async function resetApplication(
  admin: Admin,
  { app, group, sources, internalTopics }: StoredApplication,
  beginning: Beginning,
): Promise<ResetOffsets[]> {
  if (group) await admin.deleteGroup(app)
  for (const topic of internalTopics) {
    await admin.deleteTopic(topic).catch((error: unknown) => {
      // Somebody else was first.
      if (!(error instanceof TopicNotFoundError)) throw error
    })
  }
  const offsets: ResetOffsets[] = []
  for (const topic of sources) {
    const before = new Map(
      group?.partitions.filter((one) => one.topic === topic).map((one) => [one.partition, one]),
    )
    for (const { partition, offset } of await admin.resetOffsets(app, topic, toOffset(beginning)))
      offsets.push({ topic, partition, before: before.get(partition)?.committed, offset })
  }
  return offsets
}

function toOffset(beginning: Beginning): Offset {
  return beginning instanceof Date ? Offset.timestamp(beginning) : Offset[beginning]
}
