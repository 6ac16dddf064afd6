/**
 * One segment: a log file that begins at `baseOffset`, and its indexes. Knows files and batches, but not what offsets
 * or producers mean to the partition.
 *
 * The indexes of an older segment are loaded when they are first needed, and rebuilt from the log when they are
 * missing or unsound.
 */
import { CorruptDataError } from '../../core/errors.ts'
import {
  type BatchHeader,
  batchOverheadBytes,
  batchPrefixBytes,
  readBatchHeader,
  verifyBatch,
  viewOf,
} from '../../protocol/records/record-batch.ts'
import type { File, FileSystem } from '../../storage/file-system.ts'
import { OffsetIndex, readWhole, TimeIndex, writeWhole } from './index-file.ts'

const scanBytes = 1024 * 1024
/** Of the magic byte in a batch. */
const magicOffset = 16

export interface ScannedBatch {
  readonly header: BatchHeader
  /** Holds the batch at `header.position`. */
  readonly bytes: Uint8Array
  /** Where the batch begins in the log file. */
  readonly filePosition: number
}

export class Segment {
  readonly baseOffset: bigint
  readonly file: File
  /** The offset after the last record. */
  nextOffset: bigint
  /** Wall-clock milliseconds of the first append; undefined while empty or not known. */
  firstAppendMs: number | undefined
  readonly #fileSystem: FileSystem
  readonly #stem: string
  readonly #indexIntervalBytes: number
  #offsets: OffsetIndex | undefined
  #times: TimeIndex | undefined
  #bytesSinceIndex = 0
  #maxTimestamp = -1n
  #maxTimestampOffset = -1n
  #isLoaded: boolean

  private constructor(
    fileSystem: FileSystem,
    stem: string,
    file: File,
    baseOffset: bigint,
    indexIntervalBytes: number,
    isNew: boolean,
  ) {
    this.#fileSystem = fileSystem
    this.#stem = stem
    this.#indexIntervalBytes = indexIntervalBytes
    this.#isLoaded = isNew
    this.file = file
    this.baseOffset = baseOffset
    this.nextOffset = baseOffset
    if (isNew) {
      this.#offsets = new OffsetIndex(baseOffset)
      this.#times = new TimeIndex(baseOffset)
    }
  }

  /** A new, empty segment. Its name is durable after a `syncDirectory` of the folder. */
  static create(
    fileSystem: FileSystem,
    folder: string,
    baseOffset: bigint,
    indexIntervalBytes: number,
  ): Segment {
    const stem = `${folder}/${segmentName(baseOffset)}`
    const file = fileSystem.open(`${stem}.log`, { create: true })
    if (file.size > 0) file.truncate(0)
    return new Segment(fileSystem, stem, file, baseOffset, indexIntervalBytes, true)
  }

  /** An existing one; `nextOffset` is known when another segment follows. */
  static open(
    fileSystem: FileSystem,
    folder: string,
    baseOffset: bigint,
    indexIntervalBytes: number,
    nextOffset?: bigint,
  ): Segment {
    const stem = `${folder}/${segmentName(baseOffset)}`
    const segment = new Segment(
      fileSystem,
      stem,
      fileSystem.open(`${stem}.log`),
      baseOffset,
      indexIntervalBytes,
      false,
    )
    if (nextOffset !== undefined) segment.nextOffset = nextOffset
    return segment
  }

  get sizeInBytes(): number {
    return this.file.size
  }

  /** Wall-clock milliseconds of the last write, as well as that is known. */
  lastWriteMs(): number {
    const modifiedMs = this.#fileSystem.stat(`${this.#stem}.log`)?.modifiedMs ?? 0
    return Math.max(modifiedMs, this.firstAppendMs ?? 0)
  }

  get isEmpty(): boolean {
    return this.file.size === 0
  }

