/**
 * One client's connection: bytes in, requests to the broker, answers out in the order of the requests.
 *
 *   bytes ─ RequestReader ─ waiting requests ─ #begin ─ broker.handle ─ answers (in order) ─ AnswerSender ─ socket
 *              │ admit                                      │ FetchMemory                       │
 *              └────────────────────────── MemoryBudget of the server ──────────────────────────┘
 *
 * Requests that are pipelined are begun in order and worked on together, so that many produces share one sync. What
 * bounds a connection: `maxInFlightRequests` requests are worked on; one that may have a large answer is begun only once
 * all earlier answers have left; none is begun while more than `maxUnsentBytes` wait for a slow reader, or, when memory is
 * short, while anything is under way. Whatever is not begun stops the reading, and so the sender. What bounds all
 * connections together: the memory budget.
 *
 * A request that cannot be decoded, or that no answer could express, ends the connection; the log says why.
 */
import type { Socket } from 'node:net'
import {
  encodeAnswer,
  isApiVersions,
  noteSoftware,
  readRequest,
} from '../backend/answer-encoding.ts'
import type { Backend } from '../backend/backend.ts'
import type { RequestContext } from '../backend/request-context.ts'
import type { Session } from '../backend/session.ts'
import { ClosedError } from '../core/errors.ts'
import { Fifo } from '../core/fifo.ts'
import type { Runtime, Timer } from '../core/runtime.ts'
import { nextTurn } from '../core/turn.ts'
import type { RequestHeader } from '../protocol/frame.ts'
import type { ApiVersionsRequest } from '../protocol/messages/generated/api-versions.ts'
import { type FetchResponse, fetch } from '../protocol/messages/generated/fetch.ts'
import { joinGroup } from '../protocol/messages/generated/join-group.ts'
import { produce } from '../protocol/messages/generated/produce.ts'
import { saslAuthenticate } from '../protocol/messages/generated/sasl-authenticate.ts'
import { syncGroup } from '../protocol/messages/generated/sync-group.ts'
import { readBuffers } from '../storage/read-buffers.ts'
import { AnswerSender } from './answer-sender.ts'
import { FetchMemory } from './fetch-memory.ts'
import { answerToHttp, foreignProtocol } from './foreign-protocol.ts'
import { IdleWatch } from './idle-watch.ts'
import { largeAnswers } from './large-answers.ts'
import type { MemoryBudget } from './memory-budget.ts'
import { type ReceivedRequest, RequestIntake } from './request-intake.ts'
import type { ConnectionLimits } from './server-config.ts'
import type { ListenerMetrics } from './server-metrics.ts'

export interface ConnectionOptions {
  readonly socket: Socket
  readonly backend: Backend
  readonly runtime: Runtime
  readonly limits: ConnectionLimits
  readonly budget: MemoryBudget
  readonly metrics: ListenerMetrics
  readonly session: Session
  /** The client is a stranger until it has shown who it is. */
  readonly mustAuthenticate: boolean
  readonly onEnd: () => void
}

/** Parts are none when there is nothing to send. After one that failed nothing can be sent: clients count answers. */
interface Answer {
  state: 'pending' | 'ready' | 'failed'
  parts: readonly Uint8Array[]
  /** How long nothing is heard once it is sent, milliseconds. */
  throttleMs: number
  readonly memory: FetchMemory | undefined
  /** The records of a fetch: their memory is used again once they have left. */
  records: readonly Uint8Array[]
}

/** An answer that has left within this is followed by one of twice the size, if that is wanted; milliseconds. */
const fastMs = 500
/** One that took longer, by one of half the size. */
const slowMs = 1000

/** A session that was ended is over by then, whatever is under way; milliseconds. */
const sessionEndMs = 500

/** So much is read of a connection before others have their turn. */
const burstBytesMax = 256 * 1024

/** Requests that may wait for long, and hold nothing meanwhile: what their handlers keep is theirs to bound. */
const waitingApis: ReadonlySet<number> = new Set([fetch.key, joinGroup.key, syncGroup.key])

