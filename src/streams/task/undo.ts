/**
 * What one record has done, so that it can be undone: a record happens as a whole or not at all. Parts of it that fail by
 * themselves, as the result of a window that it closes, are taken back to a savepoint.
 */
import { Pile } from './pile.ts'

/** What was done since can be taken back by itself. */
export interface Savepoint {
  readonly steps: number
  readonly depth: number
}

export class Undo {
  readonly #steps = new Pile<(subject: never, before: never) => void>()
  readonly #subjects = new Pile<unknown>()
  readonly #befores = new Pile<unknown>()
  #stretch = 0
  /** How many savepoints are open. */
  #depth = 0
  /** Steps that belong further out than where they were made, with the depth that they belong to. */
  readonly #outer = new Map<number, number>()

  /** Another number whenever what follows may be taken back without what came before. */
  get stretch(): number {
    return this.#stretch
  }

  get depth(): number {
    return this.#depth
  }

  /** How to take back a step that was just made. */
  add(step: () => void): void {
    this.addWith(step, undefined, undefined)
  }

  /** As `add`, with what `step` is given: a closure for each write of each record is much of what a record leaves as garbage. */
  addWith<S, B>(step: (subject: S, before: B) => void, subject: S, before: B): void {
    this.#steps.push(step)
    this.#subjects.push(subject)
    this.#befores.push(before)
  }

  /**
   * Makes steps for what is under way at `depth`, though a savepoint below it may be open: a callback that goes on while
   * those below still work at what it has forwarded. They stay when that savepoint is taken back, so they must touch nothing
   * that is written below.
   */
  at(depth: number, write: () => void): void {
    const from = this.#steps.size
    write()
    if (depth === this.#depth) return
    for (let i = from; i < this.#steps.size; i++) this.#outer.set(i, depth)
  }

  /** Savepoints lie within one another: the last that was opened is the first to be released or taken back. */
  open(): Savepoint {
    this.#stretch++
    this.#depth++
    return { steps: this.#steps.size, depth: this.#depth }
  }

  /** What was done since stays, as long as the record does. */
  release({ depth }: Savepoint): void {
    this.#depth = depth - 1
  }

  /** Takes back what was done since, the last first. */
  rollBack({ steps, depth }: Savepoint): void {
    this.#stretch++
    this.#depth = depth - 1
    const kept: (() => void)[] = []
    while (this.#steps.size > steps) {
      const index = this.#steps.size - 1
      const belongsTo = this.#outer.get(index)
      this.#outer.delete(index)
      const step = this.#steps.pop()!
      const [subject, before] = [this.#subjects.pop(), this.#befores.pop()]
      if (belongsTo === undefined || belongsTo >= depth) step(subject as never, before as never)
      else kept.push(() => this.#keep(step, subject, before, belongsTo))
    }
    for (const keep of kept.reverse()) keep()
  }

  /** The record is done: what it did stays. */
  clear(): void {
    this.#reset()
    this.#steps.clear()
    this.#subjects.clear()
    this.#befores.clear()
  }

  /** Takes everything back, the last first. */
  run(): void {
    this.#reset()
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      step(this.#subjects.pop() as never, this.#befores.pop() as never)
    }
  }

  #keep(
    step: (subject: never, before: never) => void,
    subject: unknown,
    before: unknown,
    depth: number,
  ): void {
    if (depth !== this.#depth) this.#outer.set(this.#steps.size, depth)
    this.addWith(step, subject as never, before as never)
  }

  #reset(): void {
    this.#stretch++
    this.#depth = 0
    if (this.#outer.size > 0) this.#outer.clear()
  }
}
