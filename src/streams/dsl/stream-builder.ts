/** Where the chains of an application begin: what `kafka.streams()` and the test driver have in common. */
import { type Topic, toTopic } from '../../client/topic.ts'
import { type Duration, inspectBriefly } from '../../core/duration.ts'
import { invalid } from '../../core/options.ts'
import { streamSource } from '../operators/ends.ts'
import { globalTableSource, tableSource } from '../operators/table-source.ts'
import {
  onErrorOption,
  type StreamErrorPolicy,
  type StreamOnError,
} from '../task/stream-error-policy.ts'
import type { TopologyDescription } from '../topology/describe.ts'
import type { DescriptionFormat } from '../topology/render-description.ts'
import type { Draft } from './draft.ts'
import { GlobalTable } from './global-table.ts'
import { readName } from './join-options.ts'
import { OldValuesOfSource } from './old-values.ts'
import { checkOptions, readMs } from './state-options.ts'
import { Stream } from './stream.ts'
import { Table } from './table.ts'

/** Options of one stream. */
export interface StreamOptions {
  /**
   * How to handle records with a null value, which delete their key in a compacted topic. `drop`: count and skip them,
   * so that callbacks need not expect them. `deliver`: pass them on.
   */
  tombstones?: 'drop' | 'deliver' | undefined
  /**
   * What to do with a record of this stream that cannot be read, or for which a callback downstream throws; like the
   * application's `onError`. It also applies after a repartition, unless records of a source with another setting
   * arrive there as well, but not to timers and `idle`, which belong to no record. Default: the application's.
   */
  onError?: StreamOnError | undefined
}

/** Options of a table. */
export interface TableOptions {
  /** Name of the store. Default: from the operator and its position. */
  store?: string
  /**
   * How long earlier values are kept, in stream time, so that a stream finds what was valid at the time of its records.
   * Default: only the last value.
   */
  history?: Duration
  /**
   * What to do with a record of the topic that cannot be read, or for which a callback downstream throws; like
   * `onError` of a stream. A record that cannot be read is not added after a restart either. For a global table,
   * `deadLetter` only skips, because every process reads it. Default: the application's.
   */
  onError?: StreamOnError | undefined
}

/** Builds the chains of an application. */
export class StreamBuilder {
  readonly #draft: Draft

  /** @internal */
  constructor(draft: Draft) {
    this.#draft = draft
  }

  /**
   * What the topology looks like: sub-topologies with their topics, operators and stores. `text`: as Kafka's own description;
   * `mermaid`: a flow chart to paste into Markdown; `json`: to look into. Needs no connection. Default: `text`.
   */
  describe(format?: 'text' | 'mermaid'): string
  describe(format: 'json'): TopologyDescription
  describe(format?: DescriptionFormat): string | TopologyDescription {
    return this.#draft.describe(format)
  }

  /** The records of a topic. */
  stream<V = unknown, K = string>(
    topic: string | Topic<V, K, never>,
    options: StreamOptions & { tombstones: 'deliver' },
  ): Stream<V | null, K | null>
  stream<V = unknown, K = string>(
    topic: string | Topic<V, K, never>,
    options?: StreamOptions,
  ): Stream<V, K | null>
  stream<V = unknown, K = string>(
    topic: string | Topic<V, K, never>,
    options?: StreamOptions,
  ): Stream<V, K | null> {
    const given = checkOptions('stream', options, ['tombstones', 'onError'])
    return openStream(this.#draft, topic, given.tombstones, given.onError)
  }

  /**
   * The last value of each key of a topic; null deletes it. The table is restored from the topic, which should be
   * compacted.
   */
  table<V = unknown, K = string>(
    topic: string | Topic<V, K, never>,
    options?: TableOptions,
  ): Table<V, K> {
    const { store, history, onError } = checkOptions('table', options, [
      'store',
      'history',
      'onError',
    ])
    const historyMs = history === undefined ? undefined : readMs(history, 'table: history')
    const { name, key, value } = toTopic(topic) as Topic<unknown, unknown>
    const operator = tableSource({
      topic: name,
      name: readName('table', store),
      key,
      value,
      historyMs,
      onError: readOnError('table', onError),
    })
    this.#draft.note(operator)
    return Table.stored(
      { draft: this.#draft, operator, key, value, isKeyChanged: false },
      new OldValuesOfSource(store !== undefined || historyMs !== undefined),
      historyMs,
    )
  }

  /** Like `table`, but in full in every process, so that streams can be joined with it by any key. For small topics. */
  globalTable<V = unknown, K = string>(
    topic: string | Topic<V, K, never>,
    options?: Pick<TableOptions, 'store' | 'onError'>,
  ): GlobalTable<V, K> {
    const { store, onError } = checkOptions('globalTable', options, ['store', 'onError'])
    const { name, key, value } = toTopic(topic) as Topic<unknown, unknown>
    const operator = globalTableSource({
      topic: name,
      name: readName('globalTable', store),
      key,
      value,
      onError: readOnError('globalTable', onError),
    })
    this.#draft.note(operator)
    return new GlobalTable(this.#draft, operator)
  }
}

/** @internal */
export function openStream<V, K>(
  draft: Draft,
  topic: string | Topic<V, K, never>,
  tombstones: unknown,
  onError?: unknown,
): Stream<V, K | null> {
  if (tombstones !== undefined && tombstones !== 'drop' && tombstones !== 'deliver') {
    throw invalid(
      `stream: tombstones must be 'drop' or 'deliver'; got ${inspectBriefly(tombstones)}`,
    )
  }
  const { name, key, value } = toTopic(topic) as Topic<unknown, unknown>
  const operator = streamSource({
    topic: name,
    key,
    value,
    keepsTombstones: tombstones === 'deliver',
    onError: readOnError('stream', onError),
  })
  return new Stream<V, K | null>({ draft, operator, key, value, isKeyChanged: false })
}

function readOnError(source: string, onError: unknown): StreamErrorPolicy | undefined {
  return onError === undefined ? undefined : onErrorOption.read(onError, `${source}: onError`)
}
