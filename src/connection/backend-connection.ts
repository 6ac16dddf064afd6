/**
 * The connection of a listener that speaks another language than Kafka's to the backend behind it: requests are handed over as
 * objects, for the caller whose session it is. A cluster may have several nodes.
 */
import type { AnswerMemory } from '../backend/answer-memory.ts'
import type { Backend, BackendApi } from '../backend/backend.ts'
import type { Nodes } from '../backend/nodes.ts'
import { isAccepted, notServed, versionNotServed } from '../backend/not-served.ts'
import type { Session } from '../backend/session.ts'
import { abortReason } from '../core/backoff.ts'
import { ClosedError, DisconnectedError, TimeoutError } from '../core/errors.ts'
import type { Runtime } from '../core/runtime.ts'
import { within } from '../core/within.ts'
import type { Api } from '../protocol/api.ts'
import { fetch } from '../protocol/messages/generated/fetch.ts'
import type { Connection, ExchangeOptions } from './connection.ts'

export interface BackendConnectionOptions {
  readonly nodes: Nodes
  readonly session: Session
  readonly runtime: Runtime
  /** For exchanges that give no limit, milliseconds. */
  readonly timeoutMs: number
  /** Unique among those that share the nodes. */
  readonly name: string
  /** For each fetch, where the memory of answers has a bound. */
  readonly openAnswerMemory?: (() => AnswerMemory & { release(): void }) | undefined
  /** The caller is to be silent for so long, milliseconds. */
  readonly onThrottled: (throttleMs: number) => void
}

export class BackendConnection implements Connection {
  readonly url = 'the cluster behind this service'
  readonly #options: BackendConnectionOptions
  readonly #closing = new AbortController()

  constructor(options: BackendConnectionOptions) {
    this.#options = options
  }

  async exchange<Request, Response>(
    api: Api<Request, Response>,
    request: Request | ((version: number) => Request),
    options: ExchangeOptions = {},
  ): Promise<Response> {
    const { nodeId, signal, maxVersion = api.maxVersion, lane } = options
    const { session, runtime, name, timeoutMs: limitMs } = this.#options
    const { timeoutMs = limitMs } = options
    if (this.#closing.signal.aborted) throw closed()
    if (signal?.aborted) throw abortReason(signal)
    const backend = await this.#backendOf(nodeId)
    const served = backend.servedApi(api.key)
    if (!served) throw notServed(api.name)
    const version = this.#versionIn(served, maxVersion)
    const content =
      typeof request === 'function' ? (request as (version: number) => Request)(version) : request
    const gone = new AbortController()
    const memory = api.key === fetch.key ? this.#options.openAnswerMemory?.() : undefined
    const context = {
      version,
      clientId: session.clientId,
      session,
      lane: lane === undefined ? name : `${name}/${lane}`,
      signal: gone.signal,
      ...(memory && { answerMemory: memory }),
    }
    const handled = backend.handle(api, content, context).then(({ response, throttleMs }) => {
      if (throttleMs > 0) this.#options.onThrottled(throttleMs)
      return response
    })
    // What is made of the answer is counted when it is sent.
    const answered = memory ? handled.finally(() => memory.release()) : handled
    return within(runtime, answered, {
      timeoutMs,
      signal,
      onTimeout: () =>
        new TimeoutError(`${api.name} was not answered within ${timeoutMs} ms`, {
          code: 'REQUEST_TIMED_OUT',
          retriable: true,
          outcome: 'unknown',
        }),
    }).catch((error: unknown) => {
      // Nobody waits for it any more.
      gone.abort(error)
      throw error
    })
  }

  /** Lanes end by themselves when nothing is asked in them. */
  releaseLane(): void {}

  async close(): Promise<void> {
    this.#closing.abort()
  }

  async #backendOf(nodeId: number | undefined): Promise<Backend> {
    const { nodes } = this.#options
    if (nodeId === undefined) return nodes.any()
    const backend = await nodes.node(nodeId)
    if (backend) return backend
    throw new DisconnectedError(`The cluster currently has no node ${nodeId}`, {
      code: 'NETWORK_EXCEPTION',
      retriable: true,
    })
  }

  #versionIn(served: BackendApi, maxVersion: number): number {
    const version = Math.min(served.accepted.maxVersion, maxVersion)
    if (isAccepted(served, version)) return version
    throw versionNotServed(served, version)
  }
}

function closed(): ClosedError {
  return new ClosedError('The service is closing', { code: 'CLIENT_CLOSED' })
}
