/**
 * The HTTP API: finds the route, asks who it is, serves, and makes a problem of what goes wrong. It keeps no session.
 *
 *   request ─ host ─ route ─ who ─ muted? ─ query ─ serve ─ reply
 *                └─────┴──────┴─────┴────────┴────────┴──── problem (RFC 9457)
 */

import type { Access } from '../backend/access.ts'
import type { BackendApi } from '../backend/backend.ts'
import type { Endpoint } from '../backend/endpoint.ts'
import type { Guard } from '../backend/guard.ts'
import type { HallGuard } from '../backend/hall.ts'
import type { Nodes } from '../backend/nodes.ts'
import { notServed } from '../backend/not-served.ts'
import type { RequestContext } from '../backend/request-context.ts'
import { principalName, Session } from '../backend/session.ts'
import { isTopicName, topicNameRule } from '../client/topic.ts'
import { KafkaError, UnauthorizedError } from '../core/errors.ts'
import type { Runtime } from '../core/runtime.ts'
import {
  createProduceRequest,
  createProduceRequestPartitionProduceData,
  createProduceRequestTopicProduceData,
  createProduceResponse,
  produce,
} from '../protocol/messages/generated/produce.ts'
import { Admission } from './admission.ts'
import { Authentication } from './authentication.ts'
import { Callers } from './callers.ts'
import type { Pages } from './console/pages.ts'
import { FramesDoor, type HeldAnswerMemory } from './frames.ts'
import { GroupPulls } from './groups/group-pulls.ts'
import type { ResolvedHttpConfig } from './http-config.ts'
import {
  type HttpAnswer,
  type HttpReply,
  type HttpRequest,
  headerList,
  isStream,
} from './http-exchange.ts'
import type { HttpMetrics } from './http-metrics.ts'
import { openApiDocument } from './openapi.ts'
import { HttpError, isOfUpstream, problemReply, serviceClosing } from './problem.ts'
import { type Call, type Route, readQuery } from './route.ts'
import { Router } from './router.ts'
import { backupRoutes } from './routes/backup.ts'
import { consumeRoutes } from './routes/consume.ts'
import { copyRoutes } from './routes/copy.ts'
import { frameRoutes } from './routes/frames.ts'
import { groupRoutes } from './routes/groups.ts'
import { keyRoutes } from './routes/keys.ts'
import { produceRoutes } from './routes/produce.ts'
import { rightsRoutes } from './routes/rights.ts'
import { sizeRoutes } from './routes/sizes.ts'
import { topicRoutes } from './routes/topics.ts'
import type { Services } from './services.ts'
import { StateLog } from './state-log.ts'
import { StreamSlots } from './stream-slots.ts'
import { isTicketExpired, Tickets, ticketPrefix } from './tickets.ts'
import { answerPrefix, isAnswerExpired, WriteOnce } from './write-once.ts'

export interface HandlerOptions {
  readonly nodes: Nodes
  readonly runtime: Runtime
  /** Limits may change while it works: what is live in `src/server/reload.ts` is asked for each time. */
  readonly config: ResolvedHttpConfig
  /** In the place of those of `config`. */
  readonly allowedHosts?: readonly string[] | undefined
  /** Longest body of frames, bytes. */
  readonly maxFrameBytes: number
  /** Undefined: there is no access control. */
  readonly guard?: Guard | undefined
  /** What stands in the hall behind the API: whoever does something in a caller's place asks it. */
  readonly hall: HallGuard
  /** With a guard: whether a key may be left out. Default false. */
  readonly allowAnonymous?: boolean
  /** The name of the listener. */
  readonly listener: string
  /** Where clients of the listener reach this node. */
  readonly advertised: () => Endpoint
  readonly openAnswerMemory?: (() => HeldAnswerMemory) | undefined
  /** The console; undefined: there is none here. */
  readonly pages?: Pages | undefined
  /** Undefined: nobody counts. */
  readonly metrics?: HttpMetrics | undefined
}

/** A target that is longer is refused, characters. */
const targetMax = 8192
const requestIdShape = /^[\w.:-]{1,100}$/

export class HttpApi {
  readonly routes: readonly Route[]
  readonly #options: HandlerOptions
  readonly #router: Router<Route>
  readonly #admission: Admission
  /** Until when those that go too fast are to be silent, by principal. */
  readonly #mutedUntil = new Map<string, number>()

  readonly #authentication: Authentication
  readonly #callers: Callers
  readonly #state: StateLog
  readonly #closing = new AbortController()
  /** What the ids of requests begin with that have none: random once, for a UUID for each costs more than a header. */
  readonly #requestIds: string
  #requestCount = 0

