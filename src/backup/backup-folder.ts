/**
 * A folder that a backup is kept in: laid out as the data folder, with `manifest.json` beside. The next backup brings only
 * what has changed.
 *
 *   1. what is new is written as PATH~ID, with the id of the backup that it is of, and synced
 *   2. manifest.json is replaced: from here on the folder is the new backup, whatever happens
 *   3. each PATH~ID takes the name PATH, and what does not belong to the backup any more is removed
 *
 * Cut short before 2 it is the backup before, and what has its name from another id is nobody's. Cut short after 2 the files
 * of the manifest are PATH~ID where that is there, else PATH; the next backup begins with 3.
 */
import { createHash } from 'node:crypto'
import { concatBytes, encodeUtf8 } from '../core/bytes.ts'
import {
  ConfigError,
  CorruptDataError,
  DataFolderLockedError,
  StorageError,
} from '../core/errors.ts'
import type { FileSystem, Lock } from '../storage/file-system.ts'
import { readWhole } from '../storage/read-whole.ts'
import { isBackupPath, isPartitionFolder, markPath, withId, withoutId } from './backup-paths.ts'
import type { BackupMark } from './backup-stream.ts'
import {
  backupFormat,
  decodeManifest,
  encodeManifest,
  type Manifest,
  type ManifestFile,
  manifestBytesMax,
  manifestPath,
  newer,
} from './manifest.ts'
import { PendingSyncs } from './pending-syncs.ts'
import { type TarEntry, TarReader } from './tar-reader.ts'

/** What is left free of a disk that a backup goes to, bytes: it may be that of the data folder. */
const leftFreeBytes = 64 * 1024 * 1024

/** Progress of a backup. */
export interface BackupProgress {
  /** Bytes copied so far, and in total. */
  readonly bytes: number
  readonly bytesInAll: number
}

export interface WriteOptions {
  /** Also into the folder of another cluster's backup, which is gone then. Default false. */
  readonly force?: boolean | undefined
  /** Whether what comes is held against the manifest as it is written: it came over a network. Default true. */
  readonly verifies?: boolean
  readonly onProgress?: ((progress: BackupProgress) => void) | undefined
}

/** Result of a backup. */
export interface BackupResult {
  readonly clusterId: string
  /** The time of the snapshot, ISO 8601. */
  readonly takenAt: string
  readonly partitions: number
  /** All that it holds. */
  readonly files: number
  readonly bytes: number
  /** What the previous backup did not contain. */
  readonly copiedFiles: number
  readonly copiedBytes: number
  /** Damage in the data folder, which is in the backup as it is. */
  readonly warnings: readonly string[]
}

interface Received {
  readonly size: number
  /** Undefined where it was not asked for. */
  readonly sha256: string | undefined
}

export class BackupFolder {
  readonly #fileSystem: FileSystem
  readonly #lock: Lock
  #previous: Manifest | undefined

  private constructor(fileSystem: FileSystem, lock: Lock) {
    this.#fileSystem = fileSystem
    this.#lock = lock
  }

  /**
   * Takes the folder, which is new, empty, or a backup's. What an earlier backup has left undone is done. Throws `ConfigError`
   * for another folder, `DataFolderLockedError` when it is in use, `CorruptDataError`, and `StorageError`.
   */
  static async open(fileSystem: FileSystem): Promise<BackupFolder> {
    checkKind(fileSystem)
    const folder = new BackupFolder(fileSystem, lockFolder(fileSystem))
    try {
      checkKind(fileSystem)
      folder.#previous = readManifest(fileSystem)
      await folder.#finish()
      return folder
    } catch (error) {
      folder.close()
      throw explained(error, fileSystem.description)
    }
  }

  /** The manifest of what is there, for whoever makes the next backup; undefined: nothing is. */
  previous(): Uint8Array | undefined {
    const manifest = this.#previous
    if (!manifest) return undefined
    const isThere = ({ path, size }: ManifestFile) => this.#fileSystem.stat(path)?.size === size
    return encodeManifest({ ...manifest, files: manifest.files.filter(isThere) })
  }

