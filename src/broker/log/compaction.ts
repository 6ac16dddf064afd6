/**
 * Compaction (`cleanup.policy=compact`): of the records with one key only the last stays, at its offset. A null value (a
 * tombstone) stays for `delete.retention.ms`, so that consumers see the deletion, then goes too.
 *
 * Works on the segments before the active one, as far as they are on stable storage. Each is rewritten into
 * `.cleaned`, synced, renamed to `.swap`, and then put in the old one's place; a crash leaves either the old segment
 * (a `.cleaned` file is thrown away at the next open) or the new one (a `.swap` file is put in place).
 *
 * Batches keep their producer fields and offsets; one that loses all its records is kept empty while it holds its
 * producer's last sequence, for the dedup window is in the log. Transactional batches are compacted only where the
 * transaction has ended, and those of aborted ones go entirely.
 */
import { decodeUtf8 } from '../../core/bytes.ts'
import type { Runtime } from '../../core/runtime.ts'
import { loadCodec } from '../../protocol/compression/codec.ts'
import { rebuildBatch } from '../../protocol/records/rebuild-batch.ts'
import type { RecordCursor } from '../../protocol/records/record-reader.ts'
import type { FileSystem } from '../../storage/file-system.ts'
import { CleanedFile } from './cleaned-file.ts'
import { openBatch } from './open-batch.ts'
import type { PartitionLog } from './partition-log.ts'
import { type ScannedBatch, Segment } from './segment.ts'
import { Slices } from './slices.ts'

/** Records that are looked at without a chance for a pause. */
const recordsAtOnce = 64

/** Keys held in memory during one compaction; what lies beyond waits for the next. */
const keysMax = 2_000_000
/** Puts finished swaps in place and throws unfinished ones away. Run before the folder's segments are opened. */
export async function finishSwaps(fileSystem: FileSystem, folder: string): Promise<void> {
  const swaps: string[] = []
  for (const name of fileSystem.list(folder)) {
    const path = `${folder}/${name}`
    if (name.endsWith('.cleaned') || name.endsWith('.deleted') || name.endsWith('.tmp'))
      fileSystem.remove(path)
    if (!name.endsWith('.swap')) continue
    swaps.push(path)
    // The indexes describe the segment that is being replaced; they are made anew.
    for (const ending of indexEndings) fileSystem.remove(path.replace(/log\.swap$/, ending))
  }
  if (swaps.length === 0) return
  await fileSystem.syncDirectory(folder)
  for (const path of swaps) fileSystem.rename(path, path.slice(0, -'.swap'.length))
  await fileSystem.syncDirectory(folder)
}

const indexEndings = ['index', 'timeindex']

/** What a compaction did. */
export interface Compacted {
  readonly fromOffset: bigint
  readonly toOffset: bigint
  readonly freedBytes: number
  readonly removedRecords: number
  /** Of those removed: records without a key, from before the topic was compacted. */
  readonly removedWithoutKey: number
}

export interface CompactOptions {
  /** The time that retention goes by, wall-clock milliseconds. Default: the clock's. */
  readonly nowMs?: number
  readonly slices?: Slices
  /** Default: never. */
  readonly isStopped?: () => boolean
}

/**
 * Compacts what is worth it: what has come since the last time (the dirty part) is more than `min.cleanable.dirty.ratio` of
 * the log, or the oldest of it waits for longer than `max.compaction.lag.ms`. Undefined: there was nothing. Works in slices; once `isStopped`, what is not done is left for the next time.
 */
export async function compact(
  log: PartitionLog,
  fileSystem: FileSystem,
  runtime: Pick<Runtime, 'now' | 'monotonicNow' | 'setTimer'>,
  options: CompactOptions = {},
): Promise<Compacted | undefined> {
  const { nowMs = runtime.now(), slices = new Slices(runtime), isStopped = () => false } = options
  const cleanable = await findCleanable(log, nowMs)
  const dirty = cleanable.filter((segment) => segment.nextOffset > log.compactedTo)
  if (dirty.length === 0) return undefined
  const dirtyRatio = sizeOf(dirty) / sizeOf(cleanable)
  if (dirtyRatio <= log.config.minCleanableDirtyRatio && !(await isOverdue(log, dirty, nowMs)))
    return undefined
  const compaction = new Compaction(log, fileSystem, slices, nowMs, isStopped)
  const known = await compaction.mapKeys(dirty)
  let freedBytes = 0
  for (const segment of cleanable)
    if (segment.nextOffset <= known) freedBytes += await compaction.rewrite(segment)
  if (isStopped()) return undefined
  const fromOffset = dirty[0]!.baseOffset
  log.compactedTo = known
  const { removedRecords, removedWithoutKey } = compaction
  return { fromOffset, toOffset: known, freedBytes, removedRecords, removedWithoutKey }
}

