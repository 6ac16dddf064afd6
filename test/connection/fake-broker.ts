/**
 * A broker for tests of the client's connection: a real socket whose every answer a test may script. What no script
 * answers is answered by a real broker in memory, so a script says only what is out of the ordinary.
 *
 * Like Kafka's, it answers a connection's requests one after the other. Several share one `Broker` to be a cluster.
 */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { servedApi } from '../../src/broker/api-table.ts'
import { Broker } from '../../src/broker/broker.ts'
import { createRuntime } from '../../src/core/runtime.ts'
import type { Api, ApiIdentity } from '../../src/protocol/api.ts'
import { ByteReader } from '../../src/protocol/byte-reader.ts'
import {
  decodeRequestBody,
  decodeRequestHeader,
  encodeResponseFrame,
} from '../../src/protocol/frame.ts'
import { FrameSplitter } from '../../src/protocol/frame-splitter.ts'
import {
  type ApiVersionsResponse,
  apiVersions,
  createApiVersionsResponse,
  createApiVersionsResponseApiVersion,
} from '../../src/protocol/messages/generated/api-versions.ts'
import { type ProduceRequest, produce } from '../../src/protocol/messages/generated/produce.ts'
import { saslAuthenticate } from '../../src/protocol/messages/generated/sasl-authenticate.ts'
import { saslHandshake } from '../../src/protocol/messages/generated/sasl-handshake.ts'
import { createMemoryFileSystem } from '../../src/storage/memory-file-system.ts'
import { testSession } from '../broker/test-session.ts'

/** What a script gives instead of an answer: none is sent, and later requests are answered before it. */
export const silence = { kind: 'silence' } as const

export interface Received<Request = unknown, Response = unknown> {
  readonly api: string
  readonly version: number
  readonly correlationId: number
  readonly clientId: string | null
  readonly request: Request
  readonly connection: Socket
  /** What the broker in memory answers. */
  forward(): Promise<Response>
  /** Sends an answer now, out of turn. */
  send(response: Response): void
}

type Answer<Response> = Response | typeof silence
type Script = (received: Received<unknown, unknown>) => Answer<unknown> | Promise<Answer<unknown>>

export interface FakeBrokerOptions {
  /** Shared with other fake brokers; default: its own. */
  readonly broker?: Broker | undefined
  /** The newest version of each API that it serves, by name; an API that is left out is not served. Default: all. */
  readonly versions?: { readonly [api: string]: number } | undefined
  readonly port?: number | undefined
  readonly tls?: TlsOptions | undefined
}

export function openBroker(): Promise<Broker> {
  return Broker.open({ fileSystem: createMemoryFileSystem(), runtime: createRuntime() })
}

export class FakeBroker {
  /** Requests in the order they came. */
  readonly received: Received[] = []
  /** Open ones. */
  readonly connections = new Set<Socket>()
  /** How many were ever made. */
  accepted = 0
  readonly port: number
  readonly #broker: Broker
  readonly #options: FakeBrokerOptions
  readonly #server: Server
  readonly #scripts = new Map<number, Script>()
  #onNews: (() => void)[] = []

  private constructor(broker: Broker, options: FakeBrokerOptions, server: Server) {
    this.#broker = broker
    this.#options = options
    this.#server = server
    this.port = (server.address() as AddressInfo).port
    server.on(options.tls ? 'secureConnection' : 'connection', (socket: Socket) =>
      this.#serve(socket),
    )
  }

  static async listen(options: FakeBrokerOptions = {}): Promise<FakeBroker> {
    const server = options.tls ? createTlsServer(options.tls) : createServer()
    server.listen(options.port ?? 0, '127.0.0.1')
    await once(server, 'listening')
    return new FakeBroker(options.broker ?? (await openBroker()), options, server)
  }

  get url(): string {
    return `${this.#options.tls ? 'kafka+tls' : 'kafka'}://127.0.0.1:${this.port}`
  }

  /** From now on requests of this API are answered by `script`. */
  on<Request, Response>(
    api: Api<Request, Response>,
    script: (received: Received<Request, Response>) => Answer<Response> | Promise<Answer<Response>>,
  ): void {
    this.#scripts.set(api.key, script as Script)
  }

  /** As `on`, for the next request only; what was scripted before holds after it. */
  once<Request, Response>(
    api: Api<Request, Response>,
    script: (received: Received<Request, Response>) => Answer<Response> | Promise<Answer<Response>>,
  ): void {
    const before = this.#scripts.get(api.key)
    this.on(api, (received) => {
      if (before) this.#scripts.set(api.key, before)
      else this.#scripts.delete(api.key)
      return script(received)
    })
  }

