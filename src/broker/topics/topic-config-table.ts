/**
 * The topic configs of Apache Kafka 4.3: one table of names, types, defaults, checks and meanings. What is done with them stands in
 * `topic-configs.ts`.
 *
 * Every one is taken, checked as Kafka checks it, and kept, so that tools that set them work. Not all of them have
 * something to act on here: `isKeptOnly` says which, and docs/topic-configs.md tells users.
 */
import type { BrokerConfig } from '../config.ts'
import { defaultLogConfig } from '../log/log-config.ts'

/** Kafka's ids of config value types (DescribeConfigs v3+). */
export const configTypes = { boolean: 1, string: 2, int: 3, long: 5, double: 6, list: 7 } as const

export type ConfigType = keyof typeof configTypes

export interface TopicConfigDefinition {
  readonly name: string
  readonly type: ConfigType
  /** What must hold, for messages: "must be …". */
  readonly expected: string
  readonly documentation: string
  /** The broker's setting that gives the default, as Kafka names it. */
  readonly brokerSynonym?: string
  /** It changes nothing here: there is one replica, no tiered storage, and batches stay as they were sent. */
  readonly isKeptOnly?: true
  defaultValue(config: BrokerConfig): string
  isValid(value: string): boolean
}

const int32Max = 2_147_483_647
const int64Max = '9223372036854775807'

function wholeNumber(min: number, max?: number) {
  return {
    expected:
      max === undefined
        ? `a whole number of ${min} or more`
        : `a whole number from ${min} to ${max}`,
    isValid: (value: string) =>
      /^-?\d{1,19}$/.test(value) && Number(value) >= min && Number(value) <= (max ?? 2 ** 63),
  }
}

function oneOf(...allowed: string[]) {
  return {
    expected: allowed.length === 1 ? `'${allowed[0]}'` : `one of ${allowed.join(', ')}`,
    isValid: (value: string) => allowed.includes(value),
  }
}

const fraction = {
  expected: 'a number from 0 to 1',
  isValid: (value: string) => /^\d*\.?\d+$/.test(value) && Number(value) >= 0 && Number(value) <= 1,
}

const cleanupPolicies = {
  expected: "'delete', 'compact', both, or nothing",
  isValid: (value: string) =>
    listOf(value).every((policy) => policy === 'delete' || policy === 'compact'),
}

const trueOrFalse = {
  expected: 'true or false',
  isValid: (value: string) => /^(true|false)$/i.test(value),
}

/** `partition:broker,…`, or `*` for all. */
const throttledReplicas = {
  expected: "a list of partition:broker, or '*'",
  isValid: (value: string) =>
    value === '*' || listOf(value).every((replica) => /^\d+:\d+$/.test(replica)),
}

