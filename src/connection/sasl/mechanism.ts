/** What a SASL mechanism is to a connection: a few messages back and forth, with the broker's proof at the end. */

/** Those that show a user and a password. */
export const passwordMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const
export const saslMechanisms = [...passwordMechanisms, 'OAUTHBEARER'] as const
export type SaslMechanismName = (typeof saslMechanisms)[number]

export interface SaslCredentials {
  /** How the password or token is proven to the broker. */
  readonly mechanism: SaslMechanismName
  /** The user name. Not with `OAUTHBEARER`. */
  readonly username?: string | undefined
  /** The user's password. Not with `OAUTHBEARER`. */
  readonly password?: string | undefined
  /**
   * With `OAUTHBEARER`: the token, or a function that returns one. The function is called for each
   * connection, and again before its last token expires.
   */
  readonly token?: string | (() => string | Promise<string>) | undefined
  /** With `OAUTHBEARER`: SASL extensions for the broker, by name (KIP-342). Default: none. */
  readonly extensions?: { readonly [name: string]: string } | undefined
}

/** One authentication. Each step takes the broker's message and gives the next to send. */
export interface SaslConversation {
  /** The client's first message. */
  start(): Uint8Array
  /** Undefined when nothing more is to be sent. Throws `UnauthorizedError` when the broker cannot be trusted. */
  next(challenge: Uint8Array): Promise<Uint8Array | undefined>
}
