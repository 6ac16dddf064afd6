/**
 * SASL SCRAM-SHA-256 and -512 (RFC 5802, RFC 7677) on the server's side, without channel binding, as Kafka speaks it
 * (KIP-84). A user that is not there gets a salt all the same, always the same one, and learns at the end that it failed.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { decodeUtf8, encodeUtf8 } from '../../core/bytes.ts'
import type { ScramMechanism, ScramRecord } from '../state/access-state.ts'
import { type ServerConversation, saslRefused } from './server-mechanism.ts'

export interface ScramServerParts {
  readonly mechanism: ScramMechanism
  readonly find: (user: string) => ScramRecord | undefined
}

const digests = { 'SCRAM-SHA-256': 'sha256', 'SCRAM-SHA-512': 'sha512' } as const
export const scramIterations = { min: 4096, max: 16_384 } as const
/** Of this process; makes up salts for users that are not there. */
const pretence = randomBytes(32)

interface First {
  readonly bare: string
  readonly user: string
  readonly nonce: string
  readonly serverFirst: string
  readonly record: ScramRecord
  readonly isThere: boolean
  readonly gs2: string
}

export function scramServer({ mechanism, find }: ScramServerParts): ServerConversation {
  const digest = digests[mechanism]
  let first: First | undefined
  return {
    next(message) {
      const text = decodeUtf8(message)
      if (!first) {
        first = begin(text, mechanism, find)
        return { message: encodeUtf8(first.serverFirst) }
      }
      const { bare, serverFirst, record, isThere, user } = first
      const { withoutProof, proof } = readFinal(text, first)
      const authMessage = `${bare},${serverFirst},${withoutProof}`
      const hmac = (key: Uint8Array, content: string) =>
        createHmac(digest, key).update(content).digest()
      const storedKey = Buffer.from(record.storedKey, 'base64')
      const signature = hmac(storedKey, authMessage)
      const isLong = proof.length === signature.length
      const clientKey = Buffer.from(signature.map((byte, i) => byte ^ (proof[i] ?? 0)))
      const shown = createHash(digest).update(clientKey).digest()
      const fits = shown.length === storedKey.length && timingSafeEqual(shown, storedKey)
      if (!isLong || !fits || !isThere)
        throw saslRefused(`Authentication failed: the user or the password is wrong (${mechanism})`)
      const serverKey = Buffer.from(record.serverKey, 'base64')
      const verifier = hmac(serverKey, authMessage).toString('base64')
      return {
        message: encodeUtf8(`v=${verifier}`),
        identity: {
          principal: { type: 'User', name: user },
          authentication: 'sasl',
          credential: scramCredential(record),
        },
      }
    },
  }
}

/** Another password makes another one. */
export function scramCredential({ mechanism, user, storedKey }: ScramRecord): string {
  return `scram/${mechanism}/${storedKey.replaceAll('/', '_')}/${user}`
}

/** `n,,n=<user>,r=<nonce>` and possible extensions. */
function begin(text: string, mechanism: ScramMechanism, find: ScramServerParts['find']): First {
  const match = /^([^,]*,[^,]*,)(n=([^,]+),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/.exec(text)
  if (!match) throw saslRefused('The first SCRAM message cannot be read')
  const [, gs2, bare, escaped, clientNonce] = match
  if (!/^[ny],(a=[^,]*)?,$/.test(gs2!))
    throw saslRefused('SCRAM with channel binding is not offered here')
  const user = escaped!.replaceAll('=2C', ',').replaceAll('=3D', '=')
  const authorizeAs = /a=([^,]*)/.exec(gs2!)?.[1]
  if (authorizeAs !== undefined && authorizeAs !== escaped)
    throw saslRefused('Acting for another user is not supported: leave the authorization id empty')
  const known = find(user)
  const record = known ?? pretended(user, mechanism)
  const nonce = `${clientNonce}${randomBytes(18).toString('base64').replaceAll(',', '')}`
  const serverFirst = `r=${nonce},s=${record.salt},i=${record.iterations}`
  return { bare: bare!, user, nonce, serverFirst, record, isThere: known !== undefined, gs2: gs2! }
}

/** `c=<gs2 header in base64>,r=<nonce>,p=<proof>` */
function readFinal(text: string, { gs2, nonce }: First) {
  const match = /^(c=([^,]+),r=([^,]+)(?:,[^p][^,]*)*),p=([A-Za-z0-9+/=]+)$/.exec(text)
  if (!match) throw saslRefused('The final SCRAM message cannot be read')
  const [, withoutProof, binding, given, proof] = match
  if (Buffer.from(binding!, 'base64').toString() !== gs2)
    throw saslRefused('The channel binding of SCRAM is not that of the first message')
  if (given !== nonce) throw saslRefused('The SCRAM nonce does not match')
  return { withoutProof: withoutProof!, proof: Buffer.from(proof!, 'base64') }
}

function pretended(user: string, mechanism: ScramMechanism): ScramRecord {
  const made = (of: string) => createHmac('sha256', pretence).update(`${of}:${user}`).digest()
  const size = mechanism === 'SCRAM-SHA-512' ? 64 : 32
  return {
    ...{ user, mechanism, iterations: scramIterations.min },
    salt: made('salt').subarray(0, 20).toString('base64'),
    storedKey: randomBytes(size).toString('base64'),
    serverKey: randomBytes(size).toString('base64'),
  }
}

/** What is kept of a password that was salted by whoever sets it (KIP-554). */
export function scramRecordOf(
  user: string,
  mechanism: ScramMechanism,
  salt: Uint8Array,
  saltedPassword: Uint8Array,
  iterations: number,
): ScramRecord {
  const digest = digests[mechanism]
  const hmac = (content: string) => createHmac(digest, saltedPassword).update(content).digest()
  return {
    ...{ user, mechanism, iterations },
    salt: Buffer.from(salt).toString('base64'),
    storedKey: createHash(digest).update(hmac('Client Key')).digest('base64'),
    serverKey: hmac('Server Key').toString('base64'),
  }
}
