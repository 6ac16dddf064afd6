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
   * The data folder, as a path or a `file:` URL, or `memory:` for data that is gone at the end.
   * Default `'./.kafka-do'`.
   */
  data?: string | undefined
  /**
   * Address to listen at: this machine only, unless it is `0.0.0.0` or `::` for all interfaces.
   * Default `'127.0.0.1'`.
   */
  host?: string | undefined
  /** Port; 0 takes a free one. 0 to 65,535; default 9092. */
  port?: number | undefined
  /**
   * Host name that clients are told to connect to. Default: `host`, or this machine's name when
   * that is a wildcard.
   */
  advertisedHost?: string | undefined
  /**
   * Port that clients are told to connect to, e.g. that of a proxy. 1 to 65,535; default: the one
   * listened at.
   */
  advertisedPort?: number | undefined
  /** Speak TLS on the port. Default: plain TCP. */
  tls?: TlsConfig | undefined
  /**
   * Port for HTTP: the API under `/v1`, and clients with `http://` URLs; 0 takes a free one. With
   * `tls` it is HTTPS. 0 to 65,535; default: no HTTP; with `upstream` 8080.
   */
  httpPort?: number | undefined
  /**
   * Port for health checks and metrics: `/livez`, `/readyz` and `/metrics`; 0 takes a free one. It
   * asks nobody who they are, and has neither records nor secrets. 0 to 65,535; default: none.
   */
  managementPort?: number | undefined
  /**
   * Address that `managementPort` listens at: this machine only, whatever `host` says, unless it is
   * `0.0.0.0` or `::` for all interfaces. Default `'127.0.0.1'`.
   */
  managementHost?: string | undefined
  /**
   * Series of topics and groups in `/metrics` together; what is beyond is summed under the label
   * `(other)`. 0 to 10,000,000; default 50,000.
   */
  maxMetricSeries?: number | undefined
  /**
   * Another cluster to stand before, as a gateway: `kafka://host:9092,host2:9092` or
   * `kafka+tls://user:password@host`. HTTP is served, and nothing is stored here. Default: the data
   * folder is served.
   */
  upstream?: string | undefined
  /** Authorities to trust for an `upstream` with TLS, PEM. Default: the well-known ones. */
  upstreamCa?: string | Uint8Array | undefined
  /** Limits of HTTP, and whom it lets in. */
  http?: HttpConfig | undefined
  /**
   * Several ways in, each with an address of its own, in the place of `host`, `port`,
   * `advertisedHost`, `advertisedPort`, `tls`, `httpPort`, `managementPort` and `managementHost`.
   * Default: the one that these describe.
   */
  listeners?: readonly ListenerConfig[] | undefined
  /**
   * Longest request, bytes; a longer one ends its connection. At most half of
   * `queuedMaxRequestBytes`, or a 64th for requests other than Produce, whatever it says. 1 KiB to
   * 2,147,483,647 bytes; default 100 MiB.
   */
  socketRequestMaxBytes?: number | undefined
  /**
   * Memory for requests that have come or begun to come, and for answers that have not left, of all
   * connections together, bytes. What finds none waits its turn. Kafka's bounds requests alone. 8
   * MiB or more; default: a quarter of the machine's or the container's memory, 64 MiB to 512 MiB.
   */
  queuedMaxRequestBytes?: number | undefined
  /**
   * A request that has begun to come and is not whole after so long ends its connection. 1 ms or
   * more; default 30 s.
   */
  requestReceiveTimeout?: Duration | undefined
  /**
   * How long a request or an answer waits for memory that others hold. Then a request ends its
   * connection, and a fetch is answered without records. 1 ms or more; default 15 s.
   */
  memoryWaitTimeout?: Duration | undefined
  /**
   * When others have waited for memory for so long, the connections that have held it as long for a
   * request that is not whole or an answer that is not read are closed, the slowest first, until
   * the others are served. 1 ms or more; default 5 s.
   */
  slowConnectionGrace?: Duration | undefined
  /**
   * Longest request of a connection before one was answered, bytes. 1 KiB or more; default 512 KiB.
   */
  maxFirstRequestBytes?: number | undefined
  /** Connections at a time; more are closed at once. 1 or more; default 10,000. */
  maxConnections?: number | undefined
  /**
   * Requests of one connection that are worked on at a time; reading stops there. 1 or more;
   * default 100.
   */
  maxInFlightRequests?: number | undefined
  /**
   * Answers of one connection that wait for a slow reader, bytes; no request is begun beyond, and
   * the first answer to a fetch is no larger, unless one batch is. 1 byte or more; default 1 MiB.
   */
  maxUnsentBytes?: number | undefined
  /** A connection that asks nothing for so long is closed. 1 ms or more; default 10 min. */
  connectionsMaxIdle?: Duration | undefined
  /** How long `close` waits for clients to take their last answers. Default 5 s. */
  closeTimeout?: Duration | undefined
  /**
   * How long `close` goes on serving, while `/readyz` says that the server is about to stop, so
   * that load balancers send new work elsewhere. Default 0.
   */
  drainDelay?: Duration | undefined
  /** Settings of the broker. */
  broker?: BrokerConfigInput | undefined
  /**
   * Looks on at requests: `openTelemetryServer()` of `kafka-do/opentelemetry`, or one of your own.
   * Default: none.
   */
  telemetry?: ServerTelemetry | undefined
  /** Receives structured log lines; a pino logger fits. Default: none. */
  logger?: Logger | undefined
  /** Clock, timers and randomness; for tests. */
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
    throw invalid("ServerConfig.listeners must have one of kind 'kafka' or 'http', too")
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
        `ServerConfig.${key} and ServerConfig.listeners exclude each other: give ${key} in each of the listeners`,
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
      'ServerConfig.broker and ServerConfig.upstream exclude each other: the cluster has settings of its own',
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
