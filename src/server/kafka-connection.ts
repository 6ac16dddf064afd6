/**
 * One client's connection: frames in, requests to the broker, answers out in the order of the requests.
 *
 *   bytes ─ FrameSplitter ─ waiting frames ─ #begin ─ broker.handle ─ answers (in order) ─ socket
 *
 * Requests that are pipelined are begun in order and worked on together, so that many produces share one sync. What
 * bounds the memory of a connection: `inFlightRequestsMax` requests are worked on; a request that may have a large
 * answer (a fetch) is begun only once all earlier answers are with the socket; none is begun while more than
 * `unsentBytesMax` wait for a slow reader. Whatever is not begun stops the reading, and so the sender.
 *
 * A request that cannot be decoded, or that no answer could express, ends the connection; the log says why.
 */
import type { Socket } from 'node:net'
import { servedApi } from '../broker/api-table.ts'
import type { Broker } from '../broker/broker.ts'
import type { RequestContext } from '../broker/request-context.ts'
import type { Endpoint } from '../broker/services.ts'
import { ClosedError, KafkaError } from '../core/errors.ts'
import { Fifo } from '../core/fifo.ts'
import type { Runtime, Timer } from '../core/runtime.ts'
import type { Api } from '../protocol/api.ts'
import { ByteReader } from '../protocol/byte-reader.ts'
import { errorFrom } from '../protocol/error-codes.ts'
import {
  decodeRequestBody,
  decodeRequestHeader,
  encodeResponseFrame,
  type RequestHeader,
} from '../protocol/frame.ts'
import { FrameSplitter } from '../protocol/frame-splitter.ts'
import {
  apiVersions,
  createApiVersionsRequest,
} from '../protocol/messages/generated/api-versions.ts'
import { fetch } from '../protocol/messages/generated/fetch.ts'
import {
  type ProduceRequest,
  type ProduceResponse,
  produce,
} from '../protocol/messages/generated/produce.ts'
import { answerToHttp, foreignProtocol } from './foreign-protocol.ts'
import type { ConnectionLimits } from './server-config.ts'

export interface ConnectionOptions {
  readonly socket: Socket
  readonly broker: Pick<Broker, 'handle'>
  readonly runtime: Runtime
  readonly limits: ConnectionLimits
  readonly advertised: Endpoint
  readonly onEnd: () => void
}

interface Frame {
  readonly header: RequestHeader
  readonly api: Api<unknown, unknown>
  readonly reader: ByteReader
}

/** Parts are none when there is nothing to send. After one that failed nothing can be sent: clients count answers. */
interface Answer {
  state: 'pending' | 'ready' | 'failed'
  parts: readonly Uint8Array[]
}

export class KafkaConnection {
  readonly #options: ConnectionOptions
  readonly #socket: Socket
  readonly #splitter: FrameSplitter
  readonly #host: string
  /** `host:port` of the client, for the log. */
  readonly #peer: string
  readonly #gone = new AbortController()
  /** Frames that were read and are not begun. */
  readonly #waiting = new Fifo<Frame>()
  /** Requests that are worked on, and answers that wait for an earlier one, in order. */
  readonly #answers = new Fifo<Answer>()
  #isCorked = false
  #isReading = true
  #sawBytes = false
  /** No bytes are taken any more; the connection ends when the last answer is sent. */
  #isFinishing = false
  #lastActiveAt: number
  #timer: Timer

