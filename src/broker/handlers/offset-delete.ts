/**
 * OffsetDelete v0 (KIP-496): committed offsets of topics that a group does not read. Durable before the answer. As in
 * Apache Kafka, but that the topics of a member who waits for the next generation count already.
 */

import { errorCode } from '../../protocol/error-codes.ts'
import {
  createOffsetDeleteResponse,
  createOffsetDeleteResponsePartition,
  createOffsetDeleteResponseTopic,
  type OffsetDeleteRequest,
  type OffsetDeleteResponse,
  offsetDelete,
} from '../../protocol/messages/generated/offset-delete.ts'
import { offsetDeleteFilter } from '../access/group-filters.ts'
import { errorCodes, toErrorCode } from '../error-code.ts'
import type { Group } from '../group/group.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'

type Services = Pick<BrokerServices, 'runtime' | 'topics' | 'groups'>

async function handleOffsetDelete(
  services: Services,
  request: OffsetDeleteRequest,
): Promise<OffsetDeleteResponse> {
  const { groupId } = request
  if (groupId === '') return refused(errorCodes.INVALID_GROUP_ID)
  const group = services.groups.group(groupId)
  if (!group) return refused(errorCodes.GROUP_ID_NOT_FOUND)
  // Of members that are no consumers nobody knows what they read.
  if (group.state !== 'Empty' && group.protocolType !== 'consumer')
    return refused(errorCode('NON_EMPTY_GROUP'))
  const gone: [topic: string, partition: number][] = []
  const topics = request.topics.map(({ name, partitions }) => {
    const answers = partitions.map(({ partitionIndex }) => {
      const code = refusalOf(services, group, name, partitionIndex)
      if (code === errorCodes.NONE) gone.push([name, partitionIndex])
      return createOffsetDeleteResponsePartition({ partitionIndex, errorCode: code })
    })
    return createOffsetDeleteResponseTopic({ name, partitions: answers })
  })
  try {
    await services.groups.offsets.delete(groupId, gone)
    return createOffsetDeleteResponse({ topics })
  } catch (error) {
    return refused(toErrorCode(services.runtime.logger, error))
  }
}

function refusalOf({ topics }: Services, group: Group, topic: string, partition: number): number {
  if (!topics.byName(topic)?.partitions[partition]) return errorCodes.UNKNOWN_TOPIC_OR_PARTITION
  return group.isSubscribedTo(topic) ? errorCode('GROUP_SUBSCRIBED_TO_TOPIC') : errorCodes.NONE
}

/** For the request as a whole. */
function refused(code: number): OffsetDeleteResponse {
  return createOffsetDeleteResponse({ errorCode: code })
}

export const offsetDeleteApi = served({
  api: offsetDelete,
  filter: offsetDeleteFilter,
  handle: handleOffsetDelete,
})
