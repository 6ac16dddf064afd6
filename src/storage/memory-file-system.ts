/** Files in memory, for `memory:` and tests: everything is as durable as it will ever be at once, so syncs cost nothing. */
import { allocateBytes } from '../core/bytes.ts'
import { DataFolderLockedError, StorageError } from '../core/errors.ts'
import type { File, FileSystem, Lock } from './file-system.ts'

const chunkBytes = 256 * 1024
const firstBytes = 1024

export function createMemoryFileSystem(): FileSystem {
  return new MemoryFileSystem()
}

class MemoryFileSystem implements FileSystem {
  readonly description = 'memory:'
  readonly #files = new Map<string, Content>()
  readonly #folders = new Set<string>([''])
  #isLocked = false

  open(path: string, options: { create?: boolean } = {}): File {
    if (this.#folders.has(path)) throw inTheWay('open', path)
    let content = this.#files.get(path)
    if (!content) {
      if (!options.create || !this.#folders.has(parentOf(path))) throw notFound(path)
      content = new Content()
      this.#files.set(path, content)
    }
    return new MemoryFile(path, content)
  }

  stat(path: string): { size: number; isDirectory: boolean; modifiedMs: number } | undefined {
    const content = this.#files.get(path)
    if (content) return { size: content.size, isDirectory: false, modifiedMs: 0 }
    return this.#folders.has(path) ? { size: 0, isDirectory: true, modifiedMs: 0 } : undefined
  }

  list(path: string): string[] {
    const names: string[] = []
    for (const other of [...this.#files.keys(), ...this.#folders]) {
      if (other !== '' && parentOf(other) === path)
        names.push(other.slice(path === '' ? 0 : path.length + 1))
    }
    return names.sort()
  }

  makeDirectory(path: string): void {
    for (let folder = path; folder !== ''; folder = parentOf(folder)) {
      if (this.#files.has(folder)) throw inTheWay('create', path)
    }
    for (let folder = path; folder !== ''; folder = parentOf(folder)) this.#folders.add(folder)
  }

  rename(from: string, to: string): void {
    const content = this.#files.get(from)
    if (!this.#folders.has(parentOf(to))) throw notFound(to)
    if (content) {
      if (this.#folders.has(to)) throw inTheWay('rename', from)
      this.#files.delete(from)
      this.#files.set(to, content)
      return
    }
    if (!this.#folders.has(from)) throw notFound(from)
    if (this.#files.has(to) || this.list(to).length > 0) throw inTheWay('rename', from)
    for (const [path, moved] of [...this.#files]) {
      if (!isInside(path, from)) continue
      this.#files.delete(path)
      this.#files.set(to + path.slice(from.length), moved)
    }
    for (const folder of [...this.#folders]) {
      if (folder !== from && !isInside(folder, from)) continue
      this.#folders.delete(folder)
      this.#folders.add(to + folder.slice(from.length))
    }
  }

  remove(path: string): void {
    this.#files.delete(path)
    for (const other of [...this.#files.keys()])
      if (isInside(other, path)) this.#files.delete(other)
    for (const folder of [...this.#folders]) {
      if (folder !== '' && (folder === path || isInside(folder, path))) this.#folders.delete(folder)
    }
  }

  async syncDirectory(path: string): Promise<void> {
    if (!this.#folders.has(path)) throw notFound(path)
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

  read(position: number, length: number): Uint8Array {
    const bytes = allocateBytes(Math.max(0, Math.min(length, this.size - position)))
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
    return this.readSync(position, length)
  }

  readSync(position: number, length: number): Uint8Array {
    this.#checkOpen()
    return this.#content.read(position, length)
  }

  truncate(size: number): void {
    this.#checkOpen()
    this.#content.truncate(size)
  }

  async sync(): Promise<void> {
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

function isInside(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`)
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
  return new StorageError(`Cannot open '${path}': it is not there`, { code: 'STORAGE_NOT_FOUND' })
}
