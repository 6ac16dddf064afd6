/** Where tables begin: a topic, or a stream, of which the last value of each key is kept. */
import type { Serializer } from '../../client/serializer.ts'
import { frozen } from '../freeze.ts'
import { Operator, type OperatorScope, type Receive, SourceOperator } from '../operator.ts'
import type { KeyValueStore } from '../stores/key-value-store.ts'
import type { StoreSpec } from '../stores/store-spec.ts'
import type { VersionedStore } from '../stores/versioned-store.ts'
import type { StreamErrorPolicy } from '../task/stream-error-policy.ts'

export interface TableOptions {
  /** Of the store. */
  readonly name: string | undefined
  readonly key: Serializer<unknown>
  readonly value: Serializer<unknown>
  /** How long earlier values are kept, by stream time; undefined: not. */
  readonly historyMs: number | undefined
}

interface TopicOptions {
  readonly topic: string
  /** What becomes of records that fail; undefined: what the application says. */
  readonly onError?: StreamErrorPolicy | undefined
}

/** A topic as a table. The topic is the store's changelog. */
export function tableSource(options: TableOptions & TopicOptions): SourceOperator {
  const { topic, name, key, value, historyMs, onError } = options
  return new SourceOperator({
    kind: 'table',
    name,
    parents: [],
    parameters: { topic, key: key.name, value: value.name, historyMs: historyMs ?? null },
    stores: [storeOf(options, topic)],
    create: (scope) => [keeper(scope, historyMs !== undefined)],
    topic,
    key,
    value,
    keepsTombstones: true,
    onError,
  })
}

/**
 * A topic as a table that every process has whole. Whoever runs it fills the store with plain puts of the topic's records;
 * nothing comes out of it.
 */
export function globalTableSource(
  options: Omit<TableOptions, 'historyMs'> & TopicOptions,
): SourceOperator {
  const { topic, name, key, value, onError } = options
  return new SourceOperator({
    kind: 'globalTable',
    name,
    parents: [],
    parameters: { topic, key: key.name, value: value.name },
    stores: [storeOf({ ...options, historyMs: undefined }, topic)],
    create: () => [() => undefined],
    topic,
    key,
    value,
    isGlobal: true,
    keepsTombstones: true,
    onError,
  })
}

/** What comes to it as a table, with a changelog of its own. */
export function keptTable(kind: 'toTable' | 'asOf', parent: Operator, options: TableOptions) {
  const { name, historyMs } = options
  return new Operator({
    kind,
    name,
    parents: [parent],
    parameters: { historyMs: historyMs ?? null },
    stores: [storeOf(options, undefined)],
    create: (scope) => [keeper(scope, historyMs !== undefined)],
  })
}

/** `source`: the topic that it is restored from; undefined: a changelog of its own. */
function storeOf({ key, value, historyMs }: TableOptions, source: string | undefined): StoreSpec {
  const changelog = source === undefined ? 'own' : 'source'
  return historyMs === undefined
    ? { kind: 'key-value', name: '', key, value, changelog, source }
    : { kind: 'versioned', name: '', key, value, retentionMs: historyMs, changelog, source }
}

/** Keeps each value, and hands it on with the one before. */
function keeper(scope: OperatorScope, isVersioned: boolean): Receive {
  return isVersioned ? versions(scope) : lastValues(scope)
}

function lastValues({ forward, dropped, ...scope }: OperatorScope): Receive {
  const store = scope.store<KeyValueStore>()
  return (record) => {
    const { key, value, timestampMs } = record
    if (key === null) return dropped('null key', record)
    const old = store.get(key)?.value ?? null
    store.put(key, frozen(value), timestampMs)
    return forward(record, old, true)
  }
}

function versions({ forward, dropped, ...scope }: OperatorScope): Receive {
  const store = scope.store<VersionedStore>()
  return (record) => {
    const { key, value, timestampMs } = record
    if (key === null) return dropped('null key', record)
    const old = store.get(key)?.value ?? null
    if (!store.put(key, frozen(value), timestampMs)) return dropped('expired', record)
    return forward(record, old, store.isNewest(key, timestampMs))
  }
}
