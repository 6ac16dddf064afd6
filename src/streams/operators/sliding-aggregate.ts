/**
 * One value for a key and a sliding window. For each record, in the order in which results go out:
 *
 *                 t-d          t            t+d
 *      ─────────────┼──────────●─────────────┼──────▶
 *   windows that hold t:   [s ≤ t, s+d ≥ t]         take it in
 *   right of the one before: [p+1, p+1+d]           begins with it, where it does not exist yet
 *   left:         [t-d ──── t]                      what is there since t-d, and it
 *   right:                    [t+1 ────── t+1+d]    what has come already of what is after it
 *
 * Both ends are inclusive. A window that would begin before 0 is [0, d] instead. Semantics: KIP-450.
 */
import type { Operator, OperatorScope, Receive } from '../operator.ts'
import type { Span } from '../stores/span-queue.ts'
import type { SpanStore } from '../stores/span-store.ts'
import type { Stamped } from '../stores/store.ts'
import type { StreamRecord } from '../stream-record.ts'
import { Windowed } from '../windowed.ts'
import type { SlidingWindow } from '../windows.ts'
import { type Adder, type Aggregation, addersOf } from './aggregate.ts'
import { type Change, forwardChanges, forwardDue } from './changes.ts'
import { lateRecords } from './late.ts'
import {
  moveWhenIdle,
  timedReceiver,
  type WindowClosures,
  type WindowKind,
  type WindowStateOptions,
  windowOperator,
} from './window-operator.ts'

export function slidingAggregate(
  parents: readonly Operator[],
  window: SlidingWindow,
  aggregation: Aggregation,
  options: WindowStateOptions,
): Operator {
  const { differenceMs, graceMs, idleMs } = window
  const kind: WindowKind = {
    window,
    idleMs,
    sizes: { window: 'sliding', differenceMs, graceMs },
    store: { kind: 'sliding', windowMs: differenceMs },
    // The latest record that can still come looks for windows that begin twice the difference before it.
    neededMs: 3 * differenceMs + graceMs,
    create: (scope, closures) => receivers(scope, window, aggregation, closures),
  }
  return windowOperator(parents, aggregation, kind, options)
}

function receivers(
  scope: OperatorScope,
  window: SlidingWindow,
  aggregation: Aggregation,
  { keptMs, emit, late, written }: WindowClosures,
): Receive[] {
  const { differenceMs, graceMs, idleMs } = window
  const { forward, time } = scope
  const store = scope.store<SpanStore>()
  const expiring = store.queue()
  const closing = emit === 'close' ? store.queue() : undefined
  const openMs = differenceMs + graceMs

  /** Windows that have closed since `from`. */
  const closedSince = (record: StreamRecord, from: number): Change[] => {
    const changes: Change[] = []
    for (const span of closing!.take(time.now - openMs - 1)) {
      const { startMs } = span
      // Told before the restart.
      if (startMs + openMs < from) continue
      const { value, timestampMs } = store.at(span)
      const windowed = new Windowed(store.keyOf(span), startMs, startMs + differenceMs)
      changes.push([record.derived(windowed, value, timestampMs), null])
    }
    return changes
  }

  const timeMoved = (record: StreamRecord, from: number): void | Promise<void> => {
    const closed = closing && closedSince(record, from)
    for (const span of expiring.take(time.now - keptMs - 1)) store.remove(span)
    return closed && forwardDue(closed, scope, written)
  }

  moveWhenIdle(scope, idleMs, store, timeMoved)

  return addersOf(aggregation, scope).map((add, parent): Receive => {
    const isLate = lateRecords(scope, late?.[parent])
    const take = (record: StreamRecord): void | Promise<void> => {
      if (record.timestampMs + 1 + differenceMs <= time.now - graceMs) return isLate(record)
      const update = new SlidingUpdate(store, window, time.now, record, add)
      update.run()
      if (update.isLateForSome) isLate(record)
      return closing ? undefined : forwardChanges(update.changes, forward)
    }
    return timedReceiver(scope, take, timeMoved)
  })
}

