/**
 * Records of a left or outer join of two streams that have found no partner yet. Each goes out once, with null, when stream time
 * is strictly past its own + after (right: + before) + grace.
 *
 * When exactly is up to Kafka Streams, so that results are the same record for record: it looks only at records that bring the
 * greatest time so far, and not before the time that it remembers of its last look would be due. That is the time of the last
 * record that it looked at, or of an older one that has come since; so what is due may wait until that one is, too. What is
 * remembered must survive a restart, and so has a store.
 */
import { json, type Serializer, string } from '../../client/serializer.ts'
import type { OperatorScope } from '../operator.ts'
import type { KeyValueStore } from '../stores/key-value-store.ts'
import type { StoreSpec } from '../stores/store-spec.ts'
import type { TimelineEntry, TimelineStore } from '../stores/timeline-store.ts'

/** Which records without a partner a join gives: none, those of the left side, or those of both. */
export type JoinType = 'inner' | 'left' | 'outer'

/** Milliseconds; all inclusive. */
export interface JoinSpan {
  /** How much earlier than the left record the right one may be. */
  readonly beforeMs: number
  readonly afterMs: number
  readonly graceMs: number
}

/** For what is remembered. */
export const unmatchedSince: StoreSpec = {
  kind: 'key-value',
  name: 'unmatched-since',
  key: string as Serializer<unknown>,
  value: json(),
  changelog: 'own',
}

export class Unmatched {
  readonly #scope: OperatorScope
  readonly #span: JoinSpan
  readonly #left: TimelineStore
  /** Undefined in a left join. */
  readonly #right: TimelineStore | undefined
  readonly #since: KeyValueStore

  constructor(scope: OperatorScope, options: JoinSpan & { readonly type: JoinType }) {
    this.#scope = scope
    this.#span = options
    this.#left = scope.store('left-unmatched')
    this.#right = options.type === 'outer' ? scope.store('right-unmatched') : undefined
    this.#since = scope.store('unmatched-since')
  }

  /** A record has been put into one of the stores. */
  added(timeMs: number): void {
    const since = this.#remembered
    if (since === undefined || timeMs < since) this.#remember(timeMs)
  }

  /** Takes out what is due, by time. `laterMs`: how much later the partner of a record such as the one in hand may be. */
  close(laterMs: number): (readonly [isLeft: boolean, entry: TimelineEntry])[] {
    const { now } = this.#scope.time
    const { beforeMs, afterMs, graceMs } = this.#span
    const since = this.#remembered
    if (since === undefined || since + laterMs + graceMs >= now) return []
    // Strictly past.
    const leftMs = now - afterMs - graceMs - 1
    const rightMs = now - beforeMs - graceMs - 1
    this.#remember(this.#lastLookedAt(leftMs, rightMs))
    const due = [
      ...(this.#right?.through(rightMs) ?? []).map((entry) => [false, entry] as const),
      ...this.#left.through(leftMs).map((entry) => [true, entry] as const),
    ]
    for (const [isLeft, entry] of due) (isLeft ? this.#left : this.#right!).remove(entry)
    return due.sort(([, a], [, b]) => a.timeMs - b.timeMs)
  }

  /**
   * Both stores are looked through by time, of one time the right ones first, until one more has been seen than the first of
   * each that is not due.
   */
  #lastLookedAt(leftMs: number, rightMs: number): number | undefined {
    const left = this.#left
    const right = this.#right
    const openLeft = left.firstTimeAfter(leftMs)
    const openRight = right?.firstTimeAfter(rightMs)
    if (openLeft === undefined || openRight === undefined) {
      return greatest(left.lastTime, right?.lastTime)
    }
    const time = Math.max(openLeft, openRight)
    const later = openLeft >= openRight ? left.countAt(time) : right!.countAt(time)
    const isAnother = later > 1 || (openRight > openLeft && left.countAt(time) > 0)
    if (isAnother) return time
    return least(left.firstTimeAfter(time), right!.firstTimeAfter(time)) ?? time
  }

  get #remembered(): number | undefined {
    return this.#since.get('')?.value as number | undefined
  }

  #remember(timeMs: number | undefined): void {
    this.#since.put('', timeMs ?? null, timeMs ?? 0)
  }
}

function greatest(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.max(a, b)
}

function least(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)
}
