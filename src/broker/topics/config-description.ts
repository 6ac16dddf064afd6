/** What DescribeConfigs and CreateTopics tell of a topic's and of the broker's settings. */
import { type BrokerConfig, resolveBrokerConfig } from '../config.ts'
import {
  type ConfigType,
  configTypes,
  type TopicConfigDefinition,
  topicConfigs,
} from './topic-config-table.ts'
import type { TopicOverrides } from './topic-configs.ts'

/** Kafka's ids of where a value comes from. */
export const configSources = { topic: 1, staticBroker: 4, default: 5 } as const

export interface DescribedConfig {
  readonly name: string
  readonly value: string
  readonly source: number
  readonly readOnly: boolean
  /** Kafka's id of the value's type. */
  readonly type: number
  readonly documentation: string
  /** All places that give a value, the one that holds first. */
  readonly synonyms: readonly { name: string; value: string; source: number }[]
}

const defaults = resolveBrokerConfig()

export function describeTopicConfigs(
  overrides: TopicOverrides,
  config: BrokerConfig,
): DescribedConfig[] {
  return topicConfigs.map((definition) => describeTopicConfig(definition, overrides, config))
}

function describeTopicConfig(
  definition: TopicConfigDefinition,
  overrides: TopicOverrides,
  config: BrokerConfig,
): DescribedConfig {
  const { name, type, documentation, brokerSynonym } = definition
  const synonyms: { name: string; value: string; source: number }[] = []
  const own = overrides.get(name)
  if (own !== undefined) synonyms.push({ name, value: own, source: configSources.topic })
  const ofBroker = definition.defaultValue(config)
  const fallback = definition.defaultValue(defaults)
  const brokerName = brokerSynonym ?? name
  if (ofBroker !== fallback) {
    synonyms.push({ name: brokerName, value: ofBroker, source: configSources.staticBroker })
  }
  synonyms.push({ name: brokerName, value: fallback, source: configSources.default })
  const { value, source } = synonyms[0]!
  return { name, value, source, readOnly: false, type: configTypes[type], documentation, synonyms }
}

interface BrokerConfigDescription {
  readonly name: string
  readonly type: ConfigType
  readonly documentation: string
  readonly value: (config: BrokerConfig) => number | boolean
}

/** The settings that Kafka has too, by its names. All are read-only: they are given when the broker is opened. */
const brokerConfigs: readonly BrokerConfigDescription[] = [
  {
    name: 'auto.create.topics.enable',
    type: 'boolean',
    documentation: 'Whether a missing topic is created when a client asks for it.',
    value: (config) => config.autoCreateTopics,
  },
  {
    name: 'fetch.max.bytes',
    type: 'int',
    documentation: 'Largest response to a fetch, in bytes.',
    value: (config) => config.fetchMaxBytes,
  },
  {
    name: 'group.initial.rebalance.delay.ms',
    type: 'int',
    documentation: 'How long the first rebalance of an empty group waits for more members.',
    value: (config) => config.groupInitialRebalanceDelay,
  },
  {
    name: 'group.max.session.timeout.ms',
    type: 'int',
    documentation: "Upper bound of a group member's session timeout.",
    value: (config) => config.groupMaxSessionTimeout,
  },
  {
    name: 'group.max.size',
    type: 'int',
    documentation: 'Members of one group.',
    value: (config) => config.groupMaxSize,
  },
  {
    name: 'group.min.session.timeout.ms',
    type: 'int',
    documentation: "Lower bound of a group member's session timeout.",
    value: (config) => config.groupMinSessionTimeout,
  },
  {
    name: 'log.retention.bytes',
    type: 'long',
    documentation: 'Size above which the oldest segments of a partition are deleted; -1: no limit.',
    value: (config) => config.retentionBytes,
  },
  {
    name: 'log.retention.ms',
    type: 'long',
    documentation: 'How long records are kept; -1: forever.',
    value: (config) => config.retention,
  },
  {
    name: 'log.roll.ms',
    type: 'long',
    documentation: 'Age at which a segment file is closed.',
    value: (config) => config.maxSegmentAge,
  },
  {
    name: 'log.segment.bytes',
    type: 'int',
    documentation: 'Size at which a segment file is closed.',
    value: (config) => config.segmentBytes,
  },
  {
    name: 'message.max.bytes',
    type: 'int',
    documentation: 'Largest record batch.',
    value: (config) => config.messageMaxBytes,
  },
  {
    name: 'node.id',
    type: 'int',
    documentation: 'Id of this node.',
    value: (config) => config.nodeId,
  },
  {
    name: 'num.partitions',
    type: 'int',
    documentation: 'Partitions of a topic that is created without a number.',
    value: (config) => config.defaultPartitions,
  },
  {
    name: 'offset.metadata.max.bytes',
    type: 'int',
    documentation: 'Metadata text of one committed offset.',
    value: (config) => config.offsetMetadataMaxBytes,
  },
  {
    name: 'offsets.retention.minutes',
    type: 'int',
    documentation: 'How long the offsets of a group without members are kept.',
    value: (config) => Math.ceil(config.offsetsRetention / 60_000),
  },
]

export function describeBrokerConfigs(config: BrokerConfig): DescribedConfig[] {
  return brokerConfigs.map(({ name, type, documentation, value }) => {
    const current = String(value(config))
    const fallback = String(value(defaults))
    const synonyms: { name: string; value: string; source: number }[] = [
      { name, value: fallback, source: configSources.default },
    ]
    if (current !== fallback) {
      synonyms.unshift({ name, value: current, source: configSources.staticBroker })
    }
    const { source } = synonyms[0]!
    return {
      name,
      value: current,
      source,
      readOnly: true,
      type: configTypes[type],
      documentation,
      synonyms,
    }
  })
}
