/**
 * The Kafka listener: accepts TCP or TLS connections, up to a limit, and ends them in good order.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import type { Broker } from '../broker/broker.ts'
import type { Endpoint } from '../broker/services.ts'
import { KafkaError } from '../core/errors.ts'
import type { Runtime } from '../core/runtime.ts'
import { KafkaConnection } from './kafka-connection.ts'
import type { ConnectionLimits, TlsConfig } from './server-config.ts'

export interface ListenerOptions {
  readonly broker: Pick<Broker, 'handle'>
  readonly runtime: Runtime
  readonly limits: ConnectionLimits
  readonly tls: TlsConfig | undefined
  readonly host: string
  readonly port: number
  /** Where clients are told to connect to, given the port that is listened at. */
  readonly advertised: (port: number) => Endpoint
}

export class KafkaListener {
  readonly #options: ListenerOptions
  readonly #server: Server
  readonly #connections = new Set<KafkaConnection>()
  #advertised: Endpoint
  #onEmpty: (() => void) | undefined
  #isFinishing = false

  private constructor(options: ListenerOptions) {
    this.#options = options
    this.#advertised = options.advertised(options.port)
    this.#server = this.#createServer()
  }

  /** Resolves once connections are accepted. Rejects with `KafkaError` when the port cannot be had. */
  static async open(options: ListenerOptions): Promise<KafkaListener> {
    const listener = new KafkaListener(options)
    await listener.#listen()
    return listener
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address ? address.port : this.#options.port
  }

  get advertised(): Endpoint {
    return this.#advertised
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#connections.size
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
    const { cert, key, ca } = tls
    const clientCertificates = ca === undefined ? {} : { ca: pem(ca), requestCert: true }
    const server = createTlsServer(
      { cert: pem(cert), key: pem(key), ...clientCertificates, allowHalfOpen: true },
      (socket) => this.#accept(socket),
    )
    server.on('tlsClientError', (error, socket) => {
      const peer = `${socket.remoteAddress}:${socket.remotePort}`
      runtime.logger.warn(
        { peer, err: error },
        'a client did not agree on TLS; does it speak plain TCP to a TLS port, or not trust the certificate?',
      )
    })
    return server
  }

  #listen(): Promise<void> {
    const { host, port, advertised, runtime } = this.#options
    return new Promise((resolve, reject) => {
      const onError = (error: Error) => reject(cannotListen(host, port, error))
      this.#server.once('error', onError)
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', onError)
        this.#server.on('error', (error) => {
          runtime.logger.error({ err: error }, 'the listener failed to accept a connection')
        })
        this.#advertised = advertised(this.port)
        resolve()
      })
    })
  }

  #accept(socket: Socket): void {
    const { broker, runtime, limits } = this.#options
    if (this.#isFinishing || this.#connections.size >= limits.connectionsMax) {
      socket.on('error', () => undefined)
      socket.destroy()
      if (!this.#isFinishing) {
        const { connectionsMax } = limits
        runtime.logger.warn(
          { peer: socket.remoteAddress, connectionsMax },
          'a connection was turned away: there are connectionsMax already',
        )
      }
      return
    }
    const connection = new KafkaConnection({
      socket,
      broker,
      runtime,
      limits,
      advertised: this.#advertised,
      onEnd: () => {
        this.#connections.delete(connection)
        if (this.#connections.size === 0) this.#onEmpty?.()
      },
    })
    this.#connections.add(connection)
  }
}

function pem(value: string | Uint8Array): string | Buffer {
  return typeof value === 'string' ? value : Buffer.from(value)
}

function cannotListen(host: string, port: number, cause: Error): KafkaError {
  const code = (cause as NodeJS.ErrnoException).code
  const reasons: { readonly [code: string]: string } = {
    EADDRINUSE: 'another process listens there; choose another port, or 0 for a free one',
    EACCES: 'ports below 1024 need special rights; choose a higher one',
    EADDRNOTAVAIL: 'this machine has no such address; 0.0.0.0 stands for all it has',
    ENOTFOUND: 'the host name is not known',
  }
  return new KafkaError(
    `Cannot listen at ${host}:${port}: ${reasons[code ?? ''] ?? cause.message}`,
    {
      code: 'LISTEN_FAILED',
      cause,
    },
  )
}
