/** Where brokers are: `kafka://user:password@h1:9092,h2:9092?mechanism=SCRAM-SHA-256` and what is made of it. */
import type { ConfigError } from '../../core/errors.ts'
import { invalid } from '../../core/options.ts'
import { passwordMechanisms, type SaslCredentials } from '../sasl/mechanism.ts'

export interface BrokerAddress {
  readonly host: string
  readonly port: number
}

export interface KafkaUrl {
  readonly hasTls: boolean
  /** One or more. */
  readonly bootstrap: readonly BrokerAddress[]
  readonly sasl: SaslCredentials | undefined
}

const defaultPort = 9092

/** The error that says what is wrong with the URL, and how to write one. */
type InvalidUrl = (what: string) => ConfigError

/** Throws `ConfigError` that never shows the password; `name` is what it calls the URL. */
export function parseKafkaUrl(url: string, name = 'ClientConfig.url'): KafkaUrl {
  const invalidUrl = (what: string) =>
    invalid(`${name} ${what}: write kafka://host:9092,host2:9092, or kafka+tls:// for TLS`)
  const match = /^kafka(\+tls)?:\/\/(?:([^/?#]*)@)?([^/?#@]*)\/?(?:\?(.*))?$/.exec(url)
  if (!match) throw invalidUrl(`cannot be read`)
  const [, tls, user, hosts, query] = match
  const hasTls = tls !== undefined
  const bootstrap = hosts!
    .split(',')
    .map((host) => host.trim())
    .filter((host) => host !== '')
    .map((host) => parseAddress(host, invalidUrl))
  if (bootstrap.length === 0) throw invalidUrl('names no broker')
  return { hasTls, bootstrap, sasl: credentials(user, query ?? '', hasTls, invalidUrl) }
}

export function formatAddress({ host, port }: BrokerAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** The URL as it may be shown. */
export function maskPassword(url: string): string {
  return url.replace(/^([a-z+]+:\/\/[^:@/]*):.*@/, '$1:***@')
}

function parseAddress(text: string, invalidUrl: InvalidUrl): BrokerAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(text)
  const port = match?.[3] === undefined ? defaultPort : Number(match[3])
  if (!match || port < 1 || port > 65_535) {
    throw invalidUrl(`has the broker address '${text}', which is not host:port`)
  }
  return { host: (match[1] ?? match[2])!, port }
}

function credentials(
  user: string | undefined,
  query: string,
  hasTls: boolean,
  invalidUrl: InvalidUrl,
): SaslCredentials | undefined {
  const parameters = new URLSearchParams(query)
  for (const name of parameters.keys()) {
    if (name !== 'mechanism') {
      throw invalidUrl(`has the parameter '${name}'; only 'mechanism' is known`)
    }
  }
  const mechanism = parameters.get('mechanism')
  if (mechanism !== null && !isMechanism(mechanism)) {
    throw invalidUrl(`has mechanism '${mechanism}'; known are ${passwordMechanisms.join(', ')}`)
  }
  if (user === undefined) {
    if (mechanism !== null) throw invalidUrl('has a mechanism but no user:password@')
    return undefined
  }
  const colon = user.indexOf(':')
  if (colon < 1) throw invalidUrl('has a user without a password; write user:password@')
  if (mechanism === null && !hasTls) {
    throw invalidUrl(
      `needs ?mechanism= with a user and no TLS; one of ${passwordMechanisms.join(', ')}`,
    )
  }
  return {
    mechanism: mechanism ?? 'PLAIN',
    username: decode(user.slice(0, colon), invalidUrl),
    password: decode(user.slice(colon + 1), invalidUrl),
  }
}

function decode(text: string, invalidUrl: InvalidUrl): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalidUrl('has a user or password with a % that is no escape; write %25')
  }
}

function isMechanism(name: string): name is (typeof passwordMechanisms)[number] {
  return (passwordMechanisms as readonly string[]).includes(name)
}
