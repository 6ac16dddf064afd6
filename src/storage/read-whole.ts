import { StorageError } from '../core/errors.ts'
import type { File, FileSystem } from './file-system.ts'

/** A whole small file; undefined when it does not exist. */
export function readWhole(fileSystem: FileSystem, path: string): Uint8Array | undefined {
  const file = openThere(fileSystem, path)
  if (!file) return undefined
  try {
    return file.readSync(0, file.size)
  } finally {
    file.close()
  }
}

function openThere(fileSystem: FileSystem, path: string): File | undefined {
  // To look first would cost as much as the reading.
  try {
    return fileSystem.open(path)
  } catch (error) {
    if (error instanceof StorageError && error.code === 'STORAGE_NOT_FOUND') return undefined
    if (fileSystem.stat(path)?.isDirectory) return undefined
    throw error
  }
}
