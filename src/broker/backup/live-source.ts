/**
 * A backup of the logs of a running broker, at the moment of a cut. What is not written to any more is copied as it lies
 * there, as long as the cut's hold lasts; of what is written to, the log alone, up to the cut: the next start makes anew what
 * stands beside it. The checkpoints are made from the cut, with all of it as stored, so that start has little to look at.
 */
import type { BackupSource, SourceFile, SourcePart } from '../../backup/backup-source.ts'
import type { CheckedLog } from '../../backup/batch-check.ts'
import type { ManifestPartition } from '../../backup/manifest.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { FileSystem } from '../../storage/file-system.ts'
import { readWhole } from '../../storage/read-whole.ts'
import { checkpointContent, offsetLines } from '../log/checkpoint-file.ts'
import type { Cut, LogCut } from '../log/cut.ts'
import type { Hold } from '../log/holds.ts'
import { logStarts } from '../log/log-starts.ts'
import { cleanedTo, type LogStore, recoveryPoints } from '../log/log-store.ts'
import { clockLine, retentionClock } from '../log/retention-clock-checkpoint.ts'
import { segmentName } from '../log/segment.ts'
import { Slices } from '../log/slices.ts'
import {
  TransactionIndexChecksums,
  transactionIndexChecksums,
} from '../log/transaction-index-checksums.ts'
import { damageText } from './damage-text.ts'
import { fileAt, madeFile } from './source-files.ts'

/** The logs as they are now. */
export function liveSource(store: LogStore, runtime: Runtime): BackupSource {
  return new LiveSource(store, store.cut(), runtime)
}

class LiveSource implements BackupSource {
  readonly clusterId: string
  readonly takenAtMs: number
  readonly parts: readonly LivePart[]
  readonly #store: LogStore
  readonly #cut: Cut
  readonly #slices: Slices

  constructor(store: LogStore, cut: Cut, runtime: Runtime) {
    this.clusterId = store.clusterId
    this.takenAtMs = runtime.now()
    this.#store = store
    this.#cut = cut
    this.#slices = new Slices(runtime)
    this.parts = cut.logs.map((log) => new LivePart(store.files, log, cut.hold))
  }

  rest(): SourceFile[] {
    const offsetsOf = (name: string, of: (part: LivePart) => bigint) => {
      const offsets = this.parts.map((part) => [part.folder, of(part)] as const)
      const lines = offsetLines(new Map(offsets.filter(([, offset]) => offset > 0n)))
      return madeFile(name, checkpointContent(lines))
    }
    const { clock } = this.#cut
    return [
      madeFile('meta.properties', readWhole(this.#store.files, 'meta.properties')!),
      offsetsOf(recoveryPoints, ({ storedTo }) => storedTo),
      offsetsOf(logStarts, ({ cut }) => cut.startOffset),
      offsetsOf(cleanedTo, ({ cut }) => cut.compactedTo),
      ...(clock ? [madeFile(retentionClock, checkpointContent([clockLine(clock)]))] : []),
    ]
  }

  warnings(): string[] {
    return this.parts.flatMap((part) => part.warnings())
  }

  check(): void {
    if (this.#cut.hold.broken) throw this.#cut.hold.broken
  }

  pause(): Promise<void> | undefined {
    return this.#slices.pause()
  }

  end(): void {
    this.#slices.stop()
    this.#cut.hold.end()
  }
}

class LivePart implements SourcePart {
  readonly folder: string
  readonly cut: LogCut
  isOffline = false
  /** Log files that somebody has taken away. */
  readonly #gone: string[] = []
  readonly #files: FileSystem
  readonly #hold: Hold

  constructor(files: FileSystem, cut: LogCut, hold: Hold) {
    this.folder = cut.log.folder
    this.cut = cut
    this.#files = files
    this.#hold = hold
  }

  /** Up to where what is copied was on stable storage. */
  get storedTo(): bigint {
    const { log, endOffset } = this.cut
    return this.isOffline && log.highWatermark < endOffset ? log.highWatermark : endOffset
  }

  list(): SourceFile[] {
    const { segments } = this.cut
    const there = new Set(this.#files.list(this.#hold.folderOf(this.cut.log)))
    const names = segments.flatMap(({ baseOffset }, i) => {
      const stem = segmentName(baseOffset)
      const isWritten = i === segments.length - 1
      const beside = isWritten ? ['snapshot'] : ['index', 'timeindex', 'txnindex', 'snapshot']
      return beside.map((ending) => `${stem}.${ending}`)
    })
    const logs = segments.map(({ baseOffset, sizeInBytes }) => ({
      name: `${segmentName(baseOffset)}.log`,
      sizeInBytes,
    }))
    this.#gone.push(...logs.filter(({ name }) => !there.has(name)).map(({ name }) => name))
    return [
      ...logs
        .filter(({ name }) => there.has(name))
        .map(({ name, sizeInBytes }) => this.#file(name, sizeInBytes)),
      ...[...names, 'leader-epoch-checkpoint']
        .filter((name) => there.has(name))
        .map((name) => this.#file(name)),
      ...(there.has(transactionIndexChecksums) ? this.#checksums() : []),
    ]
  }

  async begin(): Promise<void> {
    const { log, endOffset } = this.cut
    // So that a backup is never ahead of what it is one of. A log whose disk fails is copied as it is.
    if (!log.isClosed) await log.whenSynced(endOffset).catch(() => undefined)
    this.isOffline = log.offline !== undefined
  }

  damageOf(path: string, checked: CheckedLog): string | undefined {
    const at = this.cut.segments.findIndex(({ baseOffset }) =>
      path.endsWith(`${segmentName(baseOffset)}.log`),
    )
    const next = this.cut.segments[at + 1]
    if (!next && this.isOffline) return undefined
    return damageText(checked, next?.baseOffset ?? this.cut.endOffset)
  }

  warnings(): string[] {
    const gone = this.#gone.map((name) => `${this.folder}/${name} is gone`)
    if (!this.isOffline) return gone
    return [
      `${this.folder} is offline because its disk has failed: its end may be missing`,
      ...gone,
    ]
  }

  finish(): ManifestPartition {
    const { startOffset, segments, endOffset, log } = this.cut
    this.#hold.release(log)
    const { baseOffset } = segments[0]!
    const start = startOffset > baseOffset ? startOffset : baseOffset
    return { folder: this.folder, start: String(start), end: String(endOffset) }
  }

  #file(name: string, size?: number): SourceFile {
    const path = () => `${this.#hold.folderOf(this.cut.log)}/${name}`
    return fileAt(this.#files, `${this.folder}/${name}`, path, size)
  }

  /** Without the segments that came since. */
  #checksums(): SourceFile[] {
    const folder = this.#hold.folderOf(this.cut.log)
    const sums = TransactionIndexChecksums.read(this.#files, folder)
    if (!sums) return []
    const content = sums.contentBelow(this.cut.segments.at(-1)!.baseOffset)
    return [madeFile(`${this.folder}/${transactionIndexChecksums}`, content)]
  }
}
