/** How many exchanges of a connection are under way, so that its close can let them finish. */
import type { Runtime } from '../core/runtime.ts'
import { resolvesWithin } from '../core/within.ts'

export class ExchangesUnderWay {
  #count = 0
  #onQuiet: (() => void) | undefined

  begin(): void {
    this.#count++
  }

  end(): void {
    this.#count--
    if (this.#count === 0) this.#onQuiet?.()
  }

  /** Resolves when none is under way, or after `timeoutMs`. */
  async quiet(runtime: Runtime, timeoutMs: number): Promise<void> {
    if (this.#count === 0) return
    const quiet = new Promise<void>((resolve) => {
      this.#onQuiet = resolve
    })
    await resolvesWithin(runtime, quiet, timeoutMs)
  }
}
