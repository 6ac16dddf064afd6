/**
 * EndTxn v0–5. From v5 on (`transaction.version` 2, KIP-890) each end raises the producer's epoch and answers with it.
 *
 * Differs from Apache Kafka: answered when the markers are durable, so what was committed can be read then.
 */
import { errorCode } from '../../protocol/error-codes.ts'
import {
  createEndTxnResponse,
  type EndTxnRequest,
  type EndTxnResponse,
} from '../../protocol/messages/generated/end-txn.ts'
import { toErrorCode } from '../error-code.ts'
import type { RequestContext } from '../request-context.ts'
import type { BrokerServices } from '../services.ts'

export async function handleEndTxn(
  { transactions, runtime }: BrokerServices,
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
