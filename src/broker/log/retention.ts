/** Retention (`cleanup.policy=delete`): drops the oldest segments that are too old or too much. */
import type { Logger } from '../../core/runtime.ts'
import type { PartitionLog } from './partition-log.ts'
import { timeOf } from './retention-clock.ts'
import type { Segment } from './segment.ts'
import type { Slices } from './slices.ts'

/** Segments that are removed at a time, without a pause. */
const removedAtOnce = 16

export interface RetentionOptions {
  /** Resolves when the log begins at an offset, durably; what it cannot save stays, readable, until the next time. */
  readonly raiseStart?: (offset: bigint) => Promise<void>
  /** Hears what was removed; default: nobody does. */
  readonly logger?: Logger
  /** Default: everything is removed at once. */
  readonly slices?: Slices
}

/** Returns how many segments were dropped. Only what is on stable storage counts, and goes. */
export async function applyRetention(
  log: PartitionLog,
  nowMs: number,
  {
    raiseStart = async (offset) => log.raiseLogStart(offset),
    logger,
    slices,
  }: RetentionOptions = {},
): Promise<number> {
  const { retentionMs, retentionBytes } = log.config
  const expired = retentionMs < 0 ? 0n : await endOfExpired(log, nowMs - retentionMs)
  const surplus = retentionBytes < 0 ? 0n : endOfSurplus(log, retentionBytes)
  const end = expired > surplus ? expired : surplus
  if (end <= log.logStartOffset || end > log.highWatermark) return 0
  const removal = await describeRemoval(log, end)
  // When everything goes, the active segment goes too, once it is no longer the active one.
  if (end === log.logEndOffset) await log.rollDurably()
  // A crash may take away any of the segments, and leave older ones: by the start they are known to be gone.
  await raiseStart(end)
  const dropped = await dropInSlices(log, end, slices)

  const reason = whyRemoved(expired, surplus)
  if (logger) logRemoval(logger, log, removal, { reason, retentionMs, retentionBytes })
  return dropped
}

function whyRemoved(expired: bigint, surplus: bigint): string {
  if (surplus === 0n) return 'time'
  return expired === 0n ? 'size' : 'time and size'
}

/** What is to be removed from the beginning of a log. */
export interface Removal {
  readonly fromOffset: bigint
  readonly toOffset: bigint
  readonly segments: number
  readonly bytes: number
  /** Of the newest record in those segments, epoch milliseconds; -1n: they have none. */
  readonly newestTimestamp: bigint
}

/** What goes with the records below `end`: the segments that hold no others. */
export async function describeRemoval(log: PartitionLog, end: bigint): Promise<Removal> {
  let segments = 0
  let bytes = 0
  let newestTimestamp = -1n
  for (const segment of removable(log, end)) {
    segments++
    bytes += segment.sizeInBytes
    const { timestamp } = await segment.maxTimestamp()
    if (timestamp > newestTimestamp) newestTimestamp = timestamp
  }
  return { fromOffset: log.logStartOffset, toOffset: end, segments, bytes, newestTimestamp }
}

/** One line for each partition and look. */
export function logRemoval(
  logger: Logger,
  { topic, partition }: PartitionLog,
  { fromOffset, toOffset, segments, bytes, newestTimestamp }: Removal,
  why: object,
): void {
  logger.info(
    {
      log: `${topic}-${partition}`,
      ...why,
      fromOffset: String(fromOffset),
      toOffset: String(toOffset),
      segments,
      bytes,
      newest: newestTimestamp < 0n ? 'no timestamp' : timeOf(Number(newestTimestamp)),
    },
    'the oldest records were removed',
  )
}

/** Drops the segments that hold nothing at or after `end`; others have their turn in between. */
async function dropInSlices(
  log: PartitionLog,
  end: bigint,
  slices: Slices | undefined,
): Promise<number> {
  let dropped = 0
  for (let going = removable(log, end); going.length > removedAtOnce; going = removable(log, end)) {
    const removed = log.dropSegmentsBelow(going[removedAtOnce - 1]!.nextOffset)
    if (removed === 0) return dropped
    dropped += removed
    await slices?.pause()
  }
  return dropped + log.dropSegmentsBelow(end)
}

function removable(log: PartitionLog, end: bigint): Segment[] {
  return log.segments.filter((segment) => !segment.isEmpty && segment.nextOffset <= end)
}

async function endOfExpired(log: PartitionLog, oldestMs: number): Promise<bigint> {
  let end = 0n
  for (const segment of log.segments) {
    if (segment.isEmpty) continue
    const { timestamp } = await segment.maxTimestamp()
    // Records may have no timestamp; the file has.
    const newestMs = timestamp >= 0n ? Number(timestamp) : segment.lastWriteMs()
    if (newestMs >= oldestMs) break
    end = segment.nextOffset
  }
  return end
}

function endOfSurplus(log: PartitionLog, bytesMax: number): bigint {
  let surplus = log.sizeInBytes - bytesMax
  let end = 0n
  for (const segment of log.segments.slice(0, -1)) {
    if (surplus < segment.sizeInBytes) break
    surplus -= segment.sizeInBytes
    end = segment.nextOffset
  }
  return end
}
