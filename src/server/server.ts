/**
 * `kafka-do serve` from code: a broker on a data folder, behind its listeners.
 *
 * Closing: no new connections and requests; long polls are answered; requests in flight finish and their answers are
 * sent; the logs are synced and the folder is marked as clean.
 */

import { hostname } from 'node:os'
import type { AccessGuard } from '../access/access-guard.ts'
import { OpenGuard } from '../access/open-guard.ts'
import type { Endpoint } from '../backend/endpoint.ts'
import type { KeyAdmin } from '../backend/guard.ts'
import type { BackupResult } from '../backup/backup-folder.ts'
import type { BackupOptions } from '../backup/backup-options.ts'
import { ConfigError, KafkaError } from '../core/errors.ts'
import type { Metric } from '../core/metrics.ts'
import type { HttpApi } from '../http/handler.ts'
import { createGuard, type FirstKey, makeFirstKey } from './access-setup.ts'
import { KafkaListener } from './kafka-listener.ts'
import { type Listener, type ListenerStatus, statusOf } from './listener.ts'
import type { ResolvedListener } from './listener-config.ts'
import type { Management } from './management/management.ts'
import { MemoryBudget } from './memory-budget.ts'
import type { ListenerParts } from './open-http-listener.ts'
import { applyReload, type LiveConfig, type Reloaded } from './reload.ts'
import { openServed, type Served } from './served.ts'
import {
  type ResolvedServerConfig,
  resolveServerConfig,
  type ServerConfig,
} from './server-config.ts'
import { ServerMetrics } from './server-metrics.ts'
import { maskPassword } from './upstream.ts'

/** A running server. */
export interface Server {
  /** The port of the first listener. */
  readonly port: number
  /**
   * Of the first listener, for clients on this machine or where the advertised address leads: `kafka://host:port`,
   * `kafka+tls://host:port`, or where there is only HTTP `http://host:port`.
   */
  readonly url: string
  /** Of the first listener for HTTP: `http://host:port` or `https://host:port`. Undefined: there is none. */
  readonly httpUrl: string | undefined
  /** Of the first listener for health checks and metrics: `http://host:port`. Undefined: there is none. */
  readonly managementUrl: string | undefined
  /** All ways in, in the order of the config. */
  readonly listeners: readonly ListenerStatus[]
  /** Empty as long as a gateway has not reached its cluster. */
  readonly clusterId: string
  /** Open connections now, at all listeners. */
  readonly connections: number
  /** Makes and manages API keys; undefined without access control. */
  readonly keys: KeyAdmin | undefined
  /** The API key that was made at this start, as there was none: it may do everything. Undefined: there were keys. */
  readonly firstKey: FirstKey | undefined
  /** What has been counted since the start, and how the server stands, for an exporter such as prom-client. */
  metrics(): Metric[]
  /**
   * Takes a snapshot of the stored data while the server runs; `kafka-do restore` restores it to a data folder. When it
   * rejects, the backup before is whole. Throws `ConfigError`, also where the data is another cluster's (`upstream`),
   * `DataFolderLockedError` while another backup is written there, and `StorageError`.
   * @example
   * await server.backup({ to: '/backups/events' })
   */
  backup(options: BackupOptions): Promise<BackupResult>
  /**
   * Takes what can be taken of another config while the server runs: certificates, and limits that are looked up each time.
   * The config is whole, as for `createServer`. Throws `ConfigError` for one that is wrong; then nothing has changed.
   * @example server.reload({ ...config, tls: { cert: renewed, key } }).needRestart // []
   */
  reload(config: ServerConfig): Reloaded
  /**
   * Keeps serving for `drainDelay`, finishes requests in flight, then releases all resources. Idempotent. Throws
   * `StorageError` when the logs could not be synced.
   */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Opens the data folder and listens. Throws `ConfigError`, `DataFolderLockedError`, `CorruptDataError`, `StorageError`,
 * and `KafkaError` LISTEN_FAILED when a port is not available.
 * @example
 * const server = await createServer({ data: './data', port: 9092 })
 * const kafka = new Client(server.url)
 */
export async function createServer(config?: ServerConfig): Promise<Server> {
  const resolved = resolveServerConfig(config)
  const { runtime, listeners } = resolved
  const live: LiveConfig = { ...resolved, http: { ...resolved.http } }
  const guard = await createGuard(resolved, runtime)
  const hall = guard ?? new OpenGuard(resolved.gateways)
  const metrics = new ServerMetrics()
  const budget = new MemoryBudget(runtime, resolved)
  const openListeners: Listener[] = []
  // First, so that a start that takes its time is seen.
  const management = await openManagement(resolved, { live, metrics, budget, openListeners })
  const served = await openServed({
    ...{ ...resolved, guard: hall, urlName: 'ServerConfig.upstream' },
  }).catch(async (error: unknown) => {
    await closeManagement(management, openListeners)
    throw error
  })
  const apis: HttpApi[] = []
  let firstKey: FirstKey | undefined
  try {
    if (guard) {
      await guard.open(served.connectionOfServer())
      firstKey = await makeFirstKey(guard, folderOf(resolved.data), runtime)
    }
    for (const listener of listeners) {
      if (listener.kind === 'management') continue
      const shared: ListenerParts = {
        ...{ ...listener, runtime, budget, limits: live, metrics: metrics.of(listener.name) },
        httpMetrics: metrics.http,
        advertised: (listened: number) => advertisedEndpoint(listener, listened),
      }
      if (listener.kind === 'kafka') {
        const backend = await served.nodes.any()
        const mustAuthenticate = guard !== undefined && !resolved.allowAnonymous
        openListeners.push(
          await KafkaListener.open({
            ...shared,
            backend,
            guard,
            mustAuthenticate,
          }),
        )
      } else {
        const { createHttpApi, openHttpListener } = await import('./open-http-listener.ts')
        const api = createHttpApi(resolved, live.http, served, { guard, hall }, shared)
        apis.push(api)
        openListeners.push(await openHttpListener(live.http, api, shared))
      }
    }
  } catch (error) {
    await closeAll({ openListeners, apis, guard, served, management })
    throw error
  }
  const order = listeners.map(({ name }) => name)
  openListeners.sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name))
  const kafka = openListeners.find(({ kind }) => kind === 'kafka')
  if (resolved.upstream !== undefined) for (const api of apis) warnIfNotTrusted(api, resolved)
  management?.serving(served, kafka instanceof KafkaListener ? kafka.advertised : undefined)
  const parts = { served, openListeners, apis, metrics, budget, guard, firstKey, management }
  return new RunningServer({ ...parts, config: resolved, live })
}

