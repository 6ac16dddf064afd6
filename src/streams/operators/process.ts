/**
 * The operator that is written by hand: callbacks with stores and timers. A record, and each of the timers by stream time that
 * it makes due, happens as a whole; a timer by the wall clock does so by itself.
 *
 * Nothing is kept between records but in stores and in the stream time, so that a restart gives the same results: timers by
 * stream time are due at the multiples of their interval that time has passed.
 */
import { inspectBriefly } from '../../core/duration.ts'
import { invalid } from '../../core/options.ts'
import { Operator, type OperatorScope, type Receive } from '../operator.ts'
import type { KeyValueStore } from '../stores/key-value-store.ts'
import type { StoreSpec } from '../stores/store-spec.ts'
import { WindowStore } from '../stores/window-store.ts'
import type { StreamRecord } from '../stream-record.ts'
import { isPromise } from '../task/promises.ts'
import { noTime } from '../task/stream-time.ts'
import { keyValueHandle, type Moment, windowHandle } from './process-stores.ts'

/** What the callbacks get. */
export interface RawContext {
  forward(made: unknown): void
  store(name: string): unknown
  every(interval: unknown, by: unknown, callback: unknown): void
}

export interface ProcessDefinition {
  readonly name: string | undefined
  readonly stores: readonly StoreSpec[]
  readonly init: ((context: RawContext) => unknown) | undefined
  readonly record: (record: StreamRecord, context: RawContext) => unknown
  /** Makes the record that was handed to `forward`, of the one at work. Throws `ConfigError`. */
  readonly toRecord: (at: StreamRecord, made: unknown) => StreamRecord
  /** Milliseconds of an interval. Throws `ConfigError`. */
  readonly toInterval: (interval: unknown) => number
}

interface Timer {
  readonly intervalMs: number
  readonly callback: (at: Date, context: RawContext) => unknown
}

export function process(parent: Operator, definition: ProcessDefinition): Operator {
  const { name, stores, init } = definition
  return new Operator({
    kind: 'process',
    name,
    parents: [parent],
    stores,
    keepsTime: init !== undefined,
    create: (scope) => [new Processor(scope, definition).receive],
  })
}

class Processor {
  readonly #scope: OperatorScope
  readonly #definition: ProcessDefinition
  readonly #timers: Timer[] = []
  readonly #handles = new Map<string, unknown>()
  readonly #windows: WindowStore[] = []
  readonly #context: RawContext
  #isStarting = true
  /** Whose turn it is. */
  #at: StreamRecord | undefined
  /** How deep in savepoints its turn is. */
  #depth = 0
  /** What is below has failed, or the callback. */
  #failure: { readonly error: unknown } | undefined
  /** What is below still works at what was forwarded. */
  #waiting: Promise<void> | undefined

  constructor(scope: OperatorScope, definition: ProcessDefinition) {
    this.#scope = scope
    this.#definition = definition
    this.#context = {
      forward: (made) => this.#forward(made),
      store: (name) => this.#store(name),
      every: (interval, by, callback) => this.#every(interval, by, callback),
    }
    for (const { name } of definition.stores) this.#handles.set(name, this.#handle(name))
    const { init } = definition
    if (init) scope.guardSync(() => init(this.#context), 'init')()
    this.#isStarting = false
  }

  readonly receive: Receive = (record) => {
    const { time } = this.#scope
    const before = time.now
    time.advance(record.timestampMs)
    if (time.now !== before) this.#expire()
    const due = before === noTime ? [] : this.#due(before, time.now)
    if (due.length === 0) return this.#run(record, () => this.#record(record))
    return this.#inTurn(record, due)
  }

  #record(record: StreamRecord): unknown {
    return this.#definition.record(record, this.#context)
  }

  /** Timers, the earliest first, each once however often it would have been due; then the record that brought the time. */
  #inTurn(record: StreamRecord, due: readonly DueTimer[]): void | Promise<void> {
    for (let i = 0; i < due.length; i++) {
      const waiting = this.#fireApart(record, due[i]!)
      if (waiting) return waiting.then(() => this.#inTurn(record, due.slice(i + 1)))
    }
    return this.#run(record, () => this.#record(record))
  }

