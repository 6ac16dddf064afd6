/**
 * One connection to one broker: connected, versions agreed on, authenticated; then requests are pipelined and answered in
 * order. Whoever routes requests decides which socket a request goes to; see `tcp.ts`.
 *
 *   open ──────▶ usable ──retire──▶ draining ──last answer──▶ closed
 *                  └──── failed, closed by the broker ───────────┘
 *
 * Outcomes: what fails before its bytes are handed to the operating system did not happen ('failed'); what was sent and
 * got no answer may have ('unknown').
 */

import type { Socket } from 'node:net'
import { onAbort } from '../../core/abort.ts'
import { abortReason } from '../../core/backoff.ts'
import { DisconnectedError, KafkaError, type Outcome, TimeoutError } from '../../core/errors.ts'
import { Fifo } from '../../core/fifo.ts'
import type { Runtime, Timer } from '../../core/runtime.ts'
import { version as packageVersion } from '../../core/version.ts'
import { within } from '../../core/within.ts'
import type { Api, ApiIdentity } from '../../protocol/api.ts'
import { errorFrom, errorName } from '../../protocol/error-codes.ts'
import { correlationIdOf, decodeResponseFrame, encodeRequestFrame } from '../../protocol/frame.ts'
import { FrameSplitter } from '../../protocol/frame-splitter.ts'
import {
  apiVersions,
  createApiVersionsRequest,
} from '../../protocol/messages/generated/api-versions.ts'
import { authenticate } from '../sasl/authenticate.ts'
import type { SaslCredentials } from '../sasl/mechanism.ts'
import { Throttle } from '../throttle.ts'
import { type BrokerAddress, formatAddress } from './address.ts'
import { notOpened, openSocket, refused, type SocketOptions } from './open-socket.ts'

export interface SocketExchange {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  readonly oneWay?: boolean | undefined
}

interface PendingRequest {
  readonly correlationId: number
  /** Takes the frame of the response. Throws `CorruptDataError` when it cannot be read. */
  readonly answer: (frame: Uint8Array) => void
  readonly fail: (error: Error) => void
  /** Nobody waits any more; the answer is still to come, and dropped. */
  isAbandoned: boolean
}

interface VersionRange {
  readonly minVersion: number
  readonly maxVersion: number
}

/** The response to anything may be large; its length is believed only as far as bytes come. */
const responseBytesMax = 2_147_483_647
const keepAliveDelayMs = 30_000
/** A request that waits longer than this, with no byte received since, shows that the connection is dead. */
const deadAfterMs = 1000
/** How long a socket that is of no more use may take to get rid of what was written to it. */
const flushMs = 5000
/** A session with an end is left in good time before it. */
const sessionShare = 0.85

export class BrokerSocket {
  readonly address: BrokerAddress
  readonly #runtime: Runtime
  readonly #clientId: string
  readonly #socket: Socket
  readonly #pending = new Fifo<PendingRequest>()
  readonly #versions = new Map<number, VersionRange>()
  readonly #throttle: Throttle
  #correlationId = 0
  #abandoned = 0
  #isCorked = false
  /** Set once the broker has answered a request of the user of this socket: it takes us as we are. */
  #isServed = false
  readonly #isAnonymous: boolean
  #isRetired = false
  #failure: Error | undefined
  #sessionTimer: Timer | undefined
  #closeListeners: (() => void)[] = []

  /** What answers is a web server. */
  #isHttp = false

