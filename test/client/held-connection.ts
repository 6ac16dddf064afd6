/** A way to the broker on which a test decides what goes through: it counts, holds or fails exchanges. */
import { Broker } from '../../src/broker/broker.ts'
import type { BrokerConfigInput } from '../../src/broker/config.ts'
import { BaseClient } from '../../src/client/client.ts'
import { type ClientConfig, resolveClientConfig } from '../../src/client/config.ts'
import type { Connection, ExchangeOptions } from '../../src/connection/connection.ts'
import { EmbeddedConnection } from '../../src/connection/embedded.ts'
import { abortReason, delay } from '../../src/core/backoff.ts'
import { within } from '../../src/core/within.ts'
import { DisconnectedError, TimeoutError } from '../../src/index.ts'
import type { Api } from '../../src/protocol/api.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { ManualRuntime } from '../broker/manual-runtime.ts'
import { turns } from './slow-connection.ts'

interface Exchange {
  readonly api: string
  /** As it would be sent; of a Metadata request: the topics it asks for. */
  readonly topics: readonly string[]
}

export class HeldConnection implements Connection {
  readonly url = 'held:'
  /** What has been asked for so far. */
  readonly exchanges: Exchange[] = []
  /** Exchanges that get no answer, as long as this says so when they are made. */
  isHeld: (exchange: Exchange) => boolean = () => false
  /** Nothing listens there. */
  isDown = false
  /** What an exchange fails with, as long as it gives something. */
  failureOf: (exchange: Exchange) => Error | undefined = () => undefined
  /** How long an answer takes, milliseconds. */
  delayOf: (exchange: Exchange) => number = () => 0
  readonly #inner: Connection
  readonly #runtime: ManualRuntime

  constructor(inner: Connection, runtime: ManualRuntime) {
    this.#inner = inner
    this.#runtime = runtime
  }

  count(api: string, topic?: string): number {
    return this.exchanges.filter(
      (exchange) => exchange.api === api && (!topic || exchange.topics.includes(topic)),
    ).length
  }

  async exchange<Q, R>(
    api: Api<Q, R>,
    request: Q | ((version: number) => Q),
    options: ExchangeOptions = {},
  ): Promise<R> {
    const content = typeof request === 'function' ? undefined : (request as AboutTopics)
    const topics = [...(content?.topics ?? []), ...(content?.topicData ?? [])].map(
      ({ name }) => name ?? '',
    )
    const exchange = { api: api.name, topics }
    this.exchanges.push(exchange)
    if (this.isDown) {
      throw new DisconnectedError('nothing listens there', {
        code: 'NETWORK_EXCEPTION',
        retriable: true,
      })
    }
    const failure = this.failureOf(exchange)
    if (failure) throw failure
    const delayMs = this.delayOf(exchange)
    if (delayMs > 0) {
      const answer = this.#inner.exchange(api, request, { ...options, signal: undefined })
      const late = answer.finally(() => delay(this.#runtime, delayMs))
      return within(this.#runtime, late, { signal: options.signal, onTimeout: () => new Error() })
    }
    if (!this.isHeld(exchange)) return this.#inner.exchange(api, request, options)
    const { signal, timeoutMs } = options
    if (signal?.aborted) throw abortReason(signal)
    return within(this.#runtime, new Promise<R>(() => undefined), {
      signal,
      timeoutMs,
      onTimeout: () =>
        new TimeoutError(`No answer to ${api.name}`, {
          code: 'REQUEST_TIMED_OUT',
          retriable: true,
        }),
    })
  }

  releaseLane(lane: string): void {
    this.#inner.releaseLane(lane)
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}

interface AboutTopics {
  readonly topics?: readonly { readonly name: string | null }[] | null
  readonly topicData?: readonly { readonly name: string }[]
}

export interface HeldClient {
  readonly kafka: BaseClient
  readonly connection: HeldConnection
  /** Milliseconds since the client was made. */
  elapsed(): number
  /** Moves the clock, a step at a time, and lets what is due happen. */
  pass(ms: number, stepMs?: number): Promise<void>
}

/** A client of a broker of its own, in memory; its clock stands still unless moved. */
export function openHeldClient(
  broker: BrokerConfigInput = {},
  config: Omit<ClientConfig, 'url' | 'broker' | 'runtime'> = {},
): HeldClient {
  const runtime = new ManualRuntime(config.logger)
  const start = runtime.monotonicNow()
  const embedded = new EmbeddedConnection('memory:', 'test', runtime, () =>
    Broker.open({ fileSystem: createMemoryFileSystem(), runtime, config: broker }),
  )
  const connection = new HeldConnection(embedded, runtime)
  return {
    kafka: new BaseClient(resolveClientConfig({ ...config, runtime }, {}), connection),
    connection,
    elapsed: () => runtime.monotonicNow() - start,
    async pass(ms, stepMs = 100) {
      await turns(3)
      for (let passed = 0; passed < ms; passed += stepMs) {
        runtime.advance(Math.min(stepMs, ms - passed))
        await turns(3)
      }
    },
  }
}
