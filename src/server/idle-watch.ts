/** Watches whether anything happens on a connection. One timer, that looks when the connection would have been idle long enough. */
import type { Runtime, Timer } from '../core/runtime.ts'

export interface IdleWatchParts {
  readonly runtime: Runtime
  readonly timeoutMs: number
  /** Requests are worked on: the client waits, too. */
  readonly isBusy: () => boolean
  readonly onIdle: (idleMs: number) => void
}

export class IdleWatch {
  readonly #parts: IdleWatchParts
  #activeAt: number
  #timer: Timer

  constructor(parts: IdleWatchParts) {
    this.#parts = parts
    this.#activeAt = parts.runtime.monotonicNow()
    this.#timer = this.#lookIn(parts.timeoutMs)
  }

  /** Something came or left. */
  touch(): void {
    this.#activeAt = this.#parts.runtime.monotonicNow()
  }

  end(): void {
    this.#timer.cancel()
  }

  #lookIn(delayMs: number): Timer {
    const { runtime, timeoutMs, isBusy, onIdle } = this.#parts
    const look = () => {
      const idleMs = isBusy() ? 0 : runtime.monotonicNow() - this.#activeAt
      if (idleMs < timeoutMs) this.#timer = this.#lookIn(timeoutMs - idleMs)
      else onIdle(idleMs)
    }
    return runtime.setTimer(delayMs, look, { background: true })
  }
}
