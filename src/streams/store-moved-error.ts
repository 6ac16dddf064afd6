/** What a query meets when the task that has its answer is not in this process. */
import { KafkaError, type KafkaErrorOptions } from '../core/errors.ts'

/**
 * The queried key is, or soon will be, in another process of the application. Retriable: the task may move here. This
 * process does not know which one has it.
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
