/**
 * Requests of every API that names a resource, for the matrix of who may do what: the same ones go to our server and to an
 * Apache Kafka, as each of the same callers with the same rights. In order: what one changes, the next may see.
 */
import { readFileSync } from 'node:fs'
import type { Api } from '../../src/protocol/api.ts'
import * as addOffsets from '../../src/protocol/messages/generated/add-offsets-to-txn.ts'
import * as addPartitions from '../../src/protocol/messages/generated/add-partitions-to-txn.ts'
import * as alterQuotas from '../../src/protocol/messages/generated/alter-client-quotas.ts'
import * as alterConfigs from '../../src/protocol/messages/generated/alter-configs.ts'
import * as reassign from '../../src/protocol/messages/generated/alter-partition-reassignments.ts'
import * as alterScram from '../../src/protocol/messages/generated/alter-user-scram-credentials.ts'
import * as createAcls from '../../src/protocol/messages/generated/create-acls.ts'
import * as createPartitions from '../../src/protocol/messages/generated/create-partitions.ts'
import * as createTopics from '../../src/protocol/messages/generated/create-topics.ts'
import * as deleteAcls from '../../src/protocol/messages/generated/delete-acls.ts'
import * as deleteGroups from '../../src/protocol/messages/generated/delete-groups.ts'
import * as deleteRecords from '../../src/protocol/messages/generated/delete-records.ts'
import * as deleteTopics from '../../src/protocol/messages/generated/delete-topics.ts'
import * as describeAcls from '../../src/protocol/messages/generated/describe-acls.ts'
import * as describeQuotas from '../../src/protocol/messages/generated/describe-client-quotas.ts'
import * as describeCluster from '../../src/protocol/messages/generated/describe-cluster.ts'
import * as describeConfigs from '../../src/protocol/messages/generated/describe-configs.ts'
import * as describeGroups from '../../src/protocol/messages/generated/describe-groups.ts'
import * as describeLogDirs from '../../src/protocol/messages/generated/describe-log-dirs.ts'
import * as describeProducers from '../../src/protocol/messages/generated/describe-producers.ts'
import * as describeTopicPartitions from '../../src/protocol/messages/generated/describe-topic-partitions.ts'
import * as describeTransactions from '../../src/protocol/messages/generated/describe-transactions.ts'
import * as describeScram from '../../src/protocol/messages/generated/describe-user-scram-credentials.ts'
import * as electLeaders from '../../src/protocol/messages/generated/elect-leaders.ts'
import * as endTxn from '../../src/protocol/messages/generated/end-txn.ts'
import * as fetch from '../../src/protocol/messages/generated/fetch.ts'
import * as findCoordinator from '../../src/protocol/messages/generated/find-coordinator.ts'
import * as heartbeat from '../../src/protocol/messages/generated/heartbeat.ts'
import * as incremental from '../../src/protocol/messages/generated/incremental-alter-configs.ts'
import * as initProducerId from '../../src/protocol/messages/generated/init-producer-id.ts'
import * as joinGroup from '../../src/protocol/messages/generated/join-group.ts'
import * as leaveGroup from '../../src/protocol/messages/generated/leave-group.ts'
import * as listGroups from '../../src/protocol/messages/generated/list-groups.ts'
import * as listOffsets from '../../src/protocol/messages/generated/list-offsets.ts'
import * as listReassignments from '../../src/protocol/messages/generated/list-partition-reassignments.ts'
import * as listTransactions from '../../src/protocol/messages/generated/list-transactions.ts'
import * as metadata from '../../src/protocol/messages/generated/metadata.ts'
import * as offsetCommit from '../../src/protocol/messages/generated/offset-commit.ts'
import * as offsetDelete from '../../src/protocol/messages/generated/offset-delete.ts'
import * as offsetFetch from '../../src/protocol/messages/generated/offset-fetch.ts'
import * as leaderEpoch from '../../src/protocol/messages/generated/offset-for-leader-epoch.ts'
import * as produce from '../../src/protocol/messages/generated/produce.ts'
import * as syncGroup from '../../src/protocol/messages/generated/sync-group.ts'
import * as txnOffsetCommit from '../../src/protocol/messages/generated/txn-offset-commit.ts'
import * as writeTxnMarkers from '../../src/protocol/messages/generated/write-txn-markers.ts'
import { BatchBuilder } from '../../src/protocol/records/batch-builder.ts'