/** Undefined: there is no listener of that kind. */
async function openManagement(
  { runtime, listeners }: ResolvedServerConfig,
  {
    live,
    metrics,
    budget,
    openListeners,
  }: Pick<ServerParts, 'metrics' | 'budget' | 'live'> & { readonly openListeners: Listener[] },
): Promise<Management | undefined> {
  const own = listeners.filter(({ kind }) => kind === 'management')
  if (own.length === 0) return undefined
  const { Management } = await import('./management/management.ts')
  const management = new Management({
    runtime,
    metrics: () => metrics.read(openListeners, budget),
    maxMetricSeries: () => live.maxMetricSeries,
  })
  try {
    for (const listener of own)
      openListeners.push(await management.openListener(listener, metrics.of(listener.name)))
  } catch (error) {
    await closeManagement(management, openListeners)
    throw error
  }
  return management
}

async function closeManagement(
  management: Management | undefined,
  openListeners: readonly Listener[],
): Promise<void> {
  await management?.closed()
  const own = openListeners.filter(({ kind }) => kind === 'management')
  await Promise.all(own.map((listener) => listener.ended()))
}

/** A gateway says at its start what it cannot do, not to the first caller who needs it. */
function warnIfNotTrusted(api: HttpApi, { runtime, upstream }: ResolvedServerConfig): void {
  api.checkState().catch((error: unknown) => {
    // One that cannot be reached has been told of, and may be there later.
    if (!(error instanceof KafkaError) || error.code !== 'GATEWAY_NOT_TRUSTED') return
    runtime.logger.warn(
      { err: error, upstream: upstream && maskPassword(upstream) },
      'idempotency keys, pulls, acks and tickets will be refused',
    )
  })
}

interface ServerParts {
  readonly served: Served
  readonly openListeners: readonly Listener[]
  readonly apis: readonly HttpApi[]
  readonly metrics: ServerMetrics
  readonly budget: MemoryBudget
  readonly guard: AccessGuard | undefined
  readonly firstKey: FirstKey | undefined
  readonly management: Management | undefined
  readonly config: ResolvedServerConfig
  readonly live: LiveConfig
}

