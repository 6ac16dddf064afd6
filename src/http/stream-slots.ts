/** Live streams at a time, of each key. */
import { principalName, type Session } from '../backend/session.ts'
import { HttpError } from './problem.ts'

export class StreamSlots {
  readonly #max: number
  readonly #open = new Map<string, number>()

  constructor(max: number) {
    this.#max = max
  }

  /** Returns what gives the slot back, which may be called twice. Throws `HttpError` 429 when there is none. */
  take({ principal, authentication, clientAddress }: Session): () => void {
    const name = authentication === 'none' ? clientAddress : principalName(principal)
    const open = this.#open.get(name) ?? 0
    if (open >= this.#max) {
      throw new HttpError(
        429,
        `There are ${open} live streams of this key already (maxStreamsPerKey)`,
        {
          code: 'TOO_MANY_STREAMS',
          retriable: true,
          headers: { 'retry-after': '5' },
        },
      )
    }
    this.#open.set(name, open + 1)
    let isMine = true
    return () => {
      if (!isMine) return
      isMine = false
      const left = this.#open.get(name)! - 1
      if (left > 0) this.#open.set(name, left)
      else this.#open.delete(name)
    }
  }
}
