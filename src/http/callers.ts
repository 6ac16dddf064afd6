/**
 * Clients of the cluster behind the API, one for each caller: what it does is done with the caller's rights, and the requests
 * of one caller share batches and what is known of topics. A caller that asks nothing for a while is let go of.
 */
import type { Nodes } from '../backend/nodes.ts'
import { principalName, type Session } from '../backend/session.ts'
import { BaseClient } from '../client/client.ts'
import type { Cluster } from '../client/cluster.ts'
import { resolveClientConfig } from '../client/config.ts'
import type { RecordMetadata } from '../client/producer/delivery.ts'
import { Producer } from '../client/producer/producer.ts'
import {
  type ResolvedProducerConfig,
  resolveProducerConfig,
} from '../client/producer/producer-config.ts'
import { ProducerEngine } from '../client/producer/producer-engine.ts'
import type { SendOptions } from '../client/producer/send-options.ts'
import { bytes } from '../client/serializer.ts'
import { topic } from '../client/topic.ts'
import { BackendConnection } from '../connection/backend-connection.ts'
import type { Runtime, Timer } from '../core/runtime.ts'
import { nextTurn } from '../core/turn.ts'
import type { HeldAnswerMemory } from './frames.ts'

export interface CallersOptions {
  readonly nodes: Nodes
  readonly runtime: Runtime
  /** Largest record, bytes. */
  readonly maxRecordBytes: number
  readonly onThrottled: (session: Session, throttleMs: number) => void
  readonly openAnswerMemory: (() => HeldAnswerMemory) | undefined
}

/** How long a call may take, its retries included. */
const callTimeoutMs = 30_000
/** A topic that has got partitions, or was made anew, is seen so soon. */
const metadataMaxAgeMs = 1000
/** Callers that ask nothing for so long are let go of. */
const idleMs = 60_000
/** Of more, those that have asked nothing for longest are let go of. */
const callersMax = 1000
/** Topics whose producer is kept, of one caller. */
const producersMax = 1000
const requestSizeMin = 1024
const requestSizeMax = 100 * 1_048_576

export type BytesProducer = Producer<Uint8Array, Uint8Array>

export class Caller extends BaseClient {
  /** Things under way: not let go of before they are done. */
  users = 0
  usedAt = 0
  isClosing = false
  readonly #soon: (() => void)[] = []
  readonly #engine: ProducerEngine
  readonly #producerConfig: ResolvedProducerConfig
  readonly #producers = new Map<string, BytesProducer>()

