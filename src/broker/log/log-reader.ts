/**
 * Reading a log: from the tail cache, from what was read ahead, or from the segments on disk; by offset and by
 * timestamp. A read may wait for the disk while retention, compaction or deletion takes segments away, so it looks each
 * one up by offset and begins anew with one that is gone.
 */
import { concatBytes } from '../../core/bytes.ts'
import { CorruptDataError, OffsetOutOfRangeError, StorageError } from '../../core/errors.ts'
import type { Logger } from '../../core/runtime.ts'
import {
  type BatchHeader,
  readBatches,
  readBatchHeader,
} from '../../protocol/records/record-batch.ts'
import { readBuffers } from '../../storage/read-buffers.ts'
import type { LogCondition } from './log-condition.ts'
import { openBatch } from './open-batch.ts'
import { endOf, ReadAhead } from './read-ahead.ts'
import type { ScannedBatch, Segment } from './segment.ts'
import type { SegmentList } from './segment-list.ts'
import type { CacheBudget, CachedAppend, TailCache } from './tail-cache.ts'

/** How far a log goes, as it is now. */
export interface LogBounds {
  readonly logStartOffset: bigint
  readonly highWatermark: bigint
  readonly logEndOffset: bigint
}

export interface OffsetAndTimestamp {
  readonly offset: bigint
  /** Epoch milliseconds. */
  readonly timestamp: bigint
}

export interface LogReaderParts {
  readonly logger: Logger
  readonly condition: LogCondition
  readonly bounds: LogBounds
  readonly segments: SegmentList
  readonly cache: TailCache
  readonly cacheBudget: CacheBudget
}

/** Damage in more places than this is not logged again. */
const reportedMax = 1000

export class LogReader {
  readonly #parts: LogReaderParts
  readonly #ahead: ReadAhead
  readonly #reported = new Set<string>()

  constructor(parts: LogReaderParts) {
    this.#parts = parts
    this.#ahead = new ReadAhead(parts.cacheBudget, (offset, maxBytes, upTo) =>
      this.#readStored(offset, maxBytes, true, upTo),
    )
  }

  /** See `PartitionLog.read`. */
  async read(
    offset: bigint,
    maxBytes: number,
    minOneBatch: boolean,
    upTo: bigint,
  ): Promise<Uint8Array | undefined> {
    const { condition, bounds, cache } = this.#parts
    condition.check()
    if (offset < bounds.logStartOffset || offset > bounds.logEndOffset)
      throw this.outOfRange(offset)
    if (offset >= upTo) return undefined
    const cached = cache.from(offset)
    if (cached) return firstOf(cached, maxBytes, minOneBatch, upTo)
    const found =
      (await this.#ahead.take(offset, maxBytes, upTo)) ??
      (await this.#readStored(offset, maxBytes, minOneBatch, upTo))
    if (!found) return undefined
    this.#ahead.given(offset, found, maxBytes, upTo)
    return readBuffers.own(found)
  }

  /** The header of the batch that holds `offset`, or of the next one; undefined when there is none below `upTo`. */
  async batchAt(offset: bigint, upTo: bigint): Promise<BatchHeader | undefined> {
    this.#parts.condition.check()
    const cached = this.#parts.cache.from(offset)?.[0]
    const bytes = cached?.bytes ?? (await this.#readStored(offset, 1, true, upTo))
    return bytes && readBatchHeader(bytes, 0)
  }

  /** See `PartitionLog.offsetForTimestamp`. */
  async offsetForTimestamp(timestamp: bigint): Promise<OffsetAndTimestamp | undefined> {
    try {
      return await this.#firstFrom(timestamp)
    } catch (error) {
      if (error instanceof CorruptDataError && !asSent.has(error)) this.#report(error)
      throw error
    }
  }

  async #firstFrom(timestamp: bigint): Promise<OffsetAndTimestamp | undefined> {
    const { condition, bounds, segments } = this.#parts
    condition.check()
    for (const segment of [...segments.all]) {
      if (segment.nextOffset <= bounds.logStartOffset || segment.isEmpty) continue
      if ((await segment.maxTimestamp()).timestamp < timestamp) continue
      for await (const scanned of segment.batchesFrom(timestamp)) {
        const { baseOffset, lastOffset, maxTimestamp } = scanned.header
        if (baseOffset >= bounds.highWatermark) return undefined
        if (maxTimestamp < timestamp || lastOffset < bounds.logStartOffset) continue
        // Its checksum holds: that it cannot be decompressed is how it was sent, and no damage.
        const found = await firstRecordFrom(scanned, timestamp, bounds.logStartOffset).catch(
          (error: unknown) => {
            if (error instanceof CorruptDataError) asSent.add(error)
            throw error
          },
        )
        if (found) return found
      }
    }
    return undefined
  }

  /** See `PartitionLog.maxTimestamp`. */
  async maxTimestamp(): Promise<OffsetAndTimestamp | undefined> {
    const { bounds, segments } = this.#parts
    let best: OffsetAndTimestamp | undefined
    for (const segment of segments.all) {
      if (segment.isEmpty) continue
      const found = await segment.maxTimestamp()
      if (!best || found.timestamp > best.timestamp) best = found
    }
    if (!best || best.offset < bounds.logStartOffset) return undefined
    return this.offsetForTimestamp(best.timestamp)
  }

  outOfRange(offset: bigint): OffsetOutOfRangeError {
    const { condition, bounds } = this.#parts
    return new OffsetOutOfRangeError(
      `Offset ${offset} of ${condition.name} is out of range: the log goes from ${bounds.logStartOffset} to ${bounds.logEndOffset}`,
      { code: 'OFFSET_OUT_OF_RANGE' },
    )
  }

  /** Lets go of what was read ahead. */
  clear(): void {
    this.#ahead.clear()
  }

  async #readStored(
    offset: bigint,
    maxBytes: number,
    minOneBatch: boolean,
    upTo: bigint,
  ): Promise<Uint8Array | undefined> {
    const { bounds, segments } = this.#parts
    // What holds no record is answered only when no record is behind it.
    let empty: Uint8Array | undefined
    for (let from = offset; ; ) {
      if (offset < bounds.logStartOffset) throw this.outOfRange(offset)
      const segment = segments.at(from)
      const { baseOffset } = segment
      const start = from > baseOffset ? from : baseOffset
      const found = await segment
        .read(start, maxBytes, minOneBatch, upTo)
        .catch((error: unknown) => this.#readFailed(error, segment, empty))
      if (found === 'gone') continue
      if (found === undefined) return empty
      if (found !== 'end') {
        if (await hasRecordFrom(found, offset)) return found
        empty = found
        from = endOf(found)
        continue
      }
      const next = segments.from(segment.nextOffset)
      if (!next || next === segment) return empty
      from = next.baseOffset
    }
  }

  #readFailed(error: unknown, segment: Segment, empty: Uint8Array | undefined): 'gone' | undefined {
    const { condition, segments } = this.#parts
    condition.check()
    // Retention, deletion or compaction took the segment away between the look-up and the read.
    if (!segments.includes(segment) && error instanceof StorageError) return 'gone'
    if (error instanceof CorruptDataError) this.#report(error)
    // The reader comes to the damage with its next read.
    if (empty) return undefined
    throw error
  }

  /** Each damage once: a reader asks for it again and again. */
  #report(error: CorruptDataError): void {
    const { condition, logger } = this.#parts
    if (this.#reported.has(error.message) || this.#reported.size >= reportedMax) return
    this.#reported.add(error.message)
    logger.error({ err: error, log: condition.name }, 'damaged data')
  }
}

