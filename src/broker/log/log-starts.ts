/**
 * Where the logs of a data folder begin after records were deleted: `log-start-offset-checkpoint`. A log begins later only
 * once that is saved: what could not be saved stays readable, and is tried again.
 */
import { SharedRun } from '../../core/shared-run.ts'
import type { FileSystem } from '../../storage/file-system.ts'
import { offsetLines, replaceCheckpoint } from './checkpoint-file.ts'
import type { PartitionLog } from './partition-log.ts'

export const logStarts = 'log-start-offset-checkpoint'

export class LogStarts {
  readonly #fileSystem: FileSystem
  /** The logs that are open, by folder. */
  readonly #logs: ReadonlyMap<string, PartitionLog>
  readonly #saved: Map<string, bigint>
  /** What the next save brings. */
  #wanted = new Map<PartitionLog, bigint>()
  readonly #saves = new SharedRun()

  constructor(
    fileSystem: FileSystem,
    saved: Map<string, bigint>,
    logs: ReadonlyMap<string, PartitionLog>,
  ) {
    this.#fileSystem = fileSystem
    this.#saved = saved
    this.#logs = logs
  }

  of(folder: string): bigint {
    return this.#saved.get(folder) ?? 0n
  }

  folders(): Iterable<string> {
    return this.#saved.keys()
  }

  /** Resolves when the log begins at `offset` or later, durably. Throws OFFSET_OUT_OF_RANGE, `StorageError`. */
  async raise(log: PartitionLog, offset: bigint): Promise<void> {
    log.checkMayBeginAt(offset)
    if (offset <= log.logStartOffset) return
    const wanted = this.#wanted.get(log)
    if (wanted === undefined || offset > wanted) this.#wanted.set(log, offset)
    await this.save()
    log.raiseLogStart(offset)
  }

  /** The logs of these folders are gone: later ones of the same names begin at 0. Durable after `save`. */
  forget(folders: readonly string[]): void {
    for (const folder of folders) this.#saved.delete(folder)
  }

  /** One at a time, for two would write the same temporary file; everyone who comes meanwhile shares the next. */
  save(): Promise<void> {
    return this.#saves.next(() => this.#write())
  }

  async #write(): Promise<void> {
    const wanted = this.#wanted
    this.#wanted = new Map()
    for (const [folder, { logStartOffset }] of this.#logs)
      if (logStartOffset > this.of(folder)) this.#saved.set(folder, logStartOffset)
    const starts = new Map(this.#saved)
    for (const [log, offset] of wanted) if (this.#isOpen(log)) starts.set(log.folder, offset)
    await replaceCheckpoint(this.#fileSystem, logStarts, offsetLines(starts))
    for (const [log, offset] of wanted) if (this.#isOpen(log)) this.#saved.set(log.folder, offset)
  }

  #isOpen(log: PartitionLog): boolean {
    return this.#logs.get(log.folder) === log
  }
}
