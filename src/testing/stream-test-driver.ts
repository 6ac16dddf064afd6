/**
 * Stream applications in tests: the product's own engine without a broker, one record at a time, with a clock that a test moves.
 * Works under vitest, jest and node:test as it is.
 */
import { noHeaders } from '../client/consumer/record-headers.ts'
import {
  type Headers,
  readHeaders,
  readPartition,
  readTimestamp,
} from '../client/producer/send-options.ts'
import {
  json,
  partitionKeyOf,
  type Serializer,
  serializeField,
  string,
} from '../client/serializer.ts'
import { checkTopicName, type Topic, toTopic } from '../client/topic.ts'
import { encodeUtf8 } from '../core/bytes.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { ClosedError } from '../core/errors.ts'
import { invalid } from '../core/options.ts'
import { checkOptions } from '../streams/dsl/state-options.ts'
import type { StreamBuilder } from '../streams/dsl/stream-builder.ts'
import type { StoreReader, StreamMetrics } from '../streams/dsl/stream-run.ts'
import { SinkOperator, SourceOperator } from '../streams/operator.ts'
import { StreamProcessingError } from '../streams/task/errors.ts'
import { readKey, readValue } from '../streams/task/record-data.ts'
import type { TopologyDescription } from '../streams/topology/describe.ts'
import { type DescriptionFormat, describeAs } from '../streams/topology/render-description.ts'
import type { Topology } from '../streams/topology/topology.ts'
import { buildTopology, readOptions, type StreamTestDriverOptions } from './streams/driver-setup.ts'
import { storeView } from './streams/store-view.ts'
import { TestEngine } from './streams/test-engine.ts'
import {
  type OutputRecord,
  outputRecord,
  type TestRecord,
  type Written,
} from './streams/test-record.ts'

/** What a record that is sent may have besides its value. */
export interface TestSendOptions<K = string> {
  /** Bytes are taken as they are. Default: none. */
  key?: K | Uint8Array | null | undefined
  /** Event time: a Date or epoch milliseconds; below 0 too, for records that streams pass over. Default: the driver's clock. */
  timestamp?: Date | number | undefined
  headers?: Headers | undefined
  /** Instead of the partitioner's choice. */
  partition?: number | undefined
}

/**
 * Runs a topology record by record. `send` returns when everything that comes of a record is done, and throws what the
 * stream would stop with. Nothing is committed but by `commit()`.
 *
 * ```ts
 * const driver = new StreamTestDriver((app) => {
 *   app.stream<Order>('orders').filter((order) => order.amount > 100).to('large-orders')
 * })
 * driver.send('orders', { amount: 150 }, { key: 'a' })
 * driver.read('large-orders') // [{ key: 'a', value: { amount: 150 }, timestampMs: …, headers: {} }]
 * ```
 */
export class StreamTestDriver {
  readonly #topology: Topology
  readonly #engine: TestEngine
  #nowMs: number
  /** Why nothing more is processed until it is started again. */
  #stopped: unknown
  /** What `sendAsync` and its like still wait for. */
  #working: Promise<unknown> | undefined

