/**
 * Questions to the stores of one name, one store for each partition that is here: by key, by a range of keys, by window. Throws
 * `ConfigError` for a question that such a store has no answer to.
 */
import { inspectBriefly } from '../../core/duration.ts'
import { invalid } from '../../core/options.ts'
import { Windowed } from '../windowed.ts'
import { type KeyCodec, keyCodec } from './key-codec.ts'
import { KeyValueStore } from './key-value-store.ts'
import { SpanStore } from './span-store.ts'
import type { Stamped, Store } from './store.ts'
import type { StoreSpec } from './store-spec.ts'
import { WindowStore } from './window-store.ts'

type Entry = readonly [key: unknown, value: unknown]

export class StoreQueries {
  readonly #spec: StoreSpec
  readonly #keys: KeyCodec
  /** As of the last commit; else with what is not committed. */
  readonly #isCommitted: boolean
  readonly #stores: () => readonly Store[]

  constructor(spec: StoreSpec, isCommitted: boolean, stores: () => readonly Store[]) {
    this.#spec = spec
    this.#keys = keyCodec(spec.key, spec.name)
    this.#isCommitted = isCommitted
    this.#stores = stores
  }

  /** A key as it is written. Throws `ConfigError` for one that cannot be. */
  keyBytes(key: unknown): Uint8Array {
    return this.#keys.toBytes(this.#text(key, 'key'))
  }

  get(key: unknown): Stamped | undefined {
    this.#text(key, 'key')
    for (const store of this.#stores()) {
      const keyed = this.#keyed(store)
      const found = this.#isCommitted ? keyed.committed(key) : keyed.get(key)
      if (found) return found
    }
    return undefined
  }

  /** In the order of the keys as they are written, over all stores. */
  range(from: unknown, to: unknown): Entry[] {
    const first = from === undefined ? undefined : this.#text(from, 'from')
    const last = to === undefined ? undefined : this.#text(to, 'to')
    const found: [text: string, entry: Entry][] = []
    for (const store of this.#stores()) {
      for (const [key, { value }] of this.#entriesOf(this.#keyed(store))) {
        const text = this.#keys.toText(key)
        if ((first === undefined || text >= first) && (last === undefined || text <= last)) {
          found.push([text, [key, value]])
        }
      }
    }
    return found.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry)
  }

  window(key: unknown, start: unknown): Stamped | undefined {
    const startMs = timeOf(start, 'start')
    for (const [, stamped] of this.#windowsOf(key, startMs, startMs)) return stamped
    return undefined
  }

  /** Of one key, those that start from `from` to `to`, both inclusive, by their start. */
  windows(key: unknown, from: unknown, to: unknown): Entry[] {
    const fromMs = from === undefined ? Number.NEGATIVE_INFINITY : timeOf(from, 'from')
    const toMs = to === undefined ? Number.POSITIVE_INFINITY : timeOf(to, 'to')
    return this.#windowsOf(key, fromMs, toMs)
      .map(([window, { value }]) => [window, value] as const)
      .sort(([a], [b]) => a.startMs - b.startMs || a.endMs - b.endMs)
  }

  /** As `entries`, also where not all keys are in memory; of those without windows in no order. */
  async *scan(): AsyncGenerator<Entry> {
    for (const store of this.#stores()) {
      if (this.#isCommitted && store instanceof KeyValueStore) {
        for await (const [key, { value }] of store.scan()) yield [key, value]
      } else yield* new StoreQueries(this.#spec, this.#isCommitted, () => [store]).entries()
    }
  }

  *entries(): Generator<Entry> {
    for (const store of this.#stores()) {
      if (store instanceof KeyValueStore) {
        for (const [key, { value }] of this.#entriesOf(store)) yield [key, value]
      } else if (store instanceof WindowStore) {
        for (const [key, start, { value }] of store.windows(this.#isCommitted)) {
          yield [this.#windowed(key, start), value]
        }
      } else {
        const spans = this.#spans(store, 'entries')
        const entries = this.#isCommitted ? spans.committedEntries() : spans.entries()
        for (const [key, { startMs, endMs }, { value }] of entries) {
          yield [this.#windowed(key, startMs, endMs), value]
        }
      }
    }
  }

  #windowsOf(key: unknown, fromMs: number, toMs: number): [Windowed<unknown>, Stamped][] {
    this.#text(key, 'key')
    const found: [Windowed<unknown>, Stamped][] = []
    for (const store of this.#stores()) {
      if (store instanceof WindowStore) {
        for (const start of store.startsOf(this.#isCommitted)) {
          if (start < fromMs || start > toMs) continue
          const one = this.#isCommitted ? store.committed(key, start) : store.get(key, start)
          if (one) found.push([this.#windowed(key, start), one])
        }
        continue
      }
      const spans = this.#spans(store, 'window')
      for (const [{ startMs, endMs }, one] of spans.entriesOf(key, this.#isCommitted)) {
        if (startMs >= fromMs && startMs <= toMs) {
          found.push([this.#windowed(key, startMs, endMs), one])
        }
      }
    }
    return found
  }

  /** Sessions have an end of their own. */
  #windowed(key: unknown, startMs: number, endMs = startMs): Windowed<unknown> {
    return new Windowed(key, startMs, endMs + (this.#spec.windowMs ?? 0))
  }

  #entriesOf(store: KeyValueStore): Iterable<readonly [unknown, Stamped]> {
    return this.#isCommitted ? store.committedEntries() : store.entries()
  }

  #keyed(store: Store): KeyValueStore {
    if (store instanceof KeyValueStore) return store
    throw invalid(
      `The store '${this.#spec.name}' has no value for a key alone (it is of kind ${this.#spec.kind}); one by window is asked with window(key, start), windows(key, from, to) or entries()`,
    )
  }

  #spans(store: Store, question: string): SpanStore {
    if (store instanceof SpanStore) return store
    throw invalid(
      store instanceof KeyValueStore
        ? `The store '${this.#spec.name}' has no windows; use get(key) or range(from, to)`
        : `The store '${this.#spec.name}' is of kind ${this.#spec.kind}, which only its operator can read: it does not support ${question}()`,
    )
  }

  #text(key: unknown, name: string): string {
    try {
      if (key === null || key === undefined) throw new TypeError('a key cannot be null')
      return this.#keys.toText(key)
    } catch (cause) {
      const { name: store, key: serializer } = this.#spec
      const error = invalid(
        `The ${name} for a query of the store '${store}' must be a value that '${serializer.name}' can serialise; got ${inspectBriefly(key)}`,
      )
      error.cause = cause
      throw error
    }
  }
}

function timeOf(time: unknown, name: string): number {
  const ms = time instanceof Date ? time.getTime() : time
  if (typeof ms === 'number' && Number.isFinite(ms)) return ms
  throw invalid(
    `The ${name} of a window is a Date or epoch milliseconds; got ${inspectBriefly(time)}`,
  )
}
