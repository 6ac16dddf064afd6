/**
 * Notices that nothing has moved for a while, for any number of bodies at a time: one timer looks after all of them, as each
 * request has a body and most are over at once. It may notice late, by half of the shortest time.
 *
 * Watches are linked into a ring, and a `Set` is not used on purpose: one that each request enters and leaves is made anew
 * again and again, and each old table keeps alive the next (V8), with all that was in it, until the whole heap is collected.
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
  /** Both undefined: it rests. */
  before: Watch | undefined
  after: Watch | undefined
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
    unlink(this)
  }
}

export class StallClock {
  readonly #runtime: Runtime
  /** Where the ring of watches begins and ends. */
  readonly #ring: Watch
  #timer: Timer | undefined
  /** As of the last look: exact enough, and cheaper than asking for each. */
  #shortestMs = Number.POSITIVE_INFINITY

  constructor(runtime: Runtime) {
    this.#runtime = runtime
    this.#ring = new Watch(this, Number.POSITIVE_INFINITY, () => undefined, 0)
    this.#ring.before = this.#ring
    this.#ring.after = this.#ring
  }

  /** Calls `onStall` once when nothing has moved for `timeoutMs`. */
  watch(timeoutMs: number, onStall: () => void): StallWatch {
    const watch = new Watch(this, timeoutMs, onStall, this.#runtime.monotonicNow())
    this.#link(watch)
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
    if (watch.after === undefined) this.#link(watch)
    this.#arm()
  }

  #link(watch: Watch): void {
    const last = this.#ring.before!
    watch.before = last
    watch.after = this.#ring
    last.after = watch
    this.#ring.before = watch
  }

  #arm(): void {
    this.#timer ??= this.#runtime.setTimer(this.#shortestMs / 2, () => this.#look(), {
      background: true,
    })
  }

  #look(): void {
    this.#timer = undefined
    const now = this.#runtime.monotonicNow()
    const stalled: Watch[] = []
    for (let watch = this.#ring.after!; watch !== this.#ring; watch = watch.after!)
      if (now - watch.touchedAt >= watch.timeoutMs) stalled.push(watch)
    for (const watch of stalled) {
      // One that stalls may end another.
      if (watch.after === undefined) continue
      unlink(watch)
      watch.onStall()
    }
    if (this.#ring.after !== this.#ring) this.#arm()
  }
}

function unlink(watch: Watch): void {
  const { before, after } = watch
  if (!before || !after) return
  before.after = after
  after.before = before
  watch.before = undefined
  watch.after = undefined
}
