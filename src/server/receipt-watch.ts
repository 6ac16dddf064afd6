/** Watches how long a request takes to come. Time in which nothing is read, because we do not want to, does not count. */
import type { Runtime, Timer } from '../core/runtime.ts'

export interface ReceiptWatchParts {
  readonly runtime: Runtime
  readonly timeoutMs: number
  /** A request has begun, and is not whole after so long. */
  readonly onTimeout: (tookMs: number) => void
}

export class ReceiptWatch {
  readonly #parts: ReceiptWatchParts
  /** The number of the request that has begun; undefined: none has. */
  #request: number | undefined
  #since = 0
  #pausedAt: number | undefined
  #timer: Timer | undefined

  constructor(parts: ReceiptWatchParts) {
    this.#parts = parts
  }

  /** Something has come; `request`: the number of the one that has begun and is not whole. */
  progress(request: number | undefined): void {
    if (request === this.#request) return
    this.#request = request
    this.#since = this.#now()
    if (request !== undefined && !this.#timer) this.#watch(this.#parts.timeoutMs)
  }

  pause(): void {
    this.#pausedAt ??= this.#now()
  }

  resume(): void {
    if (this.#pausedAt === undefined) return
    this.#since += this.#now() - Math.max(this.#pausedAt, this.#since)
    this.#pausedAt = undefined
  }

  end(): void {
    this.#request = undefined
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** One timer looks again and again, so that requests that come in pieces cost none each. */
  #watch(delayMs: number): void {
    const { runtime, timeoutMs, onTimeout } = this.#parts
    const look = () => {
      this.#timer = undefined
      if (this.#request === undefined) return
      const tookMs = (this.#pausedAt ?? this.#now()) - this.#since
      if (tookMs < timeoutMs) this.#watch(timeoutMs - Math.max(0, tookMs))
      else if (this.#pausedAt !== undefined) this.#watch(timeoutMs)
      else onTimeout(tookMs)
    }
    this.#timer = runtime.setTimer(delayMs, look, { background: true })
  }

  #now(): number {
    return this.#parts.runtime.monotonicNow()
  }
}
