/**
 * What one caller may do, remembered: a request on the hot path asks the same questions as the one before, and finds the
 * answer by name. Forgotten when any right changes. The access topic itself is nobody's but the server's.
 */

import type { Operation, ResourceType } from '../../backend/access.ts'
import type { Rights } from '../../backend/access-filter.ts'
import type { RequestContext } from '../../backend/request-context.ts'
import type { AccessState } from '../state/access-state.ts'
import { isServersOwn } from '../system-topics.ts'
import type { Asker } from './acl-index.ts'

/** Operations that are written down each time, not only the first. */
const changing: ReadonlySet<Operation> = new Set([
  ...(['create', 'delete', 'alter', 'alterConfigs', 'clusterAction'] as const),
  ...(['createTokens'] as const),
])

export interface DecisionsOptions {
  readonly state: AccessState
  readonly asker: Asker
  /** May do all but touch the server's own topics. */
  readonly isSuperUser: boolean
  /** May do all: it is a server, too, and keeps what it remembers here. */
  readonly isGateway: boolean
  readonly onDecided: (decision: Decision, context: RequestContext) => void
}

/** Something that was attempted. */
export interface Decision {
  readonly operation: Operation
  readonly type: ResourceType
  readonly name: string
  readonly isAllowed: boolean
}

/** Names that one caller has asked for are forgotten beyond this. */
const namesMax = 20_000

export class Decisions {
  readonly #options: DecisionsOptions
  #version = -1
  readonly #decided = new NameTable()
  /** What was written down already. */
  readonly #attempted = new NameTable()

  constructor(options: DecisionsOptions) {
    this.#options = options
  }

  get asker(): Asker {
    return this.#options.asker
  }

  rightsFor(context: RequestContext): Rights {
    return new RequestRights(this, context)
  }

  allows(operation: Operation, type: ResourceType, name: string): boolean {
    this.#renew()
    const known = this.#decided.of(operation, type)
    let isAllowed = known.get(name)
    if (isAllowed === undefined) {
      isAllowed = this.#decide(operation, type, name)
      if (this.#decided.isFull) this.#forget()
      known.set(name, isAllowed)
      this.#decided.count++
    }
    return isAllowed
  }

  /** An attempt, which is written down the first time, or each time where it changes something. */
  may(operation: Operation, type: ResourceType, name: string, context: RequestContext): boolean {
    const isAllowed = this.allows(operation, type, name)
    const attempted = this.#attempted.of(operation, type)
    if (attempted.has(name) && !changing.has(operation)) return isAllowed
    attempted.set(name, isAllowed)
    this.#options.onDecided({ operation, type, name, isAllowed }, context)
    return isAllowed
  }

  mayOnAny(operation: Operation, type: ResourceType): boolean {
    const { isSuperUser, isGateway, state, asker } = this.#options
    return isSuperUser || isGateway || state.acls.mayOnAny(asker, operation, type)
  }

  #decide(operation: Operation, type: ResourceType, name: string): boolean {
    const { isSuperUser, isGateway, state, asker } = this.#options
    if (isGateway) return true
    if (isServersOwn(operation, type, name)) return false
    return isSuperUser || state.acls.may(asker, operation, type, name)
  }

  #renew(): void {
    const { version } = this.#options.state
    if (version === this.#version) return
    this.#version = version
    this.#forget()
  }

  #forget(): void {
    this.#decided.clear()
    this.#attempted.clear()
  }
}

class RequestRights implements Rights {
  readonly #decisions: Decisions
  readonly #context: RequestContext

  constructor(decisions: Decisions, context: RequestContext) {
    this.#decisions = decisions
    this.#context = context
  }

  may(operation: Operation, type: ResourceType, name: string): boolean {
    return this.#decisions.may(operation, type, name, this.#context)
  }

  allows(operation: Operation, type: ResourceType, name: string): boolean {
    return this.#decisions.allows(operation, type, name)
  }

  mayOnAny(operation: Operation, type: ResourceType): boolean {
    return this.#decisions.mayOnAny(operation, type)
  }
}

/** By operation, type and name, without a text for the three. */
class NameTable {
  #byOperation = new Map<Operation, Map<ResourceType, Map<string, boolean>>>()
  count = 0

  get isFull(): boolean {
    return this.count >= namesMax
  }

  of(operation: Operation, type: ResourceType): Map<string, boolean> {
    const byType = this.#byOperation.get(operation) ?? new Map<ResourceType, Map<string, boolean>>()
    const byName = byType.get(type) ?? new Map<string, boolean>()
    if (byName.size === 0) this.#byOperation.set(operation, byType.set(type, byName))
    return byName
  }

  clear(): void {
    for (const byType of this.#byOperation.values())
      for (const byName of byType.values()) byName.clear()
    this.count = 0
  }
}
