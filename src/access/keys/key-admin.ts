/** Makes, lists, rotates and revokes API keys, for who may: nobody hands on what it has not got itself. */
import { clusterResource } from '../../backend/access.ts'
import type { ApiKey, CreatedKey, CreateKeyOptions, KeyAdmin } from '../../backend/guard.ts'
import { principalName, type Session } from '../../backend/session.ts'
import { inspectBriefly } from '../../core/duration.ts'
import { KafkaError, UnauthorizedError } from '../../core/errors.ts'
import { invalid, isPlainObject } from '../../core/options.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { Decisions } from '../rights/decisions.ts'
import { bindingsOf, checkScopes } from '../rights/scopes.ts'
import {
  type AccessState,
  aclRecord,
  type KeyRecord,
  keyRecord,
  noAcl,
  noKey,
  quotaName,
  quotaRecord,
  usedRecord,
} from '../state/access-state.ts'
import type { StateRecord } from '../state/state-topic.ts'
import { formatKey, hashOf, newKeyId, newSecret } from './api-key.ts'

export interface KeyAdminParts {
  readonly state: AccessState
  readonly runtime: Runtime
  readonly write: (records: readonly StateRecord[]) => Promise<void>
  readonly decisionsOf: (session: Session) => Decisions
  readonly isSuperUser: (session: Session) => boolean
  readonly onDone: (action: string, id: string, by: Session | undefined, isAllowed: boolean) => void
  /** When a key was used last, where that is not written yet. */
  readonly lastUsed: (id: string) => number | undefined
}

const nameLengthMax = 100
/** A secret that is out is taken this long more at most: 30 days. */
const overlapMsMax = 2_592_000_000
const keyOptions: ReadonlySet<string> = new Set(['name', 'scopes', 'expiresAt'])

export function principalOfKey(id: string): string {
  return `User:${id}`
}

export function credentialOfKey(id: string, generation: number): string {
  return `key/${id}/${generation}`
}

export class ApiKeys implements KeyAdmin {
  readonly #parts: KeyAdminParts

  constructor(parts: KeyAdminParts) {
    this.#parts = parts
  }

  create(options: CreateKeyOptions, by?: Session): Promise<CreatedKey> {
    return this.#create(options, by, () => undefined)
  }

  /** For everything. `keep` is called with the key before it is one. */
  createFirst(keep: (key: string) => void): Promise<CreatedKey> {
    return this.#create({ name: 'first admin', scopes: ['admin'] }, undefined, keep)
  }

