/** Everything that a topic holds now, for assertions. */
import { FetchedRecords } from '../client/consumer/fetched-records.ts'
import { dateOf } from '../client/consumer/record.ts'
import {
  type RawHeaders,
  type RecordHeaders,
  readableHeaders,
} from '../client/consumer/record-headers.ts'
import type { Topic } from '../client/topic.ts'
import type { Connection } from '../connection/connection.ts'
import { loadCodec } from '../protocol/compression/codec.ts'
import { errorFrom } from '../protocol/error-codes.ts'
import {
  createFetchRequest,
  createFetchRequestFetchPartition,
  createFetchRequestFetchTopic,
  fetch,
} from '../protocol/messages/generated/fetch.ts'
import {
  createListOffsetsRequest,
  createListOffsetsRequestListOffsetsPartition,
  createListOffsetsRequestListOffsetsTopic,
  listOffsets,
} from '../protocol/messages/generated/list-offsets.ts'
import {
  createMetadataRequest,
  createMetadataRequestTopic,
  metadata,
} from '../protocol/messages/generated/metadata.ts'
import { readBatches } from '../protocol/records/record-batch.ts'

/** A record as it is stored. */
export interface StoredMessage<V = unknown, K = string> {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly key: K | null
  readonly value: V | null
  /** As text: as of a consumer's records. */
  readonly headers: RecordHeaders
  /** As they are stored. Not enumerable, so that it is ignored in comparisons. */
  readonly rawHeaders: RawHeaders
  readonly timestamp: Date
}

/** By partition and offset; what consumers that read committed records may see. Throws `TopicNotFoundError`. */
export async function readTopic<V, K>(
  connection: Connection,
  topic: Topic<V, K, never>,
): Promise<StoredMessage<V, K>[]> {
  const request = createMetadataRequest({
    topics: [createMetadataRequestTopic({ name: topic.name })],
    allowAutoTopicCreation: false,
  })
  const [found] = (await connection.exchange(metadata, request)).topics
  if (found?.errorCode !== 0) throw errorFrom(found?.errorCode ?? -1, { topic: topic.name })
  const messages: StoredMessage<V, K>[] = []
  for (let partition = 0; partition < found.partitions.length; partition++) {
    messages.push(...(await readPartition(connection, topic, found.topicId, partition)))
  }
  return messages
}

async function readPartition<V, K>(
  connection: Connection,
  topic: Topic<V, K, never>,
  topicId: string,
  partition: number,
): Promise<StoredMessage<V, K>[]> {
  const messages: StoredMessage<V, K>[] = []
  const end = await offsetAt(connection, topic.name, partition, -1n)
  for (let offset = await offsetAt(connection, topic.name, partition, -2n); offset < end; ) {
    const request = createFetchRequest({
      isolationLevel: 1,
      sessionEpoch: -1,
      maxBytes: 16_777_216,
      topics: [
        createFetchRequestFetchTopic({
          topic: topic.name,
          topicId,
          partitions: [
            createFetchRequestFetchPartition({
              partition,
              fetchOffset: offset,
              partitionMaxBytes: 16_777_216,
            }),
          ],
        }),
      ],
    })
    const data = (await connection.exchange(fetch, request)).responses[0]!.partitions[0]!
    if (data.errorCode !== 0) throw errorFrom(data.errorCode, { topic: topic.name, partition })
    // Behind the last stable offset nothing counts yet.
    if (!data.records || data.records.length === 0) break
    for (const batch of readBatches(data.records)) {
      offset = batch.lastOffset + 1n
      if (batch.compression !== 'none') await loadCodec(batch.compression)
    }
    const name = `${topic.name}-${partition}`
    const records = new FetchedRecords(name, data.records, 0n, data.abortedTransactions ?? [])
    while (records.next()) messages.push(toMessage(topic, partition, records))
  }
  return messages
}

function toMessage<V, K>(
  topic: Topic<V, K, never>,
  partition: number,
  records: FetchedRecords,
): StoredMessage<V, K> {
  const cursor = records.cursor!
  const key = cursor.keyBytes()
  const value = cursor.valueBytes()
  const rawHeaders = cursor.hasHeaders ? cursor.headers() : []
  const message = {
    topic: topic.name,
    partition,
    offset: cursor.offset,
    key: key && topic.key.deserialize(key),
    value: value && topic.value.deserialize(value),
    headers: readableHeaders(rawHeaders),
    timestamp: dateOf(cursor.timestampMs),
  }
  Object.defineProperty(message, 'rawHeaders', { value: rawHeaders })
  return message as typeof message & { readonly rawHeaders: RawHeaders }
}

async function offsetAt(
  connection: Connection,
  topic: string,
  partition: number,
  timestamp: bigint,
): Promise<bigint> {
  const request = createListOffsetsRequest({
    replicaId: -1,
    topics: [
      createListOffsetsRequestListOffsetsTopic({
        name: topic,
        partitions: [
          createListOffsetsRequestListOffsetsPartition({
            partitionIndex: partition,
            timestamp,
            currentLeaderEpoch: -1,
          }),
        ],
      }),
    ],
  })
  return (await connection.exchange(listOffsets, request)).topics[0]!.partitions[0]!.offset
}
