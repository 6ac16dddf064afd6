/** What a SASL mechanism is to a connection: a few messages back and forth, with the broker's proof at the end. */

export const saslMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const
export type SaslMechanismName = (typeof saslMechanisms)[number]

export interface SaslCredentials {
  readonly mechanism: SaslMechanismName
  readonly username: string
  readonly password: string
}

/** One authentication. Each step takes the broker's message and gives the next to send. */
export interface SaslConversation {
  /** The client's first message. */
  start(): Uint8Array
  /** Undefined when nothing more is to be sent. Throws `UnauthorizedError` when the broker cannot be trusted. */
  next(challenge: Uint8Array): Promise<Uint8Array | undefined>
}
