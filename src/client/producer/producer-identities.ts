/** Where a producer's engine gets its producer id and epoch from: plain idempotence, or a transaction. */
import type { ProducerIdentity } from './pending-batch.ts'

export interface ProducerIdentities {
  /** The identity acquired last; `noIdentity` before the first `acquire`. */
  readonly current: ProducerIdentity
  acquire(): Promise<ProducerIdentity>
  /** An identity newer than `used`. */
  next(used: ProducerIdentity): Promise<ProducerIdentity>
  /** The broker no longer accepts the current identity. */
  discard(): void
  /** Given: what is written is part of a transaction. */
  readonly transaction?: TransactionOfProducer | undefined
}

export interface TransactionOfProducer {
  readonly transactionalId: string
  /** Newest version of Produce that may be used; undefined: no limit. */
  readonly produceVersionMax: number | undefined
  /** To be awaited before partitions are written to; undefined: no wait. */
  join(partitions: readonly { topic: string; partition: number }[]): Promise<void> | undefined
  /** A batch could not be stored. */
  failed(error: unknown): void
}
