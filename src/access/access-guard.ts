/**
 * Access control of one server: the guard that its listeners and halls ask. It follows the topic of keys, rights, SCRAM users
 * and quotas; decides; ends the sessions of what is revoked or has run out; and writes down what was attempted.
 *
 *   new AccessGuard ─ (Broker.open, with the guard) ─ open(connection) ─ listeners ─ … ─ close
 *
 * Before it is open it lets in nobody but the server itself.
 */

import type { Rights } from '../backend/access-filter.ts'
import type { BackendApi } from '../backend/backend.ts'
import type { AuditEvent, Guard, Origin } from '../backend/guard.ts'
import type { HallApi } from '../backend/hall.ts'
import type { RequestContext } from '../backend/request-context.ts'
import { anonymous, type Identity, principalName, Session } from '../backend/session.ts'
import type { Connection } from '../connection/connection.ts'
import { KafkaError, UnauthorizedError } from '../core/errors.ts'
import { isLoopback } from '../core/loopback.ts'
import { Counter, type Metric } from '../core/metrics.ts'
import type { Runtime } from '../core/runtime.ts'
import { apiVersions } from '../protocol/messages/generated/api-versions.ts'
import { saslAuthenticate } from '../protocol/messages/generated/sasl-authenticate.ts'
import { saslHandshake } from '../protocol/messages/generated/sasl-handshake.ts'
import { aclApis } from './apis/acl-apis.ts'
import { keyApis } from './apis/key-apis.ts'
import { quotaApis } from './apis/quota-apis.ts'
import { scramApis } from './apis/scram-apis.ts'
import { AuditLog } from './audit/audit-log.ts'
import { isSecretOf, keyPrefix, parseKey } from './keys/api-key.ts'
import { ApiKeys, credentialOfKey } from './keys/key-admin.ts'
import { Quotas } from './quotas/quotas.ts'
import { type Decision, Decisions } from './rights/decisions.ts'
import { type OAuthIssuer, OAuthTokens, oauthServer } from './sasl/oauth.ts'
import { plainServer } from './sasl/plain-server.ts'
import { SaslApis } from './sasl/sasl-apis.ts'
import { scramCredential, scramServer } from './sasl/scram-server.ts'
import {
  type ServerConversation,
  type ServerMechanism,
  serverMechanisms,
} from './sasl/server-mechanism.ts'
import { AccessState, type KeyRecord, scramName, usedRecord } from './state/access-state.ts'
import { type StateRecord, StateTopic } from './state/state-topic.ts'
import { accessTopic } from './system-topics.ts'

export interface AccessGuardOptions {
  readonly runtime: Runtime
  /** Principals that may do everything: `User:admin`. */
  readonly superUsers?: readonly string[]
  /** Principals of servers that stand before this one: they may do everything, also with the server's own topics. */
  readonly gateways?: readonly string[]
  /** Whoever has not authenticated is `User:ANONYMOUS`, and may what that may; else nothing. */
  readonly allowAnonymous?: boolean
  /** Whose tokens are taken. Default: nobody's. */
  readonly oauthIssuers?: readonly OAuthIssuer[]
  /** A connection shows who it is again after so long, milliseconds (KIP-368). Default: never, but for what runs out. */
  readonly reauthenticateMs?: number | undefined
}

/** Callers whose decisions are remembered at a time. */
const callersMax = 10_000
/** What has run out is noticed so often. */
const sweepMs = 500
/** When keys were used is written so often. */
const usedFlushMs = 60_000

/** Asked before anybody has authenticated. */
const openApis: ReadonlySet<number> = new Set([
  apiVersions.key,
  saslHandshake.key,
  saslAuthenticate.key,
])

export class AccessGuard implements Guard {
  readonly keys: ApiKeys
  readonly apis: readonly HallApi[]
  readonly state: AccessState
  readonly #quotas: Quotas
  readonly #tokens: OAuthTokens | undefined
  readonly #options: AccessGuardOptions
  readonly #superUsers: ReadonlySet<string>
  readonly #gateways: ReadonlySet<string>
  readonly #callers = new Map<string, Decisions>()
  readonly #byIdentity = new WeakMap<Identity, Decisions>()
  readonly #identities = new Map<string, Identity>()
  /** How many watch each. */
  readonly #sessions = new Map<Session, number>()
  /** Used since the last flush, by key id. */
  readonly #used = new Map<string, number>()
  #topic: StateTopic | undefined
  #audit: AuditLog | undefined
  #timers: { cancel(): void }[] = []
  #isClosed = false

