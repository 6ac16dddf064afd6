/** Filters of APIs about transactions and producers. */
import {
  type AccessFilter,
  type FilterParts,
  mayOnCluster,
  mayOnTopic,
  partsFilter,
  seesTopic,
  wholeFilter,
} from '../../backend/access-filter.ts'
import { errorCode } from '../../protocol/error-codes.ts'
import {
  type AddOffsetsToTxnRequest,
  type AddOffsetsToTxnResponse,
  createAddOffsetsToTxnResponse,
} from '../../protocol/messages/generated/add-offsets-to-txn.ts'
import {
  type AddPartitionsToTxnRequest,
  type AddPartitionsToTxnResponse,
  createAddPartitionsToTxnResponse,
  createAddPartitionsToTxnResponseAddPartitionsToTxnPartitionResult,
  createAddPartitionsToTxnResponseAddPartitionsToTxnTopicResult,
} from '../../protocol/messages/generated/add-partitions-to-txn.ts'
import {
  createDescribeTransactionsResponse,
  createDescribeTransactionsResponseTransactionState,
  type DescribeTransactionsRequest,
  type DescribeTransactionsResponse,
} from '../../protocol/messages/generated/describe-transactions.ts'
import {
  createEndTxnResponse,
  type EndTxnRequest,
  type EndTxnResponse,
} from '../../protocol/messages/generated/end-txn.ts'
import {
  createInitProducerIdResponse,
  type InitProducerIdRequest,
  type InitProducerIdResponse,
} from '../../protocol/messages/generated/init-producer-id.ts'
import type {
  ListTransactionsRequest,
  ListTransactionsResponse,
} from '../../protocol/messages/generated/list-transactions.ts'
import {
  createTxnOffsetCommitResponse,
  createTxnOffsetCommitResponsePartition,
  createTxnOffsetCommitResponseTopic,
  type TxnOffsetCommitRequest,
  type TxnOffsetCommitRequestTopic,
  type TxnOffsetCommitResponse,
} from '../../protocol/messages/generated/txn-offset-commit.ts'
import {
  createWriteTxnMarkersResponse,
  createWriteTxnMarkersResponseWritableTxnMarkerPartitionResult,
  createWriteTxnMarkersResponseWritableTxnMarkerResult,
  createWriteTxnMarkersResponseWritableTxnMarkerTopicResult,
  type WriteTxnMarkersRequest,
  type WriteTxnMarkersResponse,
} from '../../protocol/messages/generated/write-txn-markers.ts'

const idDenied = errorCode('TRANSACTIONAL_ID_AUTHORIZATION_FAILED')
const groupDenied = errorCode('GROUP_AUTHORIZATION_FAILED')
const topicDenied = errorCode('TOPIC_AUTHORIZATION_FAILED')
const clusterDenied = errorCode('CLUSTER_AUTHORIZATION_FAILED')
const notAttempted = errorCode('OPERATION_NOT_ATTEMPTED')

function mayWriteAs({ rights }: FilterParts, transactionalId: string): boolean {
  return rights.may('write', 'transactionalId', transactionalId)
}

/** Idempotent producing needs the right to write to some topic (KIP-679), or the older one on the cluster. */
export const initProducerIdFilter: AccessFilter<InitProducerIdRequest, InitProducerIdResponse> = (
  request,
  parts,
  next,
) => {
  const { transactionalId } = request
  const isAllowed =
    transactionalId === null
      ? mayOnCluster(parts, 'idempotentWrite') || parts.rights.mayOnAny('write', 'topic')
      : mayWriteAs(parts, transactionalId)
  if (isAllowed) return next(request)
  const code = transactionalId === null ? clusterDenied : idDenied
  return Promise.resolve(
    createInitProducerIdResponse({ errorCode: code, producerId: -1n, producerEpoch: -1 }),
  )
}

type AddedTopics = AddPartitionsToTxnRequest['v3AndBelowTopics']

/** Up to v3 a producer asks for itself, and all is added or nothing; from v4 on brokers ask for many. */
export const addPartitionsToTxnFilter: AccessFilter<
  AddPartitionsToTxnRequest,
  AddPartitionsToTxnResponse
> = (request, parts, next) => {
  if (parts.version >= 4) {
    return mayOnCluster(parts, 'clusterAction')
      ? next(request)
      : Promise.resolve(createAddPartitionsToTxnResponse({ errorCode: clusterDenied }))
  }
  const { v3AndBelowTopics: topics, v3AndBelowTransactionalId: id } = request
  const mayWrite = mayWriteAs(parts, id)
  const denied = new Set(topics.filter((topic) => !mayOnTopic(parts, 'write', topic)))
  if (mayWrite && denied.size === 0) return next(request)
  const resultsByTopicV3AndBelow = refusedTopics(topics, (topic) =>
    !mayWrite ? idDenied : denied.has(topic) ? topicDenied : notAttempted,
  )
  return Promise.resolve(createAddPartitionsToTxnResponse({ resultsByTopicV3AndBelow }))
}

