/**
 * DescribeGroups v0–6. A group that does not exist is `Dead`; from v6 on it is GROUP_ID_NOT_FOUND as well. Subscriptions
 * and assignments are told while the group is stable. As in Apache Kafka.
 */

import type { RequestContext } from '../../backend/request-context.ts'
import {
  createDescribeGroupsResponse,
  createDescribeGroupsResponseDescribedGroup,
  createDescribeGroupsResponseDescribedGroupMember,
  type DescribeGroupsRequest,
  type DescribeGroupsResponse,
  type DescribeGroupsResponseDescribedGroup,
  describeGroups,
} from '../../protocol/messages/generated/describe-groups.ts'
import { describeGroupsFilter } from '../access/group-filters.ts'
import { allowedOperations } from '../access/operations.ts'
import { errorCodes } from '../error-code.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'

type Services = Pick<BrokerServices, 'groups'>

function handleDescribeGroups(
  services: Services,
  request: DescribeGroupsRequest,
  { version }: RequestContext,
): DescribeGroupsResponse {
  return createDescribeGroupsResponse({
    groups: request.groups.map((groupId) => {
      const group = describe(services, groupId, version)
      const isTold = request.includeAuthorizedOperations && group.errorCode === errorCodes.NONE
      return isTold ? { ...group, authorizedOperations: allowedOperations.group } : group
    }),
  })
}

function describe(
  { groups }: Services,
  groupId: string,
  version: number,
): DescribeGroupsResponseDescribedGroup {
  const group = groups.classic.find(groupId)
  if (!group) {
    const missing = createDescribeGroupsResponseDescribedGroup({ groupId, groupState: 'Dead' })
    if (version < 6) return missing
    const errorMessage = `Group '${groupId.slice(0, 260)}' does not exist`
    return { ...missing, errorCode: errorCodes.GROUP_ID_NOT_FOUND, errorMessage }
  }
  const isStable = group.state === 'Stable'
  return createDescribeGroupsResponseDescribedGroup({
    groupId,
    groupState: group.state,
    protocolType: group.protocolType,
    protocolData: isStable ? group.protocolName : '',
    members: group.members().map(({ memberId, groupInstanceId, clientId, clientHost, ...member }) =>
      createDescribeGroupsResponseDescribedGroupMember({
        memberId,
        groupInstanceId,
        clientId,
        clientHost,
        ...(isStable && {
          memberMetadata: member.subscription,
          memberAssignment: member.assignment,
        }),
      }),
    ),
  })
}

export const describeGroupsApi = served({
  api: describeGroups,
  filter: describeGroupsFilter,
  handle: handleDescribeGroups,
})
