/**
 * Records as a lazy async sequence with the words of TC39's iterator helpers. Operators pass on two signals besides
 * the items: that the last item has been handled, and that nobody wants more.
 */

/** The source side of a stream. One consumer, one call at a time. */
export interface Source<T> {
  /** An item at once, when there is one. */
  take(): T | undefined
  /** Resolves true when `take` may have an item, false at the end. Rejects when the source has failed. */
  ready(): Promise<boolean>
  /** The item taken last has been handled: it counts as processed. `take` implies it for the one before. */
  handled(): void
  /** Whether handling the item taken last may fail so: then it is let go of, not handled, and the next one comes. */
  letsGo?(error: unknown): boolean
  /** Nobody wants more. Resolves when everything is released. Idempotent. */
  stop(): Promise<void>
}

/**
 * An async sequence with the words of TC39's iterator helpers: `filter`, `map`, `take`, `forEach`, `toArray`.
 */
export class RecordStream<T> implements AsyncIterable<T> {
  readonly #open: () => Source<T>

  constructor(open: () => Source<T>) {
    this.#open = open
  }

  /** Only items that `accept` accepts; the others count as handled. */
  filter<U extends T>(accept: (item: T) => item is U): RecordStream<U>
  filter(accept: (item: T) => boolean): RecordStream<T>
  filter(accept: (item: T) => boolean): RecordStream<T> {
    return new RecordStream(() => {
      const source = this.#open()
      return {
        ...passing(source),
        take() {
          for (let item = source.take(); item !== undefined; item = source.take()) {
            if (accept(item)) return item
          }
          return undefined
        },
      }
    })
  }

  /** Each item turned into another (not undefined). */
  map<U>(turn: (item: T) => U): RecordStream<U> {
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

  /** The first `count` items; then the source is stopped. */
  take(count: number): RecordStream<T> {
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
   * Calls `handle` with each item, one after the other, waiting for promises. Resolves at the end of the stream.
   * When `handle` throws, the stream stops, that item does not count as handled, and the error is passed on.
   */
  async forEach(handle: (item: T) => unknown): Promise<void> {
    const source = this.#open()
    try {
      do {
        for (let item = source.take(); item !== undefined; item = source.take()) {
          try {
            const result = handle(item)
            if (result instanceof Promise || isThenable(result)) await result
          } catch (error) {
            if (!source.letsGo?.(error)) throw error
          }
          source.handled()
        }
      } while (await source.ready())
    } finally {
      await source.stop()
    }
  }

  /** All items; for streams that end, such as after `take`. */
  async toArray(): Promise<T[]> {
    const items: T[] = []
    await this.forEach((item) => void items.push(item))
    return items
  }

  /**
   * `for await`: asking for the next item says that the one before has been handled. Leaving the loop early, by
   * `break` or by throwing, leaves the last item unhandled unless it was committed.
   */
  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return new SourceIterator(this.#open())
  }
}

class SourceIterator<T> implements AsyncIterator<T, undefined> {
  readonly #source: Source<T>

  constructor(source: Source<T>) {
    this.#source = source
  }

  next(): Promise<IteratorResult<T, undefined>> {
    try {
      const value = this.#source.take()
      if (value !== undefined) return Promise.resolve({ value, done: false })
    } catch (error) {
      return this.#fail(error)
    }
    return this.#nextLater()
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    await this.#source.stop()
    return { value: undefined, done: true }
  }

  async #nextLater(): Promise<IteratorResult<T, undefined>> {
    try {
      while (await this.#source.ready()) {
        const value = this.#source.take()
        if (value !== undefined) return { value, done: false }
      }
    } catch (error) {
      return this.#fail(error)
    }
    return this.return()
  }

  async #fail(error: unknown): Promise<never> {
    await this.#source.stop()
    throw error
  }
}

function passing<T>(source: Source<T>): Omit<Source<never>, 'take'> {
  return {
    ready: () => source.ready(),
    handled: () => source.handled(),
    letsGo: (error) => source.letsGo?.(error) ?? false,
    stop: () => source.stop(),
  }
}

function isThenable(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    'then' in value &&
    typeof value.then === 'function'
  )
}