function refusedTopics(topics: AddedTopics, codeFor: (topic: AddedTopics[number]) => number) {
  return topics.map((topic) =>
    createAddPartitionsToTxnResponseAddPartitionsToTxnTopicResult({
      name: topic.name,
      resultsByPartition: topic.partitions.map((partitionIndex) =>
        createAddPartitionsToTxnResponseAddPartitionsToTxnPartitionResult({
          partitionIndex,
          partitionErrorCode: codeFor(topic),
        }),
      ),
    }),
  )
}

export const addOffsetsToTxnFilter: AccessFilter<
  AddOffsetsToTxnRequest,
  AddOffsetsToTxnResponse
> = (request, parts, next) => {
  const { transactionalId, groupId } = request
  const mayWrite = mayWriteAs(parts, transactionalId)
  const mayRead = parts.rights.may('read', 'group', groupId)
  if (mayWrite && mayRead) return next(request)
  const code = mayWrite ? groupDenied : idDenied
  return Promise.resolve(createAddOffsetsToTxnResponse({ errorCode: code }))
}

export const endTxnFilter: AccessFilter<EndTxnRequest, EndTxnResponse> = wholeFilter(
  ({ transactionalId }, parts) => mayWriteAs(parts, transactionalId),
  () => createEndTxnResponse({ errorCode: idDenied }),
)

export const txnOffsetCommitFilter: AccessFilter<
  TxnOffsetCommitRequest,
  TxnOffsetCommitResponse
> = (request, parts, next) => {
  const { transactionalId, groupId, topics } = request
  const mayWrite = mayWriteAs(parts, transactionalId)
  const mayRead = parts.rights.may('read', 'group', groupId)
  if (mayWrite && mayRead) return commitOfTopics(request, parts, next)
  const code = mayWrite ? groupDenied : idDenied
  const refused = topics.map((topic) => refusedCommit(topic, code))
  return Promise.resolve(createTxnOffsetCommitResponse({ topics: refused }))
}

const commitOfTopics: AccessFilter<TxnOffsetCommitRequest, TxnOffsetCommitResponse> = partsFilter({
  parts: ({ topics }) => topics,
  keep: (request, topics) => ({ ...request, topics }),
  isAllowed: (topic, parts) => mayOnTopic(parts, 'read', topic),
  denied: (topic) => refusedCommit(topic, topicDenied),
  empty: createTxnOffsetCommitResponse,
  answers: ({ topics }) => topics,
})

function refusedCommit({ name, partitions }: TxnOffsetCommitRequestTopic, code: number) {
  return createTxnOffsetCommitResponseTopic({
    name,
    partitions: partitions.map(({ partitionIndex }) =>
      createTxnOffsetCommitResponsePartition({ partitionIndex, errorCode: code }),
    ),
  })
}

/** Brokers write markers; who may alter the cluster aborts what hangs. */
export const writeTxnMarkersFilter: AccessFilter<WriteTxnMarkersRequest, WriteTxnMarkersResponse> =
  wholeFilter(
    (_, parts) => mayOnCluster(parts, 'clusterAction') || mayOnCluster(parts, 'alter'),
    ({ markers }) =>
      createWriteTxnMarkersResponse({
        markers: markers.map(({ producerId, topics }) =>
          createWriteTxnMarkersResponseWritableTxnMarkerResult({
            producerId,
            topics: topics.map(({ name, partitionIndexes }) =>
              createWriteTxnMarkersResponseWritableTxnMarkerTopicResult({
                name,
                partitions: partitionIndexes.map((partitionIndex) =>
                  createWriteTxnMarkersResponseWritableTxnMarkerPartitionResult({
                    partitionIndex,
                    errorCode: clusterDenied,
                  }),
                ),
              }),
            ),
          }),
        ),
      }),
  )

/** Of a transaction's topics those are told that the caller may see. */
export const describeTransactionsFilter: AccessFilter<
  DescribeTransactionsRequest,
  DescribeTransactionsResponse
> = async (request, parts, next) => {
  const response = await describeAllowed(request, parts, next)
  for (const state of response.transactionStates)
    state.topics = state.topics.filter(({ topic }) => seesTopic(parts, 'describe', { name: topic }))
  return response
}

const describeAllowed: AccessFilter<DescribeTransactionsRequest, DescribeTransactionsResponse> =
  partsFilter({
    parts: ({ transactionalIds }) => transactionalIds,
    keep: (request, transactionalIds) => ({ ...request, transactionalIds }),
    isAllowed: (id, { rights }) => rights.may('describe', 'transactionalId', id),
    denied: (transactionalId) =>
      createDescribeTransactionsResponseTransactionState({ transactionalId, errorCode: idDenied }),
    empty: createDescribeTransactionsResponse,
    answers: ({ transactionStates }) => transactionStates,
  })

export const listTransactionsFilter: AccessFilter<
  ListTransactionsRequest,
  ListTransactionsResponse
> = async (request, { rights }, next) => {
  const response = await next(request)
  const transactionStates = response.transactionStates.filter(({ transactionalId }) =>
    rights.allows('describe', 'transactionalId', transactionalId),
  )
  return { ...response, transactionStates }
}
