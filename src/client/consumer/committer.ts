/**
 * Commits a group's progress. One OffsetCommit is in flight at a time; callers that come meanwhile share the
 * next one, which carries everything that is committable by then.
 */
import { KafkaError, TopicNotFoundError } from '../../core/errors.ts'
import { groupBy } from '../../core/group-by.ts'
import { errorFrom } from '../../protocol/error-codes.ts'
import {
  createOffsetCommitRequest,
  createOffsetCommitRequestPartition,
  createOffsetCommitRequestTopic,
  offsetCommit,
} from '../../protocol/messages/generated/offset-commit.ts'
import {
  createOffsetFetchRequest,
  createOffsetFetchRequestGroup,
  createOffsetFetchRequestTopic,
  createOffsetFetchRequestTopics,
  type OffsetFetchRequest,
  offsetFetch,
} from '../../protocol/messages/generated/offset-fetch.ts'
import type { Cluster } from '../cluster.ts'
import type { TopicPartition } from './assignors/assignor.ts'
import type { Generation } from './group-member.ts'
import type { Committer, Membership, PartitionConsumption } from './partition-consumption.ts'

export interface CommitterHost {
  /** Partitions that this member owns. */
  owned(): Iterable<PartitionConsumption>
  /** The membership to commit under; waits while the group is between generations. */
  stableGeneration(): Promise<Generation>
}

export class GroupCommitter implements Committer {
  readonly #cluster: Cluster
  readonly groupId: string
  readonly #host: CommitterHost
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(cluster: Cluster, groupId: string, host: CommitterHost) {
    this.#cluster = cluster
    this.groupId = groupId
    this.#host = host
  }

  async membership(): Promise<Membership> {
    return { groupId: this.groupId, generation: await this.#host.stableGeneration() }
  }

  commitNow(): Promise<void> {
    if (!this.#running) return this.#start()
    this.#next ??= this.#running.then(
      () => this.#start(),
      () => this.#start(),
    )
    return this.#next
  }

  #start(): Promise<void> {
    this.#next = undefined
    this.#running = this.#commit().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #commit(): Promise<void> {
    if (this.#dirty().length === 0) return
    await this.#cluster.retrying(`commit offsets of group '${this.groupId}'`, {}, async (call) => {
      const generation = await this.#host.stableGeneration()
      const dirty = this.#dirty()
      const { ids, gone } = await lookUpTopics(
        this.#cluster,
        dirty.map(({ partition }) => partition),
      )
      const partitions = dirty.filter((one) => !this.#forgotten(one, gone))
      if (partitions.length === 0) return
      const nodeId = await this.#cluster.coordinator('group', this.groupId, call)
      const request = this.#request(generation, partitions, ids)
      const response = await this.#cluster.exchange(offsetCommit, request, { ...call, nodeId })
      let failure: KafkaError | undefined
      for (const { partition, offset } of partitions) {
        const answer = ofTopic(response.topics, partition.topic, ids)?.partitions.find(
          (candidate) => candidate.partitionIndex === partition.partition,
        )
        if (answer?.errorCode === 0) partition.committed = offset
        else {
          const error = errorFrom(answer?.errorCode ?? -1, {
            group: this.groupId,
            topic: partition.topic,
            partition: partition.partition,
          })
          if (error instanceof TopicNotFoundError) this.#cluster.invalidateTopic(partition.topic)
          failure ??= error
        }
      }
      if (failure) this.#refused(failure, generation)
    })
  }

  /** Of a topic that is not there any more there is nothing to come back to. */
  #forgotten(
    { partition, offset }: { partition: PartitionConsumption; offset: bigint },
    gone: ReadonlySet<string>,
  ): boolean {
    if (!gone.has(partition.topic)) return false
    partition.committed = offset
    const { topic, partition: index } = partition
    this.#cluster.runtime.logger.debug(
      { group: this.groupId, topic, partition: index },
      'the topic is gone, so its offsets are not committed',
    )
    return true
  }

  #refused(error: KafkaError, generation: Generation): never {
    if (coordinatorErrors.has(error.code)) this.#cluster.forgetCoordinator('group', this.groupId)
    if (!generationErrors.has(error.code)) throw error
    // The next try commits what is still owned, under the generation that follows.
    generation.expire()
    throw new KafkaError(error.message, { code: error.code, retriable: true, cause: error })
  }

  #dirty(): { partition: PartitionConsumption; offset: bigint }[] {
    const dirty: { partition: PartitionConsumption; offset: bigint }[] = []
    for (const partition of this.#host.owned()) {
      const offset = partition.committable
      if (offset !== undefined && offset > partition.committed && !partition.isLost)
        dirty.push({ partition, offset })
    }
    return dirty
  }

  #request(
    generation: Generation,
    partitions: readonly { partition: PartitionConsumption; offset: bigint }[],
    ids: TopicIds,
  ) {
    const byTopic = groupBy(partitions, ({ partition }) => partition.topic)
    return createOffsetCommitRequest({
      groupId: this.groupId,
      generationIdOrMemberEpoch: generation.generationId,
      memberId: generation.memberId,
      groupInstanceId: generation.groupInstanceId,
      topics: [...byTopic].map(([name, ofTopic]) =>
        createOffsetCommitRequestTopic({
          name,
          topicId: ids.get(name),
          partitions: ofTopic.map(({ partition, offset }) =>
            createOffsetCommitRequestPartition({
              partitionIndex: partition.partition,
              committedOffset: offset,
              committedLeaderEpoch: -1,
              committedMetadata: '',
            }),
          ),
        }),
      ),
    })
  }
}

