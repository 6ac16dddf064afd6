/**
 * What keeps a full disk from being a dead end: room that is kept for what frees space.
 *
 * - `diskReserve`: with less space free than that, clients' writes are refused; what the broker writes for itself (commits
 *   of offsets, deletions, checkpoints, compaction) may use it.
 * - The reserve file, `.reserve` in the data folder: others fill the disk too, and a quota does not show in what the
 *   system calls free. When a write of the broker finds no space, the file is removed, and the write is done in its
 *   place (`files`). Appends and compaction never take it (`spared`).
 *
 *            free < diskReserve                a write found no space
 *     room ──────────────────────▶ low ─────────────────────────────▶ full      (read-only: from anywhere)
 *      ▲                            │                                  │
 *      └── room again, and it is tried: the reserve file is there or was made anew
 *
 * While the file is gone, only what frees space, and the broker's own metadata, is written. A shortage is logged once when
 * it begins and once when it is over, however many writes it refuses.
 */
import { StorageError } from '../../core/errors.ts'
import type { Runtime, Timer } from '../../core/runtime.ts'
import type { FileSystem } from '../../storage/file-system.ts'
import { ReserveBackedFileSystem } from './reserve-backed-file-system.ts'

export const reserveFile = '.reserve'
const newReserveFile = '.reserve.new'
const fileBytesMax = 1024 * 1024
const defaultBytes = 64 * 1024 * 1024
/** How old what is known of free space may be, and how often a shortage is looked at anew. */
const lookMs = 1000

export type Shortage = 'low' | 'full' | 'readOnly'

/** How the disk stands. */
export interface DiskCondition {
  /** Undefined where the system does not tell. */
  readonly freeBytes: number | undefined
  readonly totalBytes: number | undefined
  /** `diskReserve`: with less free, clients' writes are refused. */
  readonly keptFreeBytes: number
  /** Why writes are refused, or will be; undefined: they are not. */
  readonly shortage: Shortage | undefined
}

export interface DiskReserveOptions {
  readonly fileSystem: FileSystem
  readonly runtime: Runtime
  /** `diskReserve`; undefined: its default. */
  readonly bytes: number | undefined
}

export class DiskReserve {
  /** For everything that is not an append or a compaction. */
  readonly files: FileSystem
  readonly #disk: FileSystem
  readonly #runtime: Runtime
  readonly #keptFree: number
  readonly #fileBytes: number
  #hasFile = false
  #shortage: Shortage | undefined
  #isServing = false
  #isSparing = false
  #isClosed = false
  #untilLook = 0
  #lookedAtMs = Number.NEGATIVE_INFINITY
  #provenNotMs = Number.NEGATIVE_INFINITY
  #timer: Timer | undefined

  constructor({ fileSystem, runtime, bytes }: DiskReserveOptions) {
    const space = fileSystem.space()
    this.#disk = fileSystem
    this.#runtime = runtime
    const tenth = Math.floor((space?.totalBytes ?? Number.POSITIVE_INFINITY) / 10)
    this.#keptFree = bytes ?? Math.min(defaultBytes, tenth)
    // Of a small reserve a part, so that it leaves room for itself.
    const part = this.#keptFree === 0 ? fileBytesMax : Math.ceil(this.#keptFree / 4)
    this.#fileBytes = Math.min(fileBytesMax, part)
    // Where nothing can fill up there is nothing to keep.
    this.files = space ? new ReserveBackedFileSystem(fileSystem, this) : fileSystem
  }

