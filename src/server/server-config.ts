/** Configuration of a server: checked once when it is created, then frozen. */
import { totalmem } from 'node:os'
import { isServerTelemetry, type ServerTelemetry } from '../backend/server-telemetry.ts'
import { type BrokerConfig, type BrokerConfigInput, brokerOption } from '../broker/config.ts'
import { type Duration, inspectBriefly } from '../core/duration.ts'
import { folderOfUrl } from '../core/folder-url.ts'
import { loggerOption } from '../core/logger-option.ts'
import {
  bytes,
  duration,
  integer,
  invalid,
  listOf,
  nested,
  type OptionsOf,
  type OptionTable,
  pem,
  resolveOptions,
  shaped,
  text,
} from '../core/options.ts'
import { createRuntime, type Logger, type Runtime } from '../core/runtime.ts'
import { runtimeOption } from '../core/runtime-option.ts'
import { type HttpConfig, httpOptions, type ResolvedHttpConfig } from '../http/http-config.ts'
import {
  type AccessConfig,
  accessOptions,
  checkReach,
  type ResolvedAccess,
} from './access-config.ts'
import {
  advertisedHostOption,
  advertisedPortOption,
  checkListener,
  defaultPorts,
  hostOption,
  type ListenerConfig,
  listenerOptions,
  portOption,
  type ResolvedListener,
  type TlsConfig,
  tlsOption,
} from './listener-config.ts'

/** Options of `createServer`. An unknown key or a wrong value is a `ConfigError` that names it. */
export interface ServerConfig extends AccessConfig {
  /**
   * The data folder, as a path or a `file:` URL, or `memory:` to keep data in memory only. Default
   * `'./.kafka-do'`.
   */
  data?: string | undefined
  /**
   * Address to listen on: this machine only, unless it is `0.0.0.0` or `::` for all interfaces.
   * Default `'127.0.0.1'`.
   */
  host?: string | undefined
  /** Port; 0 picks a free one. 0 to 65,535; default 9092. */
  port?: number | undefined
  /**
   * Host name that clients are told to connect to. Default: `host`, or this machine's name if that
   * is a wildcard.
   */
  advertisedHost?: string | undefined
  /**
   * Port that clients are told to connect to, e.g. that of a proxy. 1 to 65,535; default: the port
   * it listens on.
   */
  advertisedPort?: number | undefined
  /** Use TLS on the port. Default: plain TCP. */
  tls?: TlsConfig | undefined
  /**
   * Port for HTTP: the API under `/v1`, and clients with `http://` URLs; 0 picks a free one. With
   * `tls` it is HTTPS. 0 to 65,535; default: no HTTP; with `upstream`, 8080.
   */
  httpPort?: number | undefined
  /**
   * Port for health checks and metrics: `/livez`, `/readyz` and `/metrics`; 0 picks a free one. It
   * requires no authentication, and shows no records and no secrets. 0 to 65,535; default: none.
   */
  managementPort?: number | undefined
  /**
   * Address that `managementPort` listens on: this machine only, whatever `host` is, unless it is
   * `0.0.0.0` or `::` for all interfaces. Default `'127.0.0.1'`.
   */
  managementHost?: string | undefined
  /**
   * Series for topics and groups in `/metrics`, in total; the rest are summed under the label
   * `(other)`. 0 to 10,000,000; default 50,000.
   */
  maxMetricSeries?: number | undefined
  /**
   * Cluster to act as a gateway for: `kafka://host:9092,host2:9092` or
   * `kafka+tls://user:password@host`. The server then serves HTTP and stores nothing itself.
   * Default: the data folder is served.
   */
  upstream?: string | undefined
  /**
   * Certificate authorities to trust for an `upstream` with TLS, PEM. Default: the well-known ones.
   */
  upstreamCa?: string | Uint8Array | undefined
  /** Limits and access rules of HTTP. */
  http?: HttpConfig | undefined
  /**
   * Several listeners, each with its own address, instead of `host`, `port`, `advertisedHost`,
   * `advertisedPort`, `tls`, `httpPort`, `managementPort` and `managementHost`. Default: the
   * listeners those options describe.
   */
  listeners?: readonly ListenerConfig[] | undefined
  /**
   * Longest request, bytes; a longer one closes its connection. Never more than half of
   * `queuedMaxRequestBytes`, or 1/64 of it for requests other than Produce. 1 KiB to 2,147,483,647
   * bytes; default 100 MiB.
   */
  socketRequestMaxBytes?: number | undefined
  /**
   * Memory of all connections together for requests received in full or in part and for responses
   * not yet sent, bytes. When it is used up, requests wait their turn. Kafka's setting limits
   * requests only. 8 MiB or more; default: a quarter of the memory of the machine or container, 64
   * MiB to 512 MiB.
   */
  queuedMaxRequestBytes?: number | undefined
  /**
   * How long a request may take to arrive in full; after that its connection is closed. 1 ms or
   * more; default 30 s.
   */
  requestReceiveTimeout?: Duration | undefined
  /**
   * How long a request or response waits for memory. After that a request's connection is closed,
   * and a fetch is answered without records. 1 ms or more; default 15 s.
   */
  memoryWaitTimeout?: Duration | undefined
  /**
   * When requests have waited for memory this long, connections that have held memory as long for
   * an incomplete request or an unread response are closed, the slowest first, until the others are
   * served. 1 ms or more; default 5 s.
   */
  slowConnectionGrace?: Duration | undefined
  /**
   * Longest request of a connection before its first response, bytes. 1 KiB or more; default 512
   * KiB.
   */
  maxFirstRequestBytes?: number | undefined
  /** Number of connections; further ones are closed at once. 1 or more; default 10,000. */
  maxConnections?: number | undefined
  /**
   * Requests of one connection processed at a time; further ones are not read. 1 or more; default
   * 100.
   */
  maxInFlightRequests?: number | undefined
  /**
   * Responses of one connection that wait for a slow reader, bytes. Beyond this no request is
   * started. The first response to a fetch is no larger, unless a single batch is. 1 byte or more;
   * default 1 MiB.
   */
  maxUnsentBytes?: number | undefined
  /** A connection without requests for this long is closed. 1 ms or more; default 10 min. */
  connectionsMaxIdle?: Duration | undefined
  /** How long `close` waits for clients to read their last responses. Default 5 s. */
  closeTimeout?: Duration | undefined
  /**
   * How long `close` keeps serving while `/readyz` reports that the server is about to stop, so
   * that load balancers send new work elsewhere. Default 0.
   */
  drainDelay?: Duration | undefined
  /** Settings of the broker. */
  broker?: BrokerConfigInput | undefined
  /**
   * Observes requests: `openTelemetryServer()` from `kafka-do/opentelemetry`, or your own. Default:
   * none.
   */
  telemetry?: ServerTelemetry | undefined
  /** Receives structured log messages; a pino logger fits. Default: none. */
  logger?: Logger | undefined
  /** Clock, timers and randomness, for tests. */
  runtime?: Runtime | undefined
}

