/**
 * What a connection takes in: requests that are whole and wait to be begun, and the one that has begun to come. Here a long
 * request is admitted, or refused, or waits for memory; here a request that comes too slowly is noticed.
 *
 * Invariant: whatever is held is counted, by the request's own claim or, for short ones, by `#unclaimed`.
 */
import type { Backend, BackendApi } from '../backend/backend.ts'
import { isAccepted, notServed, versionNotServed } from '../backend/not-served.ts'
import { KafkaError } from '../core/errors.ts'
import { Fifo } from '../core/fifo.ts'
import type { Runtime } from '../core/runtime.ts'
import { apiName } from '../protocol/api-names.ts'
import { ByteReader } from '../protocol/byte-reader.ts'
import { decodeRequestHeader, type RequestHeader } from '../protocol/frame.ts'
import { produce } from '../protocol/messages/generated/produce.ts'
import type { Claim, MemoryBudget, Wanted } from './memory-budget.ts'
import { ReceiptWatch } from './receipt-watch.ts'
import { RequestReader } from './request-reader.ts'
import type { ConnectionLimits } from './server-config.ts'
import type { ListenerMetrics, ReachedLimit } from './server-metrics.ts'

/**
 * A record batch stays the bytes that it is; all else becomes objects. The smallest parts of a request, three bytes for a
 * topic of one letter, take seventeen times as much, and about as much again in the answer.
 */
const decodedFactor = 32

export interface RequestIntakeParts {
  readonly backend: Backend
  readonly budget: MemoryBudget
  readonly limits: ConnectionLimits
  readonly metrics: Pick<ListenerMetrics, 'reached'>
  readonly runtime: Runtime
  /** Earlier requests are worked on: their answers will tell whether the sender is served. */
  readonly isWorking: () => boolean
  /** Something may be begun that could not before, or reading may go on. */
  readonly onNews: () => void
  /** What came last cannot be served, and nothing more is to be read. */
  readonly onRefused: (error: unknown) => void
  /** The connection is to end at once. */
  readonly onLimit: (message: string, fields: object) => void
}

export interface ReceivedRequest {
  readonly header: RequestHeader
  readonly served: BackendApi
  /** Stands behind what all headers share. */
  readonly reader: ByteReader
  readonly bytes: number
  /** For its bytes; undefined: they are so few that they are only counted. */
  readonly claim: Claim | undefined
}

export class RequestIntake {
  readonly #parts: RequestIntakeParts
  readonly #reader: RequestReader
  readonly #receipt: ReceiptWatch
  /** Whole, and not begun. */
  readonly #waiting = new Fifo<ReceivedRequest>()
  /** What is held of requests that have no claim of their own. */
  readonly #unclaimed: Claim
  /** Bytes of such requests that wait or are worked on. */
  #unclaimedBytes = 0
  /** A request was answered: the client is no stranger. */
  #isServed = false
  /** For a request that is not admitted before an earlier one is answered. */
  #wantedByStranger: Wanted | undefined
  /** Takes back what waits for memory. */
  #leaveLine: (() => void) | undefined
  #isEnded = false

