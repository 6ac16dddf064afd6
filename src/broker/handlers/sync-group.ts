/** SyncGroup v0–5. Answered when the leader has sent the assignment and it is durable. As in Apache Kafka. */

import { errorCode } from '../../protocol/error-codes.ts'
import {
  createSyncGroupResponse,
  type SyncGroupRequest,
  type SyncGroupResponse,
  syncGroup,
} from '../../protocol/messages/generated/sync-group.ts'
import { syncGroupFilter } from '../access/group-filters.ts'
import { errorCodes, toErrorCode } from '../error-code.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'

type Services = Pick<BrokerServices, 'runtime' | 'groups'>

async function handleSyncGroup(
  { groups, runtime }: Services,
  request: SyncGroupRequest,
): Promise<SyncGroupResponse> {
  if (request.groupId === '') {
    return createSyncGroupResponse({ errorCode: errorCodes.INVALID_GROUP_ID })
  }
  try {
    const reply = await groups.classic.sync(request.groupId, {
      memberId: request.memberId,
      groupInstanceId: request.groupInstanceId,
      generation: request.generationId,
      protocolType: request.protocolType,
      protocolName: request.protocolName,
      assignments: new Map(
        request.assignments.map(({ memberId, assignment }) => [memberId, assignment]),
      ),
    })
    const { protocolType, protocolName, assignment } = reply
    return createSyncGroupResponse({
      errorCode: errorCode(reply.error),
      protocolType,
      protocolName,
      assignment,
    })
  } catch (error) {
    return createSyncGroupResponse({ errorCode: toErrorCode(runtime.logger, error) })
  }
}

export const syncGroupApi = served({
  api: syncGroup,
  filter: syncGroupFilter,
  handle: handleSyncGroup,
})
