/** Where reading begins: what `from` says, as offsets by partition. */
import type { Cluster } from '../../client/cluster.ts'
import { Offset } from '../../client/consumer/offset.ts'
import { lookUpOffsets } from '../../client/consumer/offset-lookup.ts'
import type { TopicInfo } from '../../client/topic-directory.ts'
import { parseDuration } from '../../core/duration.ts'
import { PartitionNotFoundError } from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'
import { HttpError } from '../problem.ts'
import { isCursor, readCursor } from './cursor.ts'
import { readTimestamp } from './written-records.ts'

export interface Wanted {
  readonly topic: string
  /** Only this one; undefined: all. */
  readonly partition: number | undefined
  readonly from: string
  /** What the parameter is called. Default: from. */
  readonly name?: string
}

/** Throws `HttpError` 400 for what `from` cannot be, 410 for a cursor of a topic that was deleted, `TopicNotFoundError`. */
export async function startingPlace(
  cluster: Cluster,
  { topic, partition, from, name = 'from' }: Wanted,
): Promise<{ info: TopicInfo; offsets: Map<number, bigint> }> {
  const back = /^latest-(\d{1,18})$/.exec(from)
  const where = isCursor(from)
    ? readCursor(from)
    : back
      ? Offset.latest
      : placeOf(from, cluster.runtime, name)
  let info = await cluster.ensureTopic(topic, { create: false })
  if ('topicId' in where && where.topicId !== info.id) {
    // It may be the topic of before that is remembered here.
    cluster.invalidateTopic(topic)
    info = await cluster.ensureTopic(topic, { create: false })
  }
  const partitions = partitionsOf(info, partition)
  const lookUp = (wanted: readonly number[], offset: Offset) =>
    lookUpOffsets(
      cluster,
      wanted.map((one) => ({ topic, partition: one })),
      offset,
      { isolation: 'read_committed', create: false },
    )
  if ('kind' in where) {
    const found = await lookUp(partitions, where)
    // An offset that is not there any more, or not yet, is where the partition begins, or ends.
    const isNear = back !== null || where.kind === 'at'
    const begins = isNear ? await lookUp(partitions, Offset.earliest) : []
    const ends = where.kind === 'at' ? await lookUp(partitions, Offset.latest) : found
    const offsetIn = (i: number): bigint => {
      const at = back ? found[i]! - BigInt(back[1]!) : found[i]!
      if (!isNear) return at
      return at < begins[i]! ? begins[i]! : at > ends[i]! ? ends[i]! : at
    }
    return { info, offsets: new Map(partitions.map((one, i) => [one, offsetIn(i)])) }
  }
  if (where.topicId !== info.id) {
    throw new HttpError(410, `The cursor is of a topic '${topic}' that was deleted; begin anew`, {
      code: 'CURSOR_OF_ANOTHER_TOPIC',
    })
  }
  // Partitions that came since are read from their beginning: nothing in them was seen.
  const added = partitions.filter((one) => !where.offsets.has(one))
  const begins = added.length > 0 ? await lookUp(added, Offset.earliest) : []
  return {
    info,
    offsets: new Map(
      partitions.map((one) => [one, where.offsets.get(one) ?? begins[added.indexOf(one)]!]),
    ),
  }
}

/** Throws `PartitionNotFoundError`. */
export function partitionsOf(
  { name, partitions }: TopicInfo,
  wanted: number | undefined,
): number[] {
  if (wanted === undefined) return partitions.map(({ index }) => index)
  if (wanted < partitions.length) return [wanted]
  throw new PartitionNotFoundError(
    `Topic '${name}' has ${partitions.length === 1 ? 'one partition, number 0' : `${partitions.length} partitions, numbered from 0`}; there is no partition ${wanted}`,
    { code: 'UNKNOWN_TOPIC_OR_PARTITION' },
  )
}

/** As `offsetOf`, or an offset: `@100`. Throws `HttpError` 400. */
function placeOf(from: string, runtime: Runtime, name: string): Offset {
  const offset = /^@(\d{1,19})$/.exec(from)
  const at = offset && BigInt(offset[1]!)
  return at !== null && at < 2n ** 63n
    ? Offset.at(at)
    : offsetOf(from, runtime, { name, orElse: others })
}

/** `earliest`, `latest`, `-1h`, ISO 8601 or epoch milliseconds. Throws `HttpError` 400, which names what else it may be. */
export function offsetOf(from: string, runtime: Runtime, said: Said = {}): Offset {
  if (from === 'earliest') return Offset.earliest
  if (from === 'latest') return Offset.latest
  if (from.startsWith('-')) {
    try {
      const ago = parseDuration(from.slice(1), 'from')
      return Offset.timestamp(Math.max(0, Math.floor(runtime.now() - ago)))
    } catch {
      throw notAPlace(from, said)
    }
  }
  // A plus in a query is a space, unless it is escaped.
  const ms = readTimestamp(from.replace(' ', '+'), true)
  if (ms === undefined) throw notAPlace(from, said)
  return Offset.timestamp(ms)
}

const others = ', latest-100 for so many before the end, an offset such as @100, a cursor'

interface Said {
  /** What the parameter is called. Default: from. */
  readonly name?: string
  readonly orElse?: string
}

function notAPlace(from: string, { name = 'from', orElse = '' }: Said): HttpError {
  return new HttpError(
    400,
    `'${name}' must be one of earliest, latest, a time ago such as -1h, a time such as 2026-01-31T12:00:00Z${orElse}; got '${from.slice(0, 100)}'`,
    { code: 'INVALID_REQUEST', more: { parameter: name } },
  )
}
