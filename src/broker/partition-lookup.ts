/** From what a request names to a partition's log, with Kafka's errors for what is not there. */
import { KafkaError, PartitionNotFoundError, TopicNotFoundError } from '../core/errors.ts'
import type { PartitionLog } from './log/partition-log.ts'
import type { Topic, TopicRegistry } from './topics/topic-registry.ts'

/** The topic, by id or by name as the version has it; or the error that stands for it in each partition's answer. */
export function topicOf(
  topics: TopicRegistry,
  byId: boolean,
  name: string,
  topicId: string,
): Topic | KafkaError {
  const topic = byId ? topics.byId(topicId) : topics.byName(name)
  if (topic) return topic
  if (byId)
    return new TopicNotFoundError(`No topic has the id ${topicId}`, { code: 'UNKNOWN_TOPIC_ID' })
  return unknownTopic(name)
}

export function unknownTopic(name: string): TopicNotFoundError {
  return new TopicNotFoundError(`Topic '${name.slice(0, 260)}' does not exist`, {
    code: 'UNKNOWN_TOPIC_OR_PARTITION',
  })
}

function unknownPartition({ name, partitions }: Topic, index: number): PartitionNotFoundError {
  return new PartitionNotFoundError(
    `Topic '${name}' has partitions 0 to ${partitions.length - 1}; there is no partition ${index}`,
    { code: 'UNKNOWN_TOPIC_OR_PARTITION' },
  )
}

/** UNKNOWN_TOPIC_OR_PARTITION, or undefined for a partition that is there, online or not. */
export function missingPartition(
  topics: TopicRegistry,
  name: string,
  index: number,
): KafkaError | undefined {
  const topic = topics.byName(name)
  if (!topic) return unknownTopic(name)
  return topic.partitions[index] ? undefined : unknownPartition(topic, index)
}

/** Throws what `topicOf` found wrong, UNKNOWN_TOPIC_OR_PARTITION, or the error that took the partition offline. */
export function onlinePartition(topic: Topic | KafkaError, index: number): PartitionLog {
  if (topic instanceof KafkaError) throw topic
  const log = topic.partitions[index]
  if (!log) throw unknownPartition(topic, index)
  if (log.offline) throw log.offline
  return log
}

/**
 * Throws UNKNOWN_TOPIC_OR_PARTITION unless the log is still that of its partition: the topic may have been deleted, and
 * another of that name made, while the disk was busy.
 */
export function checkIsStillThere(topics: TopicRegistry, log: PartitionLog): void {
  if (topics.byName(log.topic)?.partitions[log.partition] !== log) throw unknownTopic(log.topic)
}

/** Throws FENCED_LEADER_EPOCH or UNKNOWN_LEADER_EPOCH (KIP-320) unless the caller's view is current; -1: not given. */
export function checkLeaderEpoch(log: PartitionLog, currentLeaderEpoch: number): void {
  if (currentLeaderEpoch < 0 || currentLeaderEpoch === log.leaderEpoch) return
  const isOld = currentLeaderEpoch < log.leaderEpoch
  throw new KafkaError(
    `The leader epoch of ${log.topic}-${log.partition} is ${log.leaderEpoch}, not ${currentLeaderEpoch}`,
    { code: isOld ? 'FENCED_LEADER_EPOCH' : 'UNKNOWN_LEADER_EPOCH', retriable: true },
  )
}
