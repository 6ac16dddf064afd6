/**
 * The guard of a server without access control: everybody may do everything, but for what servers remember in topics of their
 * own. Who wrote a key there today would have it once access control is turned on.
 */
import type { Operation, ResourceType } from '../backend/access.ts'
import type { Rights } from '../backend/access-filter.ts'
import type { BackendApi } from '../backend/backend.ts'
import type { HallGuard } from '../backend/hall.ts'
import type { RequestContext } from '../backend/request-context.ts'
import { principalName } from '../backend/session.ts'
import { isServersOwn } from './system-topics.ts'

const isOpen = (operation: Operation, type: ResourceType, name: string) =>
  !isServersOwn(operation, type, name)

const rightsOfAll: Rights = { may: isOpen, allows: isOpen, mayOnAny: () => true }

export class OpenGuard implements HallGuard {
  readonly apis = []
  readonly #gateways: ReadonlySet<string>

  /** `gateways`: principals that may do all without exception. */
  constructor(gateways: readonly string[] = []) {
    this.#gateways = new Set(gateways)
  }

  metrics(): [] {
    return []
  }

  rightsOf(_served: BackendApi, { session }: RequestContext): Rights | undefined {
    const { authentication, principal } = session
    if (authentication === 'system' || authentication === 'embedded') return undefined
    if (this.#gateways.size > 0 && this.#gateways.has(principalName(principal))) return undefined
    return rightsOfAll
  }

  refusal(): undefined {
    return undefined
  }

  throttleMs(): number {
    return 0
  }
}
