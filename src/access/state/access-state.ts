/**
 * What access control remembers, as the topic tells it: keys, rights, SCRAM users, quotas. One record for each, by a key
 * that names it, so that the newest counts, on every server that follows the topic.
 *
 *   ["key", id]                                  an API key
 *   ["acl", type, pattern, name, principal, …]   a right; its key says all
 *   ["scram", mechanism, user]                   a SCRAM user
 *   ["quota", entity type, name, …]              the quotas of an entity; a name that is null is the default
 *   ["used", key id]                             when a key was used last
 *
 * A record of a later version that is not understood is left alone, and said so in the log.
 */
import type { ResourceType } from '../../backend/access.ts'
import type { Logger } from '../../core/runtime.ts'
import {
  type AclBinding,
  type AclOperation,
  aclKey,
  aclOperations,
  type PatternType,
  type Permission,
} from '../rights/acl.ts'
import { AclIndex } from '../rights/acl-index.ts'
import type { StateRecord } from './state-topic.ts'

export interface KeyRecord {
  readonly id: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly createdBy: string | null
  readonly createdAt: number
  readonly expiresAt: number | null
  /** Counts rotations. */
  readonly generation: number
  /** SHA-256 of the secret, hexadecimal. */
  readonly hash: string
  /** The secret before, and until when it is taken. */
  readonly previous: { readonly hash: string; readonly until: number } | null
}

export type ScramMechanism = 'SCRAM-SHA-256' | 'SCRAM-SHA-512'

export interface ScramRecord {
  readonly user: string
  readonly mechanism: ScramMechanism
  /** Base64, as the keys. */
  readonly salt: string
  readonly storedKey: string
  readonly serverKey: string
  readonly iterations: number
}

export type QuotaEntityType = 'user' | 'client-id' | 'ip'
/** Null: the default of that type. */
export type QuotaEntity = { readonly [type in QuotaEntityType]?: string | null }

export interface QuotaRecord {
  readonly entity: QuotaEntity
  readonly values: { readonly [key: string]: number }
}

const version = 1

export class AccessState {
  readonly keys = new Map<string, KeyRecord>()
  readonly acls = new AclIndex()
  /** By `scramName`. */
  readonly scram = new Map<string, ScramRecord>()
  /** By `quotaName`. */
  readonly quotas = new Map<string, QuotaRecord>()
  /** When keys were used last, milliseconds since the epoch. */
  readonly used = new Map<string, number>()
  /** Grows with each change of who may do what, or who is who. */
  version = 0
  readonly #logger: Logger
  readonly #onChange: () => void

  constructor(logger: Logger, onChange: () => void) {
    this.#logger = logger
    this.#onChange = onChange
  }

  readonly apply = (records: readonly StateRecord[]): void => {
    const before = this.version
    for (const record of records) this.#applyOne(record)
    if (this.version !== before) this.#onChange()
  }

  readonly reset = (): void => {
    this.keys.clear()
    this.acls.clear()
    this.scram.clear()
    this.quotas.clear()
    this.used.clear()
    this.version++
  }

  #applyOne({ key, value }: StateRecord): void {
    try {
      const parts: unknown = JSON.parse(key ?? 'null')
      if (!Array.isArray(parts) || typeof parts[0] !== 'string') throw new Error('no such key')
      const content = value === null ? undefined : JSON.parse(value)
      if (content && content.v > version) throw new Error(`version ${content.v} is newer`)
      this.#put(parts as string[], content)
    } catch (error) {
      this.#logger.warn({ err: error }, 'a record of access control cannot be read and is ignored')
    }
  }

  // biome-ignore lint/suspicious/noExplicitAny: what stands in the records is ours, by kind.
  #put(parts: readonly string[], content: any): void {
    if (parts[0] !== 'used') this.version++
    const name = parts.slice(1).join('\u0000')
    const into = <T>(map: Map<string, T>, make: () => T) => {
      if (content) map.set(name, make())
      else map.delete(name)
    }
    switch (parts[0]) {
      case 'key':
        return into(this.keys, () => ({ ...content, id: parts[1] }) as KeyRecord)
      case 'scram':
        return into(this.scram, () => {
          const [, mechanism, user] = parts
          return { ...content, mechanism, user } as ScramRecord
        })
      case 'quota':
        return into(this.quotas, () => ({ entity: content.entity, values: content.values }))
      case 'used':
        return into(this.used, () => Number(content.at))
      case 'acl': {
        const binding = bindingOf(parts)
        if (content) this.acls.set(binding)
        else this.acls.delete(binding)
        return
      }
      default:
        throw new Error(`records of kind '${parts[0]}' are not known`)
    }
  }
}

function bindingOf(parts: readonly string[]): AclBinding {
  const [, type, pattern, name, principal, host, operation, permission] = parts
  if (parts.length !== 8 || !(operation! in aclOperations)) throw new Error('no such right')
  return {
    type: type as ResourceType,
    pattern: pattern as PatternType,
    name: name!,
    principal: principal!,
    host: host!,
    operation: operation as AclOperation,
    permission: permission as Permission,
  }
}

function record(key: readonly (string | null)[], content: object | null): StateRecord {
  const value = content === null ? null : JSON.stringify({ v: version, ...content })
  return { key: JSON.stringify(key), value }
}

export function keyRecord({ id, ...content }: KeyRecord): StateRecord {
  return record(['key', id], content)
}

export function noKey(id: string): StateRecord {
  return record(['key', id], null)
}

export function aclRecord(binding: AclBinding): StateRecord {
  return record(aclKey(binding), {})
}

export function noAcl(binding: AclBinding): StateRecord {
  return record(aclKey(binding), null)
}

export function scramName(mechanism: string, user: string): string {
  return `${mechanism}\u0000${user}`
}

export function scramRecord({ user, mechanism, ...content }: ScramRecord): StateRecord {
  return record(['scram', mechanism, user], content)
}

export function noScram(mechanism: ScramMechanism, user: string): StateRecord {
  return record(['scram', mechanism, user], null)
}

/** The types of an entity in one order, a default as an empty list. */
function quotaParts(entity: QuotaEntity): string[] {
  return (['user', 'client-id', 'ip'] as const).flatMap((type) => {
    const name = entity[type]
    return name === undefined ? [] : [type, name === null ? 'default' : `=${name}`]
  })
}

export function quotaName(entity: QuotaEntity): string {
  return quotaParts(entity).join('\u0000')
}

/** Without values the entity has none any more. */
export function quotaRecord({ entity, values }: QuotaRecord): StateRecord {
  const isEmpty = Object.keys(values).length === 0
  return record(['quota', ...quotaParts(entity)], isEmpty ? null : { entity, values })
}

export function usedRecord(id: string, at: number | null): StateRecord {
  return record(['used', id], at === null ? null : { at })
}
