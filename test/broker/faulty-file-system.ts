/** A file system in front of another, whose writes and syncs a test can watch, make fail or hold up. */
import { StorageError } from '../../src/core/errors.ts'
import type {
  File,
  FileSystem,
  Lock,
  Space,
  StorageErrorCode,
} from '../../src/storage/file-system.ts'

export class FaultyFileSystem implements FileSystem {
  readonly description = 'faulty:'
  /** While set, writes and creations fail with this code. */
  failWrites: StorageErrorCode | undefined
  /** While set, syncs fail. */
  failSyncs = false
  syncs = 0
  /** Called after every change to a file or folder. */
  onChange: (() => void) | undefined
  readonly #inner: FileSystem
  #held: (() => void)[] | undefined
  #heldPaths = /./

  constructor(inner: FileSystem) {
    this.#inner = inner
  }

  /** From now on syncs of paths that match do not finish until `releaseSyncs`. */
  holdSyncs(paths = /./): void {
    this.#held ??= []
    this.#heldPaths = paths
  }

  releaseSyncs(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const release of held) release()
  }

  open(path: string, options?: { create?: boolean }): File {
    if (this.failWrites && options?.create && !this.#inner.stat(path)) throw this.refused(path)
    const isNew = !this.#inner.stat(path)
    const file = new FaultyFile(this.#inner.open(path, options), this)
    if (isNew) this.onChange?.()
    return file
  }

  stat(path: string): { size: number; isDirectory: boolean; modifiedMs: number } | undefined {
    return this.#inner.stat(path)
  }

  list(path: string): string[] {
    return this.#inner.list(path)
  }

  makeDirectory(path: string): void {
    if (this.failWrites) throw this.refused(path)
    this.#inner.makeDirectory(path)
    this.onChange?.()
  }

  rename(from: string, to: string): void {
    this.#inner.rename(from, to)
    this.onChange?.()
  }

  remove(path: string): void {
    this.#inner.remove(path)
    this.onChange?.()
  }

  async syncDirectory(path: string): Promise<void> {
    await this.beforeSync(path)
    await this.#inner.syncDirectory(path)
  }

  space(): Space | undefined {
    return this.#inner.space()
  }

  lock(): Lock {
    return this.#inner.lock()
  }

  refused(path: string): StorageError {
    return new StorageError(`Cannot write to '${path}': made to fail`, { code: this.failWrites! })
  }

  async beforeSync(path: string): Promise<void> {
    this.syncs++
    if (this.#held && this.#heldPaths.test(path)) {
      await new Promise<void>((resolve) => this.#held!.push(resolve))
    }
    if (this.failSyncs)
      throw new StorageError(`Cannot sync '${path}': made to fail`, { code: 'STORAGE_IO' })
  }
}

class FaultyFile implements File {
  readonly path: string
  readonly #inner: File
  readonly #owner: FaultyFileSystem

  constructor(inner: File, owner: FaultyFileSystem) {
    this.path = inner.path
    this.#inner = inner
    this.#owner = owner
  }

  get size(): number {
    return this.#inner.size
  }

  write(bytes: Uint8Array, position: number): void {
    if (this.#owner.failWrites) throw this.#owner.refused(this.path)
    this.#inner.write(bytes, position)
    this.#owner.onChange?.()
  }

  read(position: number, length: number): Promise<Uint8Array> {
    return this.#inner.read(position, length)
  }

  readSync(position: number, length: number): Uint8Array {
    return this.#inner.readSync(position, length)
  }

  truncate(size: number): void {
    this.#inner.truncate(size)
    this.#owner.onChange?.()
  }

  async sync(): Promise<void> {
    await this.#owner.beforeSync(this.path)
    await this.#inner.sync()
  }

  syncNow(): void {
    this.#inner.syncNow()
  }

  close(): void {
    this.#inner.close()
  }
}

/** A copy of all files as they are, as a process that dies now would leave them. */
export function copyFiles(from: FileSystem, to: FileSystem, folder = ''): void {
  for (const name of from.list(folder)) {
    const path = folder === '' ? name : `${folder}/${name}`
    const found = from.stat(path)!
    if (found.isDirectory) {
      to.makeDirectory(path)
      copyFiles(from, to, path)
    } else {
      const source = from.open(path)
      const target = to.open(path, { create: true })
      target.write(source.readSync(0, found.size), 0)
      source.close()
      target.close()
    }
  }
}
