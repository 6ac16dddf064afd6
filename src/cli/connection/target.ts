/**
 * What a command connects to. What is nearer to the command counts for more:
 *
 *   --url  →  --context  →  KAFKA_DO_CONTEXT  →  KAFKA_DO_URL  →  the current context  →  file:./.kafka-do
 *
 * Single options (--api-key-file, --sasl-user …) are added to whatever that is.
 */
import { readFileSync } from 'node:fs'
import { schemeOf } from '../../client/url-schemes.ts'
import type { ClientConfig } from '../../entry/client.ts'
import { CommandError, UsageError, unreadableFile } from '../shell/command-error.ts'
import type { Environment } from '../shell/io.ts'
import type { ConnectionFlags } from './connection-options.ts'
import { type Context, Contexts } from './contexts.ts'

export const defaultUrl = 'file:./.kafka-do'

export interface Target {
  readonly url: string
  /** Where the URL comes from, for people: `--url`, `KAFKA_DO_URL`, `context prod`, `default`. */
  readonly source: string
  readonly config: ClientConfig
}

export function targetOf(flags: Partial<ConnectionFlags>, environment: Environment): Target {
  if (flags.url !== undefined && flags.context !== undefined)
    throw new UsageError('--url and --context exclude each other')
  const { source, context } = chosen(flags, environment)
  const given: Context = { ...context, ...definedOf(flags) }
  schemeOf(given.url, source)
  return { url: given.url, source, config: configOf(given, source, environment) }
}

function chosen(
  flags: Partial<ConnectionFlags>,
  environment: Environment,
): { readonly source: string; readonly context: Context } {
  if (flags.url !== undefined) return { source: '--url', context: { url: flags.url } }
  const named = flags.context ?? (environment.KAFKA_DO_CONTEXT || undefined)
  if (named !== undefined)
    return { source: `context ${named}`, context: Contexts.read(environment).get(named) }
  if (environment.KAFKA_DO_URL)
    return { source: 'KAFKA_DO_URL', context: { url: environment.KAFKA_DO_URL } }
  const contexts = Contexts.read(environment)
  const { current } = contexts
  if (current !== undefined) return { source: `context ${current}`, context: contexts.get(current) }
  return { source: 'default', context: { url: defaultUrl } }
}

function definedOf(flags: Partial<ConnectionFlags>): Partial<Context> {
  const { apiKeyFile, saslUser, saslPasswordFile, saslMechanism, tlsCa, tlsCert, tlsKey } = flags
  const all = { apiKeyFile, saslUser, saslPasswordFile, saslMechanism, tlsCa, tlsCert, tlsKey }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

function configOf(
  { url, apiKeyFile, saslUser, saslPasswordFile, saslMechanism, tlsCa, tlsCert, tlsKey }: Context,
  source: string,
  environment: Environment,
): ClientConfig {
  const isHttp = /^https?:/i.test(url)
  const isKafka = /^kafka/i.test(url)
  // A key that stands in the environment for everything is not shown to a cluster that was named otherwise (`Client` has the same rule).
  const mayUseVariable = isHttp || (isKafka && source === 'KAFKA_DO_URL')
  const apiKey =
    apiKeyFile === undefined
      ? mayUseVariable && saslUser === undefined
        ? environment.KAFKA_DO_API_KEY || undefined
        : undefined
      : readSecret(apiKeyFile, 'API key')
  const tls = {
    ...(tlsCa !== undefined && { ca: readText(tlsCa) }),
    ...(tlsCert !== undefined && { cert: readText(tlsCert) }),
    ...(tlsKey !== undefined && { key: readText(tlsKey) }),
  }
  return {
    url,
    ...(apiKey !== undefined && { apiKey }),
    ...(saslUser !== undefined && {
      sasl: saslOf(saslUser, saslPasswordFile, saslMechanism, environment),
    }),
    ...(Object.keys(tls).length > 0 && { tls }),
  }
}

function saslOf(
  username: string,
  saslPasswordFile: string | undefined,
  mechanism = 'SCRAM-SHA-512',
  environment: Environment,
): NonNullable<ClientConfig['sasl']> {
  const password =
    saslPasswordFile === undefined
      ? environment.KAFKA_DO_SASL_PASSWORD || undefined
      : readSecret(saslPasswordFile, 'password')
  if (password === undefined)
    throw new UsageError(
      '--sasl-user needs a password: --sasl-password-file, or KAFKA_DO_SASL_PASSWORD',
    )
  return { mechanism: mechanism as 'PLAIN', username, password }
}

/** The first line of a file. */
function readSecret(file: string, what: string): string {
  const [line = ''] = readText(file).split(/\r?\n/, 1)
  if (line.trim() === '')
    throw new CommandError(`the file ${file} contains no ${what}`, { code: 'NO_SECRET' })
  return line.trim()
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw unreadableFile(file, error)
  }
}