/** What one record does to the windows of its key. */
class SlidingUpdate {
  readonly changes: Change[] = []
  isLateForSome = false
  readonly #store: SpanStore
  readonly #differenceMs: number
  readonly #closesAt: number
  readonly #record: StreamRecord
  readonly #add: Adder
  readonly #starts = new Set<number>()
  /** What was in the first window to the right of the record that holds it, before it. */
  #after: Stamped | undefined
  /** The greatest timestamp before the record, if a window knows of it. */
  #previous: number | undefined

  constructor(
    store: SpanStore,
    { differenceMs, graceMs }: SlidingWindow,
    now: number,
    record: StreamRecord,
    add: Adder,
  ) {
    this.#store = store
    this.#differenceMs = differenceMs
    this.#closesAt = now - graceMs
    this.#record = record
    this.#add = add
  }

  run(): void {
    const time = this.#record.timestampMs
    const spans = this.#store
      .spans(this.#record.key)
      .filter(({ startMs }) => startMs >= time - 2 * this.#differenceMs && startMs <= time + 1)
    for (const { startMs } of spans) this.#starts.add(startMs)
    if (time < this.#differenceMs) this.#runEarly(time, spans)
    else this.#run(time, spans.reverse())
  }

  #run(time: number, spans: readonly Span[]): void {
    let left: Stamped | undefined
    let hasLeft = false
    for (const span of spans) {
      const { startMs } = span
      const end = startMs + this.#differenceMs
      if (startMs === time + 1) continue
      const found = this.#store.at(span)
      if (end > time) {
        this.#after ??= found
        this.#update(startMs, found)
        continue
      }
      if (end === time) {
        hasLeft = true
        this.#update(startMs, found)
        // A record of the same time has made all windows already.
        if (found.timestampMs >= time) return
        this.#previous = found.timestampMs
        continue
      }
      left = found
      this.#previous = found.timestampMs
      break
    }
    const previous = this.#previous
    if (previous !== undefined && previous + 1 + this.#differenceMs >= time) {
      this.#begin(previous + 1)
    }
    if (!hasLeft) {
      const isNear = previous !== undefined && previous >= time - this.#differenceMs
      this.#update(time - this.#differenceMs, isNear ? left : undefined, null)
    }
    this.#beginRight(time)
  }

  /** Before the first window that begins at 0 or later: all of these share [0, d]. */
  #runEarly(time: number, spans: readonly Span[]): void {
    let shared: Stamped | undefined
    for (const span of spans) {
      const { startMs } = span
      if (startMs === time + 1) continue
      const found = this.#store.at(span)
      if (startMs === 0) {
        shared = found
        if (found.timestampMs < time) this.#previous = found.timestampMs
      } else {
        this.#after = found
        this.#update(startMs, found)
      }
    }
    if (this.#after === undefined && shared && shared.timestampMs > time) this.#after = shared
    this.#beginRight(time)
    if (this.#previous !== undefined) this.#begin(this.#previous + 1)
    this.#update(0, shared)
  }

  /** A window of which the record is the first. */
  #begin(start: number): void {
    if (!this.#starts.has(start)) this.#update(start, undefined)
  }

  /** The window right after the record, with what has come of it already. */
  #beginRight(time: number): void {
    const after = this.#after
    if (after === undefined || after.timestampMs <= time || this.#starts.has(time + 1)) return
    this.#put(time + 1, after.value, after.timestampMs, null)
  }

  /** `before`: what the window has, or begins with; `old`: what those below know of it. */
  #update(start: number, before: Stamped | undefined, old = before?.value ?? null): void {
    if (start + this.#differenceMs < this.#closesAt) {
      this.isLateForSome = true
      return
    }
    const { key, value, timestampMs } = this.#record
    const at = before ? Math.max(before.timestampMs, timestampMs) : timestampMs
    this.#put(start, this.#add(before?.value ?? null, value, key), at, old)
  }

  #put(start: number, value: unknown, at: number, old: unknown): void {
    const { key } = this.#record
    this.#store.put(key, start, start, value, at)
    const windowed = new Windowed(key, start, start + this.#differenceMs)
    this.changes.push([this.#record.derived(windowed, value, at), old])
  }
}
