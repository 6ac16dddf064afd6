/** Files in memory, for `memory:` and tests: everything is as durable as it will ever be at once, so syncs cost nothing. */
import { allocateBytes } from '../core/bytes.ts'
import { DataFolderLockedError, StorageError } from '../core/errors.ts'
import type { File, FileSystem, Lock, Space } from './file-system.ts'
import { readBuffers } from './read-buffers.ts'

const chunkBytes = 256 * 1024
const firstBytes = 1024

export function createMemoryFileSystem(): FileSystem {
  return new MemoryFileSystem()
}

/** A tree, so that looking into one folder costs the same however many there are. */
class Folder {
  readonly entries = new Map<string, Folder | Content>()
}

class MemoryFileSystem implements FileSystem {
  readonly description = 'memory:'
  readonly #root = new Folder()
  #isLocked = false

  open(path: string, options: { create?: boolean } = {}): File {
    const found = this.#find(path)
    if (found instanceof Folder) throw inTheWay('open', path)
    if (found) return new MemoryFile(path, found)
    const parent = this.#find(parentOf(path))
    if (!options.create || !(parent instanceof Folder)) throw notFound(path)
    const content = new Content()
    parent.entries.set(nameOf(path), content)
    return new MemoryFile(path, content)
  }

  stat(path: string): { size: number; isDirectory: boolean; modifiedMs: number } | undefined {
    const found = this.#find(path)
    if (!found) return undefined
    const isDirectory = found instanceof Folder
    return { size: isDirectory ? 0 : found.size, isDirectory, modifiedMs: 0 }
  }

  list(path: string): string[] {
    const found = this.#find(path)
    return found instanceof Folder ? [...found.entries.keys()].sort() : []
  }

  makeDirectory(path: string): void {
    let folder = this.#root
    for (const name of partsOf(path)) {
      const found = folder.entries.get(name)
      if (found instanceof Content) throw inTheWay('create', path)
      const next = found ?? new Folder()
      folder.entries.set(name, next)
      folder = next
    }
  }

  rename(from: string, to: string): void {
    const moved = this.#find(from)
    const parent = this.#find(parentOf(to))
    if (!(parent instanceof Folder)) throw notFound(to)
    if (!moved) throw notFound(from)
    const there = this.#find(to)
    const isReplaced =
      moved instanceof Folder
        ? there === undefined || (there instanceof Folder && there.entries.size === 0)
        : !(there instanceof Folder)
    if (!isReplaced) throw inTheWay('rename', from)
    this.#folderOf(from)?.entries.delete(nameOf(from))
    parent.entries.set(nameOf(to), moved)
  }

  remove(path: string): void {
    if (path !== '') this.#folderOf(path)?.entries.delete(nameOf(path))
  }

  #find(path: string): Folder | Content | undefined {
    let found: Folder | Content | undefined = this.#root
    for (const name of partsOf(path)) {
      if (!(found instanceof Folder)) return undefined
      found = found.entries.get(name)
    }
    return found
  }

  #folderOf(path: string): Folder | undefined {
    const found = this.#find(parentOf(path))
    return found instanceof Folder ? found : undefined
  }

  async syncDirectory(path: string): Promise<void> {
    if (!(this.#find(path) instanceof Folder)) throw notFound(path)
  }

  space(): Space | undefined {
    return undefined
  }

  lock(): Lock {
    if (this.#isLocked) {
      throw new DataFolderLockedError('This memory file system is in use by another broker', {
        code: 'DATA_FOLDER_LOCKED',
      })
    }
    this.#isLocked = true
    let isReleased = false
    return {
      release: () => {
        if (!isReleased) this.#isLocked = false
        isReleased = true
      },
    }
  }
}

/** Bytes in chunks, so that a growing file is never copied; the first one begins small, for most files stay small. */
class Content {
  size = 0
  readonly #chunks: Uint8Array[] = []

  write(bytes: Uint8Array, position: number): void {
    if (position > this.size) this.#fill(position)
    for (let written = 0; written < bytes.length; ) {
      const at = position + written
      const start = at % chunkBytes
      const count = Math.min(bytes.length - written, chunkBytes - start)
      const chunk = this.#chunkFor(Math.floor(at / chunkBytes), start + count)
      chunk.set(bytes.subarray(written, written + count), start)
      written += count
    }
    this.size = Math.max(this.size, position + bytes.length)
  }

  read(position: number, length: number, allocate: (size: number) => Uint8Array): Uint8Array {
    const bytes = allocate(Math.max(0, Math.min(length, this.size - position)))
    for (let filled = 0; filled < bytes.length; ) {
      const at = position + filled
      const start = at % chunkBytes
      const count = Math.min(bytes.length - filled, chunkBytes - start)
      bytes.set(this.#chunks[Math.floor(at / chunkBytes)]!.subarray(start, start + count), filled)
      filled += count
    }
    return bytes
  }

  truncate(size: number): void {
    if (size > this.size) return this.#fill(size)
    this.size = size
    this.#chunks.length = Math.ceil(size / chunkBytes)
  }

  #fill(size: number): void {
    this.write(new Uint8Array(size - this.size), this.size)
  }

  /** Chunk number `index`, with room for at least `bytes` bytes. */
  #chunkFor(index: number, bytes: number): Uint8Array {
    const chunk = this.#chunks[index]
    if (chunk && chunk.length >= bytes) return chunk
    let room = index === 0 ? firstBytes : chunkBytes
    while (room < bytes) room *= 2
    const grown = allocateBytes(room)
    if (chunk) grown.set(chunk)
    this.#chunks[index] = grown
    return grown
  }
}

class MemoryFile implements File {
  readonly path: string
  readonly #content: Content
  #isClosed = false

  constructor(path: string, content: Content) {
    this.path = path
    this.#content = content
  }

  get size(): number {
    return this.#content.size
  }

  write(bytes: Uint8Array, position: number): void {
    this.#checkOpen()
    this.#content.write(bytes, position)
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    this.#checkOpen()
    return this.#content.read(position, length, (size) => readBuffers.take(size))
  }

  readSync(position: number, length: number): Uint8Array {
    this.#checkOpen()
    return this.#content.read(position, length, allocateBytes)
  }

  truncate(size: number): void {
    this.#checkOpen()
    this.#content.truncate(size)
  }

  async sync(): Promise<void> {
    this.#checkOpen()
  }

  syncNow(): void {
    this.#checkOpen()
  }

  close(): void {
    this.#isClosed = true
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new StorageError(`${this.path} is closed`, { code: 'STORAGE_CLOSED' })
  }
}

function parentOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

function partsOf(path: string): string[] {
  return path === '' ? [] : path.split('/')
}

function inTheWay(action: string, path: string): StorageError {
  return new StorageError(
    `Cannot ${action} '${path}': a file is where a folder should be, or the reverse`,
    {
      code: 'STORAGE_DENIED',
    },
  )
}

function notFound(path: string): StorageError {
  return new StorageError(`Cannot open '${path}': it does not exist`, { code: 'STORAGE_NOT_FOUND' })
}
