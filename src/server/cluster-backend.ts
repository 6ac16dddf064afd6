/**
 * Another cluster as a backend: what comes in at a listener goes to one node of it over a `Connection`, and the answer comes
 * back. A cluster of several nodes gets a listener, and one of these, for each.
 *
 * It serves the APIs that both the node and we know, in the versions that both speak; a request is passed on in the very
 * version that it came in. Nodes' addresses in answers become those of our listeners, so clients stay with us. Requests of
 * one client's connection keep a connection of their own to the node: a fetch that waits holds up nobody else.
 *
 * ApiVersions is answered here: the versions are ours, the features the cluster's.
 */

import type { Answer, Backend, BackendApi, VersionRange } from '../backend/backend.ts'
import { BackendMetrics } from '../backend/backend-metrics.ts'
import type { Endpoint } from '../backend/endpoint.ts'
import { type HallGuard, noGuard, type Serve, throughHall, withHallApis } from '../backend/hall.ts'
import { isAccepted, notServed, versionNotServed } from '../backend/not-served.ts'
import type { RequestContext } from '../backend/request-context.ts'
import { servedApis } from '../broker/api-table.ts'
import type { Connection } from '../connection/connection.ts'
import { onAbort } from '../core/abort.ts'
import type { Metric } from '../core/metrics.ts'
import type { Runtime } from '../core/runtime.ts'
import { version } from '../core/version.ts'
import type { Api } from '../protocol/api.ts'
import { errorCode, errorFrom } from '../protocol/error-codes.ts'
import {
  type ApiVersionsResponse,
  apiVersions,
  createApiVersionsRequest,
  createApiVersionsResponseApiVersion,
} from '../protocol/messages/generated/api-versions.ts'
import {
  createProduceResponse,
  type ProduceRequest,
  produce,
} from '../protocol/messages/generated/produce.ts'
import { withEndpoints } from './endpoints-in-answers.ts'
import { markOwnTopics } from './own-topics-in-answers.ts'
import { TopicNames } from './topic-names.ts'

export interface ClusterBackendOptions {
  /** To the cluster. Closed with the backend. */
  readonly connection: Connection
  /** The node that answers; undefined: any. */
  readonly nodeId: number | undefined
  readonly runtime: Runtime
  /** Where clients reach the other nodes; the node itself: at the listener they came in by. Default: all nodes there. */
  readonly endpointOf?: (nodeId: number) => Endpoint | undefined
  /** Default: everything is allowed, as fast as the cluster lets them. */
  readonly guard?: HallGuard
  /** Looks on at requests. Default: nobody does. */
  readonly trace?: ((next: Serve) => Serve) | undefined
}

/** A join waits for others as long as its group likes; whoever asks gives up by closing its connection. */
const timeoutMs = 2_147_483_647

export class ClusterBackend implements Backend {
  readonly apis: readonly BackendApi[]
  readonly #options: ClusterBackendOptions
  readonly #byKey: ReadonlyMap<number, BackendApi>
  readonly #features: Partial<ApiVersionsResponse>
  readonly #metrics = new BackendMetrics()
  readonly #topicNames: TopicNames
  readonly #serve: Serve
  #lanes = new Map<string, AbortSignal>()
  #closing: Promise<void> | undefined

