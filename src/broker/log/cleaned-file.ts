/**
 * The file that compaction writes a segment into anew. It is begun with the first batch that changes, so a segment without
 * one costs no writes; and it is written and synced by the piece, so that no write or sync is long.
 */
import { concatBytes } from '../../core/bytes.ts'
import type { File, FileSystem } from '../../storage/file-system.ts'
import type { ScannedBatch, Segment } from './segment.ts'
import type { Slices } from './slices.ts'

const writtenAtOnce = 256 * 1024
const syncedAtOnce = 4 * 1024 * 1024

export class CleanedFile {
  readonly path: string
  readonly #fileSystem: FileSystem
  readonly #segment: Segment
  readonly #slices: Slices
  #file: File | undefined
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  #unsyncedBytes = 0

  constructor(fileSystem: FileSystem, segment: Segment, slices: Slices) {
    this.path = `${segment.path}.log.cleaned`
    this.#fileSystem = fileSystem
    this.#segment = segment
    this.#slices = slices
    fileSystem.remove(this.path)
  }

  /** The next batch of the segment: the same, another in its place, or none. */
  async add(
    batch: 'same' | Uint8Array | undefined,
    { bytes, header, filePosition }: ScannedBatch,
  ): Promise<void> {
    if (batch === 'same' && !this.#file) return
    if (!this.#file) await this.#begin(filePosition)
    const kept =
      batch === 'same'
        ? bytes.subarray(header.position, header.position + header.sizeInBytes)
        : batch
    if (kept) await this.#write(kept)
  }

  /** Its size, once it is synced and closed; 0 when nothing has changed, or nothing is left. */
  async finish(): Promise<number> {
    const file = this.#file
    if (!file) return 0
    this.#flush(file)
    if (file.size > 0) await file.sync()
    file.close()
    return file.size
  }

  /** It is not wanted. */
  remove(): void {
    this.#file?.close()
    if (this.#file) this.#fileSystem.remove(this.path)
  }

  /** What stands before the first change is copied. */
  async #begin(upTo: number): Promise<void> {
    this.#file = this.#fileSystem.open(this.path, { create: true })
    for (let at = 0; at < upTo; ) {
      const piece = await this.#segment.file.read(at, Math.min(writtenAtOnce, upTo - at))
      if (piece.length === 0) return
      await this.#write(piece)
      at += piece.length
    }
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#pending.push(bytes)
    this.#pendingBytes += bytes.length
    if (this.#pendingBytes < writtenAtOnce) return
    this.#flush(this.#file!)
    if (this.#unsyncedBytes >= syncedAtOnce) {
      this.#unsyncedBytes = 0
      await this.#file!.sync()
    }
    await this.#slices.pause()
  }

  #flush(file: File): void {
    if (this.#pendingBytes === 0) return
    file.write(concatBytes(this.#pending), file.size)
    this.#unsyncedBytes += this.#pendingBytes
    this.#pending = []
    this.#pendingBytes = 0
  }
}
