/**
 * The connection to a cluster of brokers over TCP or TLS: knows where the nodes are, keeps a socket to each that is asked,
 * and reconnects with growing pauses.
 *
 * Where nodes are is learned from the answers that pass by (Metadata, FindCoordinator). While nothing is known, or nobody
 * known can be reached, the bootstrap list is asked (KIP-899).
 *
 * A broker answers one connection's requests one after the other, so requests that wait (fetches, joins) have sockets of
 * their own: `lane` in the options. A socket behind an answer that nobody waits for any more is replaced.
 */

import { abortReason, backoffDelay, delay } from '../../core/backoff.ts'
import {
  ClosedError,
  DisconnectedError,
  KafkaError,
  TimeoutError,
  withOutcome,
} from '../../core/errors.ts'
import type { Runtime, Timer } from '../../core/runtime.ts'
import { within } from '../../core/within.ts'
import type { Api, ApiIdentity } from '../../protocol/api.ts'
import {
  type FindCoordinatorResponse,
  findCoordinator,
} from '../../protocol/messages/generated/find-coordinator.ts'
import {
  createMetadataRequest,
  type MetadataResponse,
  metadata,
} from '../../protocol/messages/generated/metadata.ts'
import type { Connection, ExchangeOptions } from '../connection.ts'
import { ExchangesUnderWay } from '../exchanges-under-way.ts'
import type { SaslCredentials } from '../sasl/mechanism.ts'
import type { TlsOptions } from '../tls-options.ts'
import { type BrokerAddress, formatAddress } from './address.ts'
import type { BrokerSocket } from './broker-socket.ts'
import { SocketSlot } from './socket-slot.ts'

export interface TcpOptions {
  /** For messages; without a password. */
  readonly url: string
  readonly bootstrap: readonly BrokerAddress[]
  readonly clientId: string
  readonly runtime: Runtime
  /** For exchanges that give no limit, milliseconds. */
  readonly timeoutMs: number
  /** Milliseconds for a new socket to be ready. Default 10 s. */
  readonly connectTimeoutMs?: number | undefined
  readonly tls?: TlsOptions | undefined
  readonly sasl?: SaslCredentials | undefined
}

const sharedLane = 'shared'
/** A lane that nobody has released, but does not use; the shared one lives as long as brokers usually allow. */
const idleMs = { shared: 540_000, ownLane: 30_000 }
/** A broker that has not answered by then is not waited for alone: the next is tried beside it. */
const nextCandidateMs = 1000
const roundsMax = 3
/** How long `close` waits for answers to what was asked before. A broker that does not answer must not keep it. */
const quietMs = 2000

export class TcpConnection implements Connection {
  readonly url: string
  readonly #options: TcpOptions
  readonly #runtime: Runtime
  readonly #nodes = new Map<number, BrokerAddress>()
  /** By address and lane. */
  readonly #slots = new Map<string, SocketSlot>()
  readonly #closing = new AbortController()
  /** Shared by everyone who looks for a node meanwhile. */
  #finding: Promise<void> | undefined
  readonly #exchanges = new ExchangesUnderWay()
  #closed: Promise<void> | undefined

  constructor(options: TcpOptions) {
    this.url = options.url
    this.#options = options
    this.#runtime = options.runtime
  }

