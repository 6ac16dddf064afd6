/**
 * A bounded queue between producers and consumers in one process: for worker pools made by hand.
 *
 * Values come out in the order in which they went in. Every `send` resolves once its value has a place (`capacity` values
 * wait at most); every `receive` once there is a value, or with undefined when the channel is closed and empty.
 */
import { ClosedError } from './errors.ts'
import { Fifo } from './fifo.ts'
import { readInteger } from './options.ts'

interface WaitingSend<T> {
  readonly value: T
  resolve(): void
  reject(error: unknown): void
}

type Received<T> = { readonly value: T } | undefined

/** Who waits for a value. */
interface WaitingReceive<T> {
  readonly settle: (received: Received<T>) => void
  /** It wants none any more. */
  isWithdrawn: boolean
}

/**
 * A bounded queue between asynchronous tasks, for your own worker pools: senders wait while it is full, receivers while
 * it is empty.
 */
export class Channel<T> implements AsyncIterable<T> {
  readonly capacity: number
  readonly #values = new Fifo<T>()
  readonly #sends = new Fifo<WaitingSend<T>>()
  readonly #receives = new Fifo<WaitingReceive<T>>()
  #isClosed = false

  /** `capacity`: values that may wait; 0 (default): a send waits for its receiver. Throws `ConfigError`. */
  constructor(capacity = 0) {
    this.capacity = readInteger(capacity, 'Channel capacity', { min: 0 })
  }

  /** Values that wait to be received. */
  get size(): number {
    return this.#values.length
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /**
   * Resolves when the value is in the queue or received. Rejects with `ClosedError` when the channel is closed first.
   */
  send(value: T): Promise<void> {
    if (this.#isClosed) return Promise.reject(closed())
    for (let next = this.#receives.shift(); next; next = this.#receives.shift()) {
      if (next.isWithdrawn) continue
      next.settle({ value })
      return Promise.resolve()
    }
    if (this.#values.length < this.capacity) {
      this.#values.push(value)
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => this.#sends.push({ value, resolve, reject }))
  }

  /** The next value; undefined once the channel is closed and empty. */
  async receive(): Promise<T | undefined> {
    return (await this.#next())?.value
  }

  /** Refuses further sends; values in the queue can still be received. Waiting sends are rejected. Idempotent. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const { reject } of this.#sends.drain()) reject(closed())
    for (const { settle } of this.#receives.drain()) settle(undefined)
  }

  /**
   * Receives until the channel is closed and empty. Several loops share the values among them. `next()` may be called
   * again before the last has settled; `return()` ends the iterator at once; a value it waited for goes to another
   * receiver.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined> {
    const waiting = new Set<WaitingReceive<T>>()
    let isOver = false
    const over = { value: undefined, done: true } as const
    const end = () => {
      isOver = true
      for (const receive of waiting) {
        receive.isWithdrawn = true
        receive.settle(undefined)
      }
    }
    return {
      next: async () => {
        const received = isOver ? undefined : await this.#next(waiting)
        return received ? { value: received.value, done: false } : over
      },
      return: async () => {
        end()
        return over
      },
      throw: async (error: unknown) => {
        end()
        throw error
      },
      [Symbol.asyncIterator]() {
        return this
      },
    }
  }

  /** `waiting`: where it is to be found while it waits. */
  #next(waiting?: Set<WaitingReceive<T>>): Promise<Received<T>> {
    const send = this.#sends.shift()
    send?.resolve()
    if (this.#values.length > 0) {
      const value = this.#values.shift() as T
      if (send) this.#values.push(send.value)
      return Promise.resolve({ value })
    }
    if (send) return Promise.resolve({ value: send.value })
    if (this.#isClosed) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const receive: WaitingReceive<T> = {
        isWithdrawn: false,
        settle(received) {
          waiting?.delete(receive)
          resolve(received)
        },
      }
      waiting?.add(receive)
      this.#receives.push(receive)
    })
  }
}

function closed(): ClosedError {
  return new ClosedError('The channel is closed', { code: 'CHANNEL_CLOSED' })
}
