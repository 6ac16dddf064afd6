/**
 * The place of one socket: opens it when it is first wanted, again after it was lost, with growing pauses between failures.
 * A slot that nobody uses for long lets go of its socket and is forgotten by its owner.
 */
import { backoffDelay, delay } from '../../core/backoff.ts'
import type { Timer } from '../../core/runtime.ts'
import { resolvesWithin } from '../../core/within.ts'
import { BrokerSocket } from './broker-socket.ts'
import type { SocketOptions } from './open-socket.ts'

/** How long a socket that closes waits for answers that nobody wants any more, lest the broker sees a broken connection. */
const lastAnswersMs = 1000

export class SocketSlot {
  readonly lane: string
  readonly #options: SocketOptions
  readonly #idleMs: number
  /** Told when the slot is of no more use. */
  readonly #onIdle: () => void
  readonly #closing = new AbortController()
  #socket: BrokerSocket | undefined
  #opening: Promise<BrokerSocket> | undefined
  #failures = 0
  #retryAt = 0
  #usedAt: number
  #idleTimer: Timer

  /** `idleMs`: how long it may be without use. */
  constructor(options: SocketOptions, lane: string, idleMs: number, onIdle: () => void) {
    this.#options = { ...options, signal: this.#closing.signal }
    this.lane = lane
    this.#idleMs = idleMs
    this.#onIdle = onIdle
    this.#usedAt = options.runtime.monotonicNow()
    this.#idleTimer = this.#watchIdleness(idleMs)
  }

  /** The socket when it is open and free; undefined: ask for one. */
  get ready(): BrokerSocket | undefined {
    const socket = this.#socket
    if (!socket?.isUsable) return undefined
    if (socket.hasAbandoned) {
      socket.retire()
      return undefined
    }
    this.#usedAt = this.#options.runtime.monotonicNow()
    return socket
  }

  /** After a failure, waits before the next try, unless that would pass `deadline`. */
  async socket(deadline: number, signal: AbortSignal): Promise<BrokerSocket> {
    const { runtime } = this.#options
    const waitMs = this.#retryAt - runtime.monotonicNow()
    if (!this.ready && !this.#opening && waitMs > 0 && this.#retryAt < deadline) {
      await delay(runtime, waitMs, signal)
    }
    return this.socketNow()
  }

  /** Without a pause. */
  socketNow(): Promise<BrokerSocket> {
    const ready = this.ready
    if (ready) return Promise.resolve(ready)
    this.#usedAt = this.#options.runtime.monotonicNow()
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  /** Nobody asks for a socket any more: the one that is there ends once what is under way on it is answered. */
  release(): void {
    this.#idleTimer.cancel()
    this.#socket?.retire()
    this.#opening?.then(
      (socket) => socket.retire(),
      () => undefined,
    )
  }

  /** Opens none any more; resolves once the socket is gone. `reason`: what those who wait for one are told. */
  async close(reason: Error): Promise<void> {
    this.#idleTimer.cancel()
    this.#closing.abort(reason)
    const socket = this.#socket
    if (!socket) return
    socket.retire()
    const ended = socket.ended()
    if (!(await resolvesWithin(this.#options.runtime, ended, lastAnswersMs))) socket.close()
    await ended
  }

  async #open(): Promise<BrokerSocket> {
    const { runtime } = this.#options
    try {
      const socket = await BrokerSocket.open(this.#options)
      this.#failures = 0
      this.#retryAt = 0
      this.#socket = socket
      return socket
    } catch (error) {
      this.#failures++
      this.#retryAt =
        runtime.monotonicNow() + backoffDelay(this.#failures, { baseMs: 50, maxMs: 1000 }, runtime)
      throw error
    }
  }

  #watchIdleness(waitMs: number): Timer {
    const { runtime } = this.#options
    const look = () => {
      const idleMs = runtime.monotonicNow() - this.#usedAt
      const isBusy = this.#opening !== undefined || (this.#socket?.inFlight ?? 0) > 0
      if (idleMs < this.#idleMs || isBusy) {
        this.#idleTimer = this.#watchIdleness(Math.max(this.#idleMs - idleMs, 1000))
      } else {
        this.#socket?.retire()
        this.#onIdle()
      }
    }
    return runtime.setTimer(waitMs, look, { background: true })
  }
}
