/**
 * A file system as whoever opens one folder sees it: its names are listed once, and what is not among them is not looked for.
 * Changes of the folder go through it, as long as it is used.
 */
import { StorageError } from '../core/errors.ts'
import type { File, FileSystem, Lock, Space } from './file-system.ts'

export class ListedFolder implements FileSystem {
  readonly description: string
  readonly #inner: FileSystem
  readonly #prefix: string
  readonly #names: Set<string>

  constructor(inner: FileSystem, folder: string) {
    this.description = inner.description
    this.#inner = inner
    this.#prefix = `${folder}/`
    this.#names = new Set(inner.list(folder))
  }

  get isEmpty(): boolean {
    return this.#names.size === 0
  }

  /** Whether a file of this name is in the folder. */
  has(name: string): boolean {
    return this.#names.has(name)
  }

  open(path: string, options?: { create?: boolean }): File {
    if (!options?.create && this.#isMissing(path))
      throw new StorageError(`Cannot open '${path}': it does not exist`, {
        code: 'STORAGE_NOT_FOUND',
      })
    const file = this.#inner.open(path, options)
    this.#note(path)
    return file
  }

  stat(path: string): { size: number; isDirectory: boolean; modifiedMs: number } | undefined {
    return this.#isMissing(path) ? undefined : this.#inner.stat(path)
  }

  list(path: string): string[] {
    return `${path}/` === this.#prefix ? [...this.#names].sort() : this.#inner.list(path)
  }

  makeDirectory(path: string): void {
    this.#inner.makeDirectory(path)
  }

  rename(from: string, to: string): void {
    this.#inner.rename(from, to)
    this.#names.delete(from.slice(this.#prefix.length))
    this.#note(to)
  }

  remove(path: string): void {
    if (this.#isMissing(path)) return
    this.#inner.remove(path)
    this.#names.delete(path.slice(this.#prefix.length))
  }

  discard(path: string): void {
    if (this.#inner.discard) this.#inner.discard(path)
    else this.#inner.remove(path)
    this.#names.delete(path.slice(this.#prefix.length))
  }

  syncDirectory(path: string): Promise<void> {
    return this.#inner.syncDirectory(path)
  }

  space(): Space | undefined {
    return this.#inner.space()
  }

  lock(): Lock {
    return this.#inner.lock()
  }

  #isMissing(path: string): boolean {
    return path.startsWith(this.#prefix) && !this.#names.has(path.slice(this.#prefix.length))
  }

  #note(path: string): void {
    if (path.startsWith(this.#prefix)) this.#names.add(path.slice(this.#prefix.length))
  }
}
