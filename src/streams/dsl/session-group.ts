/** Records by key and session, before something is made of each. `S`: of a cogroup, the total that its streams add to. */
import { counting } from '../operators/aggregate.ts'
import { type SessionAggregation, sessionAggregate } from '../operators/session-aggregate.ts'
import { checkWindow, type SessionWindow } from '../windows.ts'
import { type AggregateOptions, readAggregate, readReduce } from './grouped-stream.ts'
import type { Place } from './place.ts'
import { checkCallback, type WindowStoreOptions } from './state-options.ts'
import { type Add, checkIsSingle, cogroupAggregation, windowedTableOf } from './window-state.ts'
import type { WindowedTable } from './windowed-table.ts'

/** Sessions grow together when a record comes between them, so their totals must be put together too. */
export interface Merging<S, K> {
  /**
   * Makes one total of those of two sessions, of which `a` is the earlier; neither must be changed. Where there is an `initial`
   * total, it is merged too, as Kafka Streams does, so it must make no difference: 0 for a sum, [] for a list.
   */
  merge: (a: S, b: S, key: K) => S
}

const countingSessions: SessionAggregation = {
  ...counting,
  merge: (a: number, b: number) => a + b,
}

/** Records grouped by key and session, to be aggregated. */
export class SessionGroup<V, K, S = never> {
  readonly #places: readonly Place[]
  readonly #adds: readonly Add[] | undefined
  readonly #window: SessionWindow

  /** @internal `adds`: of a cogroup. */
  constructor(places: readonly Place[], adds: readonly Add[] | undefined, window: SessionWindow) {
    this.#places = places
    this.#adds = adds
    this.#window = checkWindow('window', window)
  }

  /** Counts the records of each session. */
  count(options?: WindowStoreOptions<number>): WindowedTable<number, K> {
    checkIsSingle('count', this.#adds)
    return this.#table(countingSessions, options)
  }

  /**
   * Like `GroupedStream.reduce`, for each session. A total that is of the values' type is merged with `fn`; any other
   * needs `merge`.
   */
  reduce(
    fn: (total: V, value: V, key: K) => V,
    options?: WindowStoreOptions<V>,
  ): WindowedTable<V, K>
  reduce(
    initial: V | (() => V),
    fn: (total: V, value: V, key: K) => V,
    options?: WindowStoreOptions<V>,
  ): WindowedTable<V, K>
  reduce<T>(
    initial: T | (() => T),
    fn: (total: T, value: V, key: K) => T,
    options: WindowStoreOptions<T> & Merging<T, K>,
  ): WindowedTable<T, K>
  reduce(...args: unknown[]): unknown {
    checkIsSingle('reduce', this.#adds)
    const { aggregation, options } = readReduce(args)
    const { merge = aggregation.add[0] } = (options ?? {}) as { merge?: unknown }
    checkCallback('reduce: merge', merge)
    return this.#table({ ...aggregation, merge: merge as Add }, options, ['merge'])
  }

  /** Like `GroupedStream.aggregate`, for each session. Of a cogroup: `aggregate({ initial, merge })`. */
  aggregate<T = S>(
    options: ([V] extends [never] ? { initial: () => T } : AggregateOptions<V, K, T>) &
      Merging<T, K> &
      WindowStoreOptions<T>,
  ): WindowedTable<T, K> {
    const aggregation = this.#adds
      ? cogroupAggregation(this.#adds, options)
      : readAggregate(options)
    const { merge } = options
    checkCallback(`${aggregation.kind} of sessions: merge`, merge)
    const others = this.#adds ? ['initial', 'merge'] : ['initial', 'add', 'merge']
    return this.#table({ ...aggregation, merge }, options, others)
  }

  #table<T>(
    aggregation: SessionAggregation,
    options: object | undefined,
    others: readonly string[] = [],
  ): WindowedTable<T, K> {
    return windowedTableOf(
      this.#places,
      this.#window,
      aggregation,
      options,
      others,
      (parents, state) => sessionAggregate(parents, this.#window, aggregation, state),
    )
  }
}
