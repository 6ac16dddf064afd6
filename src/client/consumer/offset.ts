/** Where a consumer starts when its group has no committed offset, and what groups are reset to. */
import { inspectBriefly } from '../../core/duration.ts'
import { invalid } from '../../core/options.ts'

/** Where to start reading: `Offset.earliest`, `Offset.latest`, `Offset.timestamp(date)`, `Offset.at(n)`. */
export type Offset =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'latest' }
  | { readonly kind: 'timestamp'; readonly timestampMs: number }
  | { readonly kind: 'at'; readonly offset: bigint }

/** A place relative to what a group has committed. */
export interface OffsetShift {
  readonly kind: 'shift'
  readonly by: bigint
}

export const Offset = {
  /** The oldest record that is still there. */
  earliest: { kind: 'earliest' } as Offset,
  /** After the newest record: only what is produced from now on. */
  latest: { kind: 'latest' } as Offset,

  /** The first record with this event time or a later one; the end when there is none. A Date or epoch milliseconds. */
  timestamp(time: Date | number): Offset {
    const timestampMs = time instanceof Date ? time.getTime() : time
    if (!Number.isSafeInteger(timestampMs) || timestampMs < 0) {
      throw invalid(
        `Offset.timestamp takes a valid Date or whole epoch milliseconds; got ${inspectBriefly(time)}`,
      )
    }
    return { kind: 'timestamp', timestampMs }
  },

  /** Exactly this offset, in every partition. */
  at(offset: bigint | number): Offset {
    if (typeof offset === 'number' && !Number.isSafeInteger(offset)) {
      throw invalid(`Offset.at takes a whole number or a bigint; got ${offset}`)
    }
    if (offset < 0) throw invalid(`Offset.at takes 0 or more; got ${offset}`)
    return { kind: 'at', offset: BigInt(offset) }
  },

  /** So many records after what the group has committed, or before it when negative; for `admin.resetOffsets`. */
  shift(by: bigint | number): OffsetShift {
    if (typeof by === 'number' && !Number.isSafeInteger(by)) {
      throw invalid(`Offset.shift takes a whole number or a bigint; got ${by}`)
    }
    return { kind: 'shift', by: BigInt(by) }
  },
}

export function isOffset(value: unknown): value is Offset {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    ['earliest', 'latest', 'timestamp', 'at'].includes(String(value.kind))
  )
}
