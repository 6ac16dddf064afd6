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
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
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
import type { TlsOptions } from '../tls-options.ts'
import { type BrokerAddress, formatAddress } from './address.ts'

export interface SocketOptions {
  readonly address: BrokerAddress
  readonly clientId: string
  readonly runtime: Runtime
  /** Milliseconds for connecting, agreeing on versions and authenticating. */
  readonly connectTimeoutMs: number
  readonly tls: TlsOptions | undefined
  readonly sasl: SaslCredentials | undefined
}

export interface SocketExchange {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  readonly oneWay?: boolean | undefined
}

interface PendingRequest {
  readonly correlationId: number
  /** Takes the frame of the response. */
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
/** A session with an end is left in good time before it. */
const sessionShare = 0.85

export class BrokerSocket {
  readonly address: BrokerAddress
  readonly #runtime: Runtime
  readonly #clientId: string
  readonly #socket: Socket
  readonly #pending = new Fifo<PendingRequest>()
  readonly #versions = new Map<number, VersionRange>()
  #correlationId = 0
  #abandoned = 0
  #receivedAt: number
  #isCorked = false
  #isRetired = false
  #failure: Error | undefined
  #throttle: Promise<void> | undefined
  #sessionTimer: Timer | undefined
  #closeListeners: (() => void)[] = []

  private constructor(options: SocketOptions, socket: Socket) {
    this.address = options.address
    this.#runtime = options.runtime
    this.#clientId = options.clientId
    this.#socket = socket
    this.#receivedAt = options.runtime.monotonicNow()
    const splitter = new FrameSplitter(responseBytesMax)
    socket.setNoDelay(true)
    socket.setKeepAlive(true, keepAliveDelayMs)
    socket.on('data', (chunk: Uint8Array) => {
      this.#receivedAt = this.#runtime.monotonicNow()
      try {
        splitter.push(chunk, (frame) => this.#receive(frame))
      } catch (error) {
        this.#fail(error as Error)
      }
    })
    socket.on('error', (error) => this.#fail(error))
    socket.on('end', () => this.#fail(new Error('the broker closed the connection')))
    socket.on('close', () => this.#fail(new Error('the connection was closed')))
  }

  /** Rejects with `DisconnectedError`, `TimeoutError`, `UnauthorizedError`. */
  static async open(options: SocketOptions): Promise<BrokerSocket> {
    const { address, runtime, connectTimeoutMs, sasl } = options
    const deadline = runtime.monotonicNow() + connectTimeoutMs
    const leftMs = () => Math.max(1, deadline - runtime.monotonicNow())
    const opened = await connect(options)
    const socket = new BrokerSocket(options, opened)
    try {
      await socket.#agreeOnVersions(leftMs)
      if (sasl) {
        const lifetimeMs = await authenticate(
          (api, request) =>
            socket.exchange(api, socket.versionOf(api), request, { timeoutMs: leftMs() }),
          sasl,
          (runtime.uuid() + runtime.uuid()).replaceAll('-', ''),
        )
        if (lifetimeMs > 0) socket.#retireAfter(lifetimeMs * sessionShare)
      }
    } catch (error) {
      socket.close()
      if (!(error instanceof DisconnectedError)) throw error
      throw notOpened(address, options, error)
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
      `The broker at ${formatAddress(this.address)} serves ${theirs} of ${api.name}; this client speaks v${api.minVersion} to v${api.maxVersion}. The broker is too old (or too new) for what was asked`,
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
    while (this.#throttle) {
      await within(this.#runtime, this.#throttle, {
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
    const frame = await this.#answered(api.name, correlationId, parts, { timeoutMs, signal })
    const response = decodeResponseFrame(api, version, frame)
    this.#heedThrottle(response)
    return response
  }

  /** Takes no further requests; ends after the last answer. Idempotent. */
  retire(): void {
    this.#isRetired = true
    this.#sessionTimer?.cancel()
    if (this.#pending.length === this.#abandoned) this.close()
  }

  /** At once: what waits for an answer is rejected. Idempotent. */
  close(): void {
    this.#fail(new Error('the client closed the connection'))
  }

  onClose(listener: () => void): void {
    if (this.#failure) listener()
    else this.#closeListeners.push(listener)
  }

  #answered(
    apiName: string,
    correlationId: number,
    parts: readonly Uint8Array[],
    { timeoutMs, signal }: SocketExchange,
  ): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(abortReason(signal))
      const sentAt = this.#runtime.monotonicNow()
      const settle = () => {
        timer.cancel()
        signal?.removeEventListener('abort', onAbort)
      }
      const onAbort = () => {
        settle()
        this.#abandon(pending)
        reject(abortReason(signal!))
      }
      const timer = this.#runtime.setTimer(timeoutMs, () => {
        settle()
        this.#abandon(pending)
        reject(this.#timedOut(apiName, timeoutMs, 'unknown', 'no answer came'))
        const isSilent = this.#receivedAt < sentAt && timeoutMs >= deadAfterMs
        if (isSilent) this.#fail(new Error(`nothing was received for ${timeoutMs} ms`))
      })
      const pending: PendingRequest = {
        correlationId,
        isAbandoned: false,
        answer(frame) {
          settle()
          resolve(frame)
        },
        fail: (error) => {
          settle()
          reject(this.#lost(error, 'unknown'))
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      // A process that waits for an answer goes on; one that merely has a connection may end.
      if (this.#pending.length === 0) this.#socket.ref()
      this.#pending.push(pending)
      this.#write(parts)
    })
  }

  #abandon(pending: PendingRequest): void {
    pending.isAbandoned = true
    this.#abandoned++
    this.#endIfDrained()
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
      throw new Error(`the broker answered request ${correlationId}, which was not next in line`)
    }
    this.#pending.shift()
    if (pending.isAbandoned) this.#abandoned--
    else pending.answer(frame)
    if (this.#pending.length === 0) this.#socket.unref()
    this.#endIfDrained()
  }

  #endIfDrained(): void {
    if (this.#isRetired && this.#pending.length === this.#abandoned) this.close()
  }

  #fail(error: Error): void {
    if (this.#failure) return
    this.#failure = error
    this.#sessionTimer?.cancel()
    this.#socket.destroy()
    for (const pending of this.#pending.drain()) if (!pending.isAbandoned) pending.fail(error)
    const listeners = this.#closeListeners
    this.#closeListeners = []
    for (const listener of listeners) listener()
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

  /** A broker that throttles wants to hear nothing on this connection for a while (KIP-219). */
  #heedThrottle(response: unknown): void {
    const { throttleTimeMs } = response as { throttleTimeMs?: number }
    if (throttleTimeMs === undefined || throttleTimeMs <= 0 || this.#throttle) return
    this.#runtime.logger.debug(
      { broker: formatAddress(this.address), throttleTimeMs },
      'the broker throttles this client',
    )
    this.#throttle = new Promise((resolve) => {
      this.#runtime.setTimer(throttleTimeMs, () => {
        this.#throttle = undefined
        resolve()
      })
    })
  }

  #retireAfter(delayMs: number): void {
    this.#sessionTimer = this.#runtime.setTimer(delayMs, () => this.retire(), { background: true })
  }

  #lost(cause: Error, outcome: Outcome): DisconnectedError {
    return new DisconnectedError(
      `The connection to the broker at ${formatAddress(this.address)} was lost: ${cause.message}`,
      { code: 'NETWORK_EXCEPTION', retriable: true, outcome, cause },
    )
  }

  #timedOut(api: string, timeoutMs: number, outcome: Outcome, why: string): TimeoutError {
    return new TimeoutError(
      `${api} at the broker ${formatAddress(this.address)} took longer than ${timeoutMs} ms: ${why}`,
      { code: 'REQUEST_TIMED_OUT', retriable: true, outcome },
    )
  }
}

function connect(options: SocketOptions): Promise<Socket> {
  const { address, runtime, connectTimeoutMs, tls } = options
  const { host, port } = address
  const socket = tls
    ? connectTls({ host, port, ...tlsSettings(host, tls) })
    : connectTcp({ host, port })
  return new Promise((resolve, reject) => {
    const settle = () => {
      timer.cancel()
      socket.removeAllListeners()
    }
    const fail = (cause: Error) => {
      settle()
      socket.on('error', () => undefined)
      socket.destroy()
      reject(notOpened(address, options, cause))
    }
    const timer = runtime.setTimer(connectTimeoutMs, () =>
      fail(new Error(`no connection within ${connectTimeoutMs} ms`)),
    )
    socket.once('error', fail)
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      settle()
      resolve(socket)
    })
  })
}

