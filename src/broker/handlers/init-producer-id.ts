/**
 * InitProducerId v0–5. An idempotent producer gets a new id, with epoch 0, each time it asks; a transactional one its id
 * with a new epoch, which fences all producers before it (KIP-98, KIP-360).
 *
 * Differs from Apache Kafka: a transaction that an earlier producer left under way is aborted before the answer, where
 * Kafka answers CONCURRENT_TRANSACTIONS. Two-phase commit (v6) is not served.
 */

import type { RequestContext } from '../../backend/request-context.ts'
import { errorCode } from '../../protocol/error-codes.ts'
import {
  createInitProducerIdResponse,
  type InitProducerIdRequest,
  type InitProducerIdResponse,
  initProducerId,
} from '../../protocol/messages/generated/init-producer-id.ts'
import { initProducerIdFilter } from '../access/transaction-filters.ts'
import { errorCodes, toErrorCode } from '../error-code.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'

type Services = Pick<BrokerServices, 'runtime' | 'producerIds' | 'transactions'>

async function handleInitProducerId(
  services: Services,
  request: InitProducerIdRequest,
  { version }: RequestContext,
): Promise<InitProducerIdResponse> {
  try {
    if (request.transactionalId !== null) {
      return await initTransactional(services, request, request.transactionalId, version)
    }
    const producerId = await services.producerIds.next()
    return createInitProducerIdResponse({ producerId, producerEpoch: 0 })
  } catch (error) {
    return refused(toErrorCode(services.runtime.logger, error))
  }
}

async function initTransactional(
  { transactions }: Services,
  { transactionTimeoutMs: timeoutMs, producerId, producerEpoch }: InitProducerIdRequest,
  transactionalId: string,
  version: number,
): Promise<InitProducerIdResponse> {
  const isNew = producerId === -1n && producerEpoch === -1
  const isHalf = !isNew && (producerId < 0n || producerEpoch < 0)
  if (transactionalId === '' || isHalf) return refused(errorCodes.INVALID_REQUEST)
  const expected = isNew ? undefined : { producerId, producerEpoch }
  const reply = await transactions.init(transactionalId, { timeoutMs, expected })
  // The name came with KIP-588.
  const isUnknownThen = version < 4 && reply.error === 'PRODUCER_FENCED'
  if (reply.error !== 'NONE') {
    return refused(errorCode(isUnknownThen ? 'INVALID_PRODUCER_EPOCH' : reply.error))
  }
  return createInitProducerIdResponse({
    producerId: reply.producerId,
    producerEpoch: reply.producerEpoch,
  })
}

function refused(code: number): InitProducerIdResponse {
  return createInitProducerIdResponse({ errorCode: code, producerId: -1n, producerEpoch: -1 })
}

export const initProducerIdApi = served({
  api: initProducerId,
  filter: initProducerIdFilter,
  handle: handleInitProducerId,
})
