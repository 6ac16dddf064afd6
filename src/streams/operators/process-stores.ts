/** Stores as the callbacks of `process` have them: only while a record or a timer is at work, and typed. */
import { inspectBriefly } from '../../core/duration.ts'
import { invalid } from '../../core/options.ts'
import { frozen } from '../freeze.ts'
import type { KeyValueStore } from '../stores/key-value-store.ts'
import type { WindowStore } from '../stores/window-store.ts'

/** One value a key. */
export interface ProcessStore<V, K = string> {
  /** Undefined when there is none. */
  get(key: K): V | undefined
  /** The value must not be changed afterwards: it is frozen. */
  put(key: K, value: V): void
  delete(key: K): void
  /** In the order of the keys as they are written. */
  entries(): Iterable<readonly [key: K, value: V]>
}

/** One value for a key and a time: `start`, epoch milliseconds or a Date. */
export interface ProcessWindowStore<V, K = string> {
  /** Undefined when there is none, or none any more. */
  get(key: K, start: Date | number): V | undefined
  /** The value must not be changed afterwards: it is frozen. One that is older than the retention is not taken. */
  put(key: K, start: Date | number, value: V): void
  delete(key: K, start: Date | number): void
  /** Values of a key from `from` up to and with `to`, the earliest first. */
  range(
    key: K,
    from: Date | number,
    to: Date | number,
  ): Iterable<readonly [startMs: number, value: V]>
}

/** When a store is asked. */
export interface Moment {
  /** Throws `ConfigError` when nothing is at work. */
  check(): void
  /** Makes a change, for the callback that is at work. */
  write(put: () => void): void
  /** Time of what is written now. */
  readonly timestampMs: number
  /** Starts before this are forgotten. */
  readonly keptFromMs: number
}

export function keyValueHandle(
  store: KeyValueStore,
  moment: Moment,
): ProcessStore<unknown, unknown> {
  return {
    get(key) {
      moment.check()
      return store.get(key)?.value
    },
    put(key, value) {
      moment.check()
      const { timestampMs } = moment
      const kept = checked(value)
      moment.write(() => store.put(key, kept, timestampMs))
    },
    delete(key) {
      moment.check()
      const { timestampMs } = moment
      moment.write(() => store.put(key, null, timestampMs))
    },
    *entries() {
      moment.check()
      // Those of now: the callback may delete what it is given.
      for (const [key, { value }] of [...store.entries()]) yield [key, value] as const
    },
  }
}

export function windowHandle(
  store: WindowStore,
  moment: Moment,
): ProcessWindowStore<unknown, unknown> {
  return {
    get(key, start) {
      moment.check()
      return store.get(key, msOf(start, 'start'))?.value
    },
    put(key, start, value) {
      moment.check()
      const startMs = msOf(start, 'start')
      if (startMs < moment.keptFromMs) return
      const { timestampMs } = moment
      const kept = checked(value)
      moment.write(() => store.put(key, startMs, kept, timestampMs))
    },
    delete(key, start) {
      moment.check()
      const { timestampMs } = moment
      const startMs = msOf(start, 'start')
      moment.write(() => store.put(key, startMs, null, timestampMs))
    },
    *range(key, from, to) {
      moment.check()
      const [first, last] = [msOf(from, 'from'), msOf(to, 'to')]
      for (const start of [...store.starts()]) {
        if (start < first || start > last) continue
        const found = store.get(key, start)
        if (found) yield [start, found.value] as const
      }
    },
  }
}

function checked(value: unknown): unknown {
  if (value !== undefined && value !== null) return frozen(value)
  throw invalid(`process: put needs a value; got ${value}. delete(key) removes one`)
}

function msOf(time: Date | number, name: string): number {
  const ms = time instanceof Date ? time.getTime() : time
  if (Number.isSafeInteger(ms)) return ms
  throw invalid(
    `process: ${name} must be a Date or whole epoch milliseconds; got ${inspectBriefly(time)}`,
  )
}
