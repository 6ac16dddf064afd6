/**
 * The connection to a broker in this process: requests are handed over as objects, nothing is serialised but the
 * record batches, which are bytes everywhere. The broker is opened at the first exchange.
 */
import { abortReason } from '../core/backoff.ts'
import { ClosedError, TimeoutError } from '../core/errors.ts'
import type { Runtime } from '../core/runtime.ts'
import { nextTurn } from '../core/turn.ts'
import { within } from '../core/within.ts'
import type { Api, ApiIdentity } from '../protocol/api.ts'
import type { Connection, ExchangeOptions } from './connection.ts'

/** What the embedded connection needs of a broker; the entry file provides one. */
export interface EmbeddedBroker {
  /** The highest version of an API that the broker serves. */
  highestVersion(api: ApiIdentity): number
  handle<Request, Response>(
    api: Api<Request, Response>,
    request: Request,
    context: {
      version: number
      clientId: string
      principal: string
      host: string
      signal?: AbortSignal
    },
  ): Promise<Response>
  close(): Promise<void>
}

/**
 * A broker that answers from memory takes no turn of the event loop, and an application that awaits answer after answer
 * would starve timers and I/O. So every so many answers come a turn later.
 */
const answersPerTurn = 64

export class EmbeddedConnection implements Connection {
  readonly url: string
  readonly #clientId: string
  readonly #runtime: Runtime
  readonly #openBroker: () => Promise<EmbeddedBroker>
  #broker: EmbeddedBroker | undefined
  #opening: Promise<EmbeddedBroker> | undefined
  #isClosed = false
  #answers = 0

  constructor(
    url: string,
    clientId: string,
    runtime: Runtime,
    openBroker: () => Promise<EmbeddedBroker>,
  ) {
    this.url = url
    this.#clientId = clientId
    this.#runtime = runtime
    this.#openBroker = openBroker
  }

  async exchange<Request, Response>(
    api: Api<Request, Response>,
    request: Request | ((version: number) => Request),
    options: ExchangeOptions = {},
  ): Promise<Response> {
    const { signal, timeoutMs, maxVersion = api.maxVersion } = options
    if (signal?.aborted) throw abortReason(signal)
    const broker = this.#broker ?? (await this.#open())
    if (this.#isClosed) throw closedConnection()
    const version = Math.min(broker.highestVersion(api), maxVersion)
    const content =
      typeof request === 'function' ? (request as (version: number) => Request)(version) : request
    const context = {
      version,
      clientId: this.#clientId,
      principal: 'User:embedded',
      host: 'embedded',
    }
    const handled = broker.handle(api, content, signal ? { ...context, signal } : context)
    const answer = ++this.#answers % answersPerTurn === 0 ? this.#aTurnLater(handled) : handled
    if (timeoutMs === undefined && !signal) return answer
    return within(this.#runtime, answer, {
      timeoutMs,
      signal,
      onTimeout: () =>
        new TimeoutError(`The embedded broker did not answer ${api.name} within ${timeoutMs} ms`, {
          code: 'REQUEST_TIMED_OUT',
          retriable: true,
          outcome: 'unknown',
        }),
    })
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    const broker = await this.#opening?.catch(() => undefined)
    await broker?.close()
  }

  async #aTurnLater<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer
    } finally {
      await nextTurn()
    }
  }

  #open(): Promise<EmbeddedBroker> {
    if (this.#isClosed) return Promise.reject(closedConnection())
    this.#opening ??= this.#openBroker().then(
      (broker) => {
        this.#broker = broker
        return broker
      },
      (error: unknown) => {
        this.#opening = undefined
        throw error
      },
    )
    return this.#opening
  }
}

function closedConnection(): ClosedError {
  return new ClosedError('The client is closed; make a new Client to go on', {
    code: 'CLIENT_CLOSED',
  })
}
