/**
 * Readers see only what is on stable storage. Appends that nobody waits for go there within `flushInterval`; when a
 * reader is waiting they go at once.
 */
import type { PartitionLog } from './log/partition-log.ts'

export function makeVisibleSoon(log: PartitionLog): void {
  if (log.logEndOffset <= log.highWatermark) return
  // A sync that fails takes the partition offline, which is what its readers are then told.
  log.whenSynced().catch(() => undefined)
}
