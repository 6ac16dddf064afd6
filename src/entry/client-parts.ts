/** What `kafka-do/client` names besides its `Client`: all of a client's, and nothing of a broker or of streams. */
export type {
  Acl,
  AclFilter,
  AclOperation,
  AclPattern,
  AclPermission,
  AclResourceType,
  NewAcl,
} from '../client/admin/acls.ts'
export type { ClusterDescription, ClusterNode } from '../client/admin/cluster-description.ts'
export type { NodeDisk, StoredPartition } from '../client/admin/disks.ts'
export type {
  GroupDescription,
  GroupMember,
  GroupPartition,
  GroupSummary,
} from '../client/admin/groups.ts'
export type { ApiKey, CreatedApiKey, NewApiKey, RotateKeyOptions } from '../client/admin/keys.ts'
export type { ListOffsetsOptions, PartitionOffset } from '../client/admin/list-offsets.ts'
export type { Quota, QuotaChanges, QuotaEntity } from '../client/admin/quotas.ts'
export type { EarliestOffsets, RecordsToDelete } from '../client/admin/records.ts'
export type { ResetOffset } from '../client/admin/reset-offsets.ts'
export type { TopicChanges, TopicConfig } from '../client/admin/topic-config.ts'
export type { PartitionOffsets, TopicDescription, TopicSummary } from '../client/admin/topics.ts'
export type { TransactionDescription, TransactionSummary } from '../client/admin/transactions.ts'
export type { Admin } from '../client/admin.ts'
export type {
  AssignmentInput,
  Assignor,
  GroupMemberSubscription,
  MemberAssignment,
  ReceivedAssignment,
  TopicPartition,
} from '../client/consumer/assignors/assignor.ts'
export type { ConsumeBatchConfig } from '../client/consumer/batch-config.ts'
export type { Consumer } from '../client/consumer/consumer.ts'
export type {
  AssignorName,
  ConsumerConfig,
  OnError,
  PartitionsHook,
} from '../client/consumer/consumer-config.ts'
export { Offset, type OffsetShift } from '../client/consumer/offset.ts'
export type { PartitionPosition } from '../client/consumer/partition-position.ts'
export type { PartitionToRead } from '../client/consumer/partitions-option.ts'
export type { ConsumerRecord } from '../client/consumer/record.ts'
export type { RawHeaders, RecordHeaders } from '../client/consumer/record-headers.ts'
export type { RecordStream } from '../client/consumer/record-stream.ts'
export type { Ordering } from '../client/consumer/record-workers.ts'
export { BatchError, type RecordMetadata } from '../client/producer/delivery.ts'
export { defaultPartitioner, type Partitioner } from '../client/producer/partitioner.ts'
export type { Producer } from '../client/producer/producer.ts'
export type { ProducerConfig } from '../client/producer/producer-config.ts'
export { type Headers, Message, type SendOptions } from '../client/producer/send-options.ts'
export {
  SchemaError,
  type SchemaInput,
  type SchemaOutput,
  type StandardSchema,
} from '../client/schema.ts'
export { bytes, json, type Serializer, string } from '../client/serializer.ts'
export type {
  PollTrace,
  ProcessTrace,
  SendTrace,
  Telemetry,
  TraceHeaders,
} from '../client/telemetry.ts'
export { type Topic, type TopicOptions, topic } from '../client/topic.ts'
export type { Transaction, TransactionSendOptions } from '../client/transaction/transaction.ts'
export type { TransactionConfig } from '../client/transaction/transaction-config.ts'
export { type RetryOptions, withRetry } from '../client/with-retry.ts'
export { Channel } from '../core/channel.ts'
export type { Duration } from '../core/duration.ts'
export {
  AbortedError,
  ClosedError,
  ConfigError,
  CorruptDataError,
  DisconnectedError,
  GroupCoordinatorError,
  KafkaError,
  MessageTooLargeError,
  NotLeaderError,
  OffsetOutOfRangeError,
  type Outcome,
  PartitionNotFoundError,
  ProducerFencedError,
  QuotaExceededError,
  RebalanceInProgressError,
  SerializationError,
  StorageError,
  TimeoutError,
  TopicNotFoundError,
  UnauthorizedError,
} from '../core/errors.ts'
export type { Metric, MetricValue } from '../core/metrics.ts'
export type { Logger, Runtime } from '../core/runtime.ts'
