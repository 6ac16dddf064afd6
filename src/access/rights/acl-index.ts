/**
 * All rights, by principal, and what they come to, as Apache Kafka's StandardAuthorizer decides: what is denied is denied,
 * else what is allowed is allowed, else it is denied.
 */
import type { Operation, ResourceType } from '../../backend/access.ts'
import { type AclBinding, aclKey, anyName, everyone, grants, namesResource, takes } from './acl.ts'

/** Who asks, from where. */
export interface Asker {
  /** `User:alice` */
  readonly principal: string
  /** Address without its port. */
  readonly host: string
}

export class AclIndex {
  readonly #byPrincipal = new Map<string, Map<string, AclBinding>>()

  set(binding: AclBinding): void {
    const ofPrincipal = this.#byPrincipal.get(binding.principal) ?? new Map<string, AclBinding>()
    this.#byPrincipal.set(binding.principal, ofPrincipal)
    ofPrincipal.set(JSON.stringify(aclKey(binding)), binding)
  }

  delete(binding: AclBinding): void {
    const ofPrincipal = this.#byPrincipal.get(binding.principal)
    ofPrincipal?.delete(JSON.stringify(aclKey(binding)))
    if (ofPrincipal?.size === 0) this.#byPrincipal.delete(binding.principal)
  }

  clear(): void {
    this.#byPrincipal.clear()
  }

  *all(): Iterable<AclBinding> {
    for (const ofPrincipal of this.#byPrincipal.values()) yield* ofPrincipal.values()
  }

  /** Of this very principal, not those of everybody. */
  ofPrincipal(principal: string): AclBinding[] {
    return [...(this.#byPrincipal.get(principal)?.values() ?? [])]
  }

  may(asker: Asker, operation: Operation, type: ResourceType, name: string): boolean {
    let isAllowed = false
    for (const binding of this.#of(asker)) {
      if (binding.type !== type || !namesResource(binding, name)) continue
      if (binding.permission === 'deny') {
        if (takes(binding.operation, operation)) return false
      } else if (grants(binding.operation, operation)) isAllowed = true
    }
    return isAllowed
  }

  /** Whether there can be a resource of this type on which the operation is allowed (KIP-679). */
  mayOnAny(asker: Asker, operation: Operation, type: ResourceType): boolean {
    const own = this.#of(asker).filter(
      (binding) => binding.type === type && takes(binding.operation, operation),
    )
    const denied = own.filter(({ permission }) => permission === 'deny')
    return own.some(
      (binding) =>
        binding.permission === 'allow' && !denied.some((denial) => coversPattern(denial, binding)),
    )
  }

  /** Whether the asker itself has all that the binding would allow: what it may hand on. */
  hasAllOf(asker: Asker, wanted: AclBinding): boolean {
    const own = this.#of(asker).filter(({ type }) => type === wanted.type)
    const isTaken = own.some(
      (binding) =>
        binding.permission === 'deny' &&
        (takes(binding.operation, wanted.operation) || wanted.operation === 'all') &&
        overlaps(binding, wanted),
    )
    if (isTaken) return false
    return own.some(
      (binding) =>
        binding.permission === 'allow' &&
        grants(binding.operation, wanted.operation) &&
        coversPattern(binding, wanted),
    )
  }

  #of({ principal, host }: Asker): AclBinding[] {
    const found: AclBinding[] = []
    for (const name of [principal, everyone])
      for (const binding of this.#byPrincipal.get(name)?.values() ?? [])
        if (binding.host === '*' || binding.host === host) found.push(binding)
    return found
  }
}

/** Whether every resource that `inner` names is named by `outer`. */
function coversPattern(outer: AclBinding, inner: AclBinding): boolean {
  if (outer.pattern === 'literal') {
    return outer.name === anyName || (inner.pattern === 'literal' && inner.name === outer.name)
  }
  const isAll = inner.pattern === 'literal' && inner.name === anyName
  return !isAll && inner.name.startsWith(outer.name)
}

/** Whether some resource is named by both. */
function overlaps(a: AclBinding, b: AclBinding): boolean {
  if (coversPattern(a, b) || coversPattern(b, a)) return true
  const isAll = (one: AclBinding) => one.pattern === 'literal' && one.name === anyName
  return isAll(a) || isAll(b)
}
