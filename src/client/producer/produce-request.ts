/** Batches of several partitions as one Produce request, and which part of its answer is whose. */

import { groupBy } from '../../core/group-by.ts'
import type { Codec } from '../../protocol/compression/codec.ts'
import {
  createProduceRequest,
  createProduceRequestPartitionProduceData,
  createProduceRequestTopicProduceData,
  type ProduceRequest,
  type ProduceResponse,
  type ProduceResponsePartitionProduceResponse,
} from '../../protocol/messages/generated/produce.ts'
import type { QueuedBatch } from './partition-queue.ts'
import type { TopicQueues } from './topic-queues.ts'

interface RequestOptions {
  readonly topics: TopicQueues
  readonly codec: Codec | undefined
  readonly acks: 'all' | 1 | 0
  readonly timeoutMs: number
  /** Undefined: no transaction. */
  readonly transactionalId: string | undefined
}

export function produceRequest(
  batches: readonly QueuedBatch[],
  { topics, codec, acks, timeoutMs, transactionalId }: RequestOptions,
): ProduceRequest {
  const isTransactional = transactionalId !== undefined
  const byTopic = groupBy(batches, (batch) => batch.queue.topic)
  return createProduceRequest({
    transactionalId: transactionalId ?? null,
    acks: acks === 'all' ? -1 : acks,
    timeoutMs,
    topicData: [...byTopic].map(([name, ofTopic]) =>
      createProduceRequestTopicProduceData({
        name,
        topicId: topics.get(name)!.id,
        partitionData: ofTopic.map((batch) =>
          createProduceRequestPartitionProduceData({
            index: batch.queue.partition,
            records: batch.encode(codec, batch.queue.identity, isTransactional),
          }),
        ),
      }),
    ),
  })
}

/** The answer to `batch`; undefined when the broker left it out. */
export function answerTo(
  { queue: { topic, partition } }: QueuedBatch,
  { responses }: ProduceResponse,
  topics: TopicQueues,
): ProduceResponsePartitionProduceResponse | undefined {
  const id = topics.get(topic)!.id
  const ofTopic = responses.find(
    ({ name, topicId }) => name === topic || (name === '' && topicId === id),
  )
  return ofTopic?.partitionResponses.find(({ index }) => index === partition)
}

/** A request holds one batch per partition; this keeps it near the size limit too. */
export function splitBySize(batches: readonly QueuedBatch[], bytesMax: number): QueuedBatch[][] {
  const parts: QueuedBatch[][] = []
  let size = Number.POSITIVE_INFINITY
  for (const batch of batches) {
    if (size + batch.sizeInBytes > bytesMax) {
      parts.push([])
      size = 0
    }
    parts.at(-1)!.push(batch)
    size += batch.sizeInBytes
  }
  return parts
}
