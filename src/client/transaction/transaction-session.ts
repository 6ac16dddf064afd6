/**
 * One transactional id's talk with its coordinator (KIP-98, KIP-447, KIP-890): who the producer is, and where its
 * transaction stands.
 *
 *   new ──init──▶ ready ──first write──▶ begun ──commit, abort──▶ ready
 *                   ▲                      │
 *                   └───────── init ◀── broken: an end without an answer, an abort that failed
 *   any ──fenced──▶ dead
 *
 * Whether a commit came about is known only from its answer. When one request may have been carried out unheard, no
 * later refusal proves that it was not: the outcome is unknown.
 *
 * With `transaction.version` 2 a write begins the transaction by itself and each end gives the producer its next epoch;
 * with brokers before that, partitions are added one by one, and after an abort a new epoch is asked for.
 */
import { KafkaError, ProducerFencedError, withOutcome } from '../../core/errors.ts'
import { groupBy } from '../../core/group-by.ts'
import { version as packageVersion } from '../../core/version.ts'
import { resolvesWithin } from '../../core/within.ts'
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
import type { CallOptions, Cluster } from '../cluster.ts'
import { noIdentity, type ProducerIdentity } from '../producer/pending-batch.ts'
import type { ProducerIdentities, TransactionOfProducer } from '../producer/producer-identities.ts'
import {
  movedCoordinator,
  type OffsetCommit,
  OffsetCommits,
  type PartitionOffset,
} from './offset-commits.ts'

type TopicPartition = Pick<PartitionOffset, 'topic' | 'partition'>

/** Versions that brokers before `transaction.version` 2 must be spoken to with. */
const oldVersions = { produce: 11, addPartitions: 3, txnOffsetCommit: 4, endTxn: 4 }
const featureName = 'transaction.version'
/** How long an abort waits for offsets that were sent, milliseconds. */
const landingMs = 1000

export interface SessionOptions {
  readonly transactionalId: string
  /** After so many milliseconds the broker aborts a transaction. */
  readonly timeoutMs: number
  /** The id is this producer's own: nobody else can have taken over. */
  readonly isOwnId: boolean
}

export class TransactionSession implements ProducerIdentities, TransactionOfProducer {
  readonly transactionalId: string
  readonly #cluster: Cluster
  readonly #isOwnId: boolean
  readonly #timeoutMs: number
  #identity: ProducerIdentity = noIdentity
  #isVersion2 = true
  #needsInit = true
  #isBegun = false
  #fenced: KafkaError | undefined
  /** Why the transaction can only be aborted. */
  #failure: { readonly error: unknown } | undefined
  /** Partitions that are part of the transaction, or are being made so, and when they are. */
  #joined = new Map<string, Promise<void>>()
  #joining: Promise<void> = Promise.resolve()
  readonly #offsets: OffsetCommits