const coordinatorErrors: ReadonlySet<string> = new Set([
  'NOT_COORDINATOR',
  'COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
])
const generationErrors: ReadonlySet<string> = new Set([
  'REBALANCE_IN_PROGRESS',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
])

/** The group's committed offset of each partition; undefined where there is none. */
export function fetchCommitted(
  cluster: Cluster,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<(bigint | undefined)[]> {
  return cluster.retrying(`fetch committed offsets of group '${groupId}'`, {}, async (call) => {
    const nodeId = await cluster.coordinator('group', groupId, call)
    const { ids } = await lookUpTopics(cluster, partitions)
    const request = (version: number) => toFetchCommitted(version, groupId, partitions, ids)
    const response = await cluster.exchange(offsetFetch, request, { ...call, nodeId })
    const { errorCode, topics } = response.groups[0] ?? response
    if (errorCode !== 0) {
      cluster.forgetCoordinator('group', groupId)
      throw errorFrom(errorCode, { group: groupId })
    }
    return partitions.map(({ topic, partition }) => {
      const found = ofTopic(topics, topic, ids)?.partitions.find(
        (candidate) => candidate.partitionIndex === partition,
      )
      if (found && found.errorCode !== 0)
        throw errorFrom(found.errorCode, { group: groupId, topic, partition })
      return found && found.committedOffset >= 0n ? found.committedOffset : undefined
    })
  })
}

/** Before v8 a request is about one group; before v7 the broker cannot be told to wait for transactions under way (KIP-447). */
function toFetchCommitted(
  version: number,
  groupId: string,
  partitions: readonly TopicPartition[],
  ids: TopicIds,
): OffsetFetchRequest {
  const topics = [...groupBy(partitions, ({ topic }) => topic)].map(([name, places]) => ({
    name,
    topicId: ids.get(name),
    partitionIndexes: places.map(({ partition }) => partition),
  }))
  if (version < 8) {
    return createOffsetFetchRequest({
      groupId,
      topics: topics.map((topic) => createOffsetFetchRequestTopic(topic)),
      requireStable: version >= 7,
    })
  }
  const group = {
    groupId,
    memberId: null,
    memberEpoch: -1,
    topics: topics.map((topic) => createOffsetFetchRequestTopics(topic)),
  }
  return createOffsetFetchRequest({
    groups: [createOffsetFetchRequestGroup(group)],
    requireStable: true,
  })
}

type TopicIds = ReadonlyMap<string, string>

/**
 * The topics' ids, for a request and its answer (what is known of a topic may be forgotten in between), and those of the
 * topics that the cluster says it has not.
 */
async function lookUpTopics(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
): Promise<{ ids: TopicIds; gone: ReadonlySet<string> }> {
  const ids = new Map<string, string>()
  const gone = new Set<string>()
  for (const { topic } of partitions) {
    if (ids.has(topic)) continue
    // One that cannot be looked up must not keep the others from their answers: the broker will say so.
    await cluster.ensureTopic(topic, { create: false }).catch((error: unknown) => {
      if (error instanceof TopicNotFoundError) gone.add(topic)
    })
    ids.set(topic, cluster.topicId(topic))
  }
  return { ids, gone }
}

/** What an answer says of a topic, which goes by its name or, in newer versions, by its id alone. */
function ofTopic<Answer extends { readonly name: string; readonly topicId?: string }>(
  topics: readonly Answer[],
  name: string,
  ids: TopicIds,
): Answer | undefined {
  return topics.find((answer) =>
    answer.name === '' ? answer.topicId === ids.get(name) : answer.name === name,
  )
}