export interface MatrixCase {
  readonly name: string
  readonly api: Api<unknown, unknown>
  readonly request: unknown
  readonly maxVersion: number | undefined
}

/** Rights of `alice`: everything that begins with `mine`, but not `mine-secret`. Those of `carol`: the cluster. */
export const matrixAcls = [
  ...([2, 3, 5] as const).map((resourceType) => acl('alice', resourceType, 'mine', 4, 2, 3)),
  acl('alice', 2, 'mine-secret', 3, 2, 2),
  acl('alice', 3, 'mine-secret', 3, 2, 2),
  acl('carol', 4, 'kafka-cluster', 3, 2, 3),
  // Describe comes with each of these.
  acl('dora', 2, 'mine', 3, 3, 3),
  acl('dora', 3, 'mine', 3, 6, 3),
]
export const matrixCallers = ['alice', 'bob', 'dora', 'carol'] as const
export const matrixTopics = ['mine', 'mine-secret', 'theirs']

function acl(
  user: string,
  resourceType: number,
  resourceName: string,
  resourcePatternType: number,
  operation: number,
  permissionType: number,
) {
  const principal = `User:${user}`
  return {
    resourceType,
    resourceName,
    resourcePatternType,
    principal,
    host: '*',
    operation,
    permissionType,
  }
}

function records(options: { isTransactional?: boolean } = {}): Uint8Array {
  const builder = new BatchBuilder()
  builder.append(Date.now(), null, 'v')
  return builder.build(
    options.isTransactional
      ? { ...options, producerId: 1n, producerEpoch: 0, baseSequence: 0 }
      : {},
  )
}

const names = ['mine', 'mine-secret', 'theirs', 'mine-gone', 'gone']
const groups = ['mine', 'mine-secret', 'theirs']
const partition = { partitionIndex: 0 }

