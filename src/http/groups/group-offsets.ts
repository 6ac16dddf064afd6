/** The offsets that Kafka keeps for a group: where one without a session begins, and where others see how far it is. */

import {
  askForGroup,
  fetchAllCommitted,
  namedTopics,
  withCoordinator,
} from '../../client/admin/group-requests.ts'
import type { Cluster } from '../../client/cluster.ts'
import { KafkaError } from '../../core/errors.ts'
import { groupBy } from '../../core/group-by.ts'
import { errorFrom } from '../../protocol/error-codes.ts'
import {
  createOffsetCommitRequest,
  createOffsetCommitRequestPartition,
  createOffsetCommitRequestTopic,
  offsetCommit,
} from '../../protocol/messages/generated/offset-commit.ts'

export interface Committed {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
}

/** Throws `KafkaError` NON_EMPTY_GROUP for a group that consumers read with. */
export async function committedOf(cluster: Cluster, group: string): Promise<readonly Committed[]> {
  const found = await askForGroup(cluster, group)
  if (found && found.described.groupState !== 'Empty') {
    throw new KafkaError(
      `Group '${group}' has members that read with sessions; take another name to pull with`,
      { code: 'NON_EMPTY_GROUP' },
    )
  }
  return found ? fetchAllCommitted(cluster, group) : []
}

export async function commitOffsets(
  cluster: Cluster,
  group: string,
  offsets: readonly Committed[],
): Promise<void> {
  if (offsets.length === 0) return
  const byTopic = groupBy(offsets, ({ topic }) => topic)
  const request = createOffsetCommitRequest({
    ...{ groupId: group, generationIdOrMemberEpoch: -1, memberId: '', groupInstanceId: null },
    topics: [...byTopic].map(([name, ofTopic]) =>
      createOffsetCommitRequestTopic({
        name,
        partitions: ofTopic.map(({ partition, offset }) =>
          createOffsetCommitRequestPartition({
            ...{ partitionIndex: partition, committedOffset: offset },
            ...{ committedLeaderEpoch: -1, committedMetadata: '' },
          }),
        ),
      }),
    ),
  })
  await withCoordinator(cluster, group, `commit the offsets of group '${group}'`, async (call) => {
    const response = await cluster.exchange(offsetCommit, request, { ...call, ...namedTopics })
    for (const { name: topic, partitions } of response.topics)
      for (const { errorCode, partitionIndex: partition } of partitions)
        if (errorCode !== 0) throw errorFrom(errorCode, { group, topic, partition })
  })
}
