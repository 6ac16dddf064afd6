/**
 * One transactional id's talk with its coordinator (KIP-98, KIP-447, KIP-890): who the producer is, and where its
 * transaction stands.
 *
 *   new ──init──▶ ready ──first write──▶ begun ──commit, abort──▶ ready
 *                   ▲                      │
 *                   └───────── init ◀── broken: an end without an answer, an abort that failed
 *   any ──fenced──▶ dead
 *
 * With `transaction.version` 2 a write begins the transaction by itself and each end gives the producer its next epoch;
 * with brokers before that, partitions are added one by one, and after an abort a new epoch is asked for.
 */
import { KafkaError, ProducerFencedError } from '../../core/errors.ts'
import { groupBy } from '../../core/group-by.ts'
import { version as packageVersion } from '../../core/version.ts'
import type { Api } from '../../protocol/api.ts'
import { errorFrom } from '../../protocol/error-codes.ts'
import {
  addOffsetsToTxn,
  createAddOffsetsToTxnRequest,
} from '../../protocol/messages/generated/add-offsets-to-txn.ts'
import {
  addPartitionsToTxn,
  createAddPartitionsToTxnRequest,
  createAddPartitionsToTxnRequestAddPartitionsToTxnTopic,
} from '../../protocol/messages/generated/add-partitions-to-txn.ts'
import {
  apiVersions,
  createApiVersionsRequest,
} from '../../protocol/messages/generated/api-versions.ts'
import { createEndTxnRequest, endTxn } from '../../protocol/messages/generated/end-txn.ts'
import {
  createInitProducerIdRequest,
  initProducerId,
} from '../../protocol/messages/generated/init-producer-id.ts'
import {
  createTxnOffsetCommitRequest,
  createTxnOffsetCommitRequestPartition,
  createTxnOffsetCommitRequestTopic,
  txnOffsetCommit,
} from '../../protocol/messages/generated/txn-offset-commit.ts'
import type { CallOptions, Cluster } from '../cluster.ts'
import type { Membership } from '../consumer/partition-consumption.ts'
import { noIdentity, type ProducerIdentity } from '../producer/pending-batch.ts'
import type { ProducerIdentities, TransactionOfProducer } from '../producer/producer-identities.ts'

export interface PartitionOffset {
  readonly topic: string
  readonly partition: number
  /** Where the group goes on. */
  readonly offset: bigint
}

type TopicPartition = Pick<PartitionOffset, 'topic' | 'partition'>

/** Versions that brokers before `transaction.version` 2 must be spoken to with. */
const oldVersions = { produce: 11, addPartitions: 3, txnOffsetCommit: 4, endTxn: 4 }
const featureName = 'transaction.version'

export class TransactionSession implements ProducerIdentities, TransactionOfProducer {
  readonly transactionalId: string
  readonly #cluster: Cluster
  readonly #timeoutMs: number
  #identity: ProducerIdentity = noIdentity
  #isVersion2 = true
  #needsInit = true
  #isBegun = false
  #fenced: KafkaError | undefined
  /** Why the transaction can only be aborted. */
  #failure: KafkaError | undefined
  /** Partitions that are part of the transaction, or are being made so. */
  #joined = new Set<string>()
  #joining: Promise<void> = Promise.resolve()

  constructor(cluster: Cluster, transactionalId: string, timeoutMs: number) {
    this.#cluster = cluster
    this.transactionalId = transactionalId
    this.#timeoutMs = timeoutMs
  }

  /** Who the producer is; batches are marked with it. */
  get current(): ProducerIdentity {
    return this.#identity
  }

  get transaction(): TransactionOfProducer {
    return this
  }

  get produceVersionMax(): number | undefined {
    return this.#isVersion2 ? undefined : oldVersions.produce
  }

  /** Set once a newer producer has taken over: nothing can be done under this id any more. */
  get fenced(): KafkaError | undefined {
    return this.#fenced
  }

  /** Why the transaction under way cannot be committed; undefined when it can. */
  get failure(): KafkaError | undefined {
    return this.#fenced ?? this.#failure
  }

