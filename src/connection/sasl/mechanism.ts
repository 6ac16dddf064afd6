/** What a SASL mechanism is to a connection: a few messages back and forth, with the broker's proof at the end. */

/** Those that show a user and a password. */
export const passwordMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const
export const saslMechanisms = [...passwordMechanisms, 'OAUTHBEARER'] as const
export type SaslMechanismName = (typeof saslMechanisms)[number]

export interface SaslCredentials {
  /** How the password, or the token, is shown to the broker. */
  readonly mechanism: SaslMechanismName
  /** The user. Not with `OAUTHBEARER`. */
  readonly username?: string | undefined
  /** The password of the user. Not with `OAUTHBEARER`. */
  readonly password?: string | undefined
  /**
   * With `OAUTHBEARER`: the token, or a function that gives one. It is asked for each connection,
   * and again before what it gave runs out.
   */
  readonly token?: string | (() => string | Promise<string>) | undefined
  /**
   * With `OAUTHBEARER`: what else the broker wants to be told, by name (KIP-342). Default: nothing.
   */
  readonly extensions?: { readonly [name: string]: string } | undefined
}

/** One authentication. Each step takes the broker's message and gives the next to send. */
export interface SaslConversation {
  /** The client's first message. */
  start(): Uint8Array
  /** Undefined when nothing more is to be sent. Throws `UnauthorizedError` when the broker cannot be trusted. */
  next(challenge: Uint8Array): Promise<Uint8Array | undefined>
}
