/** A producer engine under one transactional id, with one transaction at a time. */
import { AbortedError } from '../../core/errors.ts'
import type { Cluster } from '../cluster.ts'
import { ProducerEngine } from '../producer/producer-engine.ts'
import { Transaction } from './transaction.ts'
import type { ResolvedTransactionConfig } from './transaction-config.ts'
import { TransactionSession } from './transaction-session.ts'

export class TransactionalProducer {
  readonly config: ResolvedTransactionConfig
  readonly #cluster: Cluster
  readonly #session: TransactionSession
  readonly #engine: ProducerEngine

  constructor(cluster: Cluster, config: ResolvedTransactionConfig, transactionalId: string) {
    this.config = config
    this.#cluster = cluster
    this.#session = new TransactionSession(cluster, transactionalId, config.timeout)
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
    if (await this.#session.begin()) this.#engine.startEpoch(this.#session.current)
    const transaction = new Transaction({
      cluster: this.#cluster,
      engine: this.#engine,
      session: this.#session,
      producerConfig: this.config.producer,
      defaultTopic: makeDefaultTopic,
    })
    let result: T
    try {
      result = await work(transaction)
      await this.#engine.flush()
      if (this.#session.failure) throw this.#session.failure
    } catch (error) {
      transaction.close()
      await this.#abort()
      throw error
    }
    transaction.close()
    if (await this.#session.end(true)) this.#engine.startEpoch(this.#session.current)
    transaction.committed()
    return result
  }

  close(): Promise<void> {
    return this.#engine.close()
  }

  /** What goes wrong here is repaired by the next registration, or by the broker once the transaction times out. */
  async #abort(): Promise<void> {
    await this.#engine.discard(
      new AbortedError('The transaction was aborted, so the record does not count', {
        code: 'ABORTED',
      }),
    )
    if (this.#session.fenced) return
    try {
      if (await this.#session.end(false)) this.#engine.startEpoch(this.#session.current)
    } catch (error) {
      this.#cluster.runtime.logger.warn(
        { err: error, transactionalId: this.#session.transactionalId },
        'a transaction could not be aborted; the broker does it when its time is up',
      )
    }
  }
}

type DefaultTopic = ConstructorParameters<typeof Transaction>[0]['defaultTopic']
