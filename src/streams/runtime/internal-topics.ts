/** The topics that an application needs for itself: what repartitions write, and changelogs of its stores. */
import { createTopic } from '../../client/admin/topics.ts'
import type { Cluster } from '../../client/cluster.ts'
import { ConfigError, KafkaError } from '../../core/errors.ts'
import type { InternalTopicConfigs } from '../internal-topic-configs.ts'

export interface InternalTopic {
  readonly name: string
  readonly partitions: number
  readonly purpose: 'repartition' | 'changelog'
  /** Milliseconds for which more than the last record of a key is needed. */
  readonly historyMs?: number | undefined
}

/** By Kafka's names. */
type GivenConfigs = { readonly [name: string]: string | number | boolean }

/** What an application's config says of its own topics. */
export interface InternalTopicSettings {
  readonly replicationFactor: number | undefined
  readonly internalTopics: InternalTopicConfigs | undefined
}

const compactionLag = 'min.compaction.lag.ms'

/** As Kafka Streams': how much later than a record's time the clock of the broker may be. */
const compactionSlackMs = 24 * 60 * 60 * 1000

const configsOf = {
  // Records are deleted once they are processed and committed, and must not go before.
  repartition: {
    'cleanup.policy': 'delete',
    'retention.ms': '-1',
    'message.timestamp.type': 'CreateTime',
  },
  // Windows that are over are deleted by tombstones: retention would go by the wall clock, and take what is replayed.
  changelog: { 'cleanup.policy': 'compact', 'message.timestamp.type': 'CreateTime' },
} as const

/** Makes those that are not there. Throws `ConfigError` for one that has another number of partitions. */
export async function ensureInternalTopics(
  cluster: Cluster,
  topics: readonly InternalTopic[],
  { replicationFactor, internalTopics }: InternalTopicSettings,
): Promise<void> {
  const names = topics.map(({ name }) => name)
  const options = { create: false, absent: 'leave out' } as const
  const there = await cluster.ensureTopics(names, options)
  const missing = topics.filter(({ name }) => !there.has(name))
  await Promise.all(
    missing.map(async (topic) => {
      const { name, partitions } = topic
      try {
        const configs = configsFor(topic, internalTopics?.[topic.purpose])
        await createTopic(cluster, name, { partitions, replicationFactor, configs })
      } catch (error) {
        // Another process of the application was first.
        if (!(error instanceof KafkaError && error.code === 'TOPIC_ALREADY_EXISTS')) throw error
      }
    }),
  )
  const found = await cluster.ensureTopics(names, { create: false })
  for (const { name, partitions, purpose } of topics) {
    const count = found.get(name)!.partitions.length
    if (count === partitions) continue
    throw new ConfigError(
      `The ${purpose} topic '${name}' has ${count} partitions, and the application needs ${partitions}: its sources have got others since it began. State is kept by partition, so give the application another name (app) and let it read from the start, or put the partitions of its sources back`,
      { code: 'INVALID_CONFIG' },
    )
  }
}

function configsFor(
  { purpose, historyMs }: InternalTopic,
  given: GivenConfigs = {},
): Readonly<Record<string, string | number | boolean>> {
  const configs = { ...configsOf[purpose], ...given }
  if (historyMs === undefined) return configs
  // What the history needs must not be compacted, whatever is given.
  const lag = Math.max(historyMs + compactionSlackMs, Number(given[compactionLag] ?? 0))
  return { ...configs, [compactionLag]: String(Math.min(lag, Number.MAX_SAFE_INTEGER)) }
}
