/**
 * The application in a crash simulation, and its memory of what the broker has promised: which records were
 * acknowledged, which were seen by a consumer, which offsets were committed. It outlives the broker's deaths.
 */
import type { Broker } from '../../src/broker/broker.ts'
import type { Api } from '../../src/protocol/api.ts'
import { errorName } from '../../src/protocol/error-codes.ts'
import {
  createCreateTopicsRequest,
  createCreateTopicsRequestCreatableTopic,
  createCreateTopicsRequestCreatableTopicConfig,
  createTopics,
} from '../../src/protocol/messages/generated/create-topics.ts'
import {
  createFetchRequest,
  createFetchRequestFetchPartition,
  createFetchRequestFetchTopic,
  fetch,
} from '../../src/protocol/messages/generated/fetch.ts'
import {
  createInitProducerIdRequest,
  initProducerId,
} from '../../src/protocol/messages/generated/init-producer-id.ts'
import {
  createOffsetCommitRequest,
  createOffsetCommitRequestPartition,
  createOffsetCommitRequestTopic,
  offsetCommit,
} from '../../src/protocol/messages/generated/offset-commit.ts'
import {
  createOffsetFetchRequest,
  createOffsetFetchRequestGroup,
  createOffsetFetchRequestTopics,
  offsetFetch,
} from '../../src/protocol/messages/generated/offset-fetch.ts'
import {
  createProduceRequest,
  createProduceRequestPartitionProduceData,
  createProduceRequestTopicProduceData,
  produce,
} from '../../src/protocol/messages/generated/produce.ts'
import { BatchBuilder } from '../../src/protocol/records/batch-builder.ts'
import { readBatches } from '../../src/protocol/records/record-batch.ts'
import { RecordCursor } from '../../src/protocol/records/record-reader.ts'

/** Versions in which topics are named, not identified: the ids are no part of what is checked here. */
const versions: ReadonlyMap<string, number> = new Map([
  ['Produce', 12],
  ['Fetch', 12],
  ['OffsetCommit', 9],
  ['OffsetFetch', 9],
  ['CreateTopics', 7],
  ['InitProducerId', 4],
])
const group = 'simulated'

export interface StoredRecord {
  readonly offset: bigint
  readonly key: string | null
  readonly value: string
}

/** A batch that was handed to the broker. */
export interface SentBatch {
  readonly topic: string
  readonly partition: number
  readonly key: string | null
  readonly values: readonly string[]
  readonly acks: 1 | -1
  readonly producer: number
  readonly sequence: number
  outcome: 'in flight' | 'acknowledged' | 'refused'
}

export class SimulatedClient {
  broker: Broker | undefined
  readonly sent: SentBatch[] = []
  /** What a consumer has read, by partition and offset. */
  readonly seen = new Map<string, Map<bigint, string>>()
  /** Offsets whose commit was acknowledged. */
  readonly committed = new Map<string, bigint>()
  readonly createdTopics = new Set<string>()
  /** Errors that reads were answered with. */
  readonly readErrors = new Set<string>()
  readonly #producerIds = new Map<number, bigint>()
  readonly #sequences = new Map<string, number>()
  #values = 0

