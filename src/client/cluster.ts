/**
 * What the client knows of the cluster: topics, partition leaders, coordinators. Above the connection,
 * below producers and consumers. Invariant: one metadata request per topic is in flight at a time; everyone
 * who asks meanwhile shares it.
 */

import type { Connection, ExchangeOptions } from '../connection/connection.ts'
import { abortReason, backoffDelay, delay } from '../core/backoff.ts'
import {
  ClosedError,
  DisconnectedError,
  KafkaError,
  TimeoutError,
  TopicNotFoundError,
} from '../core/errors.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Api } from '../protocol/api.ts'
import { errorFrom, errorName } from '../protocol/error-codes.ts'
import {
  createFindCoordinatorRequest,
  findCoordinator,
} from '../protocol/messages/generated/find-coordinator.ts'
import {
  createMetadataRequest,
  createMetadataRequestTopic,
  type MetadataResponseTopic,
  metadata,
} from '../protocol/messages/generated/metadata.ts'
import type { ResolvedClientConfig } from './config.ts'
import { ClientMetrics, measured } from './metrics.ts'

export interface PartitionInfo {
  readonly index: number
  /** -1 while the partition has no leader. */
  readonly leaderId: number
  readonly leaderEpoch: number
}

export interface TopicInfo {
  readonly name: string
  readonly id: string
  /** By partition number. */
  readonly partitions: readonly PartitionInfo[]
}

const zeroTopicId = 'AAAAAAAAAAAAAAAAAAAAAA'

export type CoordinatorKind = 'group' | 'transaction'

export interface CallOptions {
  signal?: AbortSignal | undefined
  /** Milliseconds for the call with its retries; default: the client's `timeout`. */
  timeoutMs?: number | undefined
  /** Retries of a failure that may pass; default: the client's `retries`. */
  retries?: number | undefined
  /** Whether another try of this call is in vain, although another call may succeed. Default: never. */
  isFinal?: ((error: KafkaError) => boolean) | undefined
}

interface CachedTopic {
  readonly info: TopicInfo
  readonly fetchedAt: number
}

export class Cluster {
  readonly config: ResolvedClientConfig
  readonly runtime: Runtime
  readonly connection: Connection
  readonly metrics = new ClientMetrics()
  #topics = new Map<string, CachedTopic>()
  #refreshes = new Map<string, Promise<TopicInfo>>()
  #coordinators = new Map<string, number>()
  #closing = new AbortController()
  #lanes = 0

  constructor(connection: Connection, config: ResolvedClientConfig) {
    this.config = config
    this.runtime = config.runtime
    this.connection = measured(connection, this.metrics, this.runtime)
  }

  /** Aborted when the client closes: ends retries and waits. */
  get closed(): AbortSignal {
    return this.#closing.signal
  }

  /** The topic as last seen; undefined when it must be looked up (again). */
  topic(name: string): TopicInfo | undefined {
    const cached = this.#topics.get(name)
    if (!cached) return undefined
    const age = this.runtime.monotonicNow() - cached.fetchedAt
    return age < this.config.metadataMaxAge ? cached.info : undefined
  }

  /**
   * The topic, looked up when needed; created by the broker where it may.
   * Throws `TopicNotFoundError`, `TimeoutError`, `DisconnectedError`.
   */
  ensureTopic(name: string, options: CallOptions & { create?: boolean } = {}): Promise<TopicInfo> {
    const known = this.topic(name)
    if (known) return Promise.resolve(known)
    const running = this.#refreshes.get(name)
    if (running) return running
    const refresh = this.#lookUp(name, options).finally(() => this.#refreshes.delete(name))
    this.#refreshes.set(name, refresh)
    return refresh
  }

  /** Forget what is known of a topic, after an answer that shows it to be stale. */
  invalidateTopic(name: string): void {
    this.#topics.delete(name)
  }

