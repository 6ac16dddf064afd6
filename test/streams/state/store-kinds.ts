/** What a test does with each kind of store, and what a Map makes of the same. */
import { json, type Serializer, string } from '../../../src/client/serializer.ts'
import type { KeyValueStore } from '../../../src/streams/stores/key-value-store.ts'
import type { PrefixedStore } from '../../../src/streams/stores/prefixed-store.ts'
import type { SpanQueue } from '../../../src/streams/stores/span-queue.ts'
import { SpanStore } from '../../../src/streams/stores/span-store.ts'
import type { Store } from '../../../src/streams/stores/store.ts'
import type { StoreSpec } from '../../../src/streams/stores/store-spec.ts'
import type { SuppressBuffer } from '../../../src/streams/stores/suppress-buffer.ts'
import type { TimelineStore } from '../../../src/streams/stores/timeline-store.ts'
import type { VersionedStore } from '../../../src/streams/stores/versioned-store.ts'
import type { WindowStore } from '../../../src/streams/stores/window-store.ts'
import type { SeededRandom } from '../../simulation/random.ts'

/** Entries by name, as a Map has them. */
export type Model = Map<string, readonly [value: unknown, timestampMs: number]>

export interface Opened {
  readonly store: Store
  /** Of a store with spans: by their end. */
  readonly queue: SpanQueue | undefined
}

export interface Step {
  apply(opened: Opened): void
  /** Undefined where no Map can tell: then a store in memory does. */
  onModel?(model: Model): void
}

export interface StoreKindUnderTest {
  readonly name: string
  readonly spec: StoreSpec
  /** A new trial. */
  begin?(): void
  step(random: SeededRandom): Step
  /** Everything that can be read, sorted. */
  read(store: Store): unknown[]
}

const keys = ['', 'a', 'b', 'ä€', 'b\u0000', 'a:1']
const times = [0, 10, 20, 30, 4_294_967_300]

function spec(kind: StoreSpec['kind'], more: Partial<StoreSpec> = {}): StoreSpec {
  const key = string as Serializer<unknown>
  return { kind, name: 'store', key, value: json(), changelog: 'own', ...more }
}

let written = 0
function someValue(random: SeededRandom): unknown {
  written++
  return random.chance(0.5) ? written : { n: written, text: 'x'.repeat(random.below(200)) }
}

function one<T>(random: SeededRandom, list: readonly T[]): T {
  return list[random.below(list.length)]!
}

function sorted(entries: readonly unknown[]): unknown[] {
  return entries.map((entry) => JSON.stringify(entry)).sort()
}

/** Puts or removes the entry of a name. */
function putStep(
  random: SeededRandom,
  name: readonly unknown[],
  put: (opened: Opened, value: unknown, timestampMs: number) => void,
): Step {
  const value = random.chance(0.25) ? null : someValue(random)
  const timestampMs = random.below(1000)
  return {
    apply: (opened) => put(opened, value, timestampMs),
    onModel(model) {
      const text = JSON.stringify(name)
      if (value === null) model.delete(text)
      else model.set(text, [value, timestampMs])
    },
  }
}

const keyValue: StoreKindUnderTest = {
  name: 'key-value',
  spec: spec('key-value'),
  step(random) {
    const key = one(random, keys)
    return putStep(random, [key], ({ store }, value, timestampMs) => {
      const kept = store as KeyValueStore
      // Most operators look first, some do not.
      if (timestampMs % 2 === 0) kept.get(key)
      kept.put(key, value, timestampMs)
    })
  },
  read(store) {
    const kept = store as KeyValueStore
    return sorted(
      keys.flatMap((key) => {
        const found = kept.get(key)
        return found ? [[[key], [found.value, found.timestampMs]]] : []
      }),
    )
  },
}

const scanned: StoreKindUnderTest = {
  ...keyValue,
  name: 'key-value, of a program that goes through it',
  spec: spec('key-value', { isScanned: true }),
  read: (store) =>
    sorted(
      [...(store as KeyValueStore).entries()].map(([key, { value, timestampMs }]) => [
        [key],
        [value, timestampMs],
      ]),
    ),
}

const bytesKey: Serializer<unknown> = {
  name: 'bytes',
  serialize: (key) => new TextEncoder().encode(key as string),
  deserialize: (bytes) => new TextDecoder().decode(bytes),
}

const otherKeys: StoreKindUnderTest = {
  ...keyValue,
  name: 'key-value, by keys that are no text',
  spec: spec('key-value', { key: bytesKey }),
}

/** Windows before it are gone, and do not come again: stream time does not go back. */
let horizon = 0

const windowed: StoreKindUnderTest = {
  name: 'window',
  begin() {
    horizon = 0
  },
  spec: spec('window', { windowMs: 10, retentionMs: 20 }),
  step(random) {
    const key = one(random, keys)
    if (random.chance(0.1)) {
      const start = one(random, times.slice(0, -1))
      horizon = Math.max(horizon, start)
      return {
        apply: ({ store }) => (store as WindowStore).expire(start),
        onModel(model) {
          for (const name of [...model.keys()]) {
            if ((JSON.parse(name) as [string, number])[1] < start) model.delete(name)
          }
        },
      }
    }
    const start = Math.max(horizon, one(random, times))
    return putStep(random, [key, start], ({ store }, value, timestampMs) =>
      (store as WindowStore).put(key, start, value, timestampMs),
    )
  },
  read(store) {
    const kept = store as WindowStore
    return sorted(
      [...kept.starts()].flatMap((start) =>
        [...kept.entries(start)].map(([key, { value, timestampMs }]) => [
          [key, start],
          [value, timestampMs],
        ]),
      ),
    )
  },
}

