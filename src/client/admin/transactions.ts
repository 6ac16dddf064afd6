/** Transactions that are under way, and what became of others (KIP-664: ListTransactions, DescribeTransactions). */
import { KafkaError } from '../../core/errors.ts'
import { printable } from '../../core/json.ts'
import { invalid } from '../../core/options.ts'
import { errorFrom, errorName } from '../../protocol/error-codes.ts'
import {
  createDescribeTransactionsRequest,
  describeTransactions,
} from '../../protocol/messages/generated/describe-transactions.ts'
import {
  createListTransactionsRequest,
  listTransactions as listTransactionsApi,
} from '../../protocol/messages/generated/list-transactions.ts'
import type { Cluster } from '../cluster.ts'
import type { TopicPartition } from '../consumer/assignors/assignor.ts'
import { describeCluster } from './cluster-description.ts'

/** A transactional id as returned by `admin.listTransactions`. */
export interface TransactionSummary {
  readonly transactionalId: string
  readonly producerId: bigint
  /** Kafka's name: `Empty`, `Ongoing`, `PrepareCommit`, `PrepareAbort`, `CompleteCommit`, `CompleteAbort` … */
  readonly state: string
  /** The node that coordinates it. */
  readonly coordinatorId: number
}

/** Result of `admin.describeTransaction`. */
export interface TransactionDescription extends TransactionSummary {
  readonly producerEpoch: number
  /** How long a transaction may take, milliseconds. */
  readonly timeoutMs: number
  /** Start of the open transaction, epoch milliseconds; undefined if there is none. */
  readonly startedAtMs: number | undefined
  /** Partitions the open transaction has written to. */
  readonly partitions: readonly TopicPartition[]
}

export async function listTransactions(cluster: Cluster): Promise<TransactionSummary[]> {
  const { nodes } = await describeCluster(cluster)
  const lists = await Promise.all(nodes.map(({ id }) => listOf(cluster, id)))
  return lists.flat().sort((a, b) => (a.transactionalId < b.transactionalId ? -1 : 1))
}

/** Each node tells those that it coordinates. */
function listOf(cluster: Cluster, nodeId: number): Promise<TransactionSummary[]> {
  return cluster.retrying(`list the transactions of node ${nodeId}`, {}, async (call) => {
    const request = createListTransactionsRequest({ durationFilter: -1n })
    const response = await cluster.exchange(listTransactionsApi, request, { ...call, nodeId })
    if (response.errorCode !== 0) throw errorFrom(response.errorCode)
    return response.transactionStates.map(({ transactionalId, producerId, transactionState }) =>
      printable({ transactionalId, producerId, state: transactionState, coordinatorId: nodeId }),
    )
  })
}

/** States of a transaction that is not over. */
const open: ReadonlySet<string> = new Set([
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'PrepareEpochFence',
])

const movedErrors: ReadonlySet<string> = new Set([
  'NOT_COORDINATOR',
  'COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
])

export async function describeTransaction(
  cluster: Cluster,
  transactionalId: string,
): Promise<TransactionDescription> {
  if (typeof transactionalId !== 'string' || transactionalId === '')
    throw invalid('A transactional id must be a string that is not empty')
  return cluster.retrying(`describe transaction '${transactionalId}'`, {}, async (call) => {
    const coordinatorId = await cluster.coordinator('transaction', transactionalId, call)
    const request = createDescribeTransactionsRequest({ transactionalIds: [transactionalId] })
    const options = { ...call, nodeId: coordinatorId }
    const response = await cluster.exchange(describeTransactions, request, options)
    const found = response.transactionStates[0]
    const code = found?.errorCode ?? -1
    if (movedErrors.has(errorName(code))) cluster.forgetCoordinator('transaction', transactionalId)
    if (errorName(code) === 'TRANSACTIONAL_ID_NOT_FOUND')
      throw new KafkaError(`There is no transactional id '${transactionalId}'`, {
        code: 'TRANSACTIONAL_ID_NOT_FOUND',
      })
    if (!found || code !== 0) throw errorFrom(code, { transactionalId })
    const { producerId, producerEpoch, transactionState, transactionStartTimeMs, topics } = found
    return printable({
      ...{ transactionalId, producerId, producerEpoch, coordinatorId },
      state: transactionState,
      timeoutMs: found.transactionTimeoutMs,
      // Apache Kafka goes on telling of the last one.
      startedAtMs: open.has(transactionState) ? Number(transactionStartTimeMs) : undefined,
      partitions: topics.flatMap(({ topic, partitions }) =>
        partitions.map((partition) => ({ topic, partition })),
      ),
    })
  })
}
