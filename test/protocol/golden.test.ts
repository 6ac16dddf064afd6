/**
 * Bytes that Kafka's own Java client (kafka-clients 4.3.1) wrote for the messages below, in several versions. Made by a
 * program that set the same fields and printed what `ApiMessage.write` gave.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Api } from '../../src/protocol/api.ts'
import { ByteReader } from '../../src/protocol/byte-reader.ts'
import { ByteWriter } from '../../src/protocol/byte-writer.ts'
import {
  apiVersions,
  createApiVersionsRequest,
} from '../../src/protocol/messages/generated/api-versions.ts'
import {
  createCreateTopicsRequest,
  createCreateTopicsRequestCreatableTopic,
  createTopics,
} from '../../src/protocol/messages/generated/create-topics.ts'
import {
  createFetchRequest,
  createFetchRequestFetchPartition,
  createFetchRequestFetchTopic,
  createFetchResponse,
  createFetchResponseFetchableTopicResponse,
  createFetchResponsePartitionData,
  fetch,
} from '../../src/protocol/messages/generated/fetch.ts'
import {
  createInitProducerIdRequest,
  initProducerId,
} from '../../src/protocol/messages/generated/init-producer-id.ts'
import {
  createJoinGroupRequest,
  joinGroup,
} from '../../src/protocol/messages/generated/join-group.ts'
import {
  createListOffsetsRequest,
  createListOffsetsRequestListOffsetsPartition,
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
  createProduceRequest,
  createProduceRequestTopicProduceData,
  produce,
} from '../../src/protocol/messages/generated/produce.ts'
import { zeroUuid } from '../../src/protocol/uuid.ts'

const golden = JSON.parse(
  readFileSync(new URL('golden/messages.json', import.meta.url), 'utf8'),
) as {
  readonly [name: string]: string
}
const id = 'AAECAwQFBgcICQoLDA0ODw'

/** The same content in our words, by message and version. */
const messages: {
  readonly [name: string]: { api: Api<never, never>; make: (version: number) => unknown }
} = {
  ApiVersionsRequest: {
    api: apiVersions as never,
    make: (v) =>
      createApiVersionsRequest(
        v >= 3 ? { clientSoftwareName: 'kafka-do', clientSoftwareVersion: '1.0' } : {},
      ),
  },
  MetadataRequest: {
    api: metadata as never,
    make: (v) =>
      createMetadataRequest({
        topics: [createMetadataRequestTopic({ name: 'orders', topicId: v >= 10 ? id : zeroUuid })],
        allowAutoTopicCreation: false,
      }),
  },
  ProduceRequest: {
    api: produce as never,
    make: (v) =>
      createProduceRequest({
        acks: -1,
        timeoutMs: 1500,
        topicData: [
          createProduceRequestTopicProduceData({
            ...(v >= 13 ? { topicId: id } : { name: 'orders' }),
            partitionData: [{ index: 2, records: new Uint8Array([1, 2, 3]) }],
          }),
        ],
      }),
  },
  FetchRequest: {
    api: fetch as never,
    make: (v) =>
      createFetchRequest({
        maxWaitMs: 500,
        minBytes: 1,
        maxBytes: 1000,
        isolationLevel: 1,
        topics: [
          createFetchRequestFetchTopic({
            ...(v >= 13 ? { topicId: id } : { topic: 'orders' }),
            partitions: [
              createFetchRequestFetchPartition({
                partition: 1,
                fetchOffset: 42n,
                partitionMaxBytes: 99,
              }),
            ],
          }),
        ],
      }),
  },
  JoinGroupRequest: {
    api: joinGroup as never,
    make: (v) =>
      createJoinGroupRequest({
        groupId: 'g',
        sessionTimeoutMs: 1000,
        memberId: 'm',
        protocolType: 'consumer',
        ...(v >= 1 && { rebalanceTimeoutMs: 2000 }),
        ...(v >= 5 && { groupInstanceId: 'i' }),
        protocols: [{ name: 'range', metadata: new Uint8Array([7, 8]) }],
        ...(v >= 8 && { reason: 'why' }),
      }),
  },
  OffsetCommitRequest: {
    api: offsetCommit as never,
    make: () =>
      createOffsetCommitRequest({
        groupId: 'g',
        generationIdOrMemberEpoch: 3,
        memberId: 'm',
        topics: [
          createOffsetCommitRequestTopic({
            name: 'orders',
            partitions: [
              createOffsetCommitRequestPartition({
                partitionIndex: 1,
                committedOffset: 77n,
                committedMetadata: 'x',
              }),
            ],
          }),
        ],
      }),
  },
  ListOffsetsRequest: {
    api: listOffsets as never,
    make: () =>
      createListOffsetsRequest({
        replicaId: -1,
        topics: [
          {
            name: 'orders',
            partitions: [
              createListOffsetsRequestListOffsetsPartition({ partitionIndex: 4, timestamp: -2n }),
            ],
          },
        ],
      }),
  },
  CreateTopicsRequest: {
    api: createTopics as never,
    make: () =>
      createCreateTopicsRequest({
        timeoutMs: 5000,
        topics: [
          createCreateTopicsRequestCreatableTopic({
            name: 'orders',
            numPartitions: 3,
            replicationFactor: 1,
            configs: [{ name: 'cleanup.policy', value: 'compact' }],
          }),
        ],
      }),
  },
  InitProducerIdRequest: {
    api: initProducerId as never,
    make: (v) =>
      createInitProducerIdRequest({
        transactionalId: null,
        transactionTimeoutMs: 60_000,
        ...(v >= 3 && { producerId: 9n, producerEpoch: 2 }),
      }),
  },
  FetchResponse: {
    api: fetch as never,
    make: (v) =>
      createFetchResponse({
        throttleTimeMs: 1,
        responses: [
          createFetchResponseFetchableTopicResponse({
            ...(v >= 13 ? { topicId: id } : { topic: 'orders' }),
            partitions: [
              createFetchResponsePartitionData({
                partitionIndex: 1,
                highWatermark: 100n,
                lastStableOffset: 90n,
                abortedTransactions: [{ producerId: 5n, firstOffset: 80n }],
                records: new Uint8Array([9, 9]),
              }),
            ],
          }),
        ],
      }),
  },
}

test.each(Object.entries(golden))('%s', (name, hex) => {
  const [message, versionText] = name.split(' v')
  const version = Number(versionText)
  const { api, make } = messages[message!]!
  const isRequest = message!.endsWith('Request')
  const bytes = Buffer.from(hex, 'hex')
  const decoded: unknown = isRequest
    ? api.decodeRequest(new ByteReader(bytes), version)
    : api.decodeResponse(new ByteReader(bytes), version)
  const written = (content: unknown) => {
    const writer = new ByteWriter()
    if (isRequest) api.encodeRequest(writer, content as never, version)
    else api.encodeResponse(writer, content as never, version)
    return Buffer.from(writer.finish()).toString('hex')
  }
  expect(written(decoded)).toBe(hex)
  expect(written(make(version))).toBe(hex)
})
