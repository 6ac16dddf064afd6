/**
 * Commits a group's progress. One OffsetCommit is in flight at a time; callers that come meanwhile share the
 * next one, which carries everything that is committable by then.
 */
import { backoffDelay, delay } from '../../core/backoff.ts'
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
import type { Patience } from './patience.ts'

export interface CommitterHost {
  /** Partitions that this member owns. */
  owned(): Iterable<PartitionConsumption>
  /** The membership to commit under; waits while the group is between generations. */
  stableGeneration(): Promise<Generation>
  readonly patience: Patience
  /** The consumer is ending. */
  readonly closing: AbortSignal
}

/** Commits for a group's offsets only, without being its member. */
export const outsider: Generation = {
  generationId: -1,
  memberId: '',
  groupInstanceId: null,
  expire: () => undefined,
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

  async commitPatiently(): Promise<void> {
    const { patience, closing } = this.#host
    const { runtime, config } = this.#cluster
    const subject = {}
    try {
      for (let tries = 1; ; tries++) {
        try {
          return await this.commitNow()
        } catch (error) {
          if (closing.aborted || this.#cluster.closed.aborted) throw error
          const end = patience.judge(subject, error)
          if (end !== undefined) throw end
          const waitMs = backoffDelay(tries, { baseMs: config.retryBackoff, maxMs: 1000 }, runtime)
          await delay(runtime, waitMs, closing).catch(() => undefined)
        }
      }
    } finally {
      patience.forget(subject)
    }
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
      const places = partitions.map(({ partition, offset }) => {
        return { topic: partition.topic, partition: partition.partition, offset }
      })
      const request = toCommit(this.groupId, generation, places, ids)
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
      'the topic no longer exists, so its offsets are not committed',
    )
    return true
  }

  #refused(error: KafkaError, generation: Generation): never {
    if (coordinatorErrors.has(error.code)) this.#cluster.forgetCoordinator('group', this.groupId)
    if (!generationErrors.has(error.code)) throw error
    if (generation === outsider) {
      throw new KafkaError(
        `Group '${this.groupId}' has members that read, so only they can commit its offsets. A consumer that names its partitions needs a group of its own, or stop the members first (${error.message})`,
        { code: error.code, cause: error },
      )
    }
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

/** Commits given offsets, as the member that it is by then. `check` throws when it may not commit them any more. */
export async function commitOffsets(
  cluster: Cluster,
  wanted: {
    readonly offsets: readonly PlacedOffset[]
    membership(): Promise<Membership>
    check(): void
    readonly signal: AbortSignal
  },
): Promise<void> {
  const { offsets, signal } = wanted
  await cluster.retrying('commit offsets', { signal }, async (call) => {
    const { groupId, generation } = await wanted.membership()
    wanted.check()
    const nodeId = await cluster.coordinator('group', groupId, call)
    const { ids } = await lookUpTopics(cluster, offsets)
    const request = toCommit(groupId, generation, offsets, ids)
    const response = await cluster.exchange(offsetCommit, request, { ...call, nodeId })
    for (const { name: topic, partitions } of response.topics) {
      for (const { errorCode, partitionIndex: partition } of partitions) {
        if (errorCode === 0) continue
        const error = errorFrom(errorCode, { group: groupId, topic, partition })
        if (coordinatorErrors.has(error.code)) cluster.forgetCoordinator('group', groupId)
        if (!generationErrors.has(error.code)) throw error
        generation.expire()
        throw new KafkaError(error.message, { code: error.code, retriable: true, cause: error })
      }
    }
  })
}

interface PlacedOffset extends TopicPartition {
  readonly offset: bigint
  readonly metadata?: string
}

function toCommit(
  groupId: string,
  generation: Omit<Generation, 'expire'>,
  offsets: readonly PlacedOffset[],
  ids: TopicIds,
) {
  const byTopic = groupBy(offsets, ({ topic }) => topic)
  return createOffsetCommitRequest({
    groupId,
    generationIdOrMemberEpoch: generation.generationId,
    memberId: generation.memberId,
    groupInstanceId: generation.groupInstanceId,
    topics: [...byTopic].map(([name, places]) =>
      createOffsetCommitRequestTopic({
        name,
        topicId: ids.get(name),
        partitions: places.map(({ partition, offset, metadata }) =>
          createOffsetCommitRequestPartition({
            partitionIndex: partition,
            committedOffset: offset,
            committedLeaderEpoch: -1,
            committedMetadata: metadata ?? '',
          }),
        ),
      }),
    ),
  })
}

/** Where a group goes on, and what was kept beside that. */
export interface CommittedOffset {
  readonly offset: bigint
  readonly metadata: string
}

/** The group's committed offset of each partition; undefined where there is none. */
export async function fetchCommitted(
  cluster: Cluster,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<(bigint | undefined)[]> {
  const found = await fetchCommittedOffsets(cluster, groupId, partitions)
  return found.map((one) => one?.offset)
}

/** As `fetchCommitted`, with what was kept beside the offsets. Waits for transactions under way. */
export function fetchCommittedOffsets(
  cluster: Cluster,
  groupId: string,
  partitions: readonly TopicPartition[],
): Promise<(CommittedOffset | undefined)[]> {
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
      if (found && found.errorCode !== 0) {
        const error = errorFrom(found.errorCode, { group: groupId, topic, partition })
        // It may be another topic of this name by now.
        if (error instanceof TopicNotFoundError) cluster.invalidateTopic(topic)
        throw error
      }
      if (!found || found.committedOffset < 0n) return undefined
      return { offset: found.committedOffset, metadata: found.metadata ?? '' }
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
  const names = [...new Set(partitions.map(({ topic }) => topic))]
  const options = { create: false, absent: 'leave out' } as const
  // One that cannot be looked up must not keep the others from their answers: the broker will say so.
  const found = await cluster.ensureTopics(names, options).catch(() => undefined)
  const gone = new Set(found && names.filter((name) => !found.has(name)))
  const ids = new Map(names.map((name) => [name, cluster.topicId(name)]))
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
