/**
 * Makes a data folder of a backup: takes what comes, holds each file against the manifest and each record batch against its
 * checksum, and says all that is wrong. What was damaged in the data folder that the backup is of is restored as it was, and
 * told; what has been damaged since, is missing, or does not belong to the backup, is an error, and nothing is restored.
 */
import { createHash } from 'node:crypto'
import { concatBytes, encodeUtf8 } from '../core/bytes.ts'
import { ConfigError, CorruptDataError } from '../core/errors.ts'
import type { FileSystem } from '../storage/file-system.ts'
import {
  isBackupPath,
  isLogFile,
  markPath,
  restoredMark,
  withId,
  withoutId,
} from './backup-paths.ts'
import { baseOffsetOf } from './backup-stream.ts'
import { BatchCheck, type CheckedLog } from './batch-check.ts'
import {
  decodeManifest,
  type Manifest,
  type ManifestFile,
  manifestBytesMax,
  manifestPath,
} from './manifest.ts'
import { PendingSyncs } from './pending-syncs.ts'
import type { RestoreEntry } from './restore-sources.ts'

export interface RestoreOptions {
  /** For messages: where the backup is. */
  readonly name: string
  /** An empty folder; undefined: everything is looked at, and nothing written. */
  readonly target: FileSystem | undefined
  readonly onProgress?: ((progress: { readonly bytes: number }) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** What was restored. */
export interface RestoreResult {
  readonly clusterId: string
  /** The moment that the backup shows, ISO 8601. */
  readonly takenAt: string
  readonly partitions: number
  readonly files: number
  readonly bytes: number
  /** What was wrong with the data folder when the backup was made, and is so again. */
  readonly warnings: readonly string[]
}

interface Received {
  readonly size: number
  readonly sha256: string
  /** Of a log file. */
  readonly checked: CheckedLog | undefined
}

/** Of problems, so that a message stays one that can be read. */
const problemsMax = 100

/** Durable when it resolves. Throws `CorruptDataError` that names all that is wrong, `ConfigError`, `StorageError`. */
export async function restore(
  entries: AsyncIterable<RestoreEntry>,
  options: RestoreOptions,
): Promise<RestoreResult> {
  return new Restore(options).run(entries)
}

class Restore {
  readonly #options: RestoreOptions
  readonly #target: FileSystem | undefined
  readonly #pending: PendingSyncs | undefined
  /** By the path in the backup. */
  readonly #received = new Map<string, Received>()
  readonly #strangers: string[] = []
  #bytes = 0
  #isBackup = false

  constructor(options: RestoreOptions) {
    this.#options = options
    this.#target = options.target
    this.#pending = options.target && new PendingSyncs(options.target)
  }

  async run(entries: AsyncIterable<RestoreEntry>): Promise<RestoreResult> {
    try {
      const manifest = await this.#receive(entries)
      const names = this.#find(manifest)
      const warnings = this.#warnings(manifest, names)
      await this.#name(manifest, names)
      const { clusterId, takenAt, partitions, files } = manifest
      return {
        ...{ clusterId, takenAt, partitions: partitions.length, files: files.length },
        ...{ bytes: files.reduce((sum, { size }) => sum + size, 0), warnings },
      }
    } finally {
      this.#pending?.close()
    }
  }

  async #receive(entries: AsyncIterable<RestoreEntry>): Promise<Manifest> {
    let manifest: Manifest | undefined
    for await (const entry of entries) {
      const { path } = entry
      this.#options.signal?.throwIfAborted()
      if (path === manifestPath) manifest = await this.#manifest(entry)
      else if (path === markPath) this.#isBackup = true
      else if (isBackupPath(withoutId(path).path)) await this.#file(entry)
      // Of a backup that was cut short.
      else if (withoutId(path).path !== manifestPath) this.#strangers.push(path)
    }
    if (manifest) return manifest
    const { name } = this.#options
    if (this.#isBackup)
      throw new CorruptDataError(
        `The backup ${name} was never finished: it has no ${manifestPath}. Use another one`,
        { code: 'CORRUPT_MESSAGE' },
      )
    const what = this.#received.has('meta.properties') ? 'It looks like a data folder. ' : ''
    throw new ConfigError(
      `${name} is not a backup: it has no ${manifestPath}. ${what}'kafka-do backup' creates one`,
      { code: 'INVALID_CONFIG' },
    )
  }

  async #manifest(entry: RestoreEntry): Promise<Manifest> {
    const { name } = this.#options
    if (entry.size > manifestBytesMax)
      throw new CorruptDataError(`${manifestPath} of ${name} is too large (${entry.size} bytes)`, {
        code: 'CORRUPT_MESSAGE',
      })
    const parts: Uint8Array[] = []
    for await (const chunk of entry.chunks()) parts.push(chunk)
    return decodeManifest(concatBytes(parts), name)
  }

  async #file(entry: RestoreEntry): Promise<void> {
    const hash = createHash('sha256')
    const { path, size } = entry
    const plain = withoutId(path).path
    const check = isLogFile(plain) ? new BatchCheck(baseOffsetOf(plain), size) : undefined
    const looked = this.#looked(entry, (chunk) => {
      hash.update(chunk)
      check?.push(chunk)
    })
    if (this.#pending) await this.#pending.write(path, looked)
    else for await (const _ of looked);
    this.#received.set(path, { size, sha256: hash.digest('hex'), checked: check?.finish() })
  }

  async *#looked(
    entry: RestoreEntry,
    look: (chunk: Uint8Array) => void,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of entry.chunks()) {
      this.#options.signal?.throwIfAborted()
      look(chunk)
      yield chunk
      this.#bytes += chunk.length
      this.#options.onProgress?.({ bytes: this.#bytes })
    }
  }

  /** Under which name each file of the manifest came. Throws `CorruptDataError`. */
  #find({ id, files, removed }: Manifest): Map<ManifestFile, string> {
    const names = new Map<ManifestFile, string>()
    const problems: string[] = []
    const isOfBackup = new Set<string>()
    for (const file of files) {
      const waiting = withId(file.path, id)
      const name = this.#received.has(waiting) ? waiting : file.path
      isOfBackup.add(file.path).add(waiting)
      const received = this.#received.get(name)
      if (!received) problems.push(`${file.path} is missing`)
      else if (received.size !== file.size)
        problems.push(`${file.path} has ${received.size} bytes instead of ${file.size}`)
      else if (received.sha256 !== file.sha256)
        problems.push(`${file.path} does not match its checksum`)
      names.set(file, name)
    }
    const known = new Set(removed)
    const isNoMatter = (path: string) =>
      isOfBackup.has(path) || known.has(path) || withoutId(path).id !== undefined
    for (const path of [...this.#strangers, ...this.#received.keys()])
      if (!isNoMatter(path)) problems.push(`${path} does not belong to it`)
    if (problems.length === 0) return names
    const shown = problems.slice(0, problemsMax)
    if (problems.length > shown.length) shown.push(`and ${problems.length - shown.length} more`)
    throw new CorruptDataError(
      `The backup ${this.#options.name} is damaged, and nothing was restored: ${shown.join('; ')}. Use another backup, or a copy of this one`,
      { code: 'CORRUPT_MESSAGE' },
    )
  }

  /** Each log is as sound as it was when it was copied. */
  #warnings({ warnings }: Manifest, names: ReadonlyMap<ManifestFile, string>): string[] {
    const found: string[] = [...warnings]
    for (const [file, name] of names) {
      const { checked } = this.#received.get(name)!
      if (!checked || file.damage !== undefined || file.end === undefined) continue
      if (String(checked.end) !== file.end)
        found.push(`${file.path} is sound up to offset ${checked.end} instead of ${file.end}`)
    }
    return found
  }

  async #name({ id }: Manifest, names: ReadonlyMap<ManifestFile, string>): Promise<void> {
    const [target, pending] = [this.#target, this.#pending]
    if (!target || !pending) return
    const wanted = new Set(names.values())
    for (const path of this.#received.keys()) {
      if (wanted.has(path)) continue
      target.remove(path)
      pending.changed(path)
    }
    for (const [{ path }, name] of names) {
      if (name === path) continue
      target.rename(name, path)
      pending.changed(path)
    }
    await pending.write(restoredMark, one(encodeUtf8(`${id}\n`)))
    await pending.all()
  }
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes
}
