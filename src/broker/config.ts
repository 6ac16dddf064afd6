/**
 * Configuration of a broker: checked once when it is opened, then frozen. Names follow Kafka's broker settings in
 * camelCase; the defaults are Kafka's unless the option says otherwise.
 */
import type { Duration } from '../core/duration.ts'
import {
  boolean,
  bytes,
  duration,
  integer,
  invalid,
  type NameOf,
  nested,
  number,
  type Option,
  type OptionsOf,
  type OptionTable,
  resolveOptions,
} from '../core/options.ts'
import { openFilesMin } from '../storage/file-system.ts'

/** Settings of the broker, embedded or served. Durations are milliseconds or strings such as `'30s'`. */
export interface BrokerConfigInput {
  /** Id of this node in metadata. 0 to 2,147,483,647; default 1. */
  nodeId?: number | undefined
  /** Whether a missing topic is created when a client asks for it. Default true. */
  autoCreateTopics?: boolean | undefined
  /**
   * Partitions of a topic that is created without a number; at most `maxPartitionsPerTopic`. 1 to
   * 100,000; default 1.
   */
  defaultPartitions?: number | undefined
  /** Largest number of partitions of one topic. 1 to 100,000; default 10,000. */
  maxPartitionsPerTopic?: number | undefined
  /**
   * Largest record batch, bytes; a topic's `max.message.bytes` overrides it. 0 to 1 GiB; default
   * 1,048,588 bytes.
   */
  messageMaxBytes?: number | undefined
  /**
   * Number of data files open at a time; others are opened on demand. 16 or more; default: half of
   * the process's limit (`ulimit -n`).
   */
  maxOpenFiles?: number | undefined
  /** Size at which a segment file is closed, bytes. 1 KiB to 2,147,483,647 bytes; default 1 GiB. */
  segmentBytes?: number | undefined
  /** Age at which a segment file is closed. 1 ms or more; default 7 days. */
  maxSegmentAge?: Duration | undefined
  /** How long records are kept. 0 or more, or -1 for no limit; default 7 days. */
  retention?: Duration | undefined
  /** Size above which a partition's oldest records are deleted, bytes; -1: no limit. Default -1. */
  retentionBytes?: number | undefined
  /**
   * Free space in bytes below which client writes are refused, while reads, offset commits and
   * deletions continue; 0: no such limit. 0 or more; default: 64 MiB, or a tenth of the disk if
   * that is less.
   */
  diskReserve?: number | undefined
  /**
   * Interval of retention and compaction; they also run soon after a segment is closed. 1 ms to
   * 2,147,483,647 ms; default 15 s.
   */
  logCleanerBackoff?: Duration | undefined
  /**
   * Share of a compacted log that must be new since its last compaction before the next; a topic's
   * `min.cleanable.dirty.ratio` overrides it. 0 to 1; default 0.5.
   */
  logCleanerMinCleanableRatio?: number | undefined
  /**
   * Shortest time a record stays uncompacted; a topic's `min.compaction.lag.ms` overrides it.
   * Default 0.
   */
  logCleanerMinCompactionLag?: Duration | undefined
  /**
   * Longest time a superseded record may wait for compaction; a topic's `max.compaction.lag.ms`
   * overrides it. 1 ms or more, or -1 for no limit; default -1.
   */
  logCleanerMaxCompactionLag?: Duration | undefined
  /**
   * After the clock has jumped ahead by a week or more, how long records are kept that expired only
   * because of the jump, so that a wrong clock can be corrected. 0: always trust the clock. Default
   * 1 day.
   */
  clockJumpGrace?: Duration | undefined
  /**
   * Longest time that acks=1 data stays in the operating system before it is synced to stable
   * storage. 1 ms or more; default 1 s.
   */
  flushInterval?: Duration | undefined
  /**
   * Largest response to a fetch, bytes (more only if its first batch is larger). 1 KiB to 1 GiB;
   * default 55 MiB.
   */
  fetchMaxBytes?: number | undefined
  /**
   * Longest long poll; a fetch that asks for more is answered after this time. At most
   * 2,147,483,647 ms; default 5 min.
   */
  fetchMaxWait?: Duration | undefined
  /**
   * Number of waiting long polls; further ones are answered at once. 1 or more; default 100,000.
   */
  maxWaitingFetches?: number | undefined
  /** Number of fetch sessions (KIP-227); with 0 none are granted. 0 to 1,000,000; default 1000. */
  maxFetchSessions?: number | undefined
  /**
   * Number of partitions in all fetch sessions together. Kafka has no limit. 0 or more; default
   * 200,000.
   */
  maxFetchSessionPartitions?: number | undefined
  /**
   * How long the first rebalance of an empty group waits for more members. Kafka's default is 3 s.
   * At most 2,147,483,647 ms; default 0.
   */
  groupInitialRebalanceDelay?: Duration | undefined
  /** Shortest session timeout a member may request. 1 ms to 2,147,483,647 ms; default 6 s. */
  groupMinSessionTimeout?: Duration | undefined
  /** Longest session timeout a member may request. 1 ms to 2,147,483,647 ms; default 30 min. */
  groupMaxSessionTimeout?: Duration | undefined
  /** Largest number of members in a group. Kafka has no limit. 1 or more; default 10,000. */
  groupMaxSize?: number | undefined
  /** How long the offsets of a group without members are kept. 1 ms or more; default 7 days. */
  offsetsRetention?: Duration | undefined
  /**
   * Longest transaction timeout a producer may request. 1 ms to 2,147,483,647 ms; default 15 min.
   */
  transactionMaxTimeout?: Duration | undefined
  /** How long an unused transactional id is kept. 1 ms or more; default 7 days. */
  transactionalIdExpiration?: Duration | undefined
  /**
   * Size at which a segment of `__consumer_offsets` is closed, bytes; used when the topic is
   * created. 1 KiB to 2,147,483,647 bytes; default 100 MiB.
   */
  offsetsTopicSegmentBytes?: number | undefined
  /**
   * Size at which a segment of `__transaction_state` is closed, bytes; used when the topic is
   * created. 1 KiB to 2,147,483,647 bytes; default 100 MiB.
   */
  transactionStateLogSegmentBytes?: number | undefined
  /**
   * Size at which a segment of the metadata log (topics and configs) is closed, bytes. 1 KiB to
   * 2,147,483,647 bytes; default 100 MiB.
   */
  metadataLogSegmentBytes?: number | undefined
  /** Longest metadata text of a committed offset, bytes. 0 to 1 MiB; default 4 KiB. */
  offsetMetadataMaxBytes?: number | undefined
}

