/**
 * Configuration of a broker: checked once when it is opened, then frozen. Names follow Kafka's broker settings in
 * camelCase; the defaults are Kafka's unless the option says otherwise.
 */
import { type Duration, parseDuration } from '../core/duration.ts'
import {
  boolean,
  duration,
  integer,
  invalid,
  type Option,
  resolveOptions,
} from '../core/options.ts'

/**
 * Settings of the broker, embedded or served. Durations are milliseconds or strings as `'30s'`.
 */
export interface BrokerConfigInput {
  /** Id of this node in metadata. 0 or more; default 1. */
  nodeId?: number | undefined
  /** Whether a topic that a client asks for is created when it does not exist. Default true. */
  autoCreateTopics?: boolean | undefined
  /** Partitions of a topic that is created without a number. 1 to `partitionsPerTopicMax`; default 1. */
  defaultPartitions?: number | undefined
  /** Limit on the partitions of one topic. Default 10 000. */
  partitionsPerTopicMax?: number | undefined
  /** Largest record batch, bytes; a topic's `max.message.bytes` overrides it. Default 1 048 588. */
  messageMaxBytes?: number | undefined
  /** Size at which a segment file is closed, bytes. Default 1 GiB. */
  segmentBytes?: number | undefined
  /** Age at which a segment file is closed. Default 7 days. */
  segmentMs?: Duration | undefined
  /** How long records are kept: a duration, or -1 for ever. Default 7 days. */
  retentionMs?: Duration | undefined
  /** Size above which a partition's oldest records go, bytes; -1: no limit. Default -1. */
  retentionBytes?: number | undefined
  /** Longest time that acks=1 data waits in the operating system before it is put on stable storage. Default 1 s. */
  flushIntervalMs?: Duration | undefined
  /** Largest answer to one fetch, bytes (more only for a first batch that is larger). Default 55 MiB. */
  fetchMaxBytes?: number | undefined
  /** Longest long poll; a fetch that asks for more is answered after this. Default 5 min. */
  fetchMaxWaitMs?: Duration | undefined
  /** Long polls that may wait at a time; more are answered at once. Default 100 000. */
  waitingFetchesMax?: number | undefined
  /** Fetch sessions (KIP-227) at a time; 0: none are granted. Default 1000. */
  fetchSessionsMax?: number | undefined
  /** Partitions that all fetch sessions together remember. Default 200 000 (Kafka: no limit). */
  fetchSessionPartitionsMax?: number | undefined
  /** How long the first rebalance of an empty group waits for more members. Default 0 (Kafka: 3 s). */
  groupInitialRebalanceDelay?: Duration | undefined
  /** Bounds of a member's session timeout. Defaults 6 s and 30 min. */
  groupMinSessionTimeout?: Duration | undefined
  groupMaxSessionTimeout?: Duration | undefined
  /** Members of one group. Default 10 000 (Kafka: no limit). */
  groupMaxSize?: number | undefined
  /** How long the offsets of a group without members are kept. Default 7 days. */
  offsetsRetention?: Duration | undefined
  /** Longest time that a producer may ask for one transaction. Default 15 min. */
  transactionMaxTimeout?: Duration | undefined
  /** How long a transactional id that is not used is remembered. Default 7 days. */
  transactionalIdExpiration?: Duration | undefined
  /** Metadata text of one committed offset, bytes. Default 4096. */
  offsetMetadataMaxBytes?: number | undefined
}

export interface BrokerConfig {
  readonly nodeId: number
  readonly autoCreateTopics: boolean
  readonly defaultPartitions: number
  readonly partitionsPerTopicMax: number
  readonly messageMaxBytes: number
  readonly segmentBytes: number
  readonly segmentMs: number
  readonly retentionMs: number
  readonly retentionBytes: number
  readonly flushIntervalMs: number
  readonly fetchMaxBytes: number
  readonly fetchMaxWaitMs: number
  readonly waitingFetchesMax: number
  readonly fetchSessionsMax: number
  readonly fetchSessionPartitionsMax: number
  readonly groupInitialRebalanceDelay: number
  readonly groupMinSessionTimeout: number
  readonly groupMaxSessionTimeout: number
  readonly groupMaxSize: number
  readonly offsetsRetention: number
  readonly transactionMaxTimeout: number
  readonly transactionalIdExpiration: number
  readonly offsetMetadataMaxBytes: number
}

const dayMs = 86_400_000
const gibibyte = 1024 * 1024 * 1024
const int32Max = 2_147_483_647

/** Throws `ConfigError` naming the key and what is allowed. */
export function resolveBrokerConfig(input?: BrokerConfigInput): BrokerConfig {
  const config = resolveOptions<BrokerConfig>(
    'BrokerConfig',
    {
      nodeId: integer(1, { min: 0, max: int32Max }),
      autoCreateTopics: boolean(true),
      defaultPartitions: integer(1, { min: 1, max: 100_000 }),
      partitionsPerTopicMax: integer(10_000, { min: 1, max: 100_000 }),
      messageMaxBytes: integer(1_048_588, { min: 0, max: gibibyte }),
      segmentBytes: integer(gibibyte, { min: 1024, max: int32Max }),
      segmentMs: duration(7 * dayMs, { min: 1 }),
      retentionMs: durationOrForever(7 * dayMs),
      retentionBytes: integer(-1, { min: -1 }),
      flushIntervalMs: duration(1000, { min: 1 }),
      fetchMaxBytes: integer(55 * 1024 * 1024, { min: 1024, max: gibibyte }),
      fetchMaxWaitMs: duration(300_000, { min: 0, max: int32Max }),
      waitingFetchesMax: integer(100_000, { min: 1 }),
      fetchSessionsMax: integer(1000, { min: 0, max: 1_000_000 }),
      fetchSessionPartitionsMax: integer(200_000, { min: 0 }),
      groupInitialRebalanceDelay: duration(0, { max: int32Max }),
      groupMinSessionTimeout: duration(6000, { min: 1, max: int32Max }),
      groupMaxSessionTimeout: duration(1_800_000, { min: 1, max: int32Max }),
      groupMaxSize: integer(10_000, { min: 1 }),
      offsetsRetention: duration(7 * dayMs, { min: 1 }),
      transactionMaxTimeout: duration(900_000, { min: 1, max: int32Max }),
      transactionalIdExpiration: duration(7 * dayMs, { min: 1 }),
      offsetMetadataMaxBytes: integer(4096, { min: 0, max: 1_048_576 }),
    },
    input,
  )
  if (config.defaultPartitions > config.partitionsPerTopicMax) {
    throw invalid(
      `BrokerConfig.defaultPartitions (${config.defaultPartitions}) must not pass partitionsPerTopicMax (${config.partitionsPerTopicMax})`,
    )
  }
  if (config.groupMinSessionTimeout > config.groupMaxSessionTimeout) {
    throw invalid(
      `BrokerConfig.groupMinSessionTimeout (${config.groupMinSessionTimeout} ms) must not pass groupMaxSessionTimeout (${config.groupMaxSessionTimeout} ms)`,
    )
  }
  return config
}

function durationOrForever(fallback: number): Option<number> {
  return { fallback, read: (value, key) => (value === -1 ? -1 : parseDuration(value, key)) }
}
