/** One thing at a time, in the order in which it was asked for. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0

  /** How many wait for their turn. */
  get waiting(): number {
    return this.#waiting
  }

  /** Runs `work` when all before it is done, and gives what it does. */
  take<T>(work: () => Promise<T>): Promise<T> {
    this.#waiting++
    const run = this.#last.then(() => {
      this.#waiting--
      return work()
    })
    this.#last = run.catch(() => undefined)
    return run
  }
}
