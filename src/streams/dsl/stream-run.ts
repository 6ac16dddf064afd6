/** A stream application that runs, as the application sees it. */
import { ClosedError } from '../../core/errors.ts'
import type { TopologyDescription } from '../topology/describe.ts'
import type { DescriptionFormat } from '../topology/render-description.ts'
import type { Topology } from '../topology/topology.ts'
import type { Windowed } from '../windowed.ts'
import type { Draft } from './draft.ts'

/** What an application is doing. `failed`: `done` rejects with what stopped it. */
export type StreamState =
  | 'starting'
  | 'restoring'
  | 'running'
  | 'rebalancing'
  | 'closing'
  | 'closed'
  | 'failed'

/** What runs a topology. */
export interface Runner {
  readonly topology: Topology
  readonly state: StreamState
  /** All tasks that were assigned first are restored and run. */
  readonly ready: Promise<void>
  /** It was closed, or stopped with an error. */
  readonly done: Promise<void>
  close(): Promise<void>
  metrics(): StreamMetrics
  store(name: unknown, options?: unknown): StoreReader
  locate(store: unknown, key: unknown): StoreLocation
}

/** Counters of a run since its start, and its current state. */
export interface StreamMetrics {
  /** Records that were processed, also those that were handed over in memory, and that were processed again. */
  readonly recordsIn: number
  readonly recordsOut: number
  readonly commits: number
  /** Time taken by commits, milliseconds, from the first byte to their confirmation. */
  readonly commitMs: number
  /** Late records, by operator. */
  readonly late: { readonly [operator: string]: number }
  /** Skipped records, by reason. */
  readonly skipped: { readonly [reason: string]: number }
  readonly deadLetters: number
  /** Changelog entries that were read to bring state up to date. */
  readonly restored: number
  /** Changelog entries that are still to be read. */
  readonly restoreRemaining: number
  /** Changelog entries that this process's standby copies are behind. */
  readonly standbyLag: number
  /** Tasks that run in this process. */
  readonly tasks: number
  readonly tasksByState: {
    readonly running: number
    /** Their state is being read. */
    readonly restoring: number
    /** Standby copies of other processes' tasks. */
    readonly standby: number
  }
  /** Pairs that joins by predicate have compared, by operator. */
  readonly joinComparisons: { readonly [operator: string]: number }
  readonly stores: {
    /** On disk: as of the last measurement. */
    readonly [name: string]: { readonly entries: number; readonly sizeInBytes: number }
  }
}

/** Options of a store query. */
export interface StoreReadOptions {
  /** Includes uncommitted values, which a failure may undo. Default: false. */
  uncommitted?: boolean
  /** Also the copies (`standbys`) that this process keeps of what others run; they may be a little behind. Default: false. */
  stale?: boolean
}

/** Where a store has a key's entry. */
export interface StoreLocation {
  /** This process runs the task that has it. */
  readonly isLocal: boolean
  /** This process keeps a copy of it. */
  readonly isStandby: boolean
  /**
   * By the key, as Kafka's partitioner has it: not where a producer of the source topic chose partitions in another way. Undefined
   * for a global table, which is in every process, and until the application knows its topics.
   */
  readonly partition: number | undefined
}

/**
 * Reads a store, as of the last commit. A process has the entries of its own tasks. `get`, `window` and `windows` throw
 * `StoreMovedError` (retriable) if they find nothing and the key's partition is in another process; `range` and
 * `entries` return the local entries. All throw `ConfigError` for a key that the store's serialiser cannot serialise,
 * and for a query the store does not support.
 */
export interface StoreReader<V = unknown, K = unknown> {
  /** Undefined when there is none. */
  get(key: K): V | undefined
  /**
   * Of a table without windows: entries from one key to another, both inclusive, in the order of the keys as they are written.
   * Undefined: from the first, or to the last. Looks at all entries that are here.
   */
  range(from?: K, to?: K): Iterable<readonly [key: K, value: V]>
  /** Of a windowed table: the value of one window. `start`: a date, or epoch milliseconds. */
  window(key: K, start: Date | number): V | undefined
  /** Of a windowed table: a key's windows or sessions that start from one time to another, both inclusive, by their start. */
  windows(
    key: K,
    from?: Date | number,
    to?: Date | number,
  ): Iterable<readonly [window: Windowed<K>, value: V]>
  /**
   * All entries, with the windows that a windowed table has. With `for await` wherever state is; with a plain `for`, a store on
   * disk that is not by window is refused with a `ConfigError`.
   */
  entries(): Iterable<readonly [key: K, value: V]> & AsyncIterable<readonly [key: K, value: V]>
}