  #fireApart(record: StreamRecord, due: DueTimer): void | Promise<void> {
    const at = record.derived(null, null, due.atMs)
    return this.#scope.apart(at, undefined, () => this.#fire(record, due))
  }

  #fire(record: StreamRecord, { timer, atMs }: DueTimer): void | Promise<void> {
    return this.#run(record.derived(null, null, atMs), () =>
      timer.callback(new Date(atMs), this.#context),
    )
  }

  #due(beforeMs: number, nowMs: number): DueTimer[] {
    return this.#timers
      .map((timer) => ({ timer, atMs: nowMs - (nowMs % timer.intervalMs) }))
      .filter(({ atMs }) => atMs > beforeMs)
      .sort((a, b) => a.atMs - b.atMs)
  }

  /** Calls a callback; waits for it, and for what it forwarded, only where that takes its time. */
  #run(at: StreamRecord, call: () => unknown): void | Promise<void> {
    this.#at = at
    this.#depth = this.#scope.undo.depth
    this.#waiting = undefined
    this.#failure = undefined
    try {
      const result = this.#scope.guard(call)()
      if (isPromise(result) || this.#waiting) return this.#finish(result)
    } catch (error) {
      this.#failure ??= { error }
      if (this.#waiting) return this.#finish(undefined)
    }
    this.#end()
  }

  async #finish(result: unknown): Promise<void> {
    try {
      await result
    } catch (error) {
      this.#failure ??= { error }
    }
    // What is below must have come to its end before it can be taken back.
    await this.#waiting?.catch((error: unknown) => {
      this.#failure ??= { error }
    })
    this.#end()
  }

  #end(): void {
    this.#at = undefined
    if (this.#failure) throw this.#failure.error
  }

  #forward(made: unknown): void {
    const record = this.#definition.toRecord(this.#checkAtWork(), made)
    const { forward } = this.#scope
    if (this.#waiting) {
      this.#waiting = this.#waiting.then(() => forward(record))
      // Whoever waits is told: this is no matter of its own.
      this.#waiting.catch(() => undefined)
      return
    }
    try {
      this.#waiting = forward(record) ?? undefined
      this.#waiting?.catch(() => undefined)
    } catch (error) {
      // Also when the callback catches it: half of what came of it may have been done.
      this.#failure ??= { error }
      throw error
    }
  }

  #store(name: string): unknown {
    const handle = this.#handles.get(name)
    if (handle) return handle
    const names = [...this.#handles.keys()]
    throw invalid(
      `process: there is no store ${inspectBriefly(name)}; ${names.length > 0 ? `stores has ${names.join(', ')}` : 'give { stores: { … } }'}`,
    )
  }

  #handle(name: string): unknown {
    const store = this.#scope.store(name)
    const moment = this.#moment(store.spec.retentionMs)
    if (!(store instanceof WindowStore)) return keyValueHandle(store as KeyValueStore, moment)
    this.#windows.push(store)
    return windowHandle(store, moment)
  }

  #moment(retentionMs: number | undefined): Moment {
    const checkAtWork = () => this.#checkAtWork()
    const { time } = this.#scope
    return {
      check: checkAtWork,
      // Those below may still work at what was forwarded, and fail.
      write: (put) => this.#scope.undo.at(this.#depth, put),
      get timestampMs() {
        return checkAtWork().timestampMs
      },
      get keptFromMs() {
        return retentionMs === undefined ? 0 : time.now - retentionMs + 1
      },
    }
  }

  #expire(): void {
    for (const store of this.#windows) {
      store.expire(this.#scope.time.now - store.spec.retentionMs! + 1)
    }
  }

  #every(interval: unknown, by: unknown, callback: unknown): void {
    if (!this.#isStarting) {
      throw invalid(
        'process: every(…) must be called in init, so that a restart has the same timers',
      )
    }
    const intervalMs = this.#definition.toInterval(interval)
    if (typeof callback !== 'function') {
      throw invalid(`process: every needs a function; got ${inspectBriefly(callback)}`)
    }
    const timer: Timer = { intervalMs, callback: callback as Timer['callback'] }
    if (by === 'stream') this.#timers.push(timer)
    else if (by === 'wall') {
      this.#scope.onWallClock(intervalMs, (record) =>
        this.#fire(record, { timer, atMs: record.timestampMs }),
      )
    } else {
      throw invalid(
        `process: the time of every must be 'stream' or 'wall'; got ${inspectBriefly(by)}`,
      )
    }
  }

  #checkAtWork(): StreamRecord {
    if (this.#at) return this.#at
    throw invalid(
      'process: stores and forward can be used only while a record or a timer is being processed, not in init and not afterwards; await everything a callback starts',
    )
  }
}

interface DueTimer {
  readonly timer: Timer
  readonly atMs: number
}
