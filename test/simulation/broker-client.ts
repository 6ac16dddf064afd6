/**
 * One application's requests to the broker of one life. A request gives undefined when the broker died before it
 * answered; whatever else goes wrong is an error code for the caller, or reported as a problem.
 */
import type { Broker } from '../../src/broker/broker.ts'
import type { Api } from '../../src/protocol/api.ts'
import { errorName } from '../../src/protocol/error-codes.ts'
import {
  createCreatePartitionsRequest,
  createCreatePartitionsRequestCreatePartitionsTopic,
  createPartitions,
} from '../../src/protocol/messages/generated/create-partitions.ts'
import {
  createCreateTopicsRequest,
  createCreateTopicsRequestCreatableTopic,
  createCreateTopicsRequestCreatableTopicConfig,
  createTopics,
} from '../../src/protocol/messages/generated/create-topics.ts'
import {
  createDeleteTopicsRequest,
  createDeleteTopicsRequestDeleteTopicState,
  deleteTopics,
} from '../../src/protocol/messages/generated/delete-topics.ts'
import {
  createFetchRequest,
  createFetchRequestFetchPartition,
  createFetchRequestFetchTopic,
  fetch,
} from '../../src/protocol/messages/generated/fetch.ts'
import {
  createIncrementalAlterConfigsRequest,
  createIncrementalAlterConfigsRequestAlterableConfig,
  createIncrementalAlterConfigsRequestAlterConfigsResource,
  incrementalAlterConfigs,
} from '../../src/protocol/messages/generated/incremental-alter-configs.ts'
import {
  createInitProducerIdRequest,
  initProducerId,
} from '../../src/protocol/messages/generated/init-producer-id.ts'
import {
  createListOffsetsRequest,
  createListOffsetsRequestListOffsetsPartition,
  createListOffsetsRequestListOffsetsTopic,
  listOffsets,
} from '../../src/protocol/messages/generated/list-offsets.ts'
import {
  createMetadataRequest,
  createMetadataRequestTopic,
  metadata,
} from '../../src/protocol/messages/generated/metadata.ts'
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
import { readBatches } from '../../src/protocol/records/record-batch.ts'
import { RecordCursor } from '../../src/protocol/records/record-reader.ts'
import { testContext } from '../broker/test-session.ts'
import type { SimulatedDisk } from './simulated-disk.ts'

/** Versions in which topics are named, not identified. */
const versions: ReadonlyMap<string, number> = new Map([
  ['Produce', 12],
  ['Fetch', 12],
  ['OffsetCommit', 9],
  ['OffsetFetch', 9],
])
const group = 'simulated'
const topicResource = 2

export interface StoredRecord {
  readonly offset: bigint
  readonly timestampMs: number
  readonly key: string | null
  readonly value: string | null
}

export interface Place {
  readonly topic: string
  readonly partition: number
}

export interface Answer {
  /** Kafka's name of the error; `NONE` when there is none. */
  readonly error: string
}

export interface Fetched extends Answer {
  readonly records: readonly StoredRecord[]
  /** Where to read on; the offset asked for when nothing came. */
  readonly nextOffset: bigint
  readonly logStartOffset: bigint
}

interface DescribedTopic {
  /** Undefined: it is not there. */
  readonly id: string | undefined
  readonly partitions: number
  readonly leaderEpochs: readonly number[]
}

export class BrokerClient {
  readonly #broker: Broker
  readonly #disk: SimulatedDisk
  readonly #onProblem: (problem: string) => void

  constructor(broker: Broker, disk: SimulatedDisk, onProblem: (problem: string) => void) {
    this.#broker = broker
    this.#disk = disk
    this.#onProblem = onProblem
  }