  private constructor(options: ClusterBackendOptions, versions: ApiVersionsResponse) {
    const { runtime, guard = noGuard, trace } = options
    const { supportedFeatures, finalizedFeatures, finalizedFeaturesEpoch } = versions
    this.#options = options
    this.#features = { supportedFeatures, finalizedFeatures, finalizedFeaturesEpoch }
    this.#topicNames = new TopicNames(options.connection)
    const common = servedApis.flatMap((known) => {
      const theirs = versions.apiKeys.find(({ apiKey }) => apiKey === known.api.key)
      const both = theirs && commonOf(known, theirs)
      return both ? [both] : []
    })
    this.apis = withHallApis(common, guard)
    this.#byKey = new Map(this.apis.map((served) => [served.api.key, served]))
    this.#serve = throughHall({
      runtime,
      metrics: this.#metrics,
      guard,
      trace,
      names: this.#topicNames,
      serve: (served, request, context) => this.#forward(served.api, request, context),
    })
  }

  /** Asks the node which versions it speaks. Rejects when it cannot be reached. */
  static async open(options: ClusterBackendOptions): Promise<ClusterBackend> {
    const { connection, nodeId } = options
    const request = createApiVersionsRequest({
      clientSoftwareName: 'kafka-do',
      clientSoftwareVersion: version,
    })
    const versions = await connection.exchange(apiVersions, request, { nodeId })
    if (versions.errorCode !== 0) throw errorFrom(versions.errorCode)
    return new ClusterBackend(options, versions)
  }

  servedApi(key: number): BackendApi | undefined {
    return this.#byKey.get(key)
  }

  handle<Request, Response>(
    api: Api<Request, Response>,
    request: Request,
    context: RequestContext,
  ): Promise<Answer<Response>> {
    const served = this.#byKey.get(api.key)
    if (!served) return Promise.reject(notServed(api.name))
    if (!isAccepted(served, context.version) && api.key !== apiVersions.key)
      return Promise.reject(versionNotServed(served, context.version))
    return this.#serve(served, request, context) as Promise<Answer<Response>>
  }

  /** What has been counted since the backend was opened. */
  metrics(): Metric[] {
    return [...this.#metrics.read(), ...(this.#options.guard?.metrics() ?? [])]
  }

  /** Idempotent. Waits for what is in flight. */
  close(): Promise<void> {
    this.#closing ??= this.#options.connection.close()
    return this.#closing
  }

  async #forward(
    api: Api<unknown, unknown>,
    request: unknown,
    context: RequestContext,
  ): Promise<unknown> {
    if (api.key === apiVersions.key) return this.#versions(context.version)
    const { connection, nodeId } = this.#options
    const oneWay = api.key === produce.key && (request as ProduceRequest).acks === 0
    const response = await connection.exchange(api, request, {
      nodeId,
      oneWay,
      timeoutMs,
      lane: this.#laneOf(context),
      signal: context.signal,
      maxVersion: context.version,
    })
    if (oneWay) return createProduceResponse()
    this.#topicNames.learn(api, response)
    markOwnTopics(api, response)
    const { advertised } = context.session
    const endpointOf = (id: number) => this.#options.endpointOf?.(id) ?? advertised
    return withEndpoints(api, response, endpointOf)
  }

  /** One for each client's connection, let go of with it. */
  #laneOf({ session, signal, lane }: RequestContext): string {
    if (lane !== undefined) return lane
    const { id } = session
    if (signal && this.#lanes.get(id) !== signal) {
      this.#lanes.set(id, signal)
      onAbort(signal, () => {
        this.#lanes.delete(id)
        this.#options.connection.releaseLane(id)
      })
    }
    return id
  }

  #versions(version: number): ApiVersionsResponse {
    const isKnown = version >= apiVersions.minVersion && version <= apiVersions.maxVersion
    return {
      errorCode: isKnown ? 0 : errorCode('UNSUPPORTED_VERSION'),
      throttleTimeMs: 0,
      apiKeys: this.apis.map(({ api, advertised }) =>
        createApiVersionsResponseApiVersion({ apiKey: api.key, ...advertised }),
      ),
      supportedFeatures: [],
      finalizedFeatures: [],
      finalizedFeaturesEpoch: -1n,
      zkMigrationReady: false,
      ...this.#features,
    }
  }
}

/** The versions that both speak; undefined when there are none. */
function commonOf(known: BackendApi, theirs: VersionRange): BackendApi | undefined {
  const accepted = overlap(known.accepted, theirs)
  if (accepted.minVersion > accepted.maxVersion) return undefined
  return { ...known, accepted, advertised: overlap(known.advertised, theirs) }
}

function overlap(a: VersionRange, b: VersionRange): VersionRange {
  return {
    minVersion: Math.max(a.minVersion, b.minVersion),
    maxVersion: Math.min(a.maxVersion, b.maxVersion),
  }
}
