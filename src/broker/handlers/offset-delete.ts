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
} from '../../protocol/messages/generated/offset-delete.ts'
import { errorCodes, toErrorCode } from '../error-code.ts'
import type { Group } from '../group/group.ts'
import { isSubscribed } from '../group/protocol-choice.ts'
import type { BrokerServices } from '../services.ts'

export async function handleOffsetDelete(
  services: BrokerServices,
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
    await services.groups.deleteOffsets(groupId, gone)
    return createOffsetDeleteResponse({ topics })
  } catch (error) {
    return refused(toErrorCode(services.runtime.logger, error))
  }
}

function refusalOf(
  { topics }: BrokerServices,
  group: Group,
  topic: string,
  partition: number,
): number {
  if (!topics.byName(topic)?.partitions[partition]) return errorCodes.UNKNOWN_TOPIC_OR_PARTITION
  return isSubscribed(group.protocolType, group.members(), topic)
    ? errorCode('GROUP_SUBSCRIBED_TO_TOPIC')
    : errorCodes.NONE
}

/** For the request as a whole. */
function refused(code: number): OffsetDeleteResponse {
  return createOffsetDeleteResponse({ errorCode: code })
}