  async createTopic(
    name: string,
    numPartitions: number,
    settings: { readonly [name: string]: string },
  ): Promise<(Answer & { readonly id: string }) | undefined> {
    const configs = Object.entries(settings).map(([key, value]) =>
      createCreateTopicsRequestCreatableTopicConfig({ name: key, value }),
    )
    const topic = { name, numPartitions, replicationFactor: 1, configs }
    const response = await this.#ask(
      createTopics,
      createCreateTopicsRequest({ topics: [createCreateTopicsRequestCreatableTopic(topic)] }),
    )
    const answer = response?.topics[0]
    return answer && { error: errorName(answer.errorCode), id: answer.topicId }
  }

  async deleteTopic(name: string): Promise<Answer | undefined> {
    const topics = [createDeleteTopicsRequestDeleteTopicState({ name })]
    const response = await this.#ask(deleteTopics, createDeleteTopicsRequest({ topics }))
    return answerOf(response?.responses[0])
  }

  async createPartitions(name: string, count: number): Promise<Answer | undefined> {
    const topic = createCreatePartitionsRequestCreatePartitionsTopic({
      name,
      count,
      assignments: null,
    })
    const response = await this.#ask(
      createPartitions,
      createCreatePartitionsRequest({ topics: [topic] }),
    )
    return answerOf(response?.results[0])
  }

  async alterTopic(
    name: string,
    settings: { readonly [name: string]: string },
  ): Promise<Answer | undefined> {
    const resource = createIncrementalAlterConfigsRequestAlterConfigsResource({
      resourceType: topicResource,
      resourceName: name,
      configs: Object.entries(settings).map(([key, value]) =>
        createIncrementalAlterConfigsRequestAlterableConfig({ name: key, value }),
      ),
    })
    const response = await this.#ask(
      incrementalAlterConfigs,
      createIncrementalAlterConfigsRequest({ resources: [resource] }),
    )
    return answerOf(response?.responses[0])
  }

  /** The topic as the broker describes it; `id` is undefined when it does not exist. */
  async describeTopic(name: string): Promise<DescribedTopic | undefined> {
    const response = await this.#ask(
      metadata,
      createMetadataRequest({
        topics: [createMetadataRequestTopic({ name })],
        allowAutoTopicCreation: false,
      }),
    )
    const found = response?.topics[0]
    if (!found) return undefined
    return {
      id: found.errorCode === 0 ? found.topicId : undefined,
      partitions: found.partitions.length,
      leaderEpochs: found.partitions.map(({ leaderEpoch }) => leaderEpoch),
    }
  }

  async initProducer(): Promise<bigint | undefined> {
    const request = createInitProducerIdRequest({ transactionalId: null })
    const response = await this.#ask(initProducerId, request)
    return response?.errorCode === 0 ? response.producerId : undefined
  }

  async produce(
    { topic, partition }: Place,
    records: Uint8Array,
    acks: number,
  ): Promise<(Answer & { readonly baseOffset: bigint }) | undefined> {
    const data = createProduceRequestPartitionProduceData({ index: partition, records })
    const topicData = createProduceRequestTopicProduceData({ name: topic, partitionData: [data] })
    const response = await this.#ask(
      produce,
      createProduceRequest({
        transactionalId: null,
        acks,
        timeoutMs: 30_000,
        topicData: [topicData],
      }),
    )
    const answer = response?.responses[0]?.partitionResponses[0]
    return answer && { error: errorName(answer.errorCode), baseOffset: answer.baseOffset }
  }

  async fetch(
    { topic, partition }: Place,
    fetchOffset: bigint,
    partitionMaxBytes = 4096,
  ): Promise<Fetched | undefined> {
    const wanted = createFetchRequestFetchPartition({ partition, fetchOffset, partitionMaxBytes })
    const response = await this.#ask(
      fetch,
      createFetchRequest({
        maxWaitMs: 0,
        minBytes: 0,
        topics: [createFetchRequestFetchTopic({ topic, partitions: [wanted] })],
      }),
    )
    const answer = response?.responses[0]?.partitions[0]
    if (!answer) return undefined
    const { logStartOffset } = answer
    const { records, nextOffset } = read(answer.records ?? new Uint8Array(0), fetchOffset)
    return { error: errorName(answer.errorCode), records, nextOffset, logStartOffset }
  }

  /** The offset at a timestamp; -1n where there is none; -2n and -1n ask for the earliest and the latest. */
  async offsetAt({ topic, partition }: Place, timestamp: bigint): Promise<bigint | undefined> {
    const wanted = createListOffsetsRequestListOffsetsPartition({
      partitionIndex: partition,
      timestamp,
    })
    const response = await this.#ask(
      listOffsets,
      createListOffsetsRequest({
        replicaId: -1,
        topics: [createListOffsetsRequestListOffsetsTopic({ name: topic, partitions: [wanted] })],
      }),
    )
    const answer = response?.topics[0]?.partitions[0]
    if (answer && answer.errorCode !== 0)
      this.#onProblem(`ListOffsets of ${topic}-${partition}: ${errorName(answer.errorCode)}`)
    return answer?.offset
  }

  async commit({ topic, partition }: Place, committedOffset: bigint): Promise<Answer | undefined> {
    const one = createOffsetCommitRequestPartition({ partitionIndex: partition, committedOffset })
    const response = await this.#ask(
      offsetCommit,
      createOffsetCommitRequest({
        groupId: group,
        topics: [createOffsetCommitRequestTopic({ name: topic, partitions: [one] })],
      }),
    )
    return answerOf(response?.topics[0]?.partitions[0])
  }

  /** -1n where nothing is committed. */
  async committed({ topic, partition }: Place): Promise<bigint | undefined> {
    const topics = [createOffsetFetchRequestTopics({ name: topic, partitionIndexes: [partition] })]
    const groups = [createOffsetFetchRequestGroup({ groupId: group, topics })]
    const response = await this.#ask(offsetFetch, createOffsetFetchRequest({ groups }))
    return response?.groups[0]?.topics[0]?.partitions[0]?.committedOffset
  }

  /** What is answered after the death has not been heard by anyone. */
  async #ask<Request, Response>(
    api: Api<Request, Response>,
    request: Request,
  ): Promise<Response | undefined> {
    const version = versions.get(api.name) ?? this.#broker.servedApi(api.key)!.accepted.maxVersion
    const context = testContext(version, 'simulated')
    try {
      const { response } = await this.#broker.handle(api, request, context)
      return this.#disk.isDead ? undefined : response
    } catch (error) {
      if (!this.#disk.isDead) this.#onProblem(`${api.name} failed: ${String(error)}`)
      return undefined
    }
  }
}

function answerOf(answer: { readonly errorCode: number } | undefined): Answer | undefined {
  return answer && { error: errorName(answer.errorCode) }
}

function read(
  bytes: Uint8Array,
  fetchOffset: bigint,
): { records: StoredRecord[]; nextOffset: bigint } {
  const records: StoredRecord[] = []
  let nextOffset = fetchOffset
  for (const header of readBatches(bytes)) {
    nextOffset = header.lastOffset + 1n
    const cursor = new RecordCursor(bytes, header)
    while (cursor.next()) {
      const { offset, timestampMs } = cursor
      if (offset < fetchOffset) continue
      records.push({ offset, timestampMs, key: cursor.keyText(), value: cursor.valueText() })
    }
  }
  return { records, nextOffset }
}
