/**
 * A transactional producer for tests, which speaks one protocol or the other request by request: `classic` adds partitions
 * itself and keeps its epoch, `implicit` (KIP-890) has writes add them and gets a new epoch with every end.
 */
import { errorName } from '../../src/protocol/error-codes.ts'
import {
  addOffsetsToTxn,
  createAddOffsetsToTxnRequest,
} from '../../src/protocol/messages/generated/add-offsets-to-txn.ts'
import {
  addPartitionsToTxn,
  createAddPartitionsToTxnRequest,
  createAddPartitionsToTxnRequestAddPartitionsToTxnTopic,
  createAddPartitionsToTxnRequestAddPartitionsToTxnTransaction,
} from '../../src/protocol/messages/generated/add-partitions-to-txn.ts'
import { createEndTxnRequest, endTxn } from '../../src/protocol/messages/generated/end-txn.ts'
import {
  createInitProducerIdRequest,
  initProducerId,
} from '../../src/protocol/messages/generated/init-producer-id.ts'
import {
  createProduceRequest,
  createProduceRequestPartitionProduceData,
  createProduceRequestTopicProduceData,
  type ProduceRequest,
  produce,
} from '../../src/protocol/messages/generated/produce.ts'
import {
  createTxnOffsetCommitRequest,
  createTxnOffsetCommitRequestPartition,
  createTxnOffsetCommitRequestTopic,
  txnOffsetCommit,
} from '../../src/protocol/messages/generated/txn-offset-commit.ts'
import { BatchBuilder, type BuildOptions } from '../../src/protocol/records/batch-builder.ts'
import type { TestBroker } from './test-broker.ts'

export type Protocol = 'classic' | 'implicit'

/** Newest versions that belong to each protocol. */
const newest = {
  classic: { produce: 11, endTxn: 4, txnOffsetCommit: 4 },
  implicit: { produce: 12, endTxn: 5, txnOffsetCommit: 5 },
} as const

export interface SendOptions {
  readonly partition?: number
  readonly version?: number
  readonly batch?: BuildOptions
}

export interface OffsetOptions {
  readonly group?: string
  readonly partition?: number
  readonly version?: number
}

export class TransactionalProducer {
  readonly id: string
  readonly protocol: Protocol
  broker: TestBroker
  producerId = -1n
  producerEpoch = -1
  readonly #sequences = new Map<string, number>()

  constructor(broker: TestBroker, id: string, protocol: Protocol = 'implicit') {
    this.broker = broker
    this.id = id
    this.protocol = protocol
  }

  /** A producer that has its id and epoch. */
  static async open(
    broker: TestBroker,
    id: string,
    protocol: Protocol = 'implicit',
    timeoutMs?: number,
  ): Promise<TransactionalProducer> {
    const producer = new TransactionalProducer(broker, id, protocol)
    const error = await producer.init(timeoutMs)
    if (error !== 'NONE') throw new Error(`InitProducerId: ${error}`)
    return producer
  }

  async init(timeoutMs = 60_000, version = 5): Promise<string> {
    const request = createInitProducerIdRequest({
      transactionalId: this.id,
      transactionTimeoutMs: timeoutMs,
    })
    const answer = await this.broker.ask(initProducerId, request, { version })
    if (answer.errorCode === 0) this.#become(answer)
    return errorName(answer.errorCode)
  }

  /** Only the classic protocol needs it. */
  async add(topic: string, partitions = [0], version = 3): Promise<string[]> {
    const topics = [
      createAddPartitionsToTxnRequestAddPartitionsToTxnTopic({ name: topic, partitions }),
    ]
    const { producerId, producerEpoch, id: transactionalId } = this
    const request =
      version < 4
        ? createAddPartitionsToTxnRequest({
            v3AndBelowTransactionalId: transactionalId,
            v3AndBelowProducerId: producerId,
            v3AndBelowProducerEpoch: producerEpoch,
            v3AndBelowTopics: topics,
          })
        : createAddPartitionsToTxnRequest({
            transactions: [
              createAddPartitionsToTxnRequestAddPartitionsToTxnTransaction({
                transactionalId,
                producerId,
                producerEpoch,
                topics,
              }),
            ],
          })
    const answer = await this.broker.ask(addPartitionsToTxn, request, { version })
    const results =
      version < 4 ? answer.resultsByTopicV3AndBelow : answer.resultsByTransaction[0]!.topicResults
    return results[0]!.resultsByPartition.map((one) => errorName(one.partitionErrorCode))
  }

