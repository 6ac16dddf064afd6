/** Heartbeat v0–4. As in Apache Kafka. */
import { errorCode } from '../../protocol/error-codes.ts'
import {
  createHeartbeatResponse,
  type HeartbeatRequest,
  type HeartbeatResponse,
} from '../../protocol/messages/generated/heartbeat.ts'
import { errorCodes } from '../error-code.ts'
import type { BrokerServices } from '../services.ts'

export function handleHeartbeat(
  { groups }: BrokerServices,
  { groupId, memberId, groupInstanceId, generationId }: HeartbeatRequest,
): HeartbeatResponse {
  if (groupId === '') return createHeartbeatResponse({ errorCode: errorCodes.INVALID_GROUP_ID })
  const error = groups.heartbeat(groupId, memberId, groupInstanceId, generationId)
  return createHeartbeatResponse({ errorCode: errorCode(error) })
}