  constructor(options: AccessGuardOptions) {
    const { runtime, superUsers = [], gateways = [], oauthIssuers = [] } = options
    this.#options = options
    this.#superUsers = new Set(superUsers)
    this.#gateways = new Set(gateways)
    this.state = new AccessState(runtime.logger, () => this.#endLapsed())
    this.#tokens =
      oauthIssuers.length > 0 ? new OAuthTokens(oauthIssuers, () => runtime.now()) : undefined
    const sasl = new SaslApis({
      runtime,
      mechanismsFor: (session) => this.#mechanismsFor(session),
      begin: (mechanism) => this.#conversation(mechanism),
      reauthenticateMs: options.reauthenticateMs,
      onShown: (context, mechanism, reason) =>
        this.audit({
          ...{ session: context.session, requestId: requestIdOf(context) },
          ...{ action: 'Authenticate', resource: `sasl:${mechanism}`, reason },
          isAllowed: reason === undefined,
        }),
    })
    const { acls, scram, quotas } = this.state
    const write = (records: readonly StateRecord[]) => this.write(records)
    this.#quotas = new Quotas(quotas, runtime)
    this.apis = [
      ...sasl.apis,
      ...aclApis({ acls, write }),
      ...scramApis({ scram, write }),
      ...quotaApis({ quotas, write }),
      ...keyApis(() => this.keys),
    ]
    this.keys = new ApiKeys({
      state: this.state,
      runtime,
      write: (records) => this.write(records),
      decisionsOf: (session) => this.decisionsOf(session),
      isSuperUser: (session) => this.#isSuperUser(principalName(session.principal)),
      onDone: (action, id, by, isAllowed) => {
        if (by) this.audit({ session: by, action, resource: `key:${id}`, isAllowed })
      },
      lastUsed: (id) => this.#used.get(id),
    })
  }

  /** What a session may show itself with: passwords in clear only where nobody else reads them. */
  #mechanismsFor({ isTls, clientAddress }: Session): ServerMechanism[] {
    return serverMechanisms.filter((mechanism) => {
      if (mechanism === 'PLAIN') return isTls || isLoopback(clientAddress)
      return mechanism !== 'OAUTHBEARER' || this.#tokens !== undefined
    })
  }

  #conversation(mechanism: ServerMechanism): ServerConversation {
    if (mechanism === 'PLAIN') return plainServer((id, secret) => this.identifyKey(id, secret))
    if (mechanism === 'OAUTHBEARER') return oauthServer(this.#tokens!)
    const find = (user: string) => this.state.scram.get(scramName(mechanism, user))
    return scramServer({ mechanism, find })
  }

