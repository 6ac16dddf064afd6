/** Rights as Kafka keeps them (DescribeAcls, CreateAcls, DeleteAcls). */
import { inspectBriefly } from '../../core/duration.ts'
import { type KafkaError, withOutcome } from '../../core/errors.ts'
import { invalid, isPlainObject, unknownOption } from '../../core/options.ts'
import {
  aclOperations,
  anyCode,
  patternTypes,
  permissions,
  resourceTypes,
} from '../../protocol/acl-codes.ts'
import { errorFrom } from '../../protocol/error-codes.ts'
import {
  createAcls as createAclsApi,
  createCreateAclsRequest,
  createCreateAclsRequestAclCreation,
} from '../../protocol/messages/generated/create-acls.ts'
import {
  createDeleteAclsRequest,
  createDeleteAclsRequestDeleteAclsFilter,
  deleteAcls as deleteAclsApi,
} from '../../protocol/messages/generated/delete-acls.ts'
import {
  createDescribeAclsRequest,
  describeAcls,
} from '../../protocol/messages/generated/describe-acls.ts'
import type { Cluster } from '../cluster.ts'

/** What a right is about. */
export type AclResourceType = keyof typeof resourceTypes
/** What a right is to do; `all` for all of them. */
export type AclOperation = keyof typeof aclOperations
/** Whether a right names a resource, or the beginning of names. */
export type AclPattern = keyof typeof patternTypes
/** Whether a right gives or takes; what takes counts for more. */
export type AclPermission = keyof typeof permissions

/** A Kafka ACL (KIP-11, KIP-290). */
export interface Acl {
  /** `User:alice`; `User:*` is everyone. */
  readonly principal: string
  /** An address; `*` is all. */
  readonly host: string
  readonly type: AclResourceType | 'unknown'
  /** Of the resource; `*` is all. */
  readonly name: string
  readonly pattern: AclPattern | 'unknown'
  readonly operation: AclOperation | 'unknown'
  readonly permission: AclPermission | 'unknown'
}

/** An ACL to create. */
export interface NewAcl {
  /** `User:alice`; `User:*` is everyone. */
  readonly principal: string
  readonly type: AclResourceType
  /** Of the resource; `*` is all, `kafka-cluster` the cluster. */
  readonly name: string
  readonly operation: AclOperation
  /** An address. Default: `*`, all. */
  readonly host?: string | undefined
  /** Default `'literal'`. */
  readonly pattern?: AclPattern | undefined
  /** Default `'allow'`. */
  readonly permission?: AclPermission | undefined
}

/** Selects ACLs; an omitted field matches any value. */
export type AclFilter = { readonly [K in keyof NewAcl]?: NewAcl[K] | undefined }

/** The only name that a cluster has for Kafka. */
const clusterName = 'kafka-cluster'

const entries: readonly (keyof NewAcl)[] = [
  'principal',
  'type',
  'name',
  'operation',
  'host',
  'pattern',
  'permission',
]
const codes = {
  type: resourceTypes,
  operation: aclOperations,
  pattern: patternTypes,
  permission: permissions,
} as const

export async function listAcls(cluster: Cluster, filter: AclFilter): Promise<Acl[]> {
  const { patternType, ...rest } = toFilter(filter)
  const request = createDescribeAclsRequest({ ...rest, patternTypeFilter: patternType })
  return cluster.retrying('list the ACLs', {}, async (call) => {
    const response = await cluster.exchange(describeAcls, request, call)
    throwIfRefused(response)
    return response.resources
      .flatMap(({ acls, ...resource }) => acls.map((acl) => shown({ ...resource, ...acl })))
      .sort(inOrder)
  })
}

export async function createAcls(cluster: Cluster, acls: readonly NewAcl[]): Promise<void> {
  const creations = acls.map(
    ({ principal, type, name, operation, host, pattern, permission }: NewAcl) =>
      createCreateAclsRequestAclCreation({
        resourceType: resourceTypes[type],
        resourceName: name,
        resourcePatternType: patternTypes[pattern ?? 'literal'],
        principal,
        host: host ?? '*',
        operation: aclOperations[operation],
        permissionType: permissions[permission ?? 'allow'],
      }),
  )
  await cluster.retrying('create ACLs', {}, async (call) => {
    const request = createCreateAclsRequest({ creations })
    const response = await cluster.exchange(createAclsApi, request, call)
    throwIfAnyRefused(response.results)
  })
}

/** A broker takes each right by itself: where it has taken others, the error says so, and does not call that failed. */
function throwIfAnyRefused(results: readonly Refusal[]): void {
  const refused = results.flatMap(({ errorCode }, i) => (errorCode === 0 ? [] : [i]))
  const first = results[refused[0] ?? -1]
  if (!first) return
  const error = refusalOf(first)
  const held = results.length - refused.length
  if (held === 0) throw error
  const which = refused.map((i) => `acls[${i}]`).join(', ')
  throw withOutcome(error, 'unknown', `refused: ${which}; the other ${held} of the request hold`)
}

