/**
 * A file system whose writes are done, on a full disk, in the place of the reserve file. What fails is told to the
 * reserve, too.
 */
import { StorageError } from '../../core/errors.ts'
import type { File, FileSystem, Lock, Space } from '../../storage/file-system.ts'

export interface Reserve {
  /** Whether the reserve file was there to be given up. */
  giveUp(): boolean
  noticed(error: unknown): void
}

export class ReserveBackedFileSystem implements FileSystem {
  readonly description: string
  readonly #disk: FileSystem
  readonly #reserve: Reserve

  constructor(disk: FileSystem, reserve: Reserve) {
    this.description = disk.description
    this.#disk = disk
    this.#reserve = reserve
  }

  open(path: string, options?: { create?: boolean }): File {
    return new ReserveBackedFile(
      this.#attempt(() => this.#disk.open(path, options)),
      (write) => this.#attempt(write),
      (error) => this.#reserve.noticed(error),
    )
  }

  stat(path: string): { size: number; isDirectory: boolean; modifiedMs: number } | undefined {
    return this.#disk.stat(path)
  }

  list(path: string): string[] {
    return this.#disk.list(path)
  }

  makeDirectory(path: string): void {
    this.#attempt(() => this.#disk.makeDirectory(path))
  }

  rename(from: string, to: string): void {
    this.#attempt(() => this.#disk.rename(from, to))
  }

  remove(path: string): void {
    // Where nothing is overwritten, a removal takes space too.
    this.#attempt(() => this.#disk.remove(path))
  }

  discard(path: string): void {
    this.#attempt(() => (this.#disk.discard ? this.#disk.discard(path) : this.#disk.remove(path)))
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#disk.syncDirectory(path)
  }

  space(): Space | undefined {
    return this.#disk.space()
  }

  lock(): Lock {
    return this.#disk.lock()
  }

  #attempt<T>(write: () => T): T {
    try {
      return write()
    } catch (error) {
      const isFull = error instanceof StorageError && error.code === 'STORAGE_FULL'
      try {
        if (isFull && this.#reserve.giveUp()) return write()
      } finally {
        this.#reserve.noticed(error)
      }
      throw error
    }
  }
}

class ReserveBackedFile implements File {
  readonly path: string
  readonly #file: File
  readonly #attempt: (write: () => void) => void
  readonly #noticed: (error: unknown) => void

  constructor(file: File, attempt: (write: () => void) => void, noticed: (error: unknown) => void) {
    this.path = file.path
    this.#file = file
    this.#attempt = attempt
    this.#noticed = noticed
  }

  get size(): number {
    return this.#file.size
  }

  write(bytes: Uint8Array, position: number): void {
    this.#attempt(() => this.#file.write(bytes, position))
  }

  read(position: number, length: number): Promise<Uint8Array> {
    return this.#file.read(position, length)
  }

  readSync(position: number, length: number): Uint8Array {
    return this.#file.readSync(position, length)
  }

  truncate(size: number): void {
    this.#attempt(() => this.#file.truncate(size))
  }

  /** Never tried again: what failed to be synced may be gone. */
  async sync(): Promise<void> {
    try {
      await this.#file.sync()
    } catch (error) {
      this.#noticed(error)
      throw error
    }
  }

  syncNow(): void {
    try {
      this.#file.syncNow()
    } catch (error) {
      this.#noticed(error)
      throw error
    }
  }

  close(): void {
    this.#file.close()
  }
}
