/** Configuration of access control: who is let in, and how they show who they are. */

import type { OAuthIssuer } from '../access/sasl/oauth.ts'
import { type Duration, inspectBriefly } from '../core/duration.ts'
import { isLoopback } from '../core/loopback.ts'
import type { DocsOf, Option } from '../core/option.ts'
import {
  boolean,
  duration,
  invalid,
  listOf,
  type NameOf,
  type OptionsOf,
  type OptionTable,
  oneOf,
  text,
} from '../core/options.ts'

/** Access control: none, or by authentication. */
export type AccessMode = 'none' | 'keys'

/** An issuer whose tokens are taken: over HTTP as bearer, on the Kafka port by SASL OAUTHBEARER. */
export interface OAuthConfig {
  /** The `iss` of its tokens. */
  issuer: string
  /** The `aud` that its tokens must have. */
  audience: string
  /** URL of its keys (JWKS): `https:`, or `http:` on this machine. */
  jwksUrl: string
  /** The claim that names the principal. Default `'sub'`. */
  principalClaim?: string | undefined
}

/** Access control, of `ServerConfig`. */
export interface AccessConfig {
  /**
   * Access control. `'none'`: everyone may do everything. `'keys'`: clients authenticate with an
   * API key, a SCRAM password, a token or a certificate, and have the rights (ACLs) of that
   * principal. Default `'none'`.
   */
  access?: AccessMode | undefined
  /**
   * Without access control: allow addresses other than loopback. With it: clients without
   * credentials are `User:ANONYMOUS`, with the rights of that principal. Default false.
   */
  allowAnonymous?: boolean | undefined
  /**
   * Principals that may do everything, such as `User:admin`; a list, or separated by commas.
   * Default: none.
   */
  superUsers?: string | readonly string[] | undefined
  /**
   * Principals of gateways in front of this server (other kafka-do servers with this one as
   * `upstream`), such as `User:gateway`. They may do everything, and store their state in topics of
   * this server. `User:ANONYMOUS` is every client without credentials. A list, or separated by
   * commas. Default: none.
   */
  gateways?: string | readonly string[] | undefined
  /**
   * A SASL connection must authenticate again after this time, or is closed (KIP-368). 1 s or more;
   * default: never, except for credentials that expire.
   */
  connectionsMaxReauth?: Duration | undefined
  /** Issuers whose tokens are accepted; requires the package `jose`. Default: none. */
  oauth?: readonly OAuthConfig[] | undefined
}

export interface ResolvedAccess {
  readonly access: AccessMode
  readonly allowAnonymous: boolean
  readonly superUsers: readonly string[]
  readonly gateways: readonly string[]
  readonly connectionsMaxReauth: number | undefined
  readonly oauth: readonly OAuthIssuer[] | undefined
}

const principalShape = /^[A-Za-z]+:[^,]+$/

/** Texts as a list, or in one text with commas between them. */
function principals(kafka?: string): Option<readonly string[]> {
  return {
    type: { kind: 'text' },
    ...(kafka && { kafka }),
    fallback: Object.freeze([]) as readonly string[],
    read(value, name) {
      const list: readonly unknown[] = typeof value === 'string' ? value.split(',') : toList(value)
      const isPrincipal = (one: unknown) =>
        typeof one === 'string' && principalShape.test(one.trim())
      if (list.length === 0 || !list.every(isPrincipal))
        throw invalid(
          `${name} must be one or more principals such as User:admin; got ${inspectBriefly(value)}`,
        )
      return Object.freeze((list as readonly string[]).map((one) => one.trim()))
    },
  }
}

function toList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value]
}

type GivenIssuer = { readonly [K in keyof OAuthIssuer]: OAuthIssuer[K] | undefined }

const oauthOptions: OptionTable<GivenIssuer> = {
  issuer: text(undefined),
  audience: text(undefined),
  jwksUrl: text(undefined),
  principalClaim: text('sub'),
} satisfies OptionsOf<OAuthConfig>

function checkIssuer(given: GivenIssuer, nameOf: NameOf): OAuthIssuer {
  for (const key of ['issuer', 'audience', 'jwksUrl'] as const)
    if (!given[key]) throw invalid(`${nameOf(key)} must be given`)
  const { jwksUrl } = given
  const url = URL.canParse(jwksUrl!) ? new URL(jwksUrl!) : undefined
  const isLocal = url && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
  if (url?.protocol !== 'https:' && !(url?.protocol === 'http:' && isLocal))
    throw invalid(
      `${nameOf('jwksUrl')} must be an https: URL, or an http: URL of this machine; got ${inspectBriefly(jwksUrl)}`,
    )
  return given as OAuthIssuer
}

export const accessOptions: OptionTable<ResolvedAccess> = {
  access: oneOf('none', ['none', 'keys']),
  allowAnonymous: boolean(false),
  superUsers: principals('super.users'),
  gateways: principals(),
  connectionsMaxReauth: duration(undefined, { min: 1000, kafka: 'connections.max.reauth.ms' }),
  oauth: listOf(undefined, oauthOptions, checkIssuer),
} satisfies OptionsOf<AccessConfig>

const section = 'Access'

const oauthDocs: DocsOf<OAuthConfig> = {
  issuer: { doc: 'The `iss` of its tokens.' },
  audience: { doc: 'The `aud` that its tokens must have.' },
  jwksUrl: { doc: 'URL of its keys (JWKS): `https:`, or `http:` on this machine.' },
  principalClaim: { doc: 'The claim that names the principal.' },
}

export const accessDocs: DocsOf<AccessConfig> = {
  access: {
    doc: "Access control. `'none'`: everyone may do everything. `'keys'`: clients authenticate with an API key, a SCRAM password, a token or a certificate, and have the rights (ACLs) of that principal.",
    section,
  },
  allowAnonymous: {
    doc: 'Without access control: allow addresses other than loopback. With it: clients without credentials are `User:ANONYMOUS`, with the rights of that principal.',
    section,
  },
  superUsers: {
    doc: 'Principals that may do everything, such as `User:admin`; a list, or separated by commas.',
    byDefault: 'none',
    section,
  },
  gateways: {
    doc: 'Principals of gateways in front of this server (other kafka-do servers with this one as `upstream`), such as `User:gateway`. They may do everything, and store their state in topics of this server. `User:ANONYMOUS` is every client without credentials. A list, or separated by commas.',
    byDefault: 'none',
    section,
  },
  connectionsMaxReauth: {
    doc: 'A SASL connection must authenticate again after this time, or is closed (KIP-368).',
    byDefault: 'never, except for credentials that expire',
    section,
  },
  oauth: {
    doc: 'Issuers whose tokens are accepted; requires the package `jose`.',
    byDefault: 'none',
    section,
    options: oauthDocs,
  },
}

export interface CheckedListener {
  readonly host: string
  readonly name: string
}

/** A server that lets everybody in is for this machine alone, unless it is told otherwise. Throws `ConfigError`. */
export function checkReach(
  { access, allowAnonymous }: ResolvedAccess,
  listeners: readonly CheckedListener[],
): void {
  if (access !== 'none' || allowAnonymous) return
  const open = listeners.find(({ host }) => !isLoopback(host))
  if (!open) return
  throw invalid(
    `listener '${open.name}' would let in everyone who can reach ${open.host}: turn access control on (access: 'keys', --access keys), or allow this explicitly (allowAnonymous, --allow-anonymous)`,
  )
}
