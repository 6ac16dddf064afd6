/**
 * The schemes of a client's URL, and the options that each of them takes besides those of every
 * client. An option that a scheme has no use for is refused by name, never swallowed. How a scheme is
 * opened is up to those who compose; what is said of it stands here.
 */
import { maskPassword } from '../connection/tcp/address.ts'
import { invalid } from '../core/options.ts'

/** Options that are for some schemes only. */
const schemeOptions = ['apiKey', 'sasl', 'tls', 'broker'] as const
export type SchemeOption = (typeof schemeOptions)[number]

const embedded = ['broker'] as const
const schemes = [
  { name: 'file', takes: embedded, example: 'file:./folder (embedded, durable)' },
  { name: 'memory', takes: embedded, example: 'memory: (embedded, gone at exit)' },
  { name: 'kafka', takes: ['apiKey', 'sasl'], example: 'kafka://host:9092' },
  { name: 'kafka+tls', takes: ['apiKey', 'sasl', 'tls'], example: 'kafka+tls://host:9092' },
  { name: 'http', takes: ['apiKey'], example: 'http://host:8080' },
  { name: 'https', takes: ['apiKey', 'tls'], example: 'https://host' },
] as const satisfies readonly UrlScheme[]

export type SchemeName = (typeof schemes)[number]['name']

export interface UrlScheme {
  readonly name: string
  readonly takes: readonly SchemeOption[]
  /** How such a URL is written, for errors; undefined: not told of, because it does not exist yet. */
  readonly example: string | undefined
}

export const urlSchemes: readonly (UrlScheme & { readonly name: SchemeName })[] = schemes

/** `urlName` is what the error calls the URL. Throws `ConfigError` that lists what is known. */
export function schemeOf(url: string, urlName: string): (typeof urlSchemes)[number] {
  const name = /^([a-z+]+):/.exec(url)?.[1]
  const found = urlSchemes.find((scheme) => scheme.name === name)
  if (found) return found
  const known = urlSchemes.flatMap(({ example }) => example ?? [])
  const list = `${known.slice(0, -1).join(', ')} or ${known.at(-1)}`
  const hint = /^[\w.-]+:\d+$/.test(url) ? `. Did you mean 'kafka://${url}'?` : ''
  throw invalid(`${urlName} '${maskPassword(url)}' cannot be used: give ${list}${hint}`)
}

/** Throws `ConfigError` for an option that was given and that the scheme does not take. */
export function checkSchemeOptions(
  kind: string,
  scheme: UrlScheme,
  isGiven: (key: SchemeOption) => boolean,
): void {
  for (const key of schemeOptions) {
    if (scheme.takes.includes(key) || !isGiven(key)) continue
    const takers = urlSchemes.filter(({ takes }) => takes.includes(key))
    const names = takers
      .map(({ name }) => `${name}:`)
      .join(', ')
      .replace(/, ([^,]+)$/, ' and $1')
    throw invalid(`${kind}.${key} is for ${names} URLs; this one is ${scheme.name}:`)
  }
}