  /** One batch; adds its partition first where the protocol wants that. */
  async send(topic: string, ...values: string[]): Promise<string> {
    return this.sendTo(topic, values)
  }

  async sendTo(
    topic: string,
    values: readonly string[],
    options: SendOptions = {},
  ): Promise<string> {
    const { partition = 0 } = options
    if (this.protocol === 'classic') {
      const [error] = await this.add(topic, [partition])
      if (error !== 'NONE') return error!
    }
    return this.write(topic, values, options)
  }

  /** As `sendTo`, without the addition. */
  async write(
    topic: string,
    values: readonly string[],
    options: SendOptions = {},
  ): Promise<string> {
    const { version = newest[this.protocol].produce } = options
    const request = this.request(topic, values, options)
    const answer = await this.broker.ask(produce, request, { version })
    return errorName(answer.responses[0]!.partitionResponses[0]!.errorCode)
  }

  /** Takes the next sequence numbers. */
  request(
    topic: string,
    values: readonly string[],
    { partition = 0, batch }: SendOptions = {},
  ): ProduceRequest {
    const place = `${topic}-${partition}`
    const baseSequence = this.#sequences.get(place) ?? 0
    this.#sequences.set(place, baseSequence + values.length)
    const records = this.batch(values, { baseSequence, ...batch })
    const data = createProduceRequestPartitionProduceData({ index: partition, records })
    return createProduceRequest({
      transactionalId: this.id,
      acks: -1,
      timeoutMs: 30_000,
      topicData: [createProduceRequestTopicProduceData({ name: topic, partitionData: [data] })],
    })
  }

  batch(values: readonly string[], options: BuildOptions): Uint8Array {
    const { producerId, producerEpoch } = this
    const builder = new BatchBuilder()
    for (const value of values) builder.append(1_700_000_000_000, null, value)
    return builder.build({ producerId, producerEpoch, isTransactional: true, ...options })
  }

  /** An offset of partition 0 of a topic, for a group; adds the group first where the protocol wants that. */
  async commitOffset(
    topic: string,
    offset: bigint,
    { group = 'g', partition = 0, version }: OffsetOptions = {},
  ): Promise<string> {
    if (this.protocol === 'classic') {
      const error = await this.addOffsets(group)
      if (error !== 'NONE') return error
    }
    const one = createTxnOffsetCommitRequestPartition({
      partitionIndex: partition,
      committedOffset: offset,
    })
    const request = createTxnOffsetCommitRequest({
      transactionalId: this.id,
      groupId: group,
      producerId: this.producerId,
      producerEpoch: this.producerEpoch,
      topics: [createTxnOffsetCommitRequestTopic({ name: topic, partitions: [one] })],
    })
    const newestOne = newest[this.protocol].txnOffsetCommit
    const answer = await this.broker.ask(txnOffsetCommit, request, {
      version: version ?? newestOne,
    })
    return errorName(answer.topics[0]!.partitions[0]!.errorCode)
  }

  async addOffsets(groupId = 'g', version = 3): Promise<string> {
    const { producerId, producerEpoch, id: transactionalId } = this
    const request = createAddOffsetsToTxnRequest({
      transactionalId,
      producerId,
      producerEpoch,
      groupId,
    })
    return errorName((await this.broker.ask(addOffsetsToTxn, request, { version })).errorCode)
  }

  commit(version: number = newest[this.protocol].endTxn): Promise<string> {
    return this.end(true, version)
  }

  abort(version: number = newest[this.protocol].endTxn): Promise<string> {
    return this.end(false, version)
  }

  async end(committed: boolean, version: number = newest[this.protocol].endTxn): Promise<string> {
    const { producerId, producerEpoch, id: transactionalId } = this
    const request = createEndTxnRequest({ transactionalId, producerId, producerEpoch, committed })
    const answer = await this.broker.ask(endTxn, request, { version })
    if (answer.errorCode === 0 && version >= 5) this.#become(answer)
    return errorName(answer.errorCode)
  }

  #become(identity: { producerId: bigint; producerEpoch: number }): void {
    if (identity.producerId !== this.producerId || identity.producerEpoch !== this.producerEpoch)
      this.#sequences.clear()
    this.producerId = identity.producerId
    this.producerEpoch = identity.producerEpoch
  }
}
