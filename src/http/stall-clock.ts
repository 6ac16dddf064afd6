/**
 * Notices that nothing has moved for a while, for any number of bodies at a time: one timer looks after all of them, as each
 * request has a body and most are over at once. It may notice late, by half of the shortest time.
 */
import type { Runtime, Timer } from '../core/runtime.ts'

export interface StallWatch {
  /** Something has moved, or it is the other side's turn again. */
  touch(): void
  /** It is not the other side's turn. */
  rest(): void
}

class Watch implements StallWatch {
  readonly timeoutMs: number
  readonly onStall: () => void
  touchedAt: number
  readonly #clock: StallClock

  constructor(clock: StallClock, timeoutMs: number, onStall: () => void, now: number) {
    this.#clock = clock
    this.timeoutMs = timeoutMs
    this.onStall = onStall
    this.touchedAt = now
  }

  touch(): void {
    this.#clock.touched(this)
  }

  rest(): void {
    this.#clock.rested(this)
  }
}

export class StallClock {
  readonly #runtime: Runtime
  readonly #watches = new Set<Watch>()
  #timer: Timer | undefined
  /** As of the last look: exact enough, and cheaper than asking for each. */
  #shortestMs = Number.POSITIVE_INFINITY

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** Calls `onStall` once when nothing has moved for `timeoutMs`. */
  watch(timeoutMs: number, onStall: () => void): StallWatch {
    const watch = new Watch(this, timeoutMs, onStall, this.#runtime.monotonicNow())
    this.#watches.add(watch)
    if (timeoutMs < this.#shortestMs) {
      this.#shortestMs = timeoutMs
      this.#timer?.cancel()
      this.#timer = undefined
    }
    this.#arm()
    return watch
  }

  touched(watch: Watch): void {
    watch.touchedAt = this.#runtime.monotonicNow()
    this.#watches.add(watch)
    this.#arm()
  }

  rested(watch: Watch): void {
    this.#watches.delete(watch)
  }

  #arm(): void {
    this.#timer ??= this.#runtime.setTimer(this.#shortestMs / 2, () => this.#look(), {
      background: true,
    })
  }

  #look(): void {
    this.#timer = undefined
    const now = this.#runtime.monotonicNow()
    for (const watch of this.#watches) {
      if (now - watch.touchedAt < watch.timeoutMs) continue
      this.#watches.delete(watch)
      watch.onStall()
    }
    if (this.#watches.size > 0) this.#arm()
  }
}