  /** Makes the folder the backup that comes; when it rejects, it is the one before, whole. */
  async write(
    stream: AsyncIterable<Uint8Array>,
    options: WriteOptions = {},
  ): Promise<BackupResult> {
    const reader = new TarReader(stream)
    const writing = new Writing(this.#fileSystem, this.#previous, options)
    try {
      const { manifest, result } = await writing.receive(reader)
      this.#previous = manifest
      await this.#finish()
      return result
    } catch (error) {
      await reader.close().catch(() => undefined)
      writing.cleanUp()
      throw explained(error, this.#fileSystem.description)
    }
  }

  /** Gives the folder back. Idempotent. */
  close(): void {
    this.#lock.release()
  }

  /** Step 3; of a folder without a manifest, all is removed. */
  async #finish(): Promise<void> {
    const fileSystem = this.#fileSystem
    const manifest = this.#previous
    const pending = new PendingSyncs(fileSystem)
    const wanted = new Set(manifest?.files.map(({ path }) => path))
    const removed = new Set(manifest?.removed)
    const remove = (path: string) => {
      fileSystem.remove(path)
      pending.changed(path)
    }
    for (const name of filesIn(fileSystem)) {
      const { path, id } = withoutId(name)
      if (id !== undefined && id === manifest?.id && wanted.has(path)) {
        fileSystem.rename(name, path)
        pending.changed(path)
      } else if (id !== undefined || removed.has(path)) remove(name)
    }
    await pending.all()
    for (const folder of fileSystem.list('').filter(isPartitionFolder))
      if (fileSystem.list(folder).length === 0) remove(folder)
    await pending.all()
  }
}

class Writing {
  readonly #fileSystem: FileSystem
  readonly #previous: Manifest | undefined
  readonly #options: WriteOptions
  readonly #pending: PendingSyncs
  readonly #received = new Map<string, Received>()
  #id = ''
  #receivedBytes = 0
  #bytesInAll = 0
  #isCommitted = false

  constructor(fileSystem: FileSystem, previous: Manifest | undefined, options: WriteOptions) {
    this.#fileSystem = fileSystem
    this.#previous = previous
    this.#options = options
    this.#pending = new PendingSyncs(fileSystem)
  }

  async receive(reader: TarReader): Promise<{ manifest: Manifest; result: BackupResult }> {
    const { description } = this.#fileSystem
    const mark = await readMark(await reader.next(), description)
    this.#check(mark)
    this.#id = mark.id
    this.#bytesInAll = mark.bytes
    if (!this.#fileSystem.stat(markPath)) await this.#writeMark()
    let manifest: Manifest | undefined
    for (let entry = await reader.next(); entry; entry = await reader.next()) {
      if (entry.path === manifestPath) manifest = await this.#manifest(entry)
      else await this.#file(entry)
    }
    if (!manifest) throw cutShort('it has no manifest')
    this.#checkWhole(manifest)
    await this.#pending.all()
    return { manifest: await this.#commit(manifest), result: this.#result(manifest) }
  }

  /** What has come goes: the folder stays the backup that it was. */
  cleanUp(): void {
    this.#pending.close()
    if (this.#isCommitted) return
    try {
      for (const path of [...this.#received.keys(), manifestPath])
        this.#fileSystem.remove(withId(path, this.#id))
    } catch {
      // The next backup removes it.
    }
  }

  #check({ clusterId, bytes }: BackupMark): void {
    const { description } = this.#fileSystem
    const before = this.#previous?.clusterId
    if (before !== undefined && before !== clusterId && !this.#options.force)
      throw new ConfigError(
        `${description} is a backup of the cluster ${before}; this would be one of ${clusterId}. Choose another folder, or use 'force' (--force) to replace that backup`,
        { code: 'INVALID_CONFIG' },
      )
    const { freeBytes, totalBytes } = this.#fileSystem.space() ?? {}
    const kept = Math.min(leftFreeBytes, (totalBytes ?? Number.POSITIVE_INFINITY) / 10)
    if (freeBytes !== undefined && freeBytes < bytes + kept)
      throw new StorageError(
        `There is not enough space for the backup in ${description}: it needs ${bytes} bytes, and ${freeBytes} are free, of which ${Math.floor(kept)} are reserved. Free some space there, or choose another folder`,
        { code: 'STORAGE_FULL' },
      )
  }

  async #writeMark(): Promise<void> {
    await this.#pending.write(markPath, one(encodeUtf8(`{"format":${backupFormat}}\n`)))
    await this.#pending.all()
  }

  async #file(entry: TarEntry): Promise<void> {
    const { path, size, kind } = entry
    if (kind !== 'file' || !isBackupPath(path)) throw cutShort(`it holds '${path}'`)
    const hash = this.#options.verifies === false ? undefined : createHash('sha256')
    this.#received.set(path, { size, sha256: undefined })
    await this.#pending.write(withId(path, this.#id), this.#counted(entry, hash))
    this.#received.set(path, { size, sha256: hash?.digest('hex') })
  }

  async *#counted(
    entry: TarEntry,
    hash: { update(bytes: Uint8Array): unknown } | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of entry.chunks()) {
      hash?.update(chunk)
      yield chunk
      this.#receivedBytes += chunk.length
      this.#options.onProgress?.({
        bytes: Math.min(this.#receivedBytes, this.#bytesInAll),
        bytesInAll: this.#bytesInAll,
      })
    }
  }

  async #manifest(entry: TarEntry): Promise<Manifest> {
    const bytes = await contentOf(entry, manifestBytesMax)
    const manifest = decodeManifest(bytes, `for ${this.#fileSystem.description}`)
    if (manifest.id !== this.#id) throw cutShort('its manifest is of another backup')
    return manifest
  }