export interface ConnectionLimits {
  readonly socketRequestMaxBytes: number
  readonly queuedMaxRequestBytes: number
  readonly requestReceiveTimeout: number
  readonly memoryWaitTimeout: number
  readonly slowConnectionGrace: number
  readonly maxFirstRequestBytes: number
  readonly maxConnections: number
  readonly maxInFlightRequests: number
  readonly maxUnsentBytes: number
  readonly connectionsMaxIdle: number
  readonly closeTimeout: number
}

export interface ResolvedServerConfig extends ConnectionLimits, ResolvedAccess {
  readonly data: string
  /** One or more. */
  readonly listeners: readonly (ResolvedListener & { readonly name: string })[]
  readonly upstream: string | undefined
  readonly upstreamCa: string | Uint8Array | undefined
  readonly http: ResolvedHttpConfig
  readonly maxMetricSeries: number
  readonly drainDelay: number
  readonly broker: BrokerConfig | undefined
  readonly telemetry: ServerTelemetry | undefined
  readonly runtime: Runtime
}

const mebibyte = 1_048_576
const int32Max = 2_147_483_647

/** The short form: one listener. */
interface ShortForm {
  readonly host: string
  readonly port: number
  readonly advertisedHost: string | undefined
  readonly advertisedPort: number | undefined
  readonly tls: TlsConfig | undefined
  readonly httpPort: number | undefined
  readonly managementPort: number | undefined
  readonly managementHost: string
}

