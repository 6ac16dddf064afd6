/** Administration: topics, records, groups, rights, quotas, transactions and the cluster. What each call does is in `admin/`. */
import type { Acl, AclFilter, NewAcl } from './admin/acls.ts'
import { type ClusterDescription, describeCluster } from './admin/cluster-description.ts'
import type { NodeDisk } from './admin/disks.ts'
import {
  deleteGroup,
  describeGroup,
  type GroupDescription,
  type GroupSummary,
  listGroups,
} from './admin/groups.ts'
import type { ApiKey, CreatedApiKey, NewApiKey, RotateKeyOptions } from './admin/keys.ts'
import { type ListOffsetsOptions, listOffsets, type PartitionOffset } from './admin/list-offsets.ts'
import type { Quota, QuotaChanges, QuotaEntity } from './admin/quotas.ts'
import { deleteRecords, type EarliestOffsets, type RecordsToDelete } from './admin/records.ts'
import { type ResetOffset, resetOffsets } from './admin/reset-offsets.ts'
import type { TopicChanges, TopicConfig } from './admin/topic-config.ts'
import {
  alterTopic,
  createPartitions,
  createTopic,
  deleteTopic,
  describeTopic,
  listTopics,
  type TopicDescription,
  type TopicSummary,
} from './admin/topics.ts'
import type { TransactionDescription, TransactionSummary } from './admin/transactions.ts'
import type { Cluster } from './cluster.ts'
import type { Offset, OffsetShift } from './consumer/offset.ts'

