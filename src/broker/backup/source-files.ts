/** Files as a backup takes them. */
import type { SourceFile } from '../../backup/backup-source.ts'
import { StorageError } from '../../core/errors.ts'
import type { FileSystem } from '../../storage/file-system.ts'

/** `place`: where it lies at the moment; `size`: how much of it, default: all. Throws `StorageError` when it is gone. */
export function fileAt(
  files: FileSystem,
  path: string,
  place: () => string,
  size?: number,
): SourceFile {
  const found = files.stat(place())
  if (!found) throw new StorageError(`${path} is gone`, { code: 'STORAGE_NOT_FOUND' })
  const { size: sizeNow, modifiedMs } = found
  return { path, size: size ?? sizeNow, modifiedMs, open: () => files.open(place()) }
}

export function madeFile(path: string, content: Uint8Array): SourceFile {
  const open = () => {
    throw new Error(`${path} has its content with it`)
  }
  return { path, size: content.length, modifiedMs: 0, content, open }
}
