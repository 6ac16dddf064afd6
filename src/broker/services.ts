/** What handlers work with: the parts of one broker. */
import type { VersionRange } from '../backend/backend.ts'
import type { Runtime } from '../core/runtime.ts'
import type { BrokerConfig } from './config.ts'
import type { FetchSessions } from './fetch/fetch-sessions.ts'
import type { GroupCoordinator } from './group/group-coordinator.ts'
import type { LogStore } from './log/log-store.ts'
import type { LongPolls } from './long-polls.ts'
import type { ProducerIds } from './producer-ids.ts'
import type { Refusals } from './refusals.ts'
import type { TopicRegistry } from './topics/topic-registry.ts'
import type { TransactionCoordinator } from './transaction/transaction-coordinator.ts'
import type { WriteTurns } from './write-turns.ts'

/** One line of the ApiVersions response. */
export interface AdvertisedApi extends VersionRange {
  readonly key: number
}

/** All that there is; a handler names the parts that it touches. */
export interface BrokerServices {
  readonly writeTurns: WriteTurns
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
  /** What is not served because a part of the broker's own records is damaged. */
  readonly refusals: Refusals
  readonly fetchSessions: FetchSessions
  readonly advertisedApis: readonly AdvertisedApi[]
}
