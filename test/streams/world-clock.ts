/** Time of a simulated world, and of each process in it. */
import { type Runtime, silentLogger, type Timer } from '../../src/core/runtime.ts'
import { nextTurn } from '../../src/core/turn.ts'
import type { SeededRandom } from '../simulation/random.ts'

interface PendingTimer {
  readonly dueMs: number
  readonly fn: () => void
}

/** Turns of the event loop in which what a timer has begun may go on before the clock moves further. */
const turnsPerTimer = 4
/** Turns without a timer after which nothing is to be expected any more. */
const idleTurnsMax = 500

export class WorldClock {
  readonly random: SeededRandom
  nowMs = 1_700_000_000_000
  readonly #timers = new Set<PendingTimer>()

  constructor(random: SeededRandom) {
    this.random = random
  }

  setTimer(delayMs: number, fn: () => void): Timer {
    const timer = { dueMs: this.nowMs + Math.max(0, delayMs), fn }
    this.#timers.add(timer)
    return { cancel: () => void this.#timers.delete(timer) }
  }

  /** Lets time pass until `work` settles, and gives what it does. Throws when that takes longer than `limitMs`. */
  async drive<T>(work: Promise<T>, limitMs: number, onTurn: () => void): Promise<T> {
    const endMs = this.nowMs + limitMs
    let isSettled = false
    const settle = () => {
      isSettled = true
    }
    work.then(settle, settle)
    let idleTurns = 0
    for (;;) {
      for (let turn = 0; turn < turnsPerTimer; turn++) {
        await nextTurn()
        onTurn()
        if (isSettled) return work
      }
      const timer = this.#next()
      if (timer && timer.dueMs <= endMs) {
        idleTurns = 0
        this.#timers.delete(timer)
        this.nowMs = Math.max(this.nowMs, timer.dueMs)
        timer.fn()
      } else if (timer || ++idleTurns > idleTurnsMax) {
        throw new Error(
          `Stuck: what was waited for did not come ${timer ? `within ${limitMs} ms` : 'and no timer is set'}`,
        )
      }
    }
  }

  #next(): PendingTimer | undefined {
    let next: PendingTimer | undefined
    for (const timer of this.#timers) if (!next || timer.dueMs < next.dueMs) next = timer
    return next
  }
}

/** As a process sees it: its timers end with it, and wait while it is frozen. */
export class ProcessRuntime implements Runtime {
  readonly logger = silentLogger
  readonly #clock: WorldClock
  readonly #timers = new Set<Timer>()
  #isOver = false
  #frozen: Promise<void> | undefined

  constructor(clock: WorldClock) {
    this.#clock = clock
  }

  /** Resolves when it is not frozen any more. */
  get frozen(): Promise<void> | undefined {
    return this.#frozen
  }

  now(): number {
    return Math.floor(this.#clock.nowMs)
  }

  monotonicNow(): number {
    return this.#clock.nowMs
  }

  random(): number {
    return this.#clock.random.next()
  }

  uuid(): string {
    const hex = Array.from({ length: 12 }, () => this.#clock.random.below(16).toString(16)).join('')
    return `00000000-0000-4000-8000-${hex}`
  }

  setTimer(delayMs: number, fn: () => void): Timer {
    if (this.#isOver) return { cancel: () => undefined }
    const timer = this.#clock.setTimer(delayMs, () => {
      this.#timers.delete(timer)
      if (this.#frozen) void this.#frozen.then(() => isCancelled || this.#isOver || fn())
      else fn()
    })
    this.#timers.add(timer)
    let isCancelled = false
    return {
      cancel: () => {
        isCancelled = true
        timer.cancel()
        this.#timers.delete(timer)
      },
    }
  }

  freeze(forMs: number): void {
    this.#frozen = new Promise((resolve) => {
      this.#clock.setTimer(forMs, () => {
        this.#frozen = undefined
        resolve()
      })
    })
  }

  end(): void {
    this.#isOver = true
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }
}