  constructor(options: HandlerOptions) {
    const { nodes, runtime, config, maxFrameBytes, openAnswerMemory, guard } = options
    this.#options = options
    this.#requestIds = runtime.uuid()
    const { corsOrigins, allowedHosts } = config
    this.#admission = new Admission({
      corsOrigins,
      allowedHosts: options.allowedHosts ?? allowedHosts,
    })
    const onThrottled = (session: Session, throttleMs: number) => this.#mute(session, throttleMs)
    this.#callers = new Callers({
      nodes,
      runtime,
      maxRecordBytes: config.maxInflatedBytes,
      onThrottled,
      openAnswerMemory,
    })
    this.#state = new StateLog({
      runtime,
      open: () => this.#callers.hold(this.#systemSession(), { timeoutMs: stateTimeoutMs }),
      isExpired: (key, value, now) =>
        (key.startsWith(answerPrefix) && isAnswerExpired(value, now)) ||
        (key.startsWith(ticketPrefix) && isTicketExpired(value, now)),
    })
    const tickets = new Tickets(this.#state, runtime, config.ticketLifetime)
    this.#authentication = new Authentication({ ...options, guard, tickets })
    const services: Services = {
      ...{ runtime, config, callers: this.#callers, closed: this.#closing.signal },
      streams: new StreamSlots(config.maxStreamsPerKey),
      charge: (session, topic, written) => this.#charge(session, topic, written),
      may: async (session, access) => (await this.#denied(session, [access])) === undefined,
      demand: (session, ...accesses) => this.#demand(session, accesses),
    }
    const frames = new FramesDoor({
      nodes,
      runtime,
      maxFrameBytes,
      maxFrames: maxFramesOfABody,
      keepAliveMs: config.ping,
      openAnswerMemory,
      onThrottled,
    })
    let document: object | undefined
    const openApi = () => {
      document ??= openApiDocument(this.routes)
      return document
    }
    const [readTopic, ...otherReads] = consumeRoutes(services)
    this.routes = [
      ...produceRoutes(services, new WriteOnce(services, this.#state)),
      readTopic!,
      ...otherReads,
      ...rightsRoutes(services, readTopic!),
      ...groupRoutes(services, new GroupPulls(services, this.#state)),
      ...topicRoutes(services),
      ...sizeRoutes(services),
      ...copyRoutes(services),
      ...keyRoutes(services, guard, tickets),
      ...frameRoutes(frames),
      ...backupRoutes(services, nodes, guard),
      ...documentRoutes(openApi),
    ]
    this.#router = new Router(this.routes)
  }

  /** Never rejects. */
  async handle(request: HttpRequest): Promise<HttpAnswer> {
    const requestId = this.#requestId(request)
    const { runtime, metrics } = this.#options
    const startedMs = metrics ? runtime.monotonicNow() : 0
    const asked: { routeId?: string } = {}
    let reply: HttpReply
    try {
      reply = await this.#serve(request, requestId, asked)
    } catch (error) {
      if (!(error instanceof KafkaError)) {
        runtime.logger.error(
          { err: error, requestId, method: request.method, path: pathOf(request.target) },
          'an HTTP request failed in a way that was not expected',
        )
      } else if (isOfUpstream(error)) {
        runtime.logger.debug({ err: error, requestId }, 'the cluster failed an HTTP request')
      }
      reply = problemReply(error, requestId)
    }
    const { status, headers, body } = reply
    metrics?.answered(asked.routeId, status, runtime.monotonicNow() - startedMs)
    const always = this.#admission.headersFor(request)
    return { status, headers: headerList(always, headers, requestId), body }
  }

  /** Rejects with what keeps the service from remembering anything: idempotency keys, leases, tickets. */
  checkState(): Promise<void> {
    return this.#state.check()
  }

  /** Idempotent. Ends what is streamed, and lets go of everything. */
  async close(): Promise<void> {
    this.#closing.abort()
    await this.#state.close()
    await this.#callers.close()
  }

  /** `asked`: told of the route once it is known. */
  #serve(
    request: HttpRequest,
    requestId: string,
    asked: { routeId?: string },
  ): Promise<HttpReply> | HttpReply {
    this.#admission.checkHost(request)
    this.#admission.checkOrigin(request)
    const { method, target } = request
    if (target.length > targetMax) {
      throw new HttpError(414, `The URL is longer than ${targetMax} characters`, {
        code: 'INVALID_REQUEST',
      })
    }
    const path = pathOf(target)
    if (method === 'OPTIONS' && path === '*') return { status: 204, headers: { allow: methods } }
    if (method === 'OPTIONS') {
      const allow = this.#router.allowed(path)
      if (allow !== undefined) return this.#admission.preflight(request, allow)
    }
    const { pages } = this.#options
    const isPage = pages && (method === 'GET' || method === 'HEAD') && !path.startsWith('/v1/')
    return isPage
      ? this.#servePage(pages, request, requestId, asked)
      : this.#serveApi(request, requestId, asked)
  }

  async #servePage(
    pages: Pages,
    request: HttpRequest,
    requestId: string,
    asked: { routeId?: string },
  ): Promise<HttpReply> {
    return (await pages(request)) ?? this.#serveApi(request, requestId, asked)
  }

  #serveApi(
    request: HttpRequest,
    requestId: string,
    asked: { routeId?: string },
  ): Promise<HttpReply> {
    const { route, params } = this.#router.find(request.method, pathOf(request.target))
    asked.routeId = route.id
    return this.#serveRoute(route, params, request, requestId)
  }

  async #serveRoute(
    route: Route,
    params: { readonly [name: string]: string },
    request: HttpRequest,
    requestId: string,
  ): Promise<HttpReply> {
    const { target } = request
    const search = target.slice(pathOf(target).length + 1)
    const ticket = route.takesTicket ? ticketIn(search) : undefined
    const asked = { isOpen: route.isOpen ?? false, ticket }
    const found = this.#authentication.sessionOf(request, asked, requestId)
    const session = found instanceof Promise ? await found : found
    this.#checkNotMuted(session)
    if (params.topic !== undefined) checkTopic(params.topic)
    const query = readQuery(route, search)
    const life = this.#lifeOf(request, session, requestId)
    const call = new CallOnItsWay(params, query, session, request, requestId, life)
    try {
      const reply = await route.serve(call)
      if (!isStream(reply.body)) life.end()
      return isStream(reply.body) ? { ...reply, body: until(reply.body, () => life.end()) } : reply
    } catch (error) {
      life.end()
      throw isAborted(error) ? this.#whyAborted(error, session) : error
    }
  }

  #whyAborted(error: KafkaError, session: Session): KafkaError {
    const { outcome } = error
    if (session.endReason !== undefined) {
      return new HttpError(401, `The session has ended: ${session.endReason}`, {
        ...{ code: 'SASL_AUTHENTICATION_FAILED', outcome },
      })
    }
    return this.#closing.signal.aborted ? serviceClosing(outcome) : error
  }

  /** Over when the caller is gone, and when its key is no longer good. */
  #lifeOf(request: HttpRequest, session: Session, requestId: string): Life {
    return new Life(request, session, requestId, this.#options.guard && this.#authentication)
  }

  /** The service itself, which keeps what it must remember in a topic of its own. */
  #systemSession(): Session {
    return new Session({
      ...{ principal: { type: 'User', name: 'kafka-do' }, authentication: 'system' },
      ...{
        id: 'http-state',
        listener: this.#options.listener,
        isTls: false,
        clientAddress: 'http-state',
      },
      advertised: this.#options.advertised(),
    })
  }

  /** What the API does in the caller's place, past the hall, is held to the caller's rights here. */
  async #demand(session: Session, accesses: readonly Access[]): Promise<void> {
    const denied = await this.#denied(session, accesses)
    if (!denied) return
    const { operation, type, name } = denied
    throw new UnauthorizedError(`The right '${operation}' on ${type} '${name}' is missing`, {
      code: deniedCodes[type] ?? 'TOPIC_AUTHORIZATION_FAILED',
    })
  }

  async #denied(session: Session, accesses: readonly Access[]): Promise<Access | undefined> {
    const rights = this.#options.hall.rightsOf(await this.#produceApi(), contextOf(session))
    return accesses.find(
      ({ operation, type, name }) => rights?.may(operation, type, name) === false,
    )
  }

  async #charge(session: Session, name: string, written: Uint8Array): Promise<void> {
    const { guard } = this.#options
    if (!guard) return
    const partitionData = [createProduceRequestPartitionProduceData({ records: written })]
    const topicData = [createProduceRequestTopicProduceData({ name, partitionData })]
    const request = createProduceRequest({ topicData })
    const throttleMs = guard.throttleMs(
      await this.#produceApi(),
      request,
      createProduceResponse(),
      contextOf(session),
    )
    if (throttleMs > 0) this.#mute(session, throttleMs)
  }

  async #produceApi(): Promise<BackendApi> {
    const served = (await this.#options.nodes.any()).servedApi(produce.key)
    if (served) return served
    throw notServed(produce.name)
  }

  #requestId(request: HttpRequest): string {
    const given = request.header('x-request-id')
    if (given !== undefined && requestIdShape.test(given)) return given
    return `${this.#requestIds}-${++this.#requestCount}`
  }

  #mute(session: Session, throttleMs: number): void {
    const until = this.#options.runtime.monotonicNow() + throttleMs
    const name = principalName(session.principal)
    if (until > (this.#mutedUntil.get(name) ?? 0)) this.#mutedUntil.set(name, until)
  }

  #mutedMs({ principal }: Session): number {
    if (this.#mutedUntil.size === 0) return 0
    const name = principalName(principal)
    const leftMs = (this.#mutedUntil.get(name) ?? 0) - this.#options.runtime.monotonicNow()
    if (leftMs <= 0) this.#mutedUntil.delete(name)
    return leftMs
  }

  /** As a muted connection hears nothing (KIP-219). */
  #checkNotMuted(session: Session): void {
    const leftMs = Math.max(this.#mutedMs(session), this.#options.guard?.waitMs(session) ?? 0)
    if (leftMs <= 0) return
    throw new HttpError(429, `The quota of this key is used up for ${Math.ceil(leftMs)} ms`, {
      code: 'THROTTLING_QUOTA_EXCEEDED',
      retriable: true,
      headers: { 'retry-after': String(Math.ceil(leftMs / 1000)) },
    })
  }
}

class CallOnItsWay implements Call {
  readonly request: HttpRequest
  readonly requestId: string
  readonly params: Call['params']
  readonly query: Call['query']
  readonly session: Session
  readonly #life: Life

  constructor(
    params: Call['params'],
    query: Call['query'],
    session: Session,
    request: HttpRequest,
    requestId: string,
    life: Life,
  ) {
    this.params = params
    this.query = query
    this.session = session
    this.request = request
    this.requestId = requestId
    this.#life = life
  }

  get signal(): AbortSignal {
    return this.#life.signal
  }
}

/** How long an answer is wanted, and may be given. Most requests are over before anybody asks. */
class Life {
  readonly #request: HttpRequest
  readonly #session: Session
  readonly #requestId: string
  /** Where there are keys: their rights end, and somebody writes down what was done for which request. */
  readonly #authentication: Authentication | undefined
  #signal: AbortSignal | undefined
  #unwatch: (() => void) | undefined

  constructor(
    request: HttpRequest,
    session: Session,
    requestId: string,
    authentication: Authentication | undefined,
  ) {
    this.#request = request
    this.#session = session
    this.#requestId = requestId
    this.#authentication = authentication
    if (authentication) session.began(requestId)
  }

  get signal(): AbortSignal {
    if (!this.#authentication) return this.#request.signal
    if (!this.#signal) {
      const revoked = new AbortController()
      this.#unwatch = this.#authentication.watch(this.#session, () => revoked.abort())
      this.#signal = AbortSignal.any([this.#request.signal, revoked.signal])
    }
    return this.#signal
  }

  end(): void {
    if (this.#authentication) this.#session.done(this.#requestId)
    this.#unwatch?.()
  }
}

/** As the cluster would, before anything is done with it. */
function checkTopic(name: string): void {
  if (isTopicName(name)) return
  throw new HttpError(400, `'${name.slice(0, 260)}' is no topic's name: use ${topicNameRule}`, {
    code: 'INVALID_TOPIC_EXCEPTION',
  })
}

function isAborted(error: unknown): error is KafkaError {
  return error instanceof KafkaError && error.code === 'ABORTED'
}

function contextOf(session: Session): RequestContext {
  return { version: produce.maxVersion, clientId: session.clientId, session }
}

const maxFramesOfABody = 128
/** Less than other calls may take: what is kept takes several, one after the other. */
const stateTimeoutMs = 15_000
const deniedCodes: { readonly [type: string]: string } = {
  group: 'GROUP_AUTHORIZATION_FAILED',
  cluster: 'CLUSTER_AUTHORIZATION_FAILED',
}
/** Of the service as a whole: `OPTIONS *`. */
const methods = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'

async function* until(
  body: AsyncIterable<Uint8Array>,
  end: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    yield* body
  } finally {
    end()
  }
}

function ticketIn(search: string): string | undefined {
  return search.includes('ticket=')
    ? (new URLSearchParams(search).get('ticket') ?? undefined)
    : undefined
}

function documentRoutes(openApi: () => object): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/openapi.json',
      id: 'getOpenApi',
      tag: 'service',
      summary: 'This API as an OpenAPI 3.1 document.',
      isOpen: true,
      answers: { 200: { description: 'The document.', content: { 'application/json': {} } } },
      serve: () => ({
        status: 200,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(openApi()),
      }),
    },
  ]
}

function pathOf(target: string): string {
  const end = target.indexOf('?')
  return end < 0 ? target : target.slice(0, end)
}
