/** What a SASL mechanism is on the server's side: the client's messages in, ours out, and in the end who it is. */
import type { Identity } from '../../backend/session.ts'
import { UnauthorizedError } from '../../core/errors.ts'

export const serverMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const
export type ServerMechanism = (typeof serverMechanisms)[number]

export interface SaslStep {
  readonly message: Uint8Array
  /** Set at the end. */
  readonly identity?: Identity
}

export interface ServerConversation {
  /** Rejects with `UnauthorizedError`, whose message the client is shown. */
  next(message: Uint8Array): Promise<SaslStep> | SaslStep
}

export function saslRefused(message: string): UnauthorizedError {
  return new UnauthorizedError(message, { code: 'SASL_AUTHENTICATION_FAILED' })
}
