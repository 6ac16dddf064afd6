import { expect, test } from 'vitest'
import {
  batch,
  createTopic,
  openTestBroker,
  produceTo,
  type TestBroker,
} from '../../test/broker/test-broker.ts'
import type { Api } from '../protocol/api.ts'
import * as addOffsets from '../protocol/messages/generated/add-offsets-to-txn.ts'
import * as addPartitions from '../protocol/messages/generated/add-partitions-to-txn.ts'
import * as alterConfigs from '../protocol/messages/generated/alter-configs.ts'
import * as alterPartitionReassignments from '../protocol/messages/generated/alter-partition-reassignments.ts'
import * as apiVersions from '../protocol/messages/generated/api-versions.ts'
import * as createAcls from '../protocol/messages/generated/create-acls.ts'
import * as createPartitions from '../protocol/messages/generated/create-partitions.ts'
import * as createTopics from '../protocol/messages/generated/create-topics.ts'
import * as deleteAcls from '../protocol/messages/generated/delete-acls.ts'
import * as deleteGroups from '../protocol/messages/generated/delete-groups.ts'
import * as deleteRecords from '../protocol/messages/generated/delete-records.ts'
import * as deleteTopics from '../protocol/messages/generated/delete-topics.ts'
import * as describeAcls from '../protocol/messages/generated/describe-acls.ts'
import * as describeCluster from '../protocol/messages/generated/describe-cluster.ts'
import * as describeConfigs from '../protocol/messages/generated/describe-configs.ts'
import * as describeGroups from '../protocol/messages/generated/describe-groups.ts'
import * as describeLogDirs from '../protocol/messages/generated/describe-log-dirs.ts'
import * as describeProducers from '../protocol/messages/generated/describe-producers.ts'
import * as describeTopicPartitions from '../protocol/messages/generated/describe-topic-partitions.ts'
import * as describeTransactions from '../protocol/messages/generated/describe-transactions.ts'
import * as electLeaders from '../protocol/messages/generated/elect-leaders.ts'
import * as endTxn from '../protocol/messages/generated/end-txn.ts'
import * as fetch from '../protocol/messages/generated/fetch.ts'
import * as findCoordinator from '../protocol/messages/generated/find-coordinator.ts'
import * as heartbeat from '../protocol/messages/generated/heartbeat.ts'
import * as incrementalAlter from '../protocol/messages/generated/incremental-alter-configs.ts'
import * as initProducerId from '../protocol/messages/generated/init-producer-id.ts'
import * as joinGroup from '../protocol/messages/generated/join-group.ts'
import * as leaveGroup from '../protocol/messages/generated/leave-group.ts'
import * as listGroups from '../protocol/messages/generated/list-groups.ts'
import * as listOffsets from '../protocol/messages/generated/list-offsets.ts'
import * as listPartitionReassignments from '../protocol/messages/generated/list-partition-reassignments.ts'
import * as listTransactions from '../protocol/messages/generated/list-transactions.ts'
import * as metadata from '../protocol/messages/generated/metadata.ts'
import * as offsetCommit from '../protocol/messages/generated/offset-commit.ts'
import * as offsetDelete from '../protocol/messages/generated/offset-delete.ts'
import * as offsetFetch from '../protocol/messages/generated/offset-fetch.ts'
import * as epochs from '../protocol/messages/generated/offset-for-leader-epoch.ts'
import * as produce from '../protocol/messages/generated/produce.ts'
import * as syncGroup from '../protocol/messages/generated/sync-group.ts'
import * as txnOffsets from '../protocol/messages/generated/txn-offset-commit.ts'
import * as writeMarkers from '../protocol/messages/generated/write-txn-markers.ts'
import { servedApis } from './api-table.ts'

/** For each API, a request that asks for one thing that is there and one that is not. */
type Asks = Map<number, (version: number, topicId: string) => unknown>
const asks: Asks = new Map()

function ask<Q>(api: Api<Q, unknown>, request: (version: number, topicId: string) => Q): void {
  asks.set(api.key, request)
}

const names = ['orders', 'nowhere']
const unknownId = 'AAAAAAAAAAAAAAAAAAAAAQ'

