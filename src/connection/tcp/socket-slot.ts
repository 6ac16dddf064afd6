/** The place of one socket: opens it when it is first wanted, again after it was lost, with growing pauses between failures. */
import { backoffDelay, delay } from '../../core/backoff.ts'
import type { Timer } from '../../core/runtime.ts'
import { BrokerSocket, type SocketOptions } from './broker-socket.ts'

/** A lane of its own is for one consumer, which may be gone; the shared one lives as long as brokers usually allow. */
const idleMs = { shared: 540_000, ownLane: 30_000 }

export class SocketSlot {
  readonly lane: string
  readonly #options: SocketOptions
  /** Told when the slot is not used any more; undefined: it stays. */
  readonly #onIdle: (() => void) | undefined
  #socket: BrokerSocket | undefined
  #opening: Promise<BrokerSocket> | undefined
  #failures = 0
  #retryAt = 0
  #usedAt = 0
  #idleTimer: Timer | undefined
  #isClosed = false

  constructor(options: SocketOptions, lane: string, onIdle: (() => void) | undefined) {
    this.#options = options
    this.lane = lane
    this.#onIdle = onIdle
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

  /** After a failure, waits before the next try; rejects at once when that would pass `deadline`. */
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
    this.#opening ??= this.#open().finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  close(): void {
    this.#isClosed = true
    this.#idleTimer?.cancel()
    this.#socket?.close()
  }

  async #open(): Promise<BrokerSocket> {
    const { runtime } = this.#options
    try {
      const socket = await BrokerSocket.open(this.#options)
      if (this.#isClosed) socket.close()
      this.#failures = 0
      this.#retryAt = 0
      this.#usedAt = runtime.monotonicNow()
      this.#socket = socket
      this.#idleTimer?.cancel()
      this.#watchIdleness(socket)
      socket.onClose(() => {
        if (this.#socket !== socket) return
        this.#socket = undefined
        this.#idleTimer?.cancel()
      })
      return socket
    } catch (error) {
      this.#failures++
      this.#retryAt =
        runtime.monotonicNow() + backoffDelay(this.#failures, { baseMs: 50, maxMs: 1000 }, runtime)
      throw error
    }
  }

  #watchIdleness(socket: BrokerSocket): void {
    const { runtime } = this.#options
    const limitMs = this.#onIdle ? idleMs.ownLane : idleMs.shared
    const leftMs = this.#usedAt + limitMs - runtime.monotonicNow()
    this.#idleTimer = runtime.setTimer(
      Math.max(leftMs, 1000),
      () => {
        const isIdle = runtime.monotonicNow() - this.#usedAt >= limitMs && socket.inFlight === 0
        if (!isIdle) return this.#watchIdleness(socket)
        socket.retire()
        this.#onIdle?.()
      },
      { background: true },
    )
  }
}