/** `ids`: of topics by name, on the server that is asked. */
export function matrixCases(ids: ReadonlyMap<string, string>): MatrixCase[] {
  const cases: MatrixCase[] = []
  const add = <Q, R>(name: string, api: Api<Q, R>, request: Q, maxVersion?: number) =>
    cases.push({ name, api: api as Api<unknown, unknown>, request, maxVersion })
  const withIds = [...ids.values()]

  for (const [name, topics] of [
    ['all topics', null],
    ['topics', names],
  ] as const)
    add(
      `Metadata, ${name}`,
      metadata.metadata,
      metadata.createMetadataRequest({
        ...{ allowAutoTopicCreation: false, includeTopicAuthorizedOperations: true },
        topics: topics?.map((one) => metadata.createMetadataRequestTopic({ name: one })) ?? null,
      }),
    )
  add(
    'Metadata, by id',
    metadata.metadata,
    metadata.createMetadataRequest({
      allowAutoTopicCreation: false,
      topics: withIds.map((topicId) =>
        metadata.createMetadataRequestTopic({ name: null, topicId }),
      ),
    }),
  )
  for (const maxVersion of [8, 3])
    add(
      `Metadata v${maxVersion}, operations of the cluster`,
      metadata.metadata,
      metadata.createMetadataRequest({
        ...{ topics: null, includeClusterAuthorizedOperations: maxVersion === 8 },
      }),
      maxVersion,
    )
  add(
    'Metadata that would create',
    metadata.metadata,
    metadata.createMetadataRequest({
      allowAutoTopicCreation: true,
      topics: ['theirs', 'nowhere'].map((name) => metadata.createMetadataRequestTopic({ name })),
    }),
  )
  add(
    'DescribeTopicPartitions',
    describeTopicPartitions.describeTopicPartitions,
    describeTopicPartitions.createDescribeTopicPartitionsRequest({
      topics: names.map((name) => ({ name })),
    }),
  )
  add(
    'DescribeCluster',
    describeCluster.describeCluster,
    describeCluster.createDescribeClusterRequest({ includeClusterAuthorizedOperations: true }),
  )

  const produced = (isTransactional: boolean) =>
    names.map((name) => ({
      name,
      topicId: '',
      partitionData: [{ index: 0, records: records({ isTransactional }) }],
    }))
  add(
    'Produce',
    produce.produce,
    produce.createProduceRequest({ acks: -1, timeoutMs: 5000, topicData: produced(false) }),
    12,
  )
  add(
    'Produce by id',
    produce.produce,
    produce.createProduceRequest({
      ...{ acks: -1, timeoutMs: 5000 },
      topicData: withIds.map((topicId) => ({
        name: '',
        topicId,
        partitionData: [{ index: 0, records: records() }],
      })),
    }),
  )
  add(
    'Produce in a transaction of another',
    produce.produce,
    produce.createProduceRequest({
      ...{ acks: -1, timeoutMs: 5000, transactionalId: 'theirs' },
      topicData: produced(true),
    }),
    11,
  )
  const fetched = { ...{ maxWaitMs: 0, minBytes: 0, maxBytes: 1_000_000, sessionEpoch: -1 } }
  const fetchPartitions = [
    fetch.createFetchRequestFetchPartition({ partition: 0, partitionMaxBytes: 1_000_000 }),
  ]
  add(
    'Fetch',
    fetch.fetch,
    fetch.createFetchRequest({
      ...fetched,
      topics: names.map((topic) =>
        fetch.createFetchRequestFetchTopic({ topic, partitions: fetchPartitions }),
      ),
    }),
    12,
  )
  add(
    'Fetch by id',
    fetch.fetch,
    fetch.createFetchRequest({
      ...fetched,
      topics: withIds.map((topicId) =>
        fetch.createFetchRequestFetchTopic({ topicId, partitions: fetchPartitions }),
      ),
    }),
  )
  add(
    'ListOffsets',
    listOffsets.listOffsets,
    listOffsets.createListOffsetsRequest({
      replicaId: -1,
      topics: names.map((name) => ({
        name,
        partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -1n }],
      })),
    }),
    9,
  )
  add(
    'OffsetForLeaderEpoch',
    leaderEpoch.offsetForLeaderEpoch,
    leaderEpoch.createOffsetForLeaderEpochRequest({
      replicaId: -1,
      topics: names.map((topic) => ({
        topic,
        partitions: [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch: 0 }],
      })),
    }),
  )
  add(
    'DescribeProducers',
    describeProducers.describeProducers,
    describeProducers.createDescribeProducersRequest({
      topics: names.map((name) => ({ name, partitionIndexes: [0] })),
    }),
  )

  for (const [keyType, keys] of [
    [0, groups],
    [1, groups],
  ] as const) {
    add(
      `FindCoordinator of type ${keyType}`,
      findCoordinator.findCoordinator,
      findCoordinator.createFindCoordinatorRequest({ keyType, coordinatorKeys: [...keys] }),
    )
    for (const key of keys)
      add(
        `FindCoordinator v3 of type ${keyType}: ${key}`,
        findCoordinator.findCoordinator,
        findCoordinator.createFindCoordinatorRequest({ keyType, key }),
        3,
      )
  }
  for (const groupId of groups) {
    add(
      `JoinGroup ${groupId}`,
      joinGroup.joinGroup,
      joinGroup.createJoinGroupRequest({
        groupId,
        sessionTimeoutMs: 10_000,
        rebalanceTimeoutMs: 10_000,
        protocolType: 'consumer',
        protocols: [{ name: 'range', metadata: new Uint8Array(0) }],
      }),
    )
    add(
      `SyncGroup ${groupId}`,
      syncGroup.syncGroup,
      syncGroup.createSyncGroupRequest({
        groupId,
        memberId: 'm',
        generationId: 1,
        protocolType: 'consumer',
        protocolName: 'range',
      }),
    )
    add(
      `Heartbeat ${groupId}`,
      heartbeat.heartbeat,
      heartbeat.createHeartbeatRequest({ groupId, memberId: 'm', generationId: 1 }),
    )
    add(
      `LeaveGroup ${groupId}`,
      leaveGroup.leaveGroup,
      leaveGroup.createLeaveGroupRequest({
        groupId,
        members: [leaveGroup.createLeaveGroupRequestMemberIdentity({ memberId: 'm' })],
      }),
    )
    const offsets = names.map((name) =>
      offsetCommit.createOffsetCommitRequestTopic({
        name,
        partitions: [
          offsetCommit.createOffsetCommitRequestPartition({ ...partition, committedOffset: 0n }),
        ],
      }),
    )
    add(
      `OffsetCommit ${groupId}`,
      offsetCommit.offsetCommit,
      offsetCommit.createOffsetCommitRequest({
        groupId,
        generationIdOrMemberEpoch: -1,
        topics: offsets,
      }),
      9,
    )
    for (const [which, topics] of [
      ['all', null],
      ['named', names],
    ] as const) {
      const wanted =
        topics?.map((name) =>
          offsetFetch.createOffsetFetchRequestTopics({ name, partitionIndexes: [0] }),
        ) ?? null
      add(
        `OffsetFetch v7 ${groupId}, ${which}`,
        offsetFetch.offsetFetch,
        offsetFetch.createOffsetFetchRequest({ groupId, topics: wanted }),
        7,
      )
      add(
        `OffsetFetch ${groupId}, ${which}`,
        offsetFetch.offsetFetch,
        offsetFetch.createOffsetFetchRequest({
          groups: [offsetFetch.createOffsetFetchRequestGroup({ groupId, topics: wanted })],
        }),
        9,
      )
    }
    add(
      `OffsetDelete ${groupId}`,
      offsetDelete.offsetDelete,
      offsetDelete.createOffsetDeleteRequest({
        groupId,
        topics: names.map((name) => ({ name, partitions: [partition] })),
      }),
    )
  }
  add(
    'DescribeGroups',
    describeGroups.describeGroups,
    describeGroups.createDescribeGroupsRequest({ groups, includeAuthorizedOperations: true }),
  )
  add('ListGroups', listGroups.listGroups, listGroups.createListGroupsRequest())
  add(
    'DeleteGroups',
    deleteGroups.deleteGroups,
    deleteGroups.createDeleteGroupsRequest({ groupsNames: groups }),
  )

  add(
    'InitProducerId without transactions',
    initProducerId.initProducerId,
    initProducerId.createInitProducerIdRequest({
      transactionalId: null,
      transactionTimeoutMs: 1000,
    }),
  )
  for (const transactionalId of ['mine', 'theirs']) {
    add(
      `InitProducerId ${transactionalId}`,
      initProducerId.initProducerId,
      initProducerId.createInitProducerIdRequest({ transactionalId, transactionTimeoutMs: 1000 }),
      5,
    )
    add(
      `AddPartitionsToTxn ${transactionalId}`,
      addPartitions.addPartitionsToTxn,
      addPartitions.createAddPartitionsToTxnRequest({
        ...{
          v3AndBelowTransactionalId: transactionalId,
          v3AndBelowProducerId: 999n,
          v3AndBelowProducerEpoch: 0,
        },
        v3AndBelowTopics: ['mine', 'theirs'].map((name) => ({ name, partitions: [0] })),
      }),
      3,
    )
    for (const groupId of groups) {
      add(
        `AddOffsetsToTxn ${transactionalId} ${groupId}`,
        addOffsets.addOffsetsToTxn,
        addOffsets.createAddOffsetsToTxnRequest({ transactionalId, groupId, producerId: 999n }),
      )
      add(
        `TxnOffsetCommit ${transactionalId} ${groupId}`,
        txnOffsetCommit.txnOffsetCommit,
        txnOffsetCommit.createTxnOffsetCommitRequest({
          ...{ transactionalId, groupId, producerId: 999n, generationId: -1 },
          topics: ['mine-secret', 'theirs'].map((name) =>
            txnOffsetCommit.createTxnOffsetCommitRequestTopic({
              name,
              partitions: [txnOffsetCommit.createTxnOffsetCommitRequestPartition(partition)],
            }),
          ),
        }),
        3,
      )
    }
    add(
      `EndTxn ${transactionalId}`,
      endTxn.endTxn,
      endTxn.createEndTxnRequest({ transactionalId, producerId: 999n, committed: true }),
    )
  }
  add(
    'AddPartitionsToTxn for brokers',
    addPartitions.addPartitionsToTxn,
    addPartitions.createAddPartitionsToTxnRequest({
      transactions: [
        {
          transactionalId: 'mine',
          producerId: 999n,
          producerEpoch: 0,
          verifyOnly: true,
          topics: [{ name: 'mine', partitions: [0] }],
        },
      ],
    }),
  )
  add(
    'WriteTxnMarkers',
    writeTxnMarkers.writeTxnMarkers,
    writeTxnMarkers.createWriteTxnMarkersRequest({
      markers: [
        writeTxnMarkers.createWriteTxnMarkersRequestWritableTxnMarker({
          producerId: 999n,
          topics: [{ name: 'mine', partitionIndexes: [0] }],
        }),
      ],
    }),
  )
  add(
    'DescribeTransactions',
    describeTransactions.describeTransactions,
    describeTransactions.createDescribeTransactionsRequest({
      transactionalIds: ['mine', 'theirs'],
    }),
  )
  add(
    'ListTransactions',
    listTransactions.listTransactions,
    listTransactions.createListTransactionsRequest(),
  )

  const resources = [
    ...names.map((resourceName) => ({ resourceType: 2, resourceName })),
    ...groups.map((resourceName) => ({ resourceType: 32, resourceName })),
    { resourceType: 4, resourceName: '1' },
  ]
  add(
    'DescribeConfigs',
    describeConfigs.describeConfigs,
    describeConfigs.createDescribeConfigsRequest({
      resources: resources.map((one) => ({ ...one, configurationKeys: ['retention.ms'] })),
    }),
  )
  const altered = resources.filter(({ resourceType }) => resourceType === 2)
  add(
    'IncrementalAlterConfigs',
    incremental.incrementalAlterConfigs,
    incremental.createIncrementalAlterConfigsRequest({
      validateOnly: true,
      resources: altered.map((one) => ({
        ...one,
        configs: [{ name: 'retention.ms', configOperation: 0, value: '1000' }],
      })),
    }),
  )
  add(
    'IncrementalAlterConfigs of a broker',
    incremental.incrementalAlterConfigs,
    incremental.createIncrementalAlterConfigsRequest({
      validateOnly: true,
      resources: [{ resourceType: 4, resourceName: '', configs: [] }],
    }),
  )
  add(
    'AlterConfigs',
    alterConfigs.alterConfigs,
    alterConfigs.createAlterConfigsRequest({
      validateOnly: true,
      resources: altered.map((one) => ({ ...one, configs: [] })),
    }),
  )

  const created = (name: string) =>
    createTopics.createCreateTopicsRequestCreatableTopic({
      name,
      numPartitions: 1,
      replicationFactor: 1,
    })
  add(
    'CreateTopics',
    createTopics.createTopics,
    createTopics.createCreateTopicsRequest({
      validateOnly: true,
      timeoutMs: 5000,
      topics: ['mine', 'mine-new', 'new'].map(created),
    }),
  )
  add(
    'CreatePartitions',
    createPartitions.createPartitions,
    createPartitions.createCreatePartitionsRequest({
      validateOnly: true,
      timeoutMs: 5000,
      topics: names.map((name) => ({ name, count: 2, assignments: null })),
    }),
  )
  add(
    'DeleteRecords',
    deleteRecords.deleteRecords,
    deleteRecords.createDeleteRecordsRequest({
      timeoutMs: 5000,
      topics: names.map((name) => ({ name, partitions: [{ partitionIndex: 0, offset: 0n }] })),
    }),
  )
  add(
    'DeleteTopics',
    deleteTopics.deleteTopics,
    deleteTopics.createDeleteTopicsRequest({
      timeoutMs: 5000,
      topics: ['mine-secret', 'theirs', 'gone', 'mine-gone'].map((name) =>
        deleteTopics.createDeleteTopicsRequestDeleteTopicState({ name }),
      ),
    }),
  )
  add(
    'DeleteTopics v5',
    deleteTopics.deleteTopics,
    deleteTopics.createDeleteTopicsRequest({ timeoutMs: 5000, topicNames: ['gone', 'mine-gone'] }),
    5,
  )
  add(
    'DeleteTopics by id',
    deleteTopics.deleteTopics,
    deleteTopics.createDeleteTopicsRequest({
      timeoutMs: 5000,
      topics: ['mine-secret', 'theirs'].map((name) =>
        deleteTopics.createDeleteTopicsRequestDeleteTopicState({
          name: null,
          topicId: ids.get(name),
        }),
      ),
    }),
  )

  add(
    'DescribeLogDirs',
    describeLogDirs.describeLogDirs,
    describeLogDirs.createDescribeLogDirsRequest({ topics: [] }),
  )
  add(
    'ElectLeaders',
    electLeaders.electLeaders,
    electLeaders.createElectLeadersRequest({
      timeoutMs: 1000,
      topicPartitions: [{ topic: 'mine', partitions: [0] }],
    }),
  )
  add(
    'AlterPartitionReassignments',
    reassign.alterPartitionReassignments,
    reassign.createAlterPartitionReassignmentsRequest({ topics: [] }),
  )
  add(
    'ListPartitionReassignments',
    listReassignments.listPartitionReassignments,
    listReassignments.createListPartitionReassignmentsRequest({ topics: null }),
  )
  add(
    'DescribeAcls',
    describeAcls.describeAcls,
    describeAcls.createDescribeAclsRequest({
      resourceTypeFilter: 1,
      patternTypeFilter: 1,
      operation: 1,
      permissionType: 1,
      resourceNameFilter: null,
      principalFilter: null,
      hostFilter: null,
    }),
  )
  add(
    'CreateAcls',
    createAcls.createAcls,
    createAcls.createCreateAclsRequest({
      creations: [
        acl('zoe', 2, 'x', 3, 3, 3),
        acl('zoe', 4, 'x', 3, 3, 3),
        acl('zoe', 2, '', 3, 3, 3),
      ],
    }),
  )
  add(
    'DeleteAcls',
    deleteAcls.deleteAcls,
    deleteAcls.createDeleteAclsRequest({
      filters: [
        {
          resourceTypeFilter: 1,
          patternTypeFilter: 1,
          operation: 1,
          permissionType: 1,
          resourceNameFilter: null,
          principalFilter: 'User:zoe',
          hostFilter: null,
        },
      ],
    }),
  )
  add(
    'DescribeUserScramCredentials',
    describeScram.describeUserScramCredentials,
    describeScram.createDescribeUserScramCredentialsRequest({ users: [{ name: 'nobody' }] }),
  )
  add(
    'AlterUserScramCredentials',
    alterScram.alterUserScramCredentials,
    alterScram.createAlterUserScramCredentialsRequest({
      deletions: [{ name: 'nobody', mechanism: 1 }],
    }),
  )
  add(
    'DescribeClientQuotas',
    describeQuotas.describeClientQuotas,
    describeQuotas.createDescribeClientQuotasRequest(),
  )
  add(
    'AlterClientQuotas',
    alterQuotas.alterClientQuotas,
    alterQuotas.createAlterClientQuotasRequest({
      validateOnly: true,
      entries: [
        {
          entity: [{ entityType: 'user', entityName: 'a' }],
          ops: [{ key: 'producer_byte_rate', value: 1, remove: false }],
        },
      ],
    }),
  )
  return cases
}

