/** DeleteGroups v0–2: groups without members, with all their offsets. As in Apache Kafka. */
import { errorCode } from '../../protocol/error-codes.ts'
import {
  createDeleteGroupsResponse,
  createDeleteGroupsResponseDeletableGroupResult,
  type DeleteGroupsRequest,
  type DeleteGroupsResponse,
  type DeleteGroupsResponseDeletableGroupResult,
} from '../../protocol/messages/generated/delete-groups.ts'
import { toErrorCode } from '../error-code.ts'
import type { BrokerServices } from '../services.ts'

export async function handleDeleteGroups(
  services: BrokerServices,
  { groupsNames }: DeleteGroupsRequest,
): Promise<DeleteGroupsResponse> {
  const results: DeleteGroupsResponseDeletableGroupResult[] = []
  for (const groupId of new Set(groupsNames)) {
    const code = await remove(services, groupId)
    results.push(createDeleteGroupsResponseDeletableGroupResult({ groupId, errorCode: code }))
  }
  return createDeleteGroupsResponse({ results })
}

async function remove({ groups, runtime }: BrokerServices, groupId: string): Promise<number> {
  try {
    return errorCode(await groups.delete(groupId))
  } catch (error) {
    return toErrorCode(runtime.logger, error)
  }
}
