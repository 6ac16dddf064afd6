/**
 * InitProducerId v0–5. An idempotent producer gets a new id, with epoch 0, each time it asks, as in Apache Kafka.
 *
 * Differs from Apache Kafka: a transactional id is refused with UNSUPPORTED_VERSION until transactions are served.
 */
import {
  createInitProducerIdResponse,
  type InitProducerIdRequest,
  type InitProducerIdResponse,
} from '../../protocol/messages/generated/init-producer-id.ts'
import { errorCodes, toErrorCode } from '../error-code.ts'
import type { BrokerServices } from '../services.ts'

export async function handleInitProducerId(
  services: BrokerServices,
  request: InitProducerIdRequest,
): Promise<InitProducerIdResponse> {
  if (request.transactionalId !== null) return refused(errorCodes.UNSUPPORTED_VERSION)
  try {
    const producerId = await services.producerIds.next()
    return createInitProducerIdResponse({ producerId, producerEpoch: 0 })
  } catch (error) {
    return refused(toErrorCode(services.runtime.logger, error))
  }
}

function refused(errorCode: number): InitProducerIdResponse {
  return createInitProducerIdResponse({ errorCode, producerId: -1n, producerEpoch: -1 })
}
