/** Whether a consumer is ready, for who waits for it. It becomes so once, or ends before. */

interface Waiting {
  resolve(): void
  reject(error: unknown): void
}

export class Readiness {
  #isReady = false
  /** Why it can never be ready, or is not any more. */
  #end: { readonly error: unknown } | undefined
  #waiting: Waiting[] = []

  /** Resolves when it is ready; rejects when it has ended. */
  wait(): Promise<void> {
    if (this.#end) return Promise.reject(this.#end.error)
    if (this.#isReady) return Promise.resolve()
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  become(): void {
    if (this.#isReady || this.#end) return
    this.#isReady = true
    for (const { resolve } of this.#taken()) resolve()
  }

  /** The first reason stays. */
  end(error: unknown): void {
    this.#end ??= { error }
    for (const { reject } of this.#taken()) reject(error)
  }

  #taken(): Waiting[] {
    const waiting = this.#waiting
    this.#waiting = []
    return waiting
  }
}
