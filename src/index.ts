/**
 * kafka-do: the public SDK. This file composes: it gives the client the connection that its URL calls for, and an
 * embedded connection its broker.
 */
import type { BrokerConfigInput } from './broker/config.ts'
import { BaseClient } from './client/client.ts'
import { type ClientConfig as BaseClientConfig, resolveClientConfig } from './client/config.ts'
import { openConnection } from './open-connection.ts'

/** Options of `new Client(config)`. An unknown key or a wrong value is a `ConfigError` that names it. */
export interface ClientConfig extends BaseClientConfig {
  /** Settings of the embedded broker, for `file:` and `memory:`. The first client on a folder decides. */
  broker?: BrokerConfigInput | undefined
}

/**
 * A client of an event log: embedded in this process (`file:`, `memory:`) by default.
 *
 * @example
 * const kafka = new Client()
 * await kafka.produce('orders', { orderId: '123', amount: 99.99 })
 */
export class Client extends BaseClient {
  /** Throws `ConfigError`, naming the key, for a config it cannot use. Nothing is opened before the first call. */
  constructor(config?: ClientConfig | string) {
    const { broker, ...options } =
      typeof config === 'string' ? { url: config, broker: undefined } : (config ?? {})
    const environment =
      (globalThis as { process?: { env: { [name: string]: string | undefined } } }).process?.env ??
      {}
    const resolved = resolveClientConfig(options, environment)
    super(resolved, openConnection(resolved, broker))
  }
}

export type { BrokerConfigInput } from './broker/config.ts'
export type { ClusterDescription, ClusterNode } from './client/admin/cluster-description.ts'
export type {
  GroupDescription,
  GroupMember,
  GroupPartition,
  GroupSummary,
} from './client/admin/groups.ts'
export type { EarliestOffsets, RecordsToDelete } from './client/admin/records.ts'
export type { ResetOffset } from './client/admin/reset-offsets.ts'
export type {
  PartitionOffsets,
  TopicChanges,
  TopicConfig,
  TopicDescription,
  TopicSummary,
} from './client/admin/topics.ts'
export type { Admin } from './client/admin.ts'
export type { ConsumeBatchConfig } from './client/consumer/batch-config.ts'
export type { Consumer } from './client/consumer/consumer.ts'
export type { AssignorName, ConsumerConfig, OnError } from './client/consumer/consumer-config.ts'
export type { PartitionPosition } from './client/consumer/consumption.ts'
export { Offset, type OffsetShift } from './client/consumer/offset.ts'
export type { ConsumerRecord as Record, RecordHeaders } from './client/consumer/record.ts'
export type { RecordStream } from './client/consumer/record-stream.ts'
export type { Ordering } from './client/consumer/record-workers.ts'
export type { Metric, MetricValue } from './client/metrics.ts'
export { BatchError, type RecordMetadata } from './client/producer/delivery.ts'
export { defaultPartitioner, type Partitioner } from './client/producer/partitioner.ts'
export {
  type Headers,
  Message,
  type Producer,
  type SendOptions,
} from './client/producer/producer.ts'
export type { ProducerConfig } from './client/producer/producer-config.ts'
export {
  SchemaError,
  type SchemaInput,
  type SchemaOutput,
  type StandardSchema,
} from './client/schema.ts'
export { bytes, json, type Serializer, string } from './client/serializer.ts'
export type {
  PollTrace,
  ProcessTrace,
  SendTrace,
  Telemetry,
  TraceHeaders,
} from './client/telemetry.ts'
export { type Topic, type TopicOptions, topic } from './client/topic.ts'
export type { Transaction, TransactionSendOptions } from './client/transaction/transaction.ts'
export type { TransactionConfig } from './client/transaction/transaction-config.ts'
export { type RetryOptions, withRetry } from './client/with-retry.ts'
export { Channel } from './core/channel.ts'
export type { Duration } from './core/duration.ts'
export {
  AbortedError,
  ClosedError,
  ConfigError,
  CorruptDataError,
  DataFolderLockedError,
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
} from './core/errors.ts'
export type { Logger, Runtime } from './core/runtime.ts'
