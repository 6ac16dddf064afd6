/**
 * SaslHandshake and SaslAuthenticate: a session shows who it is, for the first time or again (KIP-368). Steps of one session
 * come one after the other; its listener sees to that.
 *
 *   handshake ─ names a mechanism ─ authenticate … ─ identity, or the end of the session
 */
import { noFilter } from '../../backend/access-filter.ts'
import type { HallApi } from '../../backend/hall.ts'
import type { RequestContext } from '../../backend/request-context.ts'
import { type Identity, principalName, type Session } from '../../backend/session.ts'
import { delay } from '../../core/backoff.ts'
import { emptyBytes } from '../../core/bytes.ts'
import { KafkaError } from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'
import { errorCode } from '../../protocol/error-codes.ts'
import {
  createSaslAuthenticateResponse,
  type SaslAuthenticateRequest,
  type SaslAuthenticateResponse,
  saslAuthenticate,
} from '../../protocol/messages/generated/sasl-authenticate.ts'
import {
  createSaslHandshakeResponse,
  type SaslHandshakeRequest,
  type SaslHandshakeResponse,
  saslHandshake,
} from '../../protocol/messages/generated/sasl-handshake.ts'
import { type ServerConversation, type ServerMechanism, saslRefused } from './server-mechanism.ts'

export interface SaslParts {
  readonly runtime: Runtime
  /** Those that this session may use. */
  readonly mechanismsFor: (session: Session) => readonly ServerMechanism[]
  readonly begin: (mechanism: ServerMechanism) => ServerConversation
  /** A session has to show who it is again after so long, milliseconds; undefined: when what it showed runs out. */
  readonly reauthenticateMs: number | undefined
  /** Somebody has, or has not, shown who it is. */
  readonly onShown: (
    context: RequestContext,
    mechanism: string,
    refusal: string | undefined,
  ) => void
}

/** Whoever guesses passwords waits. Kafka's `connection.failed.authentication.delay.ms`. */
const failureDelayMs = 100
const stepBytesMax = 64 * 1024

export class SaslApis {
  readonly #parts: SaslParts
  readonly #underWay = new WeakMap<
    Session,
    { readonly mechanism: ServerMechanism; readonly conversation: ServerConversation }
  >()

  constructor(parts: SaslParts) {
    this.#parts = parts
  }

  /** Version 0 of the handshake is followed by bytes that are no requests; it is not served. */
  readonly apis: readonly HallApi[] = [
    {
      api: saslHandshake,
      ...{ accepted: { minVersion: 1, maxVersion: 1 }, filter: noFilter },
      advertised: { minVersion: 1, maxVersion: 1 },
      handle: (request, context) => this.#handshake(request, context),
    },
    {
      api: saslAuthenticate,
      ...{ accepted: versionsOf(saslAuthenticate), filter: noFilter },
      advertised: versionsOf(saslAuthenticate),
      handle: (request, context) => this.#authenticate(request, context),
    },
  ]

  async #handshake(
    { mechanism }: SaslHandshakeRequest,
    { session }: RequestContext,
  ): Promise<SaslHandshakeResponse> {
    const mechanisms = [...this.#parts.mechanismsFor(session)]
    const chosen = mechanisms.find((one) => one === mechanism)
    if (!chosen) {
      this.#underWay.delete(session)
      return createSaslHandshakeResponse({
        errorCode: errorCode('UNSUPPORTED_SASL_MECHANISM'),
        mechanisms,
      })
    }
    this.#underWay.set(session, { mechanism: chosen, conversation: this.#parts.begin(chosen) })
    return createSaslHandshakeResponse({ mechanisms })
  }

  async #authenticate(
    { authBytes }: SaslAuthenticateRequest,
    context: RequestContext,
  ): Promise<SaslAuthenticateResponse> {
    const { session, signal } = context
    const underWay = this.#underWay.get(session)
    if (!underWay) {
      session.end('SaslAuthenticate came without SaslHandshake')
      return createSaslAuthenticateResponse({
        errorCode: errorCode('ILLEGAL_SASL_STATE'),
        errorMessage: 'SaslHandshake comes first',
      })
    }
    const { mechanism, conversation } = underWay
    try {
      if (authBytes.length > stepBytesMax) throw saslRefused('The SASL message is too long')
      const { message, identity } = await conversation.next(authBytes)
      if (!identity) return createSaslAuthenticateResponse({ authBytes: message })
      this.#underWay.delete(session)
      return this.#shown(context, mechanism, message, identity)
    } catch (error) {
      this.#underWay.delete(session)
      if (!(error instanceof KafkaError)) throw error
      this.#parts.onShown(context, mechanism, error.message)
      await delay(this.#parts.runtime, failureDelayMs, signal).catch(() => undefined)
      session.end(`it could not authenticate: ${error.message}`)
      return createSaslAuthenticateResponse({
        errorCode: errorCode('SASL_AUTHENTICATION_FAILED'),
        errorMessage: error.message,
        authBytes: emptyBytes,
      })
    }
  }

  #shown(
    context: RequestContext,
    mechanism: ServerMechanism,
    message: Uint8Array,
    identity: Identity,
  ): SaslAuthenticateResponse {
    const { runtime, reauthenticateMs } = this.#parts
    const { session } = context
    const { authentication, principal } = session
    const isAgain = authentication !== 'none' && authentication !== 'tls'
    if (isAgain && principalName(principal) !== principalName(identity.principal))
      throw saslRefused('A connection cannot change its user: open a new one')
    const nowMs = runtime.now()
    const ends = [
      identity.expiresAt ?? Number.POSITIVE_INFINITY,
      reauthenticateMs === undefined ? Number.POSITIVE_INFINITY : nowMs + reauthenticateMs,
    ]
    const expiresAt = Math.min(...ends)
    const isForever = expiresAt === Number.POSITIVE_INFINITY
    session.identify({ ...identity, expiresAt: isForever ? undefined : expiresAt })
    this.#parts.onShown(context, mechanism, undefined)
    return createSaslAuthenticateResponse({
      authBytes: message,
      sessionLifetimeMs: isForever ? 0n : BigInt(Math.max(1, Math.floor(expiresAt - nowMs))),
    })
  }
}

function versionsOf({ minVersion, maxVersion }: typeof saslAuthenticate) {
  return { minVersion, maxVersion }
}
