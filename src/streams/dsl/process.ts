/** `stream.process(…)`: an operator written by hand, with stores and timers. */

import type { Headers } from '../../client/producer/send-options.ts'
import { json, type Serializer, string } from '../../client/serializer.ts'
import { type Duration, inspectBriefly, parseDuration } from '../../core/duration.ts'
import { invalid } from '../../core/options.ts'
import { process as processOperator, type RawContext } from '../operators/process.ts'
import type { ProcessStore, ProcessWindowStore } from '../operators/process-stores.ts'
import type { StoreSpec } from '../stores/store-spec.ts'
import type { StreamRecord } from '../stream-record.ts'
import { keyedTogether, type Place } from './place.ts'
import { recordMaker } from './record-maker.ts'
import {
  checkCallback,
  checkOptions,
  isPlainObject,
  readSerializer,
  readText,
} from './state-options.ts'

export type { ProcessStore, ProcessWindowStore } from '../operators/process-stores.ts'

/** A store for `process`, created by `keyValueStore()` or `windowStore()`. */
export class StoreDefinition<Handle> {
  /** @internal */
  readonly spec: Omit<StoreSpec, 'name'>
  /** @internal */
  declare readonly handle: Handle

  /** @internal */
  constructor(spec: Omit<StoreSpec, 'name'>) {
    this.spec = spec
  }
}

/** How keys and values of a store are written. */
export interface StoreSerializers<V, K> {
  /** Default: as strings. */
  key?: Serializer<K>
  /** Default: JSON. */
  value?: Serializer<V>
}

/** A store with one value per key, for `process`. Throws `ConfigError`. */
export function keyValueStore<V, K = string>(
  options?: StoreSerializers<V, K>,
): StoreDefinition<ProcessStore<V, K>> {
  const { key, value } = checkOptions('keyValueStore', options, ['key', 'value'])
  return new StoreDefinition({
    kind: 'key-value',
    isScanned: true,
    ...serializers('keyValueStore', key, value),
  })
}

/**
 * A store with one value for a key and a time, for `process`. Values older than `retention`, in stream time, are
 * removed. Throws `ConfigError`.
 */
export function windowStore<V, K = string>(
  options: StoreSerializers<V, K> & { retention: Duration },
): StoreDefinition<ProcessWindowStore<V, K>> {
  const given = checkOptions('windowStore', options, ['key', 'value', 'retention'])
  return new StoreDefinition({
    kind: 'window',
    retentionMs: interval('windowStore: retention', given.retention),
    ...serializers('windowStore', given.key, given.value),
  })
}

/** Stores of an operator written by hand, by the names that its callbacks have for them. */
export interface ProcessStores {
  // biome-ignore lint/suspicious/noExplicitAny: any kind of store.
  readonly [name: string]: StoreDefinition<any>
}

/** What a callback of `process` forwards. */
export interface ForwardedRecord<R, K> {
  readonly key: K
  readonly value: R
  /** Default: that of the record, or of the timer, at work. */
  readonly timestamp?: Date | number
  /** Default: those of the record at work. */
  readonly headers?: Headers
}

/** The context of the callbacks of `process`. It can be used only while one of them runs. */
export interface ProcessContext<S extends ProcessStores, R, K> {
  /** Hands a record on. */
  forward(record: ForwardedRecord<R, K>): void
  /** One of `stores`. */
  store<N extends keyof S & string>(name: N): S[N]['handle']
  /**
   * Calls back at the multiples of `interval` (whole milliseconds since 1970), only to be called in `init`. By `stream` time, when
   * a record has brought it that far, before that record, and once for a leap over several; also after a restart. By the `wall`
   * clock, while the task is in this process.
   */
  every(
    interval: Duration,
    by: 'stream' | 'wall',
    callback: (at: Date, context: ProcessContext<S, R, K>) => unknown,
  ): void
}

/** An operator written by hand: its stores and its callbacks. */
export interface ProcessOptions<V, K, S extends ProcessStores, R, K2> {
  /** By the names that the callbacks have for them. Default: none. */
  stores?: S
  /** Name of the operator, with which its stores' topics are called. Default: by its place. */
  name?: string
  /** Serialiser of forwarded values. Default: JSON. */
  value?: Serializer<R>
  /** Serialiser of forwarded keys. Default: strings. */
  key?: Serializer<K2>
  /**
   * Forwarded records have the key of the current record, or one seen here before, so that an operator that needs the
   * records of a key together has them. Default: false, and such an operator sends them through a topic first.
   */
  keepsKey?: boolean
  /** Called once for each task, before its first record, without a record at work: for `every`. */
  init?(context: ProcessContext<S, R, K2>): void
  /** Called with each record. */
  record(record: StreamRecord<V, K>, context: ProcessContext<S, R, K2>): unknown
}

const names = ['stores', 'name', 'value', 'key', 'keepsKey', 'init', 'record']

/** @internal Throws `ConfigError`. */
export function processed(place: Place, options: unknown): Place {
  const given = checkOptions('process', options, names)
  const { stores, name, value, key, keepsKey = false, init, record } = given
  if (typeof keepsKey !== 'boolean') {
    throw invalid(`process: keepsKey must be true or false; got ${inspectBriefly(keepsKey)}`)
  }
  checkCallback('process: record', record)
  if (init !== undefined) checkCallback('process: init', init)
  const specs = readStores(stores)
  const from = specs.length > 0 ? keyedTogether(place) : place
  const operator = processOperator(from.operator, {
    name: readText('process', 'name', name),
    stores: specs,
    init: init as ((context: RawContext) => unknown) | undefined,
    record: record as (record: StreamRecord, context: RawContext) => unknown,
    toRecord: (at, made) => recordMaker(at, made, 'process: forward'),
    toInterval: (given) => interval('process: every', given),
  })
  if (operator.hasState) from.draft.note(operator)
  return {
    ...from,
    operator,
    key: readSerializer('process', 'key', key) ?? (keepsKey ? from.key : undefined),
    value: readSerializer('process', 'value', value),
    isKeyChanged: keepsKey ? from.isKeyChanged : true,
  }
}

function readStores(stores: unknown): StoreSpec[] {
  if (stores === undefined) return []
  if (!isPlainObject(stores)) {
    throw invalid(
      `process: stores must be an object such as { seen: keyValueStore() }; got ${inspectBriefly(stores)}`,
    )
  }
  return Object.entries(stores).map(([name, definition]: [string, unknown]) => {
    if (definition instanceof StoreDefinition) return { ...definition.spec, name }
    throw invalid(
      `process: store '${name}' must be made by keyValueStore() or windowStore(); got ${inspectBriefly(definition)}`,
    )
  })
}

function serializers(of: string, key: unknown, value: unknown) {
  return {
    key: readSerializer(of, 'key', key) ?? (string as Serializer<unknown>),
    value: readSerializer(of, 'value', value) ?? json(),
    changelog: 'own' as const,
  }
}

function interval(of: string, given: unknown): number {
  const ms = parseDuration(given, of)
  if (Number.isSafeInteger(ms) && ms > 0) return ms
  throw invalid(`${of} must be whole milliseconds, 1 or more; got ${inspectBriefly(given)}`)
}
