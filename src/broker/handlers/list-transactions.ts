/**
 * ListTransactions v0–2 (KIP-664, KIP-994, KIP-1152), filtered by state, producer, duration and pattern.
 *
 * Differs from Apache Kafka: patterns are JavaScript's regular expressions, not RE2's; of those with the same meaning in
 * both nothing differs. They are limited in length.
 */

import { errorCode } from '../../protocol/error-codes.ts'
import {
  createListTransactionsResponse,
  createListTransactionsResponseTransactionState,
  type ListTransactionsRequest,
  type ListTransactionsResponse,
  listTransactions,
} from '../../protocol/messages/generated/list-transactions.ts'
import { listTransactionsFilter } from '../access/transaction-filters.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'
import type { TransactionSnapshot } from '../transaction/transaction-messages.ts'

type Services = Pick<BrokerServices, 'runtime' | 'transactions'>

const states: ReadonlySet<string> = new Set([
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
])
/** States that Kafka has and this broker never shows: known, and matched by nothing. */
const unusedStates: ReadonlySet<string> = new Set(['Dead', 'PrepareEpochFence'])
const patternLengthMax = 1000

function handleListTransactions(
  { transactions, runtime }: Services,
  request: ListTransactionsRequest,
): ListTransactionsResponse {
  const pattern = toPattern(request.transactionalIdPattern)
  if (pattern === 'invalid') {
    return createListTransactionsResponse({ errorCode: errorCode('INVALID_REGULAR_EXPRESSION') })
  }
  const unknownStateFilters = request.stateFilters.filter(
    (state) => !states.has(state) && !unusedStates.has(state),
  )
  const found = [...transactions.all()].filter(
    ([id, snapshot]) =>
      matches(request, snapshot, runtime.now()) && (pattern === undefined || pattern.test(id)),
  )
  return createListTransactionsResponse({
    unknownStateFilters,
    transactionStates: found.map(([transactionalId, { producerId, status }]) =>
      createListTransactionsResponseTransactionState({
        transactionalId,
        producerId,
        transactionState: status,
      }),
    ),
  })
}

function matches(
  { stateFilters, producerIdFilters, durationFilter }: ListTransactionsRequest,
  { status, producerId, startedAtMs }: TransactionSnapshot,
  nowMs: number,
): boolean {
  if (stateFilters.length > 0 && !stateFilters.includes(status)) return false
  if (producerIdFilters.length > 0 && !producerIdFilters.includes(producerId)) return false
  return durationFilter < 0n || BigInt(nowMs - startedAtMs) > durationFilter
}

/** The whole id must match, as with Kafka. */
function toPattern(text: string | null): RegExp | undefined | 'invalid' {
  if (text === null || text === '') return undefined
  if (text.length > patternLengthMax) return 'invalid'
  try {
    return new RegExp(`^(?:${text})$`)
  } catch {
    return 'invalid'
  }
}

export const listTransactionsApi = served({
  api: listTransactions,
  filter: listTransactionsFilter,
  handle: handleListTransactions,
})
