/** What a partition log needs to know of its topic's configuration. Times in milliseconds, sizes in bytes. */

export interface LogConfig {
  /** A new segment is begun when the active one would pass this. */
  readonly segmentBytes: number
  /** … or when its first record is this old. */
  readonly segmentMs: number
  /** Segments whose newest record is older are deleted; -1: never. */
  readonly retentionMs: number
  /** The oldest segments are deleted while the log is larger; -1: never. */
  readonly retentionBytes: number
  /** Largest batch. */
  readonly maxMessageBytes: number
  readonly cleanupPolicy: { readonly delete: boolean; readonly compact: boolean }
  /** How long compaction keeps a tombstone after it was first seen by it. */
  readonly deleteRetentionMs: number
  /** Records younger than this are not compacted. */
  readonly minCompactionLagMs: number
  /** What waits for compaction for longer is compacted whatever its share; infinity: it may wait for ever. */
  readonly maxCompactionLagMs: number
  /** Share of the log that must be uncompacted before compaction runs, 0 to 1. */
  readonly minCleanableDirtyRatio: number
  /** Bytes of log between two index entries. */
  readonly indexIntervalBytes: number
  readonly messageTimestampType: 'CreateTime' | 'LogAppendTime'
}

export const defaultLogConfig: LogConfig = Object.freeze({
  segmentBytes: 1024 * 1024 * 1024,
  segmentMs: 7 * 86_400_000,
  retentionMs: 7 * 86_400_000,
  retentionBytes: -1,
  maxMessageBytes: 1_048_588,
  cleanupPolicy: Object.freeze({ delete: true, compact: false }),
  deleteRetentionMs: 86_400_000,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.POSITIVE_INFINITY,
  minCleanableDirtyRatio: 0.5,
  indexIntervalBytes: 4096,
  messageTimestampType: 'CreateTime',
})
