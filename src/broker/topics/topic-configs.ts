/**
 * The topic configs that this broker serves: one table of names, types, defaults, checks and meanings. Creating,
 * describing and altering topics, and the partition log's configuration, all derive from it.
 *
 * A config of Kafka's that is not served is refused by name, unless it is set to the one value that describes what
 * this broker does anyway (`fixed`).
 */
import { KafkaError } from '../../core/errors.ts'
import type { BrokerConfig } from '../config.ts'
import { defaultLogConfig, type LogConfig } from '../log/log-config.ts'

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
  defaultValue(config: BrokerConfig): string
  isValid(value: string): boolean
}

/** A topic's own settings, by Kafka's names. */
export type TopicOverrides = ReadonlyMap<string, string>

const int32Max = 2_147_483_647

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
  expected: "'delete', 'compact' or both",
  isValid: (value: string) => {
    const policies = listOf(value)
    return policies.length > 0 && policies.every((one) => one === 'delete' || one === 'compact')
  },
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
    name: 'compression.type',
    type: 'string',
    ...oneOf('producer'),
    brokerSynonym: 'compression.type',
    documentation: 'Batches are kept as the producer compressed them.',
    defaultValue: () => 'producer',
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
    ...oneOf('0'),
    brokerSynonym: 'log.segment.delete.delay.ms',
    documentation:
      'Files are removed as soon as nothing reads them any more: there is no delay to set.',
    defaultValue: () => '0',
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
    name: 'max.message.bytes',
    type: 'int',
    ...wholeNumber(0, int32Max),
    brokerSynonym: 'message.max.bytes',
    documentation: 'Largest record batch that is accepted, in bytes, after compression.',
    defaultValue: (config) => String(config.messageMaxBytes),
  },
  {
    name: 'message.timestamp.type',
    type: 'string',
    ...oneOf('CreateTime', 'LogAppendTime'),
    brokerSynonym: 'log.message.timestamp.type',
    documentation: 'Whether records carry the time the producer gave or the time of the append.',
    defaultValue: () => 'CreateTime',
  },
  {
    name: 'min.cleanable.dirty.ratio',
    type: 'double',
    ...fraction,
    brokerSynonym: 'log.cleaner.min.cleanable.ratio',
    documentation: 'Share of the log that must be uncompacted before compaction runs.',
    defaultValue: () => String(defaultLogConfig.minCleanableDirtyRatio),
  },
  {
    name: 'min.compaction.lag.ms',
    type: 'long',
    ...wholeNumber(0),
    brokerSynonym: 'log.cleaner.min.compaction.lag.ms',
    documentation: 'How long a record stays uncompacted at least, in milliseconds.',
    defaultValue: () => String(defaultLogConfig.minCompactionLagMs),
  },
  {
    name: 'min.insync.replicas',
    type: 'int',
    ...oneOf('1'),
    brokerSynonym: 'min.insync.replicas',
    documentation: 'A single node has one replica of each partition.',
    defaultValue: () => '1',
  },
  {
    name: 'retention.bytes',
    type: 'long',
    ...wholeNumber(-1),
    brokerSynonym: 'log.retention.bytes',
    documentation:
      'Size of a partition above which its oldest segments are deleted, in bytes; -1 for no limit.',
    defaultValue: (config) => String(config.retentionBytes),
  },
  {
    name: 'retention.ms',
    type: 'long',
    ...wholeNumber(-1),
    brokerSynonym: 'log.retention.ms',
    documentation: 'How long records are kept, in milliseconds; -1 for ever.',
    defaultValue: (config) => String(config.retentionMs),
  },
  {
    name: 'segment.bytes',
    type: 'int',
    ...wholeNumber(1024, int32Max),
    brokerSynonym: 'log.segment.bytes',
    documentation: 'Size at which a segment file is closed and the next begun, in bytes.',
    defaultValue: (config) => String(config.segmentBytes),
  },
  {
    name: 'segment.ms',
    type: 'long',
    ...wholeNumber(1),
    brokerSynonym: 'log.roll.ms',
    documentation: 'Age at which a segment file is closed and the next begun, in milliseconds.',
    defaultValue: (config) => String(config.segmentMs),
  },
]

