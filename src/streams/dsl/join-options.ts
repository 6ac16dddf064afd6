/** Options of joins: their types, and how they are read. */
import type { Serializer } from '../../client/serializer.ts'
import { type Duration, inspectBriefly } from '../../core/duration.ts'
import { invalid } from '../../core/options.ts'
import type { JoinSpan, JoinType } from '../operators/unmatched.ts'
import { checkCallback, checkOptions, readMs, readSerializer, readText } from './state-options.ts'

export type { JoinType }

/** The left value of a result; null in an outer join where there was none. */
export type LeftOf<V, T extends JoinType> = T extends 'outer' ? V | null : V

/** The right value of a result; null in a left or outer join where there was none. */
export type RightOf<R, T extends JoinType> = T extends 'inner' ? R : R | null

/**
 * How far apart two records may be in time: a duration, either way, or an object. `within`: either way. `before`: how much
 * earlier the right record may be; `after`: how much later; default 0 where the other is given. All inclusive. `grace`: how
 * late a record may come, by stream time, before what has found no partner goes out; default 0.
 */
export type JoinWindow =
  | Duration
  | { within: Duration; grace?: Duration }
  | { before?: Duration; after?: Duration; grace?: Duration }

interface WindowedJoinOptions<T extends JoinType> {
  window: JoinWindow
  /**
   * `inner` (default): pairs only. `left`: also left records that no right one came for, with null, when none can come any more.
   * `outer`: those of both sides.
   */
  type?: T
  /** Name of the stores. Default: by the operator and its place. */
  store?: string
}

/** Two streams, by the keys of their records. */
export type StreamJoinOptions<L, R, T extends JoinType> = WindowedJoinOptions<T> & {
  /** Which pairs of one key count. Default: all. */
  on?: (left: L, right: R) => boolean
  key?: undefined
}

/** Two streams, by a key that both values have. Both are sent through a topic by that key first. */
export interface KeyJoinOptions<L, R, J, T extends JoinType> extends WindowedJoinOptions<T> {
  /** The key of a left value and that of a right one. Null: it has none, and pairs with nothing. */
  key: readonly [left: (value: L) => J | null, right: (value: R) => J | null]
  /** How the key is written. Default: as a string. */
  keySerializer?: Serializer<J>
  /** Which pairs of one key count. Default: all. */
  on?: (left: L, right: R) => boolean
}

/** Two streams, by a predicate: every left record is compared with every right one of the window. */
export interface PredicateJoinOptions<L, R, T extends JoinType> extends WindowedJoinOptions<T> {
  on: (left: L, right: R) => boolean
  /**
   * `broadcast` (default): every task has all right records of the window; for inner and left joins. `single`: one task has all
   * records of both; for small streams.
   */
  strategy?: 'broadcast' | 'single'
  /** How many right records a task keeps at most; with more it stops with an error. Default: 100,000. */
  maxBuffered?: number
}

/** A stream and a table, by the stream's key. */
export interface TableJoinOptions<T extends 'inner' | 'left'> {
  /** `inner` (default): records that the table has something for. `left`: the others too, with null. */
  type?: T
  /**
   * How long records wait, by stream time, for the table to be as it was at their time. The table needs at least as much
   * `history`. Default: they do not wait.
   */
  grace?: Duration
  /** Name of the store of those that wait. */
  store?: string
}

/** A stream and a global table, by a key that the record has. */
export interface GlobalTableJoinOptions<V, K, J, T extends 'inner' | 'left'> {
  /** The table's key for a record. Null: there is none. */
  key: (value: V, record: K) => J | null
  type?: T
}

export function readType<T extends JoinType>(
  what: string,
  type: unknown,
  allowed: readonly T[],
): T {
  if (type === undefined) return 'inner' as T
  const found = allowed.find((one) => one === type)
  if (found) return found
  const names = allowed.map((one) => `'${one}'`).join(' or ')
  throw invalid(`${what}: type must be ${names}; got ${inspectBriefly(type)}`)
}

