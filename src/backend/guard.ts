/**
 * Access control as listeners and the hall know it: who somebody is, what they may do, and how fast. It is one for all listeners
 * of a server; `access/` implements it.
 *
 * A listener makes a `Session`, gives it the identity that `authenticate` tells, and hands requests to its backend with it. All
 * else (rights, quotas, audit) happens in the hall of that backend.
 */
import type { HallGuard } from './hall.ts'
import type { Identity, Session } from './session.ts'

/** Where somebody who shows a credential is. */
export interface Origin {
  /** Address without its port. */
  readonly clientAddress: string
  readonly isTls: boolean
  /** The name of the listener. */
  readonly listener: string
  /** Names the request in the audit log. */
  readonly requestId?: string | undefined
}

export interface Guard extends HallGuard {
  /** API keys: create, list, rotate, revoke. */
  readonly keys: KeyAdmin
  /**
   * Who shows this bearer credential: an API key (`kd_…`), or a token of an issuer that is trusted. Rejects with
   * `UnauthorizedError` SASL_AUTHENTICATION_FAILED for one that is mistyped, unknown, revoked or expired; the message may
   * be shown to the caller.
   */
  authenticate(bearer: string, origin: Origin): Promise<Identity>
  /**
   * From now on the session ends (`Session.onEnd`) when its key is revoked or expires, at once where it has; also for sessions that show a new
   * identity later. Returns what lets go of it. For one that lives no longer than a request it is not needed.
   */
  watch(session: Session): () => void
  /**
   * How long the caller is to be silent before its next request, by the quotas that the Kafka port shares, milliseconds; 0:
   * it may go on. For listeners that refuse (429, Retry-After) where others mute the connection.
   */
  waitMs(session: Session): number
  /** Writes down what somebody did that passes no backend. Never waits. */
  audit(event: AuditEvent): void
}

/** A line of the audit log. Never a payload, never a secret. */
export interface AuditEvent {
  readonly session: Session
  /** What was done: the name of an API, or of an action such as `CreateKey`. */
  readonly action: string
  /** The resource, as `topic:orders`; undefined: there is none. */
  readonly resource?: string | undefined
  readonly isAllowed: boolean
  /** Undefined: those of the session that are under way. */
  readonly requestId?: string | undefined
  /** Why it was denied, in a few words. */
  readonly reason?: string | undefined
}

/** An API key without its secret. */
export interface ApiKey {
  /** Also the name in its principal (`User:<id>`) and the SASL user name. It may be logged. */
  readonly id: string
  readonly name: string
  /** As given when the key was created: `produce:orders.*`, `consume:orders.*@billing`, `admin`. */
  readonly scopes: readonly string[]
  /** The id of the key that created it; undefined for the server itself. */
  readonly createdBy: string | undefined
  /** Milliseconds since the epoch, as all times here. */
  readonly createdAt: number
  readonly expiresAt: number | undefined
  /** Of the newest use that is known, to the minute. */
  readonly lastUsedAt: number | undefined
  /** Until this time the previous secret is also valid. */
  readonly previousSecretUntil: number | undefined
}

/** A key that was just made or rotated: the only time that its secret is shown. */
export interface CreatedKey extends ApiKey {
  /** `kd_<id>_<secret>_<checksum>` */
  readonly key: string
}

/** What a new key is to be. */
export interface CreateKeyOptions {
  /** For people. 1 to 100 characters. */
  readonly name: string
  /** What the key may do; one or more. */
  readonly scopes: readonly string[]
  /** Milliseconds since the epoch; default: never. */
  readonly expiresAt?: number | undefined
}

/**
 * Creates and manages API keys. `by` is the caller's session; undefined is the server's own process, which has all
 * rights. The caller needs `Alter` on the cluster, or `CreateTokens` on users for keys it created itself. All reject
 * with `UnauthorizedError` CLUSTER_AUTHORIZATION_FAILED for who may not.
 */
export interface KeyAdmin {
  /**
   * The rights of the new key are at most those of `by`, and it lives no longer: else rejects with `UnauthorizedError`
   * CLUSTER_AUTHORIZATION_FAILED. Rejects with `ConfigError` for options that cannot be.
   */
  create(options: CreateKeyOptions, by?: Session): Promise<CreatedKey>
  /** By id. Those that `by` made itself, or all for who may alter the cluster. */
  list(by?: Session): Promise<ApiKey[]>
  /**
   * Gives the key a new secret; the old one stays valid for `overlapMs`. Default: 0. Rejects as `create`; with
   * `KafkaError` RESOURCE_NOT_FOUND for an unknown id.
   */
  rotate(id: string, options?: { readonly overlapMs?: number }, by?: Session): Promise<CreatedKey>
  /** Takes the key and its rights away and ends its sessions within a second. Rejects with `KafkaError` RESOURCE_NOT_FOUND. */
  revoke(id: string, by?: Session): Promise<void>
}