/**
 * Topics, records, groups, rights, quotas, transactions and the cluster: `kafka.admin`. Each call is retried while that may help, for the client's
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
   * @example await kafka.admin.alterTopic('orders', { retention: '30d', configs: { 'segment.ms': null } })
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
   * Where a place is in each partition of a topic: the offset of the first record at that time or later, of the oldest record,
   * or the end. Throws `TopicNotFoundError`, `ConfigError`.
   * @example const ends = await kafka.admin.listOffsets('orders', Offset.latest)
   */
  async listOffsets(
    topic: string,
    offset: Offset,
    options: ListOffsetsOptions = {},
  ): Promise<PartitionOffset[]> {
    return listOffsets(this.#cluster, topic, offset, options)
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

  /** State, members and lag of the group. Throws `KafkaError` GROUP_ID_NOT_FOUND. */
  async describeGroup(group: string): Promise<GroupDescription> {
    return describeGroup(this.#cluster, group)
  }

  /**
   * Moves the group's committed offset in every partition of a topic, durably. An exact offset or a shift out of range
   * stops at the beginning or end of the partition. A group that does not exist is created. Throws `KafkaError`
   * NON_EMPTY_GROUP while the group has members, `OffsetOutOfRangeError` for a shift without a committed offset,
   * `TopicNotFoundError`, `ConfigError`.
   * @example await kafka.admin.resetOffsets('billing', 'orders', Offset.timestamp(yesterday))
   */
  async resetOffsets(
    group: string,
    topic: string,
    offset: Offset | OffsetShift,
  ): Promise<ResetOffset[]> {
    return resetOffsets(this.#cluster, group, topic, offset)
  }

  /** Returns what `resetOffsets` would do, without doing it. Throws like `resetOffsets`. */
  async previewReset(
    group: string,
    topic: string,
    offset: Offset | OffsetShift,
  ): Promise<ResetOffset[]> {
    return resetOffsets(this.#cluster, group, topic, offset, { isPreview: true })
  }

  /**
   * Deletes a group without members, and its committed offsets. Throws `KafkaError` NON_EMPTY_GROUP,
   * GROUP_ID_NOT_FOUND.
   */
  async deleteGroup(group: string): Promise<void> {
    await deleteGroup(this.#cluster, group)
  }

  /** Transactional ids that the brokers know, by name. Throws `UnauthorizedError`; `KafkaError` UNSUPPORTED_VERSION before Kafka 3.0. */
  async listTransactions(): Promise<TransactionSummary[]> {
    const { listTransactions } = await import('./admin/transactions.ts')
    return listTransactions(this.#cluster)
  }

  /** Throws `KafkaError` TRANSACTIONAL_ID_NOT_FOUND. */
  async describeTransaction(transactionalId: string): Promise<TransactionDescription> {
    const { describeTransaction } = await import('./admin/transactions.ts')
    return describeTransaction(this.#cluster, transactionalId)
  }

  /**
   * ACLs that match the filter; an omitted field matches any value. Throws `KafkaError` SECURITY_DISABLED where the
   * cluster has no access control, `UnauthorizedError`, `ConfigError`.
   * @example await kafka.admin.listAcls({ principal: 'User:alice' })
   */
  async listAcls(filter: AclFilter = {}): Promise<Acl[]> {
    const { checkAclFilter, listAcls } = await import('./admin/acls.ts')
    checkAclFilter(filter)
    return listAcls(this.#cluster, filter)
  }

  /**
   * Adds ACLs, which allow or, with `permission: 'deny'`, deny. Existing ACLs stay. Throws like `listAcls`.
   * @example
   * await kafka.admin.createAcls([
   *   { principal: 'User:alice', type: 'topic', name: 'orders', operation: 'read' },
   * ])
   */
  async createAcls(acls: readonly NewAcl[]): Promise<void> {
    const { checkNewAcls, createAcls } = await import('./admin/acls.ts')
    checkNewAcls(acls)
    await createAcls(this.#cluster, acls)
  }

  /** Removes all matching ACLs and returns them; an omitted field matches any value. Throws like `listAcls`. */
  async deleteAcls(filter: AclFilter): Promise<Acl[]> {
    const { checkAclFilter, deleteAcls } = await import('./admin/acls.ts')
    checkAclFilter(filter)
    return deleteAcls(this.#cluster, filter)
  }

  /** The quotas of users, clients and addresses. Throws `UnauthorizedError`; `KafkaError` UNSUPPORTED_VERSION where there are none. */
  async listQuotas(): Promise<Quota[]> {
    const { listQuotas } = await import('./admin/quotas.ts')
    return listQuotas(this.#cluster)
  }

  /**
   * Sets quotas of an entity; null removes one. Other quotas stay. Throws `KafkaError` INVALID_REQUEST for a quota that
   * the broker does not know, `UnauthorizedError`, `ConfigError`.
   * @example await kafka.admin.alterQuotas({ user: 'alice' }, { producer_byte_rate: 1_048_576 })
   */
  async alterQuotas(entity: QuotaEntity, changes: QuotaChanges): Promise<void> {
    const { alterQuotas, checkQuotas } = await import('./admin/quotas.ts')
    checkQuotas(entity, changes)
    await alterQuotas(this.#cluster, entity, changes)
  }

  /**
   * The API keys of `kafka-do serve --access keys`, without their secrets: all, or those created with the key in use.
   * Throws `KafkaError` SECURITY_DISABLED where there are none, as on Apache Kafka; `UnauthorizedError`.
   */
  async listKeys(): Promise<ApiKey[]> {
    const { listKeys } = await import('./admin/keys.ts')
    return listKeys(this.#cluster)
  }

  /**
   * Creates an API key, with at most the rights of the key in use. Throws like `listKeys`, and `ConfigError`. With
   * `outcome` `'unknown'` it may have been created.
   * @example const { key } = await kafka.admin.createKey({ name: 'shop', scopes: ['produce:orders'] })
   */
  async createKey(options: NewApiKey): Promise<CreatedApiKey> {
    const { createKey } = await import('./admin/keys.ts')
    return createKey(this.#cluster, options)
  }

  /**
   * Gives a key a new secret; the old one stays valid for `overlap`. Throws like `createKey`; `KafkaError`
   * RESOURCE_NOT_FOUND.
   */
  async rotateKey(id: string, options: RotateKeyOptions = {}): Promise<CreatedApiKey> {
    const { rotateKey } = await import('./admin/keys.ts')
    return rotateKey(this.#cluster, id, options)
  }

  /** Revokes a key and removes its rights; its connections are closed within a second. Throws like `rotateKey`. */
  async revokeKey(id: string): Promise<void> {
    const { revokeKey } = await import('./admin/keys.ts')
    await revokeKey(this.#cluster, id)
  }

  async describeCluster(): Promise<ClusterDescription> {
    return describeCluster(this.#cluster)
  }

  /**
   * The folders in which nodes store records, with the size of each partition and the free space. Requires the right to
   * describe the cluster.
   * @throws {UnauthorizedError} for a caller without that right.
   * @example const [disk] = await kafka.admin.describeDisks()
   */
  async describeDisks(): Promise<NodeDisk[]> {
    const { describeDisks } = await import('./admin/disks.ts')
    return describeDisks(this.#cluster)
  }
}
