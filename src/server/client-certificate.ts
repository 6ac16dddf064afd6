/** Who a client's certificate names: `User:` and the distinguished name, or what the listener's rules make of it. */
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { anonymous, type Identity } from '../backend/session.ts'
import type { TlsConfig } from './listener-config.ts'
import { type PrincipalMapping, parsePrincipalMapping } from './principal-mapping.ts'

const nobody: Identity = { principal: anonymous, authentication: 'none' }
const mappings = new WeakMap<TlsConfig, PrincipalMapping>()

/** Of a connection that was just accepted. */
export function identityOf(socket: Socket, tls: TlsConfig | undefined): Identity {
  if (tls?.ca === undefined || !(socket instanceof TLSSocket) || !socket.authorized) return nobody
  const subject = socket.getPeerCertificate().subject as Subject | undefined
  if (!subject) return nobody
  const mapping = mappings.get(tls) ?? parsePrincipalMapping(tls.principalMappingRules ?? '')
  mappings.set(tls, mapping)
  const name = mapping(distinguishedName(subject))
  if (name === undefined) return nobody
  return { principal: { type: 'User', name }, authentication: 'tls' }
}

type Subject = { readonly [attribute: string]: string | readonly string[] }

/** As Java writes it (RFC 2253): the most particular comes first. */
export function distinguishedName(subject: Subject): string {
  return Object.entries(subject)
    .flatMap(([attribute, values]) =>
      [values].flat().map((value) => `${attribute}=${escapeValue(String(value))}`),
    )
    .reverse()
    .join(',')
}

function escapeValue(value: string): string {
  return value.replaceAll(/[,+"\\<>;]|^[ #]| $/g, (special) => `\\${special}`)
}
