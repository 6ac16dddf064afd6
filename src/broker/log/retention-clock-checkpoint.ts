/** What the retention clock leaves for the next process: `retention-clock-checkpoint` in the data folder. */
import type { Logger } from '../../core/runtime.ts'
import type { FileSystem } from '../../storage/file-system.ts'
import { readCheckpoint, replaceCheckpoint } from './checkpoint-file.ts'
import type { RetentionClockState } from './retention-clock.ts'

export const retentionClock = 'retention-clock-checkpoint'

/** Undefined when it is missing, or damaged, which is logged. */
export function readClockState(
  fileSystem: FileSystem,
  logger: Logger,
): RetentionClockState | undefined {
  const [line, ...others] = readCheckpoint(fileSystem, retentionClock) ?? []
  const [lastSeenMs, heldBackMs, heldForMs] = (/^(\d+) (\d+) (\d+)$/.exec(line ?? '') ?? [])
    .slice(1)
    .map(Number)
  if (others.length === 0 && heldForMs !== undefined)
    return { lastSeenMs: lastSeenMs!, heldBackMs: heldBackMs!, heldForMs }
  if (fileSystem.stat(retentionClock))
    logger.error(
      { path: retentionClock },
      'a checkpoint is damaged; the broker continues without it',
    )
  return undefined
}

/** Durable when it resolves. */
export function writeClockState(fileSystem: FileSystem, state: RetentionClockState): Promise<void> {
  return replaceCheckpoint(fileSystem, retentionClock, [clockLine(state)])
}

export function clockLine({ lastSeenMs, heldBackMs, heldForMs }: RetentionClockState): string {
  return [lastSeenMs, heldBackMs, heldForMs].map((ms) => Math.max(0, Math.round(ms))).join(' ')
}
