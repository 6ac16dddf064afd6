/**
 * A folder that is whole when it has its name: until then it is made beside, as `NAME.restoring`. Its owner alone may look
 * into it.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
} from 'node:fs'
import { dirname, resolve } from 'node:path'
import { ConfigError, DataFolderLockedError, StorageError } from '../core/errors.ts'
import type { FileSystem, Lock } from './file-system.ts'
import { createNodeFileSystem } from './node-file-system.ts'

export class NewFolder {
  readonly path: string
  readonly fileSystem: FileSystem
  readonly #making: string
  readonly #lock: Lock

  private constructor(path: string, making: string, fileSystem: FileSystem, lock: Lock) {
    this.path = path
    this.#making = making
    this.fileSystem = fileSystem
    this.#lock = lock
  }

  /** Throws `ConfigError` where something is there already, `DataFolderLockedError`, `StorageError`. */
  static begin(to: string): NewFolder {
    const path = resolve(to)
    checkFree(path)
    const making = `${path}.restoring`
    const fileSystem = createNodeFileSystem(making, { isPrivate: true })
    guarded(making, () => mkdirSync(making, { recursive: true, mode: 0o700 }))
    const lock = take(fileSystem, path)
    // Of one that was killed.
    for (const name of fileSystem.list('')) if (name !== '.lock') fileSystem.remove(name)
    return new NewFolder(path, making, fileSystem, lock)
  }

  /** All in it is on stable storage: it gets its name. Durable when it returns. */
  finish(): void {
    checkFree(this.path)
    this.#lock.release()
    guarded(this.path, () => {
      if (existsSync(this.path)) rmdirSync(this.path)
      renameSync(this.#making, this.path)
      syncFolder(dirname(this.path))
    })
  }

  /** It is not wanted. */
  discard(): void {
    this.#lock.release()
    rmSync(this.#making, { recursive: true, force: true })
  }
}

function checkFree(path: string): void {
  const names = guarded(path, () => (existsSync(path) ? readdirSync(path) : []))
  if (names.length === 0) return
  throw new ConfigError(
    `${path} is there already, and not empty (${names.slice(0, 3).join(', ')}). Choose a folder that is not there yet`,
    { code: 'INVALID_CONFIG' },
  )
}

function take(fileSystem: FileSystem, path: string): Lock {
  try {
    return fileSystem.lock()
  } catch (error) {
    if (!(error instanceof DataFolderLockedError)) throw error
    throw new DataFolderLockedError(`Another restore to ${path} is running`, {
      code: error.code,
      cause: error,
    })
  }
}

function syncFolder(path: string): void {
  if (process.platform === 'win32') return
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function guarded<T>(path: string, act: () => T): T {
  try {
    return act()
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const isFull = code === 'ENOSPC' || code === 'EDQUOT'
    throw new StorageError(`Cannot create the folder ${path}: ${message}`, {
      code: isFull ? 'STORAGE_FULL' : 'STORAGE_DENIED',
      cause,
    })
  }
}
