/**
 * Group commit: what of a log is on stable storage, and who waits for more. One sync is under way at a time, and everyone
 * who asks meanwhile shares the next. A sync that fails takes the log offline for good.
 *
 *   whenSynced ──▶ waiters ──▶ sync (files, what stands beside them, the folder) ──▶ syncedTo rises, waiters resolve
 */
import type { Observations } from '../../core/metrics.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { File, FileSystem } from '../../storage/file-system.ts'
import type { LogCondition } from './log-condition.ts'

export interface GroupCommitOptions {
  readonly fileSystem: FileSystem
  readonly runtime: Pick<Runtime, 'monotonicNow'>
  /** How long syncs take. */
  readonly syncs: Observations
  readonly folder: string
  readonly condition: LogCondition
  /** Everything below is on stable storage already. */
  readonly syncedTo: bigint
  /** What else has to be on stable storage with what a sync covers; undefined: nothing. */
  readonly alongside: () => Promise<void> | undefined
  /** Where the log ends now. */
  readonly endOffset: () => bigint
  /** A sync is done; `syncedTo` may have risen. Called after those who waited for it were told. */
  readonly onSynced: (offset: bigint) => void
}

interface Waiter {
  readonly offset: bigint
  resolve(): void
  reject(error: unknown): void
}

export class GroupCommit {
  readonly #options: GroupCommitOptions
  #syncedTo: bigint
  #unsynced = new Set<File>()
  /** Indexes and snapshots that were written and are closed once they are synced. */
  #besides: File[] = []
  #needsFolderSync = false
  #waiters: Waiter[] = []
  #syncing: Promise<void> | undefined

  constructor(options: GroupCommitOptions) {
    this.#options = options
    this.#syncedTo = options.syncedTo
  }

  /** How far the log is on stable storage. */
  get syncedTo(): bigint {
    return this.#syncedTo
  }

  /** The file was written to: the next sync covers it. */
  written(file: File): void {
    this.#unsynced.add(file)
  }

  /** The file is removed: nobody needs it on stable storage. */
  forget(file: File): void {
    this.#unsynced.delete(file)
  }

  /** Files that were written as a whole beside a segment; the next sync covers them, then closes them. */
  writtenBeside(files: readonly File[]): void {
    this.#besides.push(...files)
  }

  /** A file was created in the folder: the next sync covers the folder. */
  folderChanged(): void {
    this.#needsFolderSync = true
  }

  /** Resolves when everything below `offset` is on stable storage. Rejects when the log goes offline. */
  whenSynced(offset: bigint): Promise<void> {
    const { offline } = this.#options.condition
    if (offline) return Promise.reject(offline)
    return offset <= this.#syncedTo ? Promise.resolve() : this.#nextSync(offset)
  }

  /** Resolves when everything that was written so far is on stable storage, also what stands beside the segments. */
  async syncAll(): Promise<void> {
    const besides = [...this.#besides]
    // A sync that is under way may have begun before they were there.
    do await this.#nextSync(this.#options.endOffset())
    while (besides.some((file) => this.#besides.includes(file)))
  }

  /** As `syncAll`, for the last time: what is written while it waits, by `writeLast`, is covered. */
  async finish(writeLast: () => void): Promise<void> {
    await this.whenSynced(this.#options.endOffset())
    await this.#syncing
    writeLast()
    const { fileSystem, folder } = this.#options
    const files = [...this.#unsynced, ...this.#besides]
    await Promise.all(files.map((file) => file.sync()))
    if (files.length > 0 || this.#needsFolderSync) await fileSystem.syncDirectory(folder)
    this.#closeBesides(this.#besides)
  }

  /** Nothing is synced from here on, and nobody waits any longer. */
  fail(error: unknown): void {
    this.#closeBesides(this.#besides)
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter.reject(error)
  }

  #nextSync(offset: bigint): Promise<void> {
    const error = this.#options.condition.error()
    if (error) return Promise.reject(error)
    return new Promise((resolve, reject) => {
      this.#waiters.push({ offset, resolve, reject })
      this.#syncing ??= this.#syncUntilDone()
    })
  }

  async #syncUntilDone(): Promise<void> {
    const { condition, endOffset, runtime, syncs } = this.#options
    // Everyone who asks in this turn shares the first sync.
    await Promise.resolve()
    while (this.#waiters.length > 0 && !condition.offline) {
      const target = endOffset()
      const startedAt = runtime.monotonicNow()
      try {
        await this.#sync()
      } catch (error) {
        if (condition.isClosed) return
        condition.goOffline(error)
        break
      }
      syncs.observe(runtime.monotonicNow() - startedAt)
      this.#synced(target)
    }
    this.#syncing = undefined
  }

  async #sync(): Promise<void> {
    const { fileSystem, folder } = this.#options
    const besides = [...this.#besides]
    const files = [...this.#unsynced, ...besides]
    const syncsFolder = this.#needsFolderSync
    this.#unsynced.clear()
    this.#needsFolderSync = false
    await Promise.all([...files.map((file) => file.sync()), this.#options.alongside()])
    if (syncsFolder) await fileSystem.syncDirectory(folder)
    this.#closeBesides(besides)
  }

  #synced(offset: bigint): void {
    if (offset > this.#syncedTo) this.#syncedTo = offset
    const done = this.#waiters.filter((waiter) => waiter.offset <= offset)
    this.#waiters = this.#waiters.filter((waiter) => waiter.offset > offset)
    for (const waiter of done) waiter.resolve()
    this.#options.onSynced(offset)
  }

  #closeBesides(files: readonly File[]): void {
    for (const file of files) file.close()
    this.#besides = this.#besides.filter((file) => !files.includes(file))
  }
}
