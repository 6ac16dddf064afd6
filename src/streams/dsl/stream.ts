/** A stream of records: each is an event of its own. A `Table` is what they add up to. */
import type { Headers } from '../../client/producer/send-options.ts'
import type { Serializer } from '../../client/serializer.ts'
import { type Topic, toTopic } from '../../client/topic.ts'
import { type Duration, inspectBriefly } from '../../core/duration.ts'
import { invalid } from '../../core/options.ts'
import type { Operator } from '../operator.ts'
import { sink } from '../operators/ends.ts'
import * as stateless from '../operators/stateless.ts'
import { keptTable } from '../operators/table-source.ts'
import type { StreamRecord } from '../stream-record.ts'
import { checkWindow, type SessionWindow, type TimeWindow } from '../windows.ts'
import type { BaseTable } from './base-table.ts'
import type { GlobalTable } from './global-table.ts'
import { GroupedStream, type GroupOptions } from './grouped-stream.ts'
import { joined } from './join.ts'
import type {
  GlobalTableJoinOptions,
  JoinType,
  KeyJoinOptions,
  LeftOf,
  PredicateJoinOptions,
  RightOf,
  StreamJoinOptions,
  TableJoinOptions,
} from './join-options.ts'
import { OldValuesOfSource } from './old-values.ts'
import { Pairs } from './pairs.ts'
import {
  keyedTogether,
  keySerializer,
  type Place,
  repartitioned,
  valueSerializer,
} from './place.ts'
import { type ProcessOptions, type ProcessStores, processed } from './process.ts'
import { recordMaker } from './record-maker.ts'
import {
  checkCallback,
  checkOptions,
  isPlainObject,
  readConcurrency,
  readMs,
  readSerializer,
  readStoreOptions,
  readText,
  type StoreOptions,
} from './state-options.ts'
import type { StreamRun } from './stream-run.ts'
import { Table } from './table.ts'
import { SessionStream, WindowedStream } from './windowed-stream.ts'

export type MaybePromise<T> = T | PromiseLike<T>

/** A predicate's type guard, if it is one. */
// biome-ignore lint/suspicious/noExplicitAny: only `any` lets what is guarded be inferred.
export type GuardOf<P, V> = P extends (value: any, record: never) => value is infer S ? S : V

type Predicate<V, K> = (value: V, record: StreamRecord<V, K>) => boolean

/** Options of `rekey` and `mapRecord`. */
export interface RekeyOptions<K> {
  /** How the new keys are written. Default: as strings. */
  key?: Serializer<K>
}

/** Options of `map`. */
export interface MapOptions {
  /**
   * Concurrent calls per task, 1 to 1,000. Default: 1. Callbacks of later records are called before their turn, and
   * again if an earlier record makes the task return to its last commit. Callbacks upstream must be synchronous.
   */
  concurrency?: number
}

/** Options of `to`. */
export interface ToOptions<V, K> {
  /** Gives the partition. Default: by the key, as Kafka's own clients do. */
  partitioner?: (record: StreamRecord<V, K>) => number | undefined
}

/** What a call that fits none of the others lacks; nothing is of this type. */
export interface JoinNeeds {
  readonly 'join needs a window when both sides are streams: { window }; a table takes { type, grace }, a global table { key, type }': never
}

/**
 * Callbacks get the value and the record. `filter`, `map`, `flatMap`, `peek`, `rekey`, `mapRecord` and `forEach` may
 * return a promise: the partition waits for it. An error thrown by a callback ends the stream unless `onError` says
 * otherwise, and everything the record did is undone.
 */
export class Stream<V, K = string | null> {
  /** @internal */
  readonly at: Place

  /** @internal */
  constructor(at: Place) {
    this.at = at
  }

  /** Keeps records for which `keep` returns true. */
  filter<S extends V>(is: (value: V, record: StreamRecord<V, K>) => value is S): Stream<S, K>
  filter(keep: (value: V, record: StreamRecord<V, K>) => MaybePromise<boolean>): Stream<V, K>
  filter(keep: (value: V, record: StreamRecord<V, K>) => MaybePromise<boolean>): Stream<V, K> {
    checkCallback('filter', keep)
    return new Stream({ ...this.at, operator: stateless.filter(this.at.operator, keep) })
  }