ask(produce.produce, (version, topicId) =>
  produce.createProduceRequest({
    acks: -1,
    timeoutMs: 1000,
    topicData: names.map((name) =>
      produce.createProduceRequestTopicProduceData({
        ...(version >= 13 ? { topicId: name === 'orders' ? topicId : unknownId } : { name }),
        partitionData: [produce.createProduceRequestPartitionProduceData({ records: batch('a') })],
      }),
    ),
  }),
)
ask(fetch.fetch, (version, topicId) =>
  fetch.createFetchRequest({
    isolationLevel: 1,
    topics: names.map((name) =>
      fetch.createFetchRequestFetchTopic({
        ...(version >= 13 ? { topicId: name === 'orders' ? topicId : unknownId } : { topic: name }),
        partitions: [fetch.createFetchRequestFetchPartition({ partitionMaxBytes: 1000 })],
      }),
    ),
  }),
)
ask(listOffsets.listOffsets, () =>
  listOffsets.createListOffsetsRequest({
    replicaId: -1,
    topics: names.map((name) =>
      listOffsets.createListOffsetsRequestListOffsetsTopic({
        name,
        partitions: [listOffsets.createListOffsetsRequestListOffsetsPartition({ timestamp: 0n })],
      }),
    ),
  }),
)
ask(metadata.metadata, (version) =>
  metadata.createMetadataRequest({
    allowAutoTopicCreation: version < 4,
    topics: names.map((name) => metadata.createMetadataRequestTopic({ name })),
  }),
)
ask(offsetCommit.offsetCommit, (version, topicId) =>
  offsetCommit.createOffsetCommitRequest({
    groupId: 'g',
    topics: names.map((name) =>
      offsetCommit.createOffsetCommitRequestTopic({
        ...(version >= 10 ? { topicId: name === 'orders' ? topicId : unknownId } : { name }),
        partitions: [offsetCommit.createOffsetCommitRequestPartition({ committedOffset: 1n })],
      }),
    ),
  }),
)
ask(offsetFetch.offsetFetch, (version, topicId) => {
  if (version < 8) {
    const topics = names.map((name) =>
      offsetFetch.createOffsetFetchRequestTopic({ name, partitionIndexes: [0] }),
    )
    return offsetFetch.createOffsetFetchRequest({ groupId: 'g', topics })
  }
  const topics = names.map((name) =>
    offsetFetch.createOffsetFetchRequestTopics({
      ...(version >= 10 ? { topicId: name === 'orders' ? topicId : unknownId } : { name }),
      partitionIndexes: [0],
    }),
  )
  const groups = [offsetFetch.createOffsetFetchRequestGroup({ groupId: 'g', topics })]
  return offsetFetch.createOffsetFetchRequest({ groups })
})
const producer = { transactionalId: 't', producerId: 1n, producerEpoch: 0 }
ask(addPartitions.addPartitionsToTxn, (version) => {
  const topics = names.map((name) =>
    addPartitions.createAddPartitionsToTxnRequestAddPartitionsToTxnTopic({ name, partitions: [0] }),
  )
  if (version >= 4) {
    const one = { ...producer, topics }
    const transactions = [
      addPartitions.createAddPartitionsToTxnRequestAddPartitionsToTxnTransaction(one),
    ]
    return addPartitions.createAddPartitionsToTxnRequest({ transactions })
  }
  return addPartitions.createAddPartitionsToTxnRequest({
    v3AndBelowTransactionalId: 't',
    v3AndBelowProducerId: 1n,
    v3AndBelowTopics: topics,
  })
})
ask(addOffsets.addOffsetsToTxn, () =>
  addOffsets.createAddOffsetsToTxnRequest({ ...producer, groupId: 'g' }),
)
ask(endTxn.endTxn, () => endTxn.createEndTxnRequest({ ...producer, committed: true }))
ask(txnOffsets.txnOffsetCommit, () =>
  txnOffsets.createTxnOffsetCommitRequest({
    ...producer,
    groupId: 'g',
    topics: names.map((name) =>
      txnOffsets.createTxnOffsetCommitRequestTopic({
        name,
        partitions: [txnOffsets.createTxnOffsetCommitRequestPartition({ committedOffset: 1n })],
      }),
    ),
  }),
)
ask(writeMarkers.writeTxnMarkers, () => {
  const topics = names.map((name) =>
    writeMarkers.createWriteTxnMarkersRequestWritableTxnMarkerTopic({
      name,
      partitionIndexes: [0],
    }),
  )
  const one = { producerId: 1n, topics }
  const markers = [writeMarkers.createWriteTxnMarkersRequestWritableTxnMarker(one)]
  return writeMarkers.createWriteTxnMarkersRequest({ markers })
})
ask(describeTransactions.describeTransactions, () =>
  describeTransactions.createDescribeTransactionsRequest({ transactionalIds: ['t', 'u'] }),
)
ask(listTransactions.listTransactions, () => listTransactions.createListTransactionsRequest())
ask(findCoordinator.findCoordinator, (version) =>
  findCoordinator.createFindCoordinatorRequest(
    version >= 4 ? { coordinatorKeys: ['g', 'h'] } : { key: 'g' },
  ),
)
ask(joinGroup.joinGroup, () =>
  joinGroup.createJoinGroupRequest({
    groupId: 'new',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    protocolType: 'consumer',
    protocols: [joinGroup.createJoinGroupRequestProtocol({ name: 'range' })],
  }),
)
ask(heartbeat.heartbeat, () => heartbeat.createHeartbeatRequest({ groupId: 'g' }))
ask(leaveGroup.leaveGroup, (version) =>
  leaveGroup.createLeaveGroupRequest({
    groupId: 'g',
    ...(version < 3
      ? { memberId: 'm' }
      : { members: [leaveGroup.createLeaveGroupRequestMemberIdentity()] }),
  }),
)
ask(syncGroup.syncGroup, () => syncGroup.createSyncGroupRequest({ groupId: 'g' }))
ask(describeGroups.describeGroups, () =>
  describeGroups.createDescribeGroupsRequest({ groups: ['g', 'none'] }),
)
ask(listGroups.listGroups, () => listGroups.createListGroupsRequest())
ask(apiVersions.apiVersions, () =>
  apiVersions.createApiVersionsRequest({ clientSoftwareName: 'a', clientSoftwareVersion: '1' }),
)
ask(createTopics.createTopics, () =>
  createTopics.createCreateTopicsRequest({
    topics: ['orders', 'new'].map((name) =>
      createTopics.createCreateTopicsRequestCreatableTopic({
        name,
        numPartitions: 1,
        replicationFactor: 1,
      }),
    ),
  }),
)
ask(deleteTopics.deleteTopics, (version) =>
  deleteTopics.createDeleteTopicsRequest(
    version < 6
      ? { topicNames: names }
      : {
          topics: names.map((name) =>
            deleteTopics.createDeleteTopicsRequestDeleteTopicState({ name }),
          ),
        },
  ),
)
ask(deleteRecords.deleteRecords, () =>
  deleteRecords.createDeleteRecordsRequest({
    topics: names.map((name) =>
      deleteRecords.createDeleteRecordsRequestDeleteRecordsTopic({
        name,
        partitions: [deleteRecords.createDeleteRecordsRequestDeleteRecordsPartition()],
      }),
    ),
  }),
)
ask(initProducerId.initProducerId, () =>
  initProducerId.createInitProducerIdRequest({ transactionalId: null }),
)
ask(epochs.offsetForLeaderEpoch, () =>
  epochs.createOffsetForLeaderEpochRequest({
    topics: names.map((topic) =>
      epochs.createOffsetForLeaderEpochRequestOffsetForLeaderTopic({
        topic,
        partitions: [epochs.createOffsetForLeaderEpochRequestOffsetForLeaderPartition()],
      }),
    ),
  }),
)
ask(describeConfigs.describeConfigs, (version) =>
  describeConfigs.createDescribeConfigsRequest({
    includeSynonyms: true,
    includeDocumentation: version >= 3,
    resources: names.map((resourceName) =>
      describeConfigs.createDescribeConfigsRequestDescribeConfigsResource({
        resourceType: 2,
        resourceName,
        configurationKeys: null,
      }),
    ),
  }),
)
ask(alterConfigs.alterConfigs, () =>
  alterConfigs.createAlterConfigsRequest({
    resources: names.map((resourceName) =>
      alterConfigs.createAlterConfigsRequestAlterConfigsResource({ resourceType: 2, resourceName }),
    ),
  }),
)
ask(createPartitions.createPartitions, () =>
  createPartitions.createCreatePartitionsRequest({
    topics: names.map((name) =>
      createPartitions.createCreatePartitionsRequestCreatePartitionsTopic({
        name,
        count: 2,
        assignments: null,
      }),
    ),
  }),
)
ask(deleteGroups.deleteGroups, () =>
  deleteGroups.createDeleteGroupsRequest({ groupsNames: ['g', 'none'] }),
)
ask(incrementalAlter.incrementalAlterConfigs, () =>
  incrementalAlter.createIncrementalAlterConfigsRequest({
    resources: names.map((resourceName) =>
      incrementalAlter.createIncrementalAlterConfigsRequestAlterConfigsResource({
        resourceType: 2,
        resourceName,
      }),
    ),
  }),
)

