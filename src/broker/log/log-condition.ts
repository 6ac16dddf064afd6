/**
 * Whether a log can be used: it is open, until it is closed or its disk has failed it. A log that went offline stays so:
 * the kernel may have dropped data, so a later sync that succeeds would prove nothing.
 */
import { StorageError } from '../../core/errors.ts'
import type { Logger } from '../../core/runtime.ts'
import { levelOf } from './disk-reserve.ts'

export class LogCondition {
  /** `TOPIC-PARTITION`, for messages. */
  readonly name: string
  readonly #logger: Logger
  readonly #onOffline: (error: StorageError) => void
  #offline: StorageError | undefined
  #isClosed = false

  /** `onOffline` is called once, when the disk has failed. */
  constructor(name: string, logger: Logger, onOffline: (error: StorageError) => void) {
    this.name = name
    this.#logger = logger
    this.#onOffline = onOffline
  }

  get offline(): StorageError | undefined {
    return this.#offline
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  close(): void {
    this.#isClosed = true
  }

  goOffline(cause: unknown): void {
    if (this.#offline) return
    const reason = cause instanceof Error ? cause.message : String(cause)
    this.#offline = new StorageError(
      `${this.name} is offline: the disk failed (${reason}). Check the disk and restart; what was acknowledged with acks=all is safe`,
      { code: 'KAFKA_STORAGE_ERROR', retriable: true, outcome: 'unknown', cause },
    )
    // A disk that is read-only takes every partition offline, and is said once for all.
    const level = levelOf(cause, 'error')
    this.#logger[level]({ err: cause, log: this.name }, 'the disk failed; the partition is offline')
    this.#onOffline(this.#offline)
  }

  /** Throws `StorageError` for a log that is closed or offline. */
  check(): void {
    const error = this.error()
    if (error) throw error
  }

  /** Why the log cannot be used; undefined when it can. */
  error(): StorageError | undefined {
    if (this.#offline) return this.#offline
    return this.#isClosed ? this.closedError() : undefined
  }

  closedError(): StorageError {
    return new StorageError(`${this.name} is closed`, {
      code: 'KAFKA_STORAGE_ERROR',
      retriable: true,
    })
  }
}
