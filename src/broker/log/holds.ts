/**
 * What backups keep from being removed. A hold is on logs, as they are when it is taken: until it lets go of a log, none of
 * that log's files is removed or replaced. Appends, rolls and reads go on; a log begins later all the same (retention,
 * DeleteRecords), and its files go when it is no longer held. The folder of a topic that is deleted is moved aside, so that the
 * deletion waits for nobody:
 *
 *   orders-0 ──▶ orders-0.7.deleted ──▶ removed when the last hold lets go, or by the next start
 *
 * Space comes first: once the disk is short, what is kept for backups only is removed, and their holds are broken.
 */
import { type KafkaError, StorageError } from '../../core/errors.ts'
import type { Logger } from '../../core/runtime.ts'
import type { FileSystem } from '../../storage/file-system.ts'
import type { PartitionLog } from './partition-log.ts'

/** One backup's. */
export interface Hold {
  /** Why what was held may be gone; undefined: all of it is there. */
  readonly broken: KafkaError | undefined
  /** Where the files of a held log are. */
  folderOf(log: PartitionLog): string
  /** Lets go of a log. */
  release(log: PartitionLog): void
  /** Lets go of all. Idempotent. */
  end(): void
}

export interface HoldsOptions {
  readonly files: FileSystem
  readonly logger: Logger
  /** Whether the disk is short of space. */
  readonly isShort: () => boolean
}

const asideShape = /-\d+\.\d+\.deleted$/

/** Removes what an earlier process had moved aside. */
export function removeAside(files: FileSystem, logger: Logger): void {
  for (const name of files.list('')) {
    if (!asideShape.test(name)) continue
    try {
      files.remove(name)
    } catch (error) {
      logger.warn(
        { err: error, folder: name },
        'the files of a deleted topic could not be removed yet',
      )
    }
  }
}

export class Holds {
  readonly #options: HoldsOptions
  readonly #holds = new Set<LogsHeld>()
  /** The folders of deleted logs that are still held. */
  readonly #aside = new Map<PartitionLog, string>()
  #moved = 0

  constructor(options: HoldsOptions) {
    this.#options = options
  }

  take(logs: Iterable<PartitionLog>): Hold {
    const hold = new LogsHeld(new Set(logs), {
      folderOf: (log) => this.#aside.get(log) ?? log.folder,
      onRelease: (log) => this.#removeAside(log),
      onEnd: () => this.#holds.delete(hold),
    })
    this.#holds.add(hold)
    return hold
  }

  isHeld(log: PartitionLog): boolean {
    for (const hold of this.#holds) if (hold.has(log)) return true
    return false
  }

  /** Whether files of the log may be removed now. There is something to remove: on a disk that is short it is. */
  mayRemove(log: PartitionLog): boolean {
    if (!this.isHeld(log)) return true
    if (!this.#options.isShort()) return false
    this.#breakForSpace()
    return true
  }

  /** The log is gone, and its folder with it. Throws `StorageError`. */
  removeFolder(log: PartitionLog | undefined, folder: string): void {
    const { files } = this.#options
    if (!log || this.mayRemove(log)) return files.remove(folder)
    const aside = `${folder}.${++this.#moved}.deleted`
    files.rename(folder, aside)
    this.#aside.set(log, aside)
  }

  /** What is kept only for backups goes when the disk has become short. */
  freeIfShort(): void {
    if (this.#aside.size > 0 && this.#options.isShort()) this.#breakForSpace()
  }

  /** All backups are over. */
  breakAll(error: KafkaError): void {
    for (const hold of [...this.#holds]) hold.break(error)
  }

  #breakForSpace(): void {
    this.#options.logger.error(
      { backups: this.#holds.size },
      'the disk is short of space: files kept for a backup are removed, and the backup fails',
    )
    this.breakAll(
      new StorageError(
        'The backup was stopped: the disk of the data folder is short of space, and files it still needed had to be removed. Free space there, then start again',
        { code: 'STORAGE_FULL' },
      ),
    )
  }

  #removeAside(log: PartitionLog): void {
    const aside = this.#aside.get(log)
    if (aside === undefined || this.isHeld(log)) return
    this.#aside.delete(log)
    try {
      this.#options.files.remove(aside)
    } catch (error) {
      const what = 'the files of a deleted topic will be removed at the next start'
      this.#options.logger.warn({ err: error, folder: aside }, what)
    }
  }
}

interface LogsHeldOptions {
  readonly folderOf: (log: PartitionLog) => string
  readonly onRelease: (log: PartitionLog) => void
  readonly onEnd: () => void
}

class LogsHeld implements Hold {
  readonly #logs: Set<PartitionLog>
  readonly #options: LogsHeldOptions
  #broken: KafkaError | undefined

  constructor(logs: Set<PartitionLog>, options: LogsHeldOptions) {
    this.#logs = logs
    this.#options = options
  }

  get broken(): KafkaError | undefined {
    return this.#broken
  }

  has(log: PartitionLog): boolean {
    return this.#logs.has(log)
  }

  folderOf(log: PartitionLog): string {
    return this.#options.folderOf(log)
  }

  release(log: PartitionLog): void {
    if (this.#logs.delete(log)) this.#options.onRelease(log)
  }

  break(error: KafkaError): void {
    this.#broken = error
    this.end()
  }

  end(): void {
    this.#options.onEnd()
    for (const log of [...this.#logs]) this.release(log)
  }
}
