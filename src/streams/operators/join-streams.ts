/**
 * Joins two streams within a window: a pair for each left and right record of one key, or of any keys that a predicate takes,
 * that are close enough in time.
 *
 *   left record at t pairs with right records in [t - before, t + after]; right at t with left in [t - after, t + before]
 *
 * Both sides are kept for before + after + grace behind their newest record, and a record is compared with all that the other
 * side still keeps, also when it is late itself. For a left or outer join, what has found no partner waits (see unmatched.ts);
 * a record that finds none and is past its own + after (right: + before) already goes out at once. Null values and keys are
 * passed over after they have moved the time; null keys of a left or outer side go out at once (KIP-962).
 */
import type { Serializer } from '../../client/serializer.ts'
import { bytes, string } from '../../client/serializer.ts'
import { invalid } from '../../core/options.ts'
import { frozen } from '../freeze.ts'
import { isBroadcast, Operator, type OperatorScope, type Receive } from '../operator.ts'
import type { StoreSpec } from '../stores/store-spec.ts'
import type { TimelineEntry, TimelineStore } from '../stores/timeline-store.ts'
import { StreamRecord } from '../stream-record.ts'
import { eachInTurn, inTurn } from '../task/in-turn.ts'
import { type Keyed, keyedSerializer } from './envelope.ts'
import { type JoinSpan, type JoinType, Unmatched, unmatchedSince } from './unmatched.ts'

export interface SideOptions {
  readonly key: Serializer<unknown>
  readonly value: Serializer<unknown>
}

export interface StreamJoinOptions extends JoinSpan {
  readonly name: string | undefined
  readonly type: JoinType
  readonly left: SideOptions
  readonly right: SideOptions
  /** Whether only records of one key are compared. */
  readonly isByKey: boolean
  /** Which pairs count. Undefined: all. */
  readonly on: ((left: never, right: never) => boolean) | undefined
  /** How many right records are kept at most; undefined: as many as come. */
  readonly maxBuffered: number | undefined
}

type On = (left: unknown, right: unknown) => boolean

/** One of the two. */
interface Side {
  readonly isLeft: boolean
  readonly store: TimelineStore
  /** What has found no partner yet; undefined where that does not matter. */
  readonly unmatched: TimelineStore | undefined
  /** How much earlier, and later, than this side's record the other's may be. */
  readonly earlierMs: number
  readonly laterMs: number
}

/** A record that goes out. */
interface Joined {
  readonly key: unknown
  readonly value: readonly [unknown, unknown]
  readonly timestampMs: number
}

/** A record that has found no partner. */
interface Alone {
  readonly side: Side
  readonly entry: TimelineEntry
}

/** The store, of a join that reads its right side whole, that keeps how far each task has come in that. */
export const positionsRole = 'positions'

const positions: StoreSpec = {
  kind: 'key-value',
  name: positionsRole,
  key: string as Serializer<unknown>,
  value: string as Serializer<unknown>,
  changelog: 'own',
}

/** Where records of any key are compared, all are kept under this one. */
const anyKey = new Uint8Array(0)

export function joinStreams(
  parents: readonly [Operator, Operator],
  options: StreamJoinOptions,
): Operator {
  const { name, type, isByKey, beforeMs, afterMs, graceMs } = options
  return new Operator({
    kind: 'join',
    name,
    parents,
    parameters: {
      type,
      isByKey,
      hasPredicate: options.on !== undefined,
      beforeMs,
      afterMs,
      graceMs,
    },
    stores: [...storesOf(options), ...(isBroadcast(parents[1]) ? [positions] : [])],
    create(scope) {
      const join = new StreamJoin(scope, options)
      return [join.receiver(true), join.receiver(false)]
    },
  })
}

/** Whether an operator is a join that compares records of any keys. */
export function isByPredicate({ kind, parameters }: Operator): boolean {
  return kind === 'join' && parameters.isByKey === false
}

function storesOf(options: StreamJoinOptions): StoreSpec[] {
  const { type, isByKey, beforeMs, afterMs, graceMs } = options
  // Of 0, nothing at all would be kept.
  const retentionMs = Math.max(beforeMs + afterMs + graceMs, 1)
  const store = (name: string, { key, value }: SideOptions, kept?: number): StoreSpec => ({
    kind: 'timeline',
    name,
    key: isByKey ? key : (bytes as Serializer<unknown>),
    value: isByKey ? value : (keyedSerializer(key, value) as Serializer<unknown>),
    retentionMs: kept,
    changelog: 'own',
  })
  return [
    store('left', options.left, retentionMs),
    store('right', options.right, retentionMs),
    ...(type === 'inner' ? [] : [store('left-unmatched', options.left)]),
    ...(type === 'outer' ? [store('right-unmatched', options.right)] : []),
    ...(type === 'inner' ? [] : [unmatchedSince]),
  ]
}

class StreamJoin {
  readonly #scope: OperatorScope
  readonly #options: StreamJoinOptions
  readonly #on: On | undefined
  readonly #left: Side
  readonly #right: Side
  readonly #unmatched: Unmatched | undefined
  readonly #checkBuffer: () => void

