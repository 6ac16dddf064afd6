/**
 * One partition of a sub-topology at work: records in, outputs out, state in between. Synchronous but where a callback is not.
 * Knows nothing of brokers: the test driver and the runtime both feed it, commit it and abort it.
 *
 * A record happens as a whole. What it did to stores, times and outputs is undone when something throws; then its error policy
 * says what becomes of it. What is only due when it comes fails by itself (`results.ts`).
 */
import type { ResolvedOnError } from '../../client/consumer/consumer-config.ts'
import { noHeaders } from '../../client/consumer/record-headers.ts'
import { createRuntime, type Runtime } from '../../core/runtime.ts'
import type { Output, Receive, SourceOperator } from '../operator.ts'
import { RepartitionOperator } from '../operator.ts'
import type { TaskFiles } from '../state-dir/task-files.ts'
import { openStore } from '../stores/open-store.ts'
import type { Store } from '../stores/store.ts'
import { type Origin, StreamRecord } from '../stream-record.ts'
import type { SubTopology, Topology } from '../topology/topology.ts'
import { type Ahead, compile } from './compile.ts'
import { deadLetter } from './dead-letter.ts'
import { OperatorFailure, type StreamProcessingError } from './errors.ts'
import { IdleCallbacks } from './idle-callbacks.ts'
import { eachInTurn, inTurn } from './in-turn.ts'
import { type DueResult, type Part, partId } from './part.ts'
import { Pile } from './pile.ts'
import { causeOf, Decided, isOfFiles, toProcessingError } from './processing-failure.ts'
import { asRead, recordOf } from './read-record.ts'
import type { RecordData } from './record-data.ts'
import { Results } from './results.ts'
import { sourcePolicy } from './source-policy.ts'
import type { FailedRecord, StreamErrorPolicy } from './stream-error-policy.ts'
import type { StreamTime } from './stream-time.ts'
import type { TaskEvents } from './task-events.ts'
import { tryAgain } from './try-again.ts'
import { Undo } from './undo.ts'
import { WallTimers } from './wall-timers.ts'

export interface TaskOptions {
  readonly topology: Topology
  readonly subTopology: SubTopology
  readonly partition: number
  readonly onError: StreamErrorPolicy
  readonly events: TaskEvents
  /** Of topics that every process reads whole, by the store's name. */
  readonly globalStores: ReadonlyMap<string, Store>
  /** Ends pauses between attempts. */
  readonly closing?: AbortSignal
  /** Where the stores are; undefined: in memory. */
  readonly files?: TaskFiles | undefined
  /** Whose time pauses between attempts take. Default: the wall clock's. */
  readonly runtime?: Runtime
}

/** Whether what a part of a record has done can be written: its outputs, and what is changed in stores. Never rejects. */
export type CheckPart = (part: Part, outputs: readonly Output[]) => Promise<void>

interface Entry {
  readonly operator: SourceOperator | RepartitionOperator
  readonly receive: Receive
  readonly ahead: Ahead | undefined
  readonly keepsTombstones: boolean
  readonly onError: StreamErrorPolicy
}

export class Task {
  /** As Kafka Streams': sub-topology and partition, `0_3`. */
  readonly id: string
  readonly subTopology: SubTopology
  readonly partition: number
  readonly stores = new Map<string, Store>()
  readonly files: TaskFiles | undefined
  /** Of operators with state, by name. */
  readonly times: ReadonlyMap<string, StreamTime>
  readonly #undo = new Undo()
  readonly #forget: (origin: Origin) => void
  readonly #entries = new Map<string, readonly Entry[]>()
  readonly #outputs = new Pile<Output>()
  readonly #onError: StreamErrorPolicy
  /** Of the source whose record is being processed. */
  #policy: StreamErrorPolicy
  /** What the broker has refused since the last commit, and why. */
  readonly #refused = new Map<string, Error>()
  #checkPart: CheckPart | undefined
  /** Outputs that were given to `#checkPart`. */
  #checked = 0
  /** What is under way. */
  #origin: Origin | undefined
  #data: RecordData | undefined
  /** Where it is, unless it is a record. */
  #at: string | undefined
  readonly #results: Results
  /** Results were due since the last commit. */
  #hadResults = false
  readonly #events: TaskEvents
  readonly #closing: AbortSignal | undefined
  readonly #runtime: Runtime
  readonly #timers = new WallTimers()
  readonly #idle = new IdleCallbacks()

