/**
 * Names for requests that must not wait for each other at another cluster, which answers one connection's requests one after
 * the other. A name is used again once its request is answered, so there are as many as requests at a time.
 */
export class Lanes {
  readonly #prefix: string
  readonly #free: string[] = []
  #made = 0

  constructor(prefix: string) {
    this.#prefix = prefix
  }

  take(): string {
    return this.#free.pop() ?? `${this.#prefix}-${++this.#made}`
  }

  free(lane: string): void {
    this.#free.push(lane)
  }
}
