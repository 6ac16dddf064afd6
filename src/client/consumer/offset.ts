/** Where a consumer starts when its group has no committed offset, and what groups are reset to. */
import { inspectBriefly } from '../../core/duration.ts'
import { invalid } from '../../core/options.ts'

/** Where to start reading: `Offset.earliest`, `Offset.latest`, `Offset.timestamp(date)`, `Offset.at(n)`. */
export type Offset =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'latest' }
  | { readonly kind: 'timestamp'; readonly timestampMs: number }
  | { readonly kind: 'at'; readonly offset: bigint }

/** A position relative to a group's committed offset. */
export interface OffsetShift {
  readonly kind: 'shift'
  readonly by: bigint
}

export const Offset = {
  /** The oldest record that is still there. */
  earliest: { kind: 'earliest' } as Offset,
  /** After the newest record: only new records. */
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
    return { kind: 'at', offset: readOffset(offset, 'Offset.at') }
  },

  /** This many records after the committed offset, or before it if negative; for `admin.resetOffsets`. */
  shift(by: bigint | number): OffsetShift {
    return { kind: 'shift', by: readWhole(by, 'Offset.shift') }
  },
}

/** A whole number of 0 or more. Throws `ConfigError`, with `what` as who takes it. */
export function readOffset(offset: unknown, what: string): bigint {
  const whole = readWhole(offset, what)
  if (whole < 0n || whole > int64Max) {
    throw invalid(`${what} takes an offset of 0 or more; got ${inspectBriefly(offset)}`)
  }
  return whole
}

function readWhole(value: unknown, what: string): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  throw invalid(`${what} takes a bigint or a whole number; got ${inspectBriefly(value)}`)
}

const int64Max = 2n ** 63n - 1n

export function isOffset(value: unknown): value is Offset {
  return (
    typeof value === 'object' &&
    value !== null &&
    'kind' in value &&
    ['earliest', 'latest', 'timestamp', 'at'].includes(String(value.kind))
  )
}
