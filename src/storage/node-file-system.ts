/**
 * The file system of Node. Writes are synchronous (the page cache takes a KiB in microseconds); syncs and long reads
 * run on the thread pool. Closing waits for what is in flight.
 */
import {
  closeSync,
  existsSync,
  fdatasync,
  fstatSync,
  fsync,
  ftruncateSync,
  mkdirSync,
  openSync,
  read as readAsync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { allocateBytes } from '../core/bytes.ts'
import { StorageError } from '../core/errors.ts'
import { acquireLock } from './data-folder-lock.ts'
import type { File, FileSystem, Lock, StorageErrorCode } from './file-system.ts'

/** A file system below `root`, which is created when something is first put there. */
export function createNodeFileSystem(root: string): FileSystem {
  return new NodeFileSystem(root)
}

class NodeFileSystem implements FileSystem {
  readonly description: string

  constructor(root: string) {
    this.description = root
  }

  open(path: string, options: { create?: boolean } = {}): File {
    const full = this.#full(path)
    return guarded(path, 'open', () => {
      const isThere = existsSync(full)
      const descriptor = openSync(full, isThere || !options.create ? 'r+' : 'wx+')
      return new NodeFile(path, descriptor, fstatSync(descriptor).size)
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
    const full = this.#full(path)
    return guarded(path, 'list', () => (existsSync(full) ? readdirSync(full).sort() : []))
  }

  makeDirectory(path: string): void {
    guarded(path, 'create', () => mkdirSync(this.#full(path), { recursive: true }))
  }

  rename(from: string, to: string): void {
    guarded(from, 'rename', () => renameSync(this.#full(from), this.#full(to)))
  }

  remove(path: string): void {
    guarded(path, 'remove', () => rmSync(this.#full(path), { recursive: true, force: true }))
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

  lock(): Lock {
    return acquireLock(this.description)
  }

  #full(path: string): string {
    return join(this.description, path)
  }
}

class NodeFile implements File {
  readonly path: string
  readonly #descriptor: number
  #size: number
  #inFlight = 0
  #isClosed = false

  constructor(path: string, descriptor: number, size: number) {
    this.path = path
    this.#descriptor = descriptor
    this.#size = size
  }

  get size(): number {
    return this.#size
  }

  write(bytes: Uint8Array, position: number): void {
    this.#checkOpen()
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
    const bytes = allocateBytes(wanted)
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

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#inFlight === 0) this.#closeDescriptor()
  }

  #finished(): void {
    if (--this.#inFlight === 0 && this.#isClosed) this.#closeDescriptor()
  }

  #closeDescriptor(): void {
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

const isMissing: Meaning = { code: 'STORAGE_NOT_FOUND', advice: 'it is not there' }
const isFull: Meaning = {
  code: 'STORAGE_FULL',
  advice: 'the disk is full; free space, or lower retention.ms or retention.bytes of large topics',
}
const isDenied: Meaning = {
  code: 'STORAGE_DENIED',
  advice: 'permission is missing; check the owner and mode of the data folder',
}
const isLimited: Meaning = {
  code: 'STORAGE_DENIED',
  advice: 'too many files are open; raise the limit (ulimit -n) or have fewer partitions',
}
const isInTheWay: Meaning = {
  code: 'STORAGE_DENIED',
  advice: 'a file is where a folder should be, or the reverse; move it out of the data folder',
}
const isFailing: Meaning = {
  code: 'STORAGE_IO',
  advice: 'the disk failed; check it before going on',
}

const meanings: { readonly [errno: string]: Meaning } = {
  ENOENT: isMissing,
  ENOSPC: isFull,
  EDQUOT: isFull,
  EFBIG: isFull,
  EACCES: isDenied,
  EPERM: isDenied,
  EROFS: isDenied,
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
