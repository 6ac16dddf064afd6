/** Requests for a server that has the topic `t`. */
import {
  createFetchRequest,
  createFetchRequestFetchPartition,
  createFetchRequestFetchTopic,
  type FetchRequest,
} from '../../src/protocol/messages/generated/fetch.ts'
import {
  createProduceRequest,
  createProduceRequestPartitionProduceData,
  createProduceRequestTopicProduceData,
  type ProduceRequest,
} from '../../src/protocol/messages/generated/produce.ts'
import { batch } from '../broker/test-broker.ts'

/** One batch for the first partition of a topic. */
export function toProduce(acks: number, topic = 't', records = batch('x')): ProduceRequest {
  return createProduceRequest({
    acks,
    timeoutMs: 10_000,
    topicData: [
      createProduceRequestTopicProduceData({
        name: topic,
        partitionData: [createProduceRequestPartitionProduceData({ index: 0, records })],
      }),
    ],
  })
}

/** From the first partition of the topic `t`, without a session. */
export function toFetch(
  maxWaitMs: number,
  fetchOffset = 0n,
  maxBytes = 50_000_000,
  minBytes = 1,
): FetchRequest {
  return createFetchRequest({
    replicaId: -1,
    maxWaitMs,
    minBytes,
    maxBytes,
    sessionEpoch: -1,
    topics: [
      createFetchRequestFetchTopic({
        topic: 't',
        partitions: [
          createFetchRequestFetchPartition({
            partition: 0,
            fetchOffset,
            partitionMaxBytes: maxBytes,
          }),
        ],
      }),
    ],
  })
}
