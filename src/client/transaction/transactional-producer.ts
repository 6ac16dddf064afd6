/** A producer engine under one transactional id, with one transaction at a time. */
import { abortReason } from '../../core/backoff.ts'
import { AbortedError, type KafkaError, TimeoutError } from '../../core/errors.ts'
import { within } from '../../core/within.ts'
import type { Cluster } from '../cluster.ts'
import { ProducerEngine } from '../producer/producer-engine.ts'
import { Transaction } from './transaction.ts'
import type { ResolvedTransactionConfig } from './transaction-config.ts'
import { TransactionSession } from './transaction-session.ts'

/** How long an abort may take while the client is closing: the application waits, and the broker would do it later. */
const closingAbortMs = 5000

export class TransactionalProducer {
  readonly config: ResolvedTransactionConfig
  readonly #cluster: Cluster
  readonly #session: TransactionSession
  readonly #engine: ProducerEngine
  readonly #aborting = new AbortController()

  constructor(cluster: Cluster, config: ResolvedTransactionConfig, transactionalId: string) {
    this.config = config
    this.#cluster = cluster
    this.#session = new TransactionSession(cluster, {
      transactionalId,
      timeoutMs: config.timeout,
      isOwnId: config.id === undefined,
    })
    this.#engine = new ProducerEngine(cluster, config.producer, this.#session)
  }

  /** It can be of no more use. */
  get isFenced(): boolean {
    return this.#session.fenced !== undefined
  }

  /**
   * Commits when `work` resolves, aborts when it rejects. Rejects with `work`'s error, with the error of a send that
   * failed, or with what went wrong with the commit.
   */
  async run<T>(
    work: (transaction: Transaction) => Promise<T>,
    makeDefaultTopic: DefaultTopic,
  ): Promise<T> {
    if (this.#aborting.signal.aborted) throw abortReason(this.#aborting.signal)
    if (await this.#session.begin(this.#aborting.signal))
      this.#engine.startEpoch(this.#session.current)
    const transaction = new Transaction({
      cluster: this.#cluster,
      engine: this.#engine,
      session: this.#session,
      producerConfig: this.config.producer,
      defaultTopic: makeDefaultTopic,
    })
    let result: T
    try {
      result = await this.#inTime(finished(work, transaction))
      if (this.#session.failure) throw this.#session.failure.error
    } catch (error) {
      transaction.close()
      await this.#abort(transaction)
      throw error
    }
    if (await this.#session.commit(this.#aborting.signal))
      this.#engine.startEpoch(this.#session.current)
    transaction.committed()
    return result
  }

  /** Aborts the transaction under way and refuses others. One that is being committed may come about all the same. */
  abort(reason: KafkaError): void {
    this.#aborting.abort(reason)
  }

  close(): Promise<void> {
    return this.#engine.close()
  }

  #inTime<T>(work: Promise<T>): Promise<T> {
    const { timeout } = this.config
    return within(this.#cluster.runtime, work, {
      signal: this.#aborting.signal,
      timeoutMs: timeout,
      onTimeout: () =>
        new TimeoutError(
          `The transaction took longer than its timeout (${timeout} ms), so it was aborted. Do less in one transaction, or pass a longer timeout to kafka.transaction`,
          { code: 'TRANSACTION_TIMED_OUT', retriable: true },
        ),
    })
  }

  /** What goes wrong here is repaired by the next registration, or by the broker once the transaction times out. */
  async #abort(transaction: Transaction): Promise<void> {
    await this.#engine.discard(
      new AbortedError('The transaction was aborted, and the record with it', {
        code: 'ABORTED',
      }),
    )
    await transaction.settled()
    if (this.#session.fenced) return
    const { timeout } = this.#cluster.config
    const timeoutMs = this.#aborting.signal.aborted ? Math.min(closingAbortMs, timeout) : timeout
    try {
      if (await this.#session.abort(timeoutMs)) this.#engine.startEpoch(this.#session.current)
    } catch (error) {
      this.#cluster.runtime.logger.warn(
        { err: error, transactionalId: this.#session.transactionalId },
        'a transaction could not be aborted; the broker aborts it after its timeout',
      )
    }
  }
}

type DefaultTopic = ConstructorParameters<typeof Transaction>[0]['defaultTopic']

/** Resolves when the work is done and all that it began. */
async function finished<T>(
  work: (transaction: Transaction) => Promise<T>,
  transaction: Transaction,
): Promise<T> {
  const result = await work(transaction)
  await transaction.finish()
  return result
}
