/**
 * Configuration of a `Client`: from an object or a URL, then the environment, then defaults. An error
 * about a value names where it came from. What the URL's scheme has no use for is refused.
 */
import { type SaslCredentials, saslMechanisms } from '../connection/sasl/mechanism.ts'
import type { TlsOptions } from '../connection/tls-options.ts'
import type { Duration } from '../core/duration.ts'
import { loggerOption } from '../core/logger-option.ts'
import {
  boolean,
  duration,
  integer,
  invalid,
  isPlainObject,
  type NameOf,
  nested,
  type OptionsOf,
  type OptionTable,
  oneOf,
  pem,
  readText,
  refuseOptions,
  resolveOptions,
  shaped,
  text,
  variableOf,
} from '../core/options.ts'
import { createRuntime, type Logger, type Runtime } from '../core/runtime.ts'
import { runtimeOption } from '../core/runtime-option.ts'
import { isTelemetry, type Telemetry } from './telemetry.ts'
import { checkSchemeOptions, schemeOf } from './url-schemes.ts'

/** What every client takes, and how a cluster or a service is reached. Wrong values throw `ConfigError` naming the option. */
export interface ClientConfig {
  /**
   * Where the events are stored. `file:./dir` (embedded, durable) · `memory:` (embedded, gone at
   * exit) · `kafka://h1:9092,h2:9092` · `kafka+tls://…` · `https://host` or `http://host:8080`
   * (kafka-do serve over HTTP). Default: `KAFKA_DO_URL`, or `file:./.kafka-do`.
   */
  url?: string | URL | undefined
  /**
   * API key of `kafka-do serve`. Sent as bearer token over `https://` and `http://`, with SASL
   * PLAIN over `kafka+tls://`, and over `kafka://` to this machine only. Default:
   * `KAFKA_DO_API_KEY`; with `kafka:` and `kafka+tls:` only together with `KAFKA_DO_URL`.
   */
  apiKey?: string | undefined
  /**
   * User and password, or a token, for `kafka://` and `kafka+tls://`. A user can also be in the
   * URL: `kafka+tls://user:password@host`.
   */
  sasl?: SaslCredentials | undefined
  /**
   * Certificates for `kafka+tls://` and `https://`. Default: the well-known authorities, no client
   * certificate.
   */
  tls?: TlsOptions | undefined
  /** Shown in the broker's logs. Default `'kafka-do'`. */
  clientId?: string | undefined
  /** How long one call may take, including all retries. 1 ms or more; default 30 s. */
  timeout?: Duration | undefined
  /**
   * Retries of one request that failed with a retriable error. Producers have their own setting. 0
   * or more; default 5.
   */
  retries?: number | undefined
  /** First delay between retries; it doubles up to 1 s. 1 ms or more; default 100 ms. */
  retryBackoff?: Duration | undefined
  /** How long cluster metadata is used before it is refreshed. 1 ms or more; default 5 min. */
  metadataMaxAge?: Duration | undefined
  /** Receives structured log messages; a pino logger fits. Default: none. */
  logger?: Logger | undefined
  /**
   * Observes sends and handlers: `openTelemetry()` from `kafka-do/opentelemetry`, or your own.
   * Default: none.
   */
  telemetry?: Telemetry | undefined
  /** Clock, timers and randomness, for tests. */
  runtime?: Runtime | undefined
}

