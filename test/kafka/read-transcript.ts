/**
 * What a broker answers to a list of fetches and offset look-ups, as text. Two brokers that behave alike give the same
 * text: session ids, topic ids and leader epochs are numbered in the order in which they are seen.
 */
import { errorName } from '../../src/protocol/error-codes.ts'
import {
  createCreateTopicsRequest,
  createCreateTopicsRequestCreatableTopic,
  createTopics,
} from '../../src/protocol/messages/generated/create-topics.ts'
import {
  createDeleteRecordsRequest,
  createDeleteRecordsRequestDeleteRecordsPartition,
  createDeleteRecordsRequestDeleteRecordsTopic,
  deleteRecords,
} from '../../src/protocol/messages/generated/delete-records.ts'
import {
  createDeleteTopicsRequest,
  deleteTopics,
} from '../../src/protocol/messages/generated/delete-topics.ts'
import {
  createFetchRequest,
  createFetchRequestFetchPartition,
  createFetchRequestFetchTopic,
  createFetchRequestForgottenTopic,
  type FetchRequest,
  type FetchRequestFetchPartition,
  type FetchResponsePartitionData,
  fetch,
} from '../../src/protocol/messages/generated/fetch.ts'
import {
  createListOffsetsRequest,
  createListOffsetsRequestListOffsetsPartition,
  createListOffsetsRequestListOffsetsTopic,
  listOffsets,
} from '../../src/protocol/messages/generated/list-offsets.ts'
import {
  createProduceRequest,
  createProduceRequestPartitionProduceData,
  createProduceRequestTopicProduceData,
  produce,
} from '../../src/protocol/messages/generated/produce.ts'
import { BatchBuilder } from '../../src/protocol/records/batch-builder.ts'
import { valuesIn } from '../broker/test-broker.ts'
import { type Peer, until } from './peer.ts'

export type Want = readonly [
  topic: string,
  partition: number,
  offset?: bigint,
  fields?: Partial<FetchRequestFetchPartition>,
]

export interface Asked extends Partial<FetchRequest> {
  /** A session's number in this transcript, and the epoch. */
  readonly session?: readonly [session: number, epoch: number]
  readonly wants?: readonly Want[]
  readonly forgets?: readonly (readonly [topic: string, partition: number])[]
  readonly version?: number
}

export type LookUp = readonly [topic: string, partition: number, timestamp: bigint, epoch?: number]

/** A wait that nobody takes for an answer at once. */
export const waitMs = 1500
/** Timers may be early by a fraction. */
const waitedMs = 0.9 * waitMs
const noTopic = 'zzzzzzzzzzzzzzzzzzzzzA'

export class ReadTranscript {
  readonly lines: string[] = []
  readonly #peer: Peer
  readonly #version: number
  readonly #ids = new Map<string, string>()
  readonly #topicNames = new Map<string, string>()
  readonly #sessions = [0]
  readonly #epochs: number[] = [0]

  constructor(peer: Peer, version: number) {
    this.#peer = peer
    this.#version = version
  }

