/**
 * Whether an application begins, runs, closes, has failed or is over, and who is told of it.
 *
 *   starting ──▶ restoring ◀──▶ running ◀──▶ rebalancing
 *       └──────────────┴─── closing ─▶ closed │ failed
 */
import type { Patience } from '../../client/consumer/patience.ts'
import { AbortedError } from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { StreamState } from '../dsl/stream-run.ts'
import { News } from './news.ts'
import { patiently } from './patiently.ts'

export class ApplicationLife {
  readonly ready: Promise<void>
  readonly done: Promise<void>
  /** Ends everything at once. */
  readonly ended = new AbortController()
  readonly closing = new AbortController()
  readonly news: News
  readonly #runtime: Runtime
  readonly #patience: Patience
  readonly #onEnd: () => void
  #state: StreamState = 'starting'
  /** The group has given this process what it gives it. */
  #isSettled = false
  #isOver = false
  #failure: { readonly error: unknown } | undefined
  #settleReady!: { resolve(): void; reject(error: unknown): void }
  #settleDone!: { resolve(): void; reject(error: unknown): void }

  /** `onEnd`: told once it is over. */
  constructor(runtime: Runtime, patience: Patience, onEnd: () => void) {
    this.#runtime = runtime
    this.#patience = patience
    this.#onEnd = onEnd
    this.news = new News(runtime)
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject }
    })
    this.done = new Promise((resolve, reject) => {
      this.#settleDone = { resolve, reject }
    })
    // Whoever awaits `done` is told; `ready` may be of no interest to anybody.
    this.ready.catch(() => undefined)
  }

  get state(): StreamState {
    return this.#state
  }

  get isOver(): boolean {
    return this.#isOver
  }

  get isClosing(): boolean {
    return this.closing.signal.aborted
  }

  get failure(): { readonly error: unknown } | undefined {
    return this.#failure
  }

  /** It closes now, in good order. */
  close(): void {
    if (this.#state !== 'failed') this.#state = 'closing'
    this.closing.abort()
    this.news.tell()
  }

  /** The first error is what it ends with. */
  fail(error: unknown): void {
    this.note(error)
    this.#state = 'failed'
    this.news.tell()
  }

  /** As `fail`, of an application that is at its end. */
  note(error: unknown): void {
    this.#failure ??= { error }
  }

  /** The group gives this process something else. */
  rebalances(): void {
    if (this.#state === 'running') this.#state = 'rebalancing'
  }

  settled(): void {
    this.#isSettled = true
  }

  /** `opening`: how many tasks are being restored. */
  checkReady(opening: number): void {
    if (!this.#isSettled || this.#state === 'closing' || this.#state === 'failed') return
    this.#state = opening > 0 ? 'restoring' : 'running'
    if (this.#state === 'running') this.#settleReady.resolve()
  }

  /** Tells whoever waits for the end. */
  over(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.ended.abort()
    this.#onEnd()
    const end = this.#failure
    this.#state = end ? 'failed' : 'closed'
    if (end) {
      this.#settleReady.reject(end.error)
      this.#settleDone.reject(end.error)
    } else {
      this.#settleReady.resolve()
      this.#settleDone.resolve()
    }
  }

  /** Until it works, or it closes. */
  patiently<T>(work: () => Promise<T>): Promise<T> {
    const { signal } = this.closing
    return patiently({ runtime: this.#runtime, patience: this.#patience, signal }, work)
  }

  /** What closing has ended did not fail. */
  isOfClosing(error: unknown): boolean {
    return this.isClosing && error instanceof AbortedError
  }
}
