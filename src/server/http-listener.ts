/** The HTTP listener: accepts HTTP/1.1 over TCP or TLS, up to a limit of connections, and hands requests to the API. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, Server as TlsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { Endpoint } from '../backend/endpoint.ts'
import { KafkaError } from '../core/errors.ts'
import type { Runtime, Timer } from '../core/runtime.ts'
import type { HttpApi } from '../http/handler.ts'
import type { ResolvedHttpConfig } from '../http/http-config.ts'
import { answerNode, type HeldAnswer, type NodeAdapterOptions } from '../http/node-adapter.ts'
import { HttpError, problemReply, titleOf } from '../http/problem.ts'
import { StallClock } from '../http/stall-clock.ts'
import type { Listener } from './listener.ts'
import type { TlsConfig } from './listener-config.ts'
import { listenAt, urlAt } from './listening.ts'
import type { MemoryBudget } from './memory-budget.ts'
import type { ConnectionLimits } from './server-config.ts'
import type { ListenerMetrics } from './server-metrics.ts'
import { SocketBytes } from './socket-bytes.ts'
import { secureOptions } from './tls-context.ts'

export interface HttpListenerOptions {
  readonly name: string
  readonly api: HttpApi
  readonly runtime: Runtime
  readonly config: ResolvedHttpConfig
  readonly budget: MemoryBudget
  readonly metrics: ListenerMetrics
  /** Asked for anew each time, but for `connectionsMaxIdle`. */
  readonly limits: Pick<ConnectionLimits, 'connectionsMaxIdle' | 'closeTimeout'>
  readonly tls: TlsConfig | undefined
  readonly host: string
  readonly port: number
  readonly advertised: (port: number) => Endpoint
}

interface Unanswered {
  count: number
  newest: IncomingMessage | undefined
}

/** Requests that one connection may send before the first is answered. */
const unansweredMax = 100
const timeoutMsMax = 2_147_483_647
/** Longest headers of a request, bytes. */
const headerBytesMax = 32_768

export class HttpListener implements Listener {
  readonly kind = 'http'
  readonly #options: HttpListenerOptions
  readonly #server: Server
  /** What each has not been answered yet. Requests change what is kept of a socket, never the map itself: see `StallClock`. */
  readonly #sockets = new Map<Socket, Unanswered>()
  readonly #bytes: SocketBytes
  /** Nothing that still comes of them can be read. */
  readonly #broken = new WeakSet<Socket>()
  #port: number
  #isFinishing = false
  #closed: Promise<void> | undefined

  private constructor(options: HttpListenerOptions) {
    this.#options = options
    this.#port = options.port
    this.#bytes = new SocketBytes(options.metrics)
    this.#server = this.#createServer()
  }

  /** Resolves once connections are accepted. Rejects with `KafkaError` when the port cannot be had. */
  static async open(options: HttpListenerOptions): Promise<HttpListener> {
    const listener = new HttpListener(options)
    await listener.#listen()
    return listener
  }

  get name(): string {
    return this.#options.name
  }

  get host(): string {
    return this.#options.host
  }

  get port(): number {
    return this.#port
  }

  get advertised(): Endpoint {
    return this.#options.advertised(this.#port)
  }

