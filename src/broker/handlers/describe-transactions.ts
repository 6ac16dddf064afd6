/** DescribeTransactions v0 (KIP-664). As in Apache Kafka. */

import { groupBy } from '../../core/group-by.ts'
import { errorCode } from '../../protocol/error-codes.ts'
import {
  createDescribeTransactionsResponse,
  createDescribeTransactionsResponseTopicData,
  createDescribeTransactionsResponseTransactionState,
  type DescribeTransactionsRequest,
  type DescribeTransactionsResponse,
  type DescribeTransactionsResponseTransactionState,
  describeTransactions,
} from '../../protocol/messages/generated/describe-transactions.ts'
import { describeTransactionsFilter } from '../access/transaction-filters.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'

type Services = Pick<BrokerServices, 'transactions'>

function handleDescribeTransactions(
  services: Services,
  { transactionalIds }: DescribeTransactionsRequest,
): DescribeTransactionsResponse {
  return createDescribeTransactionsResponse({
    transactionStates: transactionalIds.map((id) => describe(services, id)),
  })
}

function describe(
  { transactions }: Services,
  transactionalId: string,
): DescribeTransactionsResponseTransactionState {
  const found = transactionalId === '' ? undefined : transactions.find(transactionalId)
  if (!found) {
    const code = transactionalId === '' ? 'INVALID_REQUEST' : 'TRANSACTIONAL_ID_NOT_FOUND'
    return createDescribeTransactionsResponseTransactionState({
      errorCode: errorCode(code),
      transactionalId,
    })
  }
  const isUnderWay = found.partitions.length > 0
  return createDescribeTransactionsResponseTransactionState({
    transactionalId,
    transactionState: found.status,
    transactionTimeoutMs: found.timeoutMs,
    transactionStartTimeMs: isUnderWay ? BigInt(found.startedAtMs) : -1n,
    producerId: found.producerId,
    producerEpoch: found.producerEpoch,
    topics: [...groupBy(found.partitions, ({ topic }) => topic)].map(([topic, ofTopic]) =>
      createDescribeTransactionsResponseTopicData({
        topic,
        partitions: ofTopic.map(({ partition }) => partition),
      }),
    ),
  })
}

export const describeTransactionsApi = served({
  api: describeTransactions,
  filter: describeTransactionsFilter,
  handle: handleDescribeTransactions,
})
