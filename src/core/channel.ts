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

/**
 * A bounded queue between asynchronous tasks, for hand-made pools of workers: senders wait while it is full,
 * receivers while it is empty.
 */
export class Channel<T> implements AsyncIterable<T> {
  readonly capacity: number
  readonly #values = new Fifo<T>()
  readonly #sends = new Fifo<WaitingSend<T>>()
  readonly #receives = new Fifo<(received: Received<T>) => void>()
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

  /** Resolves when the value has a place, or its receiver. Rejects with `ClosedError` when the channel is closed first. */
  send(value: T): Promise<void> {
    if (this.#isClosed) return Promise.reject(closed())
    const receive = this.#receives.shift()
    if (receive) {
      receive({ value })
      return Promise.resolve()
    }
    if (this.#values.length < this.capacity) {
      this.#values.push(value)
      return Promise.resolve()
    }
    return new Promise((resolve, reject) => this.#sends.push({ value, resolve, reject }))
  }

  /** The next value; undefined once the channel is closed and what it held has been received. */
  async receive(): Promise<T | undefined> {
    return (await this.#next())?.value
  }

  /** Nothing more can be sent; what waits can still be received. Sends without a place are rejected. Idempotent. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const { reject } of this.#sends.drain()) reject(closed())
    for (const receive of this.#receives.drain()) receive(undefined)
  }

  /** Receives until the channel is closed and empty. Several loops share the values among them. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, undefined> {
    for (let next = await this.#next(); next; next = await this.#next()) yield next.value
    return undefined
  }

  #next(): Promise<Received<T>> {
    const waiting = this.#sends.shift()
    waiting?.resolve()
    if (this.#values.length > 0) {
      const value = this.#values.shift() as T
      if (waiting) this.#values.push(waiting.value)
      return Promise.resolve({ value })
    }
    if (waiting) return Promise.resolve({ value: waiting.value })
    if (this.#isClosed) return Promise.resolve(undefined)
    return new Promise((resolve) => this.#receives.push(resolve))
  }
}

function closed(): ClosedError {
  return new ClosedError('The channel is closed', { code: 'CHANNEL_CLOSED' })
}
