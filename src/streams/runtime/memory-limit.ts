/** What state may take of memory (`maxStateBytes`). */
import { ConfigError } from '../../core/errors.ts'
import type { ResolvedStreamsConfig } from '../streams-config.ts'
import type { RunningTask } from './running-task.ts'

/** Undefined while there is less. */
export function overLimit(
  app: string,
  tasks: readonly RunningTask[],
  { maxStateBytes, state }: ResolvedStreamsConfig,
): ConfigError | undefined {
  if (maxStateBytes === undefined) return undefined
  let bytes = 0
  for (const { task } of tasks) for (const store of task.stores.values()) bytes += store.sizeInBytes
  if (bytes <= maxStateBytes) return undefined
  const cure =
    state === 'memory'
      ? "Keep it on disk with { state: { dir: './state' } }, raise maxStateBytes, or run more processes"
      : 'Raise maxStateBytes, or run more processes: the keys of stores by time are in memory, too'
  return new ConfigError(
    `The state of '${app}' takes ${bytes} bytes of memory, more than maxStateBytes (${maxStateBytes}). ${cure}`,
    { code: 'STREAM_STATE_TOO_LARGE' },
  )
}
