/** Settings of the broker's own topics. */
import type { BrokerConfig } from '../config.ts'
import { defaultLogConfig, type LogConfig } from '../log/log-config.ts'
import { offsetsTopic } from './topic-name.ts'

/** Of `__cluster_metadata`, which no client sees. */
export function metadataLogConfig(config: BrokerConfig): LogConfig {
  return Object.freeze({
    ...defaultLogConfig,
    segmentBytes: config.metadataLogSegmentBytes,
    retentionMs: -1,
    minCleanableDirtyRatio: config.logCleanerMinCleanableRatio,
    cleanupPolicy: Object.freeze({ delete: false, compact: true }),
  })
}

/** Of `__consumer_offsets` or `__transaction_state`, when it is created. */
export function stateTopicOverrides(
  topic: string,
  { offsetsTopicSegmentBytes, transactionStateLogSegmentBytes }: BrokerConfig,
): ReadonlyMap<string, string> {
  const isOffsets = topic === offsetsTopic
  const segmentBytes = isOffsets ? offsetsTopicSegmentBytes : transactionStateLogSegmentBytes
  return new Map([
    ['cleanup.policy', 'compact'],
    ['compression.type', 'producer'],
    ['segment.bytes', String(segmentBytes)],
  ])
}

/** The partition that holds the offsets of every group. */
export const offsetsPartition = { topic: offsetsTopic, partition: 0 } as const
