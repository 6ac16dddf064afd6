/**
 * EndTxn v0–5. From v5 on (`transaction.version` 2, KIP-890) each end raises the producer's epoch and answers with it.
 *
 * Differs from Apache Kafka: answered when the markers are durable, so what was committed can be read then.
 */

import type { RequestContext } from '../../backend/request-context.ts'
import { errorCode } from '../../protocol/error-codes.ts'
import {
  createEndTxnResponse,
  type EndTxnRequest,
  type EndTxnResponse,
  endTxn,
} from '../../protocol/messages/generated/end-txn.ts'
import { endTxnFilter } from '../access/transaction-filters.ts'
import { toErrorCode } from '../error-code.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'

type Services = Pick<BrokerServices, 'runtime' | 'transactions'>

async function handleEndTxn(
  { transactions, runtime }: Services,
  { transactionalId, producerId, producerEpoch, committed }: EndTxnRequest,
  { version }: RequestContext,
): Promise<EndTxnResponse> {
  const clientVersion = version >= 5 ? 2 : 0
  try {
    const reply = await transactions.end(transactionalId, {
      producerId,
      producerEpoch,
      isCommit: committed,
      clientVersion,
    })
    const isUnknownThen = version < 2 && reply.error === 'PRODUCER_FENCED'
    const code = errorCode(isUnknownThen ? 'INVALID_PRODUCER_EPOCH' : reply.error)
    if (clientVersion === 0 || code !== 0) return createEndTxnResponse({ errorCode: code })
    return createEndTxnResponse({
      producerId: reply.producerId,
      producerEpoch: reply.producerEpoch,
    })
  } catch (error) {
    return createEndTxnResponse({ errorCode: toErrorCode(runtime.logger, error) })
  }
}

export const endTxnApi = served({
  api: endTxn,
  filter: endTxnFilter,
  handle: handleEndTxn,
})