  /** Largest record timestamp; -1n when empty. Loads the indexes. */
  async maxTimestamp(): Promise<{ timestamp: bigint; offset: bigint }> {
    // A roll may unload it again before we go on.
    do await this.load()
    while (!this.#isLoaded)
    return { timestamp: this.#maxTimestamp, offset: this.#maxTimestampOffset }
  }

  /** Appends batches that lie in `bytes` as `headers` say, with their final offsets. All or nothing. */
  append(bytes: Uint8Array, headers: readonly BatchHeader[]): void {
    const start = this.file.size
    try {
      this.file.write(bytes, start)
    } catch (error) {
      if (this.file.size !== start) this.file.truncate(start)
      throw error
    }
    for (const header of headers) this.#note(header, start + header.position)
  }

  /** Whole batches from `position` on, as they are: headers checked, checksums not. Throws `CorruptDataError`. */
  async *scan(position = 0, end = this.file.size): AsyncGenerator<ScannedBatch, undefined> {
    let at = position
    while (at < end) {
      let chunk = await this.file.read(at, Math.min(scanBytes, end - at))
      const needed = batchSize(chunk, 0)
      if (needed > chunk.length) {
        if (at + needed > end) throw cutShort(this.#stem, at)
        chunk = await this.file.read(at, needed)
      }
      let used = 0
      while (used < chunk.length) {
        const size = batchSize(chunk, used)
        if (used + size > chunk.length) break
        yield { header: readBatchHeader(chunk, used), bytes: chunk, filePosition: at + used }
        used += size
      }
      at += used
    }
    return undefined
  }

  /**
   * Whole batches from the one that holds `offset`, below `upTo`, of at most `maxBytes` unless the first alone is
   * larger and `minOneBatch` is set. `undefined` when the next batch may not be had; `'end'` when there is none here.
   * Every batch is verified: damage ends the answer, or is thrown as CORRUPT_MESSAGE when it comes first.
   */
  async read(
    offset: bigint,
    maxBytes: number,
    minOneBatch: boolean,
    upTo: bigint,
  ): Promise<Uint8Array | undefined | 'end'> {
    // A roll may unload it again before we go on.
    do await this.load()
    while (!this.#isLoaded)
    const sizeAtStart = this.file.size
    const slack = this.#indexIntervalBytes * 2
    let { position: start, lastOffset } = this.#offsets!.startFor(offset)
    let expected = start === 0 ? this.baseOffset : undefined
    let chunk = await this.file.read(start, Math.min(maxBytes + slack, sizeAtStart - start))
    let first = -1
    let used = 0
    for (;;) {
      const found = await this.#headerAt(chunk, used, start + used).catch(asDamage)
      if (!found) {
        if (first >= 0) break
        // The next segment begins where this one should end, so what is missing was lost.
        if (offset < this.nextOffset) throw lostEnd(this.#stem, offset, this.nextOffset)
        return 'end'
      }
      if (found !== 'damaged' && found.needsBytes > 0) {
        // The chunk ends inside this batch. Before the first wanted one: read on from here.
        const size = found.needsBytes
        const isWhole = start + used + size <= sizeAtStart
        if (first >= 0 || (isWhole && size > maxBytes && !minOneBatch)) break
        if (isWhole) {
          start += used
          chunk = await this.file.read(
            start,
            Math.max(size, Math.min(maxBytes, sizeAtStart - start)),
          )
          used = 0
          continue
        }
      }
      const batch = found === 'damaged' ? undefined : found.batch
      if (batch && batch.lastOffset >= upTo && this.#follows(batch, expected)) break
      const isWanted = batch !== undefined && batch.lastOffset >= offset
      if (isWanted && this.#follows(batch, expected)) {
        const isOver = used + batch.sizeInBytes - (first < 0 ? used : first) > maxBytes
        if (isOver && (first >= 0 || !minOneBatch)) break
      }
      if (!batch || !this.#isSound(chunk, batch, start + used, expected, lastOffset)) {
        if (first >= 0) break
        // What is wanted may lie behind the damage.
        const next = await this.findSoundBatch(start + used + 1, expected ?? this.baseOffset)
        if (!next || next.header.baseOffset > offset)
          throw damaged(this.#stem, expected ?? offset, next?.header.baseOffset ?? this.nextOffset)
        start = next.filePosition
        expected = next.header.baseOffset
        lastOffset = undefined
        chunk = await this.file.read(start, Math.min(maxBytes + slack, sizeAtStart - start))
        used = 0
        continue
      }
      if (isWanted && first < 0) first = used
      expected = batch.lastOffset + 1n
      lastOffset = undefined
      used += batch.sizeInBytes
    }
    return first < 0 ? undefined : chunk.subarray(first, used)
  }

  /** The next sound batch at or after `from` whose offsets may follow `expected`. */
  async findSoundBatch(from: number, expected: bigint): Promise<ScannedBatch | undefined> {
    const end = this.file.size
    let chunk = new Uint8Array(0)
    let start = from
    for (let at = from; at + batchOverheadBytes <= end; at++) {
      if (at + batchOverheadBytes > start + chunk.length) {
        start = at
        chunk = (await this.file.read(at, scanBytes)).slice()
      }
      if (chunk[at - start + magicOffset] !== 2 || chunk[at - start] !== 0) continue
      const size = batchSize(chunk, at - start)
      if (at + size > end) continue
      const isHere = at - start + size <= chunk.length
      const bytes = isHere ? chunk : await this.file.read(at, size)
      try {
        const header = readBatchHeader(bytes, isHere ? at - start : 0)
        const isLater = header.baseOffset >= expected
        if (isLater && verifyBatch(bytes, header)) return { header, bytes, filePosition: at }
      } catch (error) {
        if (!(error instanceof CorruptDataError)) throw error
      }
    }
    return undefined
  }

  #follows(batch: BatchHeader, expected: bigint | undefined): boolean {
    return expected === undefined || batch.baseOffset >= expected
  }

  /** The checksum does not cover the base offset, so that is compared with what stands around it. */
  #isSound(
    chunk: Uint8Array,
    batch: BatchHeader,
    filePosition: number,
    expected: bigint | undefined,
    lastOffset: bigint | undefined,
  ): boolean {
    if (!this.#follows(batch, expected) || !verifyBatch(chunk, batch)) return false
    if (lastOffset !== undefined && batch.lastOffset !== lastOffset) return false
    if (batch.baseOffset < this.baseOffset || batch.lastOffset >= this.nextOffset) return false
    if (expected === undefined || batch.baseOffset === expected) return true
    // A gap: compaction left it, or the offset is wrong. Then the batch reaches into the next one.
    const next = filePosition + batch.sizeInBytes
    if (next + 8 > this.file.size) return true
    return viewOf(this.file.readSync(next, 8)).getBigInt64(0) > batch.lastOffset
  }

  /** The first record with this timestamp or a later one, among offsets below `upTo`. */
  async *batchesFrom(timestamp: bigint): AsyncGenerator<ScannedBatch, undefined> {
    // A roll may unload it again before we go on.
    do await this.load()
    while (!this.#isLoaded)
    const position = this.#offsets!.positionFor(this.#times!.offsetBefore(timestamp))
    yield* this.scan(position)
    return undefined
  }

  /** Loads the indexes, rebuilding them where that is needed. */
  async load(): Promise<void> {
    if (this.#isLoaded) return
    const offsetBytes = readWhole(this.#fileSystem, `${this.#stem}.index`)
    const timeBytes = readWhole(this.#fileSystem, `${this.#stem}.timeindex`)
    if (offsetBytes && timeBytes && offsetBytes.length % 8 === 0 && timeBytes.length % 12 === 0) {
      const offsets = new OffsetIndex(this.baseOffset, offsetBytes)
      const times = new TimeIndex(this.baseOffset, timeBytes)
      const last = times.last()
      if (offsets.isSound(this.file.size) && times.isSound() && (last || this.isEmpty)) {
        if (this.#isLoaded) return
        this.#offsets = offsets
        this.#times = times
        this.#maxTimestamp = last?.timestamp ?? -1n
        this.#maxTimestampOffset = last?.offset ?? -1n
        this.#isLoaded = true
        return
      }
    }
    await this.rebuild()
  }

  /** Loads what a clean stop left behind and finds the end without reading the whole file. */
  async openTail(): Promise<void> {
    // A roll may unload it again before we go on.
    do await this.load()
    while (!this.#isLoaded)
    for await (const { header } of this.scan(this.#offsets!.lastPosition()))
      this.nextOffset = header.lastOffset + 1n
  }

  /** Makes the indexes anew from the log. */
  async rebuild(): Promise<void> {
    this.beginRebuild()
    for await (const { header, filePosition } of this.scan()) this.#note(header, filePosition)
  }

  beginRebuild(): void {
    this.#isLoaded = true
    this.#offsets = new OffsetIndex(this.baseOffset)
    this.#times = new TimeIndex(this.baseOffset)
    this.#bytesSinceIndex = 0
    this.#maxTimestamp = -1n
    this.#maxTimestampOffset = -1n
  }

  /** During recovery: a batch that has been found sound. After damage it is indexed, so that readers can get past it. */
  noteRecovered(header: BatchHeader, filePosition: number, isAfterDamage: boolean): void {
    if (isAfterDamage) this.#bytesSinceIndex = Number.POSITIVE_INFINITY
    this.#note(header, filePosition)
  }

  /** Writes the indexes beside the log; returns their files for the caller to sync and close. */
  writeIndexes(): File[] {
    if (!this.#isLoaded) return []
    if (this.#maxTimestampOffset >= 0n)
      this.#times!.append(this.#maxTimestamp, this.#maxTimestampOffset)
    try {
      return [
        writeWhole(this.#fileSystem, `${this.#stem}.index`, this.#offsets!.content()),
        writeWhole(this.#fileSystem, `${this.#stem}.timeindex`, this.#times!.content()),
      ]
    } catch (error) {
      // Half of an index looks sound and leads astray; a missing one is made anew.
      for (const ending of ['index', 'timeindex'])
        this.#fileSystem.remove(`${this.#stem}.${ending}`)
      throw error
    }
  }

  /** Drops the in-memory indexes of a segment that is no longer written to. */
  unload(): void {
    this.#isLoaded = false
    this.#offsets = undefined
    this.#times = undefined
  }

  close(): void {
    this.file.close()
  }

  /** Removes the segment's files. Reads in flight finish first. */
  remove(): void {
    this.file.close()
    for (const ending of ['log', 'index', 'timeindex', 'txnindex'])
      this.#fileSystem.remove(`${this.#stem}.${ending}`)
  }

  get path(): string {
    return this.#stem
  }

  async #headerAt(
    chunk: Uint8Array,
    at: number,
    filePosition: number,
  ): Promise<{ batch?: BatchHeader; needsBytes: number } | undefined> {
    if (filePosition + batchOverheadBytes > this.file.size) return undefined
    if (at + batchOverheadBytes > chunk.length) {
      const prefix = await this.file.read(filePosition, batchOverheadBytes)
      return prefix.length < batchOverheadBytes ? undefined : { needsBytes: batchSize(prefix, 0) }
    }
    const size = batchSize(chunk, at)
    return at + size > chunk.length
      ? { needsBytes: size }
      : { batch: readBatchHeader(chunk, at), needsBytes: 0 }
  }

  #note(header: BatchHeader, filePosition: number): void {
    this.nextOffset = header.lastOffset + 1n
    if (header.maxTimestamp > this.#maxTimestamp) {
      this.#maxTimestamp = header.maxTimestamp
      this.#maxTimestampOffset = header.lastOffset
    }
    if (this.#bytesSinceIndex > this.#indexIntervalBytes) {
      this.#offsets!.append(header.lastOffset, filePosition)
      this.#times!.append(this.#maxTimestamp, this.#maxTimestampOffset)
      this.#bytesSinceIndex = 0
    }
    this.#bytesSinceIndex += header.sizeInBytes
  }
}

/** Kafka's file names: the base offset in 20 digits. */
export function segmentName(baseOffset: bigint): string {
  return baseOffset.toString().padStart(20, '0')
}

function batchSize(bytes: Uint8Array, at: number): number {
  if (at + batchOverheadBytes > bytes.length) return batchOverheadBytes
  const size = batchPrefixBytes + viewOf(bytes).getInt32(at + 8)
  // An impossible length is for readBatchHeader to report.
  return Math.max(size, batchOverheadBytes)
}

function cutShort(stem: string, position: number): CorruptDataError {
  return new CorruptDataError(`${stem}.log ends in the middle of a batch at byte ${position}`, {
    code: 'CORRUPT_MESSAGE',
  })
}

function damaged(stem: string, from: bigint, to: bigint): CorruptDataError {
  return new CorruptDataError(
    `Records from offset ${from} on in ${stem}.log are damaged and cannot be served; those from ${to} on can`,
    { code: 'CORRUPT_MESSAGE' },
  )
}

function lostEnd(stem: string, from: bigint, to: bigint): CorruptDataError {
  return new CorruptDataError(
    `${stem}.log lost its end: records from offset ${from} on are gone; those from ${to} on can be served. Restore the file from a backup, or skip them`,
    { code: 'CORRUPT_MESSAGE' },
  )
}

function asDamage(error: unknown): 'damaged' {
  if (error instanceof CorruptDataError) return 'damaged'
  throw error
}
