/** Keeps what is sent below a rate, over the time since it began. */
import { delay } from '../core/backoff.ts'
import type { Runtime } from '../core/runtime.ts'

/** What is saved up while nothing was sent, at most. */
const burstMs = 1000

export class Pace {
  readonly #runtime: Runtime
  readonly #bytesPerMs: number
  #freeAtMs: number

  /** `maxBytesPerSecond`: undefined: there is no limit. */
  constructor(runtime: Runtime, maxBytesPerSecond: number | undefined) {
    this.#runtime = runtime
    this.#bytesPerMs = (maxBytesPerSecond ?? Number.POSITIVE_INFINITY) / 1000
    this.#freeAtMs = runtime.monotonicNow()
  }

  /** Undefined, or a promise to wait for before more is sent. It rejects when the signal aborts. */
  sent(bytes: number, signal: AbortSignal | undefined): Promise<void> | undefined {
    if (this.#bytesPerMs === Number.POSITIVE_INFINITY) return undefined
    const nowMs = this.#runtime.monotonicNow()
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs - burstMs) + bytes / this.#bytesPerMs
    const waitMs = this.#freeAtMs - nowMs
    return waitMs > 0 ? delay(this.#runtime, waitMs, signal) : undefined
  }
}