  private constructor(options: SocketOptions, socket: Socket) {
    this.address = options.address
    this.#runtime = options.runtime
    this.#clientId = options.clientId
    this.#socket = socket
    this.#throttle = new Throttle(options.runtime)
    this.#isAnonymous = options.sasl === undefined
    const splitter = new FrameSplitter(responseBytesMax)
    socket.setNoDelay(true)
    socket.setKeepAlive(true, keepAliveDelayMs)
    socket.once('data', (chunk: Uint8Array) => {
      this.#isHttp = String.fromCharCode(...chunk.subarray(0, 5)) === 'HTTP/'
    })
    socket.on('data', (chunk: Uint8Array) => {
      try {
        splitter.push(chunk, (frame) => this.#receive(frame))
      } catch (error) {
        this.#fail(error as Error)
      }
    })
    socket.on('error', (error) => this.#fail(error))
    socket.on('end', () => this.#fail(this.#left()))
    socket.on('close', () => this.#fail(new Error('the connection was closed')))
  }

  /** Rejects with `DisconnectedError`, `UnauthorizedError`, or the signal's reason. */
  static async open(options: SocketOptions): Promise<BrokerSocket> {
    const { runtime, connectTimeoutMs, sasl, signal } = options
    const deadline = runtime.monotonicNow() + connectTimeoutMs
    const leftMs = () => Math.max(1, deadline - runtime.monotonicNow())
    const socket = new BrokerSocket(options, await openSocket(options))
    const stopListening = onAbort(signal, () => socket.close())
    try {
      await socket.#agreeOnVersions(leftMs)
      if (sasl) await socket.#authenticate(sasl, leftMs)
    } catch (error) {
      socket.close()
      if (signal?.aborted) throw abortReason(signal)
      throw socket.#notUsable(options, error)
    } finally {
      stopListening()
    }
    return socket
  }

  /** May take requests. */
  get isUsable(): boolean {
    return this.#failure === undefined && !this.#isRetired
  }

  /** Requests whose answer is still to come, also those that nobody waits for. */
  get inFlight(): number {
    return this.#pending.length
  }

  /** Whether an answer is still to come that nobody waits for: later ones come only behind it. */
  get hasAbandoned(): boolean {
    return this.#abandoned > 0
  }

  /** The newest version that both sides know. Throws `KafkaError` UNSUPPORTED_VERSION. */
  versionOf(api: ApiIdentity, maxVersion = api.maxVersion): number {
    const served = this.#versions.get(api.key)
    const version = Math.min(maxVersion, api.maxVersion, served?.maxVersion ?? -1)
    if (version >= api.minVersion && version >= served!.minVersion) return version
    const theirs = served ? `v${served.minVersion} to v${served.maxVersion}` : 'none'
    throw new KafkaError(
      `The broker at ${formatAddress(this.address)} serves ${theirs} of ${api.name}; this client supports v${api.minVersion} to v${api.maxVersion}. The broker is too old (or too new) for this request`,
      { code: 'UNSUPPORTED_VERSION' },
    )
  }

  async exchange<Request, Response>(
    api: Api<Request, Response>,
    version: number,
    request: Request,
    { timeoutMs, signal, oneWay }: SocketExchange,
  ): Promise<Response> {
    const deadline = this.#runtime.monotonicNow() + timeoutMs
    while (this.#throttle.over) {
      await within(this.#runtime, this.#throttle.over, {
        timeoutMs: deadline - this.#runtime.monotonicNow(),
        signal,
        onTimeout: () => this.#timedOut(api.name, timeoutMs, 'failed', 'the broker throttles us'),
      })
    }
    if (this.#failure) throw this.#lost(this.#failure, 'failed')
    const correlationId = this.#correlationId
    this.#correlationId = (correlationId + 1) & 0x7fffffff
    const header = { apiVersion: version, correlationId, clientId: this.#clientId }
    const parts = encodeRequestFrame(api, header, request)
    if (oneWay) {
      this.#write(parts)
      // There is no response.
      return undefined as Response
    }
    const decode = (frame: Uint8Array) => this.#decode(api, version, frame)
    return this.#answered(api.name, correlationId, parts, decode, { timeoutMs, signal })
  }

  /** Takes no further requests; ends after the last answer. Idempotent. */
  retire(): void {
    this.#isRetired = true
    this.#sessionTimer?.cancel()
    this.#restIfIdle()
  }

  /** At once: what waits for an answer is rejected. Idempotent. */
  close(): void {
    this.#fail(clientClosed())
  }

  /** Resolves once the operating system has let go of the socket: what was written before `retire` is on its way. */
  ended(): Promise<void> {
    if (this.#socket.destroyed) return Promise.resolve()
    return new Promise((resolve) => this.#socket.once('close', () => resolve()))
  }

  /** Told once no more requests can be sent and no answers will come. */
  onClose(listener: () => void): void {
    if (this.#failure) listener()
    else this.#closeListeners.push(listener)
  }

  #answered<Response>(
    apiName: string,
    correlationId: number,
    parts: readonly Uint8Array[],
    decode: (frame: Uint8Array) => Response,
    { timeoutMs, signal }: SocketExchange,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(abortReason(signal))
      const receivedBytes = this.#socket.bytesRead
      const settle = () => {
        timer.cancel()
        stopListening()
      }
      const timer = this.#runtime.setTimer(timeoutMs, () => {
        settle()
        this.#abandon(pending)
        reject(this.#timedOut(apiName, timeoutMs, 'unknown', 'no answer came'))
        const isSilent = this.#socket.bytesRead === receivedBytes && timeoutMs >= deadAfterMs
        if (isSilent) this.#fail(new Error(`nothing was received for ${timeoutMs} ms`))
      })
      const pending: PendingRequest = {
        correlationId,
        isAbandoned: false,
        answer: (frame) => {
          const response = decode(frame)
          settle()
          if (apiName !== apiVersions.name) this.#isServed = true
          resolve(response)
        },
        fail: (error) => {
          settle()
          reject(this.#lost(error, 'unknown'))
        },
      }
      const stopListening = onAbort(signal, () => {
        settle()
        this.#abandon(pending)
        reject(abortReason(signal!))
      })
      // A process that waits for an answer goes on; one that merely has a connection may end.
      if (this.#pending.length === this.#abandoned) this.#socket.ref()
      this.#pending.push(pending)
      this.#write(parts)
    })
  }

  #abandon(pending: PendingRequest): void {
    pending.isAbandoned = true
    this.#abandoned++
    this.#restIfIdle()
  }

  /** Nobody waits for an answer. */
  #restIfIdle(): void {
    if (this.#pending.length > this.#abandoned) return
    if (this.#isRetired) this.#fail(clientClosed(), true)
    else this.#socket.unref()
  }

  /** Requests that are made in the same turn travel together. */
  #write(parts: readonly Uint8Array[]): void {
    if (!this.#isCorked) {
      this.#isCorked = true
      this.#socket.cork()
      process.nextTick(() => {
        this.#isCorked = false
        this.#socket.uncork()
      })
    }
    for (const part of parts) this.#socket.write(part)
  }

  #receive(frame: Uint8Array): void {
    const correlationId = correlationIdOf(frame)
    const pending = this.#pending.peek()
    if (pending?.correlationId !== correlationId) {
      throw new Error(`the broker answered request ${correlationId}, which was not the next one`)
    }
    // It leaves the line only once it is read: one that cannot be is rejected with those behind it.
    if (!pending.isAbandoned) pending.answer(frame)
    else this.#abandoned--
    this.#pending.shift()
    this.#restIfIdle()
  }

  #decode<Request, Response>(
    api: Api<Request, Response>,
    version: number,
    frame: Uint8Array,
  ): Response {
    const response = decodeResponseFrame(api as Api<unknown, Response>, version, frame)
    if (this.#throttle.heed(api.key, version, response)) {
      const broker = formatAddress(this.address)
      this.#runtime.logger.debug({ broker, api: api.name }, 'the broker throttles this client')
    }
    return response
  }

  /** `isFlushed`: what was written is first sent, as far as the broker takes it. */
  #fail(error: Error, isFlushed = false): void {
    if (this.#failure) return
    this.#failure = error
    this.#sessionTimer?.cancel()
    this.#throttle.end()
    if (isFlushed && this.#socket.writableLength > 0) this.#flush()
    else this.#socket.destroy()
    for (const pending of this.#pending.drain()) if (!pending.isAbandoned) pending.fail(error)
    const listeners = this.#closeListeners
    this.#closeListeners = []
    for (const listener of listeners) listener()
  }

  /** Why the broker may have closed the connection. */
  #left(): Error {
    // A broker that wants to know who is there says what it serves, and leaves at the first request.
    const isUnwelcome = this.#versions.size > 0 && this.#isAnonymous && !this.#isServed
    const hint = isUnwelcome ? '. Does it require a user and password (sasl)?' : ''
    return new Error(`the broker closed the connection${hint}`)
  }

  #flush(): void {
    const timer = this.#runtime.setTimer(flushMs, () => this.#socket.destroy())
    this.#socket.once('close', () => timer.cancel())
    this.#socket.ref()
    this.#socket.uncork()
    this.#socket.destroySoon()
  }

  async #agreeOnVersions(leftMs: () => number): Promise<void> {
    const ask = (version: number) =>
      this.exchange(
        apiVersions,
        version,
        createApiVersionsRequest(
          version >= 3
            ? { clientSoftwareName: 'kafka-do', clientSoftwareVersion: packageVersion }
            : {},
        ),
        { timeoutMs: leftMs() },
      )
    let response = await ask(3)
    // A broker that does not know the version answers in the oldest, with what it knows (KIP-511).
    if (errorName(response.errorCode) === 'UNSUPPORTED_VERSION') response = await ask(0)
    if (response.errorCode !== 0) throw errorFrom(response.errorCode)
    for (const { apiKey, minVersion, maxVersion } of response.apiKeys) {
      this.#versions.set(apiKey, { minVersion, maxVersion })
    }
  }

  async #authenticate(sasl: SaslCredentials, leftMs: () => number): Promise<void> {
    const done = authenticate(
      (api, request) => this.exchange(api, this.versionOf(api), request, { timeoutMs: leftMs() }),
      sasl,
      (this.#runtime.uuid() + this.#runtime.uuid()).replaceAll('-', ''),
    )
    // Requests have limits of their own; what the application is asked for a token has not.
    const lifetimeMs = await within(this.#runtime, done, {
      timeoutMs: leftMs(),
      onTimeout: () => this.#timedOut('Authentication', leftMs(), 'failed', 'no token came'),
    })
    if (lifetimeMs <= 0) return
    const retireMs = lifetimeMs * sessionShare
    this.#sessionTimer = this.#runtime.setTimer(retireMs, () => this.retire(), { background: true })
  }

  /** Nothing of what the caller wants was sent yet, whatever became of what was. */
  #notUsable(options: SocketOptions, error: unknown): unknown {
    const isMute = error instanceof TimeoutError
    if (!isMute && !(error instanceof DisconnectedError)) return error
    const cause = error.cause as (Error & { code?: unknown }) | undefined
    const isCut = cause?.code === 'ECONNRESET' || cause?.code === 'EPIPE'
    if (cause && typeof cause.code === 'string' && !isCut) return refused(options, cause)
    if (this.#versions.size > 0) {
      return notOpened(
        options,
        `it ${isMute ? 'did not answer' : 'was lost'} while ${options.sasl?.username === undefined ? 'the token' : `user '${options.sasl.username}'`} was authenticated`,
        error,
      )
    }
    if (this.#isHttp) {
      return notOpened(options, 'it speaks HTTP; use the port of a Kafka listener', error)
    }
    const guess = options.tls
      ? 'does it speak TLS?'
      : `does it require TLS (kafka+tls://)${options.sasl ? '' : ' or a user and password (sasl)'}?`
    return notOpened(
      options,
      `it ${isMute ? `did not say what it serves within ${options.connectTimeoutMs} ms` : 'was closed before anything was agreed on'}; ${guess}`,
      error,
    )
  }

  #lost(cause: Error, outcome: Outcome): DisconnectedError {
    return new DisconnectedError(
      `The connection to the broker at ${formatAddress(this.address)} was lost: ${cause.message}`,
      { code: 'NETWORK_EXCEPTION', retriable: true, outcome, cause },
    )
  }

  #timedOut(api: string, timeoutMs: number, outcome: Outcome, why: string): TimeoutError {
    return new TimeoutError(
      `${api} at the broker ${formatAddress(this.address)} took longer than ${Math.round(timeoutMs)} ms: ${why}`,
      { code: 'REQUEST_TIMED_OUT', retriable: true, outcome },
    )
  }
}

function clientClosed(): Error {
  return new Error('the client closed the connection')
}
