/**
 * A file that is open below only while it is needed. To those who use it, it is open from the first to the last: also
 * when its name is taken away, for then it is kept open.
 */
import { StorageError } from '../core/errors.ts'
import type { File } from './file-system.ts'
import { noneFree, type OpenFile, type OpenFiles } from './open-files.ts'

export interface LimitedFileParts {
  readonly openFiles: OpenFiles
  /** Opens it below; creates nothing. */
  readonly open: (path: string) => File
  /** It is closed for good. */
  readonly onClosed: (file: LimitedFile) => void
}

export class LimitedFile implements File, OpenFile {
  readonly path: string
  /** Where it is now; a folder that is renamed takes it along. */
  currentPath: string
  wasUsed = true
  readonly #parts: LimitedFileParts
  /** Undefined while it is not open below. */
  #file: File | undefined
  /** While it is not open below. */
  #size = 0
  /** Calls that have begun below. */
  #running = 0
  /** Calls that have not ended, those that wait for their turn included. */
  #pending = 0
  #isClosed = false
  /** Its name is gone, or leads to another file. */
  #isNameless = false
  #isWritten = false
  /** All that was there at the last sync is on stable storage. */
  #hasSynced = false
  #syncing: Promise<void> | undefined
  #syncError: unknown

  constructor(path: string, parts: LimitedFileParts) {
    this.path = path
    this.currentPath = path
    this.#parts = parts
  }

  /** Opens it for the first time, by `open`, which may create it. */
  openBy(open: () => File): void {
    this.#file = this.#parts.openFiles.add(this, open)
  }

  get size(): number {
    return this.#file ? this.#file.size : this.#size
  }

  get isIdle(): boolean {
    return this.#running === 0 && !this.#isNameless
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  write(bytes: Uint8Array, position: number): void {
    this.#toWrite().write(bytes, position)
  }

  truncate(size: number): void {
    this.#toWrite().truncate(size)
  }

  async read(position: number, length: number): Promise<Uint8Array> {
    this.#checkOpen()
    this.wasUsed = true
    const { openFiles } = this.#parts
    this.#pending++
    const wait = openFiles.enter()
    try {
      if (wait) await wait
      const file = this.#begunAtOnce() ?? (await openFiles.patiently(() => this.#begun()))
      try {
        return await file.read(position, length)
      } finally {
        this.#finished()
      }
    } finally {
      openFiles.leave()
      this.#ended()
    }
  }

  readSync(position: number, length: number): Uint8Array {
    this.#checkOpen()
    this.wasUsed = true
    return this.#opened().readSync(position, length)
  }

  /**
   * One at a time: the kernel tells of a failed write once, so of two the one that hears nothing would say that all is well.
   * Nothing to do when nothing was written since the last.
   */
  async sync(): Promise<void> {
    this.#checkOpen()
    this.#pending++
    try {
      while (this.#syncing) await this.#syncing.catch(() => undefined)
      this.#checkSyncs()
      if (this.#hasSynced && !this.#isWritten) return
      this.#syncing = this.#syncBelow()
      try {
        await this.#syncing
      } finally {
        this.#syncing = undefined
      }
    } finally {
      this.#ended()
    }
  }

  syncNow(): void {
    this.#checkOpen()
    this.settle()
    this.#checkSyncs()
  }

  settle(): void {
    if (this.#syncError !== undefined) return
    if (this.#hasSynced && !this.#isWritten) return
    const file = this.#opened()
    this.#beginSync()
    try {
      file.syncNow()
      this.#hasSynced = true
    } catch (error) {
      this.#syncError = error
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#pending === 0) this.#closeForGood()
  }

  /** Closes it below until it is needed. */
  release(): void {
    const file = this.#file
    if (!file) return
    this.#size = file.size
    this.#file = undefined
    file.close()
    this.#parts.openFiles.closed(this)
  }

  /** Its name is about to be taken away: from now on it is kept open. */
  beginNameless(): void {
    // When it cannot be opened it is gone, which its users are told.
    try {
      this.#opened()
    } catch {}
    this.#isNameless = true
  }

  /** Its name was not taken away after all. */
  endNameless(): void {
    this.#isNameless = false
  }

  async #syncBelow(): Promise<void> {
    const { openFiles } = this.#parts
    const wait = openFiles.enter()
    try {
      if (wait) await wait
      const file = this.#begunAtOnce() ?? (await openFiles.patiently(() => this.#begun()))
      try {
        // While this waited for its turn, others may have made room by syncing the file on the spot.
        this.#checkSyncs()
        this.#beginSync()
        await this.#noted(file.sync())
      } finally {
        this.#finished()
      }
    } finally {
      openFiles.leave()
    }
  }

  async #noted(sync: Promise<void>): Promise<void> {
    try {
      await sync
      this.#hasSynced = true
    } catch (error) {
      this.#syncError = error
      throw error
    }
  }

  /** What is written from here on needs another sync. */
  #beginSync(): void {
    this.#isWritten = false
    this.#parts.openFiles.synced(this)
  }

  #toWrite(): File {
    this.#checkOpen()
    this.wasUsed = true
    const file = this.#file ?? this.#opened()
    if (!this.#isWritten) {
      this.#isWritten = true
      this.#parts.openFiles.written(this)
    }
    return file
  }

  /** Open, and not to be closed before the call has ended. */
  #begun(): File {
    const { openFiles } = this.#parts
    if (this.#running === 0 && !openFiles.pin()) throw noneFree()
    this.#running++
    try {
      return this.#opened()
    } catch (error) {
      this.#finished()
      throw error
    }
  }

  /** As `#begun`; undefined when it is not open or has to wait. */
  #begunAtOnce(): File | undefined {
    if (!this.#file || (this.#running === 0 && !this.#parts.openFiles.pin())) return undefined
    this.#running++
    return this.#file
  }

  #finished(): void {
    if (--this.#running === 0) this.#parts.openFiles.unpin()
  }

  #opened(): File {
    if (this.#file) return this.#file
    const { openFiles, open } = this.#parts
    if (this.#isNameless)
      throw new StorageError(`${this.path} is gone`, { code: 'STORAGE_NOT_FOUND' })
    this.#file = openFiles.add(this, () => open(this.currentPath))
    return this.#file
  }

  #ended(): void {
    this.#pending--
    if (this.#isClosed && this.#pending === 0) this.#closeForGood()
  }

  #closeForGood(): void {
    this.release()
    this.#parts.onClosed(this)
  }

  /** A sync that failed is never tried again: the kernel may have dropped what it was to write. */
  #checkSyncs(): void {
    if (this.#syncError === undefined) return
    this.#beginSync()
    throw this.#syncError
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new StorageError(`${this.path} is closed`, { code: 'STORAGE_CLOSED' })
  }
}
