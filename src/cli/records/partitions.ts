/** The partitions that were asked for, of those that there are. */
import { NotFoundError } from '../shell/command-error.ts'

/** Throws `NotFoundError` for one that is not there. None asked for: all. */
export function choosePartitions<T extends { readonly partition: number }>(
  topic: string,
  all: readonly T[],
  wanted: readonly number[],
): readonly T[] {
  if (wanted.length === 0) return all
  const missing = wanted.find((one) => !all.some(({ partition }) => partition === one))
  if (missing !== undefined) {
    throw new NotFoundError(
      `topic '${topic}' has partitions 0 to ${all.length - 1}; there is no partition ${missing}`,
      { code: 'UNKNOWN_TOPIC_OR_PARTITION' },
    )
  }
  return all.filter(({ partition }) => wanted.includes(partition))
}
