/** A client without a broker in its process: its config, and the connection that its URL calls for. */
import {
  type ClientConfig,
  defaultUrl,
  type ResolvedClientConfig,
  resolveClientConfig,
} from '../client/config.ts'
import { type SchemeName, schemeOf } from '../client/url-schemes.ts'
import type { Connection } from '../connection/connection.ts'
import { maskPassword } from '../connection/tcp/address.ts'
import { invalid } from '../core/options.ts'
import { environment } from './environment.ts'

export type Openers = {
  readonly [name in SchemeName]?: (config: ResolvedClientConfig) => Connection
}

/** Throws `ConfigError` for a URL that has no opener. Opens nothing yet. */
export function composeRemote(
  input: ClientConfig | string | URL | undefined,
  openers: Openers,
): { readonly config: ResolvedClientConfig; readonly connection: Connection } {
  const config = resolveClientConfig(input, environment())
  const { url, urlName } = config
  const open = openers[schemeOf(url, urlName).name]
  if (open) return { config, connection: open(config) }
  const known = Object.keys(openers).map((name) => `${name}://`)
  const given = url === defaultUrl ? 'no URL was given' : `got '${maskPassword(url)}'`
  throw invalid(
    `${urlName} must be ${known.join(', ')} here, where there is no embedded broker and nothing else can be reached; ${given}. The Client of 'kafka-do' supports all of them`,
  )
}