export interface BrokerConfig {
  readonly nodeId: number
  readonly autoCreateTopics: boolean
  readonly defaultPartitions: number
  readonly maxPartitionsPerTopic: number
  readonly messageMaxBytes: number
  readonly maxOpenFiles: number | undefined
  readonly segmentBytes: number
  readonly maxSegmentAge: number
  readonly retention: number
  readonly retentionBytes: number
  /** Undefined: as the size of the disk says. */
  readonly diskReserve: number | undefined
  readonly logCleanerBackoff: number
  readonly logCleanerMinCleanableRatio: number
  readonly logCleanerMinCompactionLag: number
  readonly logCleanerMaxCompactionLag: number
  readonly clockJumpGrace: number
  readonly flushInterval: number
  readonly fetchMaxBytes: number
  readonly fetchMaxWait: number
  readonly maxWaitingFetches: number
  readonly maxFetchSessions: number
  readonly maxFetchSessionPartitions: number
  readonly groupInitialRebalanceDelay: number
  readonly groupMinSessionTimeout: number
  readonly groupMaxSessionTimeout: number
  readonly groupMaxSize: number
  readonly offsetsRetention: number
  readonly transactionMaxTimeout: number
  readonly transactionalIdExpiration: number
  readonly offsetsTopicSegmentBytes: number
  readonly transactionStateLogSegmentBytes: number
  readonly metadataLogSegmentBytes: number
  readonly offsetMetadataMaxBytes: number
}

const dayMs = 86_400_000
const gibibyte = 1024 * 1024 * 1024
const internalSegmentBytes = 100 * 1024 * 1024
const int32Max = 2_147_483_647

