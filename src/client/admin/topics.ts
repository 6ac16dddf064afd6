/** Topics: creating, changing, describing, deleting. */
import { KafkaError, TopicNotFoundError } from '../../core/errors.ts'
import { printable } from '../../core/json.ts'
import { readInteger } from '../../core/options.ts'
import { errorFrom, errorName } from '../../protocol/error-codes.ts'
import {
  createCreatePartitionsRequest,
  createCreatePartitionsRequestCreatePartitionsTopic,
  createPartitions as createPartitionsApi,
} from '../../protocol/messages/generated/create-partitions.ts'
import {
  createCreateTopicsRequest,
  createCreateTopicsRequestCreatableTopic,
  createCreateTopicsRequestCreatableTopicConfig,
  createTopics,
} from '../../protocol/messages/generated/create-topics.ts'
import {
  createDeleteTopicsRequest,
  createDeleteTopicsRequestDeleteTopicState,
  deleteTopics,
} from '../../protocol/messages/generated/delete-topics.ts'
import {
  createDescribeConfigsRequest,
  createDescribeConfigsRequestDescribeConfigsResource,
  describeConfigs,
} from '../../protocol/messages/generated/describe-configs.ts'
import {
  createIncrementalAlterConfigsRequest,
  createIncrementalAlterConfigsRequestAlterableConfig,
  createIncrementalAlterConfigsRequestAlterConfigsResource,
  incrementalAlterConfigs,
} from '../../protocol/messages/generated/incremental-alter-configs.ts'
import type { CallOptions, Cluster } from '../cluster.ts'
import { Offset } from '../consumer/offset.ts'
import { lookUpOffsets } from '../consumer/offset-lookup.ts'
import { checkTopicName } from '../topic.ts'
import {
  resolveTopicChanges,
  resolveTopicConfig,
  type TopicChanges,
  type TopicConfig,
} from './topic-config.ts'

/** A topic as returned by `admin.listTopics`. */
export interface TopicSummary {
  readonly name: string
  readonly id: string
  readonly partitions: number
}

/** The oldest and the next offset of a partition. */
export interface PartitionOffsets {
  readonly partition: number
  /** Offset of the oldest record that is still there. */
  readonly earliest: bigint
  /** Offset that the next record will get. */
  readonly latest: bigint
}

/** Result of `admin.describeTopic`. */
export interface TopicDescription extends TopicSummary {
  /**
   * How long records are kept, milliseconds; -1 for no limit. Undefined if the broker does not return it (no right,
   * Kafka 1.0).
   */
  readonly retentionMs: number | undefined
  /** Configs set on this topic, by Kafka's names. */
  readonly configs: { readonly [name: string]: string }
  /** By partition number. */
  readonly offsets: readonly PartitionOffsets[]
}

/** Kafka's ids. */
const topicResource = 2
const setOperation = 0
const deleteOperation = 1

/** The controller knows what topics there are: what it does not know now will not be there in a moment. */
const once: CallOptions = { isFinal: (error) => error instanceof TopicNotFoundError }

export async function createTopic(
  cluster: Cluster,
  name: string,
  config: TopicConfig,
): Promise<void> {
  checkTopicName(name)
  const { partitions, replicationFactor, configs } = resolveTopicConfig(config)
  const request = createCreateTopicsRequest({
    topics: [
      createCreateTopicsRequestCreatableTopic({
        name,
        numPartitions: partitions ?? -1,
        replicationFactor: replicationFactor ?? -1,
        configs: configs.map(([key, value]) =>
          createCreateTopicsRequestCreatableTopicConfig({ name: key, value }),
        ),
      }),
    ],
    timeoutMs: cluster.config.timeout,
  })
  await cluster.retrying(`create topic '${name}'`, {}, async (call) => {
    const response = await cluster.exchange(createTopics, request, call)
    const answer = response.topics[0]
    if (isThere(answer)) cluster.topicCreated(name)
    throwIfRefused(name, answer)
  })
}

export async function alterTopic(
  cluster: Cluster,
  name: string,
  changes: TopicChanges,
): Promise<void> {
  checkTopicName(name)
  const configs = resolveTopicChanges(changes).map(([key, value]) =>
    createIncrementalAlterConfigsRequestAlterableConfig({
      name: key,
      configOperation: value === null ? deleteOperation : setOperation,
      value,
    }),
  )
  const request = createIncrementalAlterConfigsRequest({
    resources: [
      createIncrementalAlterConfigsRequestAlterConfigsResource({
        resourceType: topicResource,
        resourceName: name,
        configs,
      }),
    ],
  })
  await cluster.retrying(`alter topic '${name}'`, once, async (call) => {
    const response = await cluster.exchange(incrementalAlterConfigs, request, call)
    throwIfRefused(name, response.responses[0])
  })
}

