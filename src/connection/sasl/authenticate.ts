/** SASL over a fresh connection: SaslHandshake v1, then SaslAuthenticate until both sides are satisfied (KIP-43, KIP-152). */
import { UnauthorizedError } from '../../core/errors.ts'
import type { Api } from '../../protocol/api.ts'
import { errorName } from '../../protocol/error-codes.ts'
import {
  createSaslAuthenticateRequest,
  saslAuthenticate,
} from '../../protocol/messages/generated/sasl-authenticate.ts'
import {
  createSaslHandshakeRequest,
  saslHandshake,
} from '../../protocol/messages/generated/sasl-handshake.ts'
import type { SaslConversation, SaslCredentials } from './mechanism.ts'
import { oauthConversation } from './oauth.ts'
import { plainConversation } from './plain.ts'
import { scramConversation } from './scram.ts'

type Ask = <Request, Response>(api: Api<Request, Response>, request: Request) => Promise<Response>

/**
 * Resolves with the session's lifetime in milliseconds, 0 when it has no end (KIP-368). Throws `UnauthorizedError`.
 * `nonce` must be random and never be used again.
 */
export async function authenticate(
  ask: Ask,
  credentials: SaslCredentials,
  nonce: string,
): Promise<number> {
  const { mechanism, username } = credentials
  // A token may take a while to get: before the broker begins to wait.
  const conversation = await conversationOf(credentials, nonce)
  const handshake = await ask(saslHandshake, createSaslHandshakeRequest({ mechanism }))
  if (handshake.errorCode !== 0) {
    throw new UnauthorizedError(
      `The broker does not support SASL mechanism ${mechanism}; it supports ${handshake.mechanisms.join(', ') || 'none'}`,
      { code: errorName(handshake.errorCode) },
    )
  }
  let message: Uint8Array | undefined = conversation.start()
  for (;;) {
    const answer = await ask(
      saslAuthenticate,
      createSaslAuthenticateRequest({ authBytes: message }),
    )
    if (answer.errorCode !== 0) {
      throw new UnauthorizedError(
        `The broker refused ${username === undefined ? 'the token' : `user '${username}'`}: ${answer.errorMessage || errorName(answer.errorCode)}`,
        { code: errorName(answer.errorCode) },
      )
    }
    message = await conversation.next(answer.authBytes)
    if (message === undefined) return Number(answer.sessionLifetimeMs)
  }
}

function conversationOf(
  credentials: SaslCredentials,
  nonce: string,
): SaslConversation | Promise<SaslConversation> {
  const { mechanism } = credentials
  if (mechanism === 'PLAIN') return plainConversation(credentials)
  return mechanism === 'OAUTHBEARER'
    ? oauthConversation(credentials)
    : scramConversation(credentials, nonce)
}
