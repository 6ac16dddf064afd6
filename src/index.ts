/** kafka-do: the public SDK. It only names what there is; `entry/` composes it. */

export type { BackupProgress, BackupResult } from './backup/backup-folder.ts'
export type { BackupOptions, BackupSink } from './backup/backup-options.ts'
export type { BrokerConfigInput } from './broker/config.ts'
export type { CommitTrace } from './client/telemetry.ts'
export { DataFolderLockedError } from './core/errors.ts'
export { Client, type ClientConfig } from './entry/client.ts'
export * from './entry/client-parts.ts'
export type { GlobalTable } from './streams/dsl/global-table.ts'
export type {
  AggregateOptions,
  CogroupedStream,
  GroupedStream,
  GroupOptions,
} from './streams/dsl/grouped-stream.ts'
export type {
  GroupedTable,
  TableAggregateOptions,
  TableGroupOptions,
  TableReduceOptions,
} from './streams/dsl/grouped-table.ts'
export type {
  GlobalTableJoinOptions,
  JoinWindow,
  KeyJoinOptions,
  LeftOf,
  PredicateJoinOptions,
  RightOf,
  StreamJoinOptions,
  TableJoinOptions,
} from './streams/dsl/join-options.ts'
export type { ForeignKeyJoinOptions } from './streams/dsl/join-tables.ts'
export type { Pairs } from './streams/dsl/pairs.ts'
export {
  type ForwardedRecord,
  keyValueStore,
  type ProcessContext,
  type ProcessOptions,
  type ProcessStores,
  type StoreDefinition,
  type StoreSerializers,
  windowStore,
} from './streams/dsl/process.ts'
export type { Merging, SessionGroup } from './streams/dsl/session-group.ts'
export type { StoreOptions, WindowStoreOptions } from './streams/dsl/state-options.ts'
export type { MapOptions, RekeyOptions, Stream, ToOptions } from './streams/dsl/stream.ts'
export type { StreamBuilder, StreamOptions, TableOptions } from './streams/dsl/stream-builder.ts'
export type {
  StoreLocation,
  StoreReader,
  StoreReadOptions,
  StreamMetrics,
  StreamRun,
  StreamState,
} from './streams/dsl/stream-run.ts'
export type { RunningApplication, Streams } from './streams/dsl/streams.ts'
export type { SuppressOptions, SuppressUntilClose } from './streams/dsl/suppression.ts'
export type { Table } from './streams/dsl/table.ts'
export type { WindowedGroup } from './streams/dsl/windowed-group.ts'
export type { SessionStream, WindowedStream } from './streams/dsl/windowed-stream.ts'
export type {
  WindowedTable,
  WindowedToOptions,
  WindowResult,
} from './streams/dsl/windowed-table.ts'
export type { ProcessStore, ProcessWindowStore } from './streams/operators/process-stores.ts'
export type { JoinType } from './streams/operators/unmatched.ts'
export { StoreMovedError } from './streams/store-moved-error.ts'
export type { StreamRecord } from './streams/stream-record.ts'
export type { StreamsConfig } from './streams/streams-config.ts'
export { type FailedAt, type FailedResult, StreamProcessingError } from './streams/task/errors.ts'
export type {
  OperatorDescription,
  StoreDescription,
  SubTopologyDescription,
  TopologyDescription,
} from './streams/topology/describe.ts'
export { TopologyChangedError } from './streams/topology/topology-changed-error.ts'
export { Windowed } from './streams/windowed.ts'
export { windowedKey } from './streams/windowed-key.ts'
export {
  type SessionWindow,
  type SlidingWindow,
  type TimeWindow,
  type TumblingWindow,
  Window,
  type WindowOptions,
} from './streams/windows.ts'