  /**
   * Maps each value to another and keeps the key. With `concurrency`, results stay in the order of the records. Throws
   * `ConfigError` below an operator with state, or below another `map` with concurrency.
   */
  map<R>(
    fn: (value: V, record: StreamRecord<V, K>) => MaybePromise<R>,
    options?: MapOptions,
  ): Stream<R, K> {
    checkCallback('map', fn)
    const { concurrency } = checkOptions('map', options, ['concurrency'])
    const operator = stateless.map(this.at.operator, fn, readConcurrency('map', concurrency))
    return new Stream({ ...this.at, operator, value: undefined })
  }

  /** Maps each value to any number of values and keeps the key. */
  flatMap<R>(
    fn: (value: V, record: StreamRecord<V, K>) => MaybePromise<Iterable<R>>,
  ): Stream<R, K> {
    checkCallback('flatMap', fn)
    const operator = stateless.flatMap(this.at.operator, fn)
    return new Stream({ ...this.at, operator, value: undefined })
  }

  /** Calls a function with each record and passes the record on. */
  peek(fn: (value: V, record: StreamRecord<V, K>) => unknown): Stream<V, K> {
    checkCallback('peek', fn)
    return new Stream({ ...this.at, operator: stateless.peek(this.at.operator, fn) })
  }

  /**
   * Changes the key of each record. Operators that need all records of a key together send them through an internal
   * topic first.
   */
  rekey<K2 extends NonNullable<unknown> | null>(
    fn: (value: V, record: StreamRecord<V, K>) => MaybePromise<K2>,
    options?: RekeyOptions<NonNullable<K2>>,
  ): Stream<V, K2> {
    checkCallback('rekey', fn)
    const { key } = checkOptions('rekey', options, ['key'])
    const operator = stateless.rekey(this.at.operator, fn)
    return new Stream({
      ...this.at,
      operator,
      key: readSerializer('rekey', 'key', key),
      isKeyChanged: true,
    })
  }

  /** Maps each record to another: key, value, and optionally timestamp and headers. */
  mapRecord<R, K2>(
    fn: (
      record: StreamRecord<V, K>,
    ) => MaybePromise<{ key: K2; value: R; timestamp?: Date | number; headers?: Headers }>,
    options?: RekeyOptions<NonNullable<K2>>,
  ): Stream<R, K2> {
    checkCallback('mapRecord', fn)
    const { key } = checkOptions('mapRecord', options, ['key'])
    const operator = stateless.mapRecord(this.at.operator, fn, recordMaker)
    return new Stream({
      ...this.at,
      operator,
      key: readSerializer('mapRecord', 'key', key),
      value: undefined,
      isKeyChanged: true,
    })
  }

  /** The records of several streams, as they come; those of a stream that is named twice come once. */
  merge<R>(...others: Stream<R, K>[]): Stream<V | R, K> {
    const operators = new Set<Operator>()
    const places = [this.at, ...others.map(placeOf)].filter(({ operator }) => {
      return operators.size < operators.add(operator).size
    })
    const draft = places.map(({ draft }) => draft).reduce((a, b) => a.meet(b))
    const same = <T>(of: (place: Place) => T): T | undefined =>
      places.every((place) => of(place) === of(this.at)) ? of(this.at) : undefined
    return new Stream({
      draft,
      operator: stateless.merge(places.map(({ operator }) => operator)),
      key: same((place) => place.key),
      value: same((place) => place.value),
      isKeyChanged: places.some(({ isKeyChanged }) => isKeyChanged),
    })
  }

  /** Sends each record to the topic of the first predicate that matches; a record without a match is dropped. */
  branch(branches: readonly (readonly [Predicate<V, K>, string | Topic<V, K>])[]): StreamRun {
    const wrong = Array.isArray(branches)
      ? branches.find((one: unknown) => !Array.isArray(one) || one.length !== 2)
      : branches
    if (wrong !== undefined || branches.length === 0) {
      throw invalid(
        `branch needs a list of pairs, each a predicate and a topic; got ${inspectBriefly(wrong ?? branches)}`,
      )
    }
    const pairs = branches.map(([takes, topic], index) => {
      checkCallback(`branch ${index + 1}`, takes)
      return [nameOfTopic(topic), takes] as const
    })
    const operators = stateless.branches(this.at.operator, pairs)
    const runs = branches.map(([, topic], index) =>
      new Stream<V, K>({ ...this.at, operator: operators[index]! }).to(topic),
    )
    return runs[0]!
  }

