/**
 * A way to the broker on which exchanges go wrong, by seed: the request is not sent, is lost, or comes late; or the answer
 * is lost. What is late comes some turns of the event loop after its sender was told that the connection broke.
 */
import type { Connection, ExchangeOptions } from '../../src/connection/connection.ts'
import { DisconnectedError } from '../../src/index.ts'
import type { Api } from '../../src/protocol/api.ts'
import type { SeededRandom } from '../simulation/random.ts'

export type Mishap = 'not sent' | 'request lost' | 'answer lost' | 'late'

export const transactionalApis: readonly string[] = [
  'Produce',
  'FindCoordinator',
  'InitProducerId',
  'AddPartitionsToTxn',
  'AddOffsetsToTxn',
  'TxnOffsetCommit',
  'EndTxn',
]

export interface Unreliability {
  readonly random: SeededRandom
  /** Share of exchanges that go wrong, 0 to 1; may be changed. */
  share: number
  readonly mishaps: readonly Mishap[]
  readonly apis: readonly string[]
  /** Requests that are lost rather than late. */
  readonly neverLate?: readonly string[]
}

export class UnreliableConnection implements Connection {
  readonly url = 'unreliable:'
  readonly #inner: Connection
  readonly #how: Unreliability
  /** How often what went wrong, by API and mishap. */
  readonly counts = new Map<string, number>()
  readonly #late = new Set<Promise<unknown>>()
  /** By API: sends the request that came last once more. */
  readonly #last = new Map<string, () => Promise<unknown>>()

  constructor(inner: Connection, how: Unreliability) {
    this.#inner = inner
    this.#how = how
  }

  async exchange<Q, R>(
    api: Api<Q, R>,
    request: Q | ((version: number) => Q),
    options?: ExchangeOptions,
  ): Promise<R> {
    const { random, share, mishaps, apis } = this.#how
    const send = () => this.#inner.exchange(api, request, options)
    this.#last.set(api.name, send)
    if (!apis.includes(api.name) || !random.chance(share)) {
      return send()
    }
    const mishap = mishaps[random.below(mishaps.length)]!
    const name = `${api.name}: ${mishap}`
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1)
    if (mishap === 'answer lost') await send()
    if (mishap === 'late' && !this.#how.neverLate?.includes(api.name))
      this.#sendLater(send, 1 + random.below(40))
    throw new DisconnectedError('the connection broke', {
      code: 'NETWORK_EXCEPTION',
      retriable: true,
      outcome: mishap === 'not sent' ? 'failed' : 'unknown',
    })
  }

  /** The last request of this API arrives a second time. */
  async repeat(api: string): Promise<void> {
    await this.#last.get(api)!()
  }

  releaseLane(lane: string): void {
    this.#inner.releaseLane(lane)
  }

  async close(): Promise<void> {
    await Promise.all(this.#late)
    await this.#inner.close()
  }

  #sendLater(send: () => Promise<unknown>, turns: number): void {
    const sending = (async () => {
      for (let turn = 0; turn < turns; turn++) {
        await new Promise((resolve) => setImmediate(resolve))
      }
      await send().catch(() => undefined)
    })()
    this.#late.add(sending)
    void sending.then(() => this.#late.delete(sending))
  }
}

/** A broker whose features cannot be seen: with it a client speaks the transaction protocol before KIP-890. */
export class FeaturelessConnection implements Connection {
  readonly url: string
  readonly #inner: Connection

  constructor(inner: Connection) {
    this.url = inner.url
    this.#inner = inner
  }

  async exchange<Q, R>(
    api: Api<Q, R>,
    request: Q | ((version: number) => Q),
    options?: ExchangeOptions,
  ): Promise<R> {
    const answer = await this.#inner.exchange(api, request, options)
    return api.name === 'ApiVersions' ? { ...answer, finalizedFeatures: [] } : answer
  }

  releaseLane(lane: string): void {
    this.#inner.releaseLane(lane)
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}
