/** What one record has done, so that it can be undone: a record happens as a whole or not at all. */
import { Pile } from './pile.ts'

export class Undo {
  readonly #steps = new Pile<(subject: never, before: never) => void>()
  readonly #subjects = new Pile<unknown>()
  readonly #befores = new Pile<unknown>()
  #record = 0

  /** Another number for each record. */
  get record(): number {
    return this.#record
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

  /** The record is done: what it did stays. */
  clear(): void {
    this.#record++
    this.#steps.clear()
    this.#subjects.clear()
    this.#befores.clear()
  }

  /** Takes everything back, the last first. */
  run(): void {
    this.#record++
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      step(this.#subjects.pop() as never, this.#befores.pop() as never)
    }
  }
}
