/**
 * The management listener: `/livez`, `/readyz` and `/metrics`, over HTTP/1.1. It is open from before the data folder is until
 * after it is closed, and asks nobody who they are: there is no record and no secret in it, and nothing that it changes.
 */
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { isLoopback } from '../../core/loopback.ts'
import type { Runtime } from '../../core/runtime.ts'
import { nextTurn } from '../../core/turn.ts'
import type { Listener } from '../listener.ts'
import type { TlsConfig } from '../listener-config.ts'
import { listenAt, urlAt } from '../listening.ts'
import type { ListenerMetrics } from '../server-metrics.ts'
import { SocketBytes } from '../socket-bytes.ts'
import { secureOptions } from '../tls-context.ts'
import type { Collector } from './collector.ts'
import { contentTypes, exposition, formatFor } from './exposition.ts'
import type { Health } from './health.ts'

export interface ManagementListenerOptions {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly tls: TlsConfig | undefined
  readonly runtime: Runtime
  readonly metrics: ListenerMetrics
  readonly health: Health
  readonly collector: Pick<Collector, 'collect'>
}

/** Connections at a time: a few scrapers, probes and people. */
const connectionsMax = 100
/** A request is whole, and an answer taken, within so long, milliseconds. */
const requestMs = 10_000
const answerMs = 30_000
const idleMs = 60_000

interface Reply {
  readonly status: number
  readonly type: string
  readonly body: string | Iterable<string>
  readonly headers?: { readonly [name: string]: string }
}

export class ManagementListener implements Listener {
  readonly kind = 'management'
  readonly #options: ManagementListenerOptions
  readonly #server: Server | TlsServer
  readonly #sockets = new Set<Socket>()
  readonly #bytes: SocketBytes
  #port: number
  #ended: Promise<void> | undefined

  private constructor(options: ManagementListenerOptions) {
    this.#options = options
    this.#port = options.port
    this.#bytes = new SocketBytes(options.metrics)
    this.#server = this.#createServer()
  }

  /** Resolves once connections are accepted. Rejects with `KafkaError` when the port cannot be had. */
  static async open(options: ManagementListenerOptions): Promise<ManagementListener> {
    const listener = new ManagementListener(options)
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

  get url(): string {
    const { host, tls } = this.#options
    return urlAt(tls ? 'https' : 'http', { host, port: this.#port })
  }

  get connections(): number {
    return this.#sockets.size
  }

  /** It goes on until `ended`, so that a server that drains is seen. */
  stopAccepting(): void {}

  /** Takes answers that are being sent no further. */
  ended(): Promise<void> {
    this.#ended ??= new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
    return this.#ended
  }

  renewCertificate(tls: TlsConfig): void {
    if ('setSecureContext' in this.#server) this.#server.setSecureContext(secureOptions(tls))
  }

  #createServer(): Server | TlsServer {
    const { tls, metrics, runtime } = this.#options
    const options = {
      headersTimeout: requestMs,
      requestTimeout: requestMs,
      keepAliveTimeout: idleMs,
      connectionsCheckingInterval: 1000,
      insecureHTTPParser: false,
    }
    const answer: RequestListener = (request, response) => void this.#answer(request, response)
    const server = tls
      ? createTlsServer({ ...options, ...secureOptions(tls) }, answer)
      : createServer(options, answer)
    // A connection on which nothing moves for so long is closed.
    server.timeout = answerMs
    server.maxConnections = connectionsMax
    server.on('drop', () => void metrics.turnedAway.value++)
    server.on('connection', (socket: Socket) => {
      metrics.accepted.value++
      this.#sockets.add(socket)
      socket.on('close', () => {
        this.#sockets.delete(socket)
        this.#bytes.count(socket)
      })
    })
    server.on('tlsClientError', (error) => {
      runtime.logger.debug({ err: error }, 'a TLS handshake on the management listener failed')
    })
    return server
  }

  async #listen(): Promise<void> {
    const { runtime } = this.#options
    this.#port = await listenAt(this.#server, this.#options, (error) =>
      runtime.logger.error({ err: error }, 'the management listener failed to accept a connection'),
    )
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket } = request
    response.once('close', () => this.#bytes.count(socket))
    // Nothing here has a body; one that comes is not kept.
    request.resume()
    try {
      await send(response, await this.#replyTo(request), {
        isHead: request.method === 'HEAD',
        takesGzip: takesGzip(request.headers['accept-encoding']),
      })
    } catch (error) {
      this.#options.runtime.logger.error(
        { err: error, path: request.url },
        'a request of the management listener failed unexpectedly',
      )
      response.destroy()
    }
  }

  #replyTo(request: IncomingMessage): Reply | Promise<Reply> {
    const { method = '', url = '' } = request
    const [path, query = ''] = url.split('?', 2) as [string, string?]
    if (!this.#isForUs(request.headers.host))
      return problem(421, `This is ${this.#options.host}; the request names another host`)
    const serve = this.#routes[path]
    if (!serve)
      return problem(
        404,
        `There is nothing at ${path.slice(0, 100)}; use one of ${paths.join(', ')}`,
      )
    if (method !== 'GET' && method !== 'HEAD')
      return { ...problem(405, `${path} takes GET and HEAD`), headers: { allow: 'GET, HEAD' } }
    return serve(request, new URLSearchParams(query))
  }

  readonly #routes: {
    readonly [path: string]: (
      request: IncomingMessage,
      query: URLSearchParams,
    ) => Reply | Promise<Reply>
  } = {
    __proto__: null as never,
    '/': () => plain(200, `kafka-do\n${paths.map((path) => `${path}\n`).join('')}`),
    '/livez': (_, query) => this.#live(query),
    '/readyz': (_, query) => this.#ready(query),
    '/metrics': (request) => this.#metrics(request),
  }

  #live(query: URLSearchParams): Reply {
    const { phase } = this.#options.health
    return query.has('verbose') ? json(200, { status: 'ok', phase }) : plain(200, 'ok\n')
  }

  async #ready(query: URLSearchParams): Promise<Reply> {
    const { health } = this.#options
    const { status, checks } = await health.readiness()
    const code = status === 'failed' ? 503 : 200
    if (query.has('verbose')) return json(code, { status, phase: health.phase, checks })
    const failed = checks.find((check) => check.status === status) ?? checks[0]!
    return plain(code, status === 'ok' ? 'ok\n' : `${failed.name}: ${failed.detail}\n`)
  }

  async #metrics(request: IncomingMessage): Promise<Reply> {
    const format = formatFor(request.headers.accept)
    const type = contentTypes[format]
    // What does not ask for the content does not have it gathered.
    if (request.method === 'HEAD') return { status: 200, type, body: '' }
    return { status: 200, type, body: exposition(await this.#options.collector.collect(), format) }
  }

  /** A page of elsewhere must not come in by a name of its own for this machine (DNS rebinding). */
  #isForUs(host: string | undefined): boolean {
    const own = this.#options.host
    if (!isLoopback(own) || host === undefined) return true
    const name = host.replace(/:\d+$/, '')
    return isLoopback(name) || name === own
  }
}

