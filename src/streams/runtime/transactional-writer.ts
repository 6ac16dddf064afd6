/**
 * Exactly once: outputs, changelogs and offsets in one transaction (KIP-447: one producer for all tasks of a process, and
 * offsets with the member's generation, so that a member that has lost its partitions cannot commit).
 */
import type { Cluster } from '../../client/cluster.ts'
import type { Membership } from '../../client/consumer/partition-consumption.ts'
import type { ResolvedProducerConfig } from '../../client/producer/producer-config.ts'
import { ProducerEngine } from '../../client/producer/producer-engine.ts'
import type { PartitionOffset } from '../../client/transaction/offset-commits.ts'
import { TransactionSession } from '../../client/transaction/transaction-session.ts'
import { AbortedError } from '../../core/errors.ts'
import type { Output } from '../operator.ts'
import { OutputDeliveries } from './output-deliveries.ts'
import type { Writer } from './writer.ts'

export interface TransactionalWriterOptions {
  readonly cluster: Cluster
  readonly producer: ResolvedProducerConfig
  readonly transactionalId: string
  /** After so many milliseconds the broker aborts a transaction that was left open. */
  readonly timeoutMs: number
  /** Whose offsets are committed. */
  readonly groupId: string
  /** As what they are; waits while the group is between generations. */
  readonly membership: () => Promise<Membership>
  /** Throws when partitions whose records are part of the transaction have gone to others. */
  readonly check: () => void
  readonly closing: AbortSignal
}

/** How long an abort may take: the broker does it later anyway. */
const abortMs = 5000

export class TransactionalWriter implements Writer {
  readonly #options: TransactionalWriterOptions
  #session: TransactionSession
  #engine: ProducerEngine
  readonly #deliveries = new OutputDeliveries()

  constructor(options: TransactionalWriterOptions) {
    this.#options = options
    this.#session = this.#newSession()
    this.#engine = new ProducerEngine(options.cluster, options.producer, this.#session)
  }

  get transactionalId(): string {
    return this.#options.transactionalId
  }

  async begin(): Promise<void> {
    if (this.#session.fenced) await this.#renew()
    this.#deliveries.begin()
    if (await this.#session.begin(this.#options.closing)) {
      this.#engine.startEpoch(this.#session.current)
    }
  }

  write(output: Output, stored?: (offset: bigint) => void): void {
    this.#deliveries.write(this.#engine, output, stored)
  }

  flush(): Promise<void> {
    return this.#deliveries.flush(this.#engine)
  }

  async commit(offsets: readonly PartitionOffset[]): Promise<void> {
    await Promise.all([this.flush(), this.#commitOffsets(offsets)])
    if (this.#session.failure) throw this.#session.failure.error
    if (await this.#session.commit(this.#options.closing)) {
      this.#engine.startEpoch(this.#session.current)
    }
  }

  async abort(): Promise<void> {
    // A commit that has failed by its outputs may still be trying its offsets.
    this.#session.seal()
    await this.#engine.discard(
      new AbortedError('The transaction was aborted, so the record does not count', {
        code: 'ABORTED',
      }),
    )
    if (this.#session.fenced) return
    try {
      if (await this.#session.abort(abortMs)) this.#engine.startEpoch(this.#session.current)
    } catch (error) {
      const { runtime } = this.#options.cluster
      const { transactionalId } = this.#session
      runtime.logger.debug({ err: error, transactionalId }, 'a transaction could not be aborted')
    }
  }

  close(): Promise<void> {
    this.#session.seal()
    return this.#engine.close()
  }

  /** At once: what waits before it asks the session might ask it in the next transaction. */
  #commitOffsets(offsets: readonly PartitionOffset[]): Promise<void> {
    if (offsets.length === 0) return Promise.resolve()
    const { groupId, membership, check } = this.#options
    const committer = { groupId, membership }
    return this.#session.commitOffsets({ committer, offsets, check, isPatient: true })
  }

  /** The broker has given this producer up: another, under the same name, takes its place. */
  async #renew(): Promise<void> {
    await this.#engine.close()
    this.#session = this.#newSession()
    this.#engine = new ProducerEngine(this.#options.cluster, this.#options.producer, this.#session)
  }

  #newSession(): TransactionSession {
    const { cluster, transactionalId, timeoutMs } = this.#options
    return new TransactionSession(cluster, { transactionalId, timeoutMs, isOwnId: true })
  }
}