  constructor(parts: RequestIntakeParts) {
    const { limits, budget, metrics, runtime } = parts
    this.#parts = parts
    this.#unclaimed = budget.open('request')
    this.#reader = new RequestReader({
      bytesMax: Math.min(limits.socketRequestMaxBytes, budget.requestBytesMax),
      admit: (size, start) => this.#admit(size, start),
      onTooLong: () => metrics.reached('socketRequestMaxBytes'),
      onRequest: (frame, claim) => this.#waiting.push(this.#open(frame, claim)),
    })
    this.#receipt = new ReceiptWatch({
      runtime,
      timeoutMs: limits.requestReceiveTimeout,
      onTimeout: (tookMs) => {
        const message = 'a connection is closed: its request did not arrive in full'
        this.#limit('requestReceiveTimeout', message, { tookMs: Math.round(tookMs) })
      },
    })
  }

  /** How many requests are whole and not begun. */
  get length(): number {
    return this.#waiting.length
  }

  /** A request waits for memory, or for the answer to the first: nothing more may be read. */
  get isBlocked(): boolean {
    return this.#reader.isWaiting && !this.#isEnded
  }

  /** Bytes that have come of a request that is not whole. */
  get pendingBytes(): number {
    return this.#reader.pendingBytes
  }

  receive(chunk: Uint8Array): void {
    this.#read(() => this.#reader.push(chunk))
  }

  peek(): ReceivedRequest | undefined {
    return this.#waiting.peek()
  }

  /** The request is its taker's, who releases it. */
  take(): ReceivedRequest | undefined {
    return this.#waiting.shift()
  }

  /** Nothing of it is held any more. */
  release({ claim, bytes }: ReceivedRequest): void {
    if (claim) return claim.release()
    this.#unclaimedBytes -= bytes
    this.#count()
  }

  /** A request of this connection was answered. */
  answered(): void {
    this.#isServed = true
    const wanted = this.#wantedByStranger
    if (!wanted) return
    this.#wantedByStranger = undefined
    const claim = this.#claimFor(wanted)
    if (claim) this.#admitted(claim)
  }

  /** A request was answered, and it is still not known who asks: a long request that waited for that is refused. */
  answeredStranger(): void {
    if (!this.#wantedByStranger || this.#waiting.length > 0 || this.#parts.isWorking()) return
    const { bytes } = this.#wantedByStranger
    this.#wantedByStranger = undefined
    this.#parts.metrics.reached('maxFirstRequestBytes')
    this.#parts.onRefused(
      new KafkaError(
        `A request of ${bytes} bytes arrived before authentication; at most ${this.#parts.limits.maxFirstRequestBytes} are allowed (maxFirstRequestBytes)`,
        { code: 'INVALID_REQUEST' },
      ),
    )
  }

  /** Nothing is read for now: the time does not count. */
  pause(): void {
    this.#receipt.pause()
  }

  resume(): void {
    this.#receipt.resume()
  }

  /** Takes nothing more, and lets go of the request that has begun to come; whole ones stay. Idempotent. */
  stop(): void {
    this.#isEnded = true
    this.#leaveLine?.()
    this.#leaveLine = undefined
    this.#wantedByStranger = undefined
    this.#receipt.end()
    this.#reader.drop()
    this.#count()
  }

  /** Lets go of requests that are whole and not begun. */
  dropWaiting(): void {
    for (const request of this.#waiting.drain()) this.release(request)
  }

  #read(go: () => void): void {
    try {
      go()
    } catch (error) {
      // Whatever came before is still served.
      this.#parts.onNews()
      return this.#parts.onRefused(error)
    }
    const { pendingBytes, requests } = this.#reader
    this.#receipt.progress(pendingBytes > 0 ? requests : undefined)
    this.#count()
    this.#parts.onNews()
  }

  /** Throws what cannot be answered. */
  #open(frame: Uint8Array, claim: Claim | undefined): ReceivedRequest {
    try {
      const reader = new ByteReader(frame)
      const header = decodeRequestHeader(reader)
      const served = this.#servedApi(header.apiKey)
      claim?.awaitPeer(undefined)
      if (!claim) this.#unclaimedBytes += frame.length
      return { header, served, reader, claim, bytes: frame.length }
    } catch (error) {
      claim?.release()
      throw error
    }
  }

  #servedApi(key: number): BackendApi {
    const served = this.#parts.backend.servedApi(key)
    if (!served) throw notServed(apiName(key))
    return served
  }

  /** Memory for a long request; undefined: it waits. Throws for one that would be refused in the end. */
  #admit(size: number, start: Uint8Array): Claim | undefined {
    const { limits, budget, metrics, isWorking } = this.#parts
    const reader = new ByteReader(start)
    const served = this.#servedApi(reader.readInt16())
    const version = reader.readInt16()
    if (!isAccepted(served, version)) throw versionNotServed(served, version)
    const wanted: Wanted = {
      kind: size > budget.largeFromBytes ? 'largeRequest' : 'request',
      bytes: served.api.key === produce.key ? size : decodedFactor * size,
    }
    if (wanted.bytes > budget.requestBytesMax) {
      metrics.reached('queuedMaxRequestBytes')
      throw new KafkaError(
        `A ${served.api.name} request of ${size} bytes was announced; decoded it takes up to ${decodedFactor} times as much, and that is to be at most half of queuedMaxRequestBytes (${budget.bytesMax})`,
        { code: 'INVALID_REQUEST' },
      )
    }
    if (this.#isServed || size <= limits.maxFirstRequestBytes) return this.#claimFor(wanted)
    if (this.#waiting.length > 0 || isWorking()) {
      this.#wantedByStranger = wanted
      return undefined
    }
    metrics.reached('maxFirstRequestBytes')
    throw new KafkaError(
      `The first request of a connection has ${size} bytes; at most ${limits.maxFirstRequestBytes} are allowed before the first response (maxFirstRequestBytes)`,
      { code: 'INVALID_REQUEST' },
    )
  }

  #claimFor(wanted: Wanted): Claim | undefined {
    const { budget } = this.#parts
    const claim = budget.tryClaim(wanted)
    if (claim) return this.#forSender(claim)
    this.#leaveLine = budget.wait(wanted, {
      granted: (granted) => this.#admitted(this.#forSender(granted)),
      expired: (waitedMs) => {
        const message = 'a connection is closed: its request waited too long for memory'
        const fields = { wantedBytes: wanted.bytes, waitedMs: Math.round(waitedMs) }
        this.#limit('memoryWaitTimeout', message, fields)
      },
    })
    return undefined
  }

  #forSender(claim: Claim): Claim {
    claim.awaitPeer({
      movedBytes: () => this.#reader.pendingBytes,
      drop: () => {
        const message =
          'a connection is closed: its request is incomplete, and other requests wait for memory'
        this.#limit('slowConnectionGrace', message, { heldBytes: claim.bytes })
      },
    })
    return claim
  }

  #admitted(claim: Claim): void {
    this.#leaveLine = undefined
    this.#read(() => this.#reader.admitted(claim))
  }

  #limit(limit: ReachedLimit, message: string, fields: object): void {
    this.#parts.metrics.reached(limit)
    this.#parts.onLimit(message, { ...fields, pendingBytes: this.#reader.pendingBytes })
  }

  #count(): void {
    this.#unclaimed.resize(this.#unclaimedBytes + this.#reader.unclaimedBytes)
  }
}
