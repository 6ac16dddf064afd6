/** Records by key, before something is made of those of each key. */
import type { Serializer } from '../../client/serializer.ts'
import { inspectBriefly } from '../../core/duration.ts'
import { invalid } from '../../core/options.ts'
import { type Aggregation, aggregate, counting } from '../operators/aggregate.ts'
import * as stateless from '../operators/stateless.ts'
import type { SessionWindow, TimeWindow } from '../windows.ts'
import { keyedTogether, keySerializer, type Place, totalSerializer } from './place.ts'
import { SessionGroup } from './session-group.ts'
import {
  checkCallback,
  checkOptions,
  readSerializer,
  readStoreOptions,
  readText,
  type StoreOptions,
} from './state-options.ts'
import { Table } from './table.ts'
import { WindowedGroup } from './windowed-group.ts'

/** Options of `groupBy`. */
export interface GroupOptions<K> {
  /** How keys are written. Default: as strings. */
  key?: Serializer<K>
}

/** How `aggregate` combines the values of a key into a total. */
export interface AggregateOptions<V, K, S> extends StoreOptions<S> {
  /** What a key begins with. */
  initial: () => S
  /** Returns a new total from the old one, which must not be changed, and a value. Null deletes the total. */
  add: (total: S, value: V, key: K) => S | null
}

/** Cogroups: how one of the streams is added. */
interface Part {
  readonly place: Place
  readonly add: (total: never, value: never, key: never) => unknown
}

/** Records grouped by key, to be aggregated. Created by `groupBy` and `groupByKey`. */
export class GroupedStream<V, K> {
  readonly #place: Place
  readonly #name: string | undefined
  #together: Place | undefined

  /** @internal `name`: of the topic, where one is needed. */
  constructor(place: Place, name: string | undefined) {
    this.#place = place
    this.#name = name
  }

  /** @internal `groupBy(key, options?)` or `groupBy(name, key, options?)`. */
  static by<V, K>(place: Place, args: readonly unknown[]): GroupedStream<V, K> {
    const [name, key, options] = typeof args[0] === 'string' ? args : [undefined, args[0], args[1]]
    readText('groupBy', 'its name', name)
    checkCallback('groupBy', key)
    const { key: serializer } = checkOptions('groupBy', options, ['key'])
    const operator = stateless.rekey(place.operator, key as never, 'groupBy')
    return new GroupedStream(
      {
        ...place,
        operator,
        key: readSerializer('groupBy', 'key', serializer),
        isKeyChanged: true,
      },
      name as string | undefined,
    )
  }

  /** @internal All records of a key in one task. The topic is shared by all that is made of the group. */
  get together(): Place {
    this.#together ??= keyedTogether(this.#place, { name: this.#name })
    return this.#together
  }

  /** Counts the records of each key. */
  count(options?: StoreOptions<number>): Table<number, K, never> {
    return this.#table(counting, 'count', options)
  }

  /**
   * Combines the values of each key. With an `initial` total (or a function that returns one), `fn` adds a value to the
   * total; without it, the first value is the total. The total must not be changed: return a new one.
   */
  reduce<S>(
    initial: S | (() => S),
    fn: (total: S, value: V, key: K) => S,
    options?: StoreOptions<S>,
  ): Table<S, K, never>
  reduce(fn: (total: V, value: V, key: K) => V, options?: StoreOptions<V>): Table<V, K, never>
  reduce(...args: unknown[]): unknown {
    const { aggregation, options } = readReduce(args)
    return this.#table(aggregation, 'reduce', options)
  }

  /** Combines the values of each key; see `AggregateOptions`. */
  aggregate<S>(options: AggregateOptions<V, K, S>): Table<S, K> {
    return this.#table(readAggregate(options), 'aggregate', options, ['initial', 'add'])
  }

  /** Starts an aggregation of several streams: `orders.cogroup(addOrder).and(payments, addPayment).aggregate(…)`. */
  cogroup<S>(add: (total: S, value: V, key: K) => S | null): CogroupedStream<S, K> {
    checkCallback('cogroup', add)
    return new CogroupedStream<S, K>([{ place: this.together, add }])
  }

