/** The greatest timestamp that has reached an operator in a task; windows close by it. */
import type { Undo } from './undo.ts'

/** Nothing has come yet. */
export const noTime = -1

export class StreamTime {
  readonly #undo: Undo
  #now = noTime
  #committed = noTime
  /** Before the record that moved it on last. */
  #before = noTime
  #movedBy = -1
  readonly #takeBack = () => {
    this.#now = this.#before
  }

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
    if (this.#movedBy !== this.#undo.record) {
      this.#movedBy = this.#undo.record
      this.#before = this.#now
      this.#undo.add(this.#takeBack)
    }
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
