/** One value for a key and a window of time, tumbling or hopping. */
import type { Operator, OperatorScope, Receive } from '../operator.ts'
import { lowerBound } from '../stores/sorted.ts'
import type { WindowStore } from '../stores/window-store.ts'
import type { StreamRecord } from '../stream-record.ts'
import { Windowed } from '../windowed.ts'
import type { TumblingWindow } from '../windows.ts'
import { type Adder, type Aggregation, addersOf } from './aggregate.ts'
import { type Change, forwardDue } from './changes.ts'
import { lateRecords } from './late.ts'
import {
  moveWhenIdle,
  timedReceiver,
  type WindowClosures,
  type WindowKind,
  type WindowStateOptions,
  windowOperator,
} from './window-operator.ts'

export function windowAggregate(
  parents: readonly Operator[],
  window: TumblingWindow,
  aggregation: Aggregation,
  options: WindowStateOptions,
): Operator {
  const { sizeMs, everyMs, graceMs, idleMs } = window
  const kind: WindowKind = {
    window,
    idleMs,
    sizes: { window: window.kind, sizeMs, everyMs, graceMs },
    store: { kind: 'window', windowMs: sizeMs },
    neededMs: sizeMs + graceMs,
    create: (scope, closures) => receivers(scope, window, aggregation, closures),
  }
  return windowOperator(parents, aggregation, kind, options)
}

function receivers(
  scope: OperatorScope,
  { sizeMs, everyMs, graceMs, idleMs }: TumblingWindow,
  aggregation: Aggregation,
  { keptMs, emit, late, written }: WindowClosures,
): Receive[] {
  const { forward, time } = scope
  const store = scope.store<WindowStore>()

  const update = (record: StreamRecord, start: number, add: Adder): void | Promise<void> => {
    const { key, timestampMs } = record
    const before = store.get(key, start)
    const old = before === undefined ? null : before.value
    const total = add(old, record.value, key)
    const at =
      before === undefined || before.timestampMs < timestampMs ? timestampMs : before.timestampMs
    store.put(key, start, total, at)
    if (emit === 'close') return undefined
    return forward(record.derived(new Windowed(key, start, start + sizeMs), total, at), old)
  }

  /** From `start` to that of the last window that holds the record. */
  const updateFrom = (record: StreamRecord, first: number, add: Adder): void | Promise<void> => {
    for (let start = first; start <= record.timestampMs; start += everyMs) {
      const waiting = update(record, start, add)
      if (waiting) return waiting.then(() => updateFrom(record, start + everyMs, add))
    }
    return undefined
  }

  /** Windows that have closed since `from`. */
  const closedSince = (record: StreamRecord, from: number): Change[] => {
    const starts = store.starts()
    const changes: Change[] = []
    // Those that closed before were told then.
    const first = lowerBound(starts, from - sizeMs - graceMs + 1)
    for (let i = first; i < starts.length && starts[i]! + sizeMs + graceMs <= time.now; i++) {
      const start = starts[i]!
      for (const [key, { value, timestampMs }] of store.entries(start)) {
        const windowed = new Windowed(key, start, start + sizeMs)
        changes.push([record.derived(windowed, value, timestampMs), null])
      }
    }
    return changes
  }

  const timeMoved = (record: StreamRecord, from: number): void | Promise<void> => {
    const closed = emit === 'close' ? closedSince(record, from) : undefined
    store.expire(time.now - keptMs + 1)
    return closed && forwardDue(closed, scope, written)
  }

  moveWhenIdle(scope, idleMs, store, timeMoved)

  return addersOf(aggregation, scope).map((add, parent): Receive => {
    const isLate = lateRecords(scope, late?.[parent])
    const take = (record: StreamRecord): void | Promise<void> => {
      const { timestampMs } = record
      const last = timestampMs - (timestampMs % everyMs)
      const others = Math.floor((last - timestampMs + sizeMs - 1) / everyMs)
      let first = Math.max(0, last - others * everyMs)
      const closesAt = time.now - graceMs
      if (first + sizeMs <= closesAt) {
        isLate(record)
        while (first <= last && first + sizeMs <= closesAt) first += everyMs
      }
      return first === last ? update(record, last, add) : updateFrom(record, first, add)
    }
    return timedReceiver(scope, take, timeMoved)
  })
}
