/**
 * The `.txnindex` files: one entry for each aborted transaction, in the segment that holds its marker, in Kafka's
 * format: version int16 0 | producerId | firstOffset | lastOffset | lastStableOffset, int64 each.
 */
import { allocateBytes } from '../../core/bytes.ts'
import type { File, FileSystem } from '../../storage/file-system.ts'
import { readWhole } from './index-file.ts'
import type { AbortedTransaction } from './producer-state.ts'
import type { Segment } from './segment.ts'

const entryBytes = 34

export class TransactionIndex {
  readonly #fileSystem: FileSystem
  readonly #segments: () => readonly Segment[]
  readonly #loaded = new Map<Segment, AbortedTransaction[]>()
  readonly #files = new Map<Segment, File>()

  constructor(fileSystem: FileSystem, segments: () => readonly Segment[]) {
    this.#fileSystem = fileSystem
    this.#segments = segments
  }

  /** Adds an entry to a segment's index; returns the file for syncing. */
  append(segment: Segment, aborted: AbortedTransaction): File {
    const entries = this.#load(segment)
    let file = this.#files.get(segment)
    if (!file) {
      file = this.#fileSystem.open(`${segment.path}.txnindex`, { create: true })
      this.#files.set(segment, file)
    }
    const size = entries.length * entryBytes
    try {
      file.write(encode(aborted), size)
    } catch (error) {
      if (file.size > size) file.truncate(size)
      throw error
    }
    entries.push(aborted)
    return file
  }

  /** Takes back the entry that was added last. */
  undoAppend(segment: Segment): void {
    const entries = this.#load(segment)
    entries.pop()
    this.#files.get(segment)?.truncate(entries.length * entryBytes)
  }

  /**
   * Makes sure that the index holds an entry that was read from the log. One of the same marker that says something else
   * was half written.
   */
  async ensure(segment: Segment, aborted: AbortedTransaction): Promise<void> {
    const entries = this.#load(segment)
    const same = entries.find(({ lastOffset }) => lastOffset === aborted.lastOffset)
    const { producerId, firstOffset } = same ?? {}
    if (producerId === aborted.producerId && firstOffset === aborted.firstOffset) return
    await this.#rewrite(segment, [...entries.filter((entry) => entry !== same), aborted])
  }

  /** After a crash: forgets entries of markers that were cut off with the log's end, and what was half written. */
  async dropFrom(segment: Segment, end: bigint): Promise<void> {
    const kept = this.#load(segment).filter(
      ({ firstOffset, lastOffset }) => lastOffset < end && firstOffset < lastOffset,
    )
    const size = this.#fileSystem.stat(`${segment.path}.txnindex`)?.size ?? 0
    if (size !== kept.length * entryBytes) await this.#rewrite(segment, kept)
  }

  async #rewrite(segment: Segment, entries: AbortedTransaction[]): Promise<void> {
    const sorted = entries.sort((a, b) => (a.lastOffset < b.lastOffset ? -1 : 1))
    this.#loaded.set(segment, sorted)
    const file = this.#fileSystem.open(`${segment.path}.txnindex`, { create: true })
    sorted.forEach((entry, i) => {
      file.write(encode(entry), i * entryBytes)
    })
    file.truncate(sorted.length * entryBytes)
    await file.sync()
    file.close()
  }

  /** Transactions aborted by a marker after `from` whose first record is before `to`. */
  aborted(from: bigint, to: bigint): { producerId: bigint; firstOffset: bigint }[] {
    const found: { producerId: bigint; firstOffset: bigint }[] = []
    for (const segment of this.#segments()) {
      if (segment.nextOffset <= from) continue
      for (const { producerId, firstOffset, lastOffset } of this.#load(segment)) {
        if (lastOffset >= from && firstOffset < to) found.push({ producerId, firstOffset })
      }
    }
    return found
  }

  #load(segment: Segment): AbortedTransaction[] {
    let entries = this.#loaded.get(segment)
    if (!entries) {
      entries = decode(readWhole(this.#fileSystem, `${segment.path}.txnindex`) ?? new Uint8Array(0))
      this.#loaded.set(segment, entries)
    }
    return entries
  }
}

function encode({
  producerId,
  firstOffset,
  lastOffset,
  lastStableOffset,
}: AbortedTransaction): Uint8Array {
  const bytes = allocateBytes(entryBytes)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  view.setInt16(0, 0)
  view.setBigInt64(2, producerId)
  view.setBigInt64(10, firstOffset)
  view.setBigInt64(18, lastOffset)
  view.setBigInt64(26, lastStableOffset)
  return bytes
}

function decode(bytes: Uint8Array): AbortedTransaction[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries: AbortedTransaction[] = []
  for (let at = 0; at + entryBytes <= bytes.length; at += entryBytes) {
    entries.push({
      producerId: view.getBigInt64(at + 2),
      firstOffset: view.getBigInt64(at + 10),
      lastOffset: view.getBigInt64(at + 18),
      lastStableOffset: view.getBigInt64(at + 26),
    })
  }
  return entries
}
