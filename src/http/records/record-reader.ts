/**
 * Reads records of a topic from given places on, without a consumer: one fetch to each leader, and what they bring. Sees what
 * is committed, as a consumer does by default.
 */
import type { Cluster } from '../../client/cluster.ts'
import { FetchedRecords } from '../../client/consumer/fetched-records.ts'
import type { TopicInfo } from '../../client/topic-directory.ts'
import { groupBy } from '../../core/group-by.ts'
import { loadCodec } from '../../protocol/compression/codec.ts'
import { errorFrom } from '../../protocol/error-codes.ts'
import {
  createFetchRequest,
  createFetchRequestFetchPartition,
  createFetchRequestFetchTopic,
  type FetchResponsePartitionData,
  fetch,
} from '../../protocol/messages/generated/fetch.ts'
import { readBatches } from '../../protocol/records/record-batch.ts'
import { HttpError } from '../problem.ts'
import type { ReadRecord } from './record-json.ts'

export interface ReadLimits {
  readonly maxRecords: number
  /** Keys and values, unless the first record alone is longer. */
  readonly maxBytes: number
  /** How long to wait when there is nothing, milliseconds. */
  readonly waitMs: number
  readonly signal: AbortSignal
  /** Whether a record is wanted; default: all are. */
  readonly wants?: ((record: ReadRecord) => boolean) | undefined
}

/** What was read, and where to go on. */
export interface ReadResult {
  readonly records: readonly ReadRecord[]
  /** By partition; those that did not move are there, too. */
  readonly next: Map<number, bigint>
  /** Whether every partition was read to its end. */
  readonly isAtEnd: boolean
}

const fetchBytesMax = 8 * 1_048_576
const partitionBytesMax = 1_048_576
const graceMs = 10_000

export class RecordReader {
  readonly #cluster: Cluster
  readonly #topic: string
  readonly #lane: string
  /** The partition that is read first; it goes round, so that a full one does not starve the others. */
  #first = 0
  /** Of the topic that is read: another of the same name is another topic. */
  #topicId: string | undefined

  /** `topicId`: of the topic that the places are of; undefined: of the one that is there. */
  constructor(cluster: Cluster, topic: string, topicId?: string) {
    this.#cluster = cluster
    this.#topicId = topicId
    this.#topic = topic
    this.#lane = cluster.newLane()
  }