  /** All topics of the cluster, without the internal ones unless asked. */
  async listTopics(options: CallOptions & { internal?: boolean } = {}): Promise<TopicInfo[]> {
    const response = await this.retrying('list topics', options, (call) =>
      this.connection.exchange(
        metadata,
        createMetadataRequest({ topics: null, allowAutoTopicCreation: false }),
        call,
      ),
    )
    return response.topics
      .filter((found) => found.errorCode === 0 && (options.internal || !found.isInternal))
      .map(toTopicInfo)
  }

  /** The node that coordinates `key`. Throws `GroupCoordinatorError` and what `retrying` throws. */
  async coordinator(
    kind: CoordinatorKind,
    key: string,
    options: CallOptions = {},
  ): Promise<number> {
    const known = this.#coordinators.get(`${kind}:${key}`)
    if (known !== undefined) return known
    const keyType = kind === 'group' ? 0 : 1
    const nodeId = await this.retrying(
      `find the coordinator of ${kind} '${key}'`,
      options,
      async (call) => {
        const response = await this.connection.exchange(
          findCoordinator,
          (version) =>
            version >= 4
              ? createFindCoordinatorRequest({ keyType, coordinatorKeys: [key] })
              : createFindCoordinatorRequest({ keyType, key }),
          call,
        )
        const found = response.coordinators[0] ?? response
        if (found.errorCode !== 0) {
          const subject = kind === 'group' ? { group: key } : { transactionalId: key }
          throw errorFrom(found.errorCode, { ...subject, message: found.errorMessage })
        }
        return found.nodeId
      },
    )
    this.#coordinators.set(`${kind}:${key}`, nodeId)
    return nodeId
  }

  /** A name for requests that take their time at the broker; see `ExchangeOptions.lane`. */
  newLane(): string {
    return `lane-${++this.#lanes}`
  }

  forgetCoordinator(kind: CoordinatorKind, key: string): void {
    this.#coordinators.delete(`${kind}:${key}`)
  }

  /**
   * One exchange with the leader of a partition, or with any node. See `Connection.exchange`. A node that cannot be reached
   * may not coordinate any more what it did.
   */
  exchange<Request, Response>(
    api: Api<Request, Response>,
    request: Request | ((version: number) => Request),
    options?: ExchangeOptions,
  ): Promise<Response> {
    const exchanged = this.connection.exchange(api, request, options)
    const nodeId = options?.nodeId
    if (nodeId === undefined) return exchanged
    return exchanged.catch((error: unknown) => {
      if (error instanceof DisconnectedError || error instanceof TimeoutError) {
        for (const [key, coordinatorId] of this.#coordinators) {
          if (coordinatorId === nodeId) this.#coordinators.delete(key)
        }
      }
      throw error
    })
  }

  /** The leader of a partition as last seen; undefined when unknown or none. */
  leaderOf(topic: string, partition: number): number | undefined {
    const leader = this.#topics.get(topic)?.info.partitions[partition]?.leaderId
    return leader === undefined || leader < 0 ? undefined : leader
  }

  /** The topic's id as last seen, also when the metadata is old; the zero id when it was never seen. */
  topicId(name: string): string {
    return this.#topics.get(name)?.info.id ?? zeroTopicId
  }

  /**
   * Runs `attempt` until it succeeds, fails for good, or time or retries are used up. Between attempts:
   * exponential backoff. `what` completes "Could not …" in the error.
   */
  async retrying<T>(
    what: string,
    options: CallOptions,
    attempt: (call: { signal: AbortSignal | undefined; timeoutMs: number }) => Promise<T>,
  ): Promise<T> {
    const { retryBackoff, timeout } = this.config
    const { retries = this.config.retries } = options
    const deadline = this.runtime.monotonicNow() + (options.timeoutMs ?? timeout)
    for (let tries = 1; ; tries++) {
      if (options.signal?.aborted) throw abortReason(options.signal)
      if (this.closed.aborted) throw closedClient()
      const leftMs = deadline - this.runtime.monotonicNow()
      try {
        return await attempt({ signal: options.signal, timeoutMs: Math.max(1, leftMs) })
      } catch (error) {
        if (!(error instanceof KafkaError) || !error.retriable || options.isFinal?.(error))
          throw error
        const waitMs = backoffDelay(tries, retryTiming(error, retryBackoff), this.runtime)
        if (tries > retries) throw error
        if (this.runtime.monotonicNow() + waitMs >= deadline) {
          throw new TimeoutError(
            `Could not ${what} within ${options.timeoutMs ?? timeout} ms (${tries} tries); last: ${error.message}`,
            { code: 'REQUEST_TIMED_OUT', retriable: true, outcome: error.outcome, cause: error },
          )
        }
        this.runtime.logger.debug({ err: error, tries, waitMs }, `retrying: ${what}`)
        await delay(
          this.runtime,
          waitMs,
          options.signal ? AbortSignal.any([options.signal, this.closed]) : this.closed,
        )
      }
    }
  }

