/**
 * AddPartitionsToTxn v0–5: one transaction before v4, any number from then on; v4+ can also only ask (`verifyOnly`).
 * Partitions are added all or, when one of them does not exist, none (OPERATION_NOT_ATTEMPTED). As in Apache Kafka, but
 * that clients may send v4+ too: there are no other brokers.
 */

import type { RequestContext } from '../../backend/request-context.ts'
import { errorCode, type Outcome } from '../../protocol/error-codes.ts'
import {
  type AddPartitionsToTxnRequest,
  type AddPartitionsToTxnRequestAddPartitionsToTxnTransaction,
  type AddPartitionsToTxnResponse,
  type AddPartitionsToTxnResponseAddPartitionsToTxnTopicResult,
  addPartitionsToTxn,
  createAddPartitionsToTxnRequestAddPartitionsToTxnTransaction,
  createAddPartitionsToTxnResponse,
  createAddPartitionsToTxnResponseAddPartitionsToTxnPartitionResult,
  createAddPartitionsToTxnResponseAddPartitionsToTxnResult,
  createAddPartitionsToTxnResponseAddPartitionsToTxnTopicResult,
} from '../../protocol/messages/generated/add-partitions-to-txn.ts'
import { addPartitionsToTxnFilter } from '../access/transaction-filters.ts'
import { errorCodes } from '../error-code.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'
import { isBrokersTopic } from '../topics/topic-name.ts'

type Services = Pick<BrokerServices, 'topics' | 'transactions'>

type Wanted = AddPartitionsToTxnRequestAddPartitionsToTxnTransaction
type TopicResult = AddPartitionsToTxnResponseAddPartitionsToTxnTopicResult

async function handleAddPartitionsToTxn(
  services: Services,
  request: AddPartitionsToTxnRequest,
  { version }: RequestContext,
): Promise<AddPartitionsToTxnResponse> {
  if (version < 4) {
    const wanted = createAddPartitionsToTxnRequestAddPartitionsToTxnTransaction({
      transactionalId: request.v3AndBelowTransactionalId,
      producerId: request.v3AndBelowProducerId,
      producerEpoch: request.v3AndBelowProducerEpoch,
      topics: request.v3AndBelowTopics,
    })
    const resultsByTopicV3AndBelow = await add(services, wanted, version)
    return createAddPartitionsToTxnResponse({ resultsByTopicV3AndBelow })
  }
  const resultsByTransaction = await Promise.all(
    request.transactions.map(async (wanted) =>
      createAddPartitionsToTxnResponseAddPartitionsToTxnResult({
        transactionalId: wanted.transactionalId,
        topicResults: await add(services, wanted, version),
      }),
    ),
  )
  return createAddPartitionsToTxnResponse({ resultsByTransaction })
}

async function add(
  services: Services,
  { transactionalId, producerId, producerEpoch, verifyOnly, topics }: Wanted,
  version: number,
): Promise<TopicResult[]> {
  const faults = topics.flatMap(({ name, partitions }) =>
    partitions.map((partition) => faultOf(services, name, partition)),
  )
  if (faults.some((fault) => fault !== errorCodes.NONE)) {
    let at = 0
    const codeOf = () => faults[at++] || errorCode('OPERATION_NOT_ATTEMPTED')
    return results(topics, codeOf)
  }
  const partitions = topics.flatMap((topic) =>
    topic.partitions.map((partition) => ({ topic: topic.name, partition })),
  )
  const { transactions } = services
  const producer = { producerId, producerEpoch, partitions }
  const outcome = verifyOnly
    ? transactions.check({ ...producer, transactionalId, isImplicit: false })
    : await transactions.addPartitions(transactionalId, { ...producer, clientVersion: 0 })
  const code = errorCode(nameIn(version, outcome, verifyOnly))
  return results(topics, () => code)
}

/** Names that older clients do not know. */
function nameIn(version: number, outcome: Outcome, verifyOnly: boolean): Outcome {
  if (outcome === 'PRODUCER_FENCED' && version < 2) return 'INVALID_PRODUCER_EPOCH'
  if (outcome === 'INVALID_TXN_STATE' && verifyOnly && version >= 5) return 'TRANSACTION_ABORTABLE'
  return outcome
}

function faultOf({ topics }: Services, name: string, partition: number): number {
  if (isBrokersTopic(name)) return errorCodes.INVALID_TOPIC_EXCEPTION
  const exists = topics.byName(name)?.partitions[partition] !== undefined
  return exists ? errorCodes.NONE : errorCodes.UNKNOWN_TOPIC_OR_PARTITION
}

function results(topics: Wanted['topics'], codeOf: () => number): TopicResult[] {
  return topics.map(({ name, partitions }) =>
    createAddPartitionsToTxnResponseAddPartitionsToTxnTopicResult({
      name,
      resultsByPartition: partitions.map((partitionIndex) =>
        createAddPartitionsToTxnResponseAddPartitionsToTxnPartitionResult({
          partitionIndex,
          partitionErrorCode: codeOf(),
        }),
      ),
    }),
  )
}

export const addPartitionsToTxnApi = served({
  api: addPartitionsToTxn,
  filter: addPartitionsToTxnFilter,
  handle: handleAddPartitionsToTxn,
})
