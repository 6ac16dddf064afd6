/** Files that were written and are not on stable storage yet: many small ones are synced together. */
import type { File, FileSystem } from '../storage/file-system.ts'
import { folderOf } from './backup-paths.ts'

const writtenAtOnce = 256 * 1024
/** So that the kernel never has much to write, which would hold up everything that writes. */
const syncedAtOnce = 8 * 1024 * 1024
const filesMax = 32

/** Writes at the end of a file by the piece, and syncs it now and then. */
export class PacedWriter {
  readonly #file: File
  #unsynced = 0

  constructor(file: File) {
    this.#file = file
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length; at += writtenAtOnce)
      this.#file.write(chunk.subarray(at, at + writtenAtOnce), this.#file.size)
    this.#unsynced += chunk.length
    if (this.#unsynced < syncedAtOnce) return
    this.#unsynced = 0
    await this.#file.sync()
  }
}

export class PendingSyncs {
  readonly #fileSystem: FileSystem
  #written: File[] = []
  /** Folders that files were made, renamed or removed in. */
  readonly #folders = new Set<string>()

  constructor(fileSystem: FileSystem) {
    this.#fileSystem = fileSystem
  }

  /** Makes a file of what comes; it is durable after `all`. Whatever fails, no file stays open. */
  async write(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    this.makeFolderOf(path)
    this.#fileSystem.remove(path)
    const file = this.#fileSystem.open(path, { create: true })
    this.changed(path)
    const writer = new PacedWriter(file)
    try {
      for await (const chunk of chunks) await writer.write(chunk)
    } catch (error) {
      file.close()
      throw error
    }
    this.#written.push(file)
    if (this.#written.length >= filesMax) await this.#sync()
  }

  makeFolderOf(path: string): void {
    const folder = folderOf(path)
    if (folder === '' || this.#fileSystem.stat(folder)) return
    this.#fileSystem.makeDirectory(folder)
    this.#folders.add('')
  }

  /** A name in a folder was made, changed or taken away. */
  changed(path: string): void {
    this.#folders.add(folderOf(path))
  }

  /** All of it is on stable storage when it resolves. */
  async all(): Promise<void> {
    await this.#sync()
    const folders = [...this.#folders]
    this.#folders.clear()
    for (const folder of folders)
      if (folder === '' || this.#fileSystem.stat(folder))
        await this.#fileSystem.syncDirectory(folder)
  }

  /** Lets go of files that need not be stored. */
  close(): void {
    for (const file of this.#written) file.close()
    this.#written = []
  }

  async #sync(): Promise<void> {
    const files = this.#written
    this.#written = []
    try {
      for (const result of await Promise.allSettled(files.map((file) => file.sync())))
        if (result.status === 'rejected') throw result.reason
    } finally {
      for (const file of files) file.close()
    }
  }
}