export async function deleteTopic(cluster: Cluster, name: string): Promise<void> {
  checkTopicName(name)
  const request = (version: number) =>
    createDeleteTopicsRequest({
      ...(version >= 6
        ? { topics: [createDeleteTopicsRequestDeleteTopicState({ name })] }
        : { topicNames: [name] }),
      timeoutMs: cluster.config.timeout,
    })
  await cluster.retrying(`delete topic '${name}'`, once, async (call) => {
    const response = await cluster.exchange(deleteTopics, request, call)
    throwIfRefused(name, response.responses[0])
  })
  cluster.topicDeleted(name)
}

/** `validateOnly`: only finds out whether the broker would refuse it. */
export async function createPartitions(
  cluster: Cluster,
  name: string,
  total: number,
  { validateOnly = false } = {},
): Promise<void> {
  checkTopicName(name)
  const count = readInteger(total, 'total', { min: 1, max: 100_000 })
  const request = createCreatePartitionsRequest({
    topics: [
      createCreatePartitionsRequestCreatePartitionsTopic({ name, count, assignments: null }),
    ],
    validateOnly,
    timeoutMs: cluster.config.timeout,
  })
  await cluster.retrying(`create partitions of '${name}'`, once, async (call) => {
    const response = await cluster.exchange(createPartitionsApi, request, call)
    throwIfRefused(name, response.results[0])
  })
  cluster.invalidateTopic(name)
}

export async function describeTopic(cluster: Cluster, name: string): Promise<TopicDescription> {
  checkTopicName(name)
  cluster.invalidateTopic(name)
  const { id, partitions } = await cluster.ensureTopic(name, { create: false })
  const places = partitions.map(({ index }) => ({ topic: name, partition: index }))
  const options = { isolation: 'read_uncommitted', create: false } as const
  const [settings, earliest, latest] = await Promise.all([
    describeSettings(cluster, name),
    lookUpOffsets(cluster, places, Offset.earliest, options),
    lookUpOffsets(cluster, places, Offset.latest, options),
  ])
  const offsets = places.map(({ partition }, i) =>
    printable({ partition, earliest: earliest[i]!, latest: latest[i]! }),
  )
  return { name, id, partitions: partitions.length, ...settings, offsets }
}

/** Kafka's number for a config that is set for the topic. */
const topicSource = 1
/** A user without the right, or a broker before Kafka 1.1: the rest can be told all the same. */
const untold: ReadonlySet<string> = new Set(['TOPIC_AUTHORIZATION_FAILED', 'UNSUPPORTED_VERSION'])

async function describeSettings(
  cluster: Cluster,
  name: string,
): Promise<Pick<TopicDescription, 'retentionMs' | 'configs'>> {
  const request = createDescribeConfigsRequest({
    resources: [
      createDescribeConfigsRequestDescribeConfigsResource({
        resourceType: topicResource,
        resourceName: name,
        configurationKeys: null,
      }),
    ],
  })
  const asked = cluster.retrying(`describe topic '${name}'`, {}, async (call) => {
    const result = (await cluster.exchange(describeConfigs, request, call)).results[0]
    throwIfRefused(name, result)
    const { configs } = result!
    const retention = configs.find((config) => config.name === 'retention.ms')?.value
    const own = configs.filter(({ configSource }) => configSource === topicSource)
    return {
      retentionMs: retention == null ? undefined : Number(retention),
      configs: Object.fromEntries(own.map((config) => [config.name, config.value ?? ''])),
    }
  })
  return asked.catch((error: unknown) => {
    if (!(error instanceof KafkaError) || !untold.has(error.code)) throw error
    return { retentionMs: undefined, configs: {} }
  })
}

export async function listTopics(cluster: Cluster): Promise<TopicSummary[]> {
  const topics = await cluster.listTopics()
  return topics
    .map(({ name, id, partitions }) => ({ name, id, partitions: partitions.length }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

interface Answer {
  readonly errorCode: number
  readonly errorMessage?: string | null
}

/** Of a creation: the topic was made, now or before. */
function isThere(answer: Answer | undefined): boolean {
  return (
    answer !== undefined && ['NONE', 'TOPIC_ALREADY_EXISTS'].includes(errorName(answer.errorCode))
  )
}

function throwIfRefused(topic: string, answer: Answer | undefined): void {
  if (answer?.errorCode === 0) return
  const message = answer?.errorMessage
  throw errorFrom(answer?.errorCode ?? -1, message ? { topic, message } : { topic })
}