/**
 * A running application. `await` it to wait for its end; it rejects with the error that stopped it. Without an `await`,
 * such an error is an unhandled rejection.
 */
export class StreamRun implements PromiseLike<void> {
  readonly #draft: () => Draft
  #runner: Runner | undefined
  #failure: { readonly error: unknown } | undefined
  readonly #started: Promise<Runner>
  /** Made at once, so that an error that nobody awaits is an unhandled rejection, also where the application cannot start. */
  readonly #done: Promise<void>
  #settle!: { resolve(runner: Runner): void; reject(error: unknown): void }

  /** @internal */
  constructor(draft: () => Draft) {
    this.#draft = draft
    this.#started = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
    this.#done = this.#started.then((runner) => runner.done)
  }

  /** @internal */
  begin(runner: Runner): void {
    this.#runner = runner
    this.#settle.resolve(runner)
  }

  /** @internal It could not start. */
  fail(error: unknown): void {
    this.#failure = { error }
    this.#settle.reject(error)
  }

  /** Resolves when every task first assigned to this process is restored and running. */
  get ready(): Promise<void> {
    return this.#root.#started.then((runner) => runner.ready)
  }

  /** Resolves when it is closed; rejects with what stopped it. */
  get done(): Promise<void> {
    return this.#root.#done
  }

  get state(): StreamState {
    const root = this.#root
    return root.#runner?.state ?? (root.#failure ? 'failed' : 'starting')
  }

  // biome-ignore lint/suspicious/noThenProperty: as `consume`, it is awaited for its end.
  readonly then: Promise<void>['then'] = (onfulfilled, onrejected) =>
    this.done.then(onfulfilled, onrejected)

  /** Of `done`. */
  readonly catch: Promise<void>['catch'] = (onrejected) => this.done.catch(onrejected)

  /** Of `done`. */
  readonly finally: Promise<void>['finally'] = (onfinally) => this.done.finally(onfinally)

  /** Finishes the records in progress, commits, and leaves the group. Idempotent. */
  async close(): Promise<void> {
    const root = this.#root
    if (root.#failure) return
    await (await root.#started).close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /**
   * What the topology looks like: sub-topologies with their topics, operators and stores. `text`: as Kafka's own description;
   * `mermaid`: a flow chart to paste into Markdown; `json`: to look into. Needs no connection. Default: `text`.
   */
  describe(format?: 'text' | 'mermaid'): string
  describe(format: 'json'): TopologyDescription
  describe(format?: DescriptionFormat): string | TopologyDescription {
    return this.#draft().describe(format)
  }

  metrics(): StreamMetrics {
    return this.#running.metrics()
  }

  /**
   * A store of this process by its name. Throws `ConfigError` for one that the application does not have, and for wrong options;
   * `ClosedError` before the application has started and once it is over; so do questions to it.
   */
  store<V = unknown, K = string>(name: string, options?: StoreReadOptions): StoreReader<V, K> {
    return this.#running.store(name, options) as StoreReader<V, K>
  }

  /**
   * Whether this process has a key's entry of a store. Where the others are (their addresses) is not known: give each process a way to be
   * asked, and ask those that do not say `isLocal`. Throws as `store`.
   */
  locate<K = string>(store: string, key: K): StoreLocation {
    return this.#running.locate(store, key)
  }

  get #root(): StreamRun {
    return this.#draft().run
  }

  get #running(): Runner {
    const runner = this.#root.#runner
    if (runner) return runner
    throw new ClosedError('The application is not running yet; await its ready first', {
      code: 'STREAM_NOT_RUNNING',
      retriable: true,
    })
  }
}
