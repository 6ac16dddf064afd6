/** DeleteGroups v0–2: groups without members, with all their offsets. As in Apache Kafka. */

import { errorCode } from '../../protocol/error-codes.ts'
import {
  createDeleteGroupsResponse,
  createDeleteGroupsResponseDeletableGroupResult,
  type DeleteGroupsRequest,
  type DeleteGroupsResponse,
  type DeleteGroupsResponseDeletableGroupResult,
  deleteGroups,
} from '../../protocol/messages/generated/delete-groups.ts'
import { deleteGroupsFilter } from '../access/group-filters.ts'
import { toErrorCode } from '../error-code.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'

type Services = Pick<BrokerServices, 'runtime' | 'groups'>

async function handleDeleteGroups(
  services: Services,
  { groupsNames }: DeleteGroupsRequest,
): Promise<DeleteGroupsResponse> {
  const results: DeleteGroupsResponseDeletableGroupResult[] = []
  for (const groupId of new Set(groupsNames)) {
    const code = await remove(services, groupId)
    results.push(createDeleteGroupsResponseDeletableGroupResult({ groupId, errorCode: code }))
  }
  return createDeleteGroupsResponse({ results })
}

async function remove({ groups, runtime }: Services, groupId: string): Promise<number> {
  try {
    return errorCode(await groups.delete(groupId))
  } catch (error) {
    return toErrorCode(runtime.logger, error)
  }
}

export const deleteGroupsApi = served({
  api: deleteGroups,
  filter: deleteGroupsFilter,
  handle: handleDeleteGroups,
})