const told = new Set([
  ...[
    'name',
    'topic',
    'groupId',
    'transactionalId',
    'key',
    'resourceName',
    'resourceType',
    'user',
    'principal',
  ],
  ...[
    'partitionIndex',
    'index',
    'partition',
    'errorCode',
    'partitionErrorCode',
    'topicConfigErrorCode',
  ],
  ...[
    'topicAuthorizedOperations',
    'clusterAuthorizedOperations',
    'authorizedOperations',
    'operation',
  ],
])

/** Of an answer what the matrix is about: names and error codes, in any order. */
export function gist(value: unknown): unknown {
  if (Array.isArray(value)) {
    const parts = value.map(gist).filter((one) => one !== undefined)
    return parts.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  }
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return undefined
  const entries = Object.entries(value).flatMap(([key, inner]) => {
    if (told.has(key)) return [[key, inner] as const]
    const of = typeof inner === 'object' ? gist(inner) : undefined
    const isEmpty = of === undefined || (Array.isArray(of) && of.length === 0)
    return isEmpty ? [] : [[key, of] as const]
  })
  return entries.length > 0 ? Object.fromEntries(entries) : undefined
}

export const asText = (_: string, value: unknown) =>
  typeof value === 'bigint' ? String(value) : value

/** Ids are each server's own. */
export function named(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (Array.isArray(value)) return value.map((one) => named(one, names))
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => {
      if (key !== 'topicId') return [[key, named(inner, names)]]
      const name = names.get(inner as string)
      return name === undefined ? [] : [['key', name]]
    }),
  )
}

/** What differs from Apache Kafka, with its reason; by `caller: name of the case`. */
export const matrixDifferences: { readonly [name: string]: string } = {
  'alice: DescribeConfigs': 'groups have no configs here',
  'carol: IncrementalAlterConfigs of a broker': 'configs of the broker cannot be altered here',
}

/** What an Apache Kafka 4.3 answers, as `UPDATE_ACCESS_MATRIX=1 npm run test:kafka` wrote it down. */
export const matrixAnswers = JSON.parse(
  readFileSync(new URL('matrix-answers.json', import.meta.url), 'utf8'),
) as { readonly [name: string]: unknown }