export const topicConfigs: readonly TopicConfigDefinition[] = [
  {
    name: 'cleanup.policy',
    type: 'list',
    ...cleanupPolicies,
    brokerSynonym: 'log.cleanup.policy',
    documentation:
      'What happens to old records: delete removes them by age and size, compact keeps the newest record of each key.',
    defaultValue: () => 'delete',
  },
  {
    name: 'compression.gzip.level',
    type: 'int',
    expected: '-1, or a whole number from 1 to 9',
    isValid: (value) => /^(-1|[1-9])$/.test(value),
    brokerSynonym: 'compression.gzip.level',
    isKeptOnly: true,
    documentation: 'Batches stay as the producer compressed them.',
    defaultValue: () => '-1',
  },
  {
    name: 'compression.lz4.level',
    type: 'int',
    ...wholeNumber(1, 17),
    brokerSynonym: 'compression.lz4.level',
    isKeptOnly: true,
    documentation: 'Batches stay as the producer compressed them.',
    defaultValue: () => '9',
  },
  {
    name: 'compression.type',
    type: 'string',
    ...oneOf('producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'),
    brokerSynonym: 'compression.type',
    isKeptOnly: true,
    documentation: 'Batches stay as the producer compressed them.',
    defaultValue: () => 'producer',
  },
  {
    name: 'compression.zstd.level',
    type: 'int',
    ...wholeNumber(-131_072, 22),
    brokerSynonym: 'compression.zstd.level',
    isKeptOnly: true,
    documentation: 'Batches stay as the producer compressed them.',
    defaultValue: () => '3',
  },
  {
    name: 'delete.retention.ms',
    type: 'long',
    ...wholeNumber(0),
    brokerSynonym: 'log.cleaner.delete.retention.ms',
    documentation:
      'How long a compacted topic keeps the tombstone of a deleted key, in milliseconds.',
    defaultValue: () => String(defaultLogConfig.deleteRetentionMs),
  },
  {
    name: 'file.delete.delay.ms',
    type: 'long',
    ...wholeNumber(0),
    brokerSynonym: 'log.segment.delete.delay.ms',
    isKeptOnly: true,
    documentation: 'Files are removed as soon as nothing reads them any more.',
    defaultValue: () => '60000',
  },
  {
    name: 'flush.messages',
    type: 'long',
    ...wholeNumber(1),
    brokerSynonym: 'log.flush.interval.messages',
    isKeptOnly: true,
    documentation: 'Records are synced when acks require it or a reader waits.',
    defaultValue: () => int64Max,
  },
  {
    name: 'flush.ms',
    type: 'long',
    ...wholeNumber(0),
    brokerSynonym: 'log.flush.interval.ms',
    isKeptOnly: true,
    documentation: 'Records are synced when acks require it or a reader waits.',
    defaultValue: () => int64Max,
  },
  {
    name: 'follower.replication.throttled.replicas',
    type: 'list',
    ...throttledReplicas,
    isKeptOnly: true,
    documentation: 'A single node replicates nothing.',
    defaultValue: () => '',
  },
  {
    name: 'index.interval.bytes',
    type: 'int',
    ...wholeNumber(0, int32Max),
    brokerSynonym: 'log.index.interval.bytes',
    documentation: 'Bytes of log between two entries of the offset index.',
    defaultValue: () => String(defaultLogConfig.indexIntervalBytes),
  },
  {
    name: 'leader.replication.throttled.replicas',
    type: 'list',
    ...throttledReplicas,
    isKeptOnly: true,
    documentation: 'A single node replicates nothing.',
    defaultValue: () => '',
  },
  {
    name: 'local.retention.bytes',
    type: 'long',
    ...wholeNumber(-2),
    brokerSynonym: 'log.local.retention.bytes',
    isKeptOnly: true,
    documentation: 'There is no tiered storage.',
    defaultValue: () => '-2',
  },
  {
    name: 'local.retention.ms',
    type: 'long',
    ...wholeNumber(-2),
    brokerSynonym: 'log.local.retention.ms',
    isKeptOnly: true,
    documentation: 'There is no tiered storage.',
    defaultValue: () => '-2',
  },
  {
    name: 'max.compaction.lag.ms',
    type: 'long',
    ...wholeNumber(1),
    brokerSynonym: 'log.cleaner.max.compaction.lag.ms',
    documentation:
      'Longest time a superseded record waits for compaction, in milliseconds, however small its share of the log.',
    defaultValue: ({ logCleanerMaxCompactionLag: lag }) => (lag < 0 ? int64Max : String(lag)),
  },
  {
    name: 'max.message.bytes',
    type: 'int',
    ...wholeNumber(0, int32Max),
    brokerSynonym: 'message.max.bytes',
    documentation: 'Largest accepted record batch, in bytes, after compression.',
    defaultValue: (config) => String(config.messageMaxBytes),
  },
  {
    name: 'message.timestamp.after.max.ms',
    type: 'long',
    ...wholeNumber(0),
    brokerSynonym: 'log.message.timestamp.after.max.ms',
    isKeptOnly: true,
    documentation: 'Records are accepted whatever their timestamp.',
    defaultValue: () => '3600000',
  },
  {
    name: 'message.timestamp.before.max.ms',
    type: 'long',
    ...wholeNumber(0),
    brokerSynonym: 'log.message.timestamp.before.max.ms',
    isKeptOnly: true,
    documentation: 'Records are accepted whatever their timestamp.',
    defaultValue: () => int64Max,
  },
  {
    name: 'message.timestamp.type',
    type: 'string',
    ...oneOf('CreateTime', 'LogAppendTime'),
    brokerSynonym: 'log.message.timestamp.type',
    documentation: "Whether records have the producer's timestamp or the time of the append.",
    defaultValue: () => 'CreateTime',
  },
  {
    name: 'min.cleanable.dirty.ratio',
    type: 'double',
    ...fraction,
    brokerSynonym: 'log.cleaner.min.cleanable.ratio',
    documentation: 'Share of the log that must be uncompacted before compaction runs.',
    defaultValue: ({ logCleanerMinCleanableRatio: ratio }) => String(ratio),
  },
  {
    name: 'min.compaction.lag.ms',
    type: 'long',
    ...wholeNumber(0),
    brokerSynonym: 'log.cleaner.min.compaction.lag.ms',
    documentation: 'Shortest time a record stays uncompacted, in milliseconds.',
    defaultValue: ({ logCleanerMinCompactionLag: lag }) => String(lag),
  },
  {
    name: 'min.insync.replicas',
    type: 'int',
    ...wholeNumber(1, int32Max),
    brokerSynonym: 'min.insync.replicas',
    isKeptOnly: true,
    documentation:
      'A single node has one replica of each partition, and acks=all waits for its disk.',
    defaultValue: () => '1',
  },
  {
    name: 'preallocate',
    type: 'boolean',
    ...trueOrFalse,
    brokerSynonym: 'log.preallocate',
    isKeptOnly: true,
    documentation: 'Segment files grow as they are written.',
    defaultValue: () => 'false',
  },
  {
    name: 'remote.log.copy.disable',
    type: 'boolean',
    ...trueOrFalse,
    isKeptOnly: true,
    documentation: 'There is no tiered storage.',
    defaultValue: () => 'false',
  },
  {
    name: 'remote.log.delete.on.disable',
    type: 'boolean',
    ...trueOrFalse,
    isKeptOnly: true,
    documentation: 'There is no tiered storage.',
    defaultValue: () => 'false',
  },
  {
    name: 'remote.storage.enable',
    type: 'boolean',
    expected: 'false: there is no tiered storage',
    isValid: (value) => /^false$/i.test(value),
    isKeptOnly: true,
    documentation: 'There is no tiered storage.',
    defaultValue: () => 'false',
  },
  {
    name: 'retention.bytes',
    type: 'long',
    expected: 'a whole number',
    isValid: (value) => /^-?\d{1,18}$/.test(value),
    brokerSynonym: 'log.retention.bytes',
    documentation:
      'Size of a partition above which its oldest segments are deleted, in bytes; below 0 for no limit.',
    defaultValue: (config) => String(config.retentionBytes),
  },
  {
    name: 'retention.ms',
    type: 'long',
    ...wholeNumber(-1),
    brokerSynonym: 'log.retention.ms',
    documentation: 'How long records are kept, in milliseconds; -1 for no limit.',
    defaultValue: (config) => String(config.retention),
  },
  {
    name: 'segment.bytes',
    type: 'int',
    ...wholeNumber(1024, int32Max),
    brokerSynonym: 'log.segment.bytes',
    documentation: 'Size at which a segment file is closed, in bytes.',
    defaultValue: (config) => String(config.segmentBytes),
  },
  {
    name: 'segment.index.bytes',
    type: 'int',
    ...wholeNumber(4, int32Max),
    brokerSynonym: 'log.index.size.max.bytes',
    isKeptOnly: true,
    documentation: 'Indexes grow with their segments.',
    defaultValue: () => '10485760',
  },
  {
    name: 'segment.jitter.ms',
    type: 'long',
    ...wholeNumber(0),
    brokerSynonym: 'log.roll.jitter.ms',
    isKeptOnly: true,
    documentation: 'Segments are closed at their exact age.',
    defaultValue: () => '0',
  },
  {
    name: 'segment.ms',
    type: 'long',
    ...wholeNumber(1),
    brokerSynonym: 'log.roll.ms',
    documentation: 'Age at which a segment file is closed, in milliseconds.',
    defaultValue: (config) => String(config.maxSegmentAge),
  },
  {
    name: 'unclean.leader.election.enable',
    type: 'boolean',
    ...trueOrFalse,
    brokerSynonym: 'unclean.leader.election.enable',
    isKeptOnly: true,
    documentation: 'A single node elects nobody.',
    defaultValue: () => 'false',
  },
]

/** Splits a list config: items between commas, trimmed, each once. */
export function listOf(value: string): string[] {
  const items = value.split(',').map((item) => item.trim())
  return [...new Set(items.filter((item) => item !== ''))]
}
