/** Turns an `Offset` into the offsets it means in partitions now (ListOffsets), with one request to each leader. */
import { groupBy } from '../../core/group-by.ts'
import { errorFrom } from '../../protocol/error-codes.ts'
import {
  createListOffsetsRequest,
  createListOffsetsRequestListOffsetsPartition,
  createListOffsetsRequestListOffsetsTopic,
  listOffsets,
} from '../../protocol/messages/generated/list-offsets.ts'
import type { CallOptions, Cluster } from '../cluster.ts'
import type { TopicPartition } from './assignors/assignor.ts'
import type { Offset } from './offset.ts'

const latestTimestamp = -1n
const earliestTimestamp = -2n

export type Isolation = 'read_committed' | 'read_uncommitted'

export interface LookUpOptions {
  readonly isolation: Isolation
  /** Whether topics that are not there are created, where the broker does that. Default true. */
  readonly create?: boolean
  /** Default: those of any call. */
  readonly limits?: CallOptions
}

export async function lookUpOffset(
  cluster: Cluster,
  where: TopicPartition,
  offset: Offset,
  isolation: Isolation,
): Promise<bigint> {
  const [found] = await lookUpOffsets(cluster, [where], offset, { isolation })
  return found!
}

/** In the order of `partitions`. */
export async function lookUpOffsets(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  offset: Offset,
  options: LookUpOptions,
): Promise<bigint[]> {
  const look = (timestamp: bigint, wanted = partitions) =>
    new OffsetLookup(cluster, timestamp, options).of(wanted)
  if (offset.kind === 'at') return partitions.map(() => offset.offset)
  if (offset.kind === 'earliest') return look(earliestTimestamp)
  if (offset.kind === 'latest') return look(latestTimestamp)
  const found = await look(BigInt(offset.timestampMs))
  // Where no record is as late as that, it is the end.
  const later = partitions.filter((_, i) => found[i]! < 0n)
  const ends = later.length > 0 ? await look(latestTimestamp, later) : []
  return found.map((one) => (one < 0n ? ends.shift()! : one))
}

class OffsetLookup {
  readonly #cluster: Cluster
  readonly #timestamp: bigint
  readonly #options: LookUpOptions
  /** What has been found so far, by partition. */
  readonly #found = new Map<TopicPartition, bigint>()

  constructor(cluster: Cluster, timestamp: bigint, options: LookUpOptions) {
    this.#cluster = cluster
    this.#timestamp = timestamp
    this.#options = options
  }

  async of(partitions: readonly TopicPartition[]): Promise<bigint[]> {
    const [first] = partitions
    const what =
      partitions.length === 1
        ? `an offset of ${first!.topic}-${first!.partition}`
        : `offsets of ${partitions.length} partitions`
    await this.#cluster.retrying(`look up ${what}`, this.#options.limits ?? {}, (call) =>
      this.#askAll(
        partitions.filter((one) => !this.#found.has(one)),
        call,
      ),
    )
    return partitions.map((one) => this.#found.get(one)!)
  }

  async #askAll(partitions: readonly TopicPartition[], call: CallOptions): Promise<void> {
    const cluster = this.#cluster
    const { create = true } = this.#options
    const topics = partitions.map(({ topic }) => topic)
    await cluster.ensureTopics(topics, { create })
    const byLeader = groupBy(partitions, ({ topic, partition }) =>
      cluster.leaderOf(topic, partition),
    )
    const asked = [...byLeader].map(([nodeId, ofNode]) => this.#ask(ofNode, { ...call, nodeId }))
    // Each is waited for, so that none answers into the next try.
    for (const result of await Promise.allSettled(asked))
      if (result.status === 'rejected') throw result.reason
  }

  async #ask(
    partitions: readonly TopicPartition[],
    call: CallOptions & { nodeId: number | undefined },
  ): Promise<void> {
    const byTopic = groupBy(partitions, ({ topic }) => topic)
    const topics = [...byTopic].map(([name, ofTopic]) =>
      createListOffsetsRequestListOffsetsTopic({
        name,
        partitions: ofTopic.map(({ partition }) =>
          createListOffsetsRequestListOffsetsPartition({
            partitionIndex: partition,
            currentLeaderEpoch: -1,
            timestamp: this.#timestamp,
          }),
        ),
      }),
    )
    const isCommitted = this.#options.isolation === 'read_committed'
    // Before v2 there are no transactions to tell apart.
    const request = (version: number) =>
      createListOffsetsRequest({
        replicaId: -1,
        isolationLevel: isCommitted && version >= 2 ? 1 : 0,
        topics,
      })
    const response = await this.#cluster.exchange(listOffsets, request, call)
    const answers = new Map(
      response.topics.flatMap(({ name, partitions: ofTopic }) =>
        ofTopic.map((answer) => [`${answer.partitionIndex} ${name}`, answer] as const),
      ),
    )
    let refusal: Error | undefined
    for (const one of partitions) {
      const { topic, partition } = one
      const answer = answers.get(`${partition} ${topic}`)
      if (answer?.errorCode === 0) this.#found.set(one, answer.offset)
      else {
        this.#cluster.invalidateTopic(topic)
        refusal = errorFrom(answer?.errorCode ?? -1, { topic, partition })
      }
    }
    if (refusal) throw refusal
  }
}
