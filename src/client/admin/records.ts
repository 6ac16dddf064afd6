/** Deleting records (DeleteRecords, KIP-107). */

import { inspectBriefly } from '../../core/duration.ts'
import {
  KafkaError,
  OffsetOutOfRangeError,
  PartitionNotFoundError,
  withOutcome,
} from '../../core/errors.ts'
import { groupBy } from '../../core/group-by.ts'
import { printable } from '../../core/json.ts'
import { invalid, isPlainObject } from '../../core/options.ts'
import { errorFrom } from '../../protocol/error-codes.ts'
import {
  createDeleteRecordsRequest,
  createDeleteRecordsRequestDeleteRecordsPartition,
  createDeleteRecordsRequestDeleteRecordsTopic,
  deleteRecords as deleteRecordsApi,
} from '../../protocol/messages/generated/delete-records.ts'
import type { CallOptions, Cluster } from '../cluster.ts'
import { isOffset, Offset } from '../consumer/offset.ts'
import { lookUpOffset, lookUpOffsets } from '../consumer/offset-lookup.ts'
import { checkTopicName } from '../topic.ts'

/** By partition number: the first offset to keep. */
export interface RecordsToDelete {
  readonly [partition: number]: bigint | number | Offset
}

/** By partition number: where the partition begins now. */
export interface EarliestOffsets {
  readonly [partition: number]: bigint
}

/** For the broker: all that is there when it looks. */
const everything = -1n

export async function deleteRecords(
  cluster: Cluster,
  topic: string,
  before: RecordsToDelete,
): Promise<EarliestOffsets> {
  checkTopicName(topic)
  if (!isPlainObject(before)) {
    throw invalid(
      `deleteRecords takes an object of offsets by partition, such as { 0: 1000n }; got ${inspectBriefly(before)}`,
    )
  }
  const wanted = Object.entries(before).map(([partition, offset]) => toWanted(partition, offset))
  if (wanted.length === 0) return printable({})
  cluster.invalidateTopic(topic)
  const { partitions } = await cluster.ensureTopic(topic, { create: false })
  const missing = wanted.find(({ partition }) => partition >= partitions.length)
  if (missing) {
    throw new PartitionNotFoundError(
      `Topic '${topic}' has partitions 0 to ${partitions.length - 1}; there is no partition ${missing.partition}`,
      { code: 'UNKNOWN_TOPIC_OR_PARTITION' },
    )
  }
  const offsets = await Promise.all(
    wanted.map(async ({ partition, offset }) => {
      const before = await toOffset(cluster, { topic, partition }, offset)
      return [partition, before] as const
    }),
  )
  await checkAreThere(cluster, topic, offsets)
  return new Deletion(cluster, topic, new Map(offsets)).run()
}

function toWanted(key: string, offset: bigint | number | Offset) {
  if (!/^\d{1,9}$/.test(key)) throw invalid(`deleteRecords takes partition numbers; got '${key}'`)
  if (isOffset(offset)) return { partition: Number(key), offset }
  if (typeof offset === 'bigint' || typeof offset === 'number')
    return { partition: Number(key), offset: Offset.at(offset) }
  throw invalid(
    `deleteRecords takes an offset or an Offset for partition ${key}; got ${inspectBriefly(offset)}`,
  )
}

async function toOffset(
  cluster: Cluster,
  where: { topic: string; partition: number },
  offset: Offset,
): Promise<bigint> {
  if (offset.kind === 'latest') return everything
  return lookUpOffset(cluster, where, offset, 'read_uncommitted')
}

/** Each partition is asked for by itself: what one would refuse is found out before others have deleted theirs. */
async function checkAreThere(
  cluster: Cluster,
  topic: string,
  offsets: readonly (readonly [partition: number, before: bigint])[],
): Promise<void> {
  if (offsets.length < 2) return
  const places = offsets.map(([partition]) => ({ topic, partition }))
  const options = { isolation: 'read_uncommitted', create: false } as const
  const ends = await lookUpOffsets(cluster, places, Offset.latest, options)
  for (const [i, [partition, before]] of offsets.entries()) {
    if (before <= ends[i]!) continue
    throw new OffsetOutOfRangeError(
      `Partition ${partition} of '${topic}' ends at offset ${ends[i]}; records before ${before} cannot be deleted`,
      { code: 'OFFSET_OUT_OF_RANGE' },
    )
  }
}

/** One deletion, until every partition has been answered for. */
class Deletion {
  readonly #cluster: Cluster
  readonly #topic: string
  readonly #pending: Map<number, bigint>
  readonly #done: { [partition: number]: bigint } = {}

  constructor(cluster: Cluster, topic: string, offsets: Map<number, bigint>) {
    this.#cluster = cluster
    this.#topic = topic
    this.#pending = offsets
  }

  async run(): Promise<EarliestOffsets> {
    try {
      await this.#run()
    } catch (error) {
      const done = Object.keys(this.#done)
      if (done.length === 0 || !(error instanceof KafkaError)) throw error
      throw withOutcome(error, 'unknown', `done for partitions: ${done.join(', ')}`)
    }
    return printable(this.#done)
  }

  async #run(): Promise<void> {
    const cluster = this.#cluster
    await cluster.retrying(`delete records of '${this.#topic}'`, {}, async (call) => {
      await cluster.ensureTopic(this.#topic, { create: false })
      const byLeader = groupBy(this.#pending.keys(), (partition) =>
        cluster.leaderOf(this.#topic, partition),
      )
      const asked = [...byLeader].map(([nodeId, ofNode]) => this.#ask(ofNode, { ...call, nodeId }))
      // Each is waited for, so that none answers into the next try.
      for (const result of await Promise.allSettled(asked))
        if (result.status === 'rejected') throw result.reason
    })
  }

  async #ask(
    partitions: readonly number[],
    call: CallOptions & { nodeId: number | undefined },
  ): Promise<void> {
    const topic = this.#topic
    const request = createDeleteRecordsRequest({
      topics: [
        createDeleteRecordsRequestDeleteRecordsTopic({
          name: topic,
          partitions: partitions.map((partitionIndex) =>
            createDeleteRecordsRequestDeleteRecordsPartition({
              partitionIndex,
              offset: this.#pending.get(partitionIndex)!,
            }),
          ),
        }),
      ],
      timeoutMs: this.#cluster.config.timeout,
    })
    const response = await this.#cluster.exchange(deleteRecordsApi, request, call)
    const answers = response.topics.find(({ name }) => name === topic)?.partitions ?? []
    let refusal: Error | undefined
    for (const partition of partitions) {
      const answer = answers.find(({ partitionIndex }) => partitionIndex === partition)
      if (answer?.errorCode === 0) {
        this.#done[partition] = answer.lowWatermark
        this.#pending.delete(partition)
      } else {
        this.#cluster.invalidateTopic(topic)
        refusal = errorFrom(answer?.errorCode ?? -1, { topic, partition })
      }
    }
    if (refusal) throw refusal
  }
}