  /** Throws `TopicNotFoundError`, `OffsetOutOfRangeError`, `UnauthorizedError` and what the cluster answers. */
  async read(from: ReadonlyMap<number, bigint>, limits: ReadLimits): Promise<ReadResult> {
    const cluster = this.#cluster
    const taking = new Taking(this.#topic, from, limits)
    const { signal } = limits
    const data = await cluster.retrying(`read '${this.#topic}'`, { signal }, async () => {
      this.#check(await cluster.ensureTopic(this.#topic, { create: false }))
      return this.#fetchAll(from, limits)
    })
    const order = [...data].sort((a, b) => a.partitionIndex - b.partitionIndex)
    const start = Math.max(
      0,
      order.findIndex(({ partitionIndex }) => partitionIndex >= this.#first),
    )
    for (const one of [...order.slice(start), ...order.slice(0, start)]) await taking.take(one)
    this.#first = taking.lastPartition + 1
    return taking.result
  }

  #check({ id }: TopicInfo): void {
    this.#topicId ??= id
    if (this.#topicId === id) return
    throw new HttpError(410, `The topic '${this.#topic}' was deleted, and made anew; begin anew`, {
      code: 'CURSOR_OF_ANOTHER_TOPIC',
    })
  }

  release(): void {
    this.#cluster.releaseLane(this.#lane)
  }

  /** The first answer that has something ends the waits of the others. */
  async #fetchAll(
    from: ReadonlyMap<number, bigint>,
    limits: ReadLimits,
  ): Promise<FetchResponsePartitionData[]> {
    const byLeader = groupBy(from.keys(), (partition) =>
      this.#cluster.leaderOf(this.#topic, partition),
    )
    if (byLeader.size === 1) {
      const [[nodeId, partitions]] = [...byLeader] as [[number | undefined, number[]]]
      return this.#fetch(nodeId, partitions, from, limits, limits.waitMs, limits.signal)
    }
    const at = (waitMs: number, signal: AbortSignal) =>
      [...byLeader].map(([nodeId, partitions]) =>
        this.#fetch(nodeId, partitions, from, limits, waitMs, signal),
      )
    const now = (await Promise.all(at(0, limits.signal))).flat()
    if (limits.waitMs === 0 || now.some(hasRecords)) return now
    const others = new AbortController()
    const signal = AbortSignal.any([others.signal, limits.signal])
    try {
      return await Promise.race(at(limits.waitMs, signal))
    } finally {
      others.abort()
    }
  }

  async #fetch(
    nodeId: number | undefined,
    partitions: readonly number[],
    from: ReadonlyMap<number, bigint>,
    { maxBytes }: ReadLimits,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<FetchResponsePartitionData[]> {
    const topic = this.#topic
    const cluster = this.#cluster
    const topicId = cluster.topicId(topic)
    const request = createFetchRequest({
      ...{ replicaId: -1, maxWaitMs: waitMs, minBytes: 1, isolationLevel: 1 },
      maxBytes: Math.min(fetchBytesMax, Math.max(maxBytes, 65_536)),
      ...{ sessionId: 0, sessionEpoch: -1 },
      topics: [
        createFetchRequestFetchTopic({
          topic,
          topicId,
          partitions: partitions.map((partition) =>
            createFetchRequestFetchPartition({
              partition,
              fetchOffset: from.get(partition)!,
              ...{ currentLeaderEpoch: -1, lastFetchedEpoch: -1, logStartOffset: -1n },
              partitionMaxBytes: partitionBytesMax,
            }),
          ),
        }),
      ],
    })
    const response = await cluster.exchange(fetch, request, {
      nodeId,
      lane: this.#lane,
      signal,
      timeoutMs: waitMs + graceMs,
    })
    if (response.errorCode !== 0) throw errorFrom(response.errorCode, { topic })
    const data = response.responses.flatMap(({ partitions: found }) => found)
    for (const { errorCode, partitionIndex: partition } of data) {
      if (errorCode === 0) continue
      cluster.invalidateTopic(topic)
      throw errorFrom(errorCode, { topic, partition })
    }
    return data
  }
}

function hasRecords({ records }: FetchResponsePartitionData): boolean {
  return (records?.length ?? 0) > 0
}

/** Takes records out of what was fetched, up to the limits. */
class Taking {
  lastPartition = -1
  readonly #topic: string
  readonly #from: ReadonlyMap<number, bigint>
  readonly #limits: ReadLimits
  readonly #records: ReadRecord[] = []
  readonly #next: Map<number, bigint>
  #bytes = 0
  #isAtEnd = true

  constructor(topic: string, from: ReadonlyMap<number, bigint>, limits: ReadLimits) {
    this.#topic = topic
    this.#from = from
    this.#limits = limits
    this.#next = new Map(from)
  }

  get result(): ReadResult {
    return { records: this.#records, next: this.#next, isAtEnd: this.#isAtEnd }
  }

  get #isFull(): boolean {
    return this.#records.length >= this.#limits.maxRecords || this.#bytes >= this.#limits.maxBytes
  }

  async take(data: FetchResponsePartitionData): Promise<void> {
    const { partitionIndex: partition, records, lastStableOffset } = data
    const from = this.#from.get(partition)
    if (from === undefined) return
    if (!records || records.length === 0) {
      if (from < lastStableOffset) this.#isAtEnd = false
      return
    }
    for (const { compression } of readBatches(records))
      if (compression !== 'none') await loadCodec(compression)
    const fetched = new FetchedRecords(
      `${this.#topic}-${partition}`,
      records,
      from,
      data.abortedTransactions ?? [],
    )
    for (;;) {
      if (this.#isFull) {
        this.#isAtEnd = false
        return
      }
      if (!fetched.next()) break
      this.lastPartition = partition
      this.#takeOne(partition, fetched)
    }
    this.#next.set(partition, fetched.position > from ? fetched.position : from)
    if (fetched.position < lastStableOffset) this.#isAtEnd = false
  }

  #takeOne(partition: number, fetched: FetchedRecords): void {
    const cursor = fetched.cursor!
    const record: ReadRecord = {
      topic: this.#topic,
      partition,
      offset: fetched.position - 1n,
      timestampMs: cursor.timestampMs,
      key: cursor.keyBytes(),
      value: cursor.valueBytes(),
      headers: cursor.hasHeaders ? cursor.headers() : [],
    }
    this.#next.set(partition, fetched.position)
    const { wants } = this.#limits
    if (wants && !wants(record)) return
    this.#records.push(record)
    this.#bytes += (record.key?.length ?? 0) + (record.value?.length ?? 0)
  }
}