  /** Groups first, windows then: `window(…).groupBy(…)` is the same. */
  window(window: SessionWindow): SessionGroup<V, K>
  window(window: TimeWindow): WindowedGroup<V, K>
  window(window: TimeWindow | SessionWindow): SessionGroup<V, K> | WindowedGroup<V, K> {
    return window?.kind === 'session'
      ? new SessionGroup([this.together], undefined, window)
      : new WindowedGroup([this.together], undefined, window)
  }

  #table<S>(
    aggregation: Aggregation,
    kind: string,
    options: object | undefined,
    others?: readonly string[],
  ): Table<S, K, never> {
    const { name, value } = readStoreOptions(kind, options, others)
    return tableOf(
      [this.together],
      aggregation,
      name,
      value ?? totalSerializer(aggregation, this.together),
    )
  }
}

/** Several grouped streams aggregated into one total per key. */
export class CogroupedStream<S, K> {
  readonly #parts: readonly Part[]

  /** @internal */
  constructor(parts: readonly Part[]) {
    this.#parts = parts
  }

  /** Adds another stream, and how its values are added. */
  and<V>(
    group: GroupedStream<V, K>,
    add: (total: S, value: V, key: K) => S | null,
  ): CogroupedStream<S, K> {
    if (!(group instanceof GroupedStream)) {
      throw invalid(`cogroup: and takes a grouped stream; got ${inspectBriefly(group)}`)
    }
    checkCallback('cogroup', add)
    return new CogroupedStream([...this.#parts, { place: group.together, add }])
  }

  /** One total per key, from all streams. */
  aggregate(options: { initial: () => S } & StoreOptions<S>): Table<S, K> {
    const { name, value } = readStoreOptions('cogroup', options, ['initial'])
    return tableOf(this.#places(), this.#aggregation(options), name, value)
  }

  window(window: SessionWindow): SessionGroup<never, K, S>
  window(window: TimeWindow): WindowedGroup<never, K, S>
  window(
    window: TimeWindow | SessionWindow,
  ): SessionGroup<never, K, S> | WindowedGroup<never, K, S> {
    const add = this.#parts.map((part) => part.add)
    return window?.kind === 'session'
      ? new SessionGroup(this.#places(), add, window)
      : new WindowedGroup(this.#places(), add, window)
  }

  #places(): Place[] {
    return this.#parts.map(({ place }) => place)
  }

  #aggregation(options: { readonly initial: () => S }): Aggregation {
    checkCallback('cogroup: initial', options.initial)
    return {
      kind: 'cogroup',
      initial: options.initial,
      add: this.#parts.map(({ add }) => add),
    }
  }
}

function tableOf<S, K>(
  places: readonly Place[],
  aggregation: Aggregation,
  name: string | undefined,
  value: Serializer<unknown> | undefined,
): Table<S, K, never> {
  const [first] = places
  const draft = places.map((place) => place.draft).reduce((a, b) => a.meet(b))
  const parents = places.map(({ operator }) => operator)
  const key = keySerializer(first!)
  const operator = aggregate(parents, aggregation, { name, key, value })
  draft.note(operator)
  return Table.stored({ draft, operator, key, value, isKeyChanged: false })
}

/** @internal `reduce(fn, options?)`, `reduce(initial, fn, options?)`. */
export function readReduce(args: readonly unknown[]): {
  aggregation: Aggregation
  options: object | undefined
} {
  const hasInitial = typeof args[1] === 'function'
  const [initial, fn, options] = hasInitial ? args : [undefined, args[0], args[1]]
  checkCallback('reduce', fn)
  const make = typeof initial === 'function' ? (initial as () => unknown) : () => initial
  return {
    aggregation: {
      kind: 'reduce',
      initial: hasInitial ? make : undefined,
      add: [fn as (total: never, value: never, key: never) => unknown],
    },
    options: options as object | undefined,
  }
}

/** @internal */
export function readAggregate(options: object): Aggregation {
  const { initial, add } = (options ?? {}) as { initial?: unknown; add?: unknown }
  checkCallback('aggregate: initial', initial)
  checkCallback('aggregate: add', add)
  return {
    kind: 'aggregate',
    initial: initial as () => unknown,
    add: [add as (total: never, value: never, key: never) => unknown],
  }
}