const definitions = new Map(topicConfigs.map((definition) => [definition.name, definition]))

/** Kafka's configs that have only one possible value here; setting that value is accepted and means nothing. */
const fixed = new Map([
  ['flush.messages', '9223372036854775807'],
  ['flush.ms', '9223372036854775807'],
  ['max.compaction.lag.ms', '9223372036854775807'],
  ['message.downconversion.enable', 'true'],
  ['message.timestamp.after.max.ms', '3600000'],
  ['message.timestamp.before.max.ms', '9223372036854775807'],
  ['preallocate', 'false'],
  ['remote.storage.enable', 'false'],
  ['segment.index.bytes', '10485760'],
  ['segment.jitter.ms', '0'],
  ['unclean.leader.election.enable', 'false'],
])

export function topicConfigDefinition(name: string): TopicConfigDefinition | undefined {
  return definitions.get(name)
}

/** Splits a list config: items between commas, trimmed, each once. */
export function listOf(value: string): string[] {
  const items = value.split(',').map((item) => item.trim())
  return [...new Set(items.filter((item) => item !== ''))]
}

/**
 * Checks a topic's settings and returns them in normal form, without those that only name a fixed value.
 * Throws `KafkaError` INVALID_CONFIG naming the config and what is allowed.
 */
export function checkOverrides(
  settings: Iterable<readonly [string, string | null]>,
): Map<string, string> {
  const overrides = new Map<string, string>()
  for (const [name, value] of settings) {
    if (value === null) throw invalidConfig(`Topic config '${name}' has no value`)
    const definition = definitions.get(name)
    const text = value.trim()
    if (definition) {
      if (!definition.isValid(text)) {
        throw invalidConfig(
          `Topic config ${name} must be ${definition.expected}; got '${value.slice(0, 100)}'`,
        )
      }
      overrides.set(name, definition.type === 'list' ? listOf(text).join(',') : text)
    } else if (fixed.get(name) !== text) throw notServed(name)
  }
  return overrides
}

function notServed(name: string): KafkaError {
  const only = fixed.get(name)
  if (only !== undefined)
    return invalidConfig(
      `Topic config ${name} cannot be changed here; only its default ${only} is accepted`,
    )
  return invalidConfig(
    `Topic config '${name.slice(0, 100)}' is not known here. Known: ${[...definitions.keys()].join(', ')}`,
  )
}

function invalidConfig(message: string): KafkaError {
  return new KafkaError(message, { code: 'INVALID_CONFIG' })
}

/** The value that holds for a topic: its own, else the default. */
export function effectiveValue(
  definition: TopicConfigDefinition,
  overrides: TopicOverrides,
  config: BrokerConfig,
): string {
  return overrides.get(definition.name) ?? definition.defaultValue(config)
}

/** The partition log's configuration for a topic with these (checked) settings. */
export function toLogConfig(overrides: TopicOverrides, config: BrokerConfig): LogConfig {
  const text = (name: string) => effectiveValue(definitions.get(name)!, overrides, config)
  const number = (name: string) => Number(text(name))
  const policies = listOf(text('cleanup.policy'))
  return Object.freeze({
    segmentBytes: number('segment.bytes'),
    segmentMs: number('segment.ms'),
    retentionMs: number('retention.ms'),
    retentionBytes: number('retention.bytes'),
    maxMessageBytes: number('max.message.bytes'),
    cleanupPolicy: Object.freeze({
      delete: policies.includes('delete'),
      compact: policies.includes('compact'),
    }),
    deleteRetentionMs: number('delete.retention.ms'),
    minCompactionLagMs: number('min.compaction.lag.ms'),
    minCleanableDirtyRatio: number('min.cleanable.dirty.ratio'),
    indexIntervalBytes: number('index.interval.bytes'),
    messageTimestampType:
      text('message.timestamp.type') === 'LogAppendTime' ? 'LogAppendTime' : 'CreateTime',
  })
}
