/**
 * The connection to a broker in this process: requests are handed over as objects, nothing is serialised but the
 * record batches, which are bytes everywhere. The broker is opened at the first exchange.
 */
import type { Backend, BackupRequest } from '../backend/backend.ts'
import { notServed } from '../backend/not-served.ts'
import { Session } from '../backend/session.ts'
import { abortReason } from '../core/backoff.ts'
import { ClosedError, TimeoutError } from '../core/errors.ts'
import type { Runtime } from '../core/runtime.ts'
import { nextTurn } from '../core/turn.ts'
import { within } from '../core/within.ts'
import type { Api } from '../protocol/api.ts'
import type { Connection, ExchangeOptions } from './connection.ts'
import { noBackup } from './no-backup.ts'
import { Throttle } from './throttle.ts'

/**
 * A broker that answers from memory takes no turn of the event loop, and an application that awaits answer after answer
 * would starve timers and I/O. So every so many answers come a turn later.
 */
const answersPerTurn = 64

export class EmbeddedConnection implements Connection {
  readonly url: string
  readonly #clientId: string
  readonly #runtime: Runtime
  readonly #openBroker: () => Promise<Backend>
  #broker: Backend | undefined
  #opening: Promise<Backend> | undefined
  readonly #session: Session
  readonly #throttle: Throttle
  #isClosed = false
  #answers = 0

  /** `session`: whose requests they are. Default: those of this process, `User:embedded`. */
  constructor(
    url: string,
    clientId: string,
    runtime: Runtime,
    openBroker: () => Promise<Backend>,
    session: Session = embeddedSession('embedded'),
  ) {
    this.url = url
    this.#session = session
    this.#clientId = clientId
    this.#runtime = runtime
    this.#openBroker = openBroker
    this.#session.clientId = clientId
    this.#throttle = new Throttle(runtime)
  }

  async exchange<Request, Response>(
    api: Api<Request, Response>,
    request: Request | ((version: number) => Request),
    options: ExchangeOptions = {},
  ): Promise<Response> {
    const { signal, timeoutMs, maxVersion = api.maxVersion } = options
    if (signal?.aborted) throw abortReason(signal)
    const broker = this.#broker ?? (await this.#open())
    if (this.#throttle.over) await this.#unthrottled(signal)
    if (this.#isClosed) throw closedConnection()
    const served = broker.servedApi(api.key)
    if (!served) throw notServed(api.name)
    const version = Math.min(served.accepted.maxVersion, maxVersion)
    const content =
      typeof request === 'function' ? (request as (version: number) => Request)(version) : request
    const context = { version, clientId: this.#clientId, session: this.#session }
    const handled = broker
      .handle(api, content, signal ? { ...context, signal } : context)
      .then(({ response, throttleMs }) => {
        if (throttleMs > 0) this.#throttle.pauseFor(throttleMs)
        return response
      })
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

  async *backup(request: BackupRequest): AsyncGenerator<Uint8Array, void, undefined> {
    const broker = await this.#open()
    if (!broker.backup) throw noBackup(this.url)
    yield* broker.backup(request)
  }

  /** Requests to a broker in this process wait for nobody: there is nothing to let go of. */
  releaseLane(): void {}

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#throttle.end()
    const broker = await this.#opening?.catch(() => undefined)
    await broker?.close()
  }

  /** A client is silent for as long as it is told to be (KIP-219). */
  #unthrottled(signal: AbortSignal | undefined): Promise<void> {
    return within(this.#runtime, this.#throttle.over!, { signal, onTimeout: closedConnection })
  }

  async #aTurnLater<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer
    } finally {
      await nextTurn()
    }
  }

  #open(): Promise<Backend> {
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

/** Of this process: an application with its own broker, or the server itself. */
export function embeddedSession(authentication: 'embedded' | 'system'): Session {
  return new Session({
    id: authentication,
    principal: { type: 'User', name: authentication },
    authentication,
    listener: 'embedded',
    isTls: false,
    clientAddress: 'embedded',
    advertised: { host: 'embedded', port: 0 },
  })
}

function closedConnection(): ClosedError {
  return new ClosedError('The client is closed; create a new Client', {
    code: 'CLIENT_CLOSED',
  })
}
