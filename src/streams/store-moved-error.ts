/** What a query meets when the task that has its answer is not in this process. */
import { KafkaError, type KafkaErrorOptions } from '../core/errors.ts'

/**
 * A store was asked for what another process of the application has, or will have in a moment. Retriable: the task may come, or
 * come back. Which process has it is not known to this one.
 */
export class StoreMovedError extends KafkaError {
  readonly store: string
  readonly partition: number
  /** This process keeps a copy, which `{ stale: true }` reads. */
  readonly isStandby: boolean

  constructor(
    message: string,
    at: { readonly store: string; readonly partition: number; readonly isStandby: boolean },
    options: KafkaErrorOptions,
  ) {
    super(message, options)
    this.store = at.store
    this.partition = at.partition
    this.isStandby = at.isStandby
  }
}
