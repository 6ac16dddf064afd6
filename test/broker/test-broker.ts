/** A broker for tests, and short ways to say the requests that most tests need. */

import type { RequestContext } from '../../src/backend/request-context.ts'
import { Broker, type BrokerOptions } from '../../src/broker/broker.ts'
import type { Api } from '../../src/protocol/api.ts'
import { ByteReader } from '../../src/protocol/byte-reader.ts'
import { ByteWriter } from '../../src/protocol/byte-writer.ts'
import { errorName } from '../../src/protocol/error-codes.ts'
import {
  createCreateTopicsRequest,
  createCreateTopicsRequestCreatableTopic,
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
  type FetchRequest,
  type FetchResponsePartitionData,
  fetch,
} from '../../src/protocol/messages/generated/fetch.ts'
import {
  createIncrementalAlterConfigsRequest,
  createIncrementalAlterConfigsRequestAlterableConfig,
  createIncrementalAlterConfigsRequestAlterConfigsResource,
  incrementalAlterConfigs,
} from '../../src/protocol/messages/generated/incremental-alter-configs.ts'
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
  type ProduceResponsePartitionProduceResponse,
  produce,
} from '../../src/protocol/messages/generated/produce.ts'
import { BatchBuilder, type BuildOptions } from '../../src/protocol/records/batch-builder.ts'
import { readBatches } from '../../src/protocol/records/record-batch.ts'
import { RecordCursor } from '../../src/protocol/records/record-reader.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { FaultyFileSystem } from './faulty-file-system.ts'
import { ManualRuntime } from './manual-runtime.ts'
import { testContext } from './test-session.ts'

export interface TestBroker {
  readonly broker: Broker
  readonly runtime: ManualRuntime
  readonly fileSystem: FaultyFileSystem
  /** Both ways through the wire format, so what a version cannot carry is a failure. */
  ask<Q, R>(api: Api<Q, R>, request: Q, context?: Partial<RequestContext>): Promise<R>
  /** Closes the broker and opens another on the same files. */
  restart(): Promise<TestBroker>
}

export async function openTestBroker(
  options: Partial<BrokerOptions> & { runtime?: ManualRuntime; fileSystem?: FaultyFileSystem } = {},
): Promise<TestBroker> {
  const runtime = options.runtime ?? new ManualRuntime()
  const fileSystem = options.fileSystem ?? new FaultyFileSystem(createMemoryFileSystem())
  const broker = await Broker.open({ ...options, runtime, fileSystem })
  return {
    broker,
    runtime,
    fileSystem,
    async ask(api, request, context = {}) {
      const version = context.version ?? broker.servedApi(api.key)!.accepted.maxVersion
      const writer = new ByteWriter()
      api.encodeRequest(writer, request, version)
      const received = api.decodeRequest(new ByteReader(writer.finish()), version)
      const { response } = await broker.handle(api, received, {
        ...testContext(version),
        ...context,
      })
      const answer = new ByteWriter()
      api.encodeResponse(answer, response, version)
      return api.decodeResponse(new ByteReader(answer.finish()), version)
    },
    async restart() {
      await broker.close()
      return openTestBroker({ ...options, runtime, fileSystem })
    },
  }
}

/** A broker on the same files that finds no mark of an orderly close: another leader epoch begins. */
export async function afterUncleanStop(broker: TestBroker): Promise<TestBroker> {
  const { runtime, fileSystem } = broker
  await broker.broker.close()
  fileSystem.remove('.kafka_cleanshutdown')
  return openTestBroker({ runtime, fileSystem })
}

export async function createTopic(
  { ask }: TestBroker,
  name: string,
  numPartitions = 1,
  configs: { [name: string]: string } = {},
): Promise<string> {
  const response = await ask(
    createTopics,
    createCreateTopicsRequest({
      topics: [
        createCreateTopicsRequestCreatableTopic({
          name,
          numPartitions,
          replicationFactor: 1,
          configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
        }),
      ],
    }),
  )
  const [topic] = response.topics
  if (topic!.errorCode !== 0)
    throw new Error(`${errorName(topic!.errorCode)}: ${topic!.errorMessage}`)
  return topic!.topicId
}

export async function deleteTopic({ ask }: TestBroker, name: string): Promise<string> {
  const topics = [createDeleteTopicsRequestDeleteTopicState({ name })]
  const { responses } = await ask(deleteTopics, createDeleteTopicsRequest({ topics }))
  return errorName(responses[0]!.errorCode)
}

export function batch(...values: string[]): Uint8Array {
  const builder = new BatchBuilder()
  for (const value of values) builder.append(1_700_000_000_000, null, value)
  return builder.build()
}

/** A batch of one record for each key. */
export function createBatch(
  keys: readonly (string | null)[],
  options: BuildOptions = {},
): Uint8Array {
  const builder = new BatchBuilder()
  for (const key of keys) builder.append(1_700_000_000_000, key, 'v')
  return builder.build(options)
}

