/** A way to the broker that takes its time, by seed. */
import type { Connection, ExchangeOptions } from '../../src/connection/connection.ts'
import type { Api } from '../../src/protocol/api.ts'
import type { SeededRandom } from '../simulation/random.ts'

/** Each request and each answer takes some turns of the event loop; they can overtake each other. */
export class SlowConnection implements Connection {
  readonly url = 'slow:'
  readonly #inner: Connection
  readonly #random: SeededRandom
  /** Exchanges whose answer has not come. */
  underWay = 0

  constructor(inner: Connection, random: SeededRandom) {
    this.#inner = inner
    this.#random = random
  }

  async exchange<Q, R>(
    api: Api<Q, R>,
    request: Q | ((version: number) => Q),
    options?: ExchangeOptions,
  ): Promise<R> {
    this.underWay++
    try {
      await turns(this.#random.below(6))
      const answer = await this.#inner.exchange(api, request, options)
      await turns(this.#random.below(6))
      return answer
    } finally {
      this.underWay--
    }
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}

export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve))
}
