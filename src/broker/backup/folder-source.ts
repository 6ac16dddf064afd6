/**
 * A backup of a data folder that no broker has open, as it was left: nothing is changed, and nothing recovered. After a crash
 * that is what the next start would find, and a start of what is restored does what that would have done.
 */
import { isPartitionFile, rootFiles } from '../../backup/backup-paths.ts'
import type { BackupSource, SourceFile, SourcePart } from '../../backup/backup-source.ts'
import type { CheckedLog } from '../../backup/batch-check.ts'
import type { ManifestPartition } from '../../backup/manifest.ts'
import { ConfigError } from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { FileSystem } from '../../storage/file-system.ts'
import { readOffsetCheckpoint } from '../log/checkpoint-file.ts'
import { readMeta } from '../log/folder-meta.ts'
import { logStarts } from '../log/log-starts.ts'
import { cleanMarker, logFolders, recoveryPoints } from '../log/log-store.ts'
import { segmentName } from '../log/segment.ts'
import { damageText } from './damage-text.ts'
import { fileAt } from './source-files.ts'

/** The caller has the folder, and gives it back. Throws `ConfigError` for what is no data folder, `CorruptDataError`. */
export function folderSource(files: FileSystem, runtime: Runtime): BackupSource {
  const clusterId = readMeta(files)
  if (clusterId === undefined)
    throw new ConfigError(`${files.description} is not a data folder: it has no meta.properties`, {
      code: 'INVALID_CONFIG',
    })
  const points = readOffsetCheckpoint(files, recoveryPoints)
  const starts = readOffsetCheckpoint(files, logStarts)
  const isClean = files.stat(cleanMarker) !== undefined
  return {
    clusterId,
    takenAtMs: runtime.now(),
    parts: logFolders(files).map(
      (folder) =>
        new FolderPart(files, folder, {
          isClean,
          recoveryPoint: points?.get(folder) ?? 0n,
          startOffset: starts?.get(folder) ?? 0n,
        }),
    ),
    rest: () =>
      rootFiles.filter((name) => files.stat(name)).map((name) => fileAt(files, name, () => name)),
    warnings: () =>
      [
        { name: recoveryPoints, read: points },
        { name: logStarts, read: starts },
      ]
        .filter(({ name, read }) => !read && files.stat(name))
        .map(({ name }) => `${name} is damaged`),
    check: () => undefined,
    pause: () => undefined,
    end: () => undefined,
  }
}

interface Known {
  readonly isClean: boolean
  readonly recoveryPoint: bigint
  readonly startOffset: bigint
}

class FolderPart implements SourcePart {
  readonly folder: string
  readonly #files: FileSystem
  readonly #known: Known
  readonly #bases: readonly bigint[]

  constructor(files: FileSystem, folder: string, known: Known) {
    this.folder = folder
    this.#files = files
    this.#known = known
    this.#bases = files
      .list(folder)
      .filter((name) => /^\d{20}\.log$/.test(name))
      .map((name) => BigInt(name.slice(0, 20)))
  }

  list(): SourceFile[] {
    return this.#files
      .list(this.folder)
      .filter(isPartitionFile)
      .map((name) => `${this.folder}/${name}`)
      .map((path) => fileAt(this.#files, path, () => path))
  }

  async begin(): Promise<void> {}

  damageOf(path: string, checked: CheckedLog): string | undefined {
    const { isClean, recoveryPoint } = this.#known
    const at = this.#bases.findIndex((base) => path.endsWith(`${segmentName(base)}.log`))
    // What is left of a compaction that was cut off stands beside the segment that it is of.
    if (at < 0) return damageText(checked, undefined)
    const next = this.#bases[at + 1]
    // What comes after the recovery point was perhaps being written when the broker died: the next start cuts it off.
    if (!isClean && checked.end >= recoveryPoint) return undefined
    const stored = recoveryPoint > 0n ? recoveryPoint : undefined
    return damageText(checked, next ?? stored)
  }

  finish(ends: ReadonlyMap<string, bigint>): ManifestPartition {
    const { startOffset } = this.#known
    const [first = 0n] = this.#bases
    const last = this.#bases.at(-1) ?? 0n
    const end = ends.get(`${this.folder}/${segmentName(last)}.log`) ?? last
    const start = startOffset > first ? startOffset : first
    return { folder: this.folder, start: String(start), end: String(end > start ? end : start) }
  }
}