  async createTopic(
    name: string,
    partitions: number,
    configs: { readonly [name: string]: string },
  ): Promise<void> {
    const topic = createCreateTopicsRequestCreatableTopic({
      name,
      numPartitions: partitions,
      replicationFactor: 1,
      configs: Object.entries(configs).map(([key, value]) =>
        createCreateTopicsRequestCreatableTopicConfig({ name: key, value }),
      ),
    })
    const response = await this.#ask(
      createTopics,
      createCreateTopicsRequest({ topics: [topic], timeoutMs: 1000 }),
    )
    const code = response?.topics[0]?.errorCode
    if (code === 0 || code === 36) this.createdTopics.add(name)
  }

  /** Producer 0 is not idempotent and sends with acks=1; the others are idempotent, with acks=all. */
  async produce(
    producer: number,
    topic: string,
    partition: number,
    count: number,
    key: string | null,
  ): Promise<void> {
    if (producer > 0 && !(await this.#identify(producer))) return
    const values = Array.from(
      { length: count },
      () => `${producer}:${String(this.#values++).padStart(6, '0')}`,
    )
    const place = `${producer}/${topic}-${partition}`
    const sequence = this.#sequences.get(place) ?? 0
    this.#sequences.set(place, sequence + count)
    const batch: SentBatch = {
      topic,
      partition,
      key,
      values,
      acks: producer === 0 ? 1 : -1,
      producer,
      sequence,
      outcome: 'in flight',
    }
    this.sent.push(batch)
    await this.#send(batch)
  }

  /** What every producer does when it has lost the broker: idempotent batches without an answer are sent again. */
  async resend(): Promise<string[]> {
    const problems: string[] = []
    for (const batch of this.sent) {
      if (batch.producer === 0 || batch.outcome === 'acknowledged') continue
      const code = await this.#send(batch)
      if (code !== 0) problems.push(`retry of ${batch.values[0]} was refused with error ${code}`)
    }
    return problems
  }

  /** Reads on from `from`; notes what it saw. Returns the next offset. */
  async consume(topic: string, partition: number, from: bigint): Promise<bigint> {
    const records = await this.#fetch(topic, partition, from)
    const seen = this.seen.get(`${topic}-${partition}`) ?? new Map<bigint, string>()
    this.seen.set(`${topic}-${partition}`, seen)
    for (const { offset, value } of records) seen.set(offset, value)
    return records.at(-1) ? records.at(-1)!.offset + 1n : from
  }

  async commit(topic: string, partition: number, offset: bigint): Promise<void> {
    const request = createOffsetCommitRequest({
      groupId: group,
      topics: [
        createOffsetCommitRequestTopic({
          name: topic,
          partitions: [
            createOffsetCommitRequestPartition({
              partitionIndex: partition,
              committedOffset: offset,
            }),
          ],
        }),
      ],
    })
    const response = await this.#ask(offsetCommit, request)
    if (response?.topics[0]?.partitions[0]?.errorCode === 0)
      this.committed.set(`${topic}-${partition}`, offset)
  }

  async fetchCommitted(topic: string, partition: number): Promise<bigint> {
    const topics = [createOffsetFetchRequestTopics({ name: topic, partitionIndexes: [partition] })]
    const request = createOffsetFetchRequest({
      groups: [createOffsetFetchRequestGroup({ groupId: group, topics })],
    })
    const response = await this.#ask(offsetFetch, request)
    return response?.groups[0]?.topics[0]?.partitions[0]?.committedOffset ?? -1n
  }

  /** Everything that is in a partition. */
  async readAll(topic: string, partition: number): Promise<StoredRecord[]> {
    const all: StoredRecord[] = []
    for (let from = 0n; ; ) {
      const records = await this.#fetch(topic, partition, from)
      if (records.length === 0) return all
      all.push(...records)
      from = records.at(-1)!.offset + 1n
    }
  }

  async #send(batch: SentBatch): Promise<number> {
    const builder = new BatchBuilder()
    for (const value of batch.values) builder.append(1_700_000_000_000, batch.key, value)
    const producerId = this.#producerIds.get(batch.producer) ?? -1n
    const records = builder.build(
      producerId < 0n ? {} : { producerId, producerEpoch: 0, baseSequence: batch.sequence },
    )
    const request = createProduceRequest({
      acks: batch.acks,
      timeoutMs: 30_000,
      topicData: [
        createProduceRequestTopicProduceData({
          name: batch.topic,
          partitionData: [
            createProduceRequestPartitionProduceData({ index: batch.partition, records }),
          ],
        }),
      ],
    })
    const response = await this.#ask(produce, request)
    const code = response?.responses[0]?.partitionResponses[0]?.errorCode ?? -1
    if (code === 0) batch.outcome = 'acknowledged'
    return code
  }

  async #fetch(topic: string, partition: number, from: bigint): Promise<StoredRecord[]> {
    const request = createFetchRequest({
      maxWaitMs: 0,
      minBytes: 0,
      topics: [
        createFetchRequestFetchTopic({
          topic,
          partitions: [
            createFetchRequestFetchPartition({
              partition,
              fetchOffset: from,
              partitionMaxBytes: 4096,
            }),
          ],
        }),
      ],
    })
    const response = await this.#ask(fetch, request)
    const answer = response?.responses[0]?.partitions[0]
    if (answer && answer.errorCode !== 0)
      this.readErrors.add(`${topic}-${partition} at ${from}: ${errorName(answer.errorCode)}`)
    const bytes = answer?.records
    if (!bytes) return []
    const records: StoredRecord[] = []
    for (const header of readBatches(bytes)) {
      const cursor = new RecordCursor(bytes, header)
      while (cursor.next()) {
        if (cursor.offset >= from)
          records.push({ offset: cursor.offset, key: cursor.keyText(), value: cursor.valueText()! })
      }
    }
    return records
  }

  async #identify(producer: number): Promise<boolean> {
    if (this.#producerIds.has(producer)) return true
    const response = await this.#ask(
      initProducerId,
      createInitProducerIdRequest({ transactionTimeoutMs: 60_000 }),
    )
    if (response?.errorCode !== 0) return false
    this.#producerIds.set(producer, response.producerId)
    return true
  }

  /** Undefined when the broker died on the way. */
  async #ask<Request, Response>(
    api: Api<Request, Response>,
    request: Request,
  ): Promise<Response | undefined> {
    const version = versions.get(api.name)!
    try {
      return await this.broker!.handle(api, request, {
        version,
        clientId: 'simulated',
        principal: 'User:simulated',
        host: 'simulated',
      })
    } catch {
      return undefined
    }
  }
}