  constructor(
    connection: BackendConnection,
    runtime: Runtime,
    maxRecordBytes: number,
    timeoutMs: number,
  ) {
    super(
      resolveClientConfig(
        {
          url: 'memory:',
          clientId: 'kafka-do-http',
          runtime,
          timeout: timeoutMs,
          metadataMaxAge: metadataMaxAgeMs,
        },
        {},
      ),
      connection,
    )
    const maxRequestSize = Math.max(requestSizeMin, Math.min(maxRecordBytes, requestSizeMax))
    const batchSize = Math.min(131_072, maxRequestSize)
    this.#producerConfig = resolveProducerConfig({
      maxRequestSize,
      batchSize,
      deliveryTimeout: timeoutMs,
    })
    this.#engine = new ProducerEngine(this.cluster, this.#producerConfig)
  }

  get cluster(): Cluster {
    return this.parts.cluster
  }

  /** Throws `ConfigError` for a name that no topic can have. */
  bytesProducer(name: string): BytesProducer {
    let producer = this.#producers.get(name)
    if (!producer) {
      const typed = topic<Uint8Array, Uint8Array>(name, { key: bytes, value: bytes })
      producer = new Producer(typed, this.#engine, this.#producerConfig, this.cluster)
      if (this.#producers.size >= producersMax) this.#producers.clear()
      this.#producers.set(name, producer)
    }
    return producer
  }

  /**
   * Stores one record. What comes in the same turn of the event loop, by other connections, shares a batch: by itself each
   * request would begin one, as it is served to its first wait before the next is looked at.
   */
  send(
    topicName: string,
    value: Uint8Array | null,
    options: SendOptions<Uint8Array>,
  ): Promise<RecordMetadata> {
    const producer = this.bytesProducer(topicName)
    return new Promise((resolve, reject) => {
      this.#soon.push(() => producer.send(value, options).then(resolve, reject))
      if (this.#soon.length > 1) return
      void nextTurn().then(() => {
        for (const send of this.#soon.splice(0)) send()
      })
    })
  }

  override async close(): Promise<void> {
    this.isClosing = true
    await this.#engine.close().catch(() => undefined)
    await super.close()
  }
}

export class Callers {
  readonly #options: CallersOptions
  readonly #callers = new Map<string, Caller>()
  readonly #bySession = new WeakMap<Session, Caller>()
  #timer: Timer | undefined
  #isClosed = false
  #made = 0

  constructor(options: CallersOptions) {
    this.#options = options
  }

  /** Runs `work` with the client of this caller. */
  async with<T>(session: Session, work: (caller: Caller) => Promise<T>): Promise<T> {
    const caller = this.#callerOf(session)
    caller.users++
    try {
      return await work(caller)
    } finally {
      caller.users--
      caller.usedAt = this.#options.runtime.monotonicNow()
    }
  }

  /**
   * As `with`, for as long as what is given back is not released. `timeoutMs`: how long a call may take, its retries
   * included; of a session that is always held with the same.
   */
  hold(
    session: Session,
    { timeoutMs = callTimeoutMs } = {},
  ): { readonly caller: Caller; release(): void } {
    const caller = this.#callerOf(session, timeoutMs)
    caller.users++
    let isHeld = true
    return {
      caller,
      release: () => {
        if (!isHeld) return
        isHeld = false
        caller.users--
        caller.usedAt = this.#options.runtime.monotonicNow()
      },
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    const all = [...this.#callers.values()]
    this.#callers.clear()
    await Promise.allSettled(all.map((caller) => caller.close()))
  }

  #callerOf(session: Session, timeoutMs = callTimeoutMs): Caller {
    const before = this.#bySession.get(session)
    if (before && !before.isClosing) return before
    const caller = this.#findCaller(session, timeoutMs)
    this.#bySession.set(session, caller)
    return caller
  }

  #findCaller(session: Session, timeoutMs: number): Caller {
    const { authentication, principal, credential, clientAddress } = session
    const key = [authentication, principalName(principal), credential, clientAddress].join(' ')
    const known = this.#callers.get(key)
    if (known) return known
    const { nodes, runtime, maxRecordBytes, onThrottled, openAnswerMemory } = this.#options
    const connection = new BackendConnection({
      nodes,
      session,
      runtime,
      timeoutMs,
      name: `http-${++this.#made}`,
      openAnswerMemory,
      onThrottled: (throttleMs) => onThrottled(session, throttleMs),
    })
    const caller = new Caller(connection, runtime, maxRecordBytes, timeoutMs)
    if (!this.#isClosed) {
      this.#callers.set(key, caller)
      if (this.#callers.size > callersMax) this.#letGoOfIdle(0)
      this.#watch()
    }
    return caller
  }

  #watch(): void {
    this.#timer ??= this.#options.runtime.setTimer(
      idleMs / 2,
      () => {
        this.#timer = undefined
        this.#letGoOfIdle(idleMs)
        if (this.#callers.size > 0 && !this.#isClosed) this.#watch()
      },
      { background: true },
    )
  }

  #letGoOfIdle(olderMs: number): void {
    const now = this.#options.runtime.monotonicNow()
    for (const [key, caller] of this.#callers) {
      if (caller.users > 0 || now - caller.usedAt < olderMs) continue
      if (olderMs === 0 && this.#callers.size <= callersMax) return
      this.#callers.delete(key)
      caller.close().catch((error: unknown) => {
        this.#options.runtime.logger.debug(
          { err: error },
          'a client of the HTTP API did not close well',
        )
      })
    }
  }
}
