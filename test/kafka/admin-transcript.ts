/**
 * What a broker answers to administrators, as text. Two brokers that behave alike give the same text: ids are left out,
 * lists are sorted where Apache Kafka gives them in the order of a hash table, and the words of errors are their own.
 */
import type { Api } from '../../src/protocol/api.ts'
import { errorName } from '../../src/protocol/error-codes.ts'
import {
  createCreateTopicsRequest,
  createCreateTopicsRequestCreatableTopic,
  createTopics,
} from '../../src/protocol/messages/generated/create-topics.ts'
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
import { zeroUuid } from '../../src/protocol/uuid.ts'
import { type Peer, until } from './peer.ts'

const leftOut = new Set([
  'throttleTimeMs',
  'errorMessage',
  'clusterId',
  'host',
  'port',
  // Of the folder and its disk.
  'logDir',
  'totalBytes',
  'usableBytes',
])

export class AdminTranscript {
  readonly lines: string[] = []
  readonly #peer: Peer

  constructor(peer: Peer) {
    this.#peer = peer
  }

  /** Asks, and notes the answer; in every version unless some are named. */
  async ask<Q, R>(
    label: string,
    api: Api<Q, R>,
    request: Q,
    options: { versions?: readonly number[]; isOrdered?: boolean } = {},
  ): Promise<R> {
    const { versions = [api.maxVersion], isOrdered = false } = options
    let answer: R | undefined
    for (const version of versions) {
      answer = await this.#peer.ask(api, request, version)
      const text = JSON.stringify(plain(answer, isOrdered))
      this.lines.push(`${api.name} v${version}, ${label}: ${text}`)
    }
    return answer!
  }

  async create(name: string, partitions = 1, configs: { [name: string]: string } = {}) {
    const topic = createCreateTopicsRequestCreatableTopic({
      name,
      numPartitions: partitions,
      replicationFactor: 1,
      configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
    })
    const request = createCreateTopicsRequest({ topics: [topic], timeoutMs: 30_000 })
    const { topics } = await this.#peer.ask(createTopics, request, createTopics.maxVersion)
    this.lines.push(`created ${name}: ${errorName(topics[0]!.errorCode)}`)
    const indexes = Array.from({ length: partitions }, (_, i) => i)
    const asked = createListOffsetsRequest({
      replicaId: -1,
      topics: [
        createListOffsetsRequestListOffsetsTopic({
          name,
          partitions: indexes.map((partitionIndex) =>
            createListOffsetsRequestListOffsetsPartition({ partitionIndex, timestamp: -1n }),
          ),
        }),
      ],
    })
    await until(async () => {
      const found = (await this.#peer.ask(listOffsets, asked, 7)).topics[0]!.partitions
      return found.every(({ errorCode }) => errorCode === 0)
    })
  }

  async produce(name: string, records: Uint8Array, index = 0): Promise<void> {
    const partitionData = [createProduceRequestPartitionProduceData({ index, records })]
    const topicData = [createProduceRequestTopicProduceData({ name, partitionData })]
    const request = createProduceRequest({ acks: -1, timeoutMs: 30_000, topicData })
    const { responses } = await this.#peer.ask(produce, request, 12)
    const { errorCode, baseOffset } = responses[0]!.partitionResponses[0]!
    this.lines.push(`produced to ${name}-${index}: ${errorName(errorCode)} ${baseOffset}`)
  }
}

function plain(value: unknown, isOrdered: boolean, key = ''): unknown {
  if (key === 'errorCode') return errorName(value as number)
  if (key === 'topicId') return value === zeroUuid ? 'none' : 'some'
  if (typeof value === 'bigint') return `${value}n`
  if (Array.isArray(value)) {
    const items = value.map((item) => plain(item, isOrdered))
    if (isOrdered) return items
    return items.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
  }
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => !leftOut.has(name))
      .map(([name, field]) => [name, plain(field, isOrdered, name)]),
  )
}
