/**
 * JoinGroup v0–9. Answered when the generation is made. New dynamic members are sent back with MEMBER_ID_REQUIRED from
 * v4 on (KIP-394), static ones (KIP-345) never.
 *
 * Differs from Apache Kafka: the first rebalance waits `groupInitialRebalanceDelay`, 0 by default; a static member that
 * comes back with other topics causes a rebalance; an id from MEMBER_ID_REQUIRED that nobody uses keeps no group without
 * members from being empty.
 */

import type { RequestContext } from '../../backend/request-context.ts'
import { errorCode } from '../../protocol/error-codes.ts'
import {
  createJoinGroupResponse,
  createJoinGroupResponseMember,
  type JoinGroupRequest,
  type JoinGroupResponse,
  joinGroup,
} from '../../protocol/messages/generated/join-group.ts'
import { joinGroupFilter } from '../access/group-filters.ts'
import { errorCodes, toErrorCode } from '../error-code.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'

type Services = Pick<BrokerServices, 'config' | 'runtime' | 'groups'>

async function handleJoinGroup(
  services: Services,
  request: JoinGroupRequest,
  context: RequestContext,
): Promise<JoinGroupResponse> {
  const { config, groups, runtime } = services
  const { groupId, memberId, groupInstanceId, sessionTimeoutMs } = request
  const refuse = (code: number) =>
    // Before v7 the protocol's name had no null.
    createJoinGroupResponse({
      errorCode: code,
      memberId,
      protocolName: context.version >= 7 ? null : '',
    })
  if (groupId === '') return refuse(errorCodes.INVALID_GROUP_ID)
  const { groupMinSessionTimeout, groupMaxSessionTimeout } = config
  if (sessionTimeoutMs < groupMinSessionTimeout || sessionTimeoutMs > groupMaxSessionTimeout) {
    return refuse(errorCodes.INVALID_SESSION_TIMEOUT)
  }
  try {
    const reply = await groups.classic.join(groupId, {
      memberId,
      newMemberId: `${groupInstanceId ?? context.clientId ?? ''}-${runtime.uuid()}`,
      groupInstanceId,
      clientId: context.clientId ?? '',
      clientHost: context.session.clientAddress,
      sessionTimeoutMs,
      // v0 has no rebalance timeout of its own.
      rebalanceTimeoutMs:
        request.rebalanceTimeoutMs < 0 ? sessionTimeoutMs : request.rebalanceTimeoutMs,
      protocolType: request.protocolType,
      protocols: request.protocols,
      requiresKnownMemberId: context.version >= 4,
      canSkipAssignment: context.version >= 9,
    })
    return createJoinGroupResponse({
      errorCode: errorCode(reply.error),
      generationId: reply.generation,
      protocolType: reply.protocolType,
      protocolName: reply.protocolName ?? (context.version >= 7 ? null : ''),
      leader: reply.leader,
      skipAssignment: reply.skipAssignment,
      memberId: reply.memberId,
      members: reply.members.map((member) => createJoinGroupResponseMember(member)),
    })
  } catch (error) {
    return refuse(toErrorCode(runtime.logger, error))
  }
}

export const joinGroupApi = served({
  api: joinGroup,
  filter: joinGroupFilter,
  handle: handleJoinGroup,
})