/** The segments before the active one that are stored, free of open transactions, and old enough. */
async function findCleanable(log: PartitionLog, nowMs: number): Promise<Segment[]> {
  const { minCompactionLagMs } = log.config
  const cleanable: Segment[] = []
  for (const segment of log.segments.slice(0, -1)) {
    if (segment.nextOffset > log.lastStableOffset) break
    if (minCompactionLagMs > 0) {
      const { timestamp } = await segment.maxTimestamp()
      if (Number(timestamp) > nowMs - minCompactionLagMs) break
    }
    if (!segment.isEmpty) cleanable.push(segment)
  }
  return cleanable
}

/** Whether the dirty part waits for longer than it may (KIP-354). */
async function isOverdue(
  log: PartitionLog,
  dirty: readonly Segment[],
  nowMs: number,
): Promise<boolean> {
  const { maxCompactionLagMs } = log.config
  if (!Number.isSafeInteger(maxCompactionLagMs)) return false
  for (const segment of dirty) {
    const timestamp = await segment.firstTimestamp()
    if (timestamp !== undefined && Number(timestamp) < nowMs - maxCompactionLagMs) return true
  }
  return false
}

function sizeOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, segment) => sum + segment.sizeInBytes, 0)
}

class Compaction {
  removedRecords = 0
  removedWithoutKey = 0
  readonly #log: PartitionLog
  readonly #fileSystem: FileSystem
  readonly #slices: Slices
  readonly #nowMs: number
  readonly #isStopped: () => boolean
  /** Of the keys in the dirty part; what is before that has each key once. */
  readonly #lastOffsets = new Map<string, bigint>()

  constructor(
    log: PartitionLog,
    fileSystem: FileSystem,
    slices: Slices,
    nowMs: number,
    isStopped: () => boolean,
  ) {
    this.#log = log
    this.#fileSystem = fileSystem
    this.#slices = slices
    this.#nowMs = nowMs
    this.#isStopped = isStopped
  }

