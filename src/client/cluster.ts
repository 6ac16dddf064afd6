/**
 * What the client knows of the cluster: topics and partition leaders (in the topic directory), coordinators. Above the
 * connection, below producers and consumers. Also how calls are tried again.
 */

import type { Connection, ExchangeOptions } from '../connection/connection.ts'
import { abortReason, backoffDelay, delay } from '../core/backoff.ts'
import { ClosedError, DisconnectedError, KafkaError, TimeoutError } from '../core/errors.ts'
import type { Runtime } from '../core/runtime.ts'
import type { Api } from '../protocol/api.ts'
import { errorFrom } from '../protocol/error-codes.ts'
import {
  createFindCoordinatorRequest,
  findCoordinator,
} from '../protocol/messages/generated/find-coordinator.ts'
import { createMetadataRequest, metadata } from '../protocol/messages/generated/metadata.ts'
import type { CallOptions } from './call-options.ts'
import type { ResolvedClientConfig } from './config.ts'
import { ClientMetrics, measured } from './metrics.ts'
import {
  type EnsureOptions,
  type PartitionInfo,
  TopicDirectory,
  type TopicInfo,
  toTopicInfo,
} from './topic-directory.ts'

export type { CallOptions, PartitionInfo, TopicInfo }

export type CoordinatorKind = 'group' | 'transaction'

export class Cluster {
  readonly config: ResolvedClientConfig
  readonly runtime: Runtime
  readonly connection: Connection
  readonly metrics = new ClientMetrics()
  readonly #topics = new TopicDirectory(this)
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
    return this.#topics.known(name)
  }

  /**
   * The topic, looked up when needed; created by the broker where it may.
   * Throws `TopicNotFoundError`, `TimeoutError`, `DisconnectedError`.
   */
  ensureTopic(name: string, options: EnsureOptions = {}): Promise<TopicInfo> {
    return this.#topics.ensure(name, options)
  }

  /**
   * As `ensureTopic`, for many: what must be looked up is, in one request. Topics that are not there are an error, or left
   * out of the answer.
   */
  ensureTopics(
    names: Iterable<string>,
    options: EnsureOptions & { absent?: 'refuse' | 'leave out' } = {},
  ): Promise<Map<string, TopicInfo>> {
    return this.#topics.ensureAll(names, options)
  }

  /** Forget what is known of a topic, after an answer that shows it to be stale. */
  invalidateTopic(name: string): void {
    this.#topics.forget(name)
  }

  /** The cluster says that it has the topic: a broker that does not know it yet is asked again. */
  topicCreated(name: string): void {
    this.#topics.created(name)
  }

  topicDeleted(name: string): void {
    this.#topics.deleted(name)
  }

  /** Calls `listener` whenever a topic is seen to have got partitions. Returns what ends that. */
  onTopicGrown(listener: (topic: string) => void): () => void {
    return this.#topics.onGrown(listener)
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
    const listed = response.topics
      .filter((found) => found.errorCode === 0 && (options.internal || !found.isInternal))
      .map(toTopicInfo)
    for (const info of listed) this.#topics.note(info)
    return listed
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

  /** Nothing more is asked in this lane. */
  releaseLane(lane: string): void {
    this.connection.releaseLane(lane)
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
    return this.#topics.leaderOf(topic, partition)
  }

  /** The topic's id as last seen, also when the metadata is old; the zero id when it was never seen. */
  topicId(name: string): string {
    return this.#topics.idOf(name)
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
    let reason: KafkaError | undefined
    for (let tries = 1; ; tries++) {
      if (options.signal?.aborted) throw abortReason(options.signal)
      if (this.closed.aborted) throw closedClient()
      const leftMs = deadline - this.runtime.monotonicNow()
      try {
        return await attempt({ signal: options.signal, timeoutMs: Math.max(1, Math.ceil(leftMs)) })
      } catch (error) {
        if (!(error instanceof KafkaError) || !error.retriable || options.isFinal?.(error))
          throw error
        // A try that was cut short at the end says less than the one before it.
        if (!reason || !(error instanceof TimeoutError)) reason = error
        const waitMs = backoffDelay(tries, retryTiming(error, retryBackoff), this.runtime)
        if (tries > retries) throw error
        if (this.runtime.monotonicNow() + waitMs >= deadline) {
          throw new TimeoutError(
            `Could not ${what} within ${options.timeoutMs ?? timeout} ms (${tries} tries); last: ${reason.message}`,
            { code: 'REQUEST_TIMED_OUT', retriable: true, outcome: error.outcome, cause: reason },
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
}

/** How long to wait between tries, where the first wait would be `baseMs`. */
export function retryTiming(error: unknown, baseMs: number): { baseMs: number; maxMs: number } {
  // The end of a transaction is being written to its partitions, which takes milliseconds.
  const isSoonOver = error instanceof KafkaError && error.code === 'CONCURRENT_TRANSACTIONS'
  return isSoonOver ? { baseMs: Math.min(baseMs, 20), maxMs: 100 } : { baseMs, maxMs: 1000 }
}

export function closedClient(): ClosedError {
  return new ClosedError('The client is closed; create a new Client', {
    code: 'CLIENT_CLOSED',
  })
}
