/** A right as Kafka writes it (KIP-11, KIP-290): who may, or may not, do what, on which resources, from where. */
import { type Operation, type ResourceType, resourceTypes } from '../../backend/access.ts'
import { aclOperations, patternTypes, permissions } from '../../protocol/acl-codes.ts'

export { aclOperations, patternTypes, permissions }

export type AclOperation = Operation | 'all'
export type PatternType = 'literal' | 'prefixed'
export type Permission = 'allow' | 'deny'

export interface AclBinding {
  readonly type: ResourceType
  /** Of the resource: its name, the beginning of names, or `*` for all (literal). */
  readonly name: string
  readonly pattern: PatternType
  /** `User:alice`; `User:*` is everyone. */
  readonly principal: string
  /** An address; `*` is all. */
  readonly host: string
  readonly operation: AclOperation
  readonly permission: Permission
}

export const anyName = '*'
export const everyone = 'User:*'

function inverse<K extends string>(
  codes: { readonly [name in K]: number },
): ReadonlyMap<number, K> {
  return new Map(Object.entries(codes).map(([name, code]) => [code as number, name as K]))
}

export const operationOf = inverse<AclOperation>(aclOperations)
export const resourceTypeOf = inverse<ResourceType>(resourceTypes)
export const patternTypeOf = inverse<PatternType>(patternTypes)
export const permissionOf = inverse<Permission>(permissions)

/** One text for one binding: two that are the same have the same. */
export function aclKey(binding: AclBinding): readonly string[] {
  const { type, pattern, name, principal, host, operation, permission } = binding
  return ['acl', type, pattern, name, principal, host, operation, permission]
}

/** Whether the binding's pattern names the resource. */
export function namesResource({ name, pattern }: AclBinding, resource: string): boolean {
  if (pattern === 'prefixed') return resource.startsWith(name)
  return name === resource || name === anyName
}

/** An operation that brings others with it, for what is allowed (KIP-11). */
const implied: { readonly [operation in AclOperation]?: readonly AclOperation[] } = {
  describe: ['read', 'write', 'delete', 'alter'],
  describeConfigs: ['alterConfigs'],
}

/** Whether the right, allowed, is one to do `operation`. */
export function grants(right: AclOperation, operation: AclOperation): boolean {
  return right === operation || right === 'all' || (implied[operation]?.includes(right) ?? false)
}

/** Whether the right, denied, takes `operation` away. */
export function takes(right: AclOperation, operation: AclOperation): boolean {
  return right === operation || right === 'all'
}