  /** Registers where that is needed, which ends what an earlier producer left. True when the producer has a new epoch. */
  async begin(): Promise<boolean> {
    if (this.#fenced) throw this.#fenced
    this.#failure = undefined
    if (!this.#needsInit) return false
    await this.#init()
    return true
  }

  acquire(): Promise<ProducerIdentity> {
    return Promise.resolve(this.#identity)
  }

  /** A partition lost track of its sequence: only an abort helps. */
  next(): Promise<ProducerIdentity> {
    return Promise.reject(this.failure ?? mustAbort('a record could not be stored in order'))
  }

  /** The broker does not accept the producer's epoch. */
  discard(): void {
    this.#fence()
  }

  /** Makes partitions part of the transaction before they are written to. */
  join(partitions: readonly TopicPartition[]): Promise<void> | undefined {
    this.#isBegun = true
    if (this.#isVersion2) return undefined
    const added = partitions.filter(
      ({ topic, partition }) => !this.#joined.has(`${topic}/${partition}`),
    )
    for (const { topic, partition } of added) this.#joined.add(`${topic}/${partition}`)
    if (added.length > 0) this.#joining = this.#joining.then(() => this.#addPartitions(added))
    return this.#joining
  }

  /** The transaction can only be aborted from now on. */
  failed(error: unknown): void {
    this.#failure ??=
      error instanceof KafkaError
        ? error
        : mustAbort(error instanceof Error ? error.message : String(error))
  }

  /** Commits offsets of a group as part of the transaction. */
  async commitOffsets({ groupId, generation }: Membership, offsets: readonly PartitionOffset[]) {
    if (!this.#isVersion2) await this.#addOffsets(groupId)
    this.#isBegun = true
    const topics = [...groupBy(offsets, ({ topic }) => topic)].map(([name, ofTopic]) =>
      createTxnOffsetCommitRequestTopic({
        name,
        partitions: ofTopic.map(({ partition, offset }) =>
          createTxnOffsetCommitRequestPartition({
            partitionIndex: partition,
            committedOffset: offset,
          }),
        ),
      }),
    )
    const request = (version: number) =>
      createTxnOffsetCommitRequest({
        ...this.#producer,
        groupId,
        ...(version >= 3 && {
          generationId: generation.generationId,
          memberId: generation.memberId,
          groupInstanceId: generation.groupInstanceId,
        }),
        topics,
      })
    const maxVersion = this.#isVersion2 ? undefined : oldVersions.txnOffsetCommit
    await this.#cluster.retrying(`add offsets of group '${groupId}'`, {}, async (call) => {
      const nodeId = await this.#cluster.coordinator('group', groupId, call)
      const options = { ...call, nodeId, maxVersion }
      const response = await this.#cluster.exchange(txnOffsetCommit, request, options)
      for (const { name: topic, partitions } of response.topics) {
        for (const { errorCode, partitionIndex: partition } of partitions) {
          if (errorCode === 0) continue
          const error = errorFrom(errorCode, { group: groupId, topic, partition })
          if (movedCoordinator.has(error.code)) this.#cluster.forgetCoordinator('group', groupId)
          throw this.#judged(error)
        }
      }
    })
  }

  /**
   * Ends the transaction. Resolves with true when the producer has a new epoch. An error whose `outcome` is `'unknown'`
   * leaves open whether it was committed; a fenced producer's is `ProducerFencedError`.
   */
  async end(isCommit: boolean): Promise<boolean> {
    if (this.#fenced) throw this.#fenced
    if (!this.#isBegun) return false
    const what = `${isCommit ? 'commit' : 'abort'} the transaction of '${this.transactionalId}'`
    const maxVersion = this.#isVersion2 ? undefined : oldVersions.endTxn
    const request = createEndTxnRequest({ ...this.#producer, committed: isCommit })
    // Until it is known how this ended, only a new registration is a sound beginning.
    this.#needsInit = true
    const { producerId, producerEpoch } = await this.#ask(
      what,
      endTxn,
      request,
      { timeoutMs: Math.max(this.#timeoutMs, this.#cluster.config.timeout), retries: Infinity },
      maxVersion,
    )
    this.#isBegun = false
    this.#joined.clear()
    this.#joining = Promise.resolve()
    if (this.#isVersion2) {
      this.#needsInit = false
      this.#identity = { producerId, producerEpoch }
      return true
    }
    // Batches that failed have used up sequence numbers: the next epoch begins anew.
    this.#needsInit = !isCommit
    return false
  }

  async #init(): Promise<void> {
    await this.#learnVersion()
    const request = createInitProducerIdRequest({
      transactionalId: this.transactionalId,
      transactionTimeoutMs: this.#timeoutMs,
    })
    const what = `register the producer '${this.transactionalId}'`
    const { producerId, producerEpoch } = await this.#ask(what, initProducerId, request, {
      retries: Infinity,
    })
    this.#identity = { producerId, producerEpoch }
    this.#needsInit = false
    this.#isBegun = false
    this.#joined.clear()
    this.#joining = Promise.resolve()
  }

  async #learnVersion(): Promise<void> {
    const request = createApiVersionsRequest({
      clientSoftwareName: 'kafka-do',
      clientSoftwareVersion: packageVersion,
    })
    const response = await this.#cluster.retrying('ask what the broker can do', {}, (call) =>
      this.#cluster.exchange(
        apiVersions,
        (version) => (version >= 3 ? request : createApiVersionsRequest()),
        call,
      ),
    )
    const feature = response.finalizedFeatures.find(({ name }) => name === featureName)
    this.#isVersion2 = (feature?.maxVersionLevel ?? 0) >= 2
  }

  async #addPartitions(partitions: readonly TopicPartition[]): Promise<void> {
    const { transactionalId, producerId, producerEpoch } = this.#producer
    const request = createAddPartitionsToTxnRequest({
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [...groupBy(partitions, ({ topic }) => topic)].map(([name, ofTopic]) =>
        createAddPartitionsToTxnRequestAddPartitionsToTxnTopic({
          name,
          partitions: ofTopic.map(({ partition }) => partition),
        }),
      ),
    })
    const firstError = (response: {
      resultsByTopicV3AndBelow: readonly {
        resultsByPartition: readonly { partitionErrorCode: number }[]
      }[]
    }) =>
      response.resultsByTopicV3AndBelow
        .flatMap(({ resultsByPartition }) => resultsByPartition)
        .find(({ partitionErrorCode }) => partitionErrorCode !== 0)?.partitionErrorCode ?? 0
    await this.#cluster.retrying('add partitions to the transaction', {}, async (call) => {
      const response = await this.#exchange(
        addPartitionsToTxn,
        request,
        call,
        oldVersions.addPartitions,
      )
      const errorCode = firstError(response)
      if (errorCode !== 0) throw this.#judged(errorFrom(errorCode))
    })
  }

  async #addOffsets(groupId: string): Promise<void> {
    const request = createAddOffsetsToTxnRequest({ ...this.#producer, groupId })
    this.#isBegun = true
    await this.#ask(`add group '${groupId}' to the transaction`, addOffsetsToTxn, request, {})
  }

  get #producer() {
    return { transactionalId: this.transactionalId, ...this.#identity }
  }

  /** One request to the coordinator, whose answer has one error code. */
  #ask<Request, Response extends { errorCode: number }>(
    what: string,
    api: Api<Request, Response>,
    request: Request,
    options: CallOptions,
    maxVersion?: number,
  ): Promise<Response> {
    return this.#cluster.retrying(what, options, async (call) => {
      const response = await this.#exchange(api, request, call, maxVersion)
      if (response.errorCode !== 0) {
        throw this.#judged(errorFrom(response.errorCode, { group: this.transactionalId }))
      }
      return response
    })
  }

  async #exchange<Request, Response>(
    api: Api<Request, Response>,
    request: Request,
    call: CallOptions,
    maxVersion?: number,
  ): Promise<Response> {
    const nodeId = await this.#cluster.coordinator('transaction', this.transactionalId, call)
    try {
      return await this.#cluster.exchange(api, request, { ...call, nodeId, maxVersion })
    } catch (error) {
      this.#cluster.forgetCoordinator('transaction', this.transactionalId)
      throw error
    }
  }

  #judged(error: KafkaError): KafkaError {
    if (movedCoordinator.has(error.code)) {
      this.#cluster.forgetCoordinator('transaction', this.transactionalId)
    }
    return fencing.has(error.code) ? this.#fence() : error
  }

  #fence(): KafkaError {
    this.#fenced ??= new ProducerFencedError(
      `The producer '${this.transactionalId}' was fenced: another with the same transactional id has taken over, or the transaction took longer than its timeout (${this.#timeoutMs} ms). What it wrote since the last commit is aborted; to take over again, make a new Client`,
      { code: 'PRODUCER_FENCED' },
    )
    return this.#fenced
  }
}

const fencing: ReadonlySet<string> = new Set([
  'PRODUCER_FENCED',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
])
const movedCoordinator: ReadonlySet<string> = new Set([
  'NOT_COORDINATOR',
  'COORDINATOR_NOT_AVAILABLE',
])

function mustAbort(why: string): KafkaError {
  return new KafkaError(`The transaction can only be aborted: ${why}`, {
    code: 'TRANSACTION_ABORTABLE',
  })
}
