/**
 * A sorted table of fixed-size entries beside a segment, in Kafka's format. Kept in memory while its segment is active
 * and written when the segment is rolled or closed: after a crash it is rebuilt from the log, so it need not be
 * durable before that.
 *
 *   .index      relative offset int32, position int32      offset: the batch's last; position: its start
 *   .timeindex  timestamp int64, relative offset int32     the largest timestamp up to and including that offset
 */
import { allocateBytes } from '../../core/bytes.ts'
import type { File, FileSystem } from '../../storage/file-system.ts'

const initialEntries = 64

class Table {
  readonly #entryBytes: number
  #bytes: Uint8Array
  #view: DataView
  #count: number

  constructor(entryBytes: number, bytes: Uint8Array) {
    this.#entryBytes = entryBytes
    this.#count = Math.floor(bytes.length / entryBytes)
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get count(): number {
    return this.#count
  }

  get view(): DataView {
    return this.#view
  }

  at(entry: number): number {
    return entry * this.#entryBytes
  }

  /** Makes room for one more entry and returns where it begins. */
  add(): number {
    const at = this.at(this.#count++)
    if (at + this.#entryBytes > this.#bytes.length) {
      const grown = allocateBytes(
        Math.max(this.#bytes.length * 2, initialEntries * this.#entryBytes),
      )
      grown.set(this.#bytes.subarray(0, at))
      this.#bytes = grown
      this.#view = new DataView(grown.buffer, grown.byteOffset, grown.byteLength)
    }
    return at
  }

  truncate(count: number): void {
    this.#count = count
  }

  content(): Uint8Array {
    return this.#bytes.subarray(0, this.at(this.#count))
  }

  /** The last entry for which `isAtMost` holds (it holds for a beginning of the table); -1 when for none. */
  floor(isAtMost: (at: number) => boolean): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (isAtMost(this.at(middle))) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}

export class OffsetIndex {
  readonly #baseOffset: bigint
  readonly #table: Table

  constructor(baseOffset: bigint, bytes: Uint8Array = new Uint8Array(0)) {
    this.#baseOffset = baseOffset
    this.#table = new Table(8, bytes)
  }

  get count(): number {
    return this.#table.count
  }

  append(lastOffset: bigint, position: number): void {
    const at = this.#table.add()
    this.#table.view.setInt32(at, Number(lastOffset - this.#baseOffset))
    this.#table.view.setInt32(at + 4, position)
  }

  /** Where to begin looking for `offset`: a batch that starts at or before it. */
  positionFor(offset: bigint): number {
    // An entry names its batch's last offset: the batch itself may begin at or before `offset`.
    const relative = Number(offset - this.#baseOffset)
    const entry = this.#table.floor((at) => this.#table.view.getInt32(at) <= relative)
    return entry < 0 ? 0 : this.#table.view.getInt32(this.#table.at(entry) + 4)
  }

  /** As `positionFor`, with the last offset of the batch there where the index knows it. */
  startFor(offset: bigint): { position: number; lastOffset: bigint | undefined } {
    const relative = Number(offset - this.#baseOffset)
    const entry = this.#table.floor((at) => this.#table.view.getInt32(at) <= relative)
    if (entry < 0) return { position: 0, lastOffset: undefined }
    const at = this.#table.at(entry)
    return {
      position: this.#table.view.getInt32(at + 4),
      lastOffset: this.#baseOffset + BigInt(this.#table.view.getInt32(at)),
    }
  }

  /** Each entry: the last offset of a batch, and where that begins. */
  entries(): [lastOffset: bigint, position: number][] {
    return Array.from({ length: this.#table.count }, (_, i) => {
      const at = this.#table.at(i)
      const { view } = this.#table
      return [this.#baseOffset + BigInt(view.getInt32(at)), view.getInt32(at + 4)]
    })
  }

  lastPosition(): number {
    return this.#table.count === 0
      ? 0
      : this.#table.view.getInt32(this.#table.at(this.#table.count - 1) + 4)
  }

  /** Whether the entries ascend and lie within a log file of this size. */
  isSound(logBytes: number): boolean {
    let offset = -1
    let position = -1
    for (let i = 0; i < this.#table.count; i++) {
      const at = this.#table.at(i)
      const nextOffset = this.#table.view.getInt32(at)
      const nextPosition = this.#table.view.getInt32(at + 4)
      if (nextOffset <= offset || nextPosition <= position || nextPosition >= logBytes) return false
      offset = nextOffset
      position = nextPosition
    }
    return true
  }

  content(): Uint8Array {
    return this.#table.content()
  }
}

export class TimeIndex {
  readonly #baseOffset: bigint
  readonly #table: Table

  constructor(baseOffset: bigint, bytes: Uint8Array = new Uint8Array(0)) {
    this.#baseOffset = baseOffset
    this.#table = new Table(12, bytes)
  }

  get count(): number {
    return this.#table.count
  }

  /** Adds an entry when it is later than the last one, in time and offset. */
  append(timestamp: bigint, offset: bigint): void {
    const last = this.last()
    if (last && (timestamp <= last.timestamp || offset <= last.offset)) return
    const at = this.#table.add()
    this.#table.view.setBigInt64(at, timestamp)
    this.#table.view.setInt32(at + 8, Number(offset - this.#baseOffset))
  }

  /** The newest entry: the largest timestamp and the offset it was reached at. */
  last(): { timestamp: bigint; offset: bigint } | undefined {
    return this.#table.count === 0 ? undefined : this.#entry(this.#table.count - 1)
  }

  /** An offset before which every record is older than `timestamp`. */
  offsetBefore(timestamp: bigint): bigint {
    const entry = this.#table.floor((at) => this.#table.view.getBigInt64(at) < timestamp)
    return entry < 0 ? this.#baseOffset : this.#entry(entry).offset
  }

  isSound(): boolean {
    for (let i = 1; i < this.#table.count; i++) {
      if (
        this.#entry(i).timestamp <= this.#entry(i - 1).timestamp ||
        this.#entry(i).offset <= this.#entry(i - 1).offset
      )
        return false
    }
    return true
  }

  content(): Uint8Array {
    return this.#table.content()
  }

  #entry(index: number): { timestamp: bigint; offset: bigint } {
    const at = this.#table.at(index)
    return {
      timestamp: this.#table.view.getBigInt64(at),
      offset: this.#baseOffset + BigInt(this.#table.view.getInt32(at + 8)),
    }
  }
}

/** Writes a whole small file and leaves it open, for the caller to sync and close. Of one that fails nothing stays. */
export function writeWhole(fileSystem: FileSystem, path: string, content: Uint8Array): File {
  const file = fileSystem.open(path, { create: true })
  try {
    if (content.length > 0) file.write(content, 0)
    if (file.size > content.length) file.truncate(content.length)
    return file
  } catch (error) {
    file.close()
    fileSystem.remove(path)
    throw error
  }
}