  /** Reads what is remembered. Rejects with `KafkaError` when that cannot be had. */
  async open(connection: Connection): Promise<void> {
    const { runtime } = this.#options
    this.#topic = new StateTopic({
      ...{ connection, runtime, topic: accessTopic },
      apply: this.state.apply,
      reset: this.state.reset,
    })
    await this.#topic.open()
    this.#audit = new AuditLog({ connection, runtime })
    await this.#audit.open()
    this.#every(sweepMs, () => this.#endLapsed())
    this.#every(usedFlushMs, () => void this.#flushUsed())
  }

  /** Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const timer of this.#timers) timer.cancel()
    await this.#flushUsed()
    await this.#audit?.close()
    await this.#topic?.close()
  }

  /** Stores records of the state, all or none. */
  write(records: readonly StateRecord[]): Promise<void> {
    if (!this.#topic) throw notOpen()
    return this.#topic.write(records)
  }

  rightsOf({ api }: BackendApi, context: RequestContext): Rights | undefined {
    const { session } = context
    const { authentication, expiresAt } = session
    if (authentication === 'system' || authentication === 'embedded') return undefined
    if (session.endReason !== undefined) throw ended(session.endReason)
    if (openApis.has(api.key)) return undefined
    if (authentication === 'none' && !this.#options.allowAnonymous)
      throw new UnauthorizedError(`${api.name} came before authentication`, {
        code: 'ILLEGAL_SASL_STATE',
      })
    if (expiresAt !== undefined && expiresAt <= this.#options.runtime.now())
      throw ended('its credentials have expired')
    return this.decisionsOf(session).rightsFor(context)
  }

  refusal(served: BackendApi, request: unknown, context: RequestContext): unknown {
    return this.#quotas.refusal(served, request, context)
  }

  throttleMs(
    served: BackendApi,
    request: unknown,
    response: unknown,
    context: RequestContext,
  ): number {
    return this.#quotas.throttleMs(served, request, response, context)
  }

  waitMs(session: Session): number {
    return this.#quotas.waitMs(session)
  }

  async authenticate(bearer: string, origin: Origin): Promise<Identity> {
    try {
      return await this.#identifyBearer(bearer)
    } catch (error) {
      if (error instanceof KafkaError) this.#auditRefusal(origin, error.message)
      throw error
    }
  }

  #auditRefusal(origin: Origin, reason: string): void {
    const session = new Session({
      ...{ id: origin.listener, principal: anonymous, authentication: 'none', ...origin },
      advertised: { host: '', port: 0 },
    })
    this.audit({
      ...{ session, action: 'Authenticate', resource: 'bearer', isAllowed: false, reason },
      requestId: origin.requestId,
    })
  }

  async #identifyBearer(bearer: string): Promise<Identity> {
    if (!bearer.startsWith(keyPrefix)) {
      if (this.#tokens) return this.#tokens.identify(bearer)
      throw refused('The credential is not an API key (kd_…)')
    }
    const parsed = parseKey(bearer)
    if (!parsed) throw refused('The API key is mistyped or truncated: its checksum does not match')
    return this.identifyKey(parsed.id, parsed.secret)
  }

  /** Throws `UnauthorizedError`. */
  identifyKey(id: string, secret: string): Identity {
    const record = this.state.keys.get(id)
    const nowMs = this.#options.runtime.now()
    const isCurrent = isSecretOf(secret, record?.hash ?? noHash)
    const isPrevious = isSecretOf(secret, record?.previous?.hash ?? noHash)
    const isOverlapping = isPrevious && record!.previous!.until > nowMs
    if (!record || !(isCurrent || isOverlapping))
      throw refused('The API key is unknown or was revoked')
    if (record.expiresAt !== null && record.expiresAt <= nowMs)
      throw refused(`The API key expired at ${new Date(record.expiresAt).toISOString()}`)
    this.#used.set(id, nowMs)
    const generation = isCurrent ? record.generation : record.generation - 1
    return this.#identityOfKey(id, generation, endOf(record, generation))
  }

  /** One and the same for as long as nothing of it changes: listeners without connections find their session by it. */
  #identityOfKey(id: string, generation: number, expiresAt: number | undefined): Identity {
    const credential = credentialOfKey(id, generation)
    const known = this.#identities.get(credential)
    if (known && known.expiresAt === expiresAt) return known
    const principal = { type: 'User', name: id }
    const identity: Identity = { principal, authentication: 'key', credential, expiresAt }
    if (this.#identities.size >= callersMax) this.#identities.clear()
    this.#identities.set(credential, identity)
    return identity
  }

  /** Several may watch one session: each lets go for itself. */
  watch(session: Session): () => void {
    const reason = this.#lapse(session, this.#options.runtime.now())
    if (reason !== undefined) session.end(reason)
    this.#sessions.set(session, (this.#sessions.get(session) ?? 0) + 1)
    let isWatched = true
    return () => {
      if (!isWatched) return
      isWatched = false
      const left = this.#sessions.get(session)! - 1
      if (left > 0) this.#sessions.set(session, left)
      else this.#sessions.delete(session)
    }
  }

  audit(event: AuditEvent): void {
    this.#audit?.write(event)
  }

  /** What was counted since the start. */
  metrics(): Metric[] {
    const dropped = new Counter(
      'kafkado_audit_events_dropped_total',
      'Events dropped because the audit log was too slow',
      [],
    )
    dropped.at().value = this.#audit?.dropped ?? 0
    return [dropped.read()]
  }

  decisionsOf(session: Session): Decisions {
    // By the identity, which is another one once the session shows another.
    const known = this.#byIdentity.get(session.identity)
    if (known) return known
    const decisions = this.#decisionsOfCaller(session)
    this.#byIdentity.set(session.identity, decisions)
    return decisions
  }

  #decisionsOfCaller({ principal, clientAddress }: Session): Decisions {
    const name = principalName(principal)
    const caller = `${name}@${clientAddress}`
    const known = this.#callers.get(caller)
    if (known) return known
    if (this.#callers.size >= callersMax) this.#callers.clear()
    const decisions = new Decisions({
      state: this.state,
      asker: { principal: name, host: clientAddress },
      isSuperUser: this.#isSuperUser(name),
      isGateway: this.#gateways.has(name),
      onDecided: (decision, context) => this.#decided(decision, context),
    })
    this.#callers.set(caller, decisions)
    return decisions
  }

  #decided({ operation, type, name, isAllowed }: Decision, context: RequestContext): void {
    this.audit({
      ...{ session: context.session, requestId: requestIdOf(context) },
      ...{ isAllowed, action: operation, resource: `${type}:${name}` },
    })
  }

  #isSuperUser(principal: string): boolean {
    return this.#superUsers.has(principal) || this.#gateways.has(principal)
  }

  /** Ends the sessions whose credential is gone or has run out. */
  #endLapsed(): void {
    const nowMs = this.#options.runtime.now()
    for (const session of this.#sessions.keys()) {
      const reason = this.#lapse(session, nowMs)
      if (reason !== undefined) session.end(reason)
    }
  }

  #lapse({ credential, expiresAt }: Session, nowMs: number): string | undefined {
    if (expiresAt !== undefined && expiresAt <= nowMs) return 'its credentials have expired'
    const [kind, id, generation] = credential?.split('/') ?? []
    if (kind === 'scram') {
      const user = credential!.split('/').slice(3).join('/')
      const now = this.state.scram.get(scramName(id!, user))
      const isSame = now && scramCredential(now) === credential
      return isSame ? undefined : 'its SCRAM credential was changed or deleted'
    }
    if (kind !== 'key') return undefined
    const record = this.state.keys.get(id!)
    if (!record) return 'its API key was revoked'
    const until = endOf(record, Number(generation)) ?? Number.POSITIVE_INFINITY
    return until <= nowMs ? 'its API key was rotated or has expired' : undefined
  }

  #every(ms: number, task: () => void): void {
    const { runtime } = this.#options
    const arm = () =>
      runtime.setTimer(
        ms,
        () => {
          if (this.#isClosed) return
          task()
          this.#timers[at] = arm()
        },
        { background: true },
      )
    const at = this.#timers.push(arm()) - 1
  }

  /** To the minute; several uses are one record. */
  async #flushUsed(): Promise<void> {
    const fresh = [...this.#used].filter(([id, at]) => {
      const written = this.state.used.get(id) ?? 0
      return this.state.keys.has(id) && at - written >= usedFlushMs
    })
    try {
      if (fresh.length > 0) await this.write(fresh.map(([id, at]) => usedRecord(id, at)))
    } catch (error) {
      const { logger } = this.#options.runtime
      logger.warn({ err: error }, 'the last use of API keys could not be stored')
    }
  }
}

/** On the Kafka port a request has a number, which is one of its connection's. */
function requestIdOf({ session, requestId }: RequestContext): string | undefined {
  return typeof requestId === 'number' ? `${session.id}/${requestId}` : requestId
}

/** Compared with where there is nothing to compare with, so that it takes as long. */
const noHash = '0'.repeat(64)

/** When sessions of this generation of the key's secret end; undefined: never. */
function endOf({ expiresAt, previous, generation }: KeyRecord, of: number): number | undefined {
  const end = expiresAt ?? undefined
  if (of === generation) return end
  const until = of === generation - 1 ? (previous?.until ?? 0) : 0
  return Math.min(until, end ?? Number.POSITIVE_INFINITY)
}

function refused(message: string): UnauthorizedError {
  return new UnauthorizedError(message, { code: 'SASL_AUTHENTICATION_FAILED' })
}

function ended(reason: string): UnauthorizedError {
  return new UnauthorizedError(`The session has ended: ${reason}`, {
    code: 'SASL_AUTHENTICATION_FAILED',
  })
}

function notOpen(): KafkaError {
  return new KafkaError('Access control is not open yet', {
    code: 'BROKER_NOT_AVAILABLE',
    retriable: true,
  })
}
