/** How long a broker wants to hear nothing on a connection (KIP-219): each answer says so, the latest end counts. */
import type { Runtime, Timer } from '../core/runtime.ts'

/**
 * Brokers used to hold the answer back and tell afterwards: in these versions, by API key, and older ones, the time that
 * the answer tells has passed.
 */
const toldAfterwards: { readonly [apiKey: number]: number } = {
  0: 5,
  1: 7,
  2: 2,
  3: 5,
  8: 3,
  9: 3,
  10: 1,
  11: 2,
  12: 1,
  13: 1,
  14: 1,
  15: 1,
  16: 1,
  18: 1,
  19: 2,
  20: 1,
  21: 0,
  22: 0,
  24: 0,
  25: 0,
  26: 0,
  28: 0,
  32: 1,
  33: 0,
  35: 0,
  37: 0,
  42: 0,
}

export class Throttle {
  readonly #runtime: Runtime
  #endsAt = 0
  #timer: Timer | undefined
  #over: Promise<void> | undefined
  #release: (() => void) | undefined

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** Resolves when requests may be sent again, or never will be; undefined: now. */
  get over(): Promise<void> | undefined {
    return this.#over
  }

  /** Looks at an answer; true when it asks for a pause. */
  heed(apiKey: number, version: number, response: unknown): boolean {
    const { throttleTimeMs = 0 } = response as { throttleTimeMs?: number }
    if (throttleTimeMs <= 0 || version <= (toldAfterwards[apiKey] ?? -1)) return false
    this.pauseFor(throttleTimeMs)
    return true
  }

  /** Nothing is to be sent for so long, milliseconds; an earlier pause that ends later still holds. */
  pauseFor(pauseMs: number): void {
    const endsAt = this.#runtime.monotonicNow() + pauseMs
    if (endsAt <= this.#endsAt) return
    this.#endsAt = endsAt
    this.#timer?.cancel()
    this.#over ??= new Promise((resolve) => {
      this.#release = resolve
    })
    // Whoever waits has a timer of its own that keeps the process.
    this.#timer = this.#runtime.setTimer(pauseMs, () => this.end(), { background: true })
  }

  /** Lets go of whoever waits. */
  end(): void {
    this.#timer?.cancel()
    this.#over = undefined
    this.#release?.()
    this.#release = undefined
  }
}
