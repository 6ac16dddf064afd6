/** Values by key and window. */

import type { Serializer } from '../../client/serializer.ts'
import { type Topic, toTopic } from '../../client/topic.ts'
import { type Duration, inspectBriefly } from '../../core/duration.ts'
import { invalid } from '../../core/options.ts'
import type { Operator } from '../operator.ts'
import { sink } from '../operators/ends.ts'
import * as stateless from '../operators/stateless.ts'
import type { View } from '../operators/table.ts'
import * as tables from '../operators/table.ts'
import type { StreamRecord } from '../stream-record.ts'
import type { Windowed } from '../windowed.ts'
import { jsonKeyOf, windowedKey } from '../windowed-key.ts'
import type { SessionWindow, TimeWindow } from '../windows.ts'
import { BaseTable, type Rows } from './base-table.ts'
import { filtered, mapped } from './derived-rows.ts'
import { GroupedTable, type TableGroupOptions } from './grouped-table.ts'
import type { JoinType, LeftOf, RightOf } from './join-options.ts'
import { type ForeignKeyJoinOptions, joinedTables } from './join-tables.ts'
import type { OldValues } from './old-values.ts'
import { type Place, valueSerializer } from './place.ts'
import { checkCallback, checkOptions } from './state-options.ts'
import { Stream } from './stream.ts'
import type { StreamRun } from './stream-run.ts'
import { type SuppressOptions, type SuppressUntilClose, suppressed } from './suppression.ts'
import { Table } from './table.ts'

/** What `forEach` of a windowed table gives beside the key. */
export interface WindowResult<V, N extends null = null> {
  /** Null: the session has become part of a longer one, or the value was deleted. `N` is never where neither can be. */
  readonly value: V | N
  readonly start: Date
  /** The first moment after the window; of a session and of a sliding window its last. */
  readonly end: Date
  /** The window is closed: this is its last result. */
  readonly isFinal: boolean
}

/** Options of `to` of a windowed table. */
export interface WindowedToOptions {
  /**
   * How keys are written to a topic given by name. `json`: `{ "key": …, "start": …, "end": … }`, times in epoch
   * milliseconds. `binary`: as Kafka Streams does, see `windowedKey`. Default: `json`.
   */
  key?: 'json' | 'binary'
}

type Emit = 'update' | 'close'

/** What a windowed table is of. */
interface Origin {
  /** Each update, or the last result of each window. */
  readonly emit: Emit
  readonly window: TimeWindow | SessionWindow
  /** Of the key without its window. */
  readonly key: Serializer<unknown>
  /** What is taken from it later is made of updates: there is no making it of last results. */
  readonly isFixed?: boolean
}

/**
 * A table whose keys have a window. Callbacks of a table are synchronous, and are not asked about values that were deleted: of
 * sessions, those that have become part of a longer one.
 */
export class WindowedTable<V, K, N extends null = null> extends BaseTable<V, Windowed<K>> {
  readonly #make: (emit: Emit) => Rows
  readonly #origin: Origin
  readonly #made = new Map<Emit, Rows>()

  /** @internal `make` makes what results come from, each update or each last one. */
  constructor(make: (emit: Emit) => Rows, origin: Origin) {
    super()
    this.#make = make
    this.#origin = origin
  }

  /** @internal */
  get at(): Place {
    return this.#rows.at
  }

  /** @internal */
  get view(): View {
    return this.#rows.view
  }

  /** @internal */
  get old(): OldValues {
    return this.#rows.old
  }

  /** @internal */
  get historyMs(): undefined {
    return undefined
  }

