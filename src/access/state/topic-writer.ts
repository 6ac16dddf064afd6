/** A topic of one partition that the server writes to: it is made, its leader found, and what fails in passing tried again. */
import { orNotTrusted } from '../../backend/not-trusted.ts'
import type { Connection, ExchangeOptions } from '../../connection/connection.ts'
import { abortReason, backoffDelay, delay } from '../../core/backoff.ts'
import { ClosedError, DisconnectedError, KafkaError, withOutcome } from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { Api } from '../../protocol/api.ts'
import { errorFrom, errorName } from '../../protocol/error-codes.ts'
import {
  createCreateTopicsRequest,
  createCreateTopicsRequestCreatableTopic,
  createTopics,
} from '../../protocol/messages/generated/create-topics.ts'
import {
  createMetadataRequest,
  createMetadataRequestTopic,
  metadata,
} from '../../protocol/messages/generated/metadata.ts'
import {
  createProduceRequest,
  createProduceRequestPartitionProduceData,
  createProduceRequestTopicProduceData,
  produce,
} from '../../protocol/messages/generated/produce.ts'
import { BatchBuilder } from '../../protocol/records/batch-builder.ts'

export interface StateRecord {
  readonly key: string | null
  /** Null takes back what the key had. */
  readonly value: string | null
}

export interface TopicWriterOptions {
  readonly connection: Connection
  readonly runtime: Runtime
  readonly topic: string
}

/** The newest version that names topics by name. */
const produceVersion = 12
const writeTimeoutMs = 30_000
const retry = { baseMs: 50, maxMs: 1000 }

/** How long is enough, milliseconds. */
export interface Patience {
  readonly patienceMs?: number
  /** Where nobody can be reached. Default: as long as for all else. */
  readonly unreachableMs?: number
}

export class TopicWriter {
  readonly #options: TopicWriterOptions
  readonly #closing = new AbortController()
  #leader: number | undefined

  constructor(options: TopicWriterOptions) {
    this.#options = options
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  /** Makes the topic, with these configs, where it is missing. */
  ensure(configs: readonly (readonly [name: string, value: string])[]): Promise<void> {
    return this.tried('open', () => this.#ensure(configs)).catch((error: unknown) => {
      throw orNotTrusted(error, this.#options.topic)
    })
  }

  /** Stores the records as one, all or none. Resolves with the offset after the last. */
  append(records: readonly StateRecord[], patience: Patience = {}): Promise<bigint> {
    return this.tried('write', () => this.#produce(records), patience)
  }

  /** Ends what waits. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort(closedTopic(this.#options.topic))
  }

  /** Again and again while it fails in a way that may pass. */
  async tried<T>(
    what: string,
    attempt: () => Promise<T>,
    { patienceMs = 30_000, unreachableMs = patienceMs }: Patience = {},
  ): Promise<T> {
    const { runtime, topic } = this.#options
    const { signal } = this.#closing
    const started = runtime.monotonicNow()
    let isMaybeDone = false
    for (let tries = 1; ; tries++) {
      if (signal.aborted) throw abortReason(signal)
      try {
        return await attempt()
      } catch (error) {
        this.#leader = undefined
        if (signal.aborted || !(error instanceof KafkaError)) throw error
        if (error.outcome === 'unknown') isMaybeDone = true
        // What an earlier try may have done is not undone by the last one's failure.
        const told = isMaybeDone ? withOutcome(error, 'unknown') : error
        if (!error.retriable) throw told
        const limitMs = error instanceof DisconnectedError ? unreachableMs : patienceMs
        if (runtime.monotonicNow() - started >= limitMs) throw told
        runtime.logger.debug({ err: error, topic, tries }, `retrying: ${what}`)
        await delay(runtime, backoffDelay(tries, retry, runtime), signal)
      }
    }
  }

  async #ensure(configs: readonly (readonly [name: string, value: string])[]): Promise<void> {
    const { topic } = this.#options
    const request = createCreateTopicsRequest({
      topics: [
        createCreateTopicsRequestCreatableTopic({
          name: topic,
          numPartitions: 1,
          // As many as the cluster makes of every topic.
          replicationFactor: -1,
          configs: configs.map(([name, value]) => ({ name, value })),
        }),
      ],
      timeoutMs: writeTimeoutMs,
    })
    const response = await this.exchange(createTopics, request)
    const { errorCode, errorMessage } = response.topics[0]!
    if (errorCode !== 0 && errorName(errorCode) !== 'TOPIC_ALREADY_EXISTS')
      throw errorFrom(errorCode, { topic, message: errorMessage })
    await this.leader()
  }

  async leader(): Promise<number> {
    if (this.#leader !== undefined) return this.#leader
    const { topic } = this.#options
    const request = createMetadataRequest({
      topics: [createMetadataRequestTopic({ name: topic })],
      allowAutoTopicCreation: false,
    })
    const [found] = (await this.exchange(metadata, request)).topics
    const partition = found?.partitions.find(({ partitionIndex }) => partitionIndex === 0)
    const code = found?.errorCode || partition?.errorCode || 0
    if (code !== 0) throw errorFrom(code, { topic })
    if (!partition || partition.leaderId < 0)
      throw new KafkaError(`Topic '${topic}' has no leader at the moment`, {
        code: 'LEADER_NOT_AVAILABLE',
        retriable: true,
      })
    this.#leader = partition.leaderId
    return this.#leader
  }

  /** Resolves with the offset after the last record. */
  async #produce(records: readonly StateRecord[]): Promise<bigint> {
    const { topic, runtime } = this.#options
    const builder = new BatchBuilder()
    for (const { key, value } of records) builder.append(runtime.now(), key, value)
    const partitionData = [
      createProduceRequestPartitionProduceData({ index: 0, records: builder.build() }),
    ]
    const request = createProduceRequest({
      acks: -1,
      timeoutMs: writeTimeoutMs,
      topicData: [createProduceRequestTopicProduceData({ name: topic, partitionData })],
    })
    const nodeId = await this.leader()
    const response = await this.exchange(produce, request, { nodeId, maxVersion: produceVersion })
    const { errorCode, errorMessage, baseOffset } = response.responses[0]!.partitionResponses[0]!
    if (errorCode !== 0) throw errorFrom(errorCode, { topic, message: errorMessage })
    return baseOffset + BigInt(records.length)
  }

  exchange<Request, Response>(
    api: Api<Request, Response>,
    request: Request,
    options: ExchangeOptions = {},
  ): Promise<Response> {
    const { signal } = this.#closing
    return this.#options.connection.exchange(api, request, { ...options, signal })
  }
}

export function closedTopic(topic: string): ClosedError {
  return new ClosedError(`The server is closing and no longer follows '${topic}'`, {
    code: 'CLIENT_CLOSED',
    outcome: 'unknown',
  })
}
