/**
 * How fast something may go: so much a second, with one second's worth in advance. What is taken beyond makes a debt, and
 * the wait until it is paid is how long the caller is to be silent.
 */
export class TokenBucket {
  #rate: number
  #tokens: number
  #at: number

  /** `rate`: a second. */
  constructor(rate: number, nowMs: number) {
    this.#rate = rate
    this.#tokens = rate
    this.#at = nowMs
  }

  /** The rate may have changed since; a debt stays. */
  setRate(rate: number): void {
    if (rate === this.#rate) return
    this.#rate = rate
    this.#tokens = Math.min(this.#tokens, rate)
  }

  take(amount: number, nowMs: number): void {
    this.#refill(nowMs)
    this.#tokens -= amount
  }

  /** Until the debt is paid, milliseconds; 0: there is none. */
  waitMs(nowMs: number): number {
    this.#refill(nowMs)
    return this.#tokens >= 0 ? 0 : Math.ceil((-this.#tokens / this.#rate) * 1000)
  }

  #refill(nowMs: number): void {
    if (nowMs <= this.#at) return
    this.#tokens = Math.min(this.#rate, this.#tokens + ((nowMs - this.#at) / 1000) * this.#rate)
    this.#at = nowMs
  }
}
