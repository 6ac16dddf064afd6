/** Administration of topics. */
import type { Duration } from '../core/duration.ts'
import { parseDuration } from '../core/duration.ts'
import { invalid, readInteger } from '../core/options.ts'
import { errorFrom } from '../protocol/error-codes.ts'
import {
  createCreatePartitionsRequest,
  createCreatePartitionsRequestCreatePartitionsTopic,
  createPartitions,
} from '../protocol/messages/generated/create-partitions.ts'
import {
  createCreateTopicsRequest,
  createCreateTopicsRequestCreatableTopic,
  createCreateTopicsRequestCreatableTopicConfig,
  createTopics,
} from '../protocol/messages/generated/create-topics.ts'
import {
  createDeleteTopicsRequest,
  createDeleteTopicsRequestDeleteTopicState,
  deleteTopics,
} from '../protocol/messages/generated/delete-topics.ts'
import type { Cluster } from './cluster.ts'
import { Offset } from './consumer/offset.ts'
import { lookUpOffset } from './consumer/offset-lookup.ts'
import { checkTopicName } from './topic.ts'

export interface TopicConfig {
  /** 1 or more. Default: the broker's. */
  partitions?: number | undefined
  /** Copies of each partition. Default: the broker's; an embedded broker keeps one. */
  replicationFactor?: number | undefined
  /** How long records are kept: a duration, or -1 for ever. */
  retentionMs?: Duration | undefined
  /** Any other of Kafka's topic configs by its own name, such as `{ 'cleanup.policy': 'compact' }`. */
  configs?: { readonly [name: string]: string | number | boolean } | undefined
}

export interface TopicSummary {
  readonly name: string
  readonly id: string
  readonly partitions: number
}

export interface PartitionOffsets {
  readonly partition: number
  /** Offset of the oldest record that is still there. */
  readonly earliest: bigint
  /** Offset that the next record will get. */
  readonly latest: bigint
}

export interface TopicDescription extends TopicSummary {
  /** By partition number. */
  readonly offsets: readonly PartitionOffsets[]
}

const topicConfigKeys = ['partitions', 'replicationFactor', 'retentionMs', 'configs']

export class Admin {
  readonly #cluster: Cluster

  /** Not for direct use: `kafka.admin`. */
  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /**
   * Creates a topic, durably. Throws a `KafkaError` with code `TOPIC_ALREADY_EXISTS`, `INVALID_CONFIG`,
   * `INVALID_PARTITIONS` or `INVALID_REPLICATION_FACTOR`, or `ConfigError`.
   */
  async createTopic(name: string, config: TopicConfig = {}): Promise<void> {
    checkTopicName(name)
    const request = createCreateTopicsRequest({
      topics: [
        createCreateTopicsRequestCreatableTopic({
          name,
          numPartitions:
            config.partitions === undefined
              ? -1
              : readInteger(config.partitions, 'partitions', { min: 1, max: 100_000 }),
          replicationFactor:
            config.replicationFactor === undefined
              ? -1
              : readInteger(config.replicationFactor, 'replicationFactor', { min: 1, max: 32_767 }),
          configs: toConfigs(config).map(([key, value]) =>
            createCreateTopicsRequestCreatableTopicConfig({ name: key, value }),
          ),
        }),
      ],
      timeoutMs: this.#cluster.config.timeout,
    })
    await this.#cluster.retrying(`create topic '${name}'`, {}, async (call) => {
      const response = await this.#cluster.exchange(createTopics, request, call)
      const answer = response.topics[0]
      if (answer?.errorCode !== 0)
        throw errorFrom(answer?.errorCode ?? -1, detail(name, answer?.errorMessage))
    })
    this.#cluster.invalidateTopic(name)
  }

  /** Deletes a topic and all its records. Throws `TopicNotFoundError`. */
  async deleteTopic(name: string): Promise<void> {
    checkTopicName(name)
    const request = (version: number) =>
      createDeleteTopicsRequest({
        ...(version >= 6
          ? { topics: [createDeleteTopicsRequestDeleteTopicState({ name })] }
          : { topicNames: [name] }),
        timeoutMs: this.#cluster.config.timeout,
      })
    await this.#cluster.retrying(`delete topic '${name}'`, {}, async (call) => {
      const response = await this.#cluster.exchange(deleteTopics, request, call)
      const answer = response.responses[0]
      if (answer?.errorCode !== 0)
        throw errorFrom(answer?.errorCode ?? -1, detail(name, answer?.errorMessage))
    })
    this.#cluster.invalidateTopic(name)
  }

  /** Raises the number of partitions. Keys then spread differently: order by key holds only from then on. */
  async createPartitions(name: string, total: number): Promise<void> {
    checkTopicName(name)
    const count = readInteger(total, 'total', { min: 1, max: 100_000 })
    const request = createCreatePartitionsRequest({
      topics: [
        createCreatePartitionsRequestCreatePartitionsTopic({ name, count, assignments: null }),
      ],
      timeoutMs: this.#cluster.config.timeout,
    })
    await this.#cluster.retrying(`create partitions of '${name}'`, {}, async (call) => {
      const response = await this.#cluster.exchange(createPartitions, request, call)
      const answer = response.results[0]
      if (answer?.errorCode !== 0)
        throw errorFrom(answer?.errorCode ?? -1, detail(name, answer?.errorMessage))
    })
    this.#cluster.invalidateTopic(name)
  }

  /** Throws `TopicNotFoundError`. */
  async describeTopic(name: string): Promise<TopicDescription> {
    checkTopicName(name)
    this.#cluster.invalidateTopic(name)
    const { id, partitions } = await this.#cluster.ensureTopic(name, { create: false })
    const offsets = await Promise.all(
      partitions.map(async ({ index }) => {
        const where = { topic: name, partition: index }
        const [earliest, latest] = await Promise.all([
          lookUpOffset(this.#cluster, where, Offset.earliest, 'read_uncommitted'),
          lookUpOffset(this.#cluster, where, Offset.latest, 'read_uncommitted'),
        ])
        return { partition: index, earliest, latest }
      }),
    )
    return { name, id, partitions: partitions.length, offsets }
  }

  /** All topics but the broker's internal ones, by name. */
  async listTopics(): Promise<TopicSummary[]> {
    const topics = await this.#cluster.listTopics()
    return topics
      .map(({ name, id, partitions }) => ({ name, id, partitions: partitions.length }))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
  }
}

function toConfigs(config: TopicConfig): [string, string][] {
  for (const key of Object.keys(config)) {
    if (!topicConfigKeys.includes(key)) {
      throw invalid(
        `TopicConfig has no option '${key}'. Known options: ${topicConfigKeys.join(', ')}; Kafka's own names go into configs`,
      )
    }
  }
  const configs = Object.entries(config.configs ?? {}).map(([key, value]): [string, string] => [
    key,
    String(value),
  ])
  if (config.retentionMs !== undefined) {
    const ms = config.retentionMs === -1 ? -1 : parseDuration(config.retentionMs, 'retentionMs')
    configs.push(['retention.ms', String(ms)])
  }
  return configs
}

function detail(
  topic: string,
  message: string | null | undefined,
): { topic: string; message?: string } {
  return message ? { topic, message } : { topic }
}
