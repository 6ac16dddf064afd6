/**
 * The Kafka listener: accepts TCP or TLS connections, up to a limit, and ends them in good order.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, Server as TlsServer } from 'node:tls'
import type { Backend } from '../backend/backend.ts'
import type { Endpoint } from '../backend/endpoint.ts'
import type { Guard } from '../backend/guard.ts'
import { Session } from '../backend/session.ts'
import type { Runtime } from '../core/runtime.ts'
import { identityOf } from './client-certificate.ts'
import { FileShortage } from './file-shortage.ts'
import { KafkaConnection } from './kafka-connection.ts'
import type { Listener } from './listener.ts'
import type { TlsConfig } from './listener-config.ts'
import { listenAt, urlAt } from './listening.ts'
import type { MemoryBudget } from './memory-budget.ts'
import type { ConnectionLimits } from './server-config.ts'
import type { ListenerMetrics } from './server-metrics.ts'
import { secureOptions } from './tls-context.ts'

export interface ListenerOptions {
  readonly name: string
  readonly backend: Backend
  /** Ends sessions whose credential is gone; undefined: there is no access control. */
  readonly guard?: Guard | undefined
  /** Nothing but ApiVersions and SASL is answered before it is known who asks. */
  readonly mustAuthenticate?: boolean
  readonly runtime: Runtime
  readonly limits: ConnectionLimits
  readonly budget: MemoryBudget
  readonly metrics: ListenerMetrics
  readonly tls: TlsConfig | undefined
  readonly host: string
  readonly port: number
  /** Where clients are told to connect to, given the port that is listened at. */
  readonly advertised: (port: number) => Endpoint
}

export class KafkaListener implements Listener {
  readonly kind = 'kafka'
  readonly #options: ListenerOptions
  #tls: TlsConfig | undefined
  readonly #server: Server
  readonly #connections = new Set<KafkaConnection>()
  readonly #fileShortage: FileShortage
  /** The one that is listened at, also after the end. */
  #port: number
  #advertised: Endpoint
  #onEmpty: (() => void) | undefined
  #isFinishing = false
  /** Connections so far. */
  #accepted = 0

  private constructor(options: ListenerOptions) {
    this.#options = options
    this.#tls = options.tls
    this.#port = options.port
    this.#advertised = options.advertised(options.port)
    this.#fileShortage = new FileShortage(options.runtime)
    this.#server = this.#createServer()
    this.#server.on('connection', (socket) => this.#fileShortage.accepted(socket))
  }

  /** Resolves once connections are accepted. Rejects with `KafkaError` when the port cannot be had. */
  static async open(options: ListenerOptions): Promise<KafkaListener> {
    const listener = new KafkaListener(options)
    await listener.#listen()
    return listener
  }

  get port(): number {
    return this.#port
  }

  get advertised(): Endpoint {
    return this.#advertised
  }

  get host(): string {
    return this.#options.host
  }

  get url(): string {
    return urlAt(this.#options.tls ? 'kafka+tls' : 'kafka', this.#advertised)
  }

  get name(): string {
    return this.#options.name
  }

  /** Open connections now. */
  get connections(): number {
    return this.#connections.size
  }

  renewCertificate(tls: TlsConfig): void {
    if (this.#server instanceof TlsServer) this.#server.setSecureContext(secureOptions(tls))
    this.#tls = tls
  }

  /** Takes no further connection and no further request. */
  stopAccepting(): void {
    if (this.#isFinishing) return
    this.#isFinishing = true
    this.#server.close()
    for (const connection of this.#connections) connection.finish()
  }

  /** Resolves when the last connection has taken its answers, or has been given up. */
  ended(): Promise<void> {
    this.stopAccepting()
    if (this.#connections.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#onEmpty = resolve
    })
  }

  #createServer(): Server {
    const { tls, runtime } = this.#options
    // A client may end its side and still want its answers.
    if (!tls) return createServer({ allowHalfOpen: true }, (socket) => this.#accept(socket))
    const server = createTlsServer({ ...secureOptions(tls), allowHalfOpen: true }, (socket) =>
      this.#accept(socket),
    )
    server.on('tlsClientError', (error, socket) => {
      const peer = `${socket.remoteAddress}:${socket.remotePort}`
      runtime.logger.warn(
        { peer, err: error },
        'a TLS handshake with a client failed; does it speak plain TCP to a TLS port, or not trust the certificate?',
      )
    })
    return server
  }

  async #listen(): Promise<void> {
    const { advertised, runtime } = this.#options
    this.#port = await listenAt(this.#server, this.#options, (error) => {
      if (!this.#fileShortage.failed(error))
        runtime.logger.error({ err: error }, 'the listener failed to accept a connection')
    })
    this.#advertised = advertised(this.#port)
  }

  #accept(socket: Socket): void {
    const { name, backend, runtime, limits, budget, metrics } = this.#options
    const tls = this.#tls
    if (this.#isFinishing || this.#connections.size >= limits.maxConnections) {
      socket.on('error', () => undefined)
      socket.destroy()
      if (!this.#isFinishing) {
        const { maxConnections } = limits
        metrics.turnedAway.value++
        runtime.logger.warn(
          { peer: socket.remoteAddress, maxConnections },
          'a connection was refused: maxConnections has been reached',
        )
      }
      return
    }
    metrics.accepted.value++
    const session = new Session({
      ...identityOf(socket, tls),
      id: `${name}-${++this.#accepted}`,
      listener: name,
      isTls: tls !== undefined,
      clientAddress: socket.remoteAddress ?? 'unknown',
      advertised: this.#advertised,
    })
    const unwatch = this.#options.guard?.watch(session)
    const connection = new KafkaConnection({
      metrics,
      socket,
      backend,
      runtime,
      limits,
      budget,
      session,
      mustAuthenticate: this.#options.mustAuthenticate ?? false,
      onEnd: () => {
        unwatch?.()
        this.#connections.delete(connection)
        if (this.#connections.size === 0) this.#onEmpty?.()
      },
    })
    this.#connections.add(connection)
  }
}