  /** Each file of the manifest is there: it has come, or it was there before. */
  #checkWhole({ files }: Manifest): void {
    const before = new Map(this.#previous?.files.map((file) => [file.path, file]))
    for (const { path, size, sha256 } of files) {
      const received = this.#received.get(path)
      const known = before.get(path)
      const isThere = received
        ? received.size === size && (received.sha256 ?? sha256) === sha256
        : known?.sha256 === sha256 && known.size === size
      if (!isThere) throw cutShort(`${path} does not match the manifest`)
    }
    const wanted = new Set(files.map(({ path }) => path))
    for (const path of this.#received.keys())
      if (!wanted.has(path)) throw cutShort(`${path} is not in the manifest`)
  }

  /** Step 2. */
  async #commit(manifest: Manifest): Promise<Manifest> {
    const wanted = new Set(manifest.files.map(({ path }) => path))
    const before = [
      ...(this.#previous?.files.map(({ path }) => path) ?? []),
      ...(this.#previous?.removed ?? []),
    ]
    const removed = [...new Set(before)].filter((path) => !wanted.has(path))
    const committed = { ...manifest, removed }
    const temporary = withId(manifestPath, this.#id)
    await this.#pending.write(temporary, one(encodeManifest(committed)))
    await this.#pending.all()
    this.#fileSystem.rename(temporary, manifestPath)
    this.#isCommitted = true
    await this.#fileSystem.syncDirectory('')
    return committed
  }

  #result({ clusterId, takenAt, partitions, files, warnings }: Manifest): BackupResult {
    const copied = [...this.#received.values()]
    const bytesOf = (list: readonly { size: number }[]) => list.reduce((sum, f) => sum + f.size, 0)
    return {
      ...{ clusterId, takenAt, partitions: partitions.length },
      ...{ files: files.length, bytes: bytesOf(files) },
      ...{ copiedFiles: copied.length, copiedBytes: bytesOf(copied), warnings },
    }
  }
}

/** Undefined: there is none. Throws `CorruptDataError`. */
export function readManifest(fileSystem: FileSystem): Manifest | undefined {
  const bytes = readWhole(fileSystem, manifestPath)
  return bytes && decodeManifest(bytes, fileSystem.description)
}

/** All files of a backup's folder but those about it; what waits for its name has that of its backup with it. */
export function filesIn(fileSystem: FileSystem): string[] {
  const own = (name: string) => name === markPath || name === manifestPath || /^\.lock/.test(name)
  return fileSystem.list('').flatMap((name) => {
    if (!fileSystem.stat(name)?.isDirectory) return own(name) ? [] : [name]
    return fileSystem.list(name).map((file) => `${name}/${file}`)
  })
}

/** The first entry of a stream. Throws `CorruptDataError` for what is no backup, or one of a newer format. */
export async function readMark(entry: TarEntry | undefined, where: string): Promise<BackupMark> {
  if (entry?.path !== markPath) throw cutShort('it does not begin as one')
  const mark = JSON.parse(new TextDecoder().decode(await contentOf(entry, 65_536))) as BackupMark
  if (mark.format > backupFormat) throw newer(where, mark)
  return mark
}

/** All of a small entry. */
export async function contentOf(entry: TarEntry, bytesMax: number): Promise<Uint8Array> {
  if (entry.size > bytesMax) throw cutShort(`${entry.path} has ${entry.size} bytes`)
  const parts: Uint8Array[] = []
  for await (const chunk of entry.chunks()) parts.push(chunk)
  return concatBytes(parts)
}

/** Throws `ConfigError` for a folder with something else in it. */
function checkKind(fileSystem: FileSystem): void {
  const names = fileSystem.list('').filter((name) => !/^\.lock/.test(name))
  if (names.length === 0 || names.includes(markPath)) return
  const what = names.includes('meta.properties')
    ? 'is a data folder'
    : `is not empty, and no backup is in it (${names.slice(0, 3).join(', ')})`
  throw new ConfigError(`${fileSystem.description} ${what}. Choose another folder for the backup`, {
    code: 'INVALID_CONFIG',
  })
}

function lockFolder(fileSystem: FileSystem): Lock {
  try {
    return fileSystem.lock()
  } catch (error) {
    if (!(error instanceof DataFolderLockedError)) throw explained(error, fileSystem.description)
    throw new DataFolderLockedError(
      `Another backup is being written to ${fileSystem.description}: wait until it is done, or choose another folder`,
      { code: error.code, cause: error },
    )
  }
}

/** What a full disk means here. */
function explained(error: unknown, folder: string): unknown {
  if (!(error instanceof StorageError) || error.code !== 'STORAGE_FULL') return error
  if (/backup/.test(error.message)) return error
  return new StorageError(
    `The disk of ${folder} is full, so the backup was stopped; an earlier backup there is intact. Free some space there`,
    { code: 'STORAGE_FULL', cause: error },
  )
}

function cutShort(how: string): CorruptDataError {
  return new CorruptDataError(`The data received is not a complete backup: ${how}`, {
    code: 'CORRUPT_MESSAGE',
  })
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes
}
