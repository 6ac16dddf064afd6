/**
 * A place in the partitions of a topic, as it is written on a command line:
 *
 *   earliest, start    the oldest record that is still there
 *   latest, end        after the newest
 *   @1000              this offset
 *   +5, -5             five records after the oldest; the newest five
 *   -1h                an hour ago (ms, s, m, h, d, w)
 *   2026-01-31         a day of UTC
 *   2026-01-31T12:00Z  a time (ISO 8601)
 *
 * And a range: `@FROM:TO`, in which an offset needs no `@` of its own: `@-1h:end`, `@100:200`.
 */
import type { PartitionOffsets } from '../../client/admin/topics.ts'
import type { Admin } from '../../client/admin.ts'
import { Offset } from '../../client/consumer/offset.ts'
import { parseDuration } from '../../core/duration.ts'
import type { Runtime } from '../../core/runtime.ts'

export type Place =
  | { readonly kind: 'earliest' }
  | { readonly kind: 'latest' }
  | { readonly kind: 'at'; readonly offset: bigint }
  | { readonly kind: 'afterEarliest'; readonly count: bigint }
  | { readonly kind: 'beforeLatest'; readonly count: bigint }
  | { readonly kind: 'ago'; readonly ms: number }
  | { readonly kind: 'time'; readonly timestampMs: number }

export interface Range {
  readonly from: Place
  readonly to: Place | undefined
}

const expected =
  'it takes earliest, latest, @1000 (an offset), +5 or -5 (records from the beginning or the end), -1h, or a time such as 2026-01-31T12:00:00Z'

/** Throws an `Error` that says what it takes. */
export function readPlace(text: string): Place {
  const place = placeOf(text, { bareOffset: false })
  if (place) return place
  throw new Error(`${expected}; got '${text.slice(0, 100)}'`)
}

/** A place, or a range. Throws an `Error` that says what it takes. */
export function readRange(text: string): Range {
  const from = placeOf(text, { bareOffset: false })
  if (from) return { from, to: undefined }
  if (text.startsWith('@')) {
    const range = rangeOf(text.slice(1))
    if (range) return range
  }
  throw new Error(
    `${expected}, or a range such as @-1h:end or @100:200; got '${text.slice(0, 100)}'`,
  )
}

/** Times have colons of their own: it is the one with a place on either side. */
function rangeOf(text: string): Range | undefined {
  for (let at = text.indexOf(':'); at >= 0; at = text.indexOf(':', at + 1)) {
    const before = text.slice(0, at)
    const after = text.slice(at + 1)
    const from =
      before === '' ? ({ kind: 'earliest' } as const) : placeOf(before, { bareOffset: true })
    const to = after === '' ? ({ kind: 'latest' } as const) : placeOf(after, { bareOffset: true })
    if (from && to) return { from, to }
  }
  return undefined
}

const largestOffset = 2n ** 63n - 1n
const isoShape = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2}))?$/

function placeOf(
  text: string,
  { bareOffset }: { readonly bareOffset: boolean },
): Place | undefined {
  if (text === 'earliest' || text === 'start') return { kind: 'earliest' }
  if (text === 'latest' || text === 'end') return { kind: 'latest' }
  const [, sign, digits] = /^([@+-]?)(\d{1,19})$/.exec(text) ?? []
  if (digits !== undefined) {
    const count = BigInt(digits)
    if (count > largestOffset) return undefined
    if (sign === '+') return { kind: 'afterEarliest', count }
    if (sign === '-') return { kind: 'beforeLatest', count }
    return sign === '@' || bareOffset ? { kind: 'at', offset: count } : undefined
  }
  if (text.startsWith('-')) {
    try {
      return { kind: 'ago', ms: parseDuration(text.slice(1)) }
    } catch {
      return undefined
    }
  }
  const timestampMs = isoShape.test(text) ? Date.parse(text) : Number.NaN
  return timestampMs >= 0 ? { kind: 'time', timestampMs } : undefined
}

/** Epoch milliseconds of a time: ISO 8601, or the milliseconds themselves. Throws an `Error` that says what it takes. */
export function readTime(text: string): number {
  const ms = /^\d{1,16}$/.test(text)
    ? Number(text)
    : isoShape.test(text)
      ? Date.parse(text)
      : Number.NaN
  if (Number.isSafeInteger(ms) && ms >= 0 && ms <= 8.64e15) return ms
  throw new Error(
    `it takes a time such as 2026-01-31T12:00:00Z, or epoch milliseconds; got '${text}'`,
  )
}

/** The same for a client; undefined for a number of records from the beginning or the end. */
export function asOffset(place: Place, runtime: Runtime): Offset | undefined {
  switch (place.kind) {
    case 'earliest':
      return Offset.earliest
    case 'latest':
      return Offset.latest
    case 'at':
      return Offset.at(place.offset)
    case 'time':
      return Offset.timestamp(place.timestampMs)
    case 'ago':
      return Offset.timestamp(Math.max(0, Math.round(runtime.now() - place.ms)))
    default:
      return undefined
  }
}

/** The offset that a place is in each of the partitions, by partition. It may lie outside of what is there. */
export async function resolvePlace(
  admin: Admin,
  topic: string,
  partitions: readonly PartitionOffsets[],
  place: Place,
  runtime: Runtime,
): Promise<Map<number, bigint>> {
  const each = (offsetOf: (one: PartitionOffsets) => bigint) =>
    new Map(partitions.map((one) => [one.partition, offsetOf(one)]))
  switch (place.kind) {
    case 'earliest':
      return each(({ earliest }) => earliest)
    case 'latest':
      return each(({ latest }) => latest)
    case 'at':
      return each(() => place.offset)
    case 'afterEarliest':
      return each(({ earliest }) => earliest + place.count)
    case 'beforeLatest':
      return each(({ earliest, latest }) =>
        latest - place.count < earliest ? earliest : latest - place.count,
      )
    default: {
      const found = await admin.listOffsets(topic, asOffset(place, runtime)!)
      const offsets = new Map(found.map(({ partition, offset }) => [partition, offset]))
      return each(({ partition, latest }) => offsets.get(partition) ?? latest)
    }
  }
}