function readWindow(window: unknown): JoinSpan {
  if (window === undefined || window === null) {
    throw invalid(
      "join needs a window when both sides are streams: window: '1h', or { before, after, grace }. To join with the latest value of a key, make the other side a table",
    )
  }
  if (typeof window !== 'object') {
    const within = readMs(window, 'join: window')
    return { beforeMs: within, afterMs: within, graceMs: 0 }
  }
  const { within, before, after, grace } = checkOptions('The window of join', window, [
    'within',
    'before',
    'after',
    'grace',
  ])
  const graceMs = grace === undefined ? 0 : readMs(grace, 'join: grace')
  if (within !== undefined) {
    if (before !== undefined || after !== undefined) {
      throw invalid('join: a window takes either within, or before and after')
    }
    const withinMs = readMs(within, 'join: within')
    return { beforeMs: withinMs, afterMs: withinMs, graceMs }
  }
  if (before === undefined && after === undefined) {
    throw invalid('join: a window needs within, or before or after')
  }
  return {
    beforeMs: before === undefined ? 0 : readMs(before, 'join: before'),
    afterMs: after === undefined ? 0 : readMs(after, 'join: after'),
    graceMs,
  }
}

export function readName(what: string, store: unknown): string | undefined {
  return readText(what, 'store', store)
}

export interface ReadStreamJoin {
  readonly type: JoinType
  readonly span: JoinSpan
  readonly store: string | undefined
  readonly on: ((left: never, right: never) => boolean) | undefined
  readonly key: readonly [left: never, right: never] | undefined
  readonly keySerializer: Serializer<unknown> | undefined
  readonly strategy: 'broadcast' | 'single'
  readonly maxBuffered: number
}

/** Of a join of two streams. */
export function readStreamJoin(options: unknown): ReadStreamJoin {
  const names = ['window', 'type', 'key', 'keySerializer', 'on', 'strategy', 'maxBuffered', 'store']
  const given = checkOptions('join of two streams', options, names)
  const { window, key, on, keySerializer } = given
  const span = readWindow(window)
  if (on !== undefined) checkCallback('join: on', on)
  if (key !== undefined) checkKeys(key)
  else if (keySerializer !== undefined) {
    throw invalid('join: keySerializer goes with key: [left => …, right => …]')
  }
  return {
    type: readType('join', given.type, ['inner', 'left', 'outer']),
    span,
    store: readName('join', given.store),
    on: on as ReadStreamJoin['on'],
    key: key as ReadStreamJoin['key'],
    keySerializer: readSerializer('join', 'keySerializer', keySerializer),
    ...readPredicate(given, on !== undefined && key === undefined),
  }
}

function checkKeys(key: unknown): void {
  if (!Array.isArray(key) || key.length !== 2) {
    throw invalid(
      `join: key must be [left => …, right => …], which give the key of a left value and that of a right one; got ${inspectBriefly(key)}`,
    )
  }
  checkCallback('join: key of the left side', key[0])
  checkCallback('join: key of the right side', key[1])
}

function readPredicate(
  { strategy, maxBuffered }: { readonly [name: string]: unknown },
  isByPredicate: boolean,
): Pick<ReadStreamJoin, 'strategy' | 'maxBuffered'> {
  if (!isByPredicate && (strategy !== undefined || maxBuffered !== undefined)) {
    throw invalid(
      'join: strategy and maxBuffered are for a join by predicate: one with on, and without key',
    )
  }
  if (strategy !== undefined && strategy !== 'broadcast' && strategy !== 'single') {
    throw invalid(`join: strategy must be 'broadcast' or 'single'; got ${inspectBriefly(strategy)}`)
  }
  if (
    maxBuffered !== undefined &&
    !(Number.isSafeInteger(maxBuffered) && (maxBuffered as number) > 0)
  ) {
    throw invalid(
      `join: maxBuffered must be a whole number of 1 or more; got ${inspectBriefly(maxBuffered)}`,
    )
  }
  return {
    strategy: strategy ?? 'broadcast',
    maxBuffered: (maxBuffered as number | undefined) ?? 100_000,
  }
}
