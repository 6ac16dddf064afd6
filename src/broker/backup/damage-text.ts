/** What is wrong with a log file, in words. */
import type { CheckedLog } from '../../backup/batch-check.ts'

/** `endsAt`: the offset at which it has to end; undefined: that is not known. Undefined: nothing is wrong. */
export function damageText(
  { end, damagedAt }: CheckedLog,
  endsAt: bigint | undefined,
): string | undefined {
  if (damagedAt !== undefined) return `is damaged at byte ${damagedAt}, after offset ${end}`
  if (endsAt === undefined || end === endsAt) return undefined
  return `ends at offset ${end} instead of ${endsAt}`
}
