/** Wakes a loop that has nothing to do. News that come while it works are there when it next asks. */
import type { Runtime, Timer } from '../../core/runtime.ts'

/** Timers of JavaScript reach no further, milliseconds. */
const timerMax = 2 ** 31 - 1

export class News {
  readonly #runtime: Runtime
  #has = false
  #wake: () => void = () => undefined

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  tell(): void {
    this.#has = true
    this.#wake()
  }

  /** Resolves when there are news, or when `waitMs` (from 0, or infinite) are over; `waiting` is called once it is waited for. */
  async wait(waitMs: () => number, waiting: () => void): Promise<void> {
    if (this.#has) {
      this.#has = false
      return
    }
    let timer: Timer | undefined
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      const limitMs = waitMs()
      if (limitMs < Number.POSITIVE_INFINITY) {
        timer = this.#runtime.setTimer(Math.min(Math.ceil(Math.max(0, limitMs)), timerMax), resolve)
      }
      waiting()
    })
    timer?.cancel()
    this.#wake = () => undefined
    this.#has = false
  }
}
