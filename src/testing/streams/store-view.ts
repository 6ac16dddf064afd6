/** A store of the test driver as tests look at it: all its partitions, with what is not committed yet. */
import { invalid } from '../../core/options.ts'
import type { StoreReader } from '../../streams/dsl/stream-run.ts'
import { KeyValueStore } from '../../streams/stores/key-value-store.ts'
import { SpanStore } from '../../streams/stores/span-store.ts'
import type { Stamped, Store } from '../../streams/stores/store.ts'
import { StoreQueries } from '../../streams/stores/store-queries.ts'
import { WindowStore } from '../../streams/stores/window-store.ts'
import { Windowed } from '../../streams/windowed.ts'

/** `sizeMs`: of its windows, if it has any. `stores`: as they are now, one for each partition. Throws `ConfigError` for a question that such a store has no answer to. */
export function storeView(
  name: string,
  sizeMs: number,
  stores: () => readonly Store[],
): StoreReader {
  const questions = () => new StoreQueries(stores()[0]!.spec, false, stores)
  return {
    get(key) {
      for (const store of stores()) {
        if (!(store instanceof KeyValueStore)) throw wrongQuestion(name, store, 'get')
        const found = store.get(key)
        if (found) return found.value
      }
      return undefined
    },
    window(key, start) {
      for (const store of stores()) {
        const found = windowOf(name, store, key, start instanceof Date ? start.getTime() : start)
        if (found) return found.value
      }
      return undefined
    },
    range: (from, to) => questions().range(from, to),
    windows: (key, from, to) =>
      questions().windows(key, from, to) as ReturnType<StoreReader['windows']>,
    entries() {
      const all = function* () {
        for (const store of stores()) yield* entriesOf(name, sizeMs, store)
      }
      return {
        [Symbol.iterator]: all,
        async *[Symbol.asyncIterator]() {
          yield* all()
        },
      }
    },
  }
}

function* entriesOf(
  name: string,
  sizeMs: number,
  store: Store,
): Generator<readonly [key: unknown, value: unknown]> {
  if (store instanceof KeyValueStore) {
    for (const [key, { value }] of store.entries()) yield [key, value]
  } else if (store instanceof WindowStore) {
    for (const start of store.starts()) {
      for (const [key, { value }] of store.entries(start)) {
        yield [new Windowed(key, start, start + sizeMs), value]
      }
    }
  } else if (store instanceof SpanStore) {
    for (const [key, { startMs, endMs }, { value }] of store.entries()) {
      yield [new Windowed(key, startMs, endMs), value]
    }
  } else throw wrongQuestion(name, store, 'entries')
}

function windowOf(name: string, store: Store, key: unknown, startMs: number): Stamped | undefined {
  if (store instanceof WindowStore) return store.get(key, startMs)
  if (!(store instanceof SpanStore)) throw wrongQuestion(name, store, 'window')
  const span = store.spans(key).find((one) => one.startMs === startMs)
  return span && store.at(span)
}

function wrongQuestion(name: string, { spec }: Store, question: string): Error {
  return invalid(
    `Store '${name}' is of kind ${spec.kind} and does not support ${question}(); key-value stores have get(key), windowed ones window(key, start)`,
  )
}
