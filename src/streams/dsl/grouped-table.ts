/** Rows of a table by another key, before something is made of those of each. */
import type { Serializer } from '../../client/serializer.ts'
import { inspectBriefly } from '../../core/duration.ts'
import { invalid } from '../../core/options.ts'
import {
  aggregateRows,
  changeSerializer,
  countingRows,
  groupRows,
  type TableAggregation,
} from '../operators/grouped-table.ts'
import type { Rows } from './base-table.ts'
import { keySerializer, type Place, repartitioned, valueSerializer } from './place.ts'
import {
  checkCallback,
  checkOptions,
  readSerializer,
  readStoreOptions,
  readText,
  type StoreOptions,
} from './state-options.ts'
import { Table } from './table.ts'

/** Options of `groupBy` of a table. */
export interface TableGroupOptions<K, V> {
  /** How keys are written. Default: as strings. */
  key?: Serializer<K>
  /** How values are written. Default: JSON. */
  value?: Serializer<V>
}

/** How `reduce` of a grouped table makes one value of its rows. */
export interface TableReduceOptions<V, K> extends StoreOptions<V> {
  /** Returns a new total from the old one and an added value. The first value of a group is its total. */
  add: (total: V, value: V, key: K) => V
  /** Returns a new total from the old one and a removed value. */
  subtract: (total: V, value: V, key: K) => V
}

/** How `aggregate` of a grouped table makes a total that rows are added to and taken from. */
export interface TableAggregateOptions<V, K, S> extends StoreOptions<S> {
  /** The initial total of a group. */
  initial: () => S
  /** Returns a new total from the old one, which must not be changed, and an added value. Null deletes the total. */
  add: (total: S, value: V, key: K) => S | null
  /** Returns a new total from the old one and a removed value. Null deletes the total. */
  subtract: (total: S, value: V, key: K) => S | null
}

/**
 * Made by `table.groupBy`. A row that changes is subtracted as it was and added as it is: one result where it stays in its group,
 * one for each group where it moves.
 */
export class GroupedTable<V, K> {
  readonly #place: Place
  readonly #name: string | undefined
  readonly #value: Serializer<unknown>
  #together: Place | undefined

  /** @internal `name`: of the topic. `value`: of the rows; the place's is of their changes. */
  constructor(place: Place, name: string | undefined, value: Serializer<unknown>) {
    this.#place = place
    this.#name = name
    this.#value = value
  }

  /** @internal `groupBy(fn, options?)` or `groupBy(name, fn, options?)`. */
  static by<V, K>({ at: table, old }: Rows, args: readonly unknown[]): GroupedTable<V, K> {
    const [name, fn, options] = typeof args[0] === 'string' ? args : [undefined, args[0], args[1]]
    readText('groupBy', 'its name', name)
    checkCallback('groupBy', fn)
    const given = checkOptions('groupBy', options, ['key', 'value'])
    old.areSent(true)
    const place: Place = {
      ...table,
      key: readSerializer('groupBy', 'key', given.key),
      value: readSerializer('groupBy', 'value', given.value),
      isKeyChanged: true,
    }
    const value = valueSerializer(place)
    const operator = groupRows(table.operator, fn as never, keySerializer(place))
    const changes = changeSerializer(value) as Serializer<unknown>
    return new GroupedTable(
      { ...place, operator, value: changes },
      name as string | undefined,
      value,
    )
  }

  /** Counts the rows of each group; 0 after the last was removed. */
  count(options?: StoreOptions<number>): Table<number, K, never> {
    return this.#table(countingRows, options, [])
  }

  /** Combines the values of each group; see `TableReduceOptions`, and with `initial` `TableAggregateOptions`. */
  reduce<S>(options: TableAggregateOptions<V, K, S>): Table<S, K>
  reduce(options: TableReduceOptions<V, K>): Table<V, K>
  reduce(options: TableReduceOptions<V, K> & { initial?: () => V }): Table<V, K> {
    const { initial } = readSteps('reduce', options)
    return this.#table(aggregation('reduce', options, initial), options, steps, this.#value)
  }

  /** Combines the values of each group; see `TableAggregateOptions`. */
  aggregate<S>(options: TableAggregateOptions<V, K, S>): Table<S, K> {
    const { initial } = readSteps('aggregate', options)
    checkCallback('aggregate: initial', initial)
    return this.#table(aggregation('aggregate', options, initial), options, steps)
  }

  #table<S>(
    aggregated: TableAggregation,
    options: object | undefined,
    others: readonly string[],
    fallback?: Serializer<unknown>,
  ): Table<S, K, never> {
    const { name, value = aggregated.initial ? undefined : fallback } = readStoreOptions(
      aggregated.kind,
      options,
      others,
    )
    this.#together ??= repartitioned(this.#place, { name: this.#name })
    const { draft, operator: parent } = this.#together
    const key = keySerializer(this.#together)
    const operator = aggregateRows(parent, aggregated, { name, key, value })
    draft.note(operator)
    return Table.stored({ draft, operator, key, value, isKeyChanged: false })
  }
}

const steps = ['initial', 'add', 'subtract']

function readSteps(
  kind: string,
  options: unknown,
): { readonly initial: (() => unknown) | undefined } {
  if (typeof options !== 'object' || options === null) {
    throw invalid(
      `${kind} of a grouped table takes { add, subtract }, with initial or without; got ${inspectBriefly(options)}`,
    )
  }
  const { initial, add, subtract } = options as { readonly [name: string]: unknown }
  if (initial !== undefined) checkCallback(`${kind}: initial`, initial)
  checkCallback(`${kind}: add`, add)
  checkCallback(`${kind}: subtract`, subtract)
  return { initial: initial as (() => unknown) | undefined }
}

function aggregation(
  kind: 'reduce' | 'aggregate',
  { add, subtract }: Pick<TableAggregation, 'add' | 'subtract'>,
  initial: (() => unknown) | undefined,
): TableAggregation {
  return { kind, initial, add, subtract }
}
