/** The settings of topics: checked when they are given, described, and turned into the configuration of a partition's log. */
import { KafkaError } from '../../core/errors.ts'
import { closest } from '../../core/options.ts'
import type { BrokerConfig } from '../config.ts'
import type { LogConfig } from '../log/log-config.ts'
import { listOf, type TopicConfigDefinition, topicConfigs } from './topic-config-table.ts'

/** A topic's own settings, by Kafka's names. */
export type TopicOverrides = ReadonlyMap<string, string>

const definitions = new Map(topicConfigs.map((definition) => [definition.name, definition]))

/** Of older versions of Kafka, whose tools may still set it to its default. */
const former = new Map([['message.downconversion.enable', 'true']])

export function topicConfigDefinition(name: string): TopicConfigDefinition | undefined {
  return definitions.get(name)
}

/**
 * Checks a topic's settings and returns them in normal form. Throws `KafkaError` INVALID_CONFIG naming the config and what is
 * allowed.
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
      overrides.set(name, normalForm(definition, text))
    } else if (former.get(name) !== text) throw notKnown(name)
  }
  checkCompactionLags(overrides)
  return overrides
}

function normalForm({ type }: TopicConfigDefinition, text: string): string {
  if (type === 'list') return listOf(text).join(',')
  return type === 'boolean' ? text.toLowerCase() : text
}

function checkCompactionLags(overrides: TopicOverrides): void {
  const [min, max] = ['min.compaction.lag.ms', 'max.compaction.lag.ms'].map((name) =>
    Number(overrides.get(name) ?? (name.startsWith('min') ? 0 : Number.POSITIVE_INFINITY)),
  ) as [number, number]
  if (min > max) {
    throw invalidConfig(
      `Topic config min.compaction.lag.ms (${min}) must not pass max.compaction.lag.ms (${max})`,
    )
  }
}

function notKnown(name: string): KafkaError {
  const known = [...definitions.keys()]
  const near = closest(name.slice(0, 100), known)
  return invalidConfig(
    `Topic config '${name.slice(0, 100)}' is not known. ${near ? `Did you mean '${near}'? ` : ''}Known: ${known.join(', ')}`,
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
    maxCompactionLagMs: lagOf(number('max.compaction.lag.ms')),
    minCleanableDirtyRatio: number('min.cleanable.dirty.ratio'),
    indexIntervalBytes: number('index.interval.bytes'),
    messageTimestampType:
      text('message.timestamp.type') === 'LogAppendTime' ? 'LogAppendTime' : 'CreateTime',
  })
}

/** The largest value means for ever. */
function lagOf(ms: number): number {
  return Number.isSafeInteger(ms) ? ms : Number.POSITIVE_INFINITY
}
