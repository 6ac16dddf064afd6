/** SASL OAUTHBEARER (RFC 7628, KIP-255): a token of an issuer that the broker trusts, asked for anew with each connection. */
import { encodeUtf8 } from '../../core/bytes.ts'
import { KafkaError, UnauthorizedError } from '../../core/errors.ts'
import type { SaslConversation, SaslCredentials } from './mechanism.ts'

/** What a bearer token may hold (RFC 6750). Anything else could end the message early. */
const tokenShape = /^[\w.~+/-]+=*$/

/** Rejects with `KafkaError`, which is retriable where the application could not get a token. */
export async function oauthConversation({
  token,
  extensions = {},
}: SaslCredentials): Promise<SaslConversation> {
  const given = await tokenOf(token)
  if (typeof given !== 'string' || !tokenShape.test(given)) {
    throw new UnauthorizedError(
      'sasl.token returned no bearer token: it must be text without spaces, such as a JWT',
      { code: 'SASL_AUTHENTICATION_FAILED' },
    )
  }
  const more = Object.entries(extensions).map(([name, value]) => `${name}=${value}\u0001`)
  let isRefused = false
  return {
    start: () => encodeUtf8(`n,,\u0001auth=Bearer ${given}\u0001${more.join('')}\u0001`),
    async next(challenge) {
      if (challenge.length === 0 && !isRefused) return undefined
      if (isRefused) {
        throw new UnauthorizedError('The broker refused the token without giving a reason', {
          code: 'SASL_AUTHENTICATION_FAILED',
        })
      }
      // It has said that something is wrong, and says what once it has heard that this was understood.
      isRefused = true
      return Uint8Array.of(1)
    },
  }
}

async function tokenOf(token: SaslCredentials['token']): Promise<unknown> {
  if (typeof token !== 'function') return token
  try {
    return await token()
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new KafkaError(`Could not get a token to connect with: ${why}`, {
      ...{ code: 'TOKEN_NOT_AVAILABLE', retriable: true, cause },
    })
  }
}
