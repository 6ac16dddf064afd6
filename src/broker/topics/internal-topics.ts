/** Settings of the broker's own topics. */
import { defaultLogConfig, type LogConfig } from '../log/log-config.ts'
import { offsetsTopic } from './topic-name.ts'

const segmentBytes = 100 * 1024 * 1024

/** Of `__cluster_metadata`, which no client sees. */
export const internalLogConfig: LogConfig = Object.freeze({
  ...defaultLogConfig,
  segmentBytes,
  retentionMs: -1,
  cleanupPolicy: Object.freeze({ delete: false, compact: true }),
})

/** Of `__consumer_offsets` and `__transaction_state`. */
export const stateTopicOverrides: ReadonlyMap<string, string> = new Map([
  ['cleanup.policy', 'compact'],
  ['compression.type', 'producer'],
  ['segment.bytes', String(segmentBytes)],
])

/** The partition that holds the offsets of every group. */
export const offsetsPartition = { topic: offsetsTopic, partition: 0 } as const
