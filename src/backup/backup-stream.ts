/**
 * A backup as it leaves its source: a tar archive, made while it is read.
 *
 *   .kafka-do-backup   what this is, and how much is to come
 *   TOPIC-PARTITION/…  what is not in `have` already, the way it stands in the data folder
 *   meta.properties, … checkpoints
 *   manifest.json      all that belongs to the backup, also what `have` has; without it the backup is not whole
 *
 * It is read by the piece, and nothing is read ahead: whoever takes it slowly makes it slow.
 */
import { createHash, type Hash } from 'node:crypto'
import { abortReason } from '../core/backoff.ts'
import { concatBytes, encodeUtf8 } from '../core/bytes.ts'
import { StorageError } from '../core/errors.ts'
import type { Runtime } from '../core/runtime.ts'
import { version } from '../core/version.ts'
import { isLogFile, markPath } from './backup-paths.ts'
import type { BackupSource, SourceFile, SourcePart } from './backup-source.ts'
import { BatchCheck } from './batch-check.ts'
import {
  backupFormat,
  encodeManifest,
  type ManifestFile,
  type ManifestPartition,
  manifestPath,
  sha256,
} from './manifest.ts'
import { Pace } from './pace.ts'
import { tarEnd, tarHeader, tarPadding } from './tar-writer.ts'

const pieceBytesMax = 256 * 1024
const pieceBytesMin = 4096
/** Headers and small files leave together. */
const togetherBytes = 64 * 1024

export interface StreamOptions {
  readonly runtime: Runtime
  /** What whoever asks has of an earlier backup: what is unchanged is left out. Default: nothing. */
  readonly have?: readonly ManifestFile[] | undefined
  /** Default: as fast as it is read. */
  readonly maxBytesPerSecond?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** What the first entry of a stream says. */
export interface BackupMark {
  readonly format: number
  readonly id: string
  readonly kafkaDo: string
  readonly clusterId: string
  readonly takenAt: string
  /** What the stream brings, in files and bytes. */
  readonly files: number
  readonly bytes: number
  /** What the whole backup holds. */
  readonly filesInAll: number
  readonly bytesInAll: number
}

/** Ends the source when it ends, however that is. Throws what goes wrong in the middle. */
export async function* backupStream(
  source: BackupSource,
  options: StreamOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    const stream = new Stream(source, options)
    yield* together(stream.bytes(), Math.min(togetherBytes, stream.pieceBytes))
  } finally {
    source.end()
  }
}

interface PlannedPart {
  readonly part: SourcePart
  readonly files: readonly SourceFile[]
}

class Stream {
  readonly #source: BackupSource
  readonly #options: StreamOptions
  readonly #have: ReadonlyMap<string, ManifestFile>
  readonly #pace: Pace
  readonly pieceBytes: number
  readonly #takenAtSeconds: number
  readonly #id: string
  readonly #files: ManifestFile[] = []
  readonly #partitions: ManifestPartition[] = []
  readonly #damages: string[] = []

  constructor(source: BackupSource, options: StreamOptions) {
    const { runtime, have = [], maxBytesPerSecond } = options
    this.#source = source
    this.#options = options
    this.#have = new Map(have.map((file) => [file.path, file]))
    this.#pace = new Pace(runtime, maxBytesPerSecond)
    // What comes slowly comes all the time: whoever waits for it would think that nobody is there.
    this.pieceBytes = Math.max(
      pieceBytesMin,
      Math.min(pieceBytesMax, maxBytesPerSecond ?? pieceBytesMax),
    )
    this.#takenAtSeconds = source.takenAtMs / 1000
    this.#id = runtime.uuid()
  }