export class KafkaConnection {
  readonly #options: ConnectionOptions
  readonly #socket: Socket
  readonly #intake: RequestIntake
  readonly #sender: AnswerSender
  /** `host:port` of the client, for the log. */
  readonly #peer: string
  readonly #gone = new AbortController()
  /** Requests that are worked on, and answers that wait for an earlier one, in order. */
  readonly #answers = new Fifo<Answer>()
  /** Of the one fetch that is worked on. */
  #fetchMemory: FetchMemory | undefined
  /** Largest answer to a fetch: it grows with how fast answers leave. */
  #answerBytesMax: number
  #isReading = true
  /** What comes next waits until it is known whose it is. */
  #isAuthenticating = false
  /** Bytes that were read since the last rest. */
  #burstBytes = 0
  #isResting = false
  #sawBytes = false
  /** No bytes are taken any more; the connection ends when the last answer is sent. */
  #isFinishing = false
  readonly #idle: IdleWatch
  /** Set while the last answers are waited for. */
  #closeTimer: Timer | undefined
  /** Set while the client is to be silent. */
  #muteTimer: Timer | undefined
  #mutedUntil = 0

  constructor(options: ConnectionOptions) {
    const { socket, runtime, limits } = options
    this.#options = options
    this.#socket = socket
    const { budget, metrics } = options
    this.#answerBytesMax = limits.maxUnsentBytes
    this.#intake = new RequestIntake({
      ...options,
      isWorking: () => this.#answers.length > 0,
      onNews: () => this.#proceed(),
      onRefused: (error) => this.#refuse(error),
      onLimit: (message, fields) => this.#cutOff(message, fields),
    })
    this.#sender = new AnswerSender({
      socket,
      budget,
      metrics,
      now: () => runtime.monotonicNow(),
      drop: () => {
        metrics.reached('slowConnectionGrace')
        const { unsentBytes } = this.#sender
        this.#cutOff(
          'a connection is closed: it does not read its responses, and other requests wait for memory',
          { unsentBytes },
        )
      },
      onProgress: () => {
        this.#idle.touch()
        this.#proceed()
      },
    })
    this.#peer = `${options.session.clientAddress}:${socket.remotePort}`
    this.#idle = new IdleWatch({
      runtime,
      timeoutMs: limits.connectionsMaxIdle,
      isBusy: () => this.#answers.length > 0,
      onIdle: (idleMs) => {
        this.#log('debug', 'an idle connection is closed', { idleMs: Math.round(idleMs) })
        socket.destroy()
      },
    })
    options.session.onEnd((reason) => this.#endSession(reason))
    socket.setNoDelay(true)
    socket.on('data', (chunk: Uint8Array) => this.#receive(chunk))
    socket.on('end', () => this.#endOfInput())
    socket.on('error', (error) => this.#log('debug', 'a connection failed', { err: error }))
    socket.on('close', () => this.#closed())
  }

  /** Begins no further request; sends the answers of those in flight, then ends. Idempotent. */
  finish(): void {
    this.#intake.dropWaiting()
    this.#fetchMemory?.close()
    this.#finishSoon()
  }

  #receive(chunk: Uint8Array): void {
    this.#idle.touch()
    this.#options.metrics.receivedBytes.value += chunk.length
    if (this.#isFinishing) return
    if (!this.#sawBytes) {
      this.#sawBytes = true
      const foreign = foreignProtocol(chunk)
      if (foreign) return this.#turnAway(foreign)
    }
    this.#intake.receive(chunk)
    this.#burstBytes += chunk.length
    if (this.#burstBytes >= burstBytesMax) this.#rest()
  }

  /** Others are heard in between: the operating system would give us megabytes of one connection at a time. */
  #rest(): void {
    this.#burstBytes = 0
    this.#isResting = true
    this.#stopReading()
    void nextTurn().then(() => {
      this.#isResting = false
      this.#proceed()
    })
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
    const intake = this.#intake
    while (intake.length > 0 && this.#mayBegin(intake.peek()!)) this.#begin(intake.take()!)
    if (intake.length > 0) this.#stopReading()
    else if (this.#isFinishing) this.#endWhenAnswered()
    else if (intake.isBlocked) this.#stopReading()
    else if (!this.#muteTimer && !this.#isResting) this.#resumeReading()
  }

  #mayBegin({ served: { api } }: ReceivedRequest): boolean {
    if (this.#muteTimer || this.#isAuthenticating) return false
    const { limits, budget } = this.#options
    const { unsentBytes } = this.#sender
    const isBusy = this.#answers.length > 0 || unsentBytes > 0
    if (isBusy && (largeAnswers.has(api.key) || budget.isShort)) return false
    return this.#answers.length < limits.maxInFlightRequests && unsentBytes <= limits.maxUnsentBytes
  }

  #begin(received: ReceivedRequest): void {
    const { backend, session } = this.#options
    const { header, served, reader } = received
    const { api } = served
    const { apiVersion: version, clientId } = header
    let request: unknown
    try {
      request = readRequest(served, version, reader)
    } catch (error) {
      this.#intake.release(received)
      return this.#refuse(error, header)
    }
    const isKept = api.key === produce.key || (received.claim && !waitingApis.has(api.key))
    if (!isKept) this.#intake.release(received)
    session.clientId = clientId
    if (isApiVersions(api)) noteSoftware(session, request as ApiVersionsRequest)
    const isSasl = api.key === saslAuthenticate.key
    if (isSasl) this.#isAuthenticating = true
    const memory = api.key === fetch.key ? this.#openFetchMemory() : undefined
    const answer: Answer = { state: 'pending', parts: [], throttleMs: 0, memory, records: [] }
    this.#answers.push(answer)
    const context: RequestContext = {
      version,
      clientId,
      session,
      requestId: header.correlationId,
      signal: this.#gone.signal,
      ...(memory && { answerMemory: memory }),
    }
    let isAnswered = false
    backend
      .handle(api, request, context)
      .then(({ response, throttleMs }) => {
        answer.parts = encodeAnswer(api, header, request, response)
        answer.throttleMs = throttleMs
        if (api.key === fetch.key) answer.records = recordsIn(response as FetchResponse)
        answer.state = 'ready'
        isAnswered = true
      })
      .catch((error: unknown) => {
        answer.state = 'failed'
        memory?.release()
        this.#refuse(error, header)
      })
      .then(() => {
        if (isKept) this.#intake.release(received)
        if (isSasl) this.#isAuthenticating = false
        this.#sendAnswers()
        const isStranger = this.#options.mustAuthenticate && session.authentication === 'none'
        if (isAnswered && isStranger) this.#intake.answeredStranger()
        else if (isAnswered) this.#intake.answered()
      })
  }

  #openFetchMemory(): FetchMemory {
    this.#fetchMemory = new FetchMemory({
      budget: this.#options.budget,
      bytesMax: this.#answerBytesMax,
      onExpired: (waitedMs) => {
        this.#options.metrics.reached('memoryWaitTimeout')
        this.#log('warn', 'a fetch is answered without records: it waited too long for memory', {
          waitedMs: Math.round(waitedMs),
        })
      },
    })
    if (this.#isFinishing) this.#fetchMemory.close()
    return this.#fetchMemory
  }

  #sendAnswers(): void {
    this.#idle.touch()
    for (let next = this.#answers.peek(); next; next = this.#answers.peek()) {
      if (next.state === 'pending') break
      if (next.state === 'failed') for (const { memory } of this.#answers.drain()) memory?.release()
      else {
        this.#answers.shift()
        this.#send(next)
        if (next.throttleMs > 0) this.#mute(next.throttleMs)
      }
    }
    this.#proceed()
  }

  #send({ parts, memory, records }: Answer): void {
    if (!memory) return this.#sender.send(parts, 0)
    const held = memory.heldBytes
    this.#sender.send(parts, held, (sentInMs) => {
      for (const bytes of records) readBuffers.release(bytes)
      this.#pace(held, sentInMs)
    })
    memory.release()
  }

  /** The next answer is as large as can be expected to leave soon. */
  #pace(bytes: number, sentInMs: number): void {
    const { maxUnsentBytes } = this.#options.limits
    const max = this.#answerBytesMax
    if (sentInMs > slowMs) this.#answerBytesMax = Math.max(maxUnsentBytes, Math.floor(max / 2))
    else if (sentInMs < fastMs && bytes > max / 4) this.#answerBytesMax = Math.min(2 * max, 2 ** 31)
  }

  /** Begins nothing for so long, and so reads nothing (KIP-219); the client has been told, and most wait by themselves. */
  #mute(pauseMs: number): void {
    const { runtime } = this.#options
    const endsAt = runtime.monotonicNow() + pauseMs
    if (endsAt <= this.#mutedUntil || this.#isFinishing) return
    this.#mutedUntil = endsAt
    this.#muteTimer?.cancel()
    const unmute = () => {
      this.#muteTimer = undefined
      this.#proceed()
    }
    this.#muteTimer = runtime.setTimer(pauseMs, unmute, { background: true })
    this.#stopReading()
  }

  #unmute(): void {
    this.#muteTimer?.cancel()
    this.#muteTimer = undefined
  }

  #stopReading(): void {
    if (!this.#isReading) return
    this.#isReading = false
    this.#intake.pause()
    this.#socket.pause()
  }

  #resumeReading(): void {
    if (this.#isReading) return
    this.#isReading = true
    this.#intake.resume()
    this.#socket.resume()
  }

  /** The client sends no more. It may still want its answers, but waits for no more data to come. */
  #endOfInput(): void {
    const { pendingBytes } = this.#intake
    if (pendingBytes > 0 && !this.#isFinishing) {
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
    this.#intake.dropWaiting()
    this.#finishSoon()
  }

  /** It is waited for no longer. */
  #cutOff(message: string, fields: object): void {
    this.#log('warn', message, fields)
    this.#isFinishing = true
    this.#releaseAll()
    this.#socket.destroy()
  }

  #finishSoon(): void {
    if (!this.#isFinishing) {
      this.#isFinishing = true
      this.#unmute()
      this.#intake.stop()
      const { runtime, limits } = this.#options
      this.#idle.end()
      // A client that does not take its answers is not waited for.
      const giveUp = () => this.#socket.destroy()
      this.#closeTimer = runtime.setTimer(limits.closeTimeout, giveUp, { background: true })
      // What still comes is read and dropped, so that the other end of the stream is noticed.
      this.#resumeReading()
    }
    this.#endWhenAnswered()
  }

  /** Its credential is gone, or was never good: what is answered already still leaves, and nothing else. */
  #endSession(reason: string): void {
    this.#log('info', 'a connection is closed', { reason })
    this.#gone.abort()
    this.#intake.dropWaiting()
    const { runtime } = this.#options
    runtime.setTimer(sessionEndMs, () => this.#socket.destroy(), { background: true })
    this.#finishSoon()
  }

  #endWhenAnswered(): void {
    const isAnswered = this.#intake.length === 0 && this.#answers.length === 0
    if (isAnswered && this.#sender.isIdle) this.#socket.destroySoon()
  }

  #closed(): void {
    this.#isFinishing = true
    this.#idle.end()
    this.#closeTimer?.cancel()
    this.#unmute()
    this.#gone.abort()
    this.#releaseAll()
    this.#options.onEnd()
  }

  /** Requests that are worked on let go of theirs when they are done. */
  #releaseAll(): void {
    this.#intake.stop()
    this.#intake.dropWaiting()
    this.#fetchMemory?.close()
    for (const { memory } of this.#answers.drain()) memory?.release()
    this.#sender.end()
  }

  #log(level: 'debug' | 'info' | 'warn', message: string, fields: object = {}): void {
    this.#options.runtime.logger[level]({ peer: this.#peer, ...fields }, message)
  }
}

function recordsIn({ responses }: FetchResponse): Uint8Array[] {
  const found: Uint8Array[] = []
  for (const { partitions } of responses)
    for (const { records } of partitions) if (records) found.push(records)
  return found
}