  async exchange<Request, Response>(
    api: Api<Request, Response>,
    request: Request | ((version: number) => Request),
    options: ExchangeOptions = {},
  ): Promise<Response> {
    const { nodeId, signal, timeoutMs = this.#options.timeoutMs, oneWay, lane } = options
    if (this.#closed) throw closedConnection()
    if (signal?.aborted) throw abortReason(signal)
    const deadline = this.#runtime.monotonicNow() + timeoutMs
    this.#exchanges.begin()
    try {
      const socket =
        this.#readySocket(nodeId, lane) ??
        (await within(this.#runtime, this.#socketFor(nodeId, lane, deadline), {
          timeoutMs,
          signal,
          onTimeout: () => notReached(api.name, timeoutMs),
        }).catch((error: unknown) => {
          throw asNotSent(error)
        }))
      const version = socket.versionOf(api, options.maxVersion)
      const content =
        typeof request === 'function' ? (request as (version: number) => Request)(version) : request
      const leftMs = Math.max(1, deadline - this.#runtime.monotonicNow())
      const limits = { timeoutMs: leftMs, signal, oneWay }
      const response = await socket.exchange(api, version, content, limits)
      if (!oneWay) this.#learn(api, response)
      return response
    } finally {
      this.#exchanges.end()
    }
  }

  releaseLane(lane: string): void {
    for (const [key, slot] of this.#slots) {
      if (slot.lane !== lane) continue
      this.#slots.delete(key)
      slot.release()
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.#exchanges.quiet(this.#runtime, quietMs)
    const reason = closedConnection()
    this.#closing.abort(reason)
    await Promise.all([...this.#slots.values()].map((slot) => slot.close(reason)))
  }

  /** The common case, without a wait. */
  #readySocket(nodeId: number | undefined, lane = sharedLane): BrokerSocket | undefined {
    if (nodeId === undefined) return this.#anyReadySocket()
    const address = this.#nodes.get(nodeId)
    return address && this.#slots.get(slotKey(address, lane))?.ready
  }

  #anyReadySocket(): BrokerSocket | undefined {
    let best: BrokerSocket | undefined
    for (const { ready, lane } of this.#slots.values()) {
      if (lane !== sharedLane || !ready) continue
      if (!best || ready.inFlight < best.inFlight) best = ready
    }
    return best
  }

  async #socketFor(
    nodeId: number | undefined,
    lane: string | undefined,
    deadline: number,
  ): Promise<BrokerSocket> {
    if (nodeId === undefined) return this.#anySocket(deadline)
    const address = this.#nodes.get(nodeId) ?? (await this.#findNode(nodeId, deadline))
    try {
      return await this.#slot(address, lane).socket(deadline, this.#closing.signal)
    } catch (error) {
      throw isAmongBootstrap(address, this.#options) ? error : asAdvertised(nodeId, address, error)
    }
  }

  /** Whoever can be reached: nodes that are known first, then the bootstrap list. */
  async #anySocket(deadline: number): Promise<BrokerSocket> {
    const known = this.#shuffled([...this.#nodes.values()])
    const candidates = [...known, ...this.#shuffled(this.#options.bootstrap)]
    const slots = [...new Set(candidates.map((address) => this.#slot(address)))]
    for (let round = 1; ; round++) {
      try {
        return await firstOf(this.#runtime, slots)
      } catch (error) {
        if (this.#closing.signal.aborted) throw closedConnection()
        if (!(error instanceof DisconnectedError)) throw error
        const pause = backoffDelay(round, { baseMs: 50, maxMs: 1000 }, this.#runtime)
        if (this.#runtime.monotonicNow() + pause >= deadline || round >= roundsMax) throw error
        await delay(this.#runtime, pause, this.#closing.signal)
      }
    }
  }

  async #findNode(nodeId: number, deadline: number): Promise<BrokerAddress> {
    this.#finding ??= this.#refreshNodes(deadline).finally(() => {
      this.#finding = undefined
    })
    await this.#finding
    const address = this.#nodes.get(nodeId)
    if (address) return address
    throw new DisconnectedError(`The cluster currently has no node ${nodeId}`, {
      code: 'NETWORK_EXCEPTION',
      retriable: true,
    })
  }

  async #refreshNodes(deadline: number): Promise<void> {
    const socket = this.#anyReadySocket() ?? (await this.#anySocket(deadline))
    const timeoutMs = Math.max(1, deadline - this.#runtime.monotonicNow())
    const version = socket.versionOf(metadata)
    const nothing = createMetadataRequest({ topics: [] })
    this.#learn(metadata, await socket.exchange(metadata, version, nothing, { timeoutMs }))
  }

  #slot(address: BrokerAddress, lane = sharedLane): SocketSlot {
    const key = slotKey(address, lane)
    const known = this.#slots.get(key)
    if (known) return known
    const { clientId, connectTimeoutMs = 10_000, tls, sasl } = this.#options
    const slot = new SocketSlot(
      { address, clientId, runtime: this.#runtime, connectTimeoutMs, tls, sasl },
      lane,
      lane === sharedLane ? idleMs.shared : idleMs.ownLane,
      () => this.#slots.delete(key),
    )
    this.#slots.set(key, slot)
    return slot
  }

  #learn(api: ApiIdentity, response: unknown): void {
    if (api.key === metadata.key) {
      const { brokers } = response as MetadataResponse
      if (brokers.length === 0) return
      this.#nodes.clear()
      for (const { nodeId, host, port } of brokers) this.#nodes.set(nodeId, { host, port })
    } else if (api.key === findCoordinator.key) {
      const found = response as FindCoordinatorResponse
      for (const { nodeId, host, port, errorCode } of [found, ...found.coordinators]) {
        if (errorCode === 0 && host !== '' && port > 0) this.#nodes.set(nodeId, { host, port })
      }
    }
  }

  #shuffled<T>(items: readonly T[]): T[] {
    return items
      .map((item) => ({ item, at: this.#runtime.random() }))
      .sort((a, b) => a.at - b.at)
      .map(({ item }) => item)
  }
}

/** The first socket to be had; each slot is tried when the one before has failed, or takes its time. */
function firstOf(runtime: Runtime, slots: readonly SocketSlot[]): Promise<BrokerSocket> {
  return new Promise((resolve, reject) => {
    const errors: Error[] = []
    let next = 0
    let timer: Timer | undefined
    const tryNext = () => {
      timer?.cancel()
      const slot = slots[next++]
      if (!slot) return
      if (next < slots.length) timer = runtime.setTimer(nextCandidateMs, tryNext)
      slot.socketNow().then(
        (socket) => {
          timer?.cancel()
          resolve(socket)
        },
        (error: Error) => {
          errors.push(error)
          if (error instanceof DisconnectedError && errors.length < slots.length) return tryNext()
          timer?.cancel()
          reject(error instanceof DisconnectedError ? nobody(errors) : error)
        },
      )
    }
    tryNext()
  })
}

function slotKey(address: BrokerAddress, lane: string): string {
  return `${formatAddress(address)}/${lane}`
}

function isAmongBootstrap({ host, port }: BrokerAddress, { bootstrap }: TcpOptions): boolean {
  return bootstrap.some((other) => other.host === host && other.port === port)
}

/** The usual mistake in a cluster's settings: it can be reached, but sends its clients elsewhere. */
function asAdvertised(nodeId: number, address: BrokerAddress, error: unknown): unknown {
  if (!(error instanceof DisconnectedError)) return error
  return new DisconnectedError(
    `${error.message}. The cluster advertises node ${nodeId} under ${formatAddress(address)}: check advertised.listeners there (kafka-do serve: --advertised-host)`,
    { code: error.code, retriable: true, outcome: error.outcome, cause: error },
  )
}

function nobody(errors: readonly Error[]): Error {
  const reasons = [...new Set(errors.map(({ message }) => message))]
  if (reasons.length === 1) return errors[0]!
  return new DisconnectedError(`No broker can be reached. ${reasons.join('. ')}`, {
    code: 'NETWORK_EXCEPTION',
    retriable: true,
    cause: new AggregateError(errors),
  })
}

/** Whatever was asked to get there: the request itself was not sent. */
function asNotSent(error: unknown): unknown {
  return error instanceof KafkaError ? withOutcome(error, 'failed') : error
}

function notReached(api: string, timeoutMs: number): TimeoutError {
  return new TimeoutError(
    `${api} was not sent: no connection to the broker within ${Math.round(timeoutMs)} ms`,
    {
      code: 'REQUEST_TIMED_OUT',
      retriable: true,
    },
  )
}

function closedConnection(): ClosedError {
  return new ClosedError('The client is closed; create a new Client', {
    code: 'CLIENT_CLOSED',
  })
}