/** Errors of batches that are as they were sent. */
const asSent = new WeakSet<CorruptDataError>()

/**
 * Whether whole batches hold a record at or after `offset`. Compaction leaves batches without any, and clients take an answer
 * of only those for the end of the log: kafkajs asks for the same offset again for ever.
 */
async function hasRecordFrom(bytes: Uint8Array, offset: bigint): Promise<boolean> {
  for (const header of readBatches(bytes)) {
    if (header.recordCount === 0) continue
    // Only one that was compacted, and begins before, can lack what it should end with.
    const isWhole = header.recordCount > header.lastOffsetDelta
    if (isWhole || header.baseOffset >= offset) return true
    const cursor = await openBatch(bytes, header)
    while (cursor.next()) if (cursor.offset >= offset) return true
  }
  return false
}

const int64Max = 2n ** 63n - 1n

/** Timestamps are numbers, and the largest are rounded to more than an int64 holds. */
function int64From(timestampMs: number): bigint {
  const value = BigInt(timestampMs)
  if (value > int64Max) return int64Max
  return value < -int64Max ? -int64Max : value
}

/** Whole appends that end at or below `upTo`, of at most `maxBytes`; the first whatever its size with `minOneBatch`. */
function firstOf(
  cached: readonly CachedAppend[],
  maxBytes: number,
  minOneBatch: boolean,
  upTo: bigint,
): Uint8Array | undefined {
  const parts: Uint8Array[] = []
  let size = 0
  for (const { nextOffset, bytes } of cached) {
    const isTooMuch = size + bytes.length > maxBytes && (parts.length > 0 || !minOneBatch)
    if (nextOffset > upTo || isTooMuch) break
    parts.push(bytes)
    size += bytes.length
  }
  return parts.length === 0 ? undefined : concatBytes(parts)
}

async function firstRecordFrom(
  { header, bytes }: ScannedBatch,
  timestamp: bigint,
  from: bigint,
): Promise<OffsetAndTimestamp | undefined> {
  const cursor = await openBatch(bytes, header)
  while (cursor.next()) {
    const found = int64From(cursor.timestampMs)
    if (found >= timestamp && cursor.offset >= from)
      return { offset: cursor.offset, timestamp: found }
  }
  return undefined
}