export const brokerOptions: OptionTable<BrokerConfig> = {
  nodeId: integer(1, {
    min: 0,
    max: int32Max,
    kafka: 'node.id',
  }),
  autoCreateTopics: boolean(true, {
    kafka: 'auto.create.topics.enable',
  }),
  defaultPartitions: integer(1, {
    min: 1,
    max: 100_000,
    kafka: 'num.partitions',
  }),
  maxPartitionsPerTopic: integer(10_000, {
    min: 1,
    max: 100_000,
  }),
  messageMaxBytes: bytes(1_048_588, {
    min: 0,
    max: gibibyte,
    kafka: 'message.max.bytes',
  }),
  maxOpenFiles: integer(undefined, {
    min: openFilesMin,
  }),
  segmentBytes: bytes(gibibyte, {
    min: 1024,
    max: int32Max,
    kafka: 'segment.bytes',
  }),
  maxSegmentAge: duration(7 * dayMs, {
    min: 1,
    kafka: 'segment.ms',
  }),
  retention: duration(7 * dayMs, {
    forever: true,
    kafka: 'retention.ms',
  }),
  retentionBytes: bytes(-1, {
    min: -1,
    kafka: 'retention.bytes',
  }),
  diskReserve: bytes(undefined, {
    min: 0,
  }),
  logCleanerBackoff: duration(15_000, {
    min: 1,
    max: int32Max,
    kafka: 'log.cleaner.backoff.ms',
  }),
  logCleanerMinCleanableRatio: number(0.5, {
    min: 0,
    max: 1,
    kafka: 'log.cleaner.min.cleanable.ratio',
  }),
  logCleanerMinCompactionLag: duration(0, {
    kafka: 'log.cleaner.min.compaction.lag.ms',
  }),
  logCleanerMaxCompactionLag: duration(-1, {
    min: 1,
    forever: true,
    kafka: 'log.cleaner.max.compaction.lag.ms',
  }),
  clockJumpGrace: duration(dayMs),
  flushInterval: duration(1000, {
    min: 1,
    kafka: 'log.flush.interval.ms',
  }),
  fetchMaxBytes: bytes(55 * 1024 * 1024, {
    min: 1024,
    max: gibibyte,
    kafka: 'fetch.max.bytes',
  }),
  fetchMaxWait: duration(300_000, {
    max: int32Max,
    kafka: 'fetch.max.wait.ms',
  }),
  maxWaitingFetches: integer(100_000, {
    min: 1,
  }),
  maxFetchSessions: integer(1000, {
    min: 0,
    max: 1_000_000,
    kafka: 'max.incremental.fetch.session.cache.slots',
  }),
  maxFetchSessionPartitions: integer(200_000, {
    min: 0,
  }),
  groupInitialRebalanceDelay: duration(0, {
    max: int32Max,
    kafka: 'group.initial.rebalance.delay.ms',
  }),
  groupMinSessionTimeout: duration(6000, {
    min: 1,
    max: int32Max,
    kafka: 'group.min.session.timeout.ms',
  }),
  groupMaxSessionTimeout: duration(1_800_000, {
    min: 1,
    max: int32Max,
    kafka: 'group.max.session.timeout.ms',
  }),
  groupMaxSize: integer(10_000, {
    min: 1,
    kafka: 'group.max.size',
  }),
  offsetsRetention: duration(7 * dayMs, {
    min: 1,
    kafka: 'offsets.retention.minutes',
  }),
  transactionMaxTimeout: duration(900_000, {
    min: 1,
    max: int32Max,
    kafka: 'transaction.max.timeout.ms',
  }),
  transactionalIdExpiration: duration(7 * dayMs, {
    min: 1,
    kafka: 'transactional.id.expiration.ms',
  }),
  offsetsTopicSegmentBytes: bytes(internalSegmentBytes, {
    min: 1024,
    max: int32Max,
    kafka: 'offsets.topic.segment.bytes',
  }),
  transactionStateLogSegmentBytes: bytes(internalSegmentBytes, {
    min: 1024,
    max: int32Max,
    kafka: 'transaction.state.log.segment.bytes',
  }),
  metadataLogSegmentBytes: bytes(internalSegmentBytes, {
    min: 1024,
    max: int32Max,
    kafka: 'metadata.log.segment.bytes',
  }),
  offsetMetadataMaxBytes: bytes(4096, {
    min: 0,
    max: 1_048_576,
    kafka: 'offset.metadata.max.bytes',
  }),
} satisfies OptionsOf<BrokerConfigInput>

/** As an option of what brings a broker along: a server, a test double. */
export const brokerOption: Option<BrokerConfig | undefined> = nested(
  undefined,
  brokerOptions,
  checkBrokerConfig,
)

/** Throws `ConfigError` naming the key and what is allowed. */
export function resolveBrokerConfig(input?: BrokerConfigInput): BrokerConfig {
  const kind = 'BrokerConfig'
  const given = resolveOptions<BrokerConfig>(kind, brokerOptions, input)
  return checkBrokerConfig(given, (key) => `${kind}.${key}`)
}

function checkBrokerConfig(config: BrokerConfig, nameOf: NameOf): BrokerConfig {
  const { defaultPartitions, maxPartitionsPerTopic } = config
  if (defaultPartitions > maxPartitionsPerTopic) {
    throw invalid(
      `${nameOf('defaultPartitions')} (${defaultPartitions}) must not pass ${nameOf('maxPartitionsPerTopic')} (${maxPartitionsPerTopic})`,
    )
  }
  const { logCleanerMinCompactionLag, logCleanerMaxCompactionLag } = config
  if (logCleanerMaxCompactionLag >= 0 && logCleanerMinCompactionLag > logCleanerMaxCompactionLag) {
    throw invalid(
      `${nameOf('logCleanerMinCompactionLag')} (${logCleanerMinCompactionLag} ms) must not pass ${nameOf('logCleanerMaxCompactionLag')} (${logCleanerMaxCompactionLag} ms)`,
    )
  }
  const { groupMinSessionTimeout, groupMaxSessionTimeout } = config
  if (groupMinSessionTimeout > groupMaxSessionTimeout) {
    throw invalid(
      `${nameOf('groupMinSessionTimeout')} (${groupMinSessionTimeout} ms) must not pass ${nameOf('groupMaxSessionTimeout')} (${groupMaxSessionTimeout} ms)`,
    )
  }
  return config
}
