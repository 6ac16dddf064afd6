/** What handlers work with: the parts of one broker. */
import type { Runtime } from '../core/runtime.ts'
import type { BrokerConfig } from './config.ts'
import type { FetchSessions } from './fetch/fetch-sessions.ts'
import type { GroupCoordinator } from './group/group-coordinator.ts'
import type { LogStore } from './log/log-store.ts'
import type { LongPolls } from './long-polls.ts'
import type { ProducerIds } from './producer-ids.ts'
import type { RequestContext } from './request-context.ts'
import type { TopicRegistry } from './topics/topic-registry.ts'
import type { TransactionCoordinator } from './transaction/transaction-coordinator.ts'

export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** Versions of one API. */
export interface VersionRange {
  readonly minVersion: number
  readonly maxVersion: number
}

/** One line of the ApiVersions response. */
export interface AdvertisedApi extends VersionRange {
  readonly key: number
}

export interface BrokerServices {
  readonly config: BrokerConfig
  readonly runtime: Runtime
  readonly clusterId: string
  readonly topics: TopicRegistry
  readonly groups: GroupCoordinator
  /** All partition logs, the broker's own among them. */
  readonly logs: LogStore
  readonly producerIds: ProducerIds
  readonly transactions: TransactionCoordinator
  readonly longPolls: LongPolls
  readonly fetchSessions: FetchSessions
  readonly advertisedApis: readonly AdvertisedApi[]
  /** Where clients reach this node. */
  advertised(): Endpoint
}

/** Never rejects for a mistake of the client: that is an error code in the response. */
export type Handler<Request, Response> = (
  services: BrokerServices,
  request: Request,
  context: RequestContext,
) => Response | Promise<Response>
