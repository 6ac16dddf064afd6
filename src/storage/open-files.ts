/**
 * The budget of open files: which of the files that are in use above are open now. Files are opened when they are
 * needed, and when there are more than the budget allows the one that was not used for longest is closed.
 *
 * - A file with a call under way is never closed under it. Calls that take time wait in a line, so that there is always
 *   a file that can be closed for a call that cannot wait.
 * - A file that was written to is not closed before it was synced: the kernel may forget that writing back failed once
 *   nobody has the file open. When half of the files are such, the oldest are synced ahead of time; when all are, one
 *   is synced on the spot.
 * - Spare files are held open for nothing and let go when the process has no others left: sockets may take what the
 *   budget does not, but not these. So a stop, a roll or a checkpoint finds a file.
 *
 * "Longest" is by second chance: a file that was used since it was last looked at goes to the end of the line.
 */
import { StorageError } from '../core/errors.ts'
import { Fifo } from '../core/fifo.ts'

/** A file of the budget, while it is open. */
export interface OpenFile {
  /** Set by each use. */
  wasUsed: boolean
  /** No call is under way, and it can be opened again by its name. */
  readonly isIdle: boolean
  /** Nobody calls it any more, though calls may wait for their turn. */
  readonly isClosed: boolean
  /** Closes it until it is needed. */
  release(): void
  sync(): Promise<void>
  /** As `sync`, blocking. A failure is told to whoever syncs the file next. */
  settle(): void
}

export interface OpenFilesOptions {
  /** Files open at a time, the spare ones included. */
  readonly max: number
  /** Takes a file of the process's for nothing. */
  readonly hold: () => { release(): void }
  /** The process has no file left, though the budget has: something else took them. */
  readonly onShortage: () => void
}

const sparesMax = 8
const syncsAheadMax = 4

export class OpenFiles {
  readonly #options: OpenFilesOptions
  readonly #filesMax: number
  readonly #callsMax: number
  readonly #sparesMax: number
  /** Open, and written to by nobody since the last sync; by their last look, oldest first. */
  readonly #clean = new Set<OpenFile>()
  /** Open, and written to since; oldest first. */
  readonly #written = new Set<OpenFile>()
  readonly #waiting = new Fifo<() => void>()
  readonly #spares: { release(): void }[] = []
  /** Calls that have found no file. */
  #starved: (() => void)[] = []
  #calls = 0
  /** Files and folders that calls under way use. */
  #pinned = 0
  #folders = 0
  #syncsAhead = 0
  /** Told when no more than half of the files are written to and not synced. */
  #writable: { readonly promise: Promise<void>; resolve(): void } | undefined
  #hasSpares = false
  /** What is closed now makes room for another file, not for a spare one. */
  #isMakingRoom = false

  constructor(options: OpenFilesOptions) {
    this.#options = options
    this.#sparesMax = Math.min(sparesMax, Math.floor(options.max / 4))
    this.#filesMax = options.max - this.#sparesMax
    this.#callsMax = Math.max(1, Math.floor((this.#filesMax * 3) / 4))
  }

  /** Files open now, the spare ones included. */
  get count(): number {
    return this.#clean.size + this.#written.size + this.#folders + this.#spares.length
  }

