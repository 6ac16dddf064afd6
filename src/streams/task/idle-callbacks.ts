/** What a task does when nothing comes: each callback again and again, whenever a silence has lasted its time once more. */
import type { Receive } from '../operator.ts'

interface IdleCallback {
  readonly afterMs: number
  readonly call: Receive
  /** How often it was called in this silence. */
  called: number
}

export class IdleCallbacks {
  readonly #callbacks: IdleCallback[] = []

  /** Those below are added first, and called last. */
  add(afterMs: number, call: Receive): void {
    this.#callbacks.unshift({ afterMs, call, called: 0 })
  }

  /** The silence is over. */
  recordCame(): void {
    for (const callback of this.#callbacks) callback.called = 0
  }

  /** How long a silence must last for the next one; infinite when there are none. */
  get nextMs(): number {
    let next = Number.POSITIVE_INFINITY
    for (const { afterMs, called } of this.#callbacks) {
      next = Math.min(next, afterMs * (called + 1))
    }
    return next
  }

  /** One that is to be called, and counts as called now. */
  due(silentMs: number): Receive | undefined {
    const due = this.#callbacks.find(({ afterMs, called }) => afterMs * (called + 1) <= silentMs)
    if (due) due.called++
    return due?.call
  }
}
