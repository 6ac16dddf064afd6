/** A file that its owner alone may read, for a secret. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { StorageError } from '../core/errors.ts'

/** Puts it there whole, in the place of what was there; returns its path. Throws `StorageError`. */
export function writePrivateFile(folder: string, name: string, text: string): string {
  const path = join(folder, name)
  const part = `${path}.part`
  try {
    mkdirSync(folder, { recursive: true })
    rmSync(part, { force: true })
    const file = openSync(part, 'wx', 0o600)
    try {
      writeSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    renameSync(part, path)
    return path
  } catch (error) {
    throw new StorageError(`Cannot write ${path}: ${(error as Error).message}`, {
      code: 'STORAGE_IO',
      cause: error,
    })
  }
}