  /** Notes the last offset of every key, unless a segment is damaged: to rewrite that would give it a checksum that is right. Returns the offset up to which that is complete. */
  async mapKeys(segments: readonly Segment[]): Promise<bigint> {
    let known = 0n
    for (const segment of segments) {
      for await (const { header, bytes } of segment.scan()) {
        if (header.isControl) continue
        await this.#slices.pause()
        if (this.#isStopped()) return 0n
        if (this.#isAborted(header.producerId, header.isTransactional, header.baseOffset)) continue
        const cursor = await openBatch(bytes, header)
        for (let count = 1; cursor.next(); count++) {
          const key = cursor.keyBytes()
          if (key) this.#lastOffsets.set(nameOf(key), cursor.offset)
          if (count % recordsAtOnce === 0) await this.#slices.pause()
        }
      }
      known = segment.nextOffset
      if (this.#lastOffsets.size > keysMax) break
    }
    return known
  }

  /** Replaces a segment by one without the records that are outdated; returns how many bytes that freed. */
  async rewrite(segment: Segment): Promise<number> {
    const cleaned = new CleanedFile(this.#fileSystem, segment, this.#slices)
    try {
      for await (const scanned of segment.scan()) {
        await this.#slices.pause()
        if (this.#isStopped()) break
        // The last batch stays, empty if need be: segments leave no gap between them, so recovery sees what is lost.
        const isLast = scanned.header.lastOffset + 1n === segment.nextOffset
        const kept = await this.#keep(scanned, isLast)
        const isSame = kept !== undefined && kept.buffer === scanned.bytes.buffer
        await cleaned.add(isSame ? 'same' : kept, scanned)
      }
      const size = this.#isStopped() ? 0 : await cleaned.finish()
      if (size > 0 && !this.#isRemoved(segment))
        return await this.#swap(segment, cleaned.path, size)
    } catch (error) {
      // It takes space, which may be what there is none of.
      cleaned.remove()
      throw error
    }
    cleaned.remove()
    return 0
  }

  async #swap(segment: Segment, cleaned: string, size: number): Promise<number> {
    const freed = segment.sizeInBytes - size
    const folder = this.#log.folder
    this.#fileSystem.rename(cleaned, `${segment.path}.log.swap`)
    await this.#fileSystem.syncDirectory(folder)
    if (this.#isGivenUp(segment)) return 0
    // Gone for good before the new segment takes the name: after a loss of power they would be taken for its own.
    for (const ending of indexEndings) this.#fileSystem.remove(`${segment.path}.${ending}`)
    await this.#fileSystem.syncDirectory(folder)
    if (this.#isGivenUp(segment)) return 0
    // From here to `replaceSegments` nothing waits: readers see the old segment or the new one.
    this.#fileSystem.rename(`${segment.path}.log.swap`, `${segment.path}.log`)
    const { baseOffset, nextOffset } = segment
    const by = Segment.open(
      this.#fileSystem,
      folder,
      baseOffset,
      this.#log.config.indexIntervalBytes,
      nextOffset,
    )
    this.#log.replaceSegments([segment], by)
    // Reads in flight on the old file finish on it.
    segment.close()
    await this.#fileSystem.syncDirectory(folder)
    return freed
  }

  /** Whether the segment is to stay after all; then what should take its place is removed. */
  #isGivenUp(segment: Segment): boolean {
    if (!this.#isRemoved(segment) && !this.#isStopped()) return false
    this.#fileSystem.remove(`${segment.path}.log.swap`)
    return true
  }

  /** Deleted, by retention or with its topic, while this was waiting. */
  #isRemoved(segment: Segment): boolean {
    return this.#log.isClosed || !this.#log.segments.includes(segment)
  }

  /** The batch as it stays; undefined when nothing of it does. */
  async #keep({ header, bytes }: ScannedBatch, isLast: boolean): Promise<Uint8Array | undefined> {
    const whole = bytes.subarray(header.position, header.position + header.sizeInBytes)
    // Markers stay: they say which transactions were aborted.
    if (header.isControl) return whole
    const isAborted = this.#isAborted(header.producerId, header.isTransactional, header.baseOffset)
    // A tombstone's time runs from the first compaction that meets it (KIP-534), not from its event.
    const isOver = header.deleteHorizonMs !== undefined && header.deleteHorizonMs <= this.#nowMs
    let hasTombstone = false
    const verdicts: boolean[] = []
    const cursor = await openBatch(bytes, header)
    while (cursor.next()) {
      const isNewest = !isAborted && this.#isNewest(cursor)
      const isTombstone = isNewest && cursor.valueBytes() === null
      hasTombstone ||= isTombstone && !isOver
      verdicts.push(isNewest && !(isTombstone && isOver))
      if (verdicts.length % recordsAtOnce === 0) await this.#slices.pause()
    }
    const keptCount = verdicts.filter(Boolean).length
    this.removedRecords += header.recordCount - keptCount
    const needsHorizon = hasTombstone && header.deleteHorizonMs === undefined
    if (keptCount === header.recordCount && !needsHorizon) return whole
    const holdsLastSequence = this.#log.lastOffsetOf(header.producerId) === header.lastOffset
    if (keptCount === 0 && !holdsLastSequence && !isLast) return undefined
    const codec = header.compression === 'none' ? undefined : await loadCodec(header.compression)
    const horizonMs = needsHorizon ? this.#nowMs + this.#log.config.deleteRetentionMs : undefined
    let next = 0
    return rebuildBatch(bytes, header, codec, () => verdicts[next++]!, horizonMs).bytes
  }

  #isNewest(cursor: RecordCursor): boolean {
    const key = cursor.keyBytes()
    if (!key) {
      this.removedWithoutKey++
      return false
    }
    const last = this.#lastOffsets.get(nameOf(key))
    return last === undefined || last <= cursor.offset
  }

  #isAborted(producerId: bigint, isTransactional: boolean, offset: bigint): boolean {
    if (!isTransactional) return false
    return this.#log
      .abortedTransactions(offset, offset + 1n)
      .some((aborted) => aborted.producerId === producerId && aborted.firstOffset <= offset)
  }
}

/** Keys are compared byte by byte; as text where they are text, which most are. */
function nameOf(key: Uint8Array): string {
  const text = decodeUtf8(key)
  return text.includes('\ufffd') ? `\ufffd${key.join(',')}` : text
}
