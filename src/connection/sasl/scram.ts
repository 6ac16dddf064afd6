/**
 * SASL SCRAM-SHA-256 and -512 (RFC 5802, RFC 7677), without channel binding, as Kafka serves them (KIP-84). The password
 * never travels, and the broker proves that it knows it too.
 *
 * Names and passwords are taken as UTF-8 as they are: like Kafka's own, without SASLprep.
 */
import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { decodeUtf8, encodeUtf8 } from '../../core/bytes.ts'
import { UnauthorizedError } from '../../core/errors.ts'
import type { SaslConversation, SaslCredentials } from './mechanism.ts'

const deriveKey = promisify(pbkdf2)

/** "n,,": no channel binding, no other identity; and the same in base64, as the final message repeats it. */
const gs2Header = 'n,,'
const encodedGs2Header = 'biws'
/** What Kafka asks for at least, and what a hostile server may cost at most. */
const iterationsMin = 4096
const iterationsMax = 5_000_000

export function scramConversation(
  { mechanism, username = '', password = '' }: SaslCredentials,
  nonce: string,
): SaslConversation {
  const digest = mechanism === 'SCRAM-SHA-512' ? 'sha512' : 'sha256'
  const clientFirst = `n=${escapeName(username)},r=${nonce}`
  let expectedSignature: Uint8Array | undefined
  return {
    start: () => encodeUtf8(gs2Header + clientFirst),
    async next(challenge) {
      const text = decodeUtf8(challenge)
      if (expectedSignature) {
        verifyServer(text, expectedSignature)
        return undefined
      }
      const { serverNonce, salt, iterations } = readServerFirst(text, nonce)
      const withoutProof = `c=${encodedGs2Header},r=${serverNonce}`
      const authMessage = `${clientFirst},${text},${withoutProof}`
      const size = digest === 'sha512' ? 64 : 32
      const salted = await deriveKey(password, salt, iterations, size, digest)
      const hmac = (key: Uint8Array, message: string) =>
        createHmac(digest, key).update(message).digest()
      const clientKey = hmac(salted, 'Client Key')
      const storedKey = createHash(digest).update(clientKey).digest()
      const signature = hmac(storedKey, authMessage)
      const proof = clientKey.map((byte, i) => byte ^ signature[i]!)
      expectedSignature = hmac(hmac(salted, 'Server Key'), authMessage)
      return encodeUtf8(`${withoutProof},p=${Buffer.from(proof).toString('base64')}`)
    },
  }
}

/** `r=<nonce>,s=<salt>,i=<iterations>` and possible extensions. */
function readServerFirst(text: string, nonce: string) {
  const match = /^r=([^,]+),s=([A-Za-z0-9+/=]+),i=(\d+)(?:,|$)/.exec(text)
  if (!match) throw untrusted(`its first SCRAM message cannot be read`)
  const [, serverNonce, salt, count] = match
  if (!serverNonce!.startsWith(nonce) || serverNonce!.length === nonce.length) {
    throw untrusted('its SCRAM nonce does not extend ours')
  }
  const iterations = Number(count)
  if (iterations < iterationsMin || iterations > iterationsMax) {
    throw untrusted(
      `it asks for ${count} SCRAM iterations; ${iterationsMin} to ${iterationsMax} are accepted`,
    )
  }
  return { serverNonce: serverNonce!, salt: Buffer.from(salt!, 'base64'), iterations }
}

function verifyServer(text: string, expected: Uint8Array): void {
  const refusal = /^e=([^,]+)/.exec(text)
  if (refusal) throw untrusted(`it refused the proof: ${refusal[1]}`)
  const given = Buffer.from(/^v=([A-Za-z0-9+/=]+)/.exec(text)?.[1] ?? '', 'base64')
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
    throw untrusted('it does not know the password either: its SCRAM signature is wrong')
  }
}

function escapeName(name: string): string {
  return name.replaceAll('=', '=3D').replaceAll(',', '=2C')
}

function untrusted(what: string): UnauthorizedError {
  return new UnauthorizedError(`The broker could not be authenticated: ${what}`, {
    code: 'SASL_AUTHENTICATION_FAILED',
  })
}
