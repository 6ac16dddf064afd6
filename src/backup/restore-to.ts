/** A restore to a folder that gets its name when all of it is there, and sound. */
import { NewFolder } from '../storage/new-folder.ts'
import { type RestoreOptions, type RestoreResult, restore } from './restore.ts'
import type { RestoreEntry } from './restore-sources.ts'

export type RestoreToOptions = Omit<RestoreOptions, 'target'>

/** Throws as `restore` does, and `ConfigError` where something is there already; then nothing is. */
export async function restoreTo(
  to: string,
  entries: AsyncIterable<RestoreEntry>,
  options: RestoreToOptions,
): Promise<RestoreResult> {
  const folder = NewFolder.begin(to)
  try {
    const result = await restore(entries, { ...options, target: folder.fileSystem })
    folder.finish()
    return result
  } catch (error) {
    folder.discard()
    throw error
  }
}

/** Looks at all of a backup, and writes nothing. Throws as `restore` does. */
export function checkBackup(
  entries: AsyncIterable<RestoreEntry>,
  options: RestoreToOptions,
): Promise<RestoreResult> {
  return restore(entries, { ...options, target: undefined })
}