export interface ResolvedClientConfig {
  readonly url: string
  /** What errors call the URL: where it was given. */
  readonly urlName: string
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

type GivenSasl = { readonly [K in keyof SaslCredentials]-?: SaslCredentials[K] | undefined }

const saslOptions: OptionTable<GivenSasl> = {
  mechanism: oneOf(undefined, saslMechanisms, {
    kafka: 'sasl.mechanism',
  }),
  username: text(undefined),
  password: text(undefined),
  token: shaped(undefined, 'a token, or a function that returns one', isTokenOrSource, {
    kafka: 'sasl.login.callback.handler.class',
  }),
  extensions: shaped(undefined, 'names in letters with printable values', isExtensions),
} satisfies OptionsOf<SaslCredentials>

const tlsOptions: OptionTable<TlsOptions> = {
  ca: pem(),
  cert: pem(),
  key: pem(),
  serverName: text(undefined),
  rejectUnauthorized: boolean(true),
} satisfies OptionsOf<TlsOptions>

type ClientOptions = Omit<ResolvedClientConfig, 'urlName' | 'runtime'> & {
  readonly logger: Logger
  readonly runtime: Runtime | undefined
}

/** A client's, wherever its events are. */
export const commonOptions: OptionTable<Omit<ClientOptions, 'url' | 'apiKey' | 'sasl' | 'tls'>> = {
  clientId: text('kafka-do', { kafka: 'client.id' }),
  timeout: duration(30_000, {
    min: 1,
    kafka: 'default.api.timeout.ms',
  }),
  retries: integer(5, {
    min: 0,
    kafka: 'retries',
  }),
  retryBackoff: duration(100, {
    min: 1,
    kafka: 'retry.backoff.ms',
  }),
  metadataMaxAge: duration(300_000, {
    min: 1,
    kafka: 'metadata.max.age.ms',
  }),
  logger: loggerOption,
  telemetry: shaped(undefined, 'an object with send and process', isTelemetry),
  runtime: runtimeOption,
}

export const clientOptions: OptionTable<ClientOptions> = {
  url: text(defaultUrl, {
    kafka: 'bootstrap.servers',
    inEnvironment: true,
  }),
  apiKey: text(undefined, {
    inEnvironment: true,
  }),
  sasl: nested(undefined, saslOptions, checkSasl),
  tls: nested(undefined, tlsOptions, checkTls),
  ...commonOptions,
} satisfies OptionsOf<ClientConfig>

type Environment = { readonly [name: string]: string | undefined }

/**
 * Throws `ConfigError` naming the key, or the variable. `environment` is `process.env` where there is
 * one; `more` are options of those who compose: a client with an embedded broker takes its settings.
 */
export function resolveClientConfig<More extends object = object>(
  input: ClientConfig | string | URL | undefined,
  environment: Environment,
  more?: OptionTable<More>,
): ResolvedClientConfig & More {
  const kind = 'ClientConfig'
  const table = { ...clientOptions, ...more } as OptionTable<ClientOptions>
  const given = withUrl(input)
  const options = resolveOptions<ClientOptions>(kind, table, given)
  const isGiven = (key: string) =>
    (given as { [key: string]: unknown } | undefined)?.[key] !== undefined
  const fromEnvironment = (key: 'url' | 'apiKey') => {
    const written = environment[variableOf(key)]
    // An empty variable is one that is not there, as shells have it.
    if (isGiven(key) || !written) return undefined
    return readText(clientOptions[key], written, variableOf(key))
  }
  const variable = fromEnvironment('url')
  const url = variable ?? options.url
  const urlName = variable === undefined ? `${kind}.url` : variableOf('url')
  const scheme = schemeOf(url, urlName)
  checkSchemeOptions(kind, scheme, isGiven)
  // The variable is for all programs of a machine, also those that have no use for it.
  const isForVariable =
    scheme.takes.includes('apiKey') && (!scheme.takes.includes('sasl') || variable !== undefined)
  const apiKey = options.apiKey ?? (isForVariable ? fromEnvironment('apiKey') : undefined)
  return finish({ ...options, url, urlName, apiKey }) as ResolvedClientConfig & More
}

/**
 * For a client on a broker that is given with it. Throws `ConfigError` naming the key, and for those
 * that say where the broker is.
 */
export function resolveGivenBrokerConfig<More extends object, R extends Runtime>(
  kind: string,
  input: object | undefined,
  more: OptionTable<More>,
  runtimeOf: (logger: Logger) => R,
): ResolvedClientConfig & More & { readonly runtime: R } {
  const elsewhere = 'it has its own broker, in memory'
  refuseOptions(kind, input, ['url', 'apiKey', 'sasl', 'tls'], elsewhere)
  refuseOptions(kind, input, ['runtime'], 'it has its own clock')
  const { runtime: _, ...common } = commonOptions
  const options = resolveOptions<Omit<ClientOptions, 'runtime'>>(
    kind,
    { ...common, ...more } as never,
    input,
  )
  return finish({
    ...options,
    url: 'memory:',
    urlName: `${kind}.url`,
    apiKey: undefined,
    sasl: undefined,
    tls: undefined,
    runtime: runtimeOf(options.logger),
  }) as ResolvedClientConfig & More & { readonly runtime: R }
}

/** A URL may be given as an object of the platform's, in the place of the config or in it. */
function withUrl(input: ClientConfig | string | URL | undefined): ClientConfig | undefined {
  if (typeof input === 'string') return { url: input }
  if (input instanceof URL) return { url: input.href }
  const { url } = input ?? {}
  return url instanceof URL ? { ...input, url: url.href } : input
}

function finish({
  logger,
  runtime,
  ...options
}: ClientOptions & { readonly urlName: string }): ResolvedClientConfig {
  return Object.freeze({ ...options, runtime: runtime ?? createRuntime(logger) })
}

function isTokenOrSource(value: unknown): value is NonNullable<SaslCredentials['token']> {
  return typeof value === 'function' || (typeof value === 'string' && value !== '')
}

/** As KIP-342 allows them: they stand in a message whose parts end with a control character. */
function isExtensions(value: unknown): value is NonNullable<SaslCredentials['extensions']> {
  return (
    isPlainObject(value) &&
    Object.entries(value as object).every(
      ([name, one]) =>
        typeof one === 'string' &&
        /^[A-Za-z]+$/.test(name) &&
        name !== 'auth' &&
        /^[\x20-\x7e]+$/.test(one),
    )
  )
}

function checkSasl(given: GivenSasl, nameOf: NameOf): SaslCredentials {
  const { mechanism, username, password, token, extensions } = given
  const isToken = mechanism === 'OAUTHBEARER'
  const hasUser = (username ?? password) !== undefined
  if (isToken ? hasUser || token === undefined : (token ?? extensions) !== undefined)
    throw invalid(
      `${nameOf('token')} goes with ${nameOf('mechanism')} 'OAUTHBEARER', as ${nameOf('extensions')} does, without a user and password`,
    )
  if (isToken) return { mechanism, token, extensions }
  if (mechanism === undefined || username === undefined || password === undefined) {
    const names = (['mechanism', 'username', 'password'] as const).map(nameOf)
    throw invalid(`${names[0]}, ${names[1]} and ${names[2]} go together: give all three`)
  }
  return { mechanism, username, password }
}

function checkTls(tls: Readonly<TlsOptions>, nameOf: NameOf): TlsOptions {
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    throw invalid(`${nameOf('cert')} and ${nameOf('key')} go together: give both`)
  }
  return tls
}