type ServerOptions = Omit<
  ResolvedServerConfig,
  'runtime' | 'listeners' | 'queuedMaxRequestBytes' | 'http'
> &
  ShortForm & {
    readonly queuedMaxRequestBytes: number | undefined
    readonly listeners: readonly ResolvedListener[] | undefined
    readonly http: ResolvedHttpConfig | undefined
    readonly logger: Logger
    readonly runtime: Runtime | undefined
  }

export const serverOptions: OptionTable<ServerOptions> = {
  data: { ...text('./.kafka-do'), read: readData },
  host: hostOption,
  port: portOption,
  advertisedHost: advertisedHostOption,
  advertisedPort: advertisedPortOption,
  tls: tlsOption,
  httpPort: integer(undefined, { min: 0, max: 65_535 }),
  managementPort: integer(undefined, { min: 0, max: 65_535 }),
  managementHost: text('127.0.0.1'),
  maxMetricSeries: integer(50_000, { min: 0, max: 10_000_000 }),
  upstream: text(undefined),
  upstreamCa: pem(),
  http: nested(undefined, httpOptions, (given) => given),
  listeners: listOf(undefined, listenerOptions, checkListener),
  ...accessOptions,
  socketRequestMaxBytes: bytes(100 * mebibyte, {
    min: 1024,
    max: int32Max,
    kafka: 'socket.request.max.bytes',
  }),
  queuedMaxRequestBytes: bytes(undefined, {
    min: 8 * mebibyte,
    kafka: 'queued.max.request.bytes',
  }),
  requestReceiveTimeout: duration(30_000, {
    min: 1,
  }),
  memoryWaitTimeout: duration(15_000, {
    min: 1,
  }),
  slowConnectionGrace: duration(5000, {
    min: 1,
  }),
  maxFirstRequestBytes: bytes(524_288, {
    min: 1024,
  }),
  maxConnections: integer(10_000, {
    min: 1,
    kafka: 'max.connections',
  }),
  maxInFlightRequests: integer(100, {
    min: 1,
  }),
  maxUnsentBytes: bytes(mebibyte, {
    min: 1,
  }),
  connectionsMaxIdle: duration(600_000, {
    min: 1,
    kafka: 'connections.max.idle.ms',
  }),
  closeTimeout: duration(5000),
  drainDelay: duration(0),
  broker: brokerOption,
  telemetry: shaped(undefined, 'an object with request', isServerTelemetry),
  logger: loggerOption,
  runtime: runtimeOption,
} satisfies OptionsOf<ServerConfig>

/** Throws `ConfigError` naming the key. */
export function resolveServerConfig(input: ServerConfig | undefined): ResolvedServerConfig {
  const given = resolveOptions('ServerConfig', serverOptions, input)
  const { logger, runtime, host, port, advertisedHost, advertisedPort, ...rest } = given
  const { tls, httpPort, managementPort, managementHost, listeners, ...config } = rest
  const queuedMaxRequestBytes = config.queuedMaxRequestBytes ?? shareOfMemory()
  if (input?.queuedMaxRequestBytes !== undefined) checkLongestRequest(input, given)
  if (listeners) refuseShortForm(input)
  else if (managementPort === undefined && input?.managementHost !== undefined)
    throw invalid(
      'ServerConfig.managementHost is for ServerConfig.managementPort, which is not given',
    )
  if (config.upstream !== undefined) refuseBesideUpstream(input)
  else if (config.upstreamCa !== undefined)
    throw invalid('ServerConfig.upstreamCa is for ServerConfig.upstream, which is not given')
  const shared = { name: undefined, host, tls }
  const kafka: ResolvedListener = {
    ...{ kind: 'kafka', ...shared, port },
    advertised: { host: advertisedHost, port: advertisedPort },
  }
  const http = (at: number): ResolvedListener => ({
    ...{ kind: 'http', ...shared, port: at },
    advertised: { host: advertisedHost, port: undefined },
  })
  const short =
    config.upstream !== undefined
      ? [http(httpPort ?? defaultPorts.http)]
      : [kafka, ...(httpPort === undefined ? [] : [http(httpPort)])]
  // Without TLS: who needs it there gives it in `listeners`.
  const management: readonly ResolvedListener[] =
    managementPort === undefined
      ? []
      : [
          {
            ...{ kind: 'management', name: undefined, host: managementHost, port: managementPort },
            ...{ advertised: undefined, tls: undefined },
          },
        ]
  const resolved = named(listeners ?? [...short, ...management])
  const serving = resolved.filter(({ kind }) => kind !== 'management')
  if (serving.length === 0)
    throw invalid("ServerConfig.listeners must include one of kind 'kafka' or 'http'")
  checkReach(given, serving)
  return Object.freeze({
    ...config,
    http: config.http ?? resolveOptions('ServerConfig.http', httpOptions, {}),
    queuedMaxRequestBytes,
    listeners: resolved,
    runtime: runtime ?? createRuntime(logger),
  })
}

