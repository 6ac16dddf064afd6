/** One value for a key and a session: records that follow one another within a gap. */
import { frozen } from '../freeze.ts'
import type { Operator, OperatorScope, Receive } from '../operator.ts'
import type { Span } from '../stores/span-queue.ts'
import type { SpanStore } from '../stores/span-store.ts'
import type { StreamRecord } from '../stream-record.ts'
import { Windowed } from '../windowed.ts'
import type { SessionWindow } from '../windows.ts'
import { type Adder, type Aggregation, addersOf } from './aggregate.ts'
import { type Change, forwardChanges, forwardDue } from './changes.ts'
import { lateRecords } from './late.ts'
import { defined } from './stateless.ts'
import {
  moveWhenIdle,
  type WindowClosures,
  type WindowKind,
  type WindowStateOptions,
  windowOperator,
} from './window-operator.ts'

export interface SessionAggregation extends Aggregation {
  /** Makes one total of those of two sessions. */
  readonly merge: (a: never, b: never, key: never) => unknown
}

export function sessionAggregate(
  parents: readonly Operator[],
  window: SessionWindow,
  aggregation: SessionAggregation,
  options: WindowStateOptions,
): Operator {
  const { gapMs, graceMs, idleMs } = window
  const kind: WindowKind = {
    window,
    idleMs,
    sizes: { window: 'session', gapMs, graceMs },
    store: { kind: 'session' },
    neededMs: gapMs + graceMs,
    create: (scope, closures) => receivers(scope, window, aggregation, closures),
  }
  return windowOperator(parents, aggregation, kind, options)
}

function receivers(
  scope: OperatorScope,
  { gapMs, graceMs, idleMs }: SessionWindow,
  aggregation: SessionAggregation,
  { keptMs, emit, late, written }: WindowClosures,
): Receive[] {
  const { forward, dropped, time } = scope
  const store = scope.store<SpanStore>()
  const expiring = store.queue()
  const closing = emit === 'close' ? store.queue() : undefined
  const openMs = gapMs + graceMs
  const join = mergerOf(aggregation, scope)

  /** Sessions that the record is within reach of, unless they were over before it came. */
  const reached = ({ key, timestampMs }: StreamRecord, before: number): Span[] => {
    const spans = store.spans(key)
    const found: Span[] = []
    for (const span of spans) {
      if (span.endMs < timestampMs - gapMs || span.startMs > timestampMs + gapMs) continue
      const isOver = span.endMs <= before - openMs
      // Still to be told of, so it must not be written over by another session of the same bounds.
      const isSame = closing && span.startMs === timestampMs && span.endMs === timestampMs
      if (!isOver || isSame) found.push(span)
    }
    return found
  }

  /** Takes the sessions back, and puts the one they have become in their place. */
  const update = (
    record: StreamRecord,
    merged: readonly Span[],
    [start, end]: readonly [number, number],
    add: Adder,
  ): Change[] => {
    const { key } = record
    const changes: Change[] = []
    const totals = merged.map((span) => store.at(span).value)
    const total = add(join(totals, key), record.value, key)
    let old: unknown = null
    // Where nothing but its value changes, a session is not taken back: but only if all of it is in one moment, as in Kafka.
    const isMoment = start === record.timestampMs && end === record.timestampMs
    merged.forEach((span, i) => {
      if (isMoment) {
        old = totals[i]
        return
      }
      store.remove(span)
      const windowed = new Windowed(key, span.startMs, span.endMs)
      changes.push([record.derived(windowed, null, span.endMs), totals[i]])
    })
    store.put(key, start, end, total, end)
    changes.push([record.derived(new Windowed(key, start, end), total, end), old])
    return changes
  }

  /** Sessions that have closed since `from`. */
  const closedSince = (record: StreamRecord, from: number): Change[] => {
    const changes: Change[] = []
    for (const span of closing!.take(time.now - openMs - 1)) {
      // Told before the restart.
      if (span.endMs + openMs < from) continue
      const { value, timestampMs } = store.at(span)
      const windowed = new Windowed(store.keyOf(span), span.startMs, span.endMs)
      changes.push([record.derived(windowed, value, timestampMs), null])
    }
    return changes
  }

  /** What is over is gone before those below look. `updates`: what the record has done. */
  const timeMoved = (
    record: StreamRecord,
    from: number,
    updates: readonly Change[] = [],
  ): void | Promise<void> => {
    const closed = closing && closedSince(record, from)
    // One that ends at this very moment has not been told yet.
    for (const span of expiring.take(time.now - keptMs - (closing ? 1 : 0))) store.remove(span)
    return closed ? forwardDue(closed, scope, written) : forwardChanges(updates, forward)
  }

  moveWhenIdle(scope, idleMs, store, timeMoved)

  return addersOf(aggregation, scope).map((add, parent): Receive => {
    const isLate = lateRecords(scope, late?.[parent])
    const take = (record: StreamRecord, before: number): readonly Change[] => {
      const { timestampMs } = record
      const merged = reached(record, before)
      let start = timestampMs
      let end = timestampMs
      for (const span of merged) {
        start = Math.min(start, span.startMs)
        end = Math.max(end, span.endMs)
      }
      if (end < time.now - openMs) {
        isLate(record)
        return []
      }
      const changes = update(record, merged, [start, end], add)
      return closing ? [] : changes
    }
    return (record) => {
      if (record.key === null) return dropped('null key', record)
      const before = time.now
      time.advance(record.timestampMs)
      if (record.value === null) dropped('null value', record)
      const updates = record.value === null ? [] : take(record, before)
      if (time.now === before) return forwardChanges(updates, forward)
      return timeMoved(record, before, updates)
    }
  })
}

/** Makes one total of those of any number of sessions, beginning, as Kafka Streams does, with the initial one; null: of none. */
function mergerOf(
  { kind, initial, merge }: SessionAggregation,
  scope: OperatorScope,
): (totals: readonly unknown[], key: unknown) => unknown {
  const begin = initial && scope.guardSync(initial, 'initial value')
  const two = scope.guardSync(
    (a: unknown, b: unknown, key: unknown) =>
      frozen(defined((merge as (...args: unknown[]) => unknown)(a, b, key), `merge of ${kind}`)),
    'merge',
  )
  return (totals, key) => {
    if (totals.length === 0) return null
    if (begin) return totals.reduce((a, b) => two(a, b, key), frozen(begin()))
    return totals.reduce((a, b) => two(a, b, key))
  }
}
