/** Records by key and window, before something is made of each. `S`: of a cogroup, the total that its streams add to. */
import { type Aggregation, counting } from '../operators/aggregate.ts'
import { slidingAggregate } from '../operators/sliding-aggregate.ts'
import { windowAggregate } from '../operators/window-aggregate.ts'
import { checkWindow, type TimeWindow } from '../windows.ts'
import { type AggregateOptions, readAggregate, readReduce } from './grouped-stream.ts'
import type { Place } from './place.ts'
import type { WindowStoreOptions } from './state-options.ts'
import { type Add, checkIsSingle, cogroupAggregation, windowedTableOf } from './window-state.ts'
import type { WindowedTable } from './windowed-table.ts'

/** Records grouped by key and window, to be aggregated. */
export class WindowedGroup<V, K, S = never> {
  readonly #places: readonly Place[]
  readonly #adds: readonly Add[] | undefined
  readonly #window: TimeWindow

  /** @internal `adds`: of a cogroup. */
  constructor(places: readonly Place[], adds: readonly Add[] | undefined, window: TimeWindow) {
    this.#places = places
    this.#adds = adds
    this.#window = checkWindow('window', window)
  }

  /** Counts the records of each key in each window. */
  count(options?: WindowStoreOptions<number>): WindowedTable<number, K, never> {
    checkIsSingle('count', this.#adds)
    return this.#table(counting, options)
  }

  /** Like `GroupedStream.reduce`, for each window. */
  reduce<T>(
    initial: T | (() => T),
    fn: (total: T, value: V, key: K) => T,
    options?: WindowStoreOptions<T>,
  ): WindowedTable<T, K, never>
  reduce(
    fn: (total: V, value: V, key: K) => V,
    options?: WindowStoreOptions<V>,
  ): WindowedTable<V, K, never>
  reduce(...args: unknown[]): unknown {
    checkIsSingle('reduce', this.#adds)
    const { aggregation, options } = readReduce(args)
    return this.#table(aggregation, options)
  }

  /** Like `GroupedStream.aggregate`, for each window. Of a cogroup: `aggregate({ initial })`. */
  aggregate<T = S>(
    options: ([V] extends [never] ? { initial: () => T } : AggregateOptions<V, K, T>) &
      WindowStoreOptions<T>,
  ): WindowedTable<T, K> {
    return this.#adds
      ? this.#table(cogroupAggregation(this.#adds, options), options, ['initial'])
      : this.#table(readAggregate(options), options, ['initial', 'add'])
  }

  #table<T>(
    aggregation: Aggregation,
    options: object | undefined,
    others: readonly string[] = [],
  ): WindowedTable<T, K, never> {
    const window = this.#window
    return windowedTableOf(this.#places, window, aggregation, options, others, (parents, state) =>
      window.kind === 'sliding'
        ? slidingAggregate(parents, window, aggregation, state)
        : windowAggregate(parents, window, aggregation, state),
    )
  }
}
