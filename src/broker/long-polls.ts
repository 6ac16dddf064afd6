/**
 * Waits of fetches that found too little. A wait costs a few listeners and one timer, and no work until one of its
 * partitions advances. Invariant: whatever ends a wait removes its listeners and its timer.
 */
import { onAbort } from '../core/abort.ts'
import type { Runtime } from '../core/runtime.ts'
import type { PartitionLog } from './log/partition-log.ts'
import { makeVisibleSoon } from './visibility.ts'

/** Why a wait ended: something advanced, time is up, the caller is gone, or the broker closes. */
export type WaitOutcome = 'advanced' | 'expired' | 'gone' | 'closed'

export interface WaitOptions {
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
  /** Asked when a log has advanced, and of every log once the listeners are in place. */
  readonly isWorthLooking: (advanced: PartitionLog) => boolean
}

export class LongPolls {
  readonly #runtime: Runtime
  readonly #waitsMax: number
  readonly #ends = new Set<(outcome: WaitOutcome) => void>()
  /** How many waits watch each log. */
  readonly #watched = new Map<PartitionLog, number>()
  #isClosed = false

  constructor(runtime: Runtime, waitsMax: number) {
    this.#runtime = runtime
    this.#waitsMax = waitsMax
  }

  get waiting(): number {
    return this.#ends.size
  }

  /** Whether someone waits for data of this partition: what is appended should then be synced, and so visible, soon. */
  isWatched(log: PartitionLog): boolean {
    return this.#watched.has(log)
  }

  /** Past `maxWaitingFetches` waits the answer is `expired` at once. */
  wait(logs: readonly PartitionLog[], options: WaitOptions): Promise<WaitOutcome> {
    const { timeoutMs, signal, isWorthLooking } = options
    if (this.#isClosed) return Promise.resolve('closed')
    if (signal?.aborted) return Promise.resolve('gone')
    if (timeoutMs <= 0 || this.#ends.size >= this.#waitsMax) return Promise.resolve('expired')
    return new Promise((resolve) => {
      const end = (outcome: WaitOutcome) => {
        if (!this.#ends.delete(end)) return
        timer.cancel()
        stopListening()
        for (const stop of stops) stop()
        resolve(outcome)
      }
      this.#ends.add(end)
      const timer = this.#runtime.setTimer(timeoutMs, () => end('expired'))
      const stopListening = onAbort(signal, () => end('gone'))
      const stops = logs.map((log) =>
        this.#watch(log, () => isWorthLooking(log) && end('advanced')),
      )
      // What advanced before the listeners were there is not announced again.
      if (logs.some(isWorthLooking)) end('advanced')
    })
  }

  /** Ends every wait as `advanced`: the set of topics has changed. */
  wakeAll(): void {
    for (const end of [...this.#ends]) end('advanced')
  }

  /** Ends every wait, and every later one at once. Idempotent. */
  close(): void {
    this.#isClosed = true
    for (const end of [...this.#ends]) end('closed')
  }

  #watch(log: PartitionLog, onAdvance: () => void): () => void {
    this.#watched.set(log, (this.#watched.get(log) ?? 0) + 1)
    const stop = log.onAdvance(onAdvance)
    makeVisibleSoon(log)
    return () => {
      stop()
      const count = this.#watched.get(log)! - 1
      if (count === 0) this.#watched.delete(log)
      else this.#watched.set(log, count)
    }
  }
}