function refuseShortForm(input: ServerConfig | undefined): void {
  const short = [
    ...(['host', 'port', 'advertisedHost', 'advertisedPort', 'tls', 'httpPort'] as const),
    ...(['managementPort', 'managementHost'] as const),
  ]
  for (const key of short) {
    if (input?.[key] !== undefined) {
      throw invalid(
        `ServerConfig.${key} and ServerConfig.listeners exclude each other: set ${key} in each listener`,
      )
    }
  }
}

/** A gateway keeps no events of its own, and has no Kafka listener: clients of Kafka's protocol go to the cluster itself. */
function refuseBesideUpstream(input: ServerConfig | undefined): void {
  const isKafka = input?.listeners?.some(({ kind }) => kind === 'kafka')
  if (isKafka || input?.port !== undefined) {
    throw invalid(
      `ServerConfig.${isKafka ? "listeners of kind 'kafka'" : 'port'} and ServerConfig.upstream exclude each other: Kafka clients connect to the cluster itself; httpPort says where HTTP is served`,
    )
  }
  if (input?.broker !== undefined) {
    throw invalid(
      'ServerConfig.broker and ServerConfig.upstream exclude each other: the cluster has its own settings',
    )
  }
}

/** A quarter of what the machine or the container has, within limits that suit both. */
function shareOfMemory(): number {
  // 0, or more than there is, where nothing confines the process.
  const confined = process.constrainedMemory?.() || Number.POSITIVE_INFINITY
  const quarter = Math.floor(Math.min(totalmem(), confined) / 4)
  return Math.min(512 * mebibyte, Math.max(64 * mebibyte, quarter))
}

/** A request takes at most half of the memory; the default of its length gives way. */
function checkLongestRequest(
  input: ServerConfig,
  { queuedMaxRequestBytes, socketRequestMaxBytes }: ServerOptions,
): void {
  const { socketRequestMaxBytes: wanted } = input
  if (wanted === undefined || 2 * socketRequestMaxBytes <= queuedMaxRequestBytes!) return
  throw invalid(
    `ServerConfig.socketRequestMaxBytes (${wanted}) must not pass half of ServerConfig.queuedMaxRequestBytes (${queuedMaxRequestBytes}): a request would never find the memory`,
  )
}

/** Each has a name of its own. */
function named(
  listeners: readonly ResolvedListener[],
): (ResolvedListener & { readonly name: string })[] {
  const counts = { kafka: 0, http: 0, management: 0 }
  const result = listeners.map((listener) => {
    const { kind } = listener
    const nth = ++counts[kind]
    return { ...listener, name: listener.name ?? (nth === 1 ? kind : `${kind}-${nth}`) }
  })
  const names = result.map(({ name }) => name)
  const twice = names.findIndex((name, i) => names.indexOf(name) !== i)
  if (twice >= 0) {
    throw invalid(
      `ServerConfig.listeners[${twice}].name '${names[twice]}' is taken by another listener`,
    )
  }
  return result
}

/** A folder as a path or a `file:` URL, or `memory:`. */
function readData(value: unknown, name: string): string {
  const data = text('').read(value, name)
  if (data.startsWith('file:')) return folderOfUrl(data, name)
  // A letter and a colon begin a path of Windows.
  if (data !== 'memory:' && /^[a-z][a-z0-9+.-]+:/i.test(data)) {
    throw invalid(
      `${name} must be a folder of this machine or 'memory:'; got ${inspectBriefly(data)}`,
    )
  }
  return data
}
