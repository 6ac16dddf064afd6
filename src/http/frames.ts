/**
 * Kafka's frames over HTTP: the body of a POST is one request frame or several, begun in order and worked on together; the
 * reply is their answers, in the same order. The door of the client's `https://` connection.
 *
 * A request that waits (a fetch, a join) is answered late: meanwhile an empty frame, now and then, tells whoever is in
 * between that the connection is alive. What cannot be expressed by an answer is a problem while nothing was sent yet, and
 * later the early end of the body.
 */
import {
  encodeAnswer,
  isApiVersions,
  noteSoftware,
  readRequest,
} from '../backend/answer-encoding.ts'
import type { AnswerMemory } from '../backend/answer-memory.ts'
import type { Backend, BackendApi } from '../backend/backend.ts'
import type { Nodes } from '../backend/nodes.ts'
import { notServed } from '../backend/not-served.ts'
import type { Session } from '../backend/session.ts'
import { concatBytes } from '../core/bytes.ts'
import { CorruptDataError } from '../core/errors.ts'
import type { Runtime } from '../core/runtime.ts'
import { apiName } from '../protocol/api-names.ts'
import { ByteReader } from '../protocol/byte-reader.ts'
import { decodeRequestHeader, type RequestHeader } from '../protocol/frame.ts'
import { FrameSplitter } from '../protocol/frame-splitter.ts'
import type { ApiVersionsRequest } from '../protocol/messages/generated/api-versions.ts'
import { fetch } from '../protocol/messages/generated/fetch.ts'
import type { HttpReply, HttpRequest } from './http-exchange.ts'
import { Lanes } from './lanes.ts'
import { HttpError } from './problem.ts'

/** Memory of one answer to a fetch, where there is a bound. */
export interface HeldAnswerMemory extends AnswerMemory {
  /** The answer has left, or never will. Idempotent. */
  release(): void
}

export interface FramesOptions {
  readonly nodes: Nodes
  readonly runtime: Runtime
  /** Longest body, bytes. */
  readonly maxFrameBytes: number
  /** Requests of one body. */
  readonly maxFrames: number
  /** How long nothing is sent before an empty frame is, milliseconds. */
  readonly keepAliveMs: number
  readonly openAnswerMemory?: (() => HeldAnswerMemory) | undefined
  /** Whoever is behind the session is to be silent for so long, milliseconds. */
  readonly onThrottled: (session: Session, throttleMs: number) => void
}

interface Decoded {
  readonly served: BackendApi
  readonly header: RequestHeader
  readonly request: unknown
}

/** Shorter pieces are put into one, for each is a call of the system. */
const copiedBytesMax = 16_384
const contentType = { 'content-type': 'application/octet-stream' }
const emptyFrame = new Uint8Array(4)

export class FramesDoor {
  readonly #options: FramesOptions
  readonly #lanes = new Lanes('frames')

  constructor(options: FramesOptions) {
    this.#options = options
  }