  /** @internal What has been made of it; where nothing has, what keeps it to be asked. */
  get operators(): readonly Operator[] {
    if (this.#made.size === 0) return [this.#make('update').at.operator]
    return [...this.#made.values()].map(({ at }) => at.operator)
  }

  /** Keeps results that `keep` accepts; a result no longer accepted is deleted. */
  filter<S extends V>(is: (value: V, key: Windowed<K>) => value is S): WindowedTable<S, K>
  filter(keep: (value: V, key: Windowed<K>) => boolean): WindowedTable<V, K>
  filter(keep: (value: V, key: Windowed<K>) => boolean): WindowedTable<V, K> {
    checkCallback('filter', keep)
    return this.#derived((rows) => filtered(rows, keep))
  }

  /** Maps each value to another. */
  map<R>(fn: (value: V, key: Windowed<K>) => R): WindowedTable<R, K, N> {
    checkCallback('map', fn)
    return this.#derived((rows) => mapped(rows, fn))
  }

  /**
   * Groups results by another key, over all windows or, where the key has the window, in each: as `Table.groupBy`. A
   * session that was merged into a longer one is removed from its group.
   */
  groupBy<K2, V2>(
    fn: (value: V, key: Windowed<K>) => readonly [K2, V2],
    options?: TableGroupOptions<NonNullable<K2>, NonNullable<V2>>,
  ): GroupedTable<NonNullable<V2>, NonNullable<K2>>
  groupBy<K2, V2>(
    name: string,
    fn: (value: V, key: Windowed<K>) => readonly [K2, V2],
    options?: TableGroupOptions<NonNullable<K2>, NonNullable<V2>>,
  ): GroupedTable<NonNullable<V2>, NonNullable<K2>>
  groupBy(...args: unknown[]): unknown {
    return GroupedTable.by(this, args)
  }

  /**
   * As `Table.join`: by key and window with a table that has windows of the same length, or by `foreignKey`. Windows that are
   * past the other's retention are not found there.
   */
  join<R, T extends JoinType = 'inner'>(
    other: BaseTable<R, Windowed<K>>,
    options?: { type?: T; foreignKey?: undefined },
  ): WindowedTable<readonly [LeftOf<V, T>, RightOf<R, T>], K>
  join<R, K2, T extends 'inner' | 'left' = 'inner'>(
    other: BaseTable<R, K2>,
    options: ForeignKeyJoinOptions<V, Windowed<K>, K2, T>,
  ): WindowedTable<readonly [V, RightOf<R, T>], K>
  join(other: unknown, options?: { foreignKey?: unknown }): unknown {
    const { window } = this.#origin
    const isByKey = options?.foreignKey === undefined
    const beside = isByKey && other instanceof WindowedTable ? other.#origin.window : window
    checkLengths(window, beside)
    const rows = joinedTables(this, other, options)
    const graceMs = Math.max(window.graceMs, beside.graceMs)
    return this.#fixed(() => rows, { emit: 'update', window: { ...window, graceMs } })
  }

  /** As `Table.asOf`: with what each window's result was in the last `history`. */
  asOf(history: Duration, options?: { store?: string }): Table<V, Windowed<K>> {
    return Table.withHistory(this, history, options)
  }

  /**
   * One result per window, when it closes: when stream time has passed its end and grace. Deletions are not emitted.
   * For a join: as `suppress({ until: 'close' })`.
   */
  final(): WindowedTable<V, K, never> {
    const { emit, isFixed } = this.#origin
    if (emit === 'close') return this as never
    if (isFixed) return this.suppress({ until: 'close' })
    return new WindowedTable((of) => this.#rowsOf(of), { ...this.#origin, emit: 'close' })
  }

  /**
   * Holds results back. Until `close`: emits the last result of each window when stream time has passed its end and
   * grace (for a session: its last record, gap and grace); deletions are not emitted. Until a time: like
   * `Table.suppress`. `final()` does the same as `close` without a store.
   */
  suppress(options: SuppressUntilClose): WindowedTable<V, K, never>
  suppress(options: SuppressOptions): WindowedTable<V, K, N>
  suppress(options: SuppressUntilClose | SuppressOptions): WindowedTable<V, K, never> {
    const { until } = checkOptions('suppress', options, Object.keys(options ?? {}))
    const { window } = this.#origin
    const afterMs = window.graceMs + (window.kind === 'session' ? window.gapMs : 0)
    const closing = { afterMs, idleMs: window.idleMs }
    const rows = suppressed(this.#rows, options, closing)
    return this.#fixed(() => rows, until === 'close' ? { emit: 'close' } : {})
  }

  /** Every result as a record whose key has the window. */
  toStream(): Stream<V | null, Windowed<K>> {
    return new Stream({ ...this.at, operator: tables.toStream(this.at.operator) })
  }

  /** Writes every result to a topic. Throws `ConfigError` for options that are not known. */
  to(topic: string | Topic<V, Windowed<K>>, options?: WindowedToOptions): StreamRun {
    const { key = 'json' } = checkOptions('to', options, ['key'])
    if (key !== 'json' && key !== 'binary') {
      throw invalid(`to: key must be 'json' or 'binary'; got ${inspectBriefly(key)}`)
    }
    const target = toTopic(topic) as Topic<unknown, unknown>
    const isNamed = typeof topic === 'string'
    if (!isNamed && options?.key !== undefined) {
      throw invalid(
        `to: '${target.name}' defines how its keys are written, so leave out the option key`,
      )
    }
    const { at } = this
    const { key: inner, window } = this.#origin
    const named = key === 'json' ? jsonKeyOf(inner) : windowedKey(inner, window)
    const operator = sink(tables.toStream(at.operator), {
      topic: target.name,
      key: isNamed ? (named as Serializer<unknown>) : target.key,
      value: isNamed ? valueSerializer(at) : target.value,
    })
    return at.draft.end(operator)
  }

  /** Calls `fn` with each result. */
  forEach(fn: (key: K, window: WindowResult<V, N>) => unknown): StreamRun {
    checkCallback('forEach', fn)
    const isFinal = this.#origin.emit === 'close'
    const call = (value: V | N, { key }: StreamRecord<V | N, Windowed<K>>) =>
      fn(key.key, { value, start: key.start, end: key.end, isFinal })
    return this.at.draft.end(
      stateless.peek(tables.toStream(this.at.operator), call as never, 'forEach'),
    )
  }

  get #rows(): Rows {
    return this.#rowsOf(this.#origin.emit)
  }

  #rowsOf(emit: Emit): Rows {
    const made = this.#made.get(emit) ?? this.#make(emit)
    this.#made.set(emit, made)
    return made
  }

  #derived<R>(derive: (rows: Rows) => Rows): WindowedTable<R, K, never> {
    const { emit } = this.#origin
    const make = (of: Emit) => {
      const rows = derive(this.#rowsOf(of))
      // Asked for last results of what was derived from updates.
      return of === emit ? rows : withoutDeletions(rows)
    }
    return new WindowedTable(make, this.#origin)
  }

  #fixed<R>(make: () => Rows, changed: Partial<Origin>): WindowedTable<R, K, never> {
    return new WindowedTable(make, { ...this.#origin, ...changed, isFixed: true })
  }
}

/** What was left out of the last results of a filter was never there. */
function withoutDeletions({ at, ...rest }: Rows): Rows {
  const operator = stateless.filter(at.operator, (value) => value !== null)
  return { at: { ...at, operator }, ...rest }
}

/** Throws `ConfigError` for windows of which none can be the same. */
function checkLengths(left: TimeWindow | SessionWindow, right: TimeWindow | SessionWindow): void {
  const [a, b] = [lengthOf(left), lengthOf(right)]
  if (a === b) return
  throw invalid(
    `join: the left table has ${a}, the right one ${b}, so they have no common window: use the same windows for both, or join by foreignKey`,
  )
}

function lengthOf(window: TimeWindow | SessionWindow): string {
  switch (window.kind) {
    case 'session':
      return 'sessions'
    case 'sliding':
      return `sliding windows of ${window.differenceMs} ms`
    default:
      return `windows of ${window.sizeMs} ms`
  }
}