  async *bytes(): AsyncGenerator<Uint8Array, void, undefined> {
    const { parts } = this.#source
    const planned: PlannedPart[] = []
    for (const part of parts) {
      planned.push({ part, files: part.list() })
      await this.#source.pause()
      this.#check()
    }
    yield* this.#small(markPath, encodeUtf8(`${JSON.stringify(this.#mark(planned))}\n`))
    for (const { part, files } of planned) {
      await part.begin()
      const ends = new Map<string, bigint>()
      for (const file of files) yield* this.#file(file, part, ends)
      this.#check()
      this.#partitions.push(part.finish(ends))
    }
    for (const file of this.#source.rest()) yield* this.#file(file, undefined, new Map())
    this.#check()
    yield* this.#small(manifestPath, this.#manifest())
    yield tarEnd()
  }

  #mark(planned: readonly PlannedPart[]): BackupMark {
    let [files, bytes, filesInAll, bytesInAll] = [0, 0, 0, 0]
    for (const file of planned.flatMap((part) => part.files)) {
      filesInAll++
      bytesInAll += file.size
      if (this.#known(file)) continue
      files++
      bytes += file.size
    }
    return { ...this.#about(), files, bytes, filesInAll, bytesInAll }
  }

  #about() {
    const { clusterId, takenAtMs } = this.#source
    const takenAt = new Date(takenAtMs).toISOString()
    return { format: backupFormat, id: this.#id, kafkaDo: version, clusterId, takenAt }
  }

  #manifest(): Uint8Array {
    return encodeManifest({
      ...this.#about(),
      removed: [],
      warnings: [...this.#source.warnings(), ...this.#damages],
      partitions: this.#partitions,
      files: this.#files,
    })
  }

  /** What whoever asks has already. */
  #known({ path, size, modifiedMs, content }: SourceFile): ManifestFile | undefined {
    const known = this.#have.get(path)
    if (!known || known.size !== size) return undefined
    if (content) return known.sha256 === sha256(content) ? known : undefined
    // Whatever rewrites a file gives it another time; what is only appended to has another size.
    return modifiedMs > 0 && known.modified === modifiedMs ? known : undefined
  }

  async *#file(
    file: SourceFile,
    part: SourcePart | undefined,
    ends: Map<string, bigint>,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const known = this.#known(file)
    if (known) {
      this.#note(known, part, ends)
      return
    }
    const { path, size, modifiedMs: modified, content } = file
    if (content) {
      yield* this.#small(path, content)
      this.#note({ path, size, sha256: sha256(content), modified: 0 }, part, ends)
      return
    }
    yield this.#header(path, size)
    const hash = createHash('sha256')
    const check = isLogFile(path) ? new BatchCheck(baseOffsetOf(path), size) : undefined
    yield* this.#content(file, hash, check)
    yield tarPadding(size)
    const checked = check?.finish()
    const damage = checked && part?.damageOf(path, checked)
    const found = checked && { end: String(checked.end), ...(damage && { damage }) }
    this.#note({ path, size, sha256: hash.digest('hex'), modified, ...found }, part, ends)
  }

  async *#content(
    source: SourceFile,
    hash: Hash,
    check: BatchCheck | undefined,
  ): AsyncGenerator<Uint8Array, void, undefined> {
    const { path, size } = source
    const file = source.open()
    try {
      for (let at = 0; at < size; ) {
        const piece = await file.read(at, Math.min(this.pieceBytes, size - at))
        this.#check()
        if (piece.length === 0) throw endsEarly(path, at, size)
        hash.update(piece)
        check?.push(piece)
        at += piece.length
        yield piece
        await this.#pace.sent(piece.length, this.#options.signal)
        await this.#source.pause()
        this.#check()
      }
    } finally {
      file.close()
    }
  }

  #note(file: ManifestFile, part: SourcePart | undefined, ends: Map<string, bigint>): void {
    this.#files.push(file)
    if (file.damage !== undefined) this.#damages.push(`${file.path} ${file.damage}`)
    if (part && file.end !== undefined) ends.set(file.path, BigInt(file.end))
  }

  *#small(path: string, content: Uint8Array): Generator<Uint8Array, void, undefined> {
    yield this.#header(path, content.length)
    yield content
    yield tarPadding(content.length)
  }

  #header(path: string, size: number): Uint8Array {
    return tarHeader({ path, size, modifiedSeconds: this.#takenAtSeconds })
  }

  #check(): void {
    const { signal } = this.#options
    if (signal?.aborted) throw abortReason(signal)
    this.#source.check()
  }
}

async function* together(
  pieces: AsyncIterable<Uint8Array>,
  enoughBytes: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  let waiting: Uint8Array[] = []
  let bytes = 0
  for await (const piece of pieces) {
    if (piece.length === 0) continue
    if (piece.length >= enoughBytes && bytes === 0) {
      yield piece
      continue
    }
    waiting.push(piece)
    bytes += piece.length
    if (bytes < enoughBytes) continue
    yield concatBytes(waiting)
    waiting = []
    bytes = 0
  }
  if (bytes > 0) yield concatBytes(waiting)
}

/** Of the segment that a log file holds. */
export function baseOffsetOf(path: string): bigint {
  return BigInt(path.slice(path.lastIndexOf('/') + 1).slice(0, 20))
}

function endsEarly(path: string, at: number, size: number): StorageError {
  return new StorageError(
    `${path} has ${at} bytes left of the ${size} that were there when the backup began. Look at the data folder with 'kafka-do doctor'`,
    { code: 'STORAGE_IO' },
  )
}