  constructor(options: ConnectionOptions) {
    const { socket, runtime, limits } = options
    this.#options = options
    this.#socket = socket
    this.#splitter = new FrameSplitter(limits.frameBytesMax)
    this.#host = socket.remoteAddress ?? 'unknown'
    this.#peer = `${this.#host}:${socket.remotePort}`
    this.#lastActiveAt = runtime.monotonicNow()
    this.#timer = this.#watchIdleness(limits.idleTimeout)
    socket.setNoDelay(true)
    socket.on('data', (chunk: Uint8Array) => this.#receive(chunk))
    socket.on('drain', () => this.#proceed())
    socket.on('end', () => this.#endOfInput())
    socket.on('error', (error) => this.#log('debug', 'a connection failed', { err: error }))
    socket.on('close', () => this.#closed())
  }

  /** Begins no further request; sends the answers of those in flight, then ends. Idempotent. */
  finish(): void {
    this.#waiting.drain()
    this.#finishSoon()
  }

  #receive(chunk: Uint8Array): void {
    this.#lastActiveAt = this.#options.runtime.monotonicNow()
    if (this.#isFinishing) return
    if (!this.#sawBytes) {
      this.#sawBytes = true
      const foreign = foreignProtocol(chunk)
      if (foreign) return this.#turnAway(foreign)
    }
    try {
      this.#splitter.push(chunk, (frame) => this.#waiting.push(readFrame(frame)))
    } catch (error) {
      // Whatever came before is still served.
      this.#proceed()
      return this.#refuse(error)
    }
    this.#proceed()
  }

  #turnAway(protocol: 'HTTP' | 'TLS'): void {
    if (protocol === 'HTTP') this.#socket.write(answerToHttp)
    const hint =
      protocol === 'TLS'
        ? 'give the server a certificate, or turn TLS off in the client'
        : 'point a Kafka client at this port'
    this.#log('warn', `a client speaks ${protocol} to a plain Kafka port: ${hint}`)
    this.#finishSoon()
  }

  /** Begins what may begin, and stops or resumes reading accordingly. */
  #proceed(): void {
    while (this.#waiting.length > 0 && this.#mayBegin(this.#waiting.peek()!)) {
      this.#begin(this.#waiting.shift()!)
    }
    if (this.#waiting.length > 0) this.#stopReading()
    else if (this.#isFinishing) this.#endWhenAnswered()
    else this.#resumeReading()
  }

  #mayBegin({ api }: Frame): boolean {
    const { inFlightRequestsMax, unsentBytesMax } = this.#options.limits
    if (this.#answers.length >= inFlightRequestsMax) return false
    if (this.#socket.writableLength > unsentBytesMax) return false
    return api.key !== fetch.key || this.#answers.length === 0
  }

  #begin({ header, api, reader }: Frame): void {
    const { broker, advertised } = this.#options
    const { apiVersion: version, clientId } = header
    let request: unknown
    try {
      request = readRequest(api, version, reader)
    } catch (error) {
      return this.#refuse(error, header)
    }
    const answer: Answer = { state: 'pending', parts: [] }
    this.#answers.push(answer)
    const context: RequestContext = {
      version,
      clientId,
      principal: 'User:ANONYMOUS',
      host: this.#host,
      signal: this.#gone.signal,
      advertised,
    }
    broker
      .handle(api, request, context)
      .then((response) => {
        answer.parts = encodeAnswer(api, header, request, response)
        answer.state = 'ready'
      })
      .catch((error: unknown) => {
        answer.state = 'failed'
        this.#refuse(error, header)
      })
      .then(() => this.#sendAnswers())
  }

  #sendAnswers(): void {
    this.#lastActiveAt = this.#options.runtime.monotonicNow()
    for (let next = this.#answers.peek(); next; next = this.#answers.peek()) {
      if (next.state === 'pending') break
      if (next.state === 'failed') this.#answers.drain()
      else this.#send(this.#answers.shift()!.parts)
    }
    this.#proceed()
  }

  /** Answers that are ready in the same turn travel together. */
  #send(parts: readonly Uint8Array[]): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return
    if (!this.#isCorked) {
      this.#isCorked = true
      this.#socket.cork()
      process.nextTick(() => {
        this.#isCorked = false
        this.#socket.uncork()
      })
    }
    for (const part of parts) this.#socket.write(part)
  }

  #stopReading(): void {
    if (!this.#isReading) return
    this.#isReading = false
    this.#socket.pause()
  }

  #resumeReading(): void {
    if (this.#isReading) return
    this.#isReading = true
    this.#socket.resume()
  }

  /** The client sends no more. It may still want its answers, but waits for no more data to come. */
  #endOfInput(): void {
    if (this.#splitter.pendingBytes > 0 && !this.#isFinishing) {
      const pendingBytes = this.#splitter.pendingBytes
      this.#log('debug', 'a connection ended in the middle of a request', { pendingBytes })
    }
    this.#gone.abort()
    this.#finishSoon()
  }

  /** What comes after cannot be understood, or has no answer: the client has to begin anew. Earlier answers are sent. */
  #refuse(error: unknown, header?: RequestHeader): void {
    if (this.#socket.destroyed) return
    const level = error instanceof ClosedError ? 'debug' : 'warn'
    this.#log(level, 'a connection is closed: its request could not be served', {
      ...header,
      err: error,
    })
    this.#gone.abort()
    this.#waiting.drain()
    this.#finishSoon()
  }

  #finishSoon(): void {
    if (!this.#isFinishing) {
      this.#isFinishing = true
      const { runtime, limits } = this.#options
      this.#timer.cancel()
      // A client that does not take its answers is not waited for.
      this.#timer = runtime.setTimer(limits.closeTimeout, () => this.#socket.destroy(), {
        background: true,
      })
      // What still comes is read and dropped, so that the other end of the stream is noticed.
      this.#resumeReading()
    }
    this.#endWhenAnswered()
  }

  #endWhenAnswered(): void {
    if (this.#waiting.length === 0 && this.#answers.length === 0) this.#socket.destroySoon()
  }

  #watchIdleness(waitMs: number): Timer {
    const { runtime, limits } = this.#options
    const look = () => {
      const idleMs = this.#answers.length > 0 ? 0 : runtime.monotonicNow() - this.#lastActiveAt
      if (idleMs < limits.idleTimeout) {
        this.#timer = this.#watchIdleness(limits.idleTimeout - idleMs)
      } else {
        this.#log('debug', 'an idle connection is closed', { idleMs: Math.round(idleMs) })
        this.#socket.destroy()
      }
    }
    return runtime.setTimer(waitMs, look, { background: true })
  }

  #closed(): void {
    this.#isFinishing = true
    this.#timer.cancel()
    this.#waiting.drain()
    this.#answers.drain()
    this.#gone.abort()
    this.#options.onEnd()
  }

  #log(level: 'debug' | 'warn', message: string, fields: object = {}): void {
    this.#options.runtime.logger[level]({ peer: this.#peer, ...fields }, message)
  }
}

