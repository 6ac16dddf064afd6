/**
 * Time and chance for a simulation: a clock that moves only when nothing else can happen, or is set, and randomness from a seed.
 *
 * Between two timers everything that was started runs until it waits for a timer (or for something that never comes).
 * That works because the simulation does no real I/O: all is microtasks, and they are done when the event loop turns.
 */
import { type Logger, type Runtime, silentLogger, type Timer } from '../../src/core/runtime.ts'
import { nextTurn } from '../../src/core/turn.ts'
import type { SeededRandom } from './random.ts'

export interface SimulatedRuntimeOptions {
  readonly random: SeededRandom
  readonly logger?: Logger
  /** Where the clock begins, milliseconds since the epoch. */
  readonly startMs?: number
  /** How far the wall clock is ahead of that, in milliseconds. */
  readonly aheadMs?: number
}

interface PendingTimer {
  readonly dueMs: number
  readonly fn: () => void
}

export class SimulatedRuntime implements Runtime {
  readonly logger: Logger
  readonly #random: SeededRandom
  #nowMs: number
  /** How far the wall clock is ahead of the right time, in milliseconds. */
  aheadMs: number
  /** In the order in which they were set. */
  readonly #timers = new Set<PendingTimer>()

  constructor({
    random,
    logger = silentLogger,
    startMs = 1_700_000_000_000,
    aheadMs = 0,
  }: SimulatedRuntimeOptions) {
    this.#random = random
    this.logger = logger
    this.#nowMs = startMs
    this.aheadMs = aheadMs
  }

  now(): number {
    // A wall clock counts whole milliseconds.
    return Math.floor(this.#nowMs) + this.aheadMs
  }

  monotonicNow(): number {
    return this.#nowMs
  }

  random(): number {
    return this.#random.next()
  }

  uuid(): string {
    const hex = Array.from({ length: 32 }, () => this.#random.below(16).toString(16)).join('')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`
  }

  setTimer(delayMs: number, fn: () => void): Timer {
    const timer: PendingTimer = {
      dueMs: this.#nowMs + Math.max(0, delayMs),
      fn,
    }
    this.#timers.add(timer)
    return { cancel: () => void this.#timers.delete(timer) }
  }

  /** Lets `ms` milliseconds pass, with all that happens in them. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    await nextTurn()
    for (let timer = this.#next(); timer && timer.dueMs <= endMs; timer = this.#next()) {
      this.#fire(timer)
      await nextTurn()
    }
    this.#nowMs = endMs
  }

  /**
   * Lets time pass until `promise` settles, and gives what it does. Throws when no timer is left that could bring it, or
   * after `limitMs`.
   */
  async runUntil<T>(promise: Promise<T>, limitMs = 3_600_000): Promise<T> {
    const endMs = this.#nowMs + limitMs
    let isSettled = false
    const settle = () => {
      isSettled = true
    }
    promise.then(settle, settle)
    await nextTurn()
    while (!isSettled) {
      const timer = this.#next()
      if (!timer || timer.dueMs > endMs)
        throw new Error(
          `Stuck: what was waited for did not come ${timer ? `within ${limitMs} ms` : 'and no timer is set'}`,
        )
      this.#fire(timer)
      await nextTurn()
    }
    return promise
  }

  /** Forgets all timers, as the end of their process does. */
  stop(): void {
    this.#timers.clear()
  }

  get pendingTimers(): number {
    return this.#timers.size
  }

  #next(): PendingTimer | undefined {
    let next: PendingTimer | undefined
    for (const timer of this.#timers) if (!next || timer.dueMs < next.dueMs) next = timer
    return next
  }

  #fire(timer: PendingTimer): void {
    this.#timers.delete(timer)
    this.#nowMs = Math.max(this.#nowMs, timer.dueMs)
    timer.fn()
  }
}
