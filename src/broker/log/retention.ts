/** Retention (`cleanup.policy=delete`): drops the oldest segments that are too old or too much. */
import type { PartitionLog } from './partition-log.ts'

/** Returns how many segments were dropped. Only what is on stable storage counts, and goes. */
export async function applyRetention(
  log: PartitionLog,
  nowMs: number,
  saveLogStart: () => Promise<void> = () => Promise.resolve(),
): Promise<number> {
  const { retentionMs, retentionBytes } = log.config
  const expired = retentionMs < 0 ? 0n : await endOfExpired(log, nowMs - retentionMs)
  const surplus = retentionBytes < 0 ? 0n : endOfSurplus(log, retentionBytes)
  const end = expired > surplus ? expired : surplus
  if (end <= log.logStartOffset || end > log.highWatermark) return 0
  // When everything goes, the active segment goes too, once it is no longer the active one.
  if (end === log.logEndOffset) await log.rollDurably()
  log.raiseLogStart(end)
  // A crash may take away any of the segments, and leave older ones: by the start they are known to be gone.
  await saveLogStart()
  return log.dropSegmentsBelow(end)
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
