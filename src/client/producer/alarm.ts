/**
 * One timer for the earliest of many times. It may ring before anything is due, when what it was set for has been
 * settled: whoever is woken looks, and sets it again. So it need not be set anew each time something is settled.
 */
import type { Runtime, Timer } from '../../core/runtime.ts'

export class Alarm {
  readonly #runtime: Runtime
  readonly #ring: () => void
  #timer: Timer | undefined
  #dueAt = Number.POSITIVE_INFINITY

  constructor(runtime: Runtime, ring: () => void) {
    this.#runtime = runtime
    this.#ring = ring
  }

  /** Rings at `dueAt` (monotonic milliseconds) or before. */
  setFor(dueAt: number, now: number): void {
    if (dueAt >= this.#dueAt) return
    this.#timer?.cancel()
    this.#dueAt = dueAt
    this.#timer = this.#runtime.setTimer(Math.ceil(dueAt - now), () => {
      this.#dueAt = Number.POSITIVE_INFINITY
      this.#ring()
    })
  }

  cancel(): void {
    this.#timer?.cancel()
    this.#dueAt = Number.POSITIVE_INFINITY
  }
}
