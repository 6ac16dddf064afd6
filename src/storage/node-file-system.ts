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
    guarded('', 'create', () => mkdirSync(this.description, { recursive: true }))
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
        written += writeSync(
          this.#descriptor,
          bytes,
          written,
          bytes.length - written,
          position + written,
        )
        this.#size = Math.max(this.#size, position + written)
      }
    })
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    this.#checkOpen()
    const wanted = Math.max(0, Math.min(length, this.#size - position))
    const bytes = Buffer.allocUnsafeSlow(wanted)
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
    const bytes = Buffer.allocUnsafeSlow(wanted)
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
    if (this.#inFlight === 0) closeSync(this.#descriptor)
  }

  #finished(): void {
    if (--this.#inFlight === 0 && this.#isClosed) closeSync(this.#descriptor)
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

const codes: { readonly [errno: string]: StorageErrorCode } = {
  ENOENT: 'STORAGE_NOT_FOUND',
  ENOSPC: 'STORAGE_FULL',
  EDQUOT: 'STORAGE_FULL',
  EFBIG: 'STORAGE_FULL',
  EACCES: 'STORAGE_DENIED',
  EPERM: 'STORAGE_DENIED',
  EROFS: 'STORAGE_DENIED',
}

const advice: { readonly [code in StorageErrorCode]: string } = {
  STORAGE_NOT_FOUND: 'it is not there',
  STORAGE_FULL:
    'the disk is full; free space or lower retention.ms or retention.bytes of large topics',
  STORAGE_IO: 'the disk failed; check it before going on',
  STORAGE_DENIED: 'permission is missing; check the owner and mode of the data folder',
  STORAGE_CLOSED: 'it is closed',
}

function storageError(path: string, action: string, cause: unknown): StorageError {
  if (cause instanceof StorageError) return cause
  const errno = (cause as NodeJS.ErrnoException).code ?? ''
  const code = codes[errno] ?? 'STORAGE_IO'
  return new StorageError(
    `Cannot ${action} '${path}': ${advice[code]} (${errno || String(cause)})`,
    { code, cause },
  )
}
