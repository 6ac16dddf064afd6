/**
 * Tokens of issuers that are trusted (RFC 7519, RFC 9068): over HTTP as bearer, on the Kafka port as SASL OAUTHBEARER
 * (RFC 7628, KIP-255). Issuer, audience and key set are an explicit list; nothing is looked up that is not on it. `jose`
 * checks the token and follows the issuer's change of keys.
 */

import type { Identity } from '../../backend/session.ts'
import { decodeUtf8, emptyBytes, encodeUtf8 } from '../../core/bytes.ts'
import { KafkaError, type UnauthorizedError } from '../../core/errors.ts'
import { invalid } from '../../core/options.ts'
import { requirePackage } from '../../protocol/optional-package.ts'
import { type ServerConversation, saslRefused } from './server-mechanism.ts'

/** An issuer whose tokens are taken. */
export interface OAuthIssuer {
  /** `iss` of its tokens. */
  readonly issuer: string
  /** `aud` that its tokens must have. */
  readonly audience: string
  /** Where its keys are (JWKS). */
  readonly jwksUrl: string
  /** The claim that names the principal. */
  readonly principalClaim: string
}

type Jose = typeof import('jose')

/** Only keys in pairs: a secret that is shared with the issuer could make tokens, too. */
const algorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
]
const clockToleranceSeconds = 5
const nameLengthMax = 255
const tokenLengthMax = 16_384

export class OAuthTokens {
  readonly #jose: Jose
  readonly #issuers: ReadonlyMap<string, { readonly of: OAuthIssuer; readonly keys: KeySet }>
  readonly #now: () => number

  /** Throws `ConfigError` when `jose` is not installed. */
  constructor(issuers: readonly OAuthIssuer[], now: () => number) {
    this.#jose = loadJose()
    this.#now = now
    this.#issuers = new Map(
      issuers.map((of) => {
        const keys = this.#jose.createRemoteJWKSet(new URL(of.jwksUrl), { timeoutDuration: 5000 })
        return [of.issuer, { of, keys }]
      }),
    )
  }

  /** Rejects with `UnauthorizedError`. */
  async identify(token: string): Promise<Identity> {
    if (token.length > tokenLengthMax) throw saslRefused('The token is too long')
    const trusted = this.#issuers.get(this.#issuerOf(token))
    if (!trusted) throw saslRefused("The token's issuer is not trusted here")
    const { issuer, audience, principalClaim } = trusted.of
    const { payload } = await this.#jose
      .jwtVerify(token, trusted.keys, {
        ...{ issuer, audience, algorithms, clockTolerance: clockToleranceSeconds },
        requiredClaims: ['exp', principalClaim],
        currentDate: new Date(this.#now()),
      })
      .catch((error: unknown) => {
        throw asRefusal(error)
      })
    const name = payload[principalClaim]
    if (typeof name !== 'string' || name === '' || name.length > nameLengthMax)
      throw saslRefused(`The claim '${principalClaim}' of the token names nobody`)
    return {
      principal: { type: 'User', name },
      authentication: 'token',
      expiresAt: payload.exp! * 1000,
    }
  }

  /** Not trusted yet: it chooses the keys that the token is then held to. */
  #issuerOf(token: string): string {
    try {
      return String(this.#jose.decodeJwt(token).iss)
    } catch (error) {
      throw asRefusal(error)
    }
  }
}

type KeySet = ReturnType<Jose['createRemoteJWKSet']>

/** What of it helps the caller, and nothing of what the token holds. */
function asRefusal(error: unknown): UnauthorizedError {
  const { code } = error as { code?: unknown }
  const texts: { readonly [code: string]: string } = {
    ERR_JWT_EXPIRED: 'The token has expired',
    ERR_JWT_CLAIM_VALIDATION_FAILED: 'The token is not for this service: a claim does not match',
    ERR_JWS_SIGNATURE_VERIFICATION_FAILED: "The token's signature is wrong",
    ERR_JWKS_NO_MATCHING_KEY: "The issuer does not have the token's key",
    ERR_JOSE_ALG_NOT_ALLOWED: "The token's signature algorithm is not accepted",
    ERR_JWKS_TIMEOUT: "The issuer's keys could not be fetched in time",
  }
  return saslRefused(texts[String(code)] ?? 'The token cannot be read or checked')
}

function loadJose(): Jose {
  const jose = requirePackage('jose') as Jose | undefined
  if (jose) return jose
  throw invalid("tokens of OAuth issuers need the package 'jose': npm install jose")
}

/** `n,,^Aauth=Bearer <token>^A…^A^A`; what is wrong is told in a message of its own, before the end (RFC 7628). */
export function oauthServer(tokens: OAuthTokens): ServerConversation {
  let refusal: KafkaError | undefined
  return {
    async next(message) {
      if (refusal) throw refusal
      const [, ...fields] = decodeUtf8(message).split('\u0001')
      const token = fields.map((field) => /^auth=bearer +(\S+)$/i.exec(field)?.[1]).find(Boolean)
      try {
        if (token === undefined) throw saslRefused('The OAUTHBEARER message contains no token')
        return { message: emptyBytes, identity: await tokens.identify(token) }
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error
        refusal = error
        return { message: encodeUtf8('{"status":"invalid_token"}') }
      }
    },
  }
}