ask(offsetDelete.offsetDelete, () =>
  offsetDelete.createOffsetDeleteRequest({
    groupId: 'g',
    topics: names.map((name) =>
      offsetDelete.createOffsetDeleteRequestTopic({
        name,
        partitions: [offsetDelete.createOffsetDeleteRequestPartition()],
      }),
    ),
  }),
)

ask(describeCluster.describeCluster, () => describeCluster.createDescribeClusterRequest())

ask(describeTopicPartitions.describeTopicPartitions, () =>
  describeTopicPartitions.createDescribeTopicPartitionsRequest({
    topics: names.map((name) =>
      describeTopicPartitions.createDescribeTopicPartitionsRequestTopicRequest({ name }),
    ),
    responsePartitionLimit: 10,
  }),
)

ask(describeLogDirs.describeLogDirs, () =>
  describeLogDirs.createDescribeLogDirsRequest({
    topics: names.map((topic) =>
      describeLogDirs.createDescribeLogDirsRequestDescribableLogDirTopic({
        topic,
        partitions: [0],
      }),
    ),
  }),
)

ask(describeProducers.describeProducers, () =>
  describeProducers.createDescribeProducersRequest({
    topics: names.map((name) =>
      describeProducers.createDescribeProducersRequestTopicRequest({ name, partitionIndexes: [0] }),
    ),
  }),
)