  constructor(options: TaskOptions) {
    const { topology, subTopology, partition, globalStores, events } = options
    this.id = `${subTopology.index}_${partition}`
    this.subTopology = subTopology
    this.partition = partition
    this.#onError = options.onError
    this.#policy = options.onError
    this.#events = events
    this.#closing = options.closing
    this.#runtime = options.runtime ?? createRuntime()
    this.files = options.files
    this.#results = this.#newResults()
    for (const spec of subTopology.stores) {
      this.stores.set(spec.name, openStore(spec, this.#undo, this.files?.cellsOf(spec)))
    }
    const { entries, ahead, forget, times } = compile(topology, subTopology, {
      undo: this.#undo,
      store: (name) => this.stores.get(name) ?? globalStores.get(name)!,
      emit: (output) => {
        this.#outputs.push(output)
      },
      dropped: events.dropped,
      apart: (result, run) => {
        this.#hadResults = true
        return this.#results.apart(result, run)
      },
      onWallClock: (intervalMs, callback) => this.#timers.add(intervalMs, callback, events.now()),
      onIdle: (afterMs, callback) => this.#idle.add(afterMs, callback),
      compared: (operator, pairs) => events.compared?.(operator, pairs),
    })
    this.times = times
    this.#forget = forget
    for (const { topic, operators } of subTopology.sources) {
      const ofTopic = operators.map((operator) => ({
        operator,
        receive: entries.get(operator)!,
        ahead: ahead.get(operator),
        keepsTombstones: operator instanceof RepartitionOperator || operator.keepsTombstones,
        onError: sourcePolicy(operator) ?? options.onError,
      }))
      this.#entries.set(topic, ofTopic)
    }
  }

  /**
   * Runs a record through. `origin.partition` may be another one than the task's. Returns a promise only where a callback or a pause takes time; the next record has to wait for it.
   * Throws, or rejects with, `StreamProcessingError` when the record stops the stream.
   */
  process(origin: Origin, data: RecordData): void | Promise<void> {
    this.#idle.recordCame()
    if (data.timestampMs < 0) {
      const record = new StreamRecord(origin, null, null, data.timestampMs, noHeaders)
      return void this.#events.dropped(origin.topic, 'negative timestamp', record)
    }
    this.#begin(origin, data, undefined)
    const refusal =
      this.#refused.size > 0 && this.#refused.get(partId({ origin, data, result: undefined }))
    if (refusal) return this.#giveUpRefused(origin, data, refusal)
    try {
      let waiting = this.#run(origin, data)
      if (this.#checkPart) waiting = inTurn(waiting, () => this.#check(undefined))
      if (!waiting) return this.#done()
      return waiting.then(
        () => this.#done(),
        (error) => this.#failed(origin, data, error),
      )
    } catch (error) {
      return this.#failed(origin, data, error)
    }
  }

  /**
   * When this comes again, it has failed: the broker refuses what is written for it. Until the next commit. False: it was said
   * before, and what came in its place is refused as well.
   */
  refuse(part: Part, error: Error): boolean {
    const id = partId(part)
    if (this.#refused.has(id)) return false
    this.#refused.set(id, error)
    return true
  }

  /** Since the last commit something was due when a record came: what that commit writes is not all of the record's own. */
  get hadResults(): boolean {
    return this.#hadResults
  }

  /** Asks `check` after each part of each record, until it is called with undefined. */
  checkParts(check: CheckPart | undefined): void {
    this.#checkPart = check
  }

  /** How many records of a topic may be started at once, the one whose turn it is among them; 1: none ahead. */
  recordsAhead(topic: string): number {
    let most = 1
    for (const { ahead } of this.#entries.get(topic)!) most = Math.max(most, ahead?.records ?? 1)
    return most
  }

  /**
   * Calls the callbacks with concurrency of a record whose turn has not come. `process` takes their results when it is given
   * the same `origin`. Never throws: what fails fails when its turn comes.
   */
  startAhead(origin: Origin, data: RecordData): void {
    if (data.timestampMs < 0) return
    for (const entry of this.#entries.get(origin.topic)!) {
      if (!entry.ahead) continue
      try {
        const record = recordOf(entry.operator, origin, data)
        if (record.value !== null || entry.keepsTombstones) void entry.ahead.receive(record)
      } catch {
        // It is thrown again in its turn.
      }
    }
  }

  /** When something is next to be done by the wall clock: epoch milliseconds; infinite when nothing is. */
  get nextPunctuationMs(): number {
    return this.#timers.nextMs
  }

  /**
   * Does what is due by the wall clock, each as a record of its own. To be called between records; resolves and throws as
   * `process` does.
   */
  punctuate(nowMs: number): void | Promise<void> {
    for (let due = this.#timers.take(nowMs); due; due = this.#timers.take(nowMs)) {
      const waiting = this.#aside('a timer', due.atMs, due.callback)
      if (waiting) return waiting.then(() => this.punctuate(nowMs))
    }
  }

  /**
   * Nothing has come for `silentMs`, by the wall clock: runs what waits for that. Resolves and throws as `process` does. To be called
   * again as the silence goes on, between records only.
   */
  idle(silentMs: number): void | Promise<void> {
    for (let call = this.#idle.due(silentMs); call; call = this.#idle.due(silentMs)) {
      const waiting = this.#aside('the silence', this.#events.now(), call)
      if (waiting) return waiting.then(() => this.idle(silentMs))
    }
  }

  /** Writes to stores what belongs to no record, between two; the next commit takes it in. */
  besideRecords(write: () => void): void {
    write()
    this.#undo.clear()
  }

  /** How long a silence must last until something waits for it; infinite when nothing does. */
  get nextIdleMs(): number {
    return this.#idle.nextMs
  }

  hasChanges(): boolean {
    for (const store of this.stores.values()) if (store.hasChanges()) return true
    for (const time of this.times.values()) if (time.now !== time.committed) return true
    return false
  }

  /** What has been done since the last commit is durable. */
  commit(): void {
    this.#refused.clear()
    this.#hadResults = false
    for (const store of this.stores.values()) store.commit()
    for (const time of this.times.values()) time.commit()
  }

  /** Everything is as at the last commit. */
  abort(): void {
    this.#hadResults = false
    for (const store of this.stores.values()) store.abort()
    for (const time of this.times.values()) time.abort()
  }

  #run(origin: Origin, data: RecordData): void | Promise<void> {
    const entries = this.#entries.get(origin.topic)!
    if (entries.length === 1) return this.#enter(entries[0]!, origin, data)
    return eachInTurn(entries, (entry) => this.#enter(entry, origin, data))
  }

  #enter(entry: Entry, origin: Origin, data: RecordData): void | Promise<void> {
    const { operator, receive } = entry
    this.#policy = entry.onError
    const record = recordOf(operator, origin, data)
    if (record.value === null && !entry.keepsTombstones) {
      // What the event returns is nobody's to wait for.
      return void this.#events.dropped(origin.topic, 'tombstone', record)
    }
    return receive(record)
  }

  #begin(origin: Origin, data: RecordData | undefined, at: string | undefined): void {
    this.#origin = origin
    this.#data = data
    this.#at = at
    this.#checked = 0
    this.#results.begin()
  }

  #done(): void {
    this.#undo.clear()
    for (let i = 0; i < this.#outputs.size; i++) this.#events.emit(this.#outputs.at(i))
    this.#outputs.clear()
  }

  #rollBack(): void {
    this.#undo.run()
    this.#outputs.clear()
    this.#checked = 0
    this.#results.begin()
  }

  /** Takes everything back. Throws what no policy decides on. */
  #takenBack(thrown: unknown): void {
    this.#rollBack()
    if (thrown instanceof Decided || isOfFiles(thrown)) throw causeOf(thrown)
  }

  #check(result: DueResult | undefined): Promise<void> | undefined {
    if (!this.#checkPart) return undefined
    const outputs: Output[] = []
    for (let i = this.#checked; i < this.#outputs.size; i++) outputs.push(this.#outputs.at(i))
    this.#checked = this.#outputs.size
    return this.#checkPart({ origin: this.#origin!, data: this.#data, result }, outputs)
  }

  #newResults(): Results {
    return new Results({
      undo: this.#undo,
      outputs: this.#outputs,
      cutOutputs: (size) => {
        this.#outputs.cutTo(size)
        this.#checked = Math.min(this.#checked, size)
      },
      events: this.#events,
      runtime: this.#runtime,
      closing: this.#closing,
      policyFor: (error, record) => this.#policyFor(error, record),
      at: () => this.#at,
      refusalOf: (result) =>
        this.#refused.size === 0
          ? undefined
          : this.#refused.get(partId({ origin: this.#origin!, data: this.#data, result })),
      check: (result) => this.#check(result),
    })
  }

  #failed(origin: Origin, data: RecordData, thrown: unknown): void | Promise<void> {
    this.#forget(origin)
    this.#takenBack(thrown)
    const error = toProcessingError(origin, thrown)
    const policy = this.#policyFor(error, () => asRead(origin, data))
    // Bytes that cannot be read will not be read better the next time.
    if (policy.retry && error.where !== 'decode') return this.#retry(origin, data, error, policy)
    return this.#giveUp(origin, data, error, policy)
  }

