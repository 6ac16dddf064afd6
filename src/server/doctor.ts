/** `kafka-do doctor` from code: what is wrong with a data folder, and its repair. */
import { examine } from '../broker/doctor/examination.ts'
import type { Finding } from '../broker/doctor/finding.ts'
import { ConfigError } from '../core/errors.ts'
import { createNodeFileSystem } from '../storage/node-file-system.ts'

export type { Finding } from '../broker/doctor/finding.ts'

/**
 * Examines a folder that no broker has open, and hands the findings to `then` while no broker can open it. Throws
 * `ConfigError` for a folder that is not there or holds no data, `DataFolderLockedError`, `CorruptDataError` for one of
 * another version, and `StorageError`.
 */
export async function examineFolder<T>(
  folder: string,
  then: (findings: readonly Finding[]) => Promise<T>,
): Promise<T> {
  const fileSystem = createNodeFileSystem(folder)
  if (!fileSystem.list('').some((name) => name === 'meta.properties' || /-\d+$/.test(name)))
    throw new ConfigError(`${folder} is no data folder: it has no kafka-do files`, {
      code: 'INVALID_CONFIG',
    })
  const lock = fileSystem.lock()
  try {
    return await then(await examine(fileSystem))
  } finally {
    lock.release()
  }
}
