/**
 * OffsetFetch v1–10: one group before v8, any number from then on; by topic id from v10 on. What was never committed has
 * offset -1.
 *
 * Differs from Apache Kafka: member id and epoch (v9+) are not checked; they belong to the KIP-848 protocol.
 */

import type { RequestContext } from '../../backend/request-context.ts'
import {
  createOffsetFetchResponse,
  createOffsetFetchResponseGroup,
  createOffsetFetchResponsePartitions,
  createOffsetFetchResponseTopics,
  type OffsetFetchRequest,
  type OffsetFetchRequestTopics,
  type OffsetFetchResponse,
  type OffsetFetchResponsePartitions,
  type OffsetFetchResponseTopics,
  offsetFetch,
} from '../../protocol/messages/generated/offset-fetch.ts'
import { zeroUuid } from '../../protocol/uuid.ts'
import { offsetFetchFilter } from '../access/offset-fetch-filter.ts'
import { errorCodes } from '../error-code.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'

type Services = Pick<BrokerServices, 'topics' | 'groups'>

type WantedTopic = Pick<OffsetFetchRequestTopics, 'name' | 'topicId' | 'partitionIndexes'>

function handleOffsetFetch(
  services: Services,
  request: OffsetFetchRequest,
  { version }: RequestContext,
): OffsetFetchResponse {
  if (version < 8) {
    const wanted = request.topics?.map((topic) => ({ ...topic, topicId: zeroUuid })) ?? null
    const topics = fetchTopics(services, request.groupId, wanted, version, request.requireStable)
    return createOffsetFetchResponse({ topics })
  }
  return createOffsetFetchResponse({
    groups: request.groups.map(({ groupId, topics }) =>
      createOffsetFetchResponseGroup({
        groupId,
        topics: fetchTopics(services, groupId, topics, version, request.requireStable),
      }),
    ),
  })
}

function fetchTopics(
  services: Services,
  groupId: string,
  wanted: readonly WantedTopic[] | null,
  version: number,
  requireStable: boolean,
): OffsetFetchResponseTopics[] {
  if (wanted === null) return everything(services, groupId, version, requireStable)
  return wanted.map(({ name, topicId, partitionIndexes }) => {
    const known = version >= 10 ? services.topics.byId(topicId)?.name : name
    const partitions = partitionIndexes.map((partitionIndex) =>
      known === undefined
        ? answer(version, partitionIndex, undefined, errorCodes.UNKNOWN_TOPIC_ID)
        : answerFor(services, groupId, known, partitionIndex, version, requireStable),
    )
    return createOffsetFetchResponseTopics({ name: known ?? name, topicId, partitions })
  })
}

/** All that the group has committed; with ids, what still exists. */
function everything(
  services: Services,
  groupId: string,
  version: number,
  requireStable: boolean,
): OffsetFetchResponseTopics[] {
  const { groups, topics } = services
  const byName = new Map<string, OffsetFetchResponseTopics>()
  for (const [name, partition] of groups.offsets.allCommitted(groupId)) {
    const topicId = topics.byName(name)?.id
    if (topicId === undefined && version >= 10) continue
    let topic = byName.get(name)
    if (!topic) {
      topic = createOffsetFetchResponseTopics({ name, topicId, partitions: [] })
      byName.set(name, topic)
    }
    topic.partitions.push(answerFor(services, groupId, name, partition, version, requireStable))
  }
  return [...byName.values()]
}

/** An offset that a transaction may be about to change is not stable (KIP-447). */
function answerFor(
  { groups }: Services,
  groupId: string,
  topic: string,
  partition: number,
  version: number,
  requireStable: boolean,
): OffsetFetchResponsePartitions {
  if (requireStable && groups.transactional.isPending(groupId, topic, partition)) {
    return answer(version, partition, undefined, errorCodes.UNSTABLE_OFFSET_COMMIT)
  }
  return answer(version, partition, groups.offsets.committed(groupId, topic, partition))
}

function answer(
  version: number,
  partitionIndex: number,
  committed: { offset: bigint; leaderEpoch: number; metadata: string } | undefined,
  errorCode: number = errorCodes.NONE,
): OffsetFetchResponsePartitions {
  return createOffsetFetchResponsePartitions({
    partitionIndex,
    committedOffset: committed?.offset ?? -1n,
    // Before v5 there is no place for the epoch.
    committedLeaderEpoch: version >= 5 ? committed?.leaderEpoch : -1,
    metadata: committed?.metadata ?? '',
    errorCode,
  })
}

export const offsetFetchApi = served({
  api: offsetFetch,
  filter: offsetFetchFilter,
  handle: handleOffsetFetch,
})