  /** `node`: a number, or `any`. Rejects with `HttpError`, and with what keeps the first request from being answered. */
  async serve(
    request: HttpRequest,
    node: string,
    session: Session,
    signal: AbortSignal,
  ): Promise<HttpReply> {
    const backend = await this.#backendOf(node)
    const body = await request.body.whole(this.#options.maxFrameBytes)
    const decoded = this.#decodeAll(backend, body)
    const release: (() => void)[] = []
    const lane = this.#lanes.take()
    const end = () => {
      for (const one of release.splice(0)) one()
    }
    release.push(() => this.#lanes.free(lane))
    const answers = decoded.map((one) =>
      this.#begin(backend, one, { signal, session, lane, release }),
    )
    for (const answer of answers) answer.catch(() => undefined)
    try {
      const isSoon = await this.#isSettledSoon(answers)
      if (isSoon) {
        const parts = (await Promise.all(answers)).flat()
        end()
        // Records of a long answer are not copied.
        const isLong = parts.some(({ length }) => length > copiedBytesMax)
        return { status: 200, headers: contentType, body: isLong ? parts : concatBytes(parts) }
      }
    } catch (error) {
      end()
      throw error
    }
    return { status: 200, headers: contentType, body: this.#stream(answers, end) }
  }

  async #backendOf(node: string): Promise<Backend> {
    const { nodes } = this.#options
    if (node === 'any') return nodes.any()
    if (!/^\d{1,10}$/.test(node)) {
      throw new HttpError(400, `A node is a number, or 'any'; got ${node.slice(0, 100)}`, {
        code: 'INVALID_REQUEST',
      })
    }
    const backend = await nodes.node(Number(node))
    if (backend) return backend
    throw new HttpError(404, `The cluster has no node ${node} at present`, {
      code: 'NETWORK_EXCEPTION',
      retriable: true,
    })
  }

  /** All of them before one is begun: a body that is broken does nothing. */
  #decodeAll(backend: Backend, body: Uint8Array): Decoded[] {
    const { maxFrameBytes, maxFrames } = this.#options
    const decoded: Decoded[] = []
    const splitter = new FrameSplitter(maxFrameBytes)
    splitter.push(body, (frame) => {
      if (decoded.length >= maxFrames) {
        throw new HttpError(413, `A body holds at most ${maxFrames} requests`, {
          code: 'MESSAGE_TOO_LARGE',
        })
      }
      decoded.push(decode(backend, frame))
    })
    if (splitter.pendingBytes > 0 || decoded.length === 0) {
      throw new CorruptDataError(
        decoded.length === 0 && splitter.pendingBytes === 0
          ? "The body holds no request; it takes frames of Kafka's protocol"
          : "The body ends in the middle of a frame of Kafka's protocol",
        { code: 'CORRUPT_MESSAGE' },
      )
    }
    return decoded
  }

  /** Hands it over before it returns: what comes next is begun after it. */
  async #begin(
    backend: Backend,
    { served: { api }, header, request }: Decoded,
    { signal, session, lane, release }: Begun,
  ): Promise<readonly Uint8Array[]> {
    session.clientId = header.clientId
    if (isApiVersions(api)) noteSoftware(session, request as ApiVersionsRequest)
    const memory = api.key === fetch.key ? this.#options.openAnswerMemory?.() : undefined
    if (memory) release.push(() => memory.release())
    const { apiVersion: version, clientId, correlationId: requestId } = header
    const context = { version, clientId, session, signal, lane, requestId }
    const { response, throttleMs } = await backend.handle(
      api,
      request,
      memory ? { ...context, answerMemory: memory } : context,
    )
    if (throttleMs > 0) this.#options.onThrottled(session, throttleMs)
    return encodeAnswer(api, header, request, response)
  }

  /** Whether all are answered before the wait is to be told of. Rejects as soon as one fails. */
  #isSettledSoon(answers: readonly Promise<unknown>[]): Promise<boolean> {
    const { runtime, keepAliveMs } = this.#options
    return new Promise((resolve, reject) => {
      const timer = runtime.setTimer(keepAliveMs, () => resolve(false), { background: true })
      Promise.all(answers)
        .finally(() => timer.cancel())
        .then(() => resolve(true), reject)
    })
  }

  async *#stream(
    answers: readonly Promise<readonly Uint8Array[]>[],
    end: () => void,
  ): AsyncGenerator<Uint8Array> {
    try {
      yield emptyFrame
      for (const answer of answers) {
        while (!(await this.#isSettledSoon([answer]))) yield emptyFrame
        yield* await answer
      }
    } finally {
      end()
    }
  }
}

interface Begun {
  readonly signal: AbortSignal
  readonly session: Session
  readonly lane: string
  readonly release: (() => void)[]
}

/** Throws `KafkaError` for what is not served. */
function decode(backend: Backend, frame: Uint8Array): Decoded {
  const reader = new ByteReader(frame)
  const header = decodeRequestHeader(reader)
  const served = backend.servedApi(header.apiKey)
  if (!served) throw notServed(apiName(header.apiKey))
  return { served, header, request: readRequest(served, header.apiVersion, reader) }
}