  #giveUpRefused(origin: Origin, data: RecordData, refusal: Error): void | Promise<void> {
    this.#forget(origin)
    const error = toProcessingError(origin, new OperatorFailure('', 'produce', refusal))
    this.#policy = this.#entries.get(origin.topic)![0]!.onError
    const policy = this.#policyFor(error, () => asRead(origin, data))
    // Tried again, it would be refused again.
    return this.#giveUp(origin, data, error, policy)
  }

  /** Runs what no record has brought about. There is nothing to try again, nor to be sent to the dead letters. */
  #aside(what: string, atMs: number, callback: Receive): void | Promise<void> {
    const { topic } = this.subTopology.sources[0]!
    const origin = { topic, partition: this.partition, offset: -1n }
    const record = new StreamRecord(origin, null, null, atMs, noHeaders)
    const at = `${what} of ${topic}-${this.partition}`
    this.#policy = this.#onError
    this.#begin(origin, undefined, at)
    const failed = (thrown: unknown) => {
      this.#takenBack(thrown)
      const error = toProcessingError(origin, thrown, at)
      const policy = this.#policyFor(error, () => record as FailedRecord)
      const action = policy.finally === 'stop' ? 'stop' : 'skip'
      this.#events.failed(error, action)
      if (action === 'stop') throw error
    }
    try {
      const waiting = callback(record)
      if (!waiting) return this.#done()
      return waiting.then(() => this.#done(), failed)
    } catch (error) {
      return failed(error)
    }
  }

  async #retry(
    origin: Origin,
    data: RecordData,
    first: StreamProcessingError,
    policy: ResolvedOnError,
  ): Promise<void> {
    const attempt = async (before: StreamProcessingError) => {
      this.#events.failed(before, 'retry')
      try {
        await this.#run(origin, data)
        await this.#check(undefined)
        this.#done()
        return undefined
      } catch (thrown) {
        this.#takenBack(thrown)
        return toProcessingError(origin, thrown)
      }
    }
    const retrying = { retry: policy.retry!, runtime: this.#runtime, signal: this.#closing }
    const last = await tryAgain(first, retrying, attempt)
    if (last) await this.#giveUp(origin, data, last, policy)
  }

  /** What a function for errors throws stops the stream in place of the record's own error. */
  #policyFor(error: StreamProcessingError, record: () => FailedRecord): ResolvedOnError {
    try {
      return this.#policy(error, record)
    } catch (thrown) {
      const { topic, partition, offset } = error
      throw toProcessingError(
        { topic, partition, offset },
        new OperatorFailure('onError', error.where, thrown),
      )
    }
  }

  #giveUp(
    origin: Origin,
    data: RecordData,
    error: StreamProcessingError,
    policy: ResolvedOnError,
  ): void | Promise<void> {
    const action = policy.finally
    this.#events.failed(error, action)
    if (action === 'stop') throw error
    if (action === 'skip') return undefined
    const record = asRead(origin, data)
    this.#outputs.push(deadLetter(policy.deadLetter!, record, error, this.#events.now()))
    return inTurn(this.#check(undefined), () => this.#done())
  }
}
