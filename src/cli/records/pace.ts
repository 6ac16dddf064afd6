/** No more than so many records a second. */
import { delay } from '../../core/backoff.ts'
import type { Runtime } from '../../core/runtime.ts'

export class Pace {
  readonly #perSecond: number
  readonly #runtime: Runtime
  #dueMs: number | undefined

  constructor(perSecond: number, runtime: Runtime) {
    this.#perSecond = perSecond
    this.#runtime = runtime
  }

  /** As many as may go together: a tenth of a second's. */
  get together(): number {
    return Math.max(1, Math.floor(this.#perSecond / 10))
  }

  /** Resolves when `count` more may go. */
  async wait(count: number, signal: AbortSignal): Promise<void> {
    const now = this.#runtime.monotonicNow()
    // What was not used is not made up for.
    const due = Math.max(this.#dueMs ?? now, now)
    this.#dueMs = due + (count * 1000) / this.#perSecond
    if (due > now) await delay(this.#runtime, due - now, signal)
  }
}
