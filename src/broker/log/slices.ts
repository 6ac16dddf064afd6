/**
 * Long work in slices, with rests between them in which the event loop is others': a request takes several turns of it, and each
 * would wait for a slice if work went on at the next turn. Whoever works calls `pause` often, wherever others may come
 * between.
 */
import type { Runtime, Timer } from '../../core/runtime.ts'

/** How long work may hold up everything else, and how long it then rests. */
const sliceMs = 1
const restMs = 3

export class Slices {
  readonly #runtime: Pick<Runtime, 'monotonicNow' | 'setTimer'>
  #startedAtMs: number
  #isStopped = false
  #rest: { readonly timer: Timer; readonly end: () => void } | undefined

  constructor(runtime: Pick<Runtime, 'monotonicNow' | 'setTimer'>) {
    this.#runtime = runtime
    this.#startedAtMs = runtime.monotonicNow()
  }

  /** Work begins, after any time. */
  begin(): void {
    this.#startedAtMs = this.#runtime.monotonicNow()
  }

  /** Undefined while the slice lasts; else a promise to wait for. For one worker at a time. */
  pause(): Promise<void> | undefined {
    const isLasting = this.#runtime.monotonicNow() - this.#startedAtMs < sliceMs
    if (this.#isStopped || isLasting) return undefined
    return new Promise((resolve) => {
      const end = () => {
        this.#rest = undefined
        this.begin()
        resolve()
      }
      this.#rest = { timer: this.#runtime.setTimer(restMs, end), end }
    })
  }

  /** There is no rest any more: whoever works is to come to an end. */
  stop(): void {
    this.#isStopped = true
    const rest = this.#rest
    rest?.timer.cancel()
    rest?.end()
  }
}