function tlsSettings(host: string, tls: TlsOptions) {
  const { ca, cert, key, serverName, rejectUnauthorized } = tls
  const pem = (value: string | Uint8Array) =>
    typeof value === 'string' ? value : Buffer.from(value)
  const isName = !/^[\d.]+$|:/.test(host)
  return {
    ...(ca !== undefined && { ca: pem(ca) }),
    ...(cert !== undefined && { cert: pem(cert) }),
    ...(key !== undefined && { key: pem(key) }),
    ...(serverName !== undefined ? { servername: serverName } : isName && { servername: host }),
    ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
  }
}

function notOpened(
  address: BrokerAddress,
  { tls, sasl }: SocketOptions,
  cause: Error,
): DisconnectedError {
  const isMute = cause instanceof DisconnectedError
  const guess = tls
    ? 'does it speak TLS?'
    : `does it want TLS (kafka+tls://)${sasl ? '' : ' or a user and password (sasl)'}?`
  const why = isMute ? `it was closed before anything was agreed on; ${guess}` : reasonOf(cause)
  return new DisconnectedError(`No connection to a broker at ${formatAddress(address)}: ${why}`, {
    code: 'NETWORK_EXCEPTION',
    retriable: true,
    cause,
  })
}

function reasonOf(cause: Error): string {
  const { code } = cause as NodeJS.ErrnoException
  if (code === 'ECONNREFUSED') return 'nothing listens there (ECONNREFUSED). Is the broker running?'
  if (code === 'ENOTFOUND') return 'the host name is not known (ENOTFOUND)'
  // Node tries the addresses of a name in turn and gives an error without a message when all fail.
  return cause.message || code || 'unknown reason'
}