  get url(): string {
    return urlAt(this.#options.tls ? 'https' : 'http', this.advertised)
  }

  get connections(): number {
    return this.#sockets.size
  }

  renewCertificate(tls: TlsConfig): void {
    if (this.#server instanceof TlsServer) this.#server.setSecureContext(secureOptions(tls))
  }

  stopAccepting(): void {
    if (this.#isFinishing) return
    this.#isFinishing = true
    this.#closed = new Promise((resolve) => this.#server.close(() => resolve()))
    this.#closeIdle()
  }

  async ended(): Promise<void> {
    this.stopAccepting()
    const { runtime, limits } = this.#options
    // What is answered by now is being sent; a client that does not take its answer is not waited for.
    this.#closeIdle()
    const timer: Timer = runtime.setTimer(limits.closeTimeout, () =>
      this.#server.closeAllConnections(),
    )
    await this.#closed
    timer.cancel()
  }

  /** Also those that never asked anything, which Node does not count as idle. */
  #closeIdle(): void {
    for (const [socket, { count }] of this.#sockets) if (count === 0) socket.destroy()
  }

  #createServer(): Server {
    const { tls, config, limits, runtime } = this.#options
    // Node takes whole milliseconds, and more than its longest time for none at all.
    const headersTimeout = Math.min(Math.ceil(config.headersTimeout), timeoutMsMax)
    const options = {
      headersTimeout,
      // How long a body takes is bounded by how long it stands still.
      requestTimeout: 0,
      keepAliveTimeout: Math.min(Math.ceil(limits.connectionsMaxIdle), timeoutMsMax),
      connectionsCheckingInterval: Math.max(10, Math.min(1000, headersTimeout >> 1)),
      maxHeaderSize: headerBytesMax,
      noDelay: true,
      // A header that is there twice is seen to be: two hosts are none of ours, two keys are no key.
      joinDuplicateHeaders: true,
      insecureHTTPParser: false,
      // We tell of it ourselves, as of every other mistake.
      requireHostHeader: false,
    }
    const answer = this.#answerer()
    const server = tls
      ? createTlsServer(
          { ...options, ...secureOptions(tls), handshakeTimeout: headersTimeout },
          answer,
        )
      : createServer(options, answer)
    // A route asks for the body when it wants it; until then nobody is told to send.
    server.on('checkContinue', answer)
    server.on('checkExpectation', (_message, response: ServerResponse) =>
      this.#refuseRequest(
        response,
        417,
        "The only expectation that is known here is '100-continue'",
      ),
    )
    server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => this.#accepted(socket))
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) =>
      this.#refuse(error, socket),
    )
    server.on('tlsClientError', (error) => {
      runtime.logger.warn({ err: error }, 'a TLS handshake with a client failed')
    })
    // Whoever would like to go on in HTTP/2 is answered in HTTP/1.1: nobody listens for `upgrade`.
    server.on('connect', (_request, socket) => socket.destroy())
    return server
  }

  #answerer(): (message: IncomingMessage, response: ServerResponse) => void {
    const { api, runtime, config, budget, metrics } = this.#options
    const options: NodeAdapterOptions = {
      runtime,
      stalls: new StallClock(runtime),
      // They may change.
      get bodyTimeout() {
        return config.bodyTimeout
      },
      get sendTimeout() {
        return config.sendTimeout
      },
      claimMemory: (bytes, drop) => claimMemory(budget, metrics, bytes, drop),
      holdAnswer: (socket) => holdAnswer(budget, socket),
    }
    const handle = (request: Parameters<HttpApi['handle']>[0]) => api.handle(request)
    return (message, response) => {
      if (message.httpVersion === '1.1' && message.headers.host === undefined)
        return this.#refuseRequest(response, 400, 'The request names no host')
      if (this.#isFinishing) response.setHeader('connection', 'close')
      const { socket } = message
      const unanswered = this.#sockets.get(socket)
      // One that was turned away, or is gone.
      if (!unanswered) return void socket.destroy()
      unanswered.newest = message
      if (++unanswered.count > unansweredMax) return void socket.destroy()
      response.on('close', () => {
        if (--unanswered.count > 0) return
        unanswered.newest = undefined
        this.#bytes.count(socket)
        // A connection that was kept for more is of no use once it has its answer.
        if (this.#isFinishing || this.#broken.has(socket)) socket.destroySoon()
      })
      void answerNode(message, response, handle, options)
    }
  }

  #accepted(socket: Socket): void {
    const { metrics, runtime, config } = this.#options
    if (this.#sockets.size >= config.maxConnections) {
      metrics.turnedAway.value++
      runtime.logger.warn(
        { peer: socket.remoteAddress, maxConnections: config.maxConnections },
        'an HTTP connection was refused: maxConnections has been reached',
      )
      socket.on('error', () => undefined)
      socket.destroy()
      return
    }
    metrics.accepted.value++
    this.#sockets.set(socket, { count: 0, newest: undefined })
    socket.on('close', () => {
      this.#bytes.count(socket)
      this.#sockets.delete(socket)
    })
  }

  /** What is no HTTP, or stops in its headers. */
  #refuse(error: NodeJS.ErrnoException, socket: Socket): void {
    const { runtime } = this.#options
    runtime.logger.debug(
      { err: error, peer: socket.remoteAddress },
      'an HTTP request could not be read',
    )
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy()
      return
    }
    // What stands behind a whole request is no reason to say of that that it could not be read: it has its answer first.
    if (this.#sockets.get(socket)?.newest?.complete) {
      this.#broken.add(socket)
      return
    }
    const [status, detail] = refusals[error.code ?? ''] ?? [400, 'This is not an HTTP/1.1 request']
    const body = this.#problem(status, detail)
    socket.end(
      `HTTP/1.1 ${status} ${titleOf(status)}\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
    )
  }

  /** A request that the API does not see. */
  #refuseRequest(response: ServerResponse, status: number, detail: string): void {
    const headers = { 'content-type': 'application/problem+json', connection: 'close' }
    response.writeHead(status, headers).end(this.#problem(status, detail))
  }

  #problem(status: number, detail: string): string {
    const problem = new HttpError(status, detail, { code: 'INVALID_REQUEST' })
    return String(problemReply(problem, this.#options.runtime.uuid()).body)
  }

  async #listen(): Promise<void> {
    const { runtime } = this.#options
    this.#port = await listenAt(this.#server, this.#options, (error) =>
      runtime.logger.error({ err: error }, 'the HTTP listener failed to accept a connection'),
    )
  }
}

const refusals: { readonly [code: string]: readonly [status: number, detail: string] } = {
  HPE_HEADER_OVERFLOW: [431, `The headers are longer than ${headerBytesMax} bytes`],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'The headers of the request took too long'],
}

/** What is sent is counted, never waited for: it is there already. */
function holdAnswer(budget: MemoryBudget, socket: Socket): HeldAnswer {
  const claim = budget.open('answer')
  return {
    resize(bytes) {
      claim.resize(bytes)
      const left = () => socket.bytesWritten - socket.writableLength
      const from = left()
      const peer = { movedBytes: () => left() - from, drop: () => void socket.destroy() }
      claim.awaitPeer(bytes > 0 ? peer : undefined)
    },
    release: () => claim.release(),
  }
}

/** Waits until there is memory for a body. Rejects when that takes too long. */
function claimMemory(
  budget: MemoryBudget,
  metrics: ListenerMetrics,
  bytes: number,
  drop: () => void,
): Promise<{ release(): void }> {
  const kind = bytes > budget.largeFromBytes ? 'largeRequest' : 'request'
  const wanted = { kind, bytes, leastBytes: bytes } as const
  const isReceived = (claim: ReturnType<MemoryBudget['open']>) => {
    claim.awaitPeer({ movedBytes: () => 0, drop })
    return claim
  }
  const claim = budget.tryClaim(wanted)
  if (claim) return Promise.resolve(isReceived(claim))
  return new Promise((resolve, reject) => {
    budget.wait(wanted, {
      granted: (granted) => resolve(isReceived(granted)),
      expired: (waitedMs) => {
        metrics.reached('memoryWaitTimeout')
        reject(
          new KafkaError(
            `The request waited ${Math.round(waitedMs)} ms for memory (queuedMaxRequestBytes)`,
            { code: 'SERVER_BUSY', retriable: true },
          ),
        )
      },
    })
  })
}