  async #create(
    options: CreateKeyOptions,
    by: Session | undefined,
    keep: (key: string) => void,
  ): Promise<CreatedKey> {
    const { name, scopes, expiresAt } = checkOptions(options, this.#parts.runtime.now())
    const id = newKeyId()
    const bindings = uniqueBindings(scopes, id)
    this.#checkMayMake('CreateKey', id, by)
    for (const binding of bindings)
      if (!this.#has(by, binding))
        throw this.#denied(
          'CreateKey',
          id,
          by,
          `A key cannot have rights that its maker has not: '${binding.operation}' on ${binding.type} '${binding.name}' (${binding.pattern})`,
        )
    const livesUntil = this.#maker(by)?.expiresAt
    if (typeof livesUntil === 'number' && (expiresAt ?? Number.POSITIVE_INFINITY) > livesUntil)
      throw this.#denied(
        'CreateKey',
        id,
        by,
        'A key cannot live longer than the key that creates it',
      )
    const secret = newSecret()
    const record: KeyRecord = {
      ...{ id, name, scopes, createdBy: this.#maker(by)?.id ?? null },
      createdAt: this.#parts.runtime.now(),
      expiresAt: expiresAt ?? null,
      ...{ generation: 1, hash: hashOf(secret), previous: null },
    }
    keep(formatKey({ id, secret }))
    await this.#parts.write([keyRecord(record), ...bindings.map(aclRecord)])
    this.#parts.onDone('CreateKey', id, by, true)
    return { ...this.#told(record), key: formatKey({ id, secret }) }
  }

  async list(by?: Session): Promise<ApiKey[]> {
    const isAdmin = this.#isAdmin(by)
    if (!isAdmin && !this.#mayMakeKeys(by))
      throw this.#denied('ListKeys', '*', by, `It needs ${neededRights}`)
    return [...this.#parts.state.keys.values()]
      .filter((record) => isAdmin || this.#isMakerOf(record, by))
      .map((record) => this.#told(record))
      .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
  }

  async rotate(
    id: string,
    options: { readonly overlapMs?: number } = {},
    by?: Session,
  ): Promise<CreatedKey> {
    const overlapMs = checkOverlap(options)
    const before = this.#managed('RotateKey', id, by)
    // The new secret is the key's whole power.
    for (const binding of this.#parts.state.acls.ofPrincipal(principalOfKey(id)))
      if (binding.permission === 'allow' && !this.#has(by, binding))
        throw this.#denied('RotateKey', id, by, 'The key may do what whoever rotates it may not')
    const { runtime } = this.#parts
    const secret = newSecret()
    const record: KeyRecord = {
      ...before,
      generation: before.generation + 1,
      hash: hashOf(secret),
      previous: overlapMs > 0 ? { hash: before.hash, until: runtime.now() + overlapMs } : null,
    }
    await this.#parts.write([keyRecord(record)])
    this.#parts.onDone('RotateKey', id, by, true)
    return { ...this.#told(record), key: formatKey({ id, secret }) }
  }

  async revoke(id: string, by?: Session): Promise<void> {
    this.#managed('RevokeKey', id, by)
    const { acls, quotas } = this.#parts.state
    const entity = { user: id }
    await this.#parts.write([
      noKey(id),
      usedRecord(id, null),
      ...acls.ofPrincipal(principalOfKey(id)).map(noAcl),
      ...(quotas.has(quotaName(entity)) ? [quotaRecord({ entity, values: {} })] : []),
    ])
    this.#parts.onDone('RevokeKey', id, by, true)
  }

  /** Throws for a key that is not there, or not in reach. */
  #managed(action: string, id: string, by: Session | undefined): KeyRecord {
    const record = typeof id === 'string' ? this.#parts.state.keys.get(id) : undefined
    const isAdmin = this.#isAdmin(by)
    const isInReach = record && this.#mayMakeKeys(by) && this.#isMakerOf(record, by)
    if (record && (isAdmin || isInReach)) return record
    if (!isAdmin && !this.#mayMakeKeys(by))
      throw this.#denied(action, String(id), by, `It needs ${neededRights}`)
    throw new KafkaError(`There is no key ${inspectBriefly(id)} that this caller may manage`, {
      code: 'RESOURCE_NOT_FOUND',
    })
  }

  #checkMayMake(action: string, id: string, by: Session | undefined): void {
    if (!this.#isAdmin(by) && !this.#mayMakeKeys(by))
      throw this.#denied(action, id, by, `It needs ${neededRights}`)
  }

  #isAdmin(by: Session | undefined): boolean {
    return !by || this.#parts.decisionsOf(by).allows('alter', 'cluster', clusterResource)
  }

  #mayMakeKeys(by: Session | undefined): boolean {
    if (!by) return true
    const { name } = by.principal
    return this.#parts.decisionsOf(by).allows('createTokens', 'user', name)
  }

  #has(by: Session | undefined, binding: Parameters<typeof aclRecord>[0]): boolean {
    if (!by || this.#parts.isSuperUser(by)) return true
    return this.#parts.state.acls.hasAllOf(this.#parts.decisionsOf(by).asker, binding)
  }

  #isMakerOf({ createdBy }: KeyRecord, by: Session | undefined): boolean {
    return createdBy !== null && createdBy === this.#maker(by)?.id
  }

  /** The key that the session was opened with, if it was one. */
  #maker(by: Session | undefined): KeyRecord | undefined {
    const [kind, id] = by?.credential?.split('/') ?? []
    return kind === 'key' ? this.#parts.state.keys.get(id!) : undefined
  }

  #denied(action: string, id: string, by: Session | undefined, reason: string): UnauthorizedError {
    this.#parts.onDone(action, id, by, false)
    const who = by ? principalName(by.principal) : 'the server'
    return new UnauthorizedError(`${action} is denied to ${who}. ${reason}`, {
      code: 'CLUSTER_AUTHORIZATION_FAILED',
    })
  }

  #told({ id, name, scopes, createdBy, createdAt, expiresAt, previous }: KeyRecord): ApiKey {
    const { state, lastUsed, runtime } = this.#parts
    return {
      ...{ id, name, scopes: [...scopes], createdAt },
      createdBy: createdBy ?? undefined,
      expiresAt: expiresAt ?? undefined,
      lastUsedAt: lastUsed(id) ?? state.used.get(id),
      previousSecretUntil: previous && previous.until > runtime.now() ? previous.until : undefined,
    }
  }
}

const neededRights = "the right 'Alter' on the cluster, or 'CreateTokens' on users (scope 'keys')"

function uniqueBindings(scopes: readonly string[], id: string) {
  const all = scopes.flatMap((scope) => bindingsOf(scope, principalOfKey(id)))
  return [...new Map(all.map((binding) => [JSON.stringify(binding), binding])).values()]
}

function checkOptions(options: CreateKeyOptions, nowMs: number): CreateKeyOptions {
  if (!isPlainObject(options))
    throw invalid(`keys.create takes { name, scopes, expiresAt }; got ${inspectBriefly(options)}`)
  for (const key of Object.keys(options))
    if (!keyOptions.has(key))
      throw invalid(`keys.create does not know '${key}'; it takes name, scopes and expiresAt`)
  const { name, scopes, expiresAt } = options
  if (typeof name !== 'string' || name === '' || name.length > nameLengthMax)
    throw invalid(
      `name must be a text of 1 to ${nameLengthMax} characters; got ${inspectBriefly(name)}`,
    )
  checkScopes(scopes)
  if (expiresAt !== undefined && (!Number.isSafeInteger(expiresAt) || expiresAt <= nowMs))
    throw invalid(
      `expiresAt must be a future time, in whole milliseconds since the epoch; got ${inspectBriefly(expiresAt)}`,
    )
  return { name, scopes: [...scopes], expiresAt }
}

function checkOverlap(options: { readonly overlapMs?: number }): number {
  const overlapMs = isPlainObject(options) ? (options.overlapMs ?? 0) : Number.NaN
  if (Number.isSafeInteger(overlapMs) && overlapMs >= 0 && overlapMs <= overlapMsMax)
    return overlapMs
  throw invalid(
    `overlapMs must be an integer from 0 to ${overlapMsMax} (30 days); got ${inspectBriefly(isPlainObject(options) ? options.overlapMs : options)}`,
  )
}
