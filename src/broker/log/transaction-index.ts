/**
 * The `.txnindex` files: one entry for each aborted transaction, in the segment that holds its marker, in Kafka's
 * format: version int16 0 | producerId | firstOffset | lastOffset | lastStableOffset, int64 each.
 */
import { allocateBytes, concatBytes } from '../../core/bytes.ts'
import type { File, FileSystem } from '../../storage/file-system.ts'
import { readWhole } from '../../storage/read-whole.ts'
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
      file.write(encodeAborted(aborted), size)
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

  /** The segment is removed. Returns its file, which is closed. */
  forget(segment: Segment): File | undefined {
    const file = this.#files.get(segment)
    file?.close()
    this.#files.delete(segment)
    this.#loaded.delete(segment)
    return file
  }

  close(): void {
    for (const file of this.#files.values()) file.close()
    this.#files.clear()
  }

  /** What the segments' indexes hold; segments without an entry are left out. */
  *contents(): Generator<readonly [baseOffset: bigint, content: Uint8Array], undefined> {
    for (const segment of this.#segments()) {
      const entries = this.#load(segment)
      if (entries.length > 0) yield [segment.baseOffset, concatBytes(entries.map(encodeAborted))]
    }
    return undefined
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
      entries = decodeAborted(
        readWhole(this.#fileSystem, `${segment.path}.txnindex`) ?? new Uint8Array(0),
      )
      this.#loaded.set(segment, entries)
    }
    return entries
  }
}

export function encodeAborted({
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

export function decodeAborted(bytes: Uint8Array): AbortedTransaction[] {
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
