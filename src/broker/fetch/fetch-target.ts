/**
 * One partition that a fetch asks for, whether its request named it or its session remembers it, and how to find its
 * log.
 */
import { KafkaError } from '../../core/errors.ts'
import type {
  FetchRequestFetchPartition,
  FetchRequestFetchTopic,
  FetchResponsePartitionData,
} from '../../protocol/messages/generated/fetch.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { onlinePartition, topicOf, unknownTopic } from '../partition-lookup.ts'
import type { Topic, TopicRegistry } from '../topics/topic-registry.ts'

/** What an answer said of a partition besides its records. */
export type Told = Pick<
  FetchResponsePartitionData,
  'highWatermark' | 'lastStableOffset' | 'logStartOffset'
>

export interface FetchTarget {
  /** As the request names it: by name before version 13, by id since. */
  readonly topic: string
  readonly topicId: string
  /** Offset and limits. Replaced, never changed. */
  wanted: FetchRequestFetchPartition
  /** The name that the id once stood for; empty until it was found. */
  foundAs: string
  /** What the session's client knows of the partition; undefined when it knows nothing, or an error. */
  told: Told | undefined
}

/** By `keyOf`, in the order in which they are read. */
export type FetchTargets = Map<string, FetchTarget>

/** In the order of the request; the last word holds when it names a partition more than once. */
export function targetsOf(topics: readonly FetchRequestFetchTopic[], byId: boolean): FetchTarget[] {
  const targets: FetchTarget[] = []
  for (const { topic, topicId, partitions } of topics) {
    for (const wanted of partitions) {
      targets.push({ topic, topicId, wanted, foundAs: '', told: undefined })
    }
  }
  return mayRepeat(topics, byId) ? [...byKey(targets, byId).values()] : targets
}

export function byKey(targets: readonly FetchTarget[], byId: boolean): FetchTargets {
  const keyed: FetchTargets = new Map()
  for (const target of targets) keyed.set(keyOf(target, byId), target)
  return keyed
}

export function keyOf({ topic, topicId, wanted }: FetchTarget, byId: boolean): string {
  return partitionKey(topicKey(topic, topicId, byId), wanted.partition)
}

/** Cheap, for it is asked of every request, and most name their partitions in order. */
function mayRepeat(topics: readonly FetchRequestFetchTopic[], byId: boolean): boolean {
  if (topics.length > 1) {
    const names = new Set(topics.map(({ topic, topicId }) => topicKey(topic, topicId, byId)))
    if (names.size < topics.length) return true
  }
  for (const { partitions } of topics) {
    for (let i = 1; i < partitions.length; i++) {
      if (partitions[i]!.partition <= partitions[i - 1]!.partition) return true
    }
  }
  return false
}

export function topicKey(topic: string, topicId: string, byId: boolean): string {
  return byId ? topicId : topic
}

/** Unique, for neither a topic's name nor an id holds a colon; a name that is not valid names no topic. */
export function partitionKey(topic: string, partition: number): string {
  return `${partition}:${topic}`
}

/**
 * The log to read. Throws UNKNOWN_TOPIC_ID for an id that was never seen; when the topic of a known id has gone,
 * INCONSISTENT_TOPIC_ID if another has its name, else UNKNOWN_TOPIC_OR_PARTITION; and what `onlinePartition` throws.
 */
export function logOf(topics: TopicRegistry, target: FetchTarget, byId: boolean): PartitionLog {
  const topic = topicOf(topics, byId, target.topic, target.topicId)
  if (!(topic instanceof KafkaError)) target.foundAs = topic.name
  else if (byId && target.foundAs !== '') throw goneTopic(topics.byName(target.foundAs), target)
  return onlinePartition(topic, target.wanted.partition)
}

function goneTopic(successor: Topic | undefined, { foundAs, topicId }: FetchTarget): KafkaError {
  if (!successor) return unknownTopic(foundAs)
  return new KafkaError(`Topic '${foundAs}' now has the id ${successor.id}, not ${topicId}`, {
    code: 'INCONSISTENT_TOPIC_ID',
    retriable: true,
  })
}
