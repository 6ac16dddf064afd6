/** A `Runtime` whose clock moves only when a test moves it. */
import { type Logger, type Runtime, silentLogger, type Timer } from '../../src/core/runtime.ts'

export class ManualRuntime implements Runtime {
  readonly logger: Logger
  #nowMs = 1_700_000_000_000
  #jumpedMs = 0
  #ids = 0
  #timers = new Map<number, { dueAt: number; fn: () => void }>()
  #nextTimer = 0

  constructor(logger: Logger = silentLogger) {
    this.logger = logger
  }

  now(): number {
    return this.#nowMs + this.#jumpedMs
  }

  monotonicNow(): number {
    return this.#nowMs
  }

  /** Sets the wall clock ahead, or back. */
  jump(ms: number): void {
    this.#jumpedMs += ms
  }

  setTimer(delayMs: number, fn: () => void): Timer {
    const id = this.#nextTimer++
    this.#timers.set(id, { dueAt: this.#nowMs + delayMs, fn })
    return { cancel: () => void this.#timers.delete(id) }
  }

  random(): number {
    return 0.5
  }

  uuid(): string {
    this.#ids++
    return `00000000-0000-4000-8000-${this.#ids.toString(16).padStart(12, '0')}`
  }

  /** Moves the clock and runs what is due, in order of time. */
  advance(ms: number): void {
    const end = this.#nowMs + ms
    for (;;) {
      const due = [...this.#timers].filter(([, { dueAt }]) => dueAt <= end)
      const next = due.reduce<(typeof due)[number] | undefined>(
        (first, timer) => (!first || timer[1].dueAt < first[1].dueAt ? timer : first),
        undefined,
      )
      if (!next) break
      this.#timers.delete(next[0])
      this.#nowMs = Math.max(this.#nowMs, next[1].dueAt)
      next[1].fn()
    }
    this.#nowMs = end
  }

  /** Moves the clock while nothing runs, as on a busy machine: what is due is late. */
  stall(ms: number): void {
    this.#nowMs += ms
  }

  get pendingTimers(): number {
    return this.#timers.size
  }
}