/** Sets one config of a topic. */
export async function setTopicConfig(
  { ask }: TestBroker,
  resourceName: string,
  name: string,
  value: string,
): Promise<void> {
  const resource = createIncrementalAlterConfigsRequestAlterConfigsResource({
    resourceType: 2,
    resourceName,
    configs: [createIncrementalAlterConfigsRequestAlterableConfig({ name, value })],
  })
  const request = createIncrementalAlterConfigsRequest({ resources: [resource] })
  const [answer] = (await ask(incrementalAlterConfigs, request)).responses
  if (answer!.errorCode !== 0) throw new Error(errorName(answer!.errorCode))
}

export interface ProduceOptions {
  readonly acks?: number
  readonly partition?: number
  readonly timeoutMs?: number
  readonly version?: number
}

/** Produces by topic name (v12) unless another version is given. */
export async function produceTo(
  { ask }: TestBroker,
  name: string,
  records: Uint8Array | null,
  { acks = -1, partition = 0, timeoutMs = 30_000, version = 12 }: ProduceOptions = {},
): Promise<ProduceResponsePartitionProduceResponse & { error: string }> {
  const request = createProduceRequest({
    acks,
    timeoutMs,
    topicData: [
      createProduceRequestTopicProduceData({
        name,
        partitionData: [createProduceRequestPartitionProduceData({ index: partition, records })],
      }),
    ],
  })
  const answer = (await ask(produce, request, { version })).responses[0]!.partitionResponses[0]!
  return { ...answer, error: errorName(answer.errorCode) }
}

export function fetchRequest(
  topic: string,
  partitions: readonly { partition?: number; fetchOffset?: bigint; partitionMaxBytes?: number }[],
  options: Partial<FetchRequest> = {},
): FetchRequest {
  return createFetchRequest({
    maxWaitMs: 0,
    minBytes: 1,
    topics: [
      createFetchRequestFetchTopic({
        topic,
        partitions: partitions.map((one) =>
          createFetchRequestFetchPartition({ partitionMaxBytes: 1_000_000, ...one }),
        ),
      }),
    ],
    ...options,
  })
}

/** Fetches one partition by topic name (v12). */
export async function fetchFrom(
  { ask }: TestBroker,
  topic: string,
  fetchOffset = 0n,
  options: Partial<FetchRequest> & { partition?: number; signal?: AbortSignal } = {},
): Promise<FetchResponsePartitionData & { error: string; values: string[] }> {
  const { partition = 0, signal, ...rest } = options
  const request = fetchRequest(topic, [{ partition, fetchOffset }], rest)
  const response = await ask(fetch, request, { version: 12, ...(signal && { signal }) })
  const answer = response.responses[0]!.partitions[0]!
  return { ...answer, error: errorName(answer.errorCode), values: valuesIn(answer.records) }
}

export function valuesIn(records: Uint8Array | null): string[] {
  const values: string[] = []
  for (const header of readBatches(records ?? new Uint8Array(0))) {
    const cursor = new RecordCursor(records!, header)
    while (cursor.next()) values.push(cursor.valueText() ?? '')
  }
  return values
}

/** The answer to one timestamp of ListOffsets. */
export async function offsetAt(
  { ask }: TestBroker,
  name: string,
  timestamp: bigint,
  options: { partition?: number; version?: number } = {},
) {
  const { partition: partitionIndex = 0, version = 11 } = options
  const request = createListOffsetsRequest({
    replicaId: -1,
    topics: [
      createListOffsetsRequestListOffsetsTopic({
        name,
        partitions: [createListOffsetsRequestListOffsetsPartition({ partitionIndex, timestamp })],
      }),
    ],
  })
  const answer = (await ask(listOffsets, request, { version })).topics[0]!.partitions[0]!
  return { ...answer, error: errorName(answer.errorCode) }
}

/** Metadata of the named topics; all when none is named. */
export async function metadataOf({ ask }: TestBroker, names: string[] | null, mayCreate = false) {
  const request = createMetadataRequest({
    topics: names?.map((name) => createMetadataRequestTopic({ name })) ?? null,
    allowAutoTopicCreation: mayCreate,
  })
  const response = await ask(metadata, request)
  return response.topics.map((topic) => ({ ...topic, error: errorName(topic.errorCode) }))
}

/** Commits an offset of partition 0 for group `g`, as a consumer that is no member. */
export async function commitOffset(
  { ask }: TestBroker,
  name: string,
  offset: bigint,
): Promise<string> {
  const partitions = [createOffsetCommitRequestPartition({ committedOffset: offset })]
  const topics = [createOffsetCommitRequestTopic({ name, partitions })]
  const request = createOffsetCommitRequest({ groupId: 'g', topics })
  const response = await ask(offsetCommit, request, { version: 9 })
  return errorName(response.topics[0]!.partitions[0]!.errorCode)
}

/** What group `g` has committed for partition 0; -1 for nothing. */
export async function committedOffset({ ask }: TestBroker, name: string): Promise<bigint> {
  const topics = [createOffsetFetchRequestTopics({ name, partitionIndexes: [0] })]
  const groups = [createOffsetFetchRequestGroup({ groupId: 'g', topics })]
  const response = await ask(offsetFetch, createOffsetFetchRequest({ groups }), { version: 9 })
  return response.groups[0]!.topics[0]!.partitions[0]!.committedOffset
}
