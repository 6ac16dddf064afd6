/**
 * The way from a listener to what serves: observe → throttle → authorize → serve, composed once for a backend. Each step has the
 * signature of `Backend.handle` and may answer in the place of the next one.
 *
 *   observe     counts and times what passes, also what the next steps refuse
 *   throttle    says how long the listener is to hear nothing on the connection after this answer (KIP-219)
 *   authorize   holds the request to the caller's rights: the API's filter takes out what is denied
 */
import type { Metric } from '../core/metrics.ts'
import type { Runtime } from '../core/runtime.ts'
import type { ResourceNames } from './access.ts'
import type { Rights } from './access-filter.ts'
import type { Answer, BackendApi } from './backend.ts'
import type { BackendMetrics } from './backend-metrics.ts'
import type { RequestContext } from './request-context.ts'
import { withNamesLookedUp } from './topic-ids.ts'

/** Answers a request to `served`. */
export type Serve = (
  served: BackendApi,
  request: unknown,
  context: RequestContext,
) => Promise<Answer<unknown>>

/** Decides what a caller may do. */
export interface Authorizer {
  /**
   * What whoever asks for this may do; undefined: everything, without a question. Throws `KafkaError` for a caller who may
   * not even ask: that ends the connection.
   */
  rightsOf(served: BackendApi, context: RequestContext): Rights | undefined
}

/** Decides how fast a caller may go. */
export interface Throttler {
  /** The answer in the place of serving, for what a quota refuses at once (KIP-599); undefined: it may be served. */
  refusal(served: BackendApi, request: unknown, context: RequestContext): unknown
  /** How long the caller is to be silent once it has the answer, milliseconds; 0: not at all. Counts what was asked and answered. */
  throttleMs(
    served: BackendApi,
    request: unknown,
    response: unknown,
    context: RequestContext,
  ): number
}

/** An API that is answered in the hall, in the place of what serves. */
// biome-ignore lint/suspicious/noExplicitAny: as BackendApi, a list holds APIs of all requests.
export interface HallApi<Request = any, Response = any> extends BackendApi<Request, Response> {
  readonly handle: (request: Request, context: RequestContext) => Promise<Response>
}

/** What stands in the hall beside what counts: access control and quotas. */
export interface HallGuard extends Authorizer, Throttler {
  /** Answered in the hall, whatever the backend says of them. */
  readonly apis: readonly HallApi[]
  /** What it has counted since the start. */
  metrics(): Metric[]
}

/** There is no access control: everybody may do everything, as fast as they can. */
export const noGuard: HallGuard = {
  apis: [],
  metrics: () => [],
  rightsOf: () => undefined,
  refusal: () => undefined,
  throttleMs: () => 0,
}

export interface HallParts {
  readonly runtime: Runtime
  readonly metrics: BackendMetrics
  readonly guard: HallGuard
  readonly names: ResourceNames
  /** Looks on at all that passes, as telemetry does: stands before the first step. */
  readonly trace?: ((next: Serve) => Serve) | undefined
  /** Answers what has passed. */
  readonly serve: (
    served: BackendApi,
    request: unknown,
    context: RequestContext,
  ) => Promise<unknown>
}

export function throughHall(parts: HallParts): Serve {
  const observed = observe(parts, guarded(parts))
  return parts.trace?.(observed) ?? observed
}

/** The APIs of a backend with those that the hall answers, by key. */
export function withHallApis(
  apis: readonly BackendApi[],
  { apis: own }: HallGuard,
): readonly BackendApi[] {
  if (own.length === 0) return apis
  const byKey = new Map([...apis, ...own].map((one) => [one.api.key, one]))
  return [...byKey.values()].sort((a, b) => a.api.key - b.api.key)
}

function observe({ runtime, metrics }: HallParts, next: Serve): Serve {
  return async (served, request, context) => {
    const startedAt = runtime.monotonicNow()
    try {
      const answer = await next(served, request, context)
      metrics.answered(served.api.name, runtime.monotonicNow() - startedAt, answer)
      return answer
    } catch (error) {
      metrics.rejected(served.api.name, runtime.monotonicNow() - startedAt, error)
      throw error
    }
  }
}

/** Says it in the response, too, where that has a place for it. */
function throttled(response: unknown, throttleMs: number): Answer<unknown> {
  if (typeof response === 'object' && response !== null && 'throttleTimeMs' in response)
    response.throttleTimeMs = throttleMs
  return { response, throttleMs }
}

/** No step of it costs a promise of its own: requests pass here by the ten thousand. */
function guarded({ guard, names, serve }: HallParts): Serve {
  if (guard === noGuard)
    return (served, request, context) => serve(served, request, context).then(unthrottled)
  const own = new Map(guard.apis.map((one) => [one.api.key, one]))
  return (served, request, context) => {
    const rights = guard.rightsOf(served, context)
    const pass = (rest: unknown): Promise<unknown> => {
      const refusal = guard.refusal(served, rest, context)
      if (refusal !== undefined) return Promise.resolve(refusal)
      const ownApi = own.get(served.api.key)
      return ownApi ? ownApi.handle(rest, context) : serve(served, rest, context)
    }
    const answered = rights
      ? withNamesLookedUp(names, (known) => {
          const parts = { rights, names: known, version: context.version, context }
          return served.filter(request, parts, pass)
        })
      : pass(request)
    return answered.then((response) => {
      const throttleMs = guard.throttleMs(served, request, response, context)
      return throttleMs > 0 ? throttled(response, throttleMs) : unthrottled(response)
    })
  }
}

function unthrottled(response: unknown): Answer<unknown> {
  return { response, throttleMs: 0 }
}