  async create(name: string, numPartitions: number): Promise<void> {
    const topic = { name, numPartitions, replicationFactor: 1 }
    const request = createCreateTopicsRequest({
      timeoutMs: 10_000,
      topics: [createCreateTopicsRequestCreatableTopic(topic)],
    })
    const [created] = (await this.#peer.ask(createTopics, request, 7)).topics
    if (created!.errorCode !== 0) throw new Error(`${name}: ${errorName(created!.errorCode)}`)
    this.#ids.set(name, created!.topicId)
    this.#topicNames.set(created!.topicId, name)
    await this.ready(name, numPartitions)
  }

  /** Waits until all partitions are led. */
  async ready(name: string, partitions: number): Promise<void> {
    const wanted = Array.from({ length: partitions }, (_, i): LookUp => [name, i, -2n])
    await until(async () => (await this.#offsets(wanted)).every(({ errorCode }) => errorCode === 0))
  }

  async remove(name: string): Promise<void> {
    const request = createDeleteTopicsRequest({ timeoutMs: 10_000, topicNames: [name] })
    await this.#peer.ask(deleteTopics, request, 5)
    const isGone = async () =>
      errorName((await this.#offsets([[name, 0, -2n]]))[0]!.errorCode) ===
      'UNKNOWN_TOPIC_OR_PARTITION'
    await until(isGone)
  }

  /** Another topic has the name; the transcript goes on with the old id, or with the new one. */
  async replace(name: string): Promise<{ useNew(): void }> {
    const old = this.#ids.get(name)!
    await this.create(name, 1)
    const successor = this.#ids.get(name)!
    this.#ids.set(name, old)
    return { useNew: () => this.#ids.set(name, successor) }
  }

  /** One batch; a number is the timestamp of a record. */
  async produce(name: string, index: number, ...values: (string | number)[]): Promise<void> {
    const builder = new BatchBuilder()
    for (const value of values) {
      builder.append(typeof value === 'number' ? value : 1_700_000_000_000, null, String(value))
    }
    const partition = createProduceRequestPartitionProduceData({ index, records: builder.build() })
    const topic = createProduceRequestTopicProduceData({ name, partitionData: [partition] })
    const request = createProduceRequest({ acks: -1, timeoutMs: 10_000, topicData: [topic] })
    const [answer] = (await this.#peer.ask(produce, request, 9)).responses[0]!.partitionResponses
    if (answer!.errorCode !== 0) throw new Error(`${name}: ${errorName(answer!.errorCode)}`)
  }

  async deleteRecords(name: string, partitionIndex: number, offset: bigint): Promise<void> {
    const partition = createDeleteRecordsRequestDeleteRecordsPartition({ partitionIndex, offset })
    const topic = createDeleteRecordsRequestDeleteRecordsTopic({ name, partitions: [partition] })
    const request = createDeleteRecordsRequest({ topics: [topic], timeoutMs: 10_000 })
    await this.#peer.ask(deleteRecords, request, 2)
  }

  /** Answers the session's number. */
  async fetch(label: string, asked: Asked): Promise<number> {
    const { session = [0, -1], wants = [], forgets = [], version = this.#version, ...rest } = asked
    const topics = wants.map(([topic, partition, fetchOffset = 0n, fields]) => {
      const one = { partition, fetchOffset, partitionMaxBytes: 1_000_000, ...fields }
      const partitions = [createFetchRequestFetchPartition(one)]
      return createFetchRequestFetchTopic({ ...this.#named(topic, version), partitions })
    })
    const request = createFetchRequest({
      minBytes: 1,
      sessionId: this.#sessions[session[0]]!,
      sessionEpoch: session[1],
      topics,
      forgottenTopicsData: forgets.map(([topic, partition]) =>
        createFetchRequestForgottenTopic({
          ...this.#named(topic, version),
          partitions: [partition],
        }),
      ),
      ...rest,
    })
    const start = performance.now()
    const response = await this.#peer.ask(fetch, request, version)
    const waited = performance.now() - start >= waitedMs ? ', after the wait' : ''
    const number = numberOf(response.sessionId, this.#sessions)
    this.lines.push(`${label}: ${errorName(response.errorCode)}, session ${number}${waited}`)
    for (const { topic, topicId, partitions } of response.responses) {
      const name = version >= 13 ? (this.#topicNames.get(topicId) ?? 'no topic') : topic
      for (const answer of partitions) this.lines.push(`  ${name}-${this.#describe(answer)}`)
    }
    for (const { nodeId } of response.nodeEndpoints) this.lines.push(`  node ${nodeId}`)
    return number
  }

  async lookUp(label: string, version: number, wanted: readonly LookUp[]): Promise<void> {
    const answers = await this.#offsets(wanted, version)
    const texts = answers.map(({ errorCode, offset, timestamp, leaderEpoch }) => {
      const epoch = leaderEpoch < 0 ? 'none' : numberOf(leaderEpoch, this.#epochs)
      return `${errorName(errorCode)} ${offset} ${timestamp} epoch ${epoch}`
    })
    this.lines.push(`${label}, v${version}: ${texts.join(' | ')}`)
  }

  /** The current leader epoch of a partition. */
  async epochOf(topic: string, partition: number): Promise<number> {
    return (await this.#offsets([[topic, partition, -1n]]))[0]!.leaderEpoch
  }

  async #offsets(wanted: readonly LookUp[], version = 9) {
    const topics = wanted.map(([name, partitionIndex, timestamp, currentLeaderEpoch = -1]) => {
      const one = { partitionIndex, timestamp, currentLeaderEpoch }
      const partitions = [createListOffsetsRequestListOffsetsPartition(one)]
      return createListOffsetsRequestListOffsetsTopic({ name, partitions })
    })
    const request = createListOffsetsRequest({ replicaId: -1, topics })
    const response = await this.#peer.ask(listOffsets, request, version)
    // In the order asked for; Apache Kafka puts a topic's partitions together, and errors first.
    return wanted.map(([name, index]) => {
      const answers = response.topics.filter((topic) => topic.name === name)
      const partitions = answers.flatMap((topic) => topic.partitions)
      return partitions.find(({ partitionIndex }) => partitionIndex === index)!
    })
  }

  #describe(answer: FetchResponsePartitionData): string {
    const { partitionIndex, errorCode, records, divergingEpoch, currentLeader } = answer
    const texts = [
      `${partitionIndex} ${errorName(errorCode)}`,
      `${answer.logStartOffset} to ${answer.lastStableOffset} to ${answer.highWatermark}`,
    ]
    if (divergingEpoch.epoch >= 0) {
      const epoch = numberOf(divergingEpoch.epoch, this.#epochs)
      texts.push(`epoch ${epoch} ends at ${divergingEpoch.endOffset}`)
    }
    if (currentLeader.leaderId >= 0) {
      const epoch = numberOf(currentLeader.leaderEpoch, this.#epochs)
      texts.push(`led by ${currentLeader.leaderId} in epoch ${epoch}`)
    }
    if (answer.preferredReadReplica >= 0) texts.push(`replica ${answer.preferredReadReplica}`)
    if (answer.abortedTransactions) texts.push('with aborted transactions')
    if (errorCode === 0) texts.push(valuesIn(records).join(' '))
    return texts.join(', ')
  }

  #named(topic: string, version: number): { topic: string } | { topicId: string } {
    return version >= 13 ? { topicId: this.#ids.get(topic) ?? noTopic } : { topic }
  }
}

/** Its place among the numbers seen so far. */
function numberOf(value: number, seen: number[]): number {
  if (!seen.includes(value)) seen.push(value)
  return seen.indexOf(value)
}
