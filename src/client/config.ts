/** Configuration of a `Client`: from an object or a URL, then the environment, then defaults. */
import { type SaslCredentials, saslMechanisms } from '../connection/sasl/mechanism.ts'
import type { TlsOptions } from '../connection/tls-options.ts'
import type { Duration } from '../core/duration.ts'
import {
  boolean,
  duration,
  integer,
  invalid,
  oneOf,
  resolveOptions,
  shaped,
  text,
} from '../core/options.ts'
import { createRuntime, type Logger, type Runtime, silentLogger } from '../core/runtime.ts'
import { isTelemetry, type Telemetry } from './telemetry.ts'

export interface ClientConfig {
  /**
   * Where the events live. `file:./dir` (embedded, durable) · `memory:` (embedded, gone at exit) ·
   * `kafka://h1:9092,h2:9092` · `https://…`. Default: `KAFKA_DO_URL`, else `file:./.kafka-do`.
   */
  url?: string | undefined
  /** Bearer key for `https://`. Default: `KAFKA_DO_API_KEY`. */
  apiKey?: string | undefined
  /** User and password for `kafka://` and `kafka+tls://`; also possible in the URL: `kafka+tls://user:password@host`. */
  sasl?: SaslCredentials | undefined
  /** Certificates for `kafka+tls://`. Default: the well-known authorities, no certificate of our own. */
  tls?: TlsOptions | undefined
  /** Shown in the broker's logs. Default `kafka-do`. */
  clientId?: string | undefined
  /** How long one call may take, all its retries included. Default 30 s. */
  timeout?: Duration | undefined
  /** Retries of one request that failed in a retriable way. 0 or more; default 5. Producers have their own. */
  retries?: number | undefined
  /** First delay between retries; it doubles up to 1 s. Default 100 ms. */
  retryBackoff?: Duration | undefined
  /** How long cluster metadata is trusted. Default 5 min. */
  metadataMaxAge?: Duration | undefined
  /** Receives structured log lines; a pino logger fits. Default: none. */
  logger?: Logger | undefined
  /** Looks on at sends and handlers: `openTelemetry()` of `kafka-do/opentelemetry`, or one of your own. Default: none. */
  telemetry?: Telemetry | undefined
  /** Clock, timers and randomness; for tests. */
  runtime?: Runtime | undefined
}

export interface ResolvedClientConfig {
  readonly url: string
  readonly apiKey: string | undefined
  readonly sasl: SaslCredentials | undefined
  readonly tls: TlsOptions | undefined
  readonly clientId: string
  readonly timeout: number
  readonly retries: number
  readonly retryBackoff: number
  readonly metadataMaxAge: number
  readonly telemetry: Telemetry | undefined
  readonly runtime: Runtime
}

export const defaultUrl = 'file:./.kafka-do'

/** Throws `ConfigError` naming the key. `environment` is `process.env` where there is one. */
export function resolveClientConfig(
  input: ClientConfig | string | undefined,
  environment: { readonly [name: string]: string | undefined },
): ResolvedClientConfig {
  const { logger, runtime, ...options } = resolveOptions<{
    url: string
    apiKey: string | undefined
    sasl: SaslCredentials | undefined
    tls: TlsOptions | undefined
    clientId: string
    timeout: number
    retries: number
    retryBackoff: number
    metadataMaxAge: number
    logger: Logger
    telemetry: Telemetry | undefined
    runtime: Runtime | undefined
  }>(
    'ClientConfig',
    {
      url: text(environment.KAFKA_DO_URL || defaultUrl),
      apiKey: text(environment.KAFKA_DO_API_KEY || undefined),
      sasl: { fallback: undefined, read: readSasl },
      tls: { fallback: undefined, read: readTls },
      clientId: text('kafka-do'),
      timeout: duration(30_000, { min: 1 }),
      retries: integer(5, { min: 0 }),
      retryBackoff: duration(100, { min: 1 }),
      metadataMaxAge: duration(300_000, { min: 1 }),
      logger: shaped(silentLogger, 'an object with debug, info, warn and error', isLogger),
      telemetry: shaped(undefined, 'an object with send and process', isTelemetry),
      runtime: shaped(undefined, 'a Runtime', isRuntime),
    },
    typeof input === 'string' ? { url: input } : input,
  )
  return Object.freeze({ ...options, runtime: runtime ?? createRuntime(logger) })
}

function readSasl(value: unknown, key: string): SaslCredentials {
  const { mechanism, username, password } = resolveOptions<{
    [K in keyof SaslCredentials]: SaslCredentials[K] | undefined
  }>(
    key,
    {
      mechanism: oneOf(undefined, saslMechanisms),
      username: text(undefined),
      password: text(undefined),
    },
    value,
  )
  if (mechanism === undefined || username === undefined || password === undefined) {
    throw invalid(`${key} needs mechanism, username and password`)
  }
  return { mechanism, username, password }
}

function readTls(value: unknown, key: string): TlsOptions {
  const pem = shaped(undefined, 'PEM, as a string or bytes', isPem)
  const tls = resolveOptions<TlsOptions>(
    key,
    {
      ca: pem,
      cert: pem,
      key: pem,
      serverName: text(undefined),
      rejectUnauthorized: boolean(true),
    },
    value,
  )
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    throw invalid(`${key}.cert and ${key}.key go together: give both`)
  }
  return tls
}

function isPem(value: unknown): value is string | Uint8Array {
  return (typeof value === 'string' && value !== '') || value instanceof Uint8Array
}

function isLogger(value: unknown): value is Logger {
  if (typeof value !== 'object' || value === null) return false
  const logger = value as { [level: string]: unknown }
  return ['debug', 'info', 'warn', 'error'].every((level) => typeof logger[level] === 'function')
}

function isRuntime(value: unknown): value is Runtime {
  return (
    typeof value === 'object' && value !== null && 'setTimer' in value && 'monotonicNow' in value
  )
}