  /** A stream per predicate, with the records it is the first to match; `rest` has the others. */
  split<const B extends { readonly [name: string]: Predicate<V, K> }>(
    branches: B,
  ): { [N in keyof B]: Stream<GuardOf<B[N], V>, K> } & { rest: Stream<V, K> } {
    const pairs = isPlainObject(branches) ? Object.entries(branches) : []
    if (pairs.length === 0) {
      throw invalid(
        `split needs an object with at least one predicate, each under the name of its stream; got ${inspectBriefly(branches)}`,
      )
    }
    if ('rest' in branches) {
      throw invalid("split: 'rest' is the stream of the remaining records; use another name")
    }
    for (const [name, takes] of pairs) checkCallback(`split: ${name}`, takes)
    const operators = stateless.branches(this.at.operator, pairs)
    const streams = operators.map((operator) => new Stream({ ...this.at, operator }))
    const named = [...pairs.map(([name]) => name), 'rest'].map((name, i) => [name, streams[i]!])
    return Object.fromEntries(named) as { [N in keyof B]: Stream<GuardOf<B[N], V>, K> } & {
      rest: Stream<V, K>
    }
  }

  /**
   * Groups records by a key derived from each; null skips the record. A name keeps the topic's name when the program
   * changes.
   */
  groupBy<K2 extends NonNullable<unknown> | null>(
    key: (value: V, record: StreamRecord<V, K>) => K2,
    options?: GroupOptions<NonNullable<K2>>,
  ): GroupedStream<V, NonNullable<K2>>
  groupBy<K2 extends NonNullable<unknown> | null>(
    name: string,
    key: (value: V, record: StreamRecord<V, K>) => K2,
    options?: GroupOptions<NonNullable<K2>>,
  ): GroupedStream<V, NonNullable<K2>>
  groupBy(...args: unknown[]): unknown {
    return GroupedStream.by(this.at, args)
  }

  /** Groups records by their key; records without a key are skipped. */
  groupByKey(): GroupedStream<V, NonNullable<K>> {
    return new GroupedStream(this.at, undefined)
  }

  /** Windows first, groups then: `groupBy(…).window(…)` is the same. */
  window(window: SessionWindow): SessionStream<V, K>
  window(window: TimeWindow): WindowedStream<V, K>
  window(window: TimeWindow | SessionWindow): WindowedStream<V, K> | SessionStream<V, K> {
    const checked = checkWindow('window', window)
    return checked.kind === 'session'
      ? new SessionStream(this, checked)
      : new WindowedStream(this, checked)
  }

  /**
   * An operator written by hand: `record` is called with each record, and has stores, `forward` and, from `init`,
   * timers. With stores, the records of a key are first brought together. Forwarded records have the types of `value`
   * and `key`, or the stream's own. Throws `ConfigError`.
   */
  process<S extends ProcessStores = Record<never, never>, R = V, K2 = K>(
    options: ProcessOptions<V, K, S, R, K2>,
  ): Stream<R, K2> {
    return new Stream(processed(this.at, options))
  }

  /**
   * Joins with another stream, by the keys of their records, within a window of time. With `key: [left => …, right =>
   * …]` by a key that the values have; with `on` and no `key` by any predicate, which compares each left record with
   * each right one of the window and does not scale. Or with a table: each record with what the table has for its key.
   * Or with a global table, by the key that `key` gives. See the options' types. Throws `ConfigError` for options that
   * do not match the kind of join.
   */
  join<R, T extends JoinType = 'inner'>(
    other: Stream<R, K>,
    options: StreamJoinOptions<V, R, T> & { on?: undefined },
  ): Pairs<LeftOf<V, T>, RightOf<R, T>, K>
  join<R, J, K2, T extends JoinType = 'inner'>(
    other: Stream<R, K2>,
    options: KeyJoinOptions<V, R, J, T>,
  ): Pairs<LeftOf<V, T>, RightOf<R, T>, J>
  join<R, K2, T extends 'inner' | 'left' = 'inner'>(
    other: Stream<R, K2>,
    options: PredicateJoinOptions<V, R, T> & { strategy?: 'broadcast'; key?: undefined },
  ): Pairs<V, RightOf<R, T>, K>
  join<R, K2, T extends JoinType = 'inner'>(
    other: Stream<R, K2>,
    options: PredicateJoinOptions<V, R, T> & { strategy: 'single'; key?: undefined },
  ): Pairs<LeftOf<V, T>, RightOf<R, T>, K>
  join<R, T extends 'inner' | 'left' = 'inner'>(
    other: BaseTable<R, NonNullable<K>>,
    options?: TableJoinOptions<T>,
  ): Pairs<V, RightOf<R, T>, K>
  join<R, K2, T extends 'inner' | 'left' = 'inner'>(
    other: GlobalTable<R, K2>,
    options: GlobalTableJoinOptions<V, StreamRecord<V, K>, K2, T>,
  ): Pairs<V, RightOf<R, T>, K>
  join(other: JoinNeeds, options?: object): never
  join(other: unknown, options?: unknown): unknown {
    return new Pairs(new Stream<readonly [unknown, unknown]>(joined(this.at, other, options)))
  }

