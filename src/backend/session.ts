/**
 * Who is at the other end of a connection. A listener makes one for each connection it accepts; what a request is allowed, counted
 * and throttled by hangs on it. It grows while the connection lasts: a client names itself after it has connected.
 */
import type { Endpoint } from './endpoint.ts'

/** Kafka's principal, such as `User:alice`. */
export interface Principal {
  readonly type: string
  readonly name: string
}

/**
 * How the principal was established; `none`: it was not, and everybody is `User:ANONYMOUS`. `system`: it is the server
 * itself, which keeps what it must remember in topics of its own.
 */
export type Authentication = 'none' | 'tls' | 'sasl' | 'key' | 'token' | 'embedded' | 'system'

/** Who somebody has shown to be. */
export interface Identity {
  readonly principal: Principal
  readonly authentication: Authentication
  /** What it was shown with, such as the id of an API key; sessions end with it. Undefined: nothing that could be revoked. */
  readonly credential?: string | undefined
  /** When it is over, milliseconds since the epoch; undefined: never. */
  readonly expiresAt?: number | undefined
}

export interface SessionOptions extends Identity {
  /** Of the session, unique within the process; for logs and for what belongs to one connection. */
  readonly id: string
  /** The name of the listener that accepted the connection; `embedded` in the broker's own process. */
  readonly listener: string
  readonly isTls: boolean
  /** The client's address without its port. */
  readonly clientAddress: string
  /** Where clients of this listener reach the node. */
  readonly advertised: Endpoint
}

/** So many ids of requests are told. */
const idsMax = 5

export class Session implements SessionOptions {
  readonly id: string
  readonly listener: string
  readonly isTls: boolean
  readonly clientAddress: string
  readonly advertised: Endpoint
  /** As in the newest request; null before the first, and for clients that give none. */
  clientId: string | null = null
  /** Name and version of the client library (KIP-511); undefined for one that does not tell. */
  clientSoftware: { readonly name: string; readonly version: string } | undefined
  #identity: Identity
  readonly #requests = new Set<string>()
  #endReason: string | undefined
  #onEnd: Set<(reason: string) => void> | undefined

  constructor(options: SessionOptions) {
    const { principal, authentication, credential, expiresAt } = options
    this.id = options.id
    this.#identity = { principal, authentication, credential, expiresAt }
    this.listener = options.listener
    this.isTls = options.isTls
    this.clientAddress = options.clientAddress
    this.advertised = options.advertised
  }

  get identity(): Identity {
    return this.#identity
  }

  get principal(): Principal {
    return this.#identity.principal
  }

  get authentication(): Authentication {
    return this.#identity.authentication
  }

  get credential(): string | undefined {
    return this.#identity.credential
  }

  get expiresAt(): number | undefined {
    return this.#identity.expiresAt
  }

  /** The caller has shown who it is, for the first time or again. */
  identify(identity: Identity): void {
    this.#identity = identity
  }

  /** A request of it is under way, where its listener names requests by more than a number. */
  began(requestId: string): void {
    this.#requests.add(requestId)
  }

  done(requestId: string): void {
    this.#requests.delete(requestId)
  }

  /** The ids of those that are under way: what is done for the caller now is done for one of them. Undefined: there is none. */
  get requestsUnderWay(): string | undefined {
    if (this.#requests.size === 0) return undefined
    const ids = [...this.#requests].slice(0, idsMax)
    return this.#requests.size > idsMax ? `${ids.join(' ')} …` : ids.join(' ')
  }

  /** Why it has ended; undefined while it lasts. */
  get endReason(): string | undefined {
    return this.#endReason
  }

  /** The server ends it, as what it was opened with is no longer good. Idempotent. */
  end(reason: string): void {
    if (this.#endReason !== undefined) return
    this.#endReason = reason
    for (const listener of this.#onEnd ?? []) listener(reason)
    this.#onEnd = undefined
  }

  /** Calls `listener` when the server ends the session, at once if it has. Returns what takes the listener back. */
  onEnd(listener: (reason: string) => void): () => void {
    if (this.#endReason !== undefined) {
      listener(this.#endReason)
      return () => undefined
    }
    this.#onEnd ??= new Set()
    this.#onEnd.add(listener)
    return () => this.#onEnd?.delete(listener)
  }
}

/** Whom nobody has asked for a name. */
export const anonymous: Principal = { type: 'User', name: 'ANONYMOUS' }

/** As Kafka writes it: `User:alice`. */
export function principalName({ type, name }: Principal): string {
  return `${type}:${name}`
}
