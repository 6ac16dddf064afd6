/**
 * The client as applications get it. What belongs to it is composed here, once: the parts of `client/` on the connection that
 * the config calls for, with an embedded broker where that is wanted. `Client` and `MockClient` differ in their connection only.
 */
import type { BackupResult } from '../backup/backup-folder.ts'
import type { BackupOptions } from '../backup/backup-options.ts'
import type { BrokerConfigInput } from '../broker/config.ts'
import { BaseClient } from '../client/client.ts'
import {
  type ClientConfig as BaseClientConfig,
  type ResolvedClientConfig,
  resolveClientConfig,
} from '../client/config.ts'
import type { Topic } from '../client/topic.ts'
import type { Connection } from '../connection/connection.ts'
import { noBackup } from '../connection/no-backup.ts'
import { refuseMore } from '../core/options.ts'
import type { Stream } from '../streams/dsl/stream.ts'
import type { StreamOptions } from '../streams/dsl/stream-builder.ts'
import { ChainedStreams, Streams } from '../streams/dsl/streams.ts'
import type { StateFolder } from '../streams/state-dir/state-folder.ts'
import type { StreamsConfig } from '../streams/streams-config.ts'
import { environment } from './environment.ts'
import { embeddedOptions, openConnection } from './open-connection.ts'

/** Options of `new Client(config)`. An unknown key or a wrong value is a `ConfigError` that names it. */
export interface ClientConfig extends BaseClientConfig {
  /**
   * Settings of the embedded broker, for `file:` and `memory:`. Those of the first client on a
   * folder apply.
   */
  broker?: BrokerConfigInput | undefined
}

/** A config and what it calls for. */
export interface Composition {
  readonly config: ResolvedClientConfig
  readonly connection: Connection
}

/** Whatever an application asks of a client, on any connection. */
export class ComposedClient extends BaseClient {
  #chains: ChainedStreams | undefined
  readonly #connection: Connection

  constructor({ config, connection }: Composition) {
    super(config, connection)
    this.#connection = connection
  }

  /**
   * Copies all that is stored at this moment, while everything goes on: topics, offsets, transactions, keys and rights. For
   * `file:`, `memory:`, and a server's `https://` or `http://`, where it takes the right to alter the cluster. `kafka-do
   * restore` makes a data folder of it. When it rejects, the backup before is whole. Throws `ConfigError`,
   * `DataFolderLockedError` while another backup is written there, `UnauthorizedError`, `StorageError`, `DisconnectedError`.
   * @example
   * await kafka.backup({ to: '/backups/events' })
   */
  async backup(options: BackupOptions): Promise<BackupResult> {
    const connection = this.#connection
    if (!connection.backup) throw noBackup(connection.url)
    const { backUp } = await import('../backup/backup-to.ts')
    const isLocal = !/^https?:/.test(connection.url)
    return backUp((request) => connection.backup!(request), options, isLocal)
  }

  /**
   * A stream of a topic's records, to be filtered, joined and added up. It starts when a chain ends (`to`, `forEach`, `branch`) and the
   * code that writes it down has run; chains that meet are one application. Throws `ConfigError`.
   * @example
   * kafka.stream<Order>('orders').filter((order) => order.amount > 100).to('large-orders')
   */
  stream<V = unknown, K = string>(
    topic: string | Topic<V, K, never>,
    options: StreamsConfig & StreamOptions & { tombstones: 'deliver' },
  ): Stream<V | null, K | null>
  stream<V = unknown, K = string>(
    topic: string | Topic<V, K, never>,
    options?: StreamsConfig & StreamOptions,
  ): Stream<V, K | null>
  stream<V = unknown, K = string>(
    topic: string | Topic<V, K, never>,
    options: StreamsConfig & StreamOptions = {},
  ): Stream<V, K | null> {
    this.#chains ??= new ChainedStreams({ ...this.parts, openStateFolder })
    return this.#chains.open(topic, options)
  }

  /** An application of several chains under one name. Write them down, then `await app.start()`. Throws `ConfigError`. */
  streams(config: StreamsConfig & { app: string }): Streams {
    return new Streams({ ...this.parts, openStateFolder }, config)
  }
}

/**
 * A client of an event log: embedded in this process (`file:`, `memory:`) by default.
 *
 * @example
 * const kafka = new Client()
 * await kafka.produce('orders', { orderId: '123', amount: 99.99 })
 */
export class Client extends ComposedClient {
  /**
   * A config, or only its URL. Throws `ConfigError`, naming the key, for a config it cannot use. Nothing is opened before
   * the first call.
   */
  constructor(config?: ClientConfig | string | URL)
  constructor(config?: ClientConfig | string | URL, ...more: unknown[]) {
    refuseMore(more, `new Client({ url: '…', clientId: '…' })`)
    super(compose(config))
  }
}

/** Its code is loaded when there is state on disk. */
async function openStateFolder(dir: string, app: string): Promise<StateFolder> {
  const storage = await import('../storage/state-folder.ts')
  return storage.openStateFolder(dir, app)
}

function compose(input: ClientConfig | string | URL | undefined): Composition {
  const { broker, ...config } = resolveClientConfig(input, environment(), embeddedOptions)
  return { config, connection: openConnection(config, broker) }
}