  requests<Request>(api: Api<Request, unknown>): Received<Request>[] {
    return this.received.filter((received) => received.api === api.name) as Received<Request>[]
  }

  /** Resolves when `isTrue` holds, looked at whenever something happens here. */
  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise<void>((resolve) => this.#onNews.push(resolve))
  }

  /** Breaks every connection. */
  hangUp(): void {
    for (const connection of this.connections) connection.destroy()
  }

  /** As if the process had died: nothing listens here any more. */
  async stop(): Promise<void> {
    const closed = this.#server.listening ? once(this.#server.close(), 'close') : undefined
    this.hangUp()
    await closed
  }

  #serve(socket: Socket): void {
    this.accepted++
    this.connections.add(socket)
    this.#news()
    let turn: Promise<void> = Promise.resolve()
    const splitter = new FrameSplitter(2 ** 31 - 1)
    socket.on('data', (chunk: Uint8Array) => {
      splitter.push(chunk, (frame) => {
        const received = this.#read(frame.slice(), socket)
        this.received.push(received)
        turn = turn.then(() => this.#answer(received)).catch(() => void socket.destroy())
        this.#news()
      })
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      this.connections.delete(socket)
      this.#news()
    })
  }

  #read(frame: Uint8Array, connection: Socket): Received & { readonly key: number } {
    const reader = new ByteReader(frame)
    const { apiKey, apiVersion, correlationId, clientId } = decodeRequestHeader(reader)
    const api = apiOf(apiKey)
    const isKnown = apiVersion <= api.maxVersion
    const request = isKnown ? decodeRequestBody(api, apiVersion, reader) : undefined
    const context = {
      version: apiVersion,
      clientId,
      session: testSession({ advertised: { host: '127.0.0.1', port: this.port } }),
    }
    return {
      key: apiKey,
      api: api.name,
      version: apiVersion,
      correlationId,
      clientId,
      request,
      connection,
      forward: async () => {
        if (apiKey === apiVersions.key) return this.#versions(apiVersion)
        if (apiVersion > this.#newest(api)) throw new Error(`${api.name} is not served`)
        return (await this.#broker.handle(api, request, context)).response
      },
      send: (response) => {
        const { errorCode } = response as { errorCode?: number }
        const isUnknown = apiKey === apiVersions.key && errorCode === unsupportedVersion
        const version = isUnknown ? 0 : apiVersion
        for (const part of encodeResponseFrame(api, version, correlationId, response)) {
          if (!connection.destroyed) connection.write(part)
        }
      },
    }
  }

  async #answer(received: Received & { readonly key: number }): Promise<void> {
    const script = this.#scripts.get(received.key)
    const answer = await (script ? script(received) : received.forward())
    const isOneWay = received.key === produce.key && (received.request as ProduceRequest).acks === 0
    if (answer !== silence && !isOneWay) received.send(answer)
  }

  #versions(version: number): ApiVersionsResponse {
    const served = servedKeys.map(apiOf).filter((api) => this.#newest(api) >= 0)
    return createApiVersionsResponse({
      errorCode: version > this.#newest(apiVersions) ? unsupportedVersion : 0,
      apiKeys: served.map((api) =>
        createApiVersionsResponseApiVersion({
          apiKey: api.key,
          minVersion: 0,
          maxVersion: this.#newest(api),
        }),
      ),
    })
  }

  /** -1 when the API is not served. */
  #newest({ name, maxVersion }: ApiIdentity): number {
    const { versions } = this.#options
    return versions ? (versions[name] ?? -1) : maxVersion
  }

  #news(): void {
    for (const resolve of this.#onNews.splice(0)) resolve()
  }
}

const unsupportedVersion = 35
const saslApis: readonly Api<unknown, unknown>[] = [
  saslHandshake as Api<unknown, unknown>,
  saslAuthenticate as Api<unknown, unknown>,
]

function apiOf(key: number): Api<unknown, unknown> {
  const api = servedApi(key)?.api ?? saslApis.find((candidate) => candidate.key === key)
  if (!api) throw new Error(`API key ${key} is not served`)
  return api
}

const servedKeys = Array.from({ length: 100 }, (_, key) => key).filter(
  (key) => servedApi(key) !== undefined || saslApis.some((api) => api.key === key),
)
