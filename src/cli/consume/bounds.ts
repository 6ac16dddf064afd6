/** Where reading begins and ends in each partition, looked up once, before the first record. */
import type { Admin } from '../../client/admin.ts'
import { Offset } from '../../client/consumer/offset.ts'
import type { Runtime } from '../../core/runtime.ts'
import { choosePartitions } from '../records/partitions.ts'
import { type Place, type Range, resolvePlace } from '../records/place.ts'

export interface Bounds {
  readonly topic: string
  readonly partition: number
  readonly start: bigint
  /** The first offset that is not read any more; undefined: there is no end. */
  readonly end: bigint | undefined
}

export interface Wanted {
  readonly partitions: readonly number[]
  readonly range: Range
  readonly follow: boolean
  readonly isolation: 'read_committed' | 'read_uncommitted'
}

export async function boundsOf(
  admin: Admin,
  topic: string,
  { partitions, range, follow, isolation }: Wanted,
  runtime: Runtime,
): Promise<Bounds[]> {
  const [earliest, latest] = await Promise.all([
    admin.listOffsets(topic, Offset.earliest),
    // What open transactions have written is not waited for.
    admin.listOffsets(topic, Offset.latest, { isolation }),
  ])
  const all = earliest.map(({ partition, offset }, i) => ({
    ...{ partition, earliest: offset, latest: latest[i]!.offset },
  }))
  const chosen = choosePartitions(topic, all, partitions)
  const place = (one: Place) => resolvePlace(admin, topic, chosen, one, runtime)
  const starts = await place(range.from)
  // A place that is to come is waited for when following; what was the end at first is not.
  const hasEnd = !follow || range.to !== undefined
  const ends = range.to === undefined ? undefined : await place(range.to)
  return chosen.map((one) => {
    const { partition } = one
    const limit = hasEnd ? (ends?.get(partition) ?? one.latest) : undefined
    const start = starts.get(partition)!
    return {
      topic,
      partition,
      // Nothing is before the beginning, and nothing is to be read past the end.
      start: start < one.earliest ? one.earliest : start > one.latest ? one.latest : start,
      end: limit === undefined || follow || limit < one.latest ? limit : one.latest,
    }
  })
}

/** Offsets to be gone through; undefined where there is no end. */
export function totalOf(bounds: readonly Bounds[]): number | undefined {
  let total = 0n
  for (const { start, end } of bounds) {
    if (end === undefined) return undefined
    if (end > start) total += end - start
  }
  return Number(total)
}