/** Throws what cannot be answered. */
function readFrame(frame: Uint8Array): Frame {
  const reader = new ByteReader(frame)
  const header = decodeRequestHeader(reader)
  const served = servedApi(header.apiKey)
  if (!served) throw notServed(`API key ${header.apiKey}`, header)
  return { header, api: served.api, reader }
}

function readRequest(api: Api<unknown, unknown>, version: number, reader: ByteReader): unknown {
  if (version >= api.minVersion && version <= api.maxVersion) {
    return decodeRequestBody(api, version, reader)
  }
  if (isApiVersions(api)) return createApiVersionsRequest()
  throw notServed(`${api.name} (v${api.minVersion} to v${api.maxVersion} are)`, {
    apiVersion: version,
  })
}

/** Throws `KafkaError` when nothing must be sent but the client has to learn of a failure. */
function encodeAnswer(
  api: Api<unknown, unknown>,
  { apiVersion, correlationId }: RequestHeader,
  request: unknown,
  response: unknown,
): readonly Uint8Array[] {
  if (api.key === produce.key && (request as ProduceRequest).acks === 0) {
    return noAnswer(response as ProduceResponse)
  }
  // In a version that is too new, ApiVersions is answered in the oldest: the client learns what is served (KIP-511).
  const version = isApiVersions(api) && apiVersion > api.maxVersion ? 0 : apiVersion
  return encodeResponseFrame(api, version, correlationId, response)
}

/** With acks=0 the end of the connection is the only way to tell a producer that it should look for the leader again. */
function noAnswer({ responses }: ProduceResponse): readonly Uint8Array[] {
  for (const { partitionResponses } of responses) {
    const failed = partitionResponses.find(({ errorCode }) => errorCode !== 0)
    if (failed) throw errorFrom(failed.errorCode, { message: failed.errorMessage })
  }
  return []
}

function isApiVersions(api: Api<unknown, unknown>): boolean {
  return api.key === apiVersions.key
}

function notServed(what: string, { apiVersion }: { apiVersion: number }): KafkaError {
  return new KafkaError(`${what} is not served in version ${apiVersion}`, {
    code: 'UNSUPPORTED_VERSION',
  })
}