  close(): void {
    this.#closing.abort(closedClient())
  }

  async #lookUp(name: string, options: CallOptions & { create?: boolean }): Promise<TopicInfo> {
    const { create = true } = options
    const info = await this.retrying(`look up topic '${name}'`, options, async (call) => {
      // A cluster that creates the topic says first that there is none.
      for (let tries = 1; ; tries++) {
        const found = await this.#askAbout(name, create, call)
        if (found) return found
        if (!create || tries > creationTries) throw unknownTopic(name, create)
        const waitMs = backoffDelay(tries, { baseMs: 20, maxMs: 500 }, this.runtime)
        await delay(
          this.runtime,
          waitMs,
          call.signal ? AbortSignal.any([call.signal, this.closed]) : this.closed,
        )
      }
    })
    this.#topics.set(name, { info, fetchedAt: this.runtime.monotonicNow() })
    return info
  }

  /** Undefined when the topic is not there, or not yet. */
  async #askAbout(
    name: string,
    create: boolean,
    call: CallOptions,
  ): Promise<TopicInfo | undefined> {
    const request = createMetadataRequest({
      topics: [createMetadataRequestTopic({ name })],
      allowAutoTopicCreation: create,
    })
    const response = await this.connection.exchange(metadata, request, call)
    const found = response.topics.find((candidate) => candidate.name === name)
    if (!found) throw new DisconnectedError(`The broker's answer does not name topic '${name}'`)
    if (errorName(found.errorCode) === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined
    if (found.errorCode !== 0) throw errorFrom(found.errorCode, { topic: name })
    const leaderless = found.partitions.find(
      (partition) => errorName(partition.errorCode) === 'LEADER_NOT_AVAILABLE',
    )
    if (leaderless) throw errorFrom(leaderless.errorCode, { topic: name })
    return toTopicInfo(found)
  }
}

/** How long to wait between tries, where the first wait would be `baseMs`. */
export function retryTiming(error: unknown, baseMs: number): { baseMs: number; maxMs: number } {
  // The end of a transaction is being written to its partitions, which takes milliseconds.
  const isSoonOver = error instanceof KafkaError && error.code === 'CONCURRENT_TRANSACTIONS'
  return isSoonOver ? { baseMs: Math.min(baseMs, 20), maxMs: 100 } : { baseMs, maxMs: 1000 }
}

/** About 1.5 s. */
const creationTries = 7

export function closedClient(): ClosedError {
  return new ClosedError('The client is closed; make a new Client to go on', {
    code: 'CLIENT_CLOSED',
  })
}

function unknownTopic(name: string, isToBeCreated: boolean): TopicNotFoundError {
  const lack = isToBeCreated ? ' and the broker did not create it' : ''
  const orElse = isToBeCreated ? ", or turn the broker's auto-creation on" : ''
  return new TopicNotFoundError(
    `Topic '${name}' does not exist${lack}. Create it with kafka.admin.createTopic('${name}')${orElse}`,
    { code: 'UNKNOWN_TOPIC_OR_PARTITION' },
  )
}

function toTopicInfo(found: MetadataResponseTopic): TopicInfo {
  const partitions = found.partitions
    .map(({ partitionIndex, leaderId, leaderEpoch }) => ({
      index: partitionIndex,
      leaderId,
      leaderEpoch,
    }))
    .sort((a, b) => a.index - b.index)
  return { name: found.name ?? '', id: found.topicId, partitions }
}
