/** Configuration of a server: checked once when it is created, then frozen. */
import type { BrokerConfigInput } from '../broker/config.ts'
import type { Duration } from '../core/duration.ts'
import { duration, integer, invalid, resolveOptions, shaped, text } from '../core/options.ts'
import { createRuntime, type Logger, type Runtime, silentLogger } from '../core/runtime.ts'

/** The certificate that a server shows, and whether its clients must have one. */
export interface TlsConfig {
  /** Certificate chain, PEM. */
  cert: string | Uint8Array
  /** Private key, PEM. */
  key: string | Uint8Array
  /** Certificates of the authorities that clients' certificates must come from, PEM; given: clients must have one. */
  ca?: string | Uint8Array | undefined
}

/** Options of `createServer`. An unknown key or a wrong value is a `ConfigError` that names it. */
export interface ServerConfig {
  /** The data folder, or `memory:` for data that is gone at the end. Default `./.kafka-do`. */
  data?: string | undefined
  /** Address to listen at. Default `127.0.0.1`: this machine only. `0.0.0.0` or `::` for all interfaces. */
  host?: string | undefined
  /** Port; 0 takes a free one. Default 9092. */
  port?: number | undefined
  /** Host name that clients are told to connect to. Default: `host`, or this machine's name when that is a wildcard. */
  advertisedHost?: string | undefined
  /** Port that clients are told to connect to, e.g. that of a proxy. Default: the one listened at. */
  advertisedPort?: number | undefined
  /** Speak TLS on the port. Default: plain TCP. */
  tls?: TlsConfig | undefined
  /** Longest request, bytes; a longer one ends its connection. Default 100 MiB. */
  frameBytesMax?: number | undefined
  /** Connections at a time; more are closed at once. Default 10 000. */
  connectionsMax?: number | undefined
  /** Requests of one connection that are worked on at a time; reading stops there. Default 100. */
  inFlightRequestsMax?: number | undefined
  /** Answers of one connection that wait for a slow reader, bytes; no request is begun beyond. Default 1 MiB. */
  unsentBytesMax?: number | undefined
  /** A connection that asks nothing for so long is closed. Default 10 min. */
  idleTimeout?: Duration | undefined
  /** How long `close` waits for clients to take their last answers. Default 5 s. */
  closeTimeout?: Duration | undefined
  /** Settings of the broker. */
  broker?: BrokerConfigInput | undefined
  /** Receives structured log lines; a pino logger fits. Default: none. */
  logger?: Logger | undefined
  /** Clock, timers and randomness; for tests. */
  runtime?: Runtime | undefined
}

export interface ConnectionLimits {
  readonly frameBytesMax: number
  readonly connectionsMax: number
  readonly inFlightRequestsMax: number
  readonly unsentBytesMax: number
  readonly idleTimeout: number
  readonly closeTimeout: number
}

export interface ResolvedServerConfig extends ConnectionLimits {
  readonly data: string
  readonly host: string
  readonly port: number
  readonly advertisedHost: string | undefined
  readonly advertisedPort: number | undefined
  readonly tls: TlsConfig | undefined
  readonly broker: BrokerConfigInput | undefined
  readonly runtime: Runtime
}

const mebibyte = 1_048_576
const int32Max = 2_147_483_647

/** Throws `ConfigError` naming the key. The broker's settings are checked when it is opened. */
export function resolveServerConfig(input: ServerConfig | undefined): ResolvedServerConfig {
  const { logger, runtime, ...config } = resolveOptions<
    Omit<ResolvedServerConfig, 'runtime'> & { logger: Logger; runtime: Runtime | undefined }
  >(
    'ServerConfig',
    {
      data: text('./.kafka-do'),
      host: text('127.0.0.1'),
      port: integer(9092, { min: 0, max: 65_535 }),
      advertisedHost: text(undefined),
      advertisedPort: portOr(undefined),
      tls: { fallback: undefined, read: readTls },
      frameBytesMax: integer(100 * mebibyte, { min: 1024, max: int32Max }),
      connectionsMax: integer(10_000, { min: 1 }),
      inFlightRequestsMax: integer(100, { min: 1 }),
      unsentBytesMax: integer(mebibyte, { min: 1 }),
      idleTimeout: duration(600_000, { min: 1 }),
      closeTimeout: duration(5000),
      broker: shaped(undefined, 'an object', isObject),
      logger: shaped(silentLogger, 'an object with debug, info, warn and error', isLogger),
      runtime: shaped(undefined, 'a Runtime', isRuntime),
    },
    input,
  )
  return Object.freeze({ ...config, runtime: runtime ?? createRuntime(logger) })
}

function portOr<F>(fallback: F) {
  const { read } = integer(0, { min: 1, max: 65_535 })
  return { fallback, read }
}

function readTls(value: unknown, key: string): TlsConfig {
  const tls = resolveOptions<{ [K in keyof TlsConfig]-?: TlsConfig[K] | undefined }>(
    key,
    { cert: pem(), key: pem(), ca: pem() },
    value,
  )
  if (tls.cert === undefined || tls.key === undefined) {
    throw invalid(`${key} needs both cert and key`)
  }
  return { cert: tls.cert, key: tls.key, ca: tls.ca }
}

function pem() {
  return shaped(undefined, 'PEM, as a string or bytes', isPem)
}

function isPem(value: unknown): value is string | Uint8Array {
  return (typeof value === 'string' && value !== '') || value instanceof Uint8Array
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isLogger(value: unknown): value is Logger {
  if (!isObject(value)) return false
  const logger = value as { [level: string]: unknown }
  return ['debug', 'info', 'warn', 'error'].every((level) => typeof logger[level] === 'function')
}

function isRuntime(value: unknown): value is Runtime {
  return isObject(value) && 'setTimer' in value && 'monotonicNow' in value
}
