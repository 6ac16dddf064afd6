/**
 * The APIs that this broker serves: versions and handler, declared once. Dispatch, the ApiVersions answer and the
 * docs derive from it. A version is not listed unless it is implemented.
 */
import type { Api } from '../protocol/api.ts'
import { addOffsetsToTxn } from '../protocol/messages/generated/add-offsets-to-txn.ts'
import { addPartitionsToTxn } from '../protocol/messages/generated/add-partitions-to-txn.ts'
import { alterConfigs } from '../protocol/messages/generated/alter-configs.ts'
import { alterPartitionReassignments } from '../protocol/messages/generated/alter-partition-reassignments.ts'
import { apiVersions } from '../protocol/messages/generated/api-versions.ts'
import { createPartitions } from '../protocol/messages/generated/create-partitions.ts'
import { createTopics } from '../protocol/messages/generated/create-topics.ts'
import { deleteGroups } from '../protocol/messages/generated/delete-groups.ts'
import { deleteRecords } from '../protocol/messages/generated/delete-records.ts'
import { deleteTopics } from '../protocol/messages/generated/delete-topics.ts'
import { describeCluster } from '../protocol/messages/generated/describe-cluster.ts'
import { describeConfigs } from '../protocol/messages/generated/describe-configs.ts'
import { describeGroups } from '../protocol/messages/generated/describe-groups.ts'
import { describeLogDirs } from '../protocol/messages/generated/describe-log-dirs.ts'
import { describeProducers } from '../protocol/messages/generated/describe-producers.ts'
import { describeTopicPartitions } from '../protocol/messages/generated/describe-topic-partitions.ts'
import { describeTransactions } from '../protocol/messages/generated/describe-transactions.ts'
import { electLeaders } from '../protocol/messages/generated/elect-leaders.ts'
import { endTxn } from '../protocol/messages/generated/end-txn.ts'
import { fetch } from '../protocol/messages/generated/fetch.ts'
import { findCoordinator } from '../protocol/messages/generated/find-coordinator.ts'
import { heartbeat } from '../protocol/messages/generated/heartbeat.ts'
import { incrementalAlterConfigs } from '../protocol/messages/generated/incremental-alter-configs.ts'
import { initProducerId } from '../protocol/messages/generated/init-producer-id.ts'
import { joinGroup } from '../protocol/messages/generated/join-group.ts'
import { leaveGroup } from '../protocol/messages/generated/leave-group.ts'
import { listGroups } from '../protocol/messages/generated/list-groups.ts'
import { listOffsets } from '../protocol/messages/generated/list-offsets.ts'
import { listPartitionReassignments } from '../protocol/messages/generated/list-partition-reassignments.ts'
import { listTransactions } from '../protocol/messages/generated/list-transactions.ts'
import { metadata } from '../protocol/messages/generated/metadata.ts'
import { offsetCommit } from '../protocol/messages/generated/offset-commit.ts'
import { offsetDelete } from '../protocol/messages/generated/offset-delete.ts'
import { offsetFetch } from '../protocol/messages/generated/offset-fetch.ts'
import { offsetForLeaderEpoch } from '../protocol/messages/generated/offset-for-leader-epoch.ts'
import { produce } from '../protocol/messages/generated/produce.ts'
import { syncGroup } from '../protocol/messages/generated/sync-group.ts'
import { txnOffsetCommit } from '../protocol/messages/generated/txn-offset-commit.ts'
import { writeTxnMarkers } from '../protocol/messages/generated/write-txn-markers.ts'
import { handleAddOffsetsToTxn } from './handlers/add-offsets-to-txn.ts'
import { handleAddPartitionsToTxn } from './handlers/add-partitions-to-txn.ts'
import { handleAlterConfigs } from './handlers/alter-configs.ts'
import { handleAlterPartitionReassignments } from './handlers/alter-partition-reassignments.ts'
import { handleApiVersions } from './handlers/api-versions.ts'
import { handleCreatePartitions } from './handlers/create-partitions.ts'
import { handleCreateTopics } from './handlers/create-topics.ts'
import { handleDeleteGroups } from './handlers/delete-groups.ts'
import { handleDeleteRecords } from './handlers/delete-records.ts'
import { handleDeleteTopics } from './handlers/delete-topics.ts'
import { handleDescribeCluster } from './handlers/describe-cluster.ts'
import { handleDescribeConfigs } from './handlers/describe-configs.ts'
import { handleDescribeGroups } from './handlers/describe-groups.ts'
import { handleDescribeLogDirs } from './handlers/describe-log-dirs.ts'
import { handleDescribeProducers } from './handlers/describe-producers.ts'
import { handleDescribeTopicPartitions } from './handlers/describe-topic-partitions.ts'
import { handleDescribeTransactions } from './handlers/describe-transactions.ts'
import { handleElectLeaders } from './handlers/elect-leaders.ts'
import { handleEndTxn } from './handlers/end-txn.ts'
import { handleFetch } from './handlers/fetch.ts'
import { handleFindCoordinator } from './handlers/find-coordinator.ts'
import { handleHeartbeat } from './handlers/heartbeat.ts'
import { handleIncrementalAlterConfigs } from './handlers/incremental-alter-configs.ts'
import { handleInitProducerId } from './handlers/init-producer-id.ts'
import { handleJoinGroup } from './handlers/join-group.ts'
import { handleLeaveGroup } from './handlers/leave-group.ts'
import { handleListGroups } from './handlers/list-groups.ts'
import { handleListOffsets } from './handlers/list-offsets.ts'
import { handleListPartitionReassignments } from './handlers/list-partition-reassignments.ts'
import { handleListTransactions } from './handlers/list-transactions.ts'
import { handleMetadata } from './handlers/metadata.ts'
import { handleOffsetCommit } from './handlers/offset-commit.ts'
import { handleOffsetDelete } from './handlers/offset-delete.ts'
import { handleOffsetFetch } from './handlers/offset-fetch.ts'
import { handleOffsetForLeaderEpoch } from './handlers/offset-for-leader-epoch.ts'
import { handleProduce } from './handlers/produce.ts'
import { handleSyncGroup } from './handlers/sync-group.ts'
import { handleTxnOffsetCommit } from './handlers/txn-offset-commit.ts'
import { handleWriteTxnMarkers } from './handlers/write-txn-markers.ts'
import type { RequestContext } from './request-context.ts'
import type { BrokerServices, Handler, VersionRange } from './services.ts'

