/**
 * `kafka-do serve` from code: a broker on a data folder, behind a Kafka listener.
 *
 * Closing: no new connections and requests; long polls are answered; requests in flight finish and their answers are
 * sent; the logs are synced and the folder is marked as clean.
 */
import { hostname } from 'node:os'
import { Broker } from '../broker/broker.ts'
import type { Endpoint } from '../broker/services.ts'
import type { FileSystem } from '../storage/file-system.ts'
import { createMemoryFileSystem } from '../storage/memory-file-system.ts'
import { createNodeFileSystem } from '../storage/node-file-system.ts'
import { KafkaListener } from './kafka-listener.ts'
import {
  type ResolvedServerConfig,
  resolveServerConfig,
  type ServerConfig,
} from './server-config.ts'

/** A running server. */
export interface Server {
  /** The port that is listened at. */
  readonly port: number
  /** For clients on this machine or where the advertised address leads: `kafka://host:port` or `kafka+tls://host:port`. */
  readonly url: string
  readonly clusterId: string
  /** Connections that are open now. */
  readonly connections: number
  /** Finishes what is in flight, then lets go of everything. Idempotent. Throws `StorageError` when the logs could not be synced. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Opens the data folder and listens. Throws `ConfigError`, `DataFolderLockedError`, `CorruptDataError`, `StorageError`,
 * and `KafkaError` LISTEN_FAILED when the port cannot be had.
 * @example
 * const server = await createServer({ data: './data', port: 9092 })
 * const kafka = new Client(server.url)
 */
export async function createServer(config?: ServerConfig): Promise<Server> {
  const resolved = resolveServerConfig(config)
  const { runtime, tls, host, port } = resolved
  // Known once the port is; no request comes before.
  let endpoint: Endpoint = { host, port }
  const broker = await Broker.open({
    fileSystem: fileSystemAt(resolved.data),
    runtime,
    ...(resolved.broker && { config: resolved.broker }),
    advertised: () => endpoint,
  })
  let listener: KafkaListener
  try {
    listener = await KafkaListener.open({
      broker,
      runtime,
      limits: resolved,
      tls,
      host,
      port,
      advertised: (listened) => advertisedEndpoint(resolved, listened),
    })
  } catch (error) {
    await broker.close()
    throw error
  }
  endpoint = listener.advertised
  return new RunningServer(broker, listener, tls !== undefined)
}

class RunningServer implements Server {
  readonly port: number
  readonly url: string
  readonly #broker: Broker
  readonly #listener: KafkaListener
  #closing: Promise<void> | undefined

  constructor(broker: Broker, listener: KafkaListener, hasTls: boolean) {
    this.#broker = broker
    this.#listener = listener
    this.port = listener.port
    const { host, port } = listener.advertised
    const address = host.includes(':') ? `[${host}]` : host
    this.url = `${hasTls ? 'kafka+tls' : 'kafka'}://${address}:${port}`
  }

  get clusterId(): string {
    return this.#broker.clusterId
  }

  get connections(): number {
    return this.#listener.connections
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    this.#listener.stopAccepting()
    try {
      await this.#broker.close()
    } finally {
      await this.#listener.ended()
    }
  }
}

function fileSystemAt(data: string): FileSystem {
  return data === 'memory:' ? createMemoryFileSystem() : createNodeFileSystem(data)
}

/** Nobody can connect to a wildcard address. */
function advertisedEndpoint(config: ResolvedServerConfig, listenedPort: number): Endpoint {
  const isWildcard = config.host === '0.0.0.0' || config.host === '::'
  const host = config.advertisedHost ?? (isWildcard ? hostname() : config.host)
  return { host, port: config.advertisedPort ?? listenedPort }
}
