/**
 * A clock that tests move. Time also passes by itself, so what waits a moment goes on as usual; `advance` makes it later at
 * once, and whatever was due meanwhile happens in its order.
 */
import { type Duration, parseDuration } from '../core/duration.ts'
import type { Logger, Runtime, Timer } from '../core/runtime.ts'
import { createRuntime } from '../core/runtime.ts'
import { nextTurn } from '../core/turn.ts'

interface PendingTimer {
  readonly dueAtMs: number
  readonly fn: () => void
  readonly isBackground: boolean
  real: Timer
}

/** Turns of the event loop in which what a timer has begun may go on before the clock moves further. */
const turnsPerTimer = 3
const stepsMax = 20_000

/** The time of a `MockClient` and its broker: it stands still until a test moves it. */
export class TestClock implements Runtime {
  readonly logger: Logger
  readonly #real: Runtime
  readonly #timers = new Set<PendingTimer>()
  #aheadMs = 0

  constructor(logger?: Logger) {
    this.#real = createRuntime(logger)
    this.logger = this.#real.logger
  }

  /** Epoch milliseconds, as the client and the broker see them. */
  now(): number {
    return Math.floor(this.#real.now() + this.#aheadMs)
  }

  monotonicNow(): number {
    return this.#real.monotonicNow() + this.#aheadMs
  }

  /**
   * Makes it later by `duration` (milliseconds or '5m'), step by step: each timer that is due on the way fires at its time,
   * and what it begins gets some turns of the event loop. After 20 000 timers the rest is one leap: days may pass in a
   * second, though members of groups may be found to have been silent in them.
   */
  async advance(duration: Duration): Promise<void> {
    const byMs = parseDuration(duration, 'advance')
    const endMs = this.monotonicNow() + byMs
    const aheadAtEndMs = this.#aheadMs + byMs
    let steps = 0
    for (let next = this.#nextDue(endMs); next && steps < stepsMax; next = this.#nextDue(endMs)) {
      steps++
      await this.#step(next, next.dueAtMs)
    }
    const left = [...this.#timers].filter(({ dueAtMs }) => dueAtMs <= endMs)
    left.sort((a, b) => a.dueAtMs - b.dueAtMs)
    for (const timer of left) await this.#step(timer, endMs)
    this.#aheadMs = aheadAtEndMs
    for (const timer of this.#timers) this.#arm(timer)
    await nextTurn()
  }

  async #step(timer: PendingTimer, atMs: number): Promise<void> {
    this.#leapTo(atMs)
    this.#fire(timer)
    for (let turn = 0; turn < turnsPerTimer; turn++) await nextTurn()
  }

  #leapTo(atMs: number): void {
    this.#aheadMs += Math.max(0, atMs - this.monotonicNow())
  }

  setTimer(delayMs: number, fn: () => void, options?: { background?: boolean }): Timer {
    const timer: PendingTimer = {
      dueAtMs: this.monotonicNow() + Math.max(0, delayMs),
      fn,
      isBackground: options?.background ?? false,
      real: { cancel: () => undefined },
    }
    this.#timers.add(timer)
    this.#arm(timer)
    return {
      cancel: () => {
        timer.real.cancel()
        this.#timers.delete(timer)
      },
    }
  }

  random(): number {
    return this.#real.random()
  }

  uuid(): string {
    return this.#real.uuid()
  }

  #arm(timer: PendingTimer): void {
    timer.real.cancel()
    const leftMs = Math.max(0, timer.dueAtMs - this.monotonicNow())
    timer.real = this.#real.setTimer(leftMs, () => this.#fire(timer), {
      background: timer.isBackground,
    })
  }

  #fire(timer: PendingTimer): void {
    timer.real.cancel()
    if (this.#timers.delete(timer)) timer.fn()
  }

  #nextDue(endMs: number): PendingTimer | undefined {
    let next: PendingTimer | undefined
    for (const timer of this.#timers) {
      if (timer.dueAtMs <= endMs && (!next || timer.dueAtMs < next.dueAtMs)) next = timer
    }
    return next
  }
}