function spans(kind: 'session' | 'sliding'): StoreKindUnderTest {
  return {
    name: kind,
    spec: spec(kind, { retentionMs: 20 }),
    step(random) {
      const [key, start] = [one(random, keys), one(random, times)]
      const end = kind === 'sliding' ? start : start + random.below(3)
      if (random.chance(0.15)) {
        return {
          apply({ store, queue }) {
            for (const span of queue!.take(end)) (store as SpanStore).remove(span)
          },
          onModel(model) {
            for (const name of [...model.keys()]) {
              if ((JSON.parse(name) as [string, number, number])[2] <= end) model.delete(name)
            }
          },
        }
      }
      return putStep(random, [key, start, end], ({ store }, value, timestampMs) =>
        (store as SpanStore).put(key, start, end, value, timestampMs),
      )
    },
    read: (store) =>
      sorted(
        [...(store as SpanStore).entries()].map(([key, { startMs, endMs }, entry]) => [
          [key, startMs, endMs],
          [entry.value, entry.timestampMs],
        ]),
      ),
  }
}

const timeline: StoreKindUnderTest = {
  name: 'timeline',
  spec: spec('timeline'),
  step(random) {
    const [key, timeMs, sequence] = [one(random, keys), one(random, times), random.below(2)]
    const value = random.chance(0.25) ? null : someValue(random)
    return {
      apply({ store }) {
        const kept = store as TimelineStore
        if (value === null) kept.remove({ key, timeMs, sequence })
        else kept.put(key, timeMs, sequence, value)
      },
      onModel(model) {
        const name = JSON.stringify([key, timeMs, sequence])
        if (value === null) model.delete(name)
        else model.set(name, [value, timeMs])
      },
    }
  },
  read: (store) =>
    sorted(
      (store as TimelineStore)
        .through(Number.MAX_SAFE_INTEGER)
        .map(({ key, timeMs, sequence, value }) => [
          [key, timeMs, sequence],
          [value, timeMs],
        ]),
    ),
}

/** length ‖ first ‖ second, as an operator's keys in two parts. */
const pairKey: Serializer<unknown> = {
  name: 'pair',
  serialize(key) {
    const [first, second] = key as [string, string | null]
    const head = new TextEncoder().encode(first)
    const tail = new TextEncoder().encode(second ?? '')
    const bytes = new Uint8Array(4 + head.length + tail.length)
    new DataView(bytes.buffer).setInt32(0, head.length)
    bytes.set(head, 4)
    bytes.set(tail, 4 + head.length)
    return bytes
  },
  deserialize(bytes) {
    const length = new DataView(bytes.buffer, bytes.byteOffset).getInt32(0)
    const text = (part: Uint8Array) => new TextDecoder().decode(part)
    return [text(bytes.subarray(4, 4 + length)), text(bytes.subarray(4 + length))]
  },
}

const prefixed: StoreKindUnderTest = {
  name: 'prefixed',
  spec: spec('prefixed', { key: pairKey }),
  step(random) {
    const [first, second] = [one(random, keys), one(random, keys)]
    return putStep(random, [first, second], ({ store }, value, timestampMs) =>
      (store as PrefixedStore).put(first, second, value, timestampMs),
    )
  },
  read(store) {
    const kept = store as PrefixedStore
    return sorted(
      keys.flatMap((first) =>
        kept.entriesOf(first).map(([second, { value, timestampMs }]) => [
          [first, second],
          [value, timestampMs],
        ]),
      ),
    )
  },
}

const versioned: StoreKindUnderTest = {
  name: 'versioned',
  spec: spec('versioned', { retentionMs: 15 }),
  step(random) {
    const [key, timeMs] = [one(random, keys), random.below(60)]
    const value = random.chance(0.25) ? null : random.chance(0.1) ? '' : someValue(random)
    return { apply: ({ store }) => void (store as VersionedStore).put(key, value, timeMs) }
  },
  read(store) {
    const kept = store as VersionedStore
    const asked = Array.from({ length: 61 }, (_, timeMs) => timeMs)
    return keys.map((key) => [
      kept.get(key),
      asked.map((timeMs) => kept.get(key, timeMs)?.value ?? null),
    ])
  },
}

const buffer: StoreKindUnderTest = {
  name: 'buffer',
  spec: spec('buffer'),
  step(random) {
    const [key, dueMs] = [one(random, keys), one(random, times)]
    const [value, old] = [someValue(random), random.chance(0.5) ? null : someValue(random)]
    const what = random.below(5)
    return {
      apply({ store }) {
        const kept = store as SuppressBuffer
        if (what === 0) kept.take(dueMs)
        else if (what === 1) kept.remove(key)
        else kept.put(key, value, old, dueMs, dueMs)
      },
    }
  },
  read(store) {
    const kept = store as SuppressBuffer
    return [kept.bytesHeld(), kept.size, keys.map((key) => kept.get(key) ?? null)]
  },
}

export const storeKinds: readonly StoreKindUnderTest[] = [
  ...[keyValue, scanned, otherKeys, windowed, spans('session'), spans('sliding')],
  ...[timeline, prefixed, versioned, buffer],
]

export function queueOf(store: Store): SpanQueue | undefined {
  return store instanceof SpanStore ? store.queue() : undefined
}