export interface ServedApi {
  readonly api: Api<unknown, unknown>
  /** What requests may be in. */
  readonly accepted: VersionRange
  /** What the ApiVersions answer says. */
  readonly advertised: VersionRange
  handle(services: BrokerServices, request: unknown, context: RequestContext): unknown
}

function serve<Request, Response>(
  api: Api<Request, Response>,
  handler: Handler<Request, Response>,
  advertised: Partial<VersionRange> = {},
): ServedApi {
  const { minVersion, maxVersion } = api
  return {
    api,
    accepted: { minVersion, maxVersion },
    advertised: { minVersion, maxVersion, ...advertised },
    handle: handler,
  }
}

/** By key. */
export const servedApis: readonly ServedApi[] = [
  // Older librdkafka turns compression off when Produce v0 is not advertised; nobody then sends it.
  serve(produce, handleProduce, { minVersion: 0 }),
  serve(fetch, handleFetch),
  serve(listOffsets, handleListOffsets),
  serve(metadata, handleMetadata),
  serve(offsetCommit, handleOffsetCommit),
  serve(offsetFetch, handleOffsetFetch),
  serve(findCoordinator, handleFindCoordinator),
  serve(joinGroup, handleJoinGroup),
  serve(heartbeat, handleHeartbeat),
  serve(leaveGroup, handleLeaveGroup),
  serve(syncGroup, handleSyncGroup),
  serve(describeGroups, handleDescribeGroups),
  serve(listGroups, handleListGroups),
  serve(apiVersions, handleApiVersions),
  serve(createTopics, handleCreateTopics),
  serve(deleteTopics, handleDeleteTopics),
  serve(deleteRecords, handleDeleteRecords),
  serve(initProducerId, handleInitProducerId),
  serve(offsetForLeaderEpoch, handleOffsetForLeaderEpoch),
  serve(addPartitionsToTxn, handleAddPartitionsToTxn),
  serve(addOffsetsToTxn, handleAddOffsetsToTxn),
  serve(endTxn, handleEndTxn),
  serve(writeTxnMarkers, handleWriteTxnMarkers),
  serve(txnOffsetCommit, handleTxnOffsetCommit),
  serve(describeConfigs, handleDescribeConfigs),
  serve(alterConfigs, handleAlterConfigs),
  serve(describeLogDirs, handleDescribeLogDirs),
  serve(createPartitions, handleCreatePartitions),
  serve(deleteGroups, handleDeleteGroups),
  serve(electLeaders, handleElectLeaders),
  serve(incrementalAlterConfigs, handleIncrementalAlterConfigs),
  serve(alterPartitionReassignments, handleAlterPartitionReassignments),
  serve(listPartitionReassignments, handleListPartitionReassignments),
  serve(offsetDelete, handleOffsetDelete),
  serve(describeCluster, handleDescribeCluster),
  serve(describeProducers, handleDescribeProducers),
  serve(describeTopicPartitions, handleDescribeTopicPartitions),
  serve(describeTransactions, handleDescribeTransactions),
  serve(listTransactions, handleListTransactions),
]

const byKey: (ServedApi | undefined)[] = []
for (const served of servedApis) byKey[served.api.key] = served

export function servedApi(key: number): ServedApi | undefined {
  return byKey[key]
}
