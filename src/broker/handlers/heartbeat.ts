/** Heartbeat v0–4. As in Apache Kafka. */

import { errorCode } from '../../protocol/error-codes.ts'
import {
  createHeartbeatResponse,
  type HeartbeatRequest,
  type HeartbeatResponse,
  heartbeat,
} from '../../protocol/messages/generated/heartbeat.ts'
import { heartbeatFilter } from '../access/group-filters.ts'
import { errorCodes } from '../error-code.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'

type Services = Pick<BrokerServices, 'groups'>

function handleHeartbeat(
  { groups }: Services,
  { groupId, memberId, groupInstanceId, generationId }: HeartbeatRequest,
): HeartbeatResponse {
  if (groupId === '') return createHeartbeatResponse({ errorCode: errorCodes.INVALID_GROUP_ID })
  const error = groups.classic.heartbeat(groupId, memberId, groupInstanceId, generationId)
  return createHeartbeatResponse({ errorCode: errorCode(error) })
}

export const heartbeatApi = served({
  api: heartbeat,
  filter: heartbeatFilter,
  handle: handleHeartbeat,
})
