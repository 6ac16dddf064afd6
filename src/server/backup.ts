/** `kafka-do backup` from code: of a data folder that no broker has open, as it lies there. */
import { backupStream } from '../backup/backup-stream.ts'
import { decodeManifest } from '../backup/manifest.ts'
import { folderSource } from '../broker/backup/folder-source.ts'
import { ConfigError, StorageError } from '../core/errors.ts'
import type { Runtime } from '../core/runtime.ts'
import type { FileSystem, Lock } from '../storage/file-system.ts'
import { createNodeFileSystem } from '../storage/node-file-system.ts'

/** What a backup is asked for with. */
export interface FolderBackupRequest {
  readonly previous?: Uint8Array | undefined
  readonly maxBytesPerSecond?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Takes the folder and hands `then` what makes a stream of it, while no broker can open it. Nothing in it is changed. Throws
 * `ConfigError` for a folder that is not there or holds no data, `DataFolderLockedError`, `CorruptDataError`, `StorageError`.
 */
export async function withFolderBackup<T>(
  folder: string,
  runtime: Runtime,
  then: (open: (request: FolderBackupRequest) => AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const files = createNodeFileSystem(folder, { isReadOnly: true })
  if (!files.stat('meta.properties'))
    throw new ConfigError(`${folder} is not a data folder: it has no meta.properties`, {
      code: 'INVALID_CONFIG',
    })
  const lock = lockOf(files)
  try {
    return await then(({ previous, ...request }) => streamOf(previous, request))
  } finally {
    lock?.release()
  }

  async function* streamOf(
    previous: Uint8Array | undefined,
    request: Omit<FolderBackupRequest, 'previous'>,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const have = previous && decodeManifest(previous, 'before').files
    yield* backupStream(folderSource(files, runtime), { ...request, runtime, have })
  }
}

/** Undefined: the disk is read-only, so nobody changes the folder. */
function lockOf(files: FileSystem): Lock | undefined {
  try {
    return files.lock()
  } catch (error) {
    if (error instanceof StorageError && error.code === 'STORAGE_READ_ONLY') return undefined
    throw error
  }
}