class RunningServer implements Server {
  readonly #served: Served
  readonly #openListeners: readonly Listener[]
  readonly #apis: readonly HttpApi[]
  readonly #metrics: ServerMetrics
  readonly #budget: MemoryBudget
  readonly #guard: AccessGuard | undefined
  readonly firstKey: FirstKey | undefined
  readonly #management: Management | undefined
  readonly #live: LiveConfig
  #config: ResolvedServerConfig
  #closing: Promise<void> | undefined

  constructor(parts: ServerParts) {
    const { served, openListeners, apis, metrics, budget, guard, firstKey } = parts
    this.#management = parts.management
    this.#live = parts.live
    this.#config = parts.config
    this.#guard = guard
    this.firstKey = firstKey
    this.#budget = budget
    this.#served = served
    this.#openListeners = openListeners
    this.#apis = apis
    this.#metrics = metrics
  }

  get port(): number {
    return this.#first.port
  }

  get url(): string {
    return this.#first.url
  }

  get managementUrl(): string | undefined {
    return this.#openListeners.find(({ kind }) => kind === 'management')?.url
  }

  /** That clients use. */
  get #first(): Listener {
    return this.#openListeners.find(({ kind }) => kind !== 'management')!
  }

  get httpUrl(): string | undefined {
    return this.#openListeners.find(({ kind }) => kind === 'http')?.url
  }

  get listeners(): readonly ListenerStatus[] {
    return this.#openListeners.map(statusOf)
  }

  get clusterId(): string {
    return this.#served.clusterId
  }

  get keys(): KeyAdmin | undefined {
    return this.#guard?.keys
  }

  get connections(): number {
    return this.#openListeners.reduce((sum, { connections }) => sum + connections, 0)
  }

  metrics(): Metric[] {
    return [...this.#metrics.read(this.#openListeners, this.#budget), ...this.#served.metrics()]
  }

  async backup(options: BackupOptions): Promise<BackupResult> {
    const backend = await this.#served.nodes.any()
    if (!backend.backup)
      throw new ConfigError(
        'There is nothing to back up here: the events are in the upstream cluster',
        { code: 'INVALID_CONFIG' },
      )
    const { backUp } = await import('../backup/backup-to.ts')
    return backUp((request) => backend.backup!(request), options, true)
  }

  reload(config: ServerConfig): Reloaded {
    const wanted = resolveServerConfig(config)
    const parts = { live: this.#live, openListeners: this.#openListeners }
    const { reloaded, running } = applyReload(this.#config, wanted, parts)
    this.#config = running
    return reloaded
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { runtime } = this.#config
    if (this.#management) this.#management.health.phase = 'draining'
    const { drainDelay } = this.#live
    if (drainDelay > 0) {
      await new Promise<void>((resolve) => {
        runtime.setTimer(drainDelay, resolve)
      })
    }
    await closeAll({
      ...{ openListeners: this.#openListeners, apis: this.#apis, management: this.#management },
      ...{ guard: this.#guard, served: this.#served },
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** No listener takes anything new before what serves finishes what is in flight; then the answers leave. */
async function closeAll({
  openListeners,
  apis,
  guard,
  served: { nodes },
  management,
}: Pick<ServerParts, 'openListeners' | 'apis' | 'guard' | 'served' | 'management'>): Promise<void> {
  const serving = openListeners.filter(({ kind }) => kind !== 'management')
  for (const listener of serving) listener.stopAccepting()
  try {
    await Promise.all(apis.map((api) => api.close()))
    await guard?.close()
    try {
      await nodes.close()
    } finally {
      await Promise.all(serving.map((listener) => listener.ended()))
    }
  } finally {
    await closeManagement(management, openListeners)
  }
}

/** Undefined: the data is in memory. */
function folderOf(data: string): string | undefined {
  return data === 'memory:' ? undefined : data
}

/** Nobody can connect to a wildcard address. */
function advertisedEndpoint(
  { host, advertised }: ResolvedListener,
  listenedPort: number,
): Endpoint {
  const isWildcard = host === '0.0.0.0' || host === '::'
  return {
    host: advertised?.host ?? (isWildcard ? hostname() : host),
    port: advertised?.port ?? listenedPort,
  }
}
