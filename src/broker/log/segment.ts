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
import { readBuffers } from '../../storage/read-buffers.ts'
import { readWhole } from '../../storage/read-whole.ts'
import { OffsetIndex, TimeIndex, writeWhole } from './index-file.ts'
import { LostRecordsError } from './lost-range.ts'

const scanBytes = 1024 * 1024
/** To read so much at once costs no more than to read the two indexes of a segment. */
const shortBytes = 32 * 1024
/** To remove a file of this size would hold others up. */
const largeBytes = 8 * 1024 * 1024
/** Of the magic byte in a batch. */
const magicOffset = 16
/** Of the largest timestamp in a batch. */
const maxTimestampOffset = 35

export interface ScannedBatch {
  readonly header: BatchHeader
  /** Holds the batch at `header.position`. */
  readonly bytes: Uint8Array
  /** Where the batch begins in the log file. */
  readonly filePosition: number
}

export interface SoundBatch extends ScannedBatch {
  /** The offset that follows the sound batch before it. */
  readonly expected: bigint
  /** Something that is not sound stands before it. */
  readonly isAfterDamage: boolean
}

export class Segment {
  readonly baseOffset: bigint
  readonly file: File
  /** The offset after the last record. */
  nextOffset: bigint
  /** Wall-clock milliseconds of the first append; undefined while empty or not known. */
  firstAppendMs: number | undefined
  /** Where it ends is not known, and compaction may have left a gap before its last batch. */
  mayEndAfterGap = false
  readonly #fileSystem: FileSystem
  readonly #stem: string
  readonly #indexIntervalBytes: number
  #offsets: OffsetIndex | undefined
  #times: TimeIndex | undefined
  #bytesSinceIndex = 0
  #maxTimestamp = -1n
  #maxTimestampOffset = -1n
  #isLoaded: boolean
  /** What is loaded is what the files hold. */
  #isSaved = false

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

  /** The largest of the first batch, as its header says; undefined when there is none. */
  async firstTimestamp(): Promise<bigint | undefined> {
    const bytes = await this.file.read(0, batchOverheadBytes)
    return bytes.length < batchOverheadBytes
      ? undefined
      : viewOf(bytes).getBigInt64(maxTimestampOffset)
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
    for (const header of headers) {
      this.nextOffset = header.lastOffset + 1n
      this.#index(header, start + header.position, false)
    }
  }

