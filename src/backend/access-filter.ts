/**
 * How a request is held to its caller's rights. The filter of an API stands in the handler's file, beside versions and
 * function. It takes out of the request what is denied, passes on the rest, and puts the denied parts into the answer with
 * Kafka's error codes; or it answers in the place of what serves, when nothing is left to pass on.
 *
 *   request ─ filter ─ rest ─ next ─ answer ─ filter ─ answer with the denied parts
 *
 * A filter names each resource in a question, so the questions are also the list of what a request needs.
 */
import {
  type Access,
  clusterResource,
  type Operation,
  operations,
  type ResourceNames,
  type ResourceType,
  systemTopicPrefix,
} from './access.ts'
import type { RequestContext } from './request-context.ts'

/** What a caller may do. */
export interface Rights {
  may(operation: Operation, type: ResourceType, name: string): boolean
  /** The same for what is told rather than done, such as the groups of a list: it is no attempt that is written down. */
  allows(operation: Operation, type: ResourceType, name: string): boolean
  /** On one resource of this type at least (KIP-679). */
  mayOnAny(operation: Operation, type: ResourceType): boolean
}

/** What a filter works with. */
export interface FilterParts {
  readonly rights: Rights
  readonly names: ResourceNames
  readonly version: number
  readonly context: RequestContext
}

export type AccessFilter<Request, Response> = (
  request: Request,
  parts: FilterParts,
  next: (request: Request) => Promise<Response>,
) => Promise<Response>

/** Whoever asks needs nothing. */
export function noFilter<Request, Response>(
  request: Request,
  _: FilterParts,
  next: (request: Request) => Promise<Response>,
): Promise<Response> {
  return next(request)
}

/** For a request that is served as a whole or not at all. */
export function wholeFilter<Request, Response>(
  isAllowed: (request: NoInfer<Request>, parts: FilterParts) => boolean,
  refused: (request: NoInfer<Request>, parts: FilterParts) => Response,
): AccessFilter<Request, Response> {
  return (request, parts, next) =>
    isAllowed(request, parts) ? next(request) : Promise.resolve(refused(request, parts))
}

export interface PartsFilter<Request, Response, Part, Answered> {
  readonly parts: (request: Request, version: number) => readonly Part[]
  /** The request with these parts alone. */
  readonly keep: (request: Request, parts: Part[]) => Request
  readonly isAllowed: (part: Part, parts: FilterParts, request: Request) => boolean
  /** The answer for a part that is denied. */
  readonly denied: (part: Part, parts: FilterParts) => Answered
  /** An answer for no part at all. */
  readonly empty: () => Response
  /** Where the answers for the parts are. */
  readonly answers: (response: Response) => Answered[]
}

/** For a request whose parts name a resource each: those that are denied are answered here, the others are passed on. */
export function partsFilter<Request, Response, Part, Answered>(
  filter: PartsFilter<Request, Response, Part, Answered>,
): AccessFilter<Request, Response> {
  return (request, parts, next) => {
    const all = filter.parts(request, parts.version)
    const denied = all.filter((part) => !filter.isAllowed(part, parts, request))
    if (denied.length === 0) return next(request)
    const out = new Set(denied)
    const rest = all.filter((part) => !out.has(part))
    const answered =
      rest.length > 0 ? next(filter.keep(request, rest)) : Promise.resolve(filter.empty())
    return answered.then((response) => {
      filter.answers(response).push(...denied.map((part) => filter.denied(part, parts)))
      return response
    })
  }
}

export function mayOnCluster({ rights }: FilterParts, operation: Operation): boolean {
  return rights.may(operation, 'cluster', clusterResource)
}

/** For topics that are named, or given by id where they have no name. An id that no topic has protects nothing. */
export function mayOnTopic(
  { rights, names }: FilterParts,
  operation: Operation,
  { name, topicId }: { readonly name: string | null; readonly topicId?: string | undefined },
): boolean {
  const known = name || (topicId === undefined ? undefined : names.topicName(topicId))
  return known === undefined || rights.may(operation, 'topic', known)
}

/** As `mayOnTopic`, for what is told rather than done. */
export function seesTopic(
  { rights, names }: FilterParts,
  operation: Operation,
  { name, topicId }: { readonly name: string | null; readonly topicId?: string | undefined },
): boolean {
  const known = name || (topicId === undefined ? undefined : names.topicName(topicId))
  return known === undefined || rights.allows(operation, 'topic', known)
}

/** The right to create topics on the cluster is one for all names but those of the server's own topics. */
export function mayCreate(
  parts: FilterParts,
  topic: { readonly name: string | null },
  isAttempt: boolean,
): boolean {
  const { rights } = parts
  const ask = (type: 'topic' | 'cluster', resource: string) =>
    isAttempt ? rights.may('create', type, resource) : rights.allows('create', type, resource)
  const { name } = topic
  if (name === null) return true
  if (ask('topic', name)) return true
  return !name.startsWith(systemTopicPrefix) && ask('cluster', clusterResource)
}

const operationsOn: { readonly [type in 'topic' | 'group' | 'cluster']: readonly Operation[] } = {
  topic: [
    ...(['read', 'write', 'create', 'delete', 'alter', 'describe'] as const),
    ...(['describeConfigs', 'alterConfigs'] as const),
  ],
  group: ['read', 'delete', 'describe', 'describeConfigs', 'alterConfigs'],
  cluster: [
    ...(['create', 'alter', 'describe', 'clusterAction', 'describeConfigs'] as const),
    ...(['alterConfigs', 'idempotentWrite'] as const),
  ],
}

/** What the caller may do, as Kafka's bit field: bit n stands for the operation with code n (KIP-430). */
export function authorizedOperations(
  rights: Rights,
  type: 'topic' | 'group' | 'cluster',
  name: string,
): number {
  let bits = 0
  for (const operation of operationsOn[type])
    if (rights.allows(operation, type, name)) bits |= 1 << operations[operation]
  return bits
}

const nothingPasses = new Promise<never>(() => undefined)

/** What a request needs: all that its filter asks before it passes anything on, each once. */
export function accessesOf<Request>(
  filter: AccessFilter<Request, unknown>,
  request: Request,
  { names, version, context }: Omit<FilterParts, 'rights'>,
): Access[] {
  const asked = new Map<string, Access>()
  const rights: Rights = {
    may(operation, type, name) {
      asked.set(`${operation} ${type} ${name}`, { operation, type, name })
      return true
    },
    allows: () => true,
    mayOnAny: () => true,
  }
  void filter(request, { rights, names, version, context }, () => nothingPasses)
  return [...asked.values()]
}