  /** `build` writes down the chains; it must be synchronous. Throws `ConfigError` for a topology that cannot be. */
  constructor(build: (app: StreamBuilder) => void, options: StreamTestDriverOptions = {}) {
    const { config, partitions, startTimeMs } = readOptions(options)
    this.#topology = buildTopology(build, config)
    this.#checkPartitions(partitions)
    this.#nowMs = startTimeMs
    this.#engine = new TestEngine({
      topology: this.#topology,
      onError: config.onError,
      partitionsOf: (topic) => partitions[topic] ?? 1,
      now: () => this.#nowMs,
    })
  }

  /** What time it is. `advance` makes it later. */
  get now(): Date {
    return new Date(this.#nowMs)
  }

  /**
   * Processes a record and all that comes of it. The value is serialised as the topology reads the topic; bytes are taken as
   * they are, null is a tombstone. Throws what the stream stops with, then `ClosedError` until `restart()`; `ConfigError`
   * for a topic that the topology does not read, and where a callback returned a promise (`sendAsync` waits for it).
   */
  send<V = unknown, K = string, Input = V>(
    topic: string | Topic<V, K, Input>,
    value: Input | Uint8Array | null,
    options?: TestSendOptions<K>,
  ): void {
    this.#now('send', () => this.#engine.process(this.#append(topic, value, options)))
  }

  /**
   * As `send`, where callbacks return promises, or `onError` waits between attempts. Those that are not awaited are processed in
   * their order; `map` with concurrency is called for several of them at once.
   */
  async sendAsync<V = unknown, K = string, Input = V>(
    topic: string | Topic<V, K, Input>,
    value: Input | Uint8Array | null,
    options?: TestSendOptions<K>,
  ): Promise<void> {
    this.#checkRuns()
    const record = this.#append(topic, value, options)
    try {
      await this.#later(() => this.#engine.process(record))
    } finally {
      this.#engine.withdraw(record)
    }
  }

  /**
   * What the topology has written to a topic since it was last read. Read as it was written, where the topology names the
   * topic; else values are JSON, or the text as it is where it is none. Records that tests sent are not among them.
   */
  read<V = unknown, K = string>(topic: string | Topic<V, K, never>): OutputRecord<V, K>[] {
    const { name, key, value } = this.#written(topic as string | Topic<unknown, unknown>)
    return this.#engine
      .read(name)
      .map((record) =>
        outputRecord(record, readKey(key, record) as K, readValue(value, record) as V),
      )
  }

  /**
   * A store as it is now, of all partitions. Throws `ConfigError` for a name that the topology does not have.
   */
  store<V = unknown, K = string>(name: string): StoreReader<V, K> {
    if (this.#engine.stores(name).length === 0) {
      const names = [...this.#topology.stores.map((spec) => spec.name)]
      names.push(...this.#engine.globals.stores.keys())
      throw invalid(
        `There is no store '${name}'${names.length > 0 ? `; there are ${names.join(', ')}` : ': the topology keeps no state'}`,
      )
    }
    return storeView(name, this.#windowSize(name), () => this.#engine.stores(name)) as StoreReader<
      V,
      K
    >
  }

  /** Advances the clock by `duration` (milliseconds or '5m'); everything due by wall-clock time happens in order. */
  advance(duration: Duration): void {
    const byMs = parseDuration(duration, 'advance')
    this.#now('advance', () => this.#advance(byMs))
  }

  /** As `advance`, where callbacks return promises. */
  advanceAsync(duration: Duration): Promise<void> {
    const byMs = parseDuration(duration, 'advance')
    return this.#later(() => this.#advance(byMs))
  }

  /** Commits, so that a `restart` keeps everything done so far. */
  commit(): void {
    this.#checkUsable()
    this.#engine.commit()
  }

  /**
   * As after a crash: everything is as it was at the last commit, restored from the changelogs alone, and what was sent
   * since then is processed again. Records already returned by `read` are not returned again.
   */
  restart(): void {
    this.#stopped = undefined
    this.#now('restart', () => this.#engine.restart())
  }

  /** As `restart`, where callbacks return promises. */
  restartAsync(): Promise<void> {
    this.#stopped = undefined
    return this.#later(() => this.#engine.restart())
  }

  /**
   * What the topology looks like: sub-topologies with their topics, operators and stores. `text`: as Kafka's own description;
   * `mermaid`: a flow chart to paste into Markdown; `json`: to look into. Needs no connection. Default: `text`.
   */
  describe(format?: 'text' | 'mermaid'): string
  describe(format: 'json'): TopologyDescription
  describe(format?: DescriptionFormat): string | TopologyDescription {
    return describeAs(this.#topology, format)
  }

  /** Counters since the driver was made. */
  metrics(): StreamMetrics {
    const { recordsIn, recordsOut, commits, late, skipped, deadLetters, tasks } = this.#engine
    const names = this.#topology.stores.map(({ name }) => name)
    const sum = (name: string, of: 'size' | 'sizeInBytes') =>
      this.#engine.stores(name).reduce((total, store) => total + store[of], 0)
    const stores = names.map((name) => [
      name,
      { entries: sum(name, 'size'), sizeInBytes: sum(name, 'sizeInBytes') },
    ])
    return {
      ...{ recordsIn, recordsOut, commits, deadLetters },
      late: { ...late },
      skipped: { ...skipped },
      restored: 0,
      commitMs: 0,
      restoreRemaining: 0,
      standbyLag: 0,
      tasksByState: { running: tasks.length, restoring: 0, standby: 0 },
      tasks: tasks.length,
      joinComparisons: {},
      stores: Object.fromEntries(stores) as StreamMetrics['stores'],
    }
  }

  #append(topic: unknown, value: unknown, options: object | undefined): TestRecord {
    const { name, key, value: values } = this.#readAs(topic as string | Topic<unknown, unknown>)
    this.#checkIsRead(name)
    const given = checkOptions('send', options, ['key', 'timestamp', 'headers', 'partition'])
    const partition = readPartition(given.partition as number | undefined)
    const count = this.#engine.partitionCount(name)
    if (partition !== undefined && partition >= count) {
      throw invalid(
        `'${name}' has ${count} partition${count === 1 ? '' : 's'}, and no partition ${partition}; add more with { partitions: { '${name}': ${partition + 1} } }`,
      )
    }
    const written: Written = {
      key: encoded(key, given.key ?? null, 'key', name),
      value: encoded(values, value, 'value', name),
      timestampMs: this.#timestamp(given.timestamp),
      headers: headersOf(given.headers),
      partitionKey:
        given.key instanceof Uint8Array ? undefined : partitionKeyOf(key, given.key ?? null, name),
    }
    return this.#engine.append(name, partition, written)
  }

  /** A name that is written wrong would otherwise be a test that shows nothing. */
  #checkIsRead(topic: string): void {
    const { globals, subTopologies } = this.#topology
    const sources = [...subTopologies.flatMap((one) => one.sources), ...globals]
    if (sources.some((one) => one.topic === topic)) return
    const names = new Set(sources.map((one) => one.topic))
    throw invalid(`send: the topology does not read '${topic}'; it reads ${[...names].join(', ')}`)
  }

  #timestamp(given: unknown): number {
    if (given === undefined) return this.#nowMs
    const ms = given instanceof Date ? given.getTime() : given
    if (Number.isInteger(ms) && (ms as number) < 0) return ms as number
    return readTimestamp(ms as number)
  }

  #advance(byMs: number): void | Promise<void> {
    const endMs = this.#nowMs + byMs
    // Years may pass: after so many steps the rest is one leap.
    for (let steps = 0; steps < stepsMax; steps++) {
      const nextMs = this.#engine.nextPunctuationMs
      if (nextMs >= endMs) break
      this.#nowMs = Math.max(this.#nowMs, nextMs)
      const waiting = this.#engine.punctuate(this.#nowMs)
      if (waiting) return waiting.then(() => this.#advance(endMs - this.#nowMs))
    }
    this.#nowMs = endMs
    return this.#engine.punctuate(endMs)
  }

  /** Runs what must be done when it returns. */
  #now(verb: string, run: () => void | Promise<void>): void {
    this.#checkUsable()
    const waiting = this.#stopping(run)
    if (!waiting) return
    waiting.catch(() => undefined)
    this.#stopped = invalid(
      `${verb} cannot wait: a callback returned a promise, or onError waits before a retry. Use await driver.${verb}Async(…)`,
    )
    throw this.#stopped
  }

  /** Runs when all that was begun before is done. */
  async #later(run: () => void | Promise<void>): Promise<void> {
    const before = this.#working
    const turn = (async () => {
      await before?.catch(() => undefined)
      this.#checkRuns()
      await this.#stopping(run)
    })()
    this.#working = turn
    try {
      await turn
    } finally {
      if (this.#working === turn) this.#working = undefined
    }
  }

  /** What a record stops the stream with stops the driver too; not what is wrong with the call. */
  #stopping(run: () => void | Promise<void>): void | Promise<void> {
    const stop = (error: unknown): never => {
      if (error instanceof StreamProcessingError) this.#stopped = error
      throw error
    }
    try {
      return run()?.catch(stop)
    } catch (error) {
      return stop(error)
    }
  }

  #checkUsable(): void {
    if (this.#working) {
      throw invalid(
        'The driver is still busy: first await the pending sendAsync, advanceAsync or restartAsync',
      )
    }
    this.#checkRuns()
  }

  #checkRuns(): void {
    if (this.#stopped === undefined) return
    throw new ClosedError(
      'The stream has stopped with an error and processes nothing more; restart() continues from the last commit',
      { code: 'STREAM_STOPPED', cause: this.#stopped },
    )
  }

  /** How a topic that is given by its name is read by the topology. */
  #readAs(topic: string | Topic<unknown, unknown>): Topic<unknown, unknown> {
    if (typeof topic !== 'string') return toTopic(topic)
    checkTopicName(topic)
    const source = this.#topology.operators.find(
      (one): one is SourceOperator => one instanceof SourceOperator && one.topic === topic,
    )
    return source ? { name: topic, key: source.key, value: source.value } : toTopic(topic)
  }

  /** How a topic that is given by its name is written by the topology. */
  #written(topic: string | Topic<unknown, unknown>): Topic<unknown, unknown> {
    if (typeof topic !== 'string') return toTopic(topic)
    checkTopicName(topic)
    const sink = this.#topology.operators.find(
      (one): one is SinkOperator => one instanceof SinkOperator && one.topic === topic,
    )
    if (sink) return { name: topic, key: sink.key, value: sink.value }
    return { name: topic, key: string as Serializer<unknown>, value: jsonOrText }
  }

  /** Of the windows that a store has. */
  #windowSize(store: string): number {
    const operator = this.#topology.operators.find((one) =>
      one.stores.some(({ name }) => this.#topology.storeOf(one, name).name === store),
    )
    const { sizeMs, differenceMs } = operator?.parameters ?? {}
    return Number(sizeMs ?? differenceMs ?? 0)
  }

  #checkPartitions(partitions: { readonly [topic: string]: number }): void {
    const { operators, globals, subTopologies } = this.#topology
    const isOwn = new Set(
      subTopologies.flatMap(({ sources }) =>
        sources.filter(({ isInternal }) => isInternal).map(({ topic }) => topic),
      ),
    )
    const known = new Set([
      ...subTopologies.flatMap(({ sources }) => sources.map(({ topic }) => topic)),
      ...globals.map(({ topic }) => topic),
      ...operators.flatMap((one) => (one instanceof SinkOperator ? (one.topic ?? []) : [])),
    ])
    const isAnyWritten = operators.some((one) => one instanceof SinkOperator && !one.topic)
    for (const topic of Object.keys(partitions)) {
      if (isOwn.has(topic)) {
        throw invalid(
          `partitions: '${topic}' is a topic of the application's own; say repartition({ partitions }) in the topology`,
        )
      }
      if (known.has(topic) || isAnyWritten) continue
      throw invalid(
        `partitions: the topology has no topic '${topic}'; it has ${[...known].join(', ')}`,
      )
    }
  }
}

const stepsMax = 20_000

const jsonOrText: Serializer<unknown> = {
  ...json(),
  name: 'json or text',
  deserialize: () => undefined,
  deserializeText(text) {
    try {
      return JSON.parse(text) as unknown
    } catch {
      return text
    }
  },
}

/** Bytes are what a test gives to be taken as they are: also what cannot be read. */
function encoded(
  serializer: Serializer<unknown>,
  given: unknown,
  field: 'key' | 'value',
  topic: string,
): string | Uint8Array | null {
  if (given instanceof Uint8Array) return given
  return serializeField(serializer, given, field, topic)
}

function headersOf(headers: unknown): Written['headers'] {
  const read = readHeaders(headers as Headers | undefined)
  if (!read) return noHeaders
  return read.map(([name, value]) => [name, typeof value === 'string' ? encodeUtf8(value) : value])
}