  constructor(scope: OperatorScope, options: StreamJoinOptions) {
    const { type, on, beforeMs, afterMs } = options
    this.#scope = scope
    this.#options = options
    this.#on = on && scope.guardSync(on as unknown as On, 'predicate')
    this.#left = {
      isLeft: true,
      store: scope.store('left'),
      unmatched: type === 'inner' ? undefined : scope.store('left-unmatched'),
      earlierMs: beforeMs,
      laterMs: afterMs,
    }
    this.#right = {
      isLeft: false,
      store: scope.store('right'),
      unmatched: type === 'outer' ? scope.store('right-unmatched') : undefined,
      earlierMs: afterMs,
      laterMs: beforeMs,
    }
    this.#unmatched = type === 'inner' ? undefined : new Unmatched(scope, options)
    this.#checkBuffer = scope.guard(() => this.#limitBuffer())
  }

  receiver(isLeft: boolean): Receive {
    const { forward, dropped, time } = this.#scope
    const side = isLeft ? this.#left : this.#right
    const needsKey = this.#options.isByKey
    return (record) => {
      const { key, value, timestampMs } = record
      time.advance(timestampMs)
      if (value === null) return dropped('null value', record)
      if (key === null && needsKey) {
        if (side.unmatched) return forward(record.withValue(pair(side, value, null)))
        return dropped('null key', record)
      }
      const due = timestampMs < time.now ? [] : this.#close(side)
      const out: Joined[] = []
      this.#match(side, record, out)
      return inTurn(
        eachInTurn(due, (one) => this.#forwardAlone(record, one)),
        () => eachInTurn(out, (one) => forward(recordOf(record, one, true))),
      )
    }
  }

  /** What will find no partner any more, the oldest first. */
  #close({ laterMs }: Side): Alone[] {
    return (this.#unmatched?.close(laterMs) ?? []).map(([isLeft, entry]) => ({
      side: isLeft ? this.#left : this.#right,
      entry,
    }))
  }

  /** What has waited has no headers any more. `record`: the one in hand. */
  #forwardAlone(record: StreamRecord, { side, entry }: Alone): void | Promise<void> {
    const { apart, forward } = this.#scope
    const joined = recordOf(record, this.#joinedWithNull(side, entry), false)
    // To the dead letters goes the record that has found no partner.
    const own = record.derived(joined.key, this.#valueOf(entry), joined.timestampMs)
    const { left, right } = this.#options
    return apart(own, side.isLeft ? left : right, () => forward(joined))
  }

  /** Compares a record with the other side, and keeps it. */
  #match(side: Side, record: StreamRecord, out: Joined[]): void {
    const { isByKey } = this.#options
    const { timestampMs } = record
    const other = side.isLeft ? this.#right : this.#left
    const key = isByKey ? record.key : anyKey
    const value = frozen(record.value)
    const held = isByKey ? value : { key: record.key, value }
    const found = other.store
      .range(key, timestampMs - side.earlierMs, timestampMs + side.laterMs)
      .filter((entry) => this.#takes(side, value, this.#valueOf(entry)))
    for (const entry of found) {
      other.unmatched?.remove(entry)
      out.push({
        key: side.isLeft || isByKey ? record.key : (entry.value as Keyed).key,
        value: pair(side, value, this.#valueOf(entry)),
        timestampMs: Math.max(timestampMs, entry.timeMs),
      })
    }
    const sequence = this.#keep(side, key, timestampMs, held)
    if (found.length > 0 || !side.unmatched) return
    if (timestampMs + side.laterMs < this.#scope.time.now) {
      out.push({ key: record.key, value: pair(side, value, null), timestampMs })
      return
    }
    if (sequence === undefined) side.unmatched.add(key, timestampMs, held)
    else side.unmatched.put(key, timestampMs, sequence, held)
    this.#unmatched!.added(timestampMs)
  }

  #takes(side: Side, value: unknown, other: unknown): boolean {
    if (!this.#on) return true
    this.#scope.compared(1)
    return side.isLeft ? this.#on(value, other) : this.#on(other, value)
  }

  /** Undefined when it is too old to be kept. */
  #keep(side: Side, key: unknown, timestampMs: number, held: unknown): number | undefined {
    if (!side.store.keeps(timestampMs)) return undefined
    const sequence = side.store.add(key, timestampMs, held)
    if (!side.isLeft && this.#options.maxBuffered !== undefined) this.#checkBuffer()
    return sequence
  }

  #joinedWithNull(side: Side, entry: TimelineEntry): Joined {
    return {
      key: this.#options.isByKey ? entry.key : (entry.value as Keyed).key,
      value: pair(side, this.#valueOf(entry), null),
      timestampMs: entry.timeMs,
    }
  }

  #valueOf({ value }: TimelineEntry): unknown {
    return this.#options.isByKey ? value : (value as Keyed).value
  }

  #limitBuffer(): void {
    const { maxBuffered } = this.#options
    if (this.#right.store.count(anyKey) <= maxBuffered!) return
    throw invalid(
      `The join by predicate holds more than ${maxBuffered} right records, and compares every left one with each: join with key: [left => …, right => …] instead, or make the window smaller or maxBuffered greater`,
    )
  }
}

function pair({ isLeft }: Side, value: unknown, other: unknown): readonly [unknown, unknown] {
  return isLeft ? [value, other] : [other, value]
}

function recordOf(record: StreamRecord, { key, value, timestampMs }: Joined, isInHand: boolean) {
  return isInHand
    ? new StreamRecord(record.origin, key, value, timestampMs, record.rawHeaders)
    : record.derived(key, value, timestampMs)
}
