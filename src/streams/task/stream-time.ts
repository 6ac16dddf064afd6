/** The greatest timestamp that has reached an operator in a task; windows close by it. */
import type { Undo } from './undo.ts'

/** Nothing has come yet. */
export const noTime = -1

export class StreamTime {
  readonly #undo: Undo
  #now = noTime
  #committed = noTime
  /** In which stretch of the undo it was moved last: one step for each is enough. */
  #movedIn = -1

  constructor(undo: Undo) {
    this.#undo = undo
  }

  /** Epoch milliseconds; -1 before the first record. */
  get now(): number {
    return this.#now
  }

  /** As of the last commit. */
  get committed(): number {
    return this.#committed
  }

  /** Moves on to `timestampMs` if that is later. */
  advance(timestampMs: number): void {
    if (timestampMs <= this.#now) return
    if (this.#movedIn !== this.#undo.stretch) {
      this.#movedIn = this.#undo.stretch
      this.#undo.addWith(rollBack, this, this.#now)
    }
    this.#now = timestampMs
  }

  /** @internal A record, or a part of it, did not come about. */
  rollBack(timestampMs: number): void {
    this.#now = timestampMs
  }

  commit(): void {
    this.#committed = this.#now
  }

  abort(): void {
    this.#now = this.#committed
  }

  /** Begins where the last commit left it. */
  restore(timestampMs: number): void {
    this.#now = timestampMs
    this.#committed = timestampMs
  }
}

function rollBack(time: StreamTime, before: number): void {
  time.rollBack(before)
}