/** As of those that are made, of those that are taken away. */
function throwIfAnyLeft(matching: readonly Refusal[]): void {
  const refused = matching.filter(({ errorCode }) => errorCode !== 0)
  if (refused.length === 0) return
  const error = refusalOf(refused[0]!)
  const gone = matching.length - refused.length
  if (gone === 0) throw error
  throw withOutcome(error, 'unknown', `${refused.length} are left; the other ${gone} are gone`)
}

/** What every broker refuses, so that it is told before the others of a request are taken. */
export function mistakeOfNewAcl({ type, name }: NewAcl): string | undefined {
  if (type !== 'cluster' || name === clusterName) return undefined
  return `must be '${clusterName}' for the cluster; got ${inspectBriefly(name)}`
}

export async function deleteAcls(cluster: Cluster, filter: AclFilter): Promise<Acl[]> {
  const { patternType, ...rest } = toFilter(filter)
  const filters = [
    createDeleteAclsRequestDeleteAclsFilter({ ...rest, patternTypeFilter: patternType }),
  ]
  return cluster.retrying('delete ACLs', {}, async (call) => {
    const request = createDeleteAclsRequest({ filters })
    const { filterResults } = await cluster.exchange(deleteAclsApi, request, call)
    return filterResults
      .flatMap((result) => {
        throwIfRefused(result)
        throwIfAnyLeft(result.matchingAcls)
        return result.matchingAcls.map(shown)
      })
      .sort(inOrder)
  })
}

function toFilter(filter: AclFilter) {
  const { principal, host, type, name, pattern, operation, permission } = filter
  return {
    resourceTypeFilter: type ? resourceTypes[type] : anyCode,
    resourceNameFilter: name ?? null,
    patternType: pattern ? patternTypes[pattern] : anyCode,
    principalFilter: principal ?? null,
    hostFilter: host ?? null,
    operation: operation ? aclOperations[operation] : anyCode,
    permissionType: permission ? permissions[permission] : anyCode,
  }
}

/** Throws `ConfigError`. */
export function checkAclFilter(filter: AclFilter): void {
  checkEntries(filter, 'The filter', [])
}

/** Throws `ConfigError`. */
export function checkNewAcls(acls: readonly NewAcl[]): void {
  if (!Array.isArray(acls) || acls.length === 0)
    throw invalid(
      `createAcls takes an array of ACLs with at least one; got ${inspectBriefly(acls)}`,
    )
  for (const [i, acl] of (acls as readonly NewAcl[]).entries()) {
    checkEntries(acl, `acls[${i}]`, ['principal', 'type', 'name', 'operation'])
    const mistake = mistakeOfNewAcl(acl)
    if (mistake) throw invalid(`acls[${i}].name ${mistake}`)
  }
}

/** Throws `ConfigError` that names what is wrong. */
function checkEntries(
  given: AclFilter,
  name: string,
  required: readonly (keyof NewAcl)[],
): asserts given is NewAcl {
  if (!isPlainObject(given))
    throw invalid(`${name} must be an object; got ${inspectBriefly(given)}`)
  for (const key of Object.keys(given))
    if (!(entries as readonly string[]).includes(key)) throw unknownOption(name, key, entries)
  for (const key of entries) {
    const value: unknown = given[key]
    if (value === undefined && !required.includes(key)) continue
    if (typeof value !== 'string' || value === '')
      throw invalid(`${name}.${key} must be text that is not empty; got ${inspectBriefly(value)}`)
    const known: object | undefined = key in codes ? codes[key as keyof typeof codes] : undefined
    if (known && !Object.hasOwn(known, value))
      throw invalid(
        `${name}.${key} must be one of ${Object.keys(known).join(', ')}; got '${value}'`,
      )
  }
  const { principal } = given
  if (principal !== undefined && !/^[^:]+:.+$/.test(principal))
    throw invalid(`${name}.principal must be like User:alice; got ${inspectBriefly(principal)}`)
}

function shown(acl: {
  readonly resourceType: number
  readonly resourceName: string
  readonly patternType: number
  readonly principal: string
  readonly host: string
  readonly operation: number
  readonly permissionType: number
}): Acl {
  return {
    principal: acl.principal,
    host: acl.host,
    type: nameOf(resourceTypes, acl.resourceType),
    name: acl.resourceName,
    pattern: nameOf(patternTypes, acl.patternType),
    operation: nameOf(aclOperations, acl.operation),
    permission: nameOf(permissions, acl.permissionType),
  }
}

/** A newer Kafka may know more. */
function nameOf<K extends string>(
  names: { readonly [name in K]: number },
  code: number,
): K | 'unknown' {
  const all = Object.keys(names) as K[]
  return all.find((name) => names[name] === code) ?? 'unknown'
}

function inOrder(a: Acl, b: Acl): number {
  const [one, other] = [a, b].map((acl) =>
    [acl.principal, acl.type, acl.name, acl.pattern, acl.operation, acl.permission, acl.host].join(
      '\0',
    ),
  )
  return one! < other! ? -1 : one === other ? 0 : 1
}

interface Refusal {
  readonly errorCode: number
  readonly errorMessage: string | null
}

function throwIfRefused(result: Refusal): void {
  if (result.errorCode !== 0) throw refusalOf(result)
}

function refusalOf({ errorCode, errorMessage: message }: Refusal): KafkaError {
  return errorFrom(errorCode, message ? { message } : {})
}
