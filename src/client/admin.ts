/** Administration: topics, records, groups and the cluster. What each call does is in `admin/`. */
import { type ClusterDescription, describeCluster } from './admin/cluster-description.ts'
import {
  deleteGroup,
  describeGroup,
  type GroupDescription,
  type GroupSummary,
  listGroups,
} from './admin/groups.ts'
import { deleteRecords, type EarliestOffsets, type RecordsToDelete } from './admin/records.ts'
import { type ResetOffset, resetOffsets } from './admin/reset-offsets.ts'
import {
  alterTopic,
  createPartitions,
  createTopic,
  deleteTopic,
  describeTopic,
  listTopics,
  type TopicChanges,
  type TopicConfig,
  type TopicDescription,
  type TopicSummary,
} from './admin/topics.ts'
import type { Cluster } from './cluster.ts'
import type { Offset, OffsetShift } from './consumer/offset.ts'

/**
 * Topics, records, groups and the cluster: `kafka.admin`. Each call is retried while that may help, for the client's
 * `timeout`.
 */
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
    await createTopic(this.#cluster, name, config)
  }

  /**
   * Changes settings of a topic, durably; those that are not named stay. Throws `TopicNotFoundError`, `KafkaError`
   * INVALID_CONFIG, `ConfigError`.
   * @example await kafka.admin.alterTopic('orders', { retentionMs: '30d', configs: { 'segment.ms': null } })
   */
  async alterTopic(name: string, changes: TopicChanges): Promise<void> {
    await alterTopic(this.#cluster, name, changes)
  }

  /** Deletes a topic and all its records. Throws `TopicNotFoundError`. */
  async deleteTopic(name: string): Promise<void> {
    await deleteTopic(this.#cluster, name)
  }

  /** Raises the number of partitions. Keys then spread differently: order by key holds only from then on. */
  async createPartitions(name: string, total: number): Promise<void> {
    await createPartitions(this.#cluster, name, total)
  }

  /** Throws `TopicNotFoundError`. */
  async describeTopic(name: string): Promise<TopicDescription> {
    return describeTopic(this.#cluster, name)
  }

  /** All topics but the broker's internal ones, by name. */
  async listTopics(): Promise<TopicSummary[]> {
    return listTopics(this.#cluster)
  }

  /**
   * Deletes the records before an offset, by partition, durably; `Offset.latest` stands for all of them,
   * `Offset.timestamp(date)` for those that are older. Returns where each partition begins now. Throws
   * `OffsetOutOfRangeError` for an offset past the end, `KafkaError` POLICY_VIOLATION for a topic that is only compacted,
   * `TopicNotFoundError`, `PartitionNotFoundError`, `ConfigError`. When one partition fails others may be done.
   * @example await kafka.admin.deleteRecords('orders', { 0: 1000n, 1: Offset.latest })
   */
  async deleteRecords(topic: string, before: RecordsToDelete): Promise<EarliestOffsets> {
    return deleteRecords(this.#cluster, topic, before)
  }

  /** The groups of the cluster, by name. */
  async listGroups(): Promise<GroupSummary[]> {
    return listGroups(this.#cluster)
  }

  /** State, members, and how far the group is behind. Throws `KafkaError` GROUP_ID_NOT_FOUND. */
  async describeGroup(group: string): Promise<GroupDescription> {
    return describeGroup(this.#cluster, group)
  }

  /**
   * Moves what the group has committed for every partition of a topic, durably. An exact offset or a shift that leads out
   * of a partition stops at its beginning or end. A group that is not there is made. Throws `KafkaError` NON_EMPTY_GROUP
   * while the group has members, `OffsetOutOfRangeError` for a shift of what was never committed, `TopicNotFoundError`,
   * `ConfigError`.
   * @example await kafka.admin.resetOffsets('billing', 'orders', Offset.timestamp(yesterday))
   */
  async resetOffsets(
    group: string,
    topic: string,
    offset: Offset | OffsetShift,
  ): Promise<ResetOffset[]> {
    return resetOffsets(this.#cluster, group, topic, offset)
  }

  /** Deletes a group without members and all that it has committed. Throws `KafkaError` NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND. */
  async deleteGroup(group: string): Promise<void> {
    await deleteGroup(this.#cluster, group)
  }

  async describeCluster(): Promise<ClusterDescription> {
    return describeCluster(this.#cluster)
  }
}
