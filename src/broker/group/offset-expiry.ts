/**
 * Which offsets have had their time: those older than the retention whose group has had no members for as long. A group
 * that has none left goes with them. What is about to be committed anew is left alone.
 */
import type { HostedGroup, HostedGroups } from './hosted-groups.ts'
import type { OffsetStore } from './offset-store.ts'

export interface OffsetExpiryParts {
  readonly hosted: HostedGroups
  readonly offsets: OffsetStore
  /** Deletes a group with all its offsets. */
  readonly forgetGroup: (hosted: HostedGroup) => Promise<void>
}

/** Offsets from before `oldestMs`, wall-clock milliseconds, are old. Throws `StorageError`. */
export async function expireOffsets(
  { hosted: groups, offsets: store, forgetGroup }: OffsetExpiryParts,
  oldestMs: number,
): Promise<void> {
  for (const hosted of groups.all()) {
    const { group, offsets } = hosted
    const { emptySinceMs } = group
    groups.dropUnused(hosted)
    // Groups that only store offsets never had members whose going could count.
    const isExpired = group.protocolType === '' || emptySinceMs <= oldestMs
    if (group.state !== 'Empty' || !isExpired || !groups.isCurrent(group)) continue
    // To remove an offset now could remove one that has just been committed anew, or is about to be.
    if (offsets.underWay.size > 0 || store.pendingOf(group.id).length > 0) continue
    const entries = [...offsets.entries()]
    const old = entries.filter(([, , { committedAtMs }]) => committedAtMs <= oldestMs)
    const isLeft = old.length < entries.length || emptySinceMs > oldestMs
    if (!isLeft) await forgetGroup(hosted)
    else if (old.length > 0) await store.forget(hosted, old)
  }
}