  /** Looked at anew, also while nobody writes. Undefined where there is no disk that could fill up. */
  condition(): DiskCondition | undefined {
    const space = this.#disk.space()
    if (!space) return undefined
    const keptFreeBytes = this.#keptFree
    const isLow = keptFreeBytes > 0 && (space.freeBytes ?? keptFreeBytes) < keptFreeBytes
    return { ...space, keptFreeBytes, shortage: this.#shortage ?? (isLow ? 'low' : undefined) }
  }

  /** Makes the reserve file where it is missing and there is room. Whoever calls has the folder. */
  open(): void {
    if (this.files === this.#disk) return
    // It is never synced: a loss of power may leave the name and not the room.
    this.#hasFile = this.#disk.stat(reserveFile)?.size === this.#fileBytes
    if (!this.#hasFile && this.#disk.stat(reserveFile)) this.#disk.remove(reserveFile)
    this.#disk.remove(newReserveFile)
    if (!this.#hasFile && !this.#isRoom(2 * this.#fileBytes + this.#keptFree)) this.#enter('full')
    else if (!this.#hasFile && !this.#proveRoom()) this.#enter('full')
  }

  /** From now on appends are spared the reserve: what the start must write is written. */
  startServing(): void {
    this.#isServing = true
  }

  /** Whether there is less space than is kept free, or none. */
  get isShort(): boolean {
    return this.#shortage !== undefined
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
  }

  /** Throws `StorageError`, nothing having been written, when an append of so many bytes must not be done. */
  admit(bytes: number, isOfClient: boolean): void {
    if (this.files === this.#disk) return
    if (isOfClient && this.#shortage) this.lookAgain()
    if (isOfClient) this.#keepLooking(bytes)
    if (!this.#shortage || !this.#isServing) return
    const isOnlyForClients =
      this.#shortage === 'low' || (this.#shortage === 'full' && this.#hasFile)
    if (isOfClient || !isOnlyForClients) throw this.#refusal(this.#shortage)
  }

  /** Runs a write that must not take the reserve file. */
  spared<T>(write: () => T): T {
    this.#isSparing = this.#isServing
    try {
      return write()
    } finally {
      this.#isSparing = false
    }
  }

  /** Whether the reserve file was there to be given up for a write that has found no space. */
  giveUp(): boolean {
    if (!this.#hasFile || this.#isSparing) return false
    try {
      this.#disk.remove(reserveFile)
    } catch {
      return false
    }
    this.#hasFile = false
    return true
  }

  /** A write has failed. */
  noticed(error: unknown): void {
    if (!isShortage(error)) return
    this.#enter(error.code === 'STORAGE_READ_ONLY' ? 'readOnly' : 'full')
  }

  /** Space may have been freed. */
  lookAgain(): void {
    if (!this.#shortage || this.#isClosed) return
    const free = this.#disk.space()?.freeBytes
    // An eighth more than what is kept, so that it does not go back and forth.
    const needed = Math.max((this.#keptFree * 9) / 8, (this.#hasFile ? 1 : 2) * this.#fileBytes)
    if (free !== undefined && free < needed) return
    if (this.#shortage !== 'low' && !this.#mayProveRoom()) return
    this.#shortage = undefined
    this.#timer?.cancel()
    this.#runtime.logger.info(
      { folder: this.#disk.description, freeBytes: free },
      'the disk has space again; client writes are accepted again',
    )
  }

  #keepLooking(bytes: number): void {
    this.#untilLook -= bytes
    const now = this.#runtime.monotonicNow()
    if (this.#untilLook > 0 && now - this.#lookedAtMs < lookMs) return
    this.#lookedAtMs = now
    const free = this.#disk.space()?.freeBytes ?? Number.POSITIVE_INFINITY
    // Others write too.
    this.#untilLook = (free - this.#keptFree) / 2
    if (this.#keptFree > 0 && free - bytes < this.#keptFree) this.#enter('low', free)
  }

  #isRoom(bytes: number): boolean {
    return (this.#disk.space()?.freeBytes ?? Number.POSITIVE_INFINITY) >= bytes
  }

  /**
   * Writes as much as the reserve file holds, besides that file, and makes it where it is gone. More than was given up must
   * fit, or a quota that is used up would look like room.
   */
  #proveRoom(): boolean {
    try {
      this.#disk.remove(newReserveFile)
      const file = this.#disk.open(newReserveFile, { create: true })
      try {
        fill(file, (this.#hasFile ? 1 : 2) * this.#fileBytes)
        if (!this.#hasFile) file.truncate(this.#fileBytes)
      } finally {
        file.close()
      }
      if (this.#hasFile) this.#disk.remove(newReserveFile)
      else this.#disk.rename(newReserveFile, reserveFile)
      this.#hasFile = true
      return true
    } catch (error) {
      this.#removeNew()
      if (isShortage(error)) return false
      throw error
    }
  }

  /** What has failed is not tried for every write that is refused. */
  #mayProveRoom(): boolean {
    const now = this.#runtime.monotonicNow()
    if (now - this.#provenNotMs < lookMs) return false
    const isThere = this.#proveRoom()
    if (!isThere) this.#provenNotMs = now
    return isThere
  }

  #removeNew(): void {
    try {
      this.#disk.remove(newReserveFile)
    } catch {
      // The disk is read-only; then it does not exist.
    }
  }

  #enter(shortage: Shortage, freeBytes = this.#disk.space()?.freeBytes): void {
    if (this.#shortage && rank[shortage] <= rank[this.#shortage]) return
    const { logger } = this.#runtime
    const fields = { folder: this.#disk.description, freeBytes, diskReserve: this.#keptFree }
    logger[shortage === 'low' ? 'warn' : 'error'](fields, meanings[shortage])
    this.#shortage = shortage
    this.#lookAgainLater()
  }

  #lookAgainLater(): void {
    this.#timer?.cancel()
    if (this.#isClosed) return
    const look = () => {
      try {
        this.lookAgain()
      } catch (error) {
        this.#runtime.logger.error({ err: error }, 'the reserve file could not be created')
      }
      if (this.#shortage && !this.#isClosed) this.#lookAgainLater()
    }
    this.#timer = this.#runtime.setTimer(lookMs, look, { background: true })
  }

  #refusal(shortage: Shortage): StorageError {
    const code = shortage === 'readOnly' ? 'STORAGE_READ_ONLY' : 'STORAGE_FULL'
    return new StorageError(meanings[shortage], { code, retriable: true })
  }
}

const rank = { low: 1, full: 2, readOnly: 3 } as const

const advice =
  'Delete topics or records, lower retention.ms or retention.bytes of large topics, or free space in another way'
const meanings: { readonly [shortage in Shortage]: string } = {
  low: `The disk has less free space than diskReserve: client writes are refused, while reads, commits and deletions continue. ${advice}`,
  full: `The disk is full: writes are refused, while reads and deletions continue. ${advice}`,
  readOnly:
    'The disk is read-only: writes are refused, while reads continue. Find the reason in the system log (a failing disk is remounted read-only), mount it for writing, and restart the broker',
}

/** Whether this is the state of the disk, which is logged once, and no fault of one file. */
export function isShortage(error: unknown): error is StorageError {
  return (
    error instanceof StorageError &&
    (error.code === 'STORAGE_FULL' || error.code === 'STORAGE_READ_ONLY')
  )
}

/** The level at which a failure is logged: what a shortage brings with it is not said for each that it meets. */
export function levelOf(error: unknown, level: 'warn' | 'error'): 'debug' | 'warn' | 'error' {
  const isOfShortage =
    isShortage(error) || (error instanceof StorageError && isShortage(error.cause))
  return isOfShortage ? 'debug' : level
}

/** With bytes that no file system can leave out or make smaller. */
function fill(file: { write(bytes: Uint8Array, position: number): void }, byteCount: number): void {
  const words = new Uint32Array(Math.ceil(Math.min(byteCount, 65_536) / 4))
  let word = 0x9e3779b9
  for (let i = 0; i < words.length; i++) {
    word ^= word << 13
    word ^= word >>> 17
    word ^= word << 5
    words[i] = word
  }
  const bytes = new Uint8Array(words.buffer)
  for (let at = 0; at < byteCount; at += bytes.length)
    file.write(bytes.subarray(0, Math.min(bytes.length, byteCount - at)), at)
}