  /** Begins a call that takes time; undefined when it may go on at once. `leave` ends it. */
  enter(): Promise<void> | undefined {
    if (this.#calls < this.#callsMax) {
      this.#calls++
      return undefined
    }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Whoever has waited longest goes on. */
  leave(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#calls--
    const starved = this.#starved
    this.#starved = []
    for (const goOn of starved) goOn()
    if (this.#writable) this.#syncAhead()
  }

  /**
   * A call that takes time is about to use a file, which `unpin` ends; false when it must wait: others have taken all
   * files that are left, and of those that are here one stays free for a call that cannot wait.
   */
  pin(): boolean {
    const isShort = this.#hasSpares && this.#spares.length < this.#sparesMax
    if (isShort && this.#pinned > 0 && this.#pinned + 2 > this.count) return false
    this.#pinned++
    return true
  }

  unpin(): void {
    this.#pinned--
  }

  /** `act`, which needs a file of the process's; where there is none, it waits for a call under way to give one back. */
  async patiently<T>(act: () => T | Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await act()
      } catch (error) {
        // Those that wait here give nothing back.
        if (!isShortage(error) || this.#calls - this.#starved.length <= 1) throw error
        await new Promise<void>((resolve) => this.#starved.push(resolve))
      }
    }
  }

  /** Opens a file by `open` and counts it as `file`, closing others where that makes room. */
  add<T>(file: OpenFile, open: () => T): T {
    const opened = this.withRoom(open)
    this.#clean.add(file)
    return opened
  }

  /** The file is closed. */
  closed(file: OpenFile): void {
    this.#clean.delete(file)
    this.#written.delete(file)
    if (!this.#isMakingRoom) this.#stockUp()
  }

  written(file: OpenFile): void {
    this.#clean.delete(file)
    this.#written.add(file)
    this.#syncAhead()
  }

  synced(file: OpenFile): void {
    if (this.#written.delete(file)) this.#clean.add(file)
  }

  /** Undefined while a file can be written to without syncing another on the spot; else resolves when it can. */
  whenWritable(): Promise<void> | undefined {
    const busy = this.#written.size + this.#pinned
    if (this.#isHalfUnwritten || busy * 4 < this.#filesMax * 3) return undefined
    if (!this.#writable) {
      let resolve = () => {}
      const promise = new Promise<void>((done) => {
        resolve = done
      })
      this.#writable = { promise, resolve }
    }
    const { promise } = this.#writable
    this.#syncAhead()
    return promise
  }

  /** Does what needs a file of the process's, which it may keep. Makes room for it first. */
  withRoom<T>(act: () => T): T {
    while (this.#clean.size + this.#written.size + this.#folders >= this.#filesMax)
      if (!this.#closeOne()) break
    for (;;) {
      try {
        return act()
      } catch (error) {
        if (!isShortage(error) || !this.#relieve()) throw error
      }
    }
  }

  /** As `withRoom`, for what gives the file back before it returns. */
  briefly<T>(act: () => T): T {
    try {
      return this.withRoom(act)
    } finally {
      this.#stockUp()
    }
  }

  /** As `briefly`, for what has a file open until it resolves, and opens it before it returns. */
  async whileOpen<T>(act: () => Promise<T>): Promise<T> {
    const wait = this.enter()
    if (wait) await wait
    try {
      return await this.patiently(() => this.#whileOpen(act))
    } finally {
      this.leave()
    }
  }

  async #whileOpen<T>(act: () => Promise<T>): Promise<T> {
    if (!this.pin()) throw noneFree()
    this.#folders++
    try {
      // What is let go of here is there for what is opened next.
      this.withRoom(this.#options.hold).release()
      return await act()
    } finally {
      this.#folders--
      this.unpin()
      this.#stockUp()
    }
  }

  /** The process has no file left: gives one back, if there is one to give. */
  #relieve(): boolean {
    this.#options.onShortage()
    return this.#closeOne() || this.#spendSpare()
  }

  /** Takes the spare files, as far as they are to be had. */
  #stockUp(): void {
    if (!this.#hasSpares) return
    try {
      while (this.#spares.length < this.#sparesMax) this.#spares.push(this.#options.hold())
    } catch {
      // Those that are missing are taken when a file is given back.
    }
  }

  /** From here on there are spare files. */
  begin(): void {
    this.#hasSpares = true
    this.#stockUp()
  }

  /** Lets go of the spare files, for good. */
  end(): void {
    this.#hasSpares = false
    while (this.#spendSpare());
  }

  #spendSpare(): boolean {
    const spare = this.#spares.pop()
    spare?.release()
    return spare !== undefined
  }

  /** Closes the file that was not used for longest; false when none can be closed. */
  #closeOne(): boolean {
    this.#isMakingRoom = true
    try {
      return this.#closeOldest()
    } finally {
      this.#isMakingRoom = false
    }
  }

  #closeOldest(): boolean {
    // Each is looked at twice at most: the second time, it has not been used since the first.
    let looks = this.#clean.size * 2
    for (const file of this.#clean) {
      if (looks-- === 0) break
      if (file.isIdle && !file.wasUsed) {
        file.release()
        return true
      }
      file.wasUsed = false
      this.#clean.delete(file)
      this.#clean.add(file)
    }
    for (const file of this.#written) {
      if (!file.isIdle) continue
      file.settle()
      file.release()
      return true
    }
    return false
  }

  get #isHalfUnwritten(): boolean {
    return this.#written.size * 2 <= this.#filesMax
  }

  #syncAhead(): void {
    if (!this.#isHalfUnwritten) this.#syncOldest()
    // Where nothing is under way, nothing would tell them later.
    if (!this.#isHalfUnwritten && this.#calls > 0) return
    this.#writable?.resolve()
    this.#writable = undefined
  }

  #syncOldest(): void {
    for (const file of this.#written) {
      if (this.#syncsAhead >= syncsAheadMax || this.#isHalfUnwritten) return
      if (!file.isIdle || file.isClosed) continue
      this.#syncsAhead++
      file
        .sync()
        .catch(() => undefined)
        .finally(() => {
          this.#syncsAhead--
          this.#syncAhead()
        })
    }
  }
}

export function noneFree(): StorageError {
  return new StorageError('The process has reached its limit on open files, and all are in use', {
    code: 'STORAGE_TOO_MANY_FILES',
  })
}

function isShortage(error: unknown): boolean {
  return error instanceof StorageError && error.code === 'STORAGE_TOO_MANY_FILES'
}
