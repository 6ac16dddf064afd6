/** What a stream adds up to: the last value of each key. */
import { type Topic, toTopic } from '../../client/topic.ts'
import type { Duration } from '../../core/duration.ts'
import { sink } from '../operators/ends.ts'
import * as stateless from '../operators/stateless.ts'
import type { View } from '../operators/table.ts'
import * as tables from '../operators/table.ts'
import { keptTable } from '../operators/table-source.ts'
import type { StreamRecord } from '../stream-record.ts'
import { BaseTable, type Rows } from './base-table.ts'
import { filtered, mapped } from './derived-rows.ts'
import { GroupedTable, type TableGroupOptions } from './grouped-table.ts'
import { type JoinType, type LeftOf, type RightOf, readName } from './join-options.ts'
import { type ForeignKeyJoinOptions, joinedTables } from './join-tables.ts'
import { type OldValues, sentAlways } from './old-values.ts'
import { keySerializer, type Place, valueSerializer } from './place.ts'
import { checkCallback, checkOptions, readMs } from './state-options.ts'
import { Stream } from './stream.ts'
import type { StreamRun } from './stream-run.ts'
import { type SuppressOptions, suppressed } from './suppression.ts'

/**
 * Callbacks of a table are synchronous, and are not asked about values that were deleted. `N`: what
 * `forEach` has for a deleted key: null, or never where none is deleted, as `count` and `reduce` of a stream do not.
 */
export class Table<V, K, N extends null = null> extends BaseTable<V, K> {
  /** @internal */
  readonly at: Place
  /** @internal */
  readonly view: View
  /** @internal */
  readonly old: OldValues
  /** @internal How long earlier values are known, by stream time; undefined: not. */
  readonly historyMs: number | undefined

  /** @internal */
  constructor({ at, view, old }: Rows, historyMs?: number) {
    super()
    this.at = at
    this.view = view
    this.old = old
    this.historyMs = historyMs
  }

  /** @internal Of an operator that keeps it in a store. */
  static stored<V, K>(at: Place, old = sentAlways, historyMs?: number): Table<V, K, never> {
    const view = tables.storeView(at.operator, historyMs !== undefined)
    return new Table({ at, view, old }, historyMs)
  }

  /** Keeps keys whose value `keep` accepts; a key whose value is no longer accepted is deleted. */
  filter<S extends V>(is: (value: V, key: K) => value is S): Table<S, K>
  filter(keep: (value: V, key: K) => boolean): Table<V, K>
  filter(keep: (value: V, key: K) => boolean): Table<V, K> {
    checkCallback('filter', keep)
    return new Table(filtered(this, keep), this.historyMs)
  }

  /** Maps each value to another. */
  map<R>(fn: (value: V, key: K) => R): Table<R, K, N> {
    checkCallback('map', fn)
    return new Table(mapped(this, fn), this.historyMs)
  }

  /**
   * Groups rows by another key: `fn` gives the key of the group and the value that counts there. A row without one of them (null)
   * is in no group. `name`: of the topic that the rows are sent through.
   */
  groupBy<K2, V2>(
    fn: (value: V, key: K) => readonly [K2, V2],
    options?: TableGroupOptions<NonNullable<K2>, NonNullable<V2>>,
  ): GroupedTable<NonNullable<V2>, NonNullable<K2>>
  groupBy<K2, V2>(
    name: string,
    fn: (value: V, key: K) => readonly [K2, V2],
    options?: TableGroupOptions<NonNullable<K2>, NonNullable<V2>>,
  ): GroupedTable<NonNullable<V2>, NonNullable<K2>>
  groupBy(...args: unknown[]): unknown {
    return GroupedTable.by(this, args)
  }

  /**
   * A table of pairs `[left, right]`. By key: a row for each key that both have (`inner`), with `left` also for those that only
   * this table has, with `outer` for all. By `foreignKey`: a row for each of this table, with the row of the other that has the
   * key that `foreignKey` gives. Both tables must be partitioned alike for a join by key; for one by foreign key not.
   */
  join<R, T extends JoinType = 'inner'>(
    other: BaseTable<R, K>,
    options?: { type?: T; foreignKey?: undefined },
  ): Table<readonly [LeftOf<V, T>, RightOf<R, T>], K>
  join<R, K2, T extends 'inner' | 'left' = 'inner'>(
    other: BaseTable<R, K2>,
    options: ForeignKeyJoinOptions<V, K, K2, T>,
  ): Table<readonly [V, RightOf<R, T>], K>
  join(other: unknown, options?: unknown): unknown {
    return new Table(joinedTables(this, other, options))
  }

  /**
   * The same with earlier values: what the table had for a key at a time in the last `history`, by stream time. A stream that is
   * joined with it finds what was valid at its records' times; updates of the past do not replace newer ones.
   */
  asOf(history: Duration, options?: { store?: string }): Table<V, K> {
    return Table.withHistory(this, history, options)
  }

  /** @internal */
  static withHistory<V, K>(of: Rows, history: Duration, options: unknown): Table<V, K> {
    const historyMs = readMs(history, 'asOf: history')
    const { store } = checkOptions('asOf', options, ['store'])
    const operator = keptTable('asOf', of.at.operator, {
      name: readName('asOf', store),
      key: keySerializer(of.at),
      value: valueSerializer(of.at),
      historyMs,
    })
    of.at.draft.note(operator)
    return Table.stored({ ...of.at, operator }, sentAlways, historyMs)
  }

  /**
   * Holds changes back and emits only the last of each key, which reduces the changes downstream. Throws `ConfigError`.
   */
  suppress(options: SuppressOptions): Table<V, K, N> {
    return new Table(suppressed(this, options))
  }

  /** Every change as a record; null where a key was deleted. */
  toStream(): Stream<V | null, K> {
    return new Stream<V | null, K>({ ...this.at, operator: tables.toStream(this.at.operator) })
  }

  /** Writes every change to a topic; a deleted key as a tombstone. */
  to(topic: string | Topic<V, K>): StreamRun {
    const target = toTopic(topic) as Topic<unknown, unknown>
    const isNamed = typeof topic === 'string'
    const operator = sink(tables.toStream(this.at.operator), {
      topic: target.name,
      key: isNamed ? keySerializer(this.at) : target.key,
      value: isNamed ? valueSerializer(this.at) : target.value,
    })
    return this.at.draft.end(operator)
  }

  /** Calls `fn` at every change, with null where a key was deleted. */
  forEach(fn: (key: K, value: V | N) => unknown): StreamRun {
    checkCallback('forEach', fn)
    const call = (value: V | N, record: StreamRecord<V | N, K>) => fn(record.key, value)
    return this.at.draft.end(
      stateless.peek(tables.toStream(this.at.operator), call as never, 'forEach'),
    )
  }
}