  constructor(cluster: Cluster, { transactionalId, timeoutMs, isOwnId }: SessionOptions) {
    this.#cluster = cluster
    this.transactionalId = transactionalId
    this.#timeoutMs = timeoutMs
    this.#isOwnId = isOwnId
    this.#offsets = new OffsetCommits({
      cluster,
      producer: () => this.#producer,
      join: (groupId, call) => this.#joinOffsets(groupId, call),
      retrying: (what, options, attempt) => this.#retrying(what, options, attempt),
      judged: (error) => this.#judged(error),
    })
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
  get failure(): { readonly error: unknown } | undefined {
    return this.#fenced ? { error: this.#fenced } : this.#failure
  }

  /** Registers where that is needed, which ends what an earlier producer left. True when the producer has a new epoch. */
  async begin(signal: AbortSignal): Promise<boolean> {
    if (this.#fenced) throw this.#fenced
    this.#failure = undefined
    this.#offsets.begin()
    if (!this.#needsInit) return false
    await this.#init(signal)
    return true
  }

  acquire(): Promise<ProducerIdentity> {
    return Promise.resolve(this.#identity)
  }

  /** A partition lost track of its sequence: only an abort helps. */
  next(): Promise<ProducerIdentity> {
    return Promise.reject(this.failure?.error ?? outOfOrder())
  }

  /** The broker does not accept the producer's epoch. */
  discard(): void {
    this.#fence()
  }

  /** Makes partitions part of the transaction before they are written to. */
  join(partitions: readonly TopicPartition[]): Promise<void> | undefined {
    this.#isBegun = true
    if (this.#isVersion2) return undefined
    const joined = this.#joined
    const added = partitions.filter((partition) => !joined.has(nameOf(partition)))
    if (added.length > 0) {
      const adding = this.#joining.then(() => this.#addPartitions(added))
      for (const partition of added) joined.set(nameOf(partition), adding)
      this.#joining = adding.catch(() => {
        // A write that is tried again asks again.
        for (const partition of added) joined.delete(nameOf(partition))
      })
    }
    return Promise.all(partitions.map((partition) => joined.get(nameOf(partition)))).then(noValue)
  }

  /** The transaction can only be aborted from now on. */
  failed(error: unknown): void {
    this.#failure ??= { error }
  }

  /**
   * Commits offsets of a group as part of the transaction that is under way now. Rejects when that is sealed before the
   * broker has them.
   */
  commitOffsets(commit: OffsetCommit): Promise<void> {
    return this.#offsets.commit(commit)
  }

  /** Nothing can be added to the transaction under way any more. */
  seal(): void {
    this.#offsets.seal()
  }

  /**
   * Commits. Resolves with true when the producer has a new epoch. An error whose `outcome` is `'unknown'` leaves open
   * whether it was committed; a fenced producer's is `ProducerFencedError`.
   */
  commit(signal: AbortSignal): Promise<boolean> {
    // The broker decides within the transaction's time-out, which is why it may take longer than other calls.
    const timeoutMs = Math.max(this.#timeoutMs, this.#cluster.config.timeout)
    return this.#end(true, { signal, timeoutMs })
  }

  /** Aborts within `timeoutMs`. Resolves with true when the producer has a new epoch. */
  async abort(timeoutMs: number): Promise<boolean> {
    this.seal()
    const { runtime } = this.#cluster
    const endsAt = runtime.monotonicNow() + timeoutMs
    // What comes after the end is refused by its epoch, but brokers before that check would take it.
    await resolvesWithin(runtime, this.#offsets.landed(), Math.min(landingMs, timeoutMs))
    const leftMs = Math.max(1, endsAt - runtime.monotonicNow())
    try {
      return await this.#end(false, { timeoutMs: leftMs })
    } catch (error) {
      // Nothing of it has reached the broker.
      if (error instanceof KafkaError && error.code === 'INVALID_TXN_STATE') return false
      throw error
    }
  }

  async #end(isCommit: boolean, options: CallOptions): Promise<boolean> {
    this.seal()
    if (this.#fenced) throw this.#fenced
    if (!this.#isBegun) return false
    const what = `${isCommit ? 'commit' : 'abort'} the transaction of '${this.transactionalId}'`
    const maxVersion = this.#isVersion2 ? undefined : oldVersions.endTxn
    const request = createEndTxnRequest({ ...this.#producer, committed: isCommit })
    // Until it is known how this ended, only a new registration is a sound beginning.
    this.#needsInit = true
    let mayBeDone: boolean | undefined = false
    const { producerId, producerEpoch } = await this.#retrying(
      what,
      { ...options, retries: Infinity },
      async (call) => {
        try {
          return await this.#askOnce(endTxn, request, call, maxVersion)
        } catch (error) {
          mayBeDone ||= call.signal?.aborted || mayHaveEnded(error)
          throw error
        }
      },
    ).catch((error: unknown) => {
      throw mayBeDone && isCommit && error instanceof KafkaError
        ? withOutcome(error, 'unknown', 'whether the transaction was committed is not known')
        : error
    })
    this.#over()
    if (this.#isVersion2) {
      this.#needsInit = false
      this.#identity = { producerId, producerEpoch }
      return true
    }
    // Batches that failed have used up sequence numbers: the next epoch begins anew.
    this.#needsInit = !isCommit
    return false
  }

  #over(): void {
    this.#isBegun = false
    this.#joined = new Map()
    this.#joining = Promise.resolve()
  }

  async #init(signal: AbortSignal): Promise<void> {
    await this.#learnVersion(signal)
    const request = createInitProducerIdRequest({
      transactionalId: this.transactionalId,
      transactionTimeoutMs: this.#timeoutMs,
    })
    const what = `register the producer '${this.transactionalId}'`
    const { producerId, producerEpoch } = await this.#retrying(
      what,
      { signal, retries: Infinity },
      (call) => this.#askOnce(initProducerId, request, call),
    )
    this.#identity = { producerId, producerEpoch }
    this.#needsInit = false
    this.#over()
  }

  async #learnVersion(signal: AbortSignal): Promise<void> {
    const request = createApiVersionsRequest({
      clientSoftwareName: 'kafka-do',
      clientSoftwareVersion: packageVersion,
    })
    const response = await this.#retrying('ask what the broker can do', { signal }, (call) =>
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
    const what = 'add partitions to the transaction'
    await this.#retrying(what, { retries: Infinity }, async (call) => {
      const response = await this.#exchange(
        addPartitionsToTxn,
        request,
        call,
        oldVersions.addPartitions,
      )
      const errorCode = firstError(response)
      if (errorCode !== 0) throw this.#judged(errorFrom(errorCode, { transactionalId }))
    })
  }

  async #joinOffsets(groupId: string, call: CallOptions): Promise<number | undefined> {
    this.#isBegun = true
    if (this.#isVersion2) return undefined
    const request = createAddOffsetsToTxnRequest({ ...this.#producer, groupId })
    await this.#askOnce(addOffsetsToTxn, request, call)
    return oldVersions.txnOffsetCommit
  }

  get #producer() {
    return { transactionalId: this.transactionalId, ...this.#identity }
  }

  /** As the cluster's, but a fenced producer stays so: only the next transaction, with another, may do better. */
  #retrying<T>(
    what: string,
    options: CallOptions,
    attempt: (call: CallOptions & { timeoutMs: number }) => Promise<T>,
  ): Promise<T> {
    const isFinal = (error: KafkaError) => error === this.#fenced
    return this.#cluster.retrying(what, { ...options, isFinal }, attempt)
  }

  /** One request to the coordinator, whose answer has one error code. */
  async #askOnce<Request, Response extends { errorCode: number }>(
    api: Api<Request, Response>,
    request: Request,
    call: CallOptions,
    maxVersion?: number,
  ): Promise<Response> {
    const { transactionalId } = this
    const response = await this.#exchange(api, request, call, maxVersion)
    if (response.errorCode === 0) return response
    throw this.#judged(errorFrom(response.errorCode, { transactionalId }))
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
    if (error.code === 'INVALID_TRANSACTION_TIMEOUT') {
      const { code } = error
      return new KafkaError(
        `The broker allows no transaction as long as ${this.#timeoutMs} ms; pass a shorter timeout to kafka.transaction, or raise the broker's transaction.max.timeout.ms`,
        { code },
      )
    }
    return fencing.has(error.code) ? this.#fence() : error
  }

  #fence(): KafkaError {
    this.#fenced ??= new ProducerFencedError(this.#isOwnId ? this.#givenUp() : this.#takenOver(), {
      code: 'PRODUCER_FENCED',
      // With an id of its own, the next transaction has another.
      retriable: this.#isOwnId,
    })
    return this.#fenced
  }

  #givenUp(): string {
    return `The broker has aborted the transaction: it took longer than its timeout (${this.#timeoutMs} ms). Run it again with less work or a longer timeout`
  }

  #takenOver(): string {
    return `The producer '${this.transactionalId}' was fenced: another with the same transactional id has taken over, or the transaction took longer than its timeout (${this.#timeoutMs} ms). Its records since the last commit are aborted; to take over again, create a new Client`
  }
}

const fencing: ReadonlySet<string> = new Set([
  'PRODUCER_FENCED',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
])

/** Whether a request to end a transaction may have been carried out, or may yet be, although it was answered like this. */
function mayHaveEnded(error: unknown): boolean {
  if (!(error instanceof KafkaError)) return true
  return error.outcome === 'unknown' || undecided.has(error.code)
}

/** What a coordinator answers that has begun to store the decision and cannot say whether it is stored. */
const undecided: ReadonlySet<string> = new Set(['NOT_COORDINATOR', 'COORDINATOR_NOT_AVAILABLE'])

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}

function noValue(): void {}

function outOfOrder(): KafkaError {
  return new KafkaError(
    'A record could not be stored in order: an earlier one is missing at the broker. The transaction is aborted; run it again',
    { code: 'TRANSACTION_ABORTABLE', retriable: true },
  )
}
