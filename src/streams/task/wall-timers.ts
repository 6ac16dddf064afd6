/** What a task has to do by the wall clock: each at the multiples of its interval, once for a leap over several. */
import type { Receive } from '../operator.ts'

interface WallTimer {
  readonly intervalMs: number
  readonly callback: Receive
  dueMs: number
}

export class WallTimers {
  readonly #timers: WallTimer[] = []

  add(intervalMs: number, callback: Receive, nowMs: number): void {
    this.#timers.push({ intervalMs, callback, dueMs: nextMultiple(intervalMs, nowMs) })
  }

  /** Epoch milliseconds; infinite when there is nothing to do. */
  get nextMs(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.#timers.map(({ dueMs }) => dueMs))
  }

  /** Takes the one that is due first, and sets it to its next time. */
  take(nowMs: number): { readonly callback: Receive; readonly atMs: number } | undefined {
    const { nextMs } = this
    if (nextMs > nowMs) return undefined
    const timer = this.#timers.find(({ dueMs }) => dueMs === nextMs)!
    const atMs = nowMs - (nowMs % timer.intervalMs)
    timer.dueMs = nextMultiple(timer.intervalMs, nowMs)
    return { callback: timer.callback, atMs }
  }
}

function nextMultiple(intervalMs: number, nowMs: number): number {
  return nowMs - (nowMs % intervalMs) + intervalMs
}
