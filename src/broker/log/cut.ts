/**
 * All logs at one moment: what a death of the process right then would leave, with all that was written. It is taken from
 * memory, in one turn, so it is consistent for free: no committed offset is past its records, and a transaction that is half
 * done is one that the next start finishes. What has been appended since is not part of it.
 */
import type { Hold } from './holds.ts'
import type { PartitionLog } from './partition-log.ts'
import type { RetentionClockState } from './retention-clock.ts'

export interface SegmentCut {
  readonly baseOffset: bigint
  /** Bytes of its log file that are part of the cut. */
  readonly sizeInBytes: number
}

export interface LogCut {
  readonly log: PartitionLog
  /** By base offset; the last one is written to. */
  readonly segments: readonly SegmentCut[]
  /** Where the log begins, as that is saved. */
  readonly startOffset: bigint
  readonly endOffset: bigint
  /** Everything below has been compacted. */
  readonly compactedTo: bigint
}

export interface Cut {
  readonly logs: readonly LogCut[]
  /** Keeps the files of the cut. */
  readonly hold: Hold
  readonly clock: RetentionClockState | undefined
}

export function cutOf(log: PartitionLog, startOffset: bigint): LogCut {
  const { logEndOffset: endOffset, compactedTo } = log
  const segments = log.segments.map(({ baseOffset, sizeInBytes }) => ({ baseOffset, sizeInBytes }))
  return { log, segments, startOffset, endOffset, compactedTo }
}