  /**
   * Whole batches from `position` on, each verified: no field of one is believed before its checksum holds. Throws
   * `CorruptDataError` where one is not sound, or does not follow the one before it.
   */
  async *scan(position = 0): AsyncGenerator<ScannedBatch, undefined> {
    for await (const batches of this.#pieces(position)) for (const batch of batches) yield batch
    return undefined
  }

  /** As `scan`, by the piece that is read at a time. */
  async *#pieces(position: number): AsyncGenerator<ScannedBatch[], undefined> {
    const end = this.file.size
    let at = position
    let expected = this.baseOffset
    while (at < end) {
      // A short read takes less time than to wait for one.
      let chunk =
        end - at <= shortBytes
          ? this.file.readSync(at, end - at)
          : await this.file.read(at, Math.min(scanBytes, end - at))
      const needed = batchSize(chunk, 0)
      if (needed > chunk.length) {
        if (at + needed > end) throw cutShort(this.#stem, at)
        chunk = await this.file.read(at, needed)
      }
      const { batches, usedBytes, damage } = this.#batchesIn(chunk, at, expected)
      yield batches
      if (damage) throw damage
      // The file has become shorter meanwhile.
      if (usedBytes === 0) throw cutShort(this.#stem, at)
      expected = batches.at(-1)!.header.lastOffset + 1n
      at += usedBytes
    }
    return undefined
  }

  /** Those that are whole in what was read at `at`, up to one that is not sound. */
  #batchesIn(
    chunk: Uint8Array,
    at: number,
    expectedAtFirst: bigint,
  ): { batches: ScannedBatch[]; usedBytes: number; damage?: CorruptDataError } {
    const batches: ScannedBatch[] = []
    let expected = expectedAtFirst
    let usedBytes = 0
    while (usedBytes < chunk.length) {
      const size = batchSize(chunk, usedBytes)
      if (usedBytes + size > chunk.length) break
      const header = soundHeader(chunk, usedBytes)
      if (!header || header.baseOffset < expected)
        return { batches, usedBytes, damage: unsound(this.#stem, at + usedBytes, expected) }
      batches.push({ header, bytes: chunk, filePosition: at + usedBytes })
      expected = header.lastOffset + 1n
      usedBytes += size
    }
    return { batches, usedBytes }
  }

  /**
   * All batches that are sound, from the beginning and over damage, by the piece that is read at a time: a log of small
   * batches has so many that a wait for each would take longer than their checksums.
   */
  async *scanSound(): AsyncGenerator<SoundBatch[], undefined> {
    let expected = this.baseOffset
    let isAfterDamage = false
    for (let position = 0; position < this.file.size; ) {
      try {
        for await (const batches of this.#pieces(position)) {
          const sound: SoundBatch[] = []
          for (const { header, bytes, filePosition } of batches) {
            // What a base offset that is wrong reaches into is what shows it.
            if (header.baseOffset !== expected && !this.#isBeforeNext(header, filePosition)) break
            sound.push({ header, bytes, filePosition, expected, isAfterDamage })
            isAfterDamage = false
            expected = header.lastOffset + 1n
            position = filePosition + header.sizeInBytes
          }
          yield sound
          if (sound.length < batches.length) break
        }
      } catch (error) {
        if (!(error instanceof CorruptDataError)) throw error
      }
      if (position >= this.file.size) return undefined
      const next = await this.#findSoundBatch(position + 1, expected)
      if (!next) return undefined
      position = next.filePosition
      isAfterDamage = true
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
        readBuffers.discard(chunk)
        return 'end'
      }
      if (found !== 'damaged' && found.needsBytes > 0) {
        // The chunk ends inside this batch. Before the first wanted one: read on from here.
        const size = found.needsBytes
        const isWhole = start + used + size <= sizeAtStart
        if (first >= 0 || (isWhole && size > maxBytes && !minOneBatch)) break
        if (isWhole) {
          start += used
          readBuffers.discard(chunk)
          chunk = await this.file.read(
            start,
            Math.max(size, Math.min(maxBytes, sizeAtStart - start)),
          )
          used = 0
          continue
        }
      }
      const batch = found === 'damaged' ? undefined : found.batch
      // The rest is left for the next read, which verifies it.
      if (batch && first >= 0 && used + batch.sizeInBytes - first > maxBytes) break
      if (!batch || !this.#isSound(chunk, batch, start + used, expected, lastOffset)) {
        if (first >= 0) break
        // What is wanted may lie behind the damage.
        // A base offset that is wrong with it would bring this reader elsewhere.
        const above = expected ?? lastOffset ?? this.baseOffset
        const next = await this.#findSoundBatch(start + used + 1, above)
        if (!next || next.header.baseOffset > offset)
          throw damaged(this.#stem, expected ?? offset, next?.header.baseOffset ?? this.nextOffset)
        start = next.filePosition
        expected = next.header.baseOffset
        lastOffset = undefined
        readBuffers.discard(chunk)
        chunk = await this.file.read(start, Math.min(maxBytes + slack, sizeAtStart - start))
        used = 0
        continue
      }
      if (batch.lastOffset >= upTo) break
      if (batch.lastOffset >= offset && first < 0) {
        if (batch.sizeInBytes > maxBytes && !minOneBatch) break
        first = used
      }
      expected = batch.lastOffset + 1n
      lastOffset = undefined
      used += batch.sizeInBytes
    }
    if (first >= 0) return chunk.subarray(first, used)
    readBuffers.discard(chunk)
    return undefined
  }

  /**
   * The next sound batch at or after position `from`, behind a damaged one that held offset `above`, or later ones. What says
   * that it begins before is a base offset that the damage reaches into, which no checksum covers.
   */
  async #findSoundBatch(from: number, above: bigint): Promise<ScannedBatch | undefined> {
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
      const header = soundHeader(bytes, isHere ? at - start : 0)
      if (header && header.baseOffset > above && this.#isBeforeNext(header, at))
        return { header, bytes, filePosition: at }
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
    return this.#isBeforeNext(batch, filePosition)
  }

  /** Of a batch after a gap: compaction left that, or the offset is wrong. Then the batch reaches into the next one. */
  #isBeforeNext(batch: BatchHeader, filePosition: number): boolean {
    const next = filePosition + batch.sizeInBytes
    // No compaction takes the last batch away, so that ends where the segment does.
    if (next + 8 > this.file.size)
      return batch.lastOffset + 1n === this.nextOffset || this.mayEndAfterGap
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
        this.#isSaved = true
        return
      }
    }
    await this.rebuild()
  }

  /**
   * Finds the end after a clean stop without reading the whole file, unless that is as short as its indexes: then they are made
   * from it. `hasIndexes`: their files are there.
   */
  async openTail(hasIndexes: boolean): Promise<void> {
    if (this.file.size <= shortBytes) return this.#openShort(hasIndexes)
    // A roll may unload it again before we go on.
    do await this.load()
    while (!this.#isLoaded)
    let end = this.baseOffset
    for await (const { header } of this.scan(this.#offsets!.lastPosition()))
      end = header.lastOffset + 1n
    this.nextOffset = end
  }

  #openShort(hasIndexes: boolean): void {
    this.beginRebuild()
    const bytes = this.file.readSync(0, this.file.size)
    const { batches, usedBytes, damage } = this.#batchesIn(bytes, 0, this.baseOffset)
    if (damage) throw damage
    if (usedBytes < bytes.length) throw cutShort(this.#stem, usedBytes)
    for (const { header, filePosition } of batches) this.#index(header, filePosition, false)
    const last = batches.at(-1)
    this.nextOffset = last ? last.header.lastOffset + 1n : this.baseOffset
    this.#isSaved = hasIndexes
  }

  /** Makes the indexes anew from what is sound in the log. */
  async rebuild(): Promise<void> {
    this.beginRebuild()
    for await (const batches of this.scanSound())
      for (const { header, filePosition, isAfterDamage } of batches)
        this.#index(header, filePosition, isAfterDamage)
  }

  beginRebuild(): void {
    this.#isLoaded = true
    this.#isSaved = false
    this.#offsets = new OffsetIndex(this.baseOffset)
    this.#times = new TimeIndex(this.baseOffset)
    this.#bytesSinceIndex = 0
    this.#maxTimestamp = -1n
    this.#maxTimestampOffset = -1n
  }

  /** During recovery: a batch that has been found sound. After damage it is indexed, so that readers can get past it. */
  noteRecovered(header: BatchHeader, filePosition: number, isAfterDamage: boolean): void {
    this.#index(header, filePosition, isAfterDamage)
  }

  /** Writes the indexes beside the log, where they are not there; returns their files for the caller to sync and close. */
  writeIndexes(): File[] {
    if (!this.#isLoaded || this.#isSaved) return []
    const isThere = (ending: string) =>
      this.#fileSystem.stat(`${this.#stem}.${ending}`) !== undefined
    // Nothing is said as well by no file.
    if (this.isEmpty && !isThere('index') && !isThere('timeindex')) return []
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
    this.removeLog()
    for (const ending of ['index', 'timeindex', 'txnindex'])
      this.#fileSystem.remove(`${this.#stem}.${ending}`)
  }

  /** Removes the log file alone, so that another can take its name. What has it open can go on reading. */
  removeLog(): void {
    const path = `${this.#stem}.log`
    if (this.file.size >= largeBytes && this.#fileSystem.discard) this.#fileSystem.discard(path)
    else this.#fileSystem.remove(path)
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

  #index(header: BatchHeader, filePosition: number, isAfterDamage: boolean): void {
    this.#isSaved = false
    if (isAfterDamage) this.#bytesSinceIndex = Number.POSITIVE_INFINITY
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

/** The header of the batch at `position`; undefined when it cannot be one, or the checksum does not hold. */
function soundHeader(bytes: Uint8Array, position: number): BatchHeader | undefined {
  try {
    const header = readBatchHeader(bytes, position)
    return verifyBatch(bytes, header) ? header : undefined
  } catch (error) {
    if (error instanceof CorruptDataError) return undefined
    throw error
  }
}

function cutShort(stem: string, position: number): CorruptDataError {
  return new CorruptDataError(`${stem}.log ends in the middle of a batch at byte ${position}`, {
    code: 'CORRUPT_MESSAGE',
  })
}

function unsound(stem: string, position: number, from: bigint): CorruptDataError {
  return new CorruptDataError(
    `${stem}.log is damaged at byte ${position}: the batch there fails its checksum or does not follow offset ${from}`,
    { code: 'CORRUPT_MESSAGE' },
  )
}

function damaged(stem: string, from: bigint, to: bigint): CorruptDataError {
  return new LostRecordsError(
    `Records from offset ${from} on in ${stem}.log are damaged and cannot be served; those from ${to} on can`,
    { from, to },
  )
}

function lostEnd(stem: string, from: bigint, to: bigint): CorruptDataError {
  return new LostRecordsError(
    `${stem}.log lost its end: records from offset ${from} on are missing; those from ${to} on can be served. Restore the file from a backup, or skip them`,
    { from, to },
  )
}

function asDamage(error: unknown): 'damaged' {
  if (error instanceof CorruptDataError) return 'damaged'
  throw error
}
