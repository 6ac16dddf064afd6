/**
 * The file system of Node. Writes are synchronous (the page cache takes a KiB in microseconds); syncs and long reads
 * run on the thread pool. Closing waits for what is in flight.
 */
import {
  close,
  closeSync,
  existsSync,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsync,
  ftruncateSync,
  mkdirSync,
  openSync,
  read as readAsync,
  readdirSync,
  readSync,
  renameSync,
  rm,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs'
import { devNull } from 'node:os'
import { join } from 'node:path'
import { allocateBytes } from '../core/bytes.ts'
import { StorageError } from '../core/errors.ts'
import { acquireLock } from './data-folder-lock.ts'
import type { File, FileSystem, Lock, Space, StorageErrorCode } from './file-system.ts'
import { openFilesLimit } from './process-limit.ts'
import { readBuffers } from './read-buffers.ts'

/** To free the space of such a file takes the system some milliseconds. */
const largeBytes = 8 * 1024 * 1024

export interface NodeFileSystemOptions {
  /** What is created may be read by its owner alone. Default: by whom the process's umask says. */
  readonly isPrivate?: boolean
  /** Files are opened for reading alone, so the permission to write is not needed. Default false. */
  readonly isReadOnly?: boolean
}

/** A file system below `root`, which is created when something is first put there. */
export function createNodeFileSystem(
  root: string,
  options: NodeFileSystemOptions = {},
): FileSystem {
  return new NodeFileSystem(root, options)
}

class NodeFileSystem implements FileSystem {
  readonly description: string
  readonly openFilesLimit: number
  readonly #isPrivate: boolean
  readonly #isReadOnly: boolean

  constructor(root: string, { isPrivate = false, isReadOnly = false }: NodeFileSystemOptions) {
    this.description = root
    this.#isPrivate = isPrivate
    this.#isReadOnly = isReadOnly
    this.openFilesLimit = openFilesLimit()
  }

  open(path: string, options: { create?: boolean } = {}): File {
    const full = this.#full(path)
    return guarded(path, 'open', () => {
      if (this.#isReadOnly) {
        const descriptor = openSync(full, 'r')
        return new NodeFile(path, descriptor, fstatSync(descriptor).size, openedForReading(path))
      }
      const [descriptor, readOnly] =
        !options.create || existsSync(full)
          ? openThere(full)
          : created(full, this.#isPrivate ? 0o600 : 0o666)
      return new NodeFile(path, descriptor, fstatSync(descriptor).size, readOnly)
    })
  }

  stat(path: string): { size: number; isDirectory: boolean; modifiedMs: number } | undefined {
    return guarded(path, 'look at', () => {
      const found = statSync(this.#full(path), { throwIfNoEntry: false })
      return (
        found && { size: found.size, isDirectory: found.isDirectory(), modifiedMs: found.mtimeMs }
      )
    })
  }

  list(path: string): string[] {
    return guarded(path, 'list', () => {
      try {
        return readdirSync(this.#full(path)).sort()
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
        throw error
      }
    })
  }

  makeDirectory(path: string): void {
    const mode = this.#isPrivate ? 0o700 : 0o777
    guarded(path, 'create', () => mkdirSync(this.#full(path), { recursive: true, mode }))
  }

  rename(from: string, to: string): void {
    guarded(from, 'rename', () => renameSync(this.#full(from), this.#full(to)))
  }

  remove(path: string): void {
    guarded(path, 'remove', () => rmSync(this.#full(path), { recursive: true, force: true }))
  }

  discard(path: string): void {
    const doomed = `${path}.deleted`
    this.rename(path, doomed)
    // Whatever keeps it there: who opens the folder next removes it.
    rm(this.#full(doomed), { force: true }, () => undefined)
  }

  async syncDirectory(path: string): Promise<void> {
    // Windows has no way to sync a folder, and needs none.
    if (process.platform === 'win32') return
    const descriptor = guarded(path, 'open', () => openSync(this.#full(path), 'r'))
    try {
      await awaited(path, 'sync', (done) => fsync(descriptor, done))
    } finally {
      closeSync(descriptor)
    }
  }

  space(): Space | undefined {
    try {
      const { bavail, blocks, bsize } = statfsSync(this.description)
      return { freeBytes: bavail * bsize, totalBytes: blocks * bsize }
    } catch {
      // A runtime without it, or a folder that is not there yet.
      return { freeBytes: undefined, totalBytes: undefined }
    }
  }

  lock(): Lock {
    if (this.#isPrivate) this.makeDirectory('')
    return acquireLock(this.description)
  }

  holdOpen(): { release(): void } {
    try {
      const descriptor = guarded(devNull, 'open', () => openSync(devNull, 'r'))
      return { release: () => closeSync(descriptor) }
    } catch (error) {
      if (error instanceof StorageError && error.code === 'STORAGE_TOO_MANY_FILES') throw error
      // Deno lets a process read only what it was told: then there are no spare files.
      return { release: () => undefined }
    }
  }

  #full(path: string): string {
    return join(this.description, path)
  }
}

type Opened = [descriptor: number, readOnly: StorageError | undefined]

function created(full: string, mode: number): Opened {
  return [openSync(full, 'wx+', mode), undefined]
}

/** For reading and writing; of a disk that has become read-only, what is there can still be read. */
function openThere(full: string): Opened {
  try {
    return [openSync(full, 'r+'), undefined]
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EROFS') throw error
    return [openSync(full, 'r'), storageError(full, 'write to', error)]
  }
}

function openedForReading(path: string): StorageError {
  return new StorageError(`'${path}' was opened for reading`, { code: 'STORAGE_READ_ONLY' })
}

class NodeFile implements File {
  readonly path: string
  readonly #descriptor: number
  /** What a write meets on a disk that is read-only. */
  readonly #readOnly: StorageError | undefined
  #size: number
  #inFlight = 0
  #isClosed = false

  constructor(path: string, descriptor: number, size: number, readOnly: StorageError | undefined) {
    this.path = path
    this.#readOnly = readOnly
    this.#descriptor = descriptor
    this.#size = size
  }

  get size(): number {
    return this.#size
  }

  write(bytes: Uint8Array, position: number): void {
    this.#checkOpen()
    if (this.#readOnly) throw this.#readOnly
    guarded(this.path, 'write to', () => {
      for (let written = 0; written < bytes.length; ) {
        const count = writeSync(
          this.#descriptor,
          bytes,
          written,
          bytes.length - written,
          position + written,
        )
        if (count === 0) throw new Error('the system wrote nothing and gave no reason')
        written += count
        this.#size = Math.max(this.#size, position + written)
      }
    })
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    this.#checkOpen()
    const wanted = Math.max(0, Math.min(length, this.#size - position))
    const bytes = readBuffers.take(wanted)
    this.#inFlight++
    try {
      let filled = 0
      while (filled < wanted) {
        const count = await awaited<number>(this.path, 'read', (done) =>
          readAsync(this.#descriptor, bytes, filled, wanted - filled, position + filled, done),
        )
        if (count === 0) break
        filled += count
      }
      return bytes.subarray(0, filled)
    } finally {
      this.#finished()
    }
  }

  readSync(position: number, length: number): Uint8Array {
    this.#checkOpen()
    const wanted = Math.max(0, Math.min(length, this.#size - position))
    const bytes = allocateBytes(wanted)
    return guarded(this.path, 'read', () => {
      let filled = 0
      while (filled < wanted) {
        const count = readSync(this.#descriptor, bytes, filled, wanted - filled, position + filled)
        if (count === 0) break
        filled += count
      }
      return bytes.subarray(0, filled)
    })
  }

  truncate(size: number): void {
    this.#checkOpen()
    if (this.#readOnly) throw this.#readOnly
    guarded(this.path, 'truncate', () => ftruncateSync(this.#descriptor, size))
    this.#size = size
  }

  async sync(): Promise<void> {
    this.#checkOpen()
    this.#inFlight++
    try {
      await awaited(this.path, 'sync', (done) => fdatasync(this.#descriptor, done))
    } finally {
      this.#finished()
    }
  }

  syncNow(): void {
    this.#checkOpen()
    guarded(this.path, 'sync', () => fdatasyncSync(this.#descriptor))
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#inFlight === 0) this.#closeDescriptor()
  }

  #finished(): void {
    if (--this.#inFlight === 0 && this.#isClosed) this.#closeDescriptor()
  }

  #closeDescriptor(): void {
    // The last one to close a file that has been removed waits for its space to be freed.
    if (this.#size >= largeBytes) return close(this.#descriptor, () => undefined)
    guarded(this.path, 'close', () => closeSync(this.#descriptor))
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new StorageError(`${this.path} is closed`, { code: 'STORAGE_CLOSED' })
  }
}

type Done<T> = (error: NodeJS.ErrnoException | null, result?: T) => void

function awaited<T = void>(
  path: string,
  action: string,
  start: (done: Done<T>) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, result) => {
      if (error) reject(storageError(path, action, error))
      else resolve(result as T)
    })
  })
}

function guarded<T>(path: string, action: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw storageError(path, action, error)
  }
}

interface Meaning {
  readonly code: StorageErrorCode
  readonly advice: string
}

const isMissing: Meaning = { code: 'STORAGE_NOT_FOUND', advice: 'it does not exist' }
const isFull: Meaning = {
  code: 'STORAGE_FULL',
  advice:
    'the disk is full; delete topics or records, lower retention.ms or retention.bytes of large topics, or free space in another way',
}
const isReadOnly: Meaning = {
  code: 'STORAGE_READ_ONLY',
  advice:
    'the disk is read-only; find the reason in the system log (a failing disk is remounted read-only), then mount it for writing',
}
const isTooLong: Meaning = {
  code: 'STORAGE_DENIED',
  advice: 'the file may not grow further; raise the limit (ulimit -f) or lower segment.bytes',
}
const isDenied: Meaning = {
  code: 'STORAGE_DENIED',
  advice: 'permission is missing; check the owner and mode of the data folder',
}
const isLimited: Meaning = {
  code: 'STORAGE_TOO_MANY_FILES',
  advice: 'the process has reached its limit on open files; raise it (ulimit -n)',
}
const isInTheWay: Meaning = {
  code: 'STORAGE_DENIED',
  advice: 'a file is where a folder should be, or the reverse; move it out of the data folder',
}
const isFailing: Meaning = {
  code: 'STORAGE_IO',
  advice: 'the disk failed; check it first',
}

const meanings: { readonly [errno: string]: Meaning } = {
  ENOENT: isMissing,
  ENOSPC: isFull,
  EDQUOT: isFull,
  EFBIG: isTooLong,
  EACCES: isDenied,
  EPERM: isDenied,
  EROFS: isReadOnly,
  EMFILE: isLimited,
  ENFILE: isLimited,
  EISDIR: isInTheWay,
  ENOTDIR: isInTheWay,
  EEXIST: isInTheWay,
  ENOTEMPTY: isInTheWay,
}

function storageError(path: string, action: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause
  const errno = (cause as NodeJS.ErrnoException).code ?? ''
  const { code, advice } = meanings[errno] ?? isFailing
  return new StorageError(`Cannot ${action} '${path}': ${advice} (${errno || String(cause)})`, {
    code,
    cause,
  })
}
