/** Configuration of a server's listeners: one for each way in. */
import {
  integer,
  invalid,
  type NameOf,
  nested,
  type OptionsOf,
  type OptionTable,
  oneOf,
  pem,
  text,
} from '../core/options.ts'
import { parsePrincipalMapping } from './principal-mapping.ts'

/** The certificate that a server shows, and whether its clients must have one. */
export interface TlsConfig {
  /** Certificate chain, PEM. */
  cert: string | Uint8Array
  /** Private key of the certificate, PEM. */
  key: string | Uint8Array
  /**
   * Certificate authorities for client certificates, PEM. If set, clients must present a
   * certificate.
   */
  ca?: string | Uint8Array | undefined
  /**
   * How a client certificate maps to a principal name, in Kafka's syntax:
   * `RULE:^CN=(.*?),.*$/$1/,DEFAULT`. Default: the whole distinguished name.
   */
  principalMappingRules?: string | undefined
}

/** The address clients are told to connect to. */
export interface AdvertisedConfig {
  /** Host name. Default: the listener's `host`, or this machine's name if that is a wildcard. */
  host?: string | undefined
  /** Port, e.g. that of a proxy. 1 to 65,535; default: the port it listens on. */
  port?: number | undefined
}

/** A listener for Kafka's protocol, one of `ServerConfig.listeners`. */
export interface KafkaListenerConfig {
  /** Protocol of the listener. */
  kind: 'kafka'
  /**
   * Name in logs and metrics. Default: its kind; further listeners of a kind are `kafka-2`,
   * `http-2` and so on.
   */
  name?: string | undefined
  /**
   * Address to listen on: this machine only, unless it is `0.0.0.0` or `::` for all interfaces.
   * Default `'127.0.0.1'`.
   */
  host?: string | undefined
  /**
   * Port; 0 picks a free one. 0 to 65,535; default: 9092; for an HTTP listener 8080, for a
   * management listener 9308.
   */
  port?: number | undefined
  /**
   * The address that clients of this listener are told to connect to. Default: the address the
   * listener listens on.
   */
  advertised?: AdvertisedConfig | undefined
  /** Use TLS on the port. Default: plain TCP. */
  tls?: TlsConfig | undefined
}

/** A listener for HTTP: the API under `/v1`, and clients with `http://` or `https://` URLs. */
export interface HttpListenerConfig {
  /** Protocol of the listener. */
  kind: 'http'
  /**
   * Name in logs and metrics. Default: its kind; further listeners of a kind are `kafka-2`,
   * `http-2` and so on.
   */
  name?: string | undefined
  /**
   * Address to listen on: this machine only, unless it is `0.0.0.0` or `::` for all interfaces.
   * Default `'127.0.0.1'`.
   */
  host?: string | undefined
  /**
   * Port; 0 picks a free one. 0 to 65,535; default: 9092; for an HTTP listener 8080, for a
   * management listener 9308.
   */
  port?: number | undefined
  /**
   * The address that clients of this listener are told to connect to. Default: the address the
   * listener listens on.
   */
  advertised?: AdvertisedConfig | undefined
  /** Use TLS on the port. Default: plain TCP. */
  tls?: TlsConfig | undefined
}

/** A listener for health checks and metrics: `/livez`, `/readyz` and `/metrics`. It requires no authentication. */
export interface ManagementListenerConfig {
  /** Protocol of the listener. */
  kind: 'management'
  /**
   * Name in logs and metrics. Default: its kind; further listeners of a kind are `kafka-2`,
   * `http-2` and so on.
   */
  name?: string | undefined
  /**
   * Address to listen on: this machine only, unless it is `0.0.0.0` or `::` for all interfaces.
   * Default `'127.0.0.1'`.
   */
  host?: string | undefined
  /**
   * Port; 0 picks a free one. 0 to 65,535; default: 9092; for an HTTP listener 8080, for a
   * management listener 9308.
   */
  port?: number | undefined
  /** Use TLS on the port. Default: plain TCP. */
  tls?: TlsConfig | undefined
}

/** One way in, by `kind`. */
export type ListenerConfig = KafkaListenerConfig | HttpListenerConfig | ManagementListenerConfig

export type ListenerKind = ListenerConfig['kind']

export interface ResolvedListener {
  readonly kind: ListenerKind
  readonly name: string | undefined
  readonly host: string
  readonly port: number
  readonly advertised: Required<AdvertisedConfig> | undefined
  readonly tls: TlsConfig | undefined
}

type TlsParts = { readonly [K in keyof TlsConfig]-?: TlsConfig[K] | undefined }

const tlsOptions: OptionTable<TlsParts> = {
  cert: pem(),
  key: pem(),
  ca: pem(),
  principalMappingRules: {
    ...text(undefined, { kafka: 'ssl.principal.mapping.rules' }),
    read: readMappingRules,
  },
} satisfies OptionsOf<TlsConfig>

export const hostOption = text('127.0.0.1')
export const portOption = integer(9092, { min: 0, max: 65_535 })
export const advertisedHostOption = text(undefined)
export const advertisedPortOption = integer(undefined, { min: 1, max: 65_535 })
export const tlsOption = nested(undefined, tlsOptions, checkTls)

const advertisedOptions: OptionTable<Required<AdvertisedConfig>> = {
  host: advertisedHostOption,
  port: advertisedPortOption,
} satisfies OptionsOf<AdvertisedConfig>

/** Where one listens that says nothing else. */
export const defaultPorts: { readonly [kind in ListenerKind]: number } = {
  kafka: 9092,
  http: 8080,
  management: 9308,
}

type GivenListener = Omit<ResolvedListener, 'kind' | 'port'> & {
  readonly kind: ListenerKind | undefined
  readonly port: number | undefined
}

export const listenerOptions: OptionTable<GivenListener> = {
  kind: oneOf(undefined, ['kafka', 'http', 'management']),
  name: text(undefined),
  host: hostOption,
  port: integer(undefined, { min: 0, max: 65_535 }),
  advertised: nested(undefined, advertisedOptions, (given) => given),
  tls: tlsOption,
} satisfies OptionsOf<Omit<KafkaListenerConfig, 'kind'> & Pick<ListenerConfig, 'kind'>>

export function checkListener(
  { kind, port, ...rest }: GivenListener,
  nameOf: NameOf,
): ResolvedListener {
  if (kind === undefined)
    throw invalid(`${nameOf('kind')} must be given: 'kafka', 'http' or 'management'`)
  if (kind === 'management' && rest.advertised)
    throw invalid(`${nameOf('advertised')} is for listeners whose address clients are told`)
  return { kind, port: port ?? defaultPorts[kind], ...rest }
}

function readMappingRules(value: unknown, name: string): string {
  const rules = text('').read(value, name)
  parsePrincipalMapping(rules, name)
  return rules
}

function checkTls({ cert, key, ca, principalMappingRules }: TlsParts, nameOf: NameOf): TlsConfig {
  if (cert === undefined || key === undefined) {
    throw invalid(`${nameOf('cert')} and ${nameOf('key')} go together: give both`)
  }
  return { cert, key, ca, principalMappingRules }
}
