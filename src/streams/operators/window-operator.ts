/** What aggregates by window have in common, whatever their windows are: their options, their store, and that time closes them. */
import { json } from '../../client/serializer.ts'
import { Operator, type OperatorScope, type Parameters, type Receive } from '../operator.ts'
import type { StoreSpec } from '../stores/store-spec.ts'
import type { StreamRecord } from '../stream-record.ts'
import { inTurn } from '../task/in-turn.ts'
import type { Readers } from '../task/read-record.ts'
import { noTime } from '../task/stream-time.ts'
import { windowedKeyOf } from '../windowed-key.ts'
import type { SessionWindow, TimeWindow } from '../windows.ts'
import type { Aggregation, StateOptions } from './aggregate.ts'
import type { LateTopic } from './late.ts'

export interface WindowStateOptions extends StateOptions {
  /** How long a window is kept for queries after its start, by stream time; milliseconds. At least size and grace. */
  readonly retentionMs: number | undefined
  /** A result at each update, or one when the window closes. */
  readonly emit: 'update' | 'close'
  /** Where late records go; one for each parent. */
  readonly late: readonly LateTopic[] | undefined
}

/** What the closures of one kind of window have to know. */
export interface WindowClosures extends Pick<WindowStateOptions, 'emit' | 'late'> {
  /** How long an entry is kept, milliseconds. */
  readonly keptMs: number
  /** How results are written where they are dead letters. */
  readonly written: Readers
}

export interface WindowKind {
  readonly window: TimeWindow | SessionWindow
  readonly idleMs: number | undefined
  /** Which kind it is, and its sizes, in the order in which they are described. */
  readonly sizes: Parameters
  readonly store: Pick<StoreSpec, 'kind' | 'windowMs'>
  /** How long an entry is of use to the operator itself, milliseconds. */
  readonly neededMs: number
  readonly create: (scope: OperatorScope, closures: WindowClosures) => readonly Receive[]
}

export function windowOperator(
  parents: readonly Operator[],
  { kind }: Aggregation,
  { window, idleMs, sizes, store, neededMs, create }: WindowKind,
  { name, key, value, retentionMs, emit, late }: WindowStateOptions,
): Operator {
  const total = value ?? json()
  const written = { key: windowedKeyOf(key, window), value: total }
  const keptMs = Math.max(neededMs, retentionMs ?? 0)
  return new Operator({
    kind,
    name,
    parents,
    parameters: {
      ...sizes,
      emit,
      ...(idleMs !== undefined && { idleMs }),
      ...(late !== undefined && { late: late[0]!.topic }),
    },
    stores: [{ ...store, name: '', key, value: total, retentionMs: keptMs, changelog: 'own' }],
    create: (scope) => create(scope, { keptMs, emit, late, written }),
  })
}

/** Time has moved on from `from`: what is over is told and forgotten. */
export type TimeMoved = (record: StreamRecord, from: number) => void | Promise<void>

/** Moves time on in a silence, as long as the store holds anything. */
export function moveWhenIdle(
  { time, onIdle }: OperatorScope,
  idleMs: number | undefined,
  store: { readonly size: number },
  timeMoved: TimeMoved,
): void {
  if (idleMs === undefined) return
  onIdle(idleMs, (record) => {
    const before = time.now
    // Nothing is open, so nothing would come of it.
    if (before === noTime || store.size === 0) return undefined
    time.advance(before + idleMs)
    return timeMoved(record, before)
  })
}

/** Takes in records that have a key and a value, `take` first and then what has closed by their time. */
export function timedReceiver(
  { dropped, time }: OperatorScope,
  take: Receive,
  timeMoved: TimeMoved,
): Receive {
  return (record) => {
    if (record.key === null) return dropped('null key', record)
    const before = time.now
    time.advance(record.timestampMs)
    const waiting = record.value === null ? dropped('null value', record) : take(record)
    if (time.now === before) return waiting
    return inTurn(waiting, () => timeMoved(record, before))
  }
}