  /**
   * The last value of each key; null deletes it. `history` keeps earlier values as well, for that long in stream time.
   * Records without a key are skipped.
   */
  toTable(
    options?: StoreOptions<NonNullable<V>> & { history?: Duration },
  ): Table<NonNullable<V>, NonNullable<K>> {
    const { name, value } = readStoreOptions('toTable', options, ['history'])
    const historyMs =
      options?.history === undefined ? undefined : readMs(options.history, 'toTable: history')
    const place = keyedTogether(this.at)
    const kept = { ...place, value: value ?? place.value }
    const operator = keptTable('toTable', place.operator, {
      name,
      key: keySerializer(kept),
      value: valueSerializer(kept),
      historyMs,
    })
    kept.draft.note(operator)
    const isKept = name !== undefined || historyMs !== undefined
    return Table.stored({ ...kept, operator }, new OldValuesOfSource(isKept), historyMs)
  }

  /** Writes to a topic and continues with the records read from it. The topic must exist. */
  through(topic: string | Topic<V, K>): Stream<V, K> {
    const { name, key, value } = this.#target(topic)
    return new Stream(repartitioned({ ...this.at, key, value }, { topic: name }))
  }

  /**
   * Sends records through an internal topic, so that those of one key come together. Records without a key are skipped,
   * as in Kafka Streams, unless a left or outer join downstream has results for them.
   */
  repartition(options?: { partitions?: number; name?: string }): Stream<V, K> {
    const { partitions, name } = checkOptions('repartition', options, ['partitions', 'name'])
    if (partitions !== undefined && !(Number.isInteger(partitions) && (partitions as number) > 0)) {
      throw invalid(
        `repartition: partitions must be a whole number of 1 or more; got ${inspectBriefly(partitions)}`,
      )
    }
    return new Stream(
      repartitioned(this.at, {
        partitions: partitions as number | undefined,
        name: readText('repartition', 'name', name),
        needsKey: true,
      }),
    )
  }

  /** Writes each record to a topic, or to the one that a function gives for it. */
  to(
    topic: string | Topic<V, K> | ((value: V, record: StreamRecord<V, K>) => string),
    options?: ToOptions<V, K>,
  ): StreamRun {
    const { partitioner } = checkOptions('to', options, ['partitioner'])
    if (partitioner !== undefined) checkCallback('to: partitioner', partitioner)
    const operator = sink(this.at.operator, {
      ...(typeof topic === 'function'
        ? { topic, key: keySerializer(this.at), value: valueSerializer(this.at) }
        : this.#sinkTo(topic)),
      partitioner: partitioner as ((record: StreamRecord) => number | undefined) | undefined,
    })
    return this.at.draft.end(operator)
  }

  /** Calls `fn` with each record. With exactly-once too it may be called again after a crash: it is outside the transaction. */
  forEach(fn: (value: V, record: StreamRecord<V, K>) => unknown): StreamRun {
    checkCallback('forEach', fn)
    return this.at.draft.end(stateless.peek(this.at.operator, fn, 'forEach'))
  }

  #sinkTo(topic: string | Topic<V, K>) {
    const { name, key, value } = this.#target(topic)
    return { topic: name, key, value }
  }

  /** A topic that is named is written as the stream is. */
  #target(topic: string | Topic<V, K>) {
    const { name, key, value } = toTopic(topic) as Topic<unknown, unknown>
    return typeof topic === 'string'
      ? { name, key: keySerializer(this.at), value: valueSerializer(this.at) }
      : { name, key, value }
  }
}

function placeOf<V, K>(stream: Stream<V, K>): Place {
  if (stream instanceof Stream) return stream.at
  throw invalid(`merge takes streams; got ${inspectBriefly(stream)}`)
}

function nameOfTopic(topic: string | { readonly name: string }): string {
  return toTopic(topic as string).name
}