ask(electLeaders.electLeaders, () =>
  electLeaders.createElectLeadersRequest({
    topicPartitions: names.map((topic) =>
      electLeaders.createElectLeadersRequestTopicPartitions({ topic, partitions: [0] }),
    ),
  }),
)

ask(listPartitionReassignments.listPartitionReassignments, () =>
  listPartitionReassignments.createListPartitionReassignmentsRequest({ topics: null }),
)

ask(alterPartitionReassignments.alterPartitionReassignments, () =>
  alterPartitionReassignments.createAlterPartitionReassignmentsRequest({
    topics: names.map((name) =>
      alterPartitionReassignments.createAlterPartitionReassignmentsRequestReassignableTopic({
        name,
        partitions: [
          alterPartitionReassignments.createAlterPartitionReassignmentsRequestReassignablePartition(),
        ],
      }),
    ),
  }),
)

ask(describeAcls.describeAcls, () => describeAcls.createDescribeAclsRequest())

ask(createAcls.createAcls, () =>
  createAcls.createCreateAclsRequest({
    creations: [createAcls.createCreateAclsRequestAclCreation()],
  }),
)

ask(deleteAcls.deleteAcls, () =>
  deleteAcls.createDeleteAclsRequest({
    filters: [deleteAcls.createDeleteAclsRequestDeleteAclsFilter()],
  }),
)

const versions = servedApis.flatMap((served) => {
  const { minVersion, maxVersion } = served.accepted
  const count = maxVersion - minVersion + 1
  return Array.from(
    { length: count },
    (_, i) => [served.api.name, minVersion + i, served.api] as const,
  )
})

async function withTopicAndGroup(): Promise<{ broker: TestBroker; topicId: string }> {
  const broker = await openTestBroker()
  const topicId = await createTopic(broker, 'orders')
  await produceTo(broker, 'orders', batch('a'))
  const request = asks.get(offsetCommit.offsetCommit.key)!(
    9,
    topicId,
  ) as offsetCommit.OffsetCommitRequest
  await broker.ask(offsetCommit.offsetCommit, request, { version: 9 })
  return { broker, topicId }
}

test('every API is there once', () => {
  const keys = servedApis.map(({ api }) => api.key)
  expect(new Set(keys).size).toBe(keys.length)
})

test('nothing is advertised that is not accepted, but Produce 0 to 2', () => {
  const wider = servedApis.filter(
    ({ accepted, advertised }) =>
      advertised.minVersion < accepted.minVersion || advertised.maxVersion > accepted.maxVersion,
  )
  expect(wider.map(({ api, advertised }) => [api.name, advertised])).toEqual([
    ['Produce', { minVersion: 0, maxVersion: 13 }],
  ])
})

test.each(versions)('%s version %i answers in that version', async (_name, version, api) => {
  const { broker, topicId } = await withTopicAndGroup()
  const request = asks.get(api.key)!(version, topicId)
  expect(await broker.ask(api, request, { version })).toBeTypeOf('object')
})
