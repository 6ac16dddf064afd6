/** LeaveGroup v0–5: one member before v3, any number from then on (KIP-345). As in Apache Kafka. */

import type { RequestContext } from '../../backend/request-context.ts'
import { errorCode } from '../../protocol/error-codes.ts'
import {
  createLeaveGroupResponse,
  createLeaveGroupResponseMemberResponse,
  type LeaveGroupRequest,
  type LeaveGroupResponse,
  type LeaveGroupResponseMemberResponse,
  leaveGroup,
} from '../../protocol/messages/generated/leave-group.ts'
import { leaveGroupFilter } from '../access/group-filters.ts'
import { errorCodes } from '../error-code.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'

type Services = Pick<BrokerServices, 'groups'>

async function handleLeaveGroup(
  { groups }: Services,
  request: LeaveGroupRequest,
  { version }: RequestContext,
): Promise<LeaveGroupResponse> {
  const { groupId } = request
  if (groupId === '') return createLeaveGroupResponse({ errorCode: errorCodes.INVALID_GROUP_ID })
  if (version < 3) {
    const error = await groups.classic.leave(groupId, request.memberId, null)
    return createLeaveGroupResponse({ errorCode: errorCode(error) })
  }
  const members: LeaveGroupResponseMemberResponse[] = []
  for (const { memberId, groupInstanceId } of request.members) {
    const error = await groups.classic.leave(groupId, memberId, groupInstanceId)
    members.push(
      createLeaveGroupResponseMemberResponse({
        memberId,
        groupInstanceId,
        errorCode: errorCode(error),
      }),
    )
  }
  return createLeaveGroupResponse({ members })
}

export const leaveGroupApi = served({
  api: leaveGroup,
  filter: leaveGroupFilter,
  handle: handleLeaveGroup,
})