const paths = ['/livez', '/readyz', '/metrics'] as const

function plain(status: number, body: string): Reply {
  return { status, type: 'text/plain; charset=utf-8', body }
}

function json(status: number, value: object): Reply {
  return { status, type: 'application/json', body: `${JSON.stringify(value, undefined, 2)}\n` }
}

function problem(status: number, detail: string): Reply {
  return plain(status, `${detail}\n`)
}

/** Waits for a scraper that reads slowly; one that does not read is given up. */
async function send(
  response: ServerResponse,
  { status, type, body, headers }: Reply,
  { isHead, takesGzip }: { readonly isHead: boolean; readonly takesGzip: boolean },
): Promise<void> {
  // What is short gains nothing.
  const isZipped = typeof body !== 'string' && takesGzip
  response.writeHead(status, {
    'content-type': type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(typeof body === 'string' && !isHead && { 'content-length': Buffer.byteLength(body) }),
    ...(typeof body !== 'string' && { vary: 'accept-encoding' }),
    ...(isZipped && { 'content-encoding': 'gzip' }),
    ...headers,
  })
  if (isHead) {
    response.end()
    return
  }
  if (typeof body === 'string') {
    response.end(body)
    return
  }
  if (isZipped) {
    try {
      await pipeline(inTurns(body), createGzip({ level: gzipLevel }), response)
    } catch (error) {
      // Whoever goes away before all is sent has no need of it.
      if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
    }
    return
  }
  for await (const piece of inTurns(body)) {
    if (response.destroyed) return
    if (!response.write(piece)) await drained(response)
  }
  response.end()
}

/** A system that takes it all at once would have nobody else get a turn. */
async function* inTurns(pieces: Iterable<string>): AsyncGenerator<string> {
  for (const piece of pieces) {
    yield piece
    await nextTurn()
  }
}

/** Names that are alike in every line are found at the fastest level, too. */
const gzipLevel = 1

function takesGzip(accepted = ''): boolean {
  return accepted.split(',').some((one) => /^\s*(gzip|\*)\s*(;\s*q=(?!0(\.0*)?\s*$)|$)/i.test(one))
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
  })
}
