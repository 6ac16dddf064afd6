/**
 * Records as a lazy async sequence with the words of TC39's iterator helpers. Operators pass on two signals besides
 * the items: that the last item has been handled, and that nobody wants more.
 */

import { inspectBriefly } from '../../core/duration.ts'
import { invalid, readInteger } from '../../core/options.ts'

/** The source side of a stream. One consumer, one call at a time. */
export interface Source<T> {
  /** An item at once, when there is one. */
  take(): T | undefined
  /** Resolves true when `take` may have an item, false at the end. Rejects when the source has failed. */
  ready(): Promise<boolean>
  /** The item taken last has been handled: it counts as processed. `take` implies it for the one before. */
  handled(): void
  /** Whether handling the item taken last may fail so: then it is let go of, not handled, and the next one comes. */
  releaseFailed?(error: unknown): boolean
  /** Nobody wants more. Resolves when everything is released. Idempotent. */
  stop(): Promise<void>
}

/** An async sequence with methods like JavaScript's iterator helpers: `filter`, `map`, `take`, `forEach`, `toArray`. */
export class RecordStream<T> implements AsyncIterable<T> {
  readonly #open: () => Source<T>

  constructor(open: () => Source<T>) {
    this.#open = open
  }

  /**
   * Only items that `accept` accepts; the others count as handled. `accept` must be synchronous: a promise is a
   * `ConfigError`.
   */
  filter<U extends T>(accept: (item: T) => item is U): RecordStream<U>
  filter(accept: (item: T) => boolean): RecordStream<T>
  filter(accept: (item: T) => boolean): RecordStream<T> {
    checkFunction(accept, 'filter')
    return new RecordStream(() => {
      const source = this.#open()
      return {
        ...passing(source),
        take() {
          for (let item = source.take(); item !== undefined; item = source.take()) {
            if (isAccepted(accept(item))) return item
          }
          return undefined
        },
      }
    })
  }

  /** Maps each item to another (not undefined). */
  map<U>(turn: (item: T) => U): RecordStream<U> {
    checkFunction(turn, 'map')
    return new RecordStream(() => {
      const source = this.#open()
      return {
        ...passing(source),
        take() {
          const item = source.take()
          return item === undefined ? undefined : turn(item)
        },
      }
    })
  }

  /** The first `count` items, 0 or more; then the source is stopped. Throws `ConfigError`. */
  take(count: number): RecordStream<T> {
    readInteger(count, 'take(count)', { min: 0 })
    return new RecordStream(() => {
      const source = this.#open()
      let left = count
      return {
        ...passing(source),
        take() {
          if (left === 0) return undefined
          const item = source.take()
          if (item !== undefined) left--
          return item
        },
        async ready() {
          if (left > 0) return source.ready()
          source.handled()
          await source.stop()
          return false
        },
      }
    })
  }

  /**
   * Calls `handle` with each item, one after another, and awaits promises. Resolves at the end of the stream. When
   * `handle` throws, the stream stops, that item does not count as handled, and the error is passed on.
   */
  async forEach(handle: (item: T) => unknown): Promise<void> {
    checkFunction(handle, 'forEach')
    const source = this.#open()
    try {
      do {
        for (let item = source.take(); item !== undefined; item = source.take()) {
          try {
            const result = handle(item)
            if (isThenable(result)) await result
          } catch (error) {
            if (!source.releaseFailed?.(error)) throw error
          }
          source.handled()
        }
      } while (await source.ready())
    } catch (error) {
      // The first error is the one to know.
      await source.stop().catch(() => undefined)
      throw error
    }
    await source.stop()
  }

  /** All items; for streams that end, such as after `take`. */
  async toArray(): Promise<T[]> {
    const items: T[] = []
    await this.forEach((item) => void items.push(item))
    return items
  }

  /**
   * For `for await`: asking for the next item marks the previous one as handled. Leaving the loop early, by `break` or
   * by throwing, leaves the last item unhandled unless it was committed.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<T, undefined> {
    return new SourceIterator(this.#open())
  }
}

/** Calls that come while one is under way are answered after it, in their order, as those of an async generator are. */
class SourceIterator<T> implements AsyncIterableIterator<T, undefined> {
  readonly #source: Source<T>
  /** Calls without an answer yet. */
  #waiting = 0
  /** Resolves when the last of them has its answer. */
  #last: Promise<void> = Promise.resolve()
  #isOver = false

  constructor(source: Source<T>) {
    this.#source = source
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#waiting === 0 && !this.#isOver) {
      try {
        const value = this.#source.take()
        if (value !== undefined) return Promise.resolve({ value, done: false })
      } catch (error) {
        return this.#inTurn(() => this.#fail(error))
      }
    }
    return this.#inTurn(() => this.#next())
  }

  /** Stops the source at once: a `next` that waits ends, too. The item given out last is not handled. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.#isOver = true
    const stopping = this.#source.stop()
    // Those before it have their answers first.
    stopping.catch(() => undefined)
    return this.#inTurn(async () => {
      await stopping
      return over
    })
  }

  /** As `return`, then rejects with `error`. */
  async throw(error: unknown): Promise<never> {
    await this.return().catch(() => undefined)
    throw error
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #inTurn<R>(call: () => Promise<R>): Promise<R> {
    this.#waiting++
    const answering = this.#last.then(call)
    const isAnswered = () => {
      this.#waiting--
    }
    this.#last = answering.then(isAnswered, isAnswered)
    return answering
  }

  async #next(): Promise<IteratorResult<T, undefined>> {
    if (this.#isOver) return over
    try {
      do {
        const value = this.#source.take()
        if (value !== undefined) return { value, done: false }
      } while ((await this.#source.ready()) && !this.#isOver)
    } catch (error) {
      return this.#fail(error)
    }
    this.#isOver = true
    await this.#source.stop()
    return over
  }

  async #fail(error: unknown): Promise<never> {
    this.#isOver = true
    // The first error is the one to know.
    await this.#source.stop().catch(() => undefined)
    throw error
  }
}

const over: IteratorReturnResult<undefined> = Object.freeze({ value: undefined, done: true })

function passing<T>(source: Source<T>): Omit<Source<never>, 'take'> {
  return {
    ready: () => source.ready(),
    handled: () => source.handled(),
    releaseFailed: (error) => source.releaseFailed?.(error) ?? false,
    stop: () => source.stop(),
  }
}

function checkFunction(given: unknown, operator: string): void {
  if (typeof given === 'function') return
  throw invalid(`${operator} takes a function; got ${inspectBriefly(given)}`)
}

/** A promise would be true whatever it resolves to. */
function isAccepted(answer: unknown): boolean {
  if (typeof answer === 'boolean') return answer
  if (isThenable(answer)) {
    // Nobody else looks at it.
    Promise.resolve(answer).catch(() => undefined)
    throw invalid(
      'The predicate of filter must be synchronous, but it returned a promise. Await inside the loop or in forEach instead',
    )
  }
  return Boolean(answer)
}

function isThenable(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  )
}
