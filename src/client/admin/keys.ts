/** API keys of `kafka-do serve --access keys` (ManageKeys, an API of our own). */
import { type Duration, inspectBriefly, parseDuration } from '../../core/duration.ts'
import { KafkaError } from '../../core/errors.ts'
import { invalid, isPlainObject, unknownOption } from '../../core/options.ts'
import { errorFrom } from '../../protocol/error-codes.ts'
import {
  type ManagedKey,
  type ManageKeysRequest,
  manageKeys,
} from '../../protocol/messages/manage-keys.ts'
import type { Cluster } from '../cluster.ts'

/** An API key as returned by `admin.listKeys`, without its secret. */
export interface ApiKey {
  /** Also the name in its principal (`User:<id>`) and the SASL user name. It may be logged. */
  readonly id: string
  readonly name: string
  /** What it may do: `produce:orders.*`, `consume:orders.*@billing`, `manage:…`, `keys`, `admin`. */
  readonly scopes: readonly string[]
  /** The id of the key that created it; undefined for the server itself. */
  readonly createdBy: string | undefined
  readonly createdAt: Date
  readonly expiresAt: Date | undefined
  /** To the minute. */
  readonly lastUsedAt: Date | undefined
  /** Until this time the previous secret is also valid. */
  readonly previousSecretUntil: Date | undefined
}

/** A key that was just created or rotated, with its secret, which is not shown again. */
export interface CreatedApiKey extends ApiKey {
  readonly key: string
}

/** What a new key is to be. */
export interface NewApiKey {
  /** For people. 1 to 100 characters. */
  readonly name: string
  /** What it may do; one or more. */
  readonly scopes: readonly string[]
  /** Default: never. */
  readonly expiresAt?: Date | number | undefined
}

/** Options of `admin.rotateKey`. */
export interface RotateKeyOptions {
  /** How long the old secret is still taken. 0 to 30 days; default 0. */
  readonly overlap?: Duration | undefined
}

const nothing: Omit<ManageKeysRequest, 'action'> = {
  id: '',
  name: '',
  scopes: [],
  expiresAt: -1n,
  overlapMs: 0n,
}

export async function listKeys(cluster: Cluster): Promise<ApiKey[]> {
  const keys = await ask(cluster, 'list the API keys', { ...nothing, action: 'list' })
  return keys.map(toKey)
}

export async function createKey(cluster: Cluster, options: NewApiKey): Promise<CreatedApiKey> {
  const known = ['name', 'scopes', 'expiresAt']
  if (!isPlainObject(options))
    throw invalid(`createKey takes { name, scopes, expiresAt }; got ${inspectBriefly(options)}`)
  for (const name of Object.keys(options))
    if (!known.includes(name)) throw unknownOption('NewApiKey', name, known)
  const { name, scopes, expiresAt } = options
  if (typeof name !== 'string') throw invalid(`name must be text; got ${inspectBriefly(name)}`)
  if (!Array.isArray(scopes) || !scopes.every((one) => typeof one === 'string'))
    throw invalid(
      `scopes must be a list of texts, such as ['produce:orders']; got ${inspectBriefly(scopes)}`,
    )
  const created = await ask(cluster, 'create an API key', {
    ...{ ...nothing, action: 'create', name, scopes },
    expiresAt: expiresAt === undefined ? -1n : readTime(expiresAt),
  })
  return toCreated(created[0]!)
}

export async function rotateKey(
  cluster: Cluster,
  id: string,
  { overlap = 0 }: RotateKeyOptions,
): Promise<CreatedApiKey> {
  checkId(id)
  const overlapMs = BigInt(Math.round(parseDuration(overlap, 'overlap')))
  const rotated = await ask(cluster, `rotate the API key ${id}`, {
    ...{ ...nothing, action: 'rotate', id, overlapMs },
  })
  return toCreated(rotated[0]!)
}

export async function revokeKey(cluster: Cluster, id: string): Promise<void> {
  checkId(id)
  await ask(cluster, `revoke the API key ${id}`, { ...nothing, action: 'revoke', id })
}

/** A key is made, or rotated, once: what may have happened is not tried again. */
async function ask(
  cluster: Cluster,
  what: string,
  request: ManageKeysRequest,
): Promise<readonly ManagedKey[]> {
  const isFinal = (error: KafkaError) =>
    error.outcome === 'unknown' && (request.action === 'create' || request.action === 'rotate')
  return cluster.retrying(what, { isFinal }, async (call) => {
    const response = await cluster.exchange(manageKeys, request, call).catch((error: unknown) => {
      if (!(error instanceof KafkaError) || error.code !== 'UNSUPPORTED_VERSION') throw error
      throw new KafkaError(
        'API keys are not available here: they need kafka-do serve --access keys',
        { code: 'SECURITY_DISABLED', cause: error },
      )
    })
    const { errorCode, errorMessage: message, keys } = response
    if (errorCode !== 0) throw errorFrom(errorCode, message ? { message } : {})
    return keys
  })
}

function readTime(time: Date | number): bigint {
  const ms = time instanceof Date ? time.getTime() : time
  if (Number.isSafeInteger(ms) && ms >= 0) return BigInt(ms)
  throw invalid(
    `expiresAt must be a valid Date or whole epoch milliseconds; got ${inspectBriefly(time)}`,
  )
}

function checkId(id: unknown): asserts id is string {
  if (typeof id !== 'string' || id === '')
    throw invalid(`The id of a key must be a string that is not empty; got ${inspectBriefly(id)}`)
}

function toKey({ key: _, ...told }: ManagedKey): ApiKey {
  return {
    ...{ id: told.id, name: told.name, scopes: told.scopes },
    createdBy: told.createdBy ?? undefined,
    createdAt: new Date(Number(told.createdAt)),
    expiresAt: toTime(told.expiresAt),
    lastUsedAt: toTime(told.lastUsedAt),
    previousSecretUntil: toTime(told.previousSecretUntil),
  }
}

function toCreated(told: ManagedKey): CreatedApiKey {
  return { ...toKey(told), key: told.key ?? '' }
}

function toTime(ms: bigint): Date | undefined {
  return ms < 0n ? undefined : new Date(Number(ms))
}
