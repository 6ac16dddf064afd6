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
import { CorruptDataError } from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'
import { loadCodec } from '../../protocol/compression/codec.ts'
import { rebuildBatch } from '../../protocol/records/rebuild-batch.ts'
import { verifyBatch } from '../../protocol/records/record-batch.ts'
import type { RecordCursor } from '../../protocol/records/record-reader.ts'
import type { File, FileSystem } from '../../storage/file-system.ts'
import { openBatch } from './open-batch.ts'
import type { PartitionLog } from './partition-log.ts'
import { type ScannedBatch, Segment } from './segment.ts'

/** Keys held in memory during one compaction; what lies beyond waits for the next. */
const keysMax = 2_000_000

/** Puts finished swaps in place and throws unfinished ones away. Run before the folder's segments are opened. */
export function finishSwaps(fileSystem: FileSystem, folder: string): void {
  for (const name of fileSystem.list(folder)) {
    const path = `${folder}/${name}`
    if (name.endsWith('.cleaned') || name.endsWith('.deleted') || name.endsWith('.tmp'))
      fileSystem.remove(path)
    if (!name.endsWith('.swap')) continue
    const final = path.slice(0, -'.swap'.length)
    // The indexes describe the segment that is being replaced; they are made anew.
    for (const ending of ['index', 'timeindex']) fileSystem.remove(final.replace(/log$/, ending))
    fileSystem.rename(path, final)
  }
}

/** Compacts what is worth it. Resolves with how many bytes were freed. */
export async function compact(
  log: PartitionLog,
  fileSystem: FileSystem,
  runtime: Runtime,
): Promise<number> {
  const { minCleanableDirtyRatio, minCompactionLagMs } = log.config
  const cleanable: Segment[] = []
  for (const segment of log.segments.slice(0, -1)) {
    if (segment.nextOffset > log.lastStableOffset) break
    const { timestamp } = await segment.maxTimestamp()
    if (Number(timestamp) > runtime.now() - minCompactionLagMs) break
    if (!segment.isEmpty) cleanable.push(segment)
  }
  const dirtyBytes = sizeOf(cleanable.filter((segment) => segment.nextOffset > log.compactedTo))
  if (dirtyBytes === 0 || dirtyBytes / sizeOf(cleanable) < minCleanableDirtyRatio) return 0
  const compaction = new Compaction(log, fileSystem, runtime)
  const known = await compaction.mapKeys(cleanable)
  let freed = 0
  for (const segment of cleanable) {
    if (segment.nextOffset <= known) freed += await compaction.rewrite(segment)
  }
  log.compactedTo = known
  return freed
}

function sizeOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, segment) => sum + segment.sizeInBytes, 0)
}

class Compaction {
  readonly #log: PartitionLog
  readonly #fileSystem: FileSystem
  readonly #nowMs: number
  readonly #lastOffsets = new Map<string, bigint>()

  constructor(log: PartitionLog, fileSystem: FileSystem, runtime: Runtime) {
    this.#log = log
    this.#fileSystem = fileSystem
    this.#nowMs = runtime.now()
  }

  /** Notes the last offset of every key; returns the offset up to which that is complete. */
  async mapKeys(segments: readonly Segment[]): Promise<bigint> {
    let known = 0n
    for (const segment of segments) {
      for await (const { header, bytes } of segment.scan()) {
        // To rewrite damaged data would give it a checksum that is right.
        if (!verifyBatch(bytes, header)) throw damagedSegment(segment)
        if (header.isControl) continue
        const cursor = await openBatch(bytes, header)
        while (cursor.next()) {
          const key = cursor.keyBytes()
          if (
            key &&
            !this.#isAborted(header.producerId, header.isTransactional, header.baseOffset)
          ) {
            this.#lastOffsets.set(nameOf(key), cursor.offset)
          }
        }
      }
      known = segment.nextOffset
      if (this.#lastOffsets.size > keysMax) break
    }
    return known
  }

  /** Replaces a segment by one without the records that are outdated; returns how many bytes that freed. */
  async rewrite(segment: Segment): Promise<number> {
    const cleaned = `${segment.path}.log.cleaned`
    this.#fileSystem.remove(cleaned)
    const file = this.#fileSystem.open(cleaned, { create: true })
    let isChanged = false
    try {
      for await (const scanned of segment.scan()) {
        // The last batch stays, empty if need be: segments leave no gap between them, so recovery sees what is lost.
        const isLast = scanned.header.lastOffset + 1n === segment.nextOffset
        const kept = await this.#keep(scanned, isLast)
        isChanged ||= !kept || kept.buffer !== scanned.bytes.buffer
        if (kept) file.write(kept, file.size)
      }
      if (!isChanged || file.size === 0) {
        this.#fileSystem.remove(cleaned)
        return 0
      }
      await file.sync()
    } finally {
      file.close()
    }
    if (this.#isGone(segment)) {
      this.#fileSystem.remove(cleaned)
      return 0
    }
    return this.#swap(segment, cleaned, file)
  }

  async #swap(segment: Segment, cleaned: string, file: File): Promise<number> {
    const freed = segment.sizeInBytes - file.size
    const folder = this.#log.folder
    this.#fileSystem.rename(cleaned, `${segment.path}.log.swap`)
    await this.#fileSystem.syncDirectory(folder)
    if (this.#isGone(segment)) {
      this.#fileSystem.remove(`${segment.path}.log.swap`)
      return 0
    }
    // From here to `replaceSegments` nothing waits: readers see the old segment or the new one.
    for (const ending of ['index', 'timeindex'])
      this.#fileSystem.remove(`${segment.path}.${ending}`)
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

  /** Deleted, by retention or with its topic, while this was waiting. */
  #isGone(segment: Segment): boolean {
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
    const codec = header.compression === 'none' ? undefined : await loadCodec(header.compression)
    let hasTombstone = false
    const keep = (cursor: RecordCursor) => {
      const key = cursor.keyBytes()
      if (!key || isAborted || this.#lastOffsets.get(nameOf(key)) !== cursor.offset) return false
      if (cursor.valueBytes() !== null) return true
      hasTombstone ||= !isOver
      return !isOver
    }
    const horizonMs = this.#nowMs + this.#log.config.deleteRetentionMs
    const plain = rebuildBatch(bytes, header, codec, keep)
    const needsHorizon = hasTombstone && header.deleteHorizonMs === undefined
    const rebuilt = needsHorizon ? rebuildBatch(bytes, header, codec, keep, horizonMs) : plain
    if (needsHorizon) return rebuilt.bytes
    if (rebuilt.keptCount === header.recordCount) return whole
    const holdsLastSequence = this.#log.lastOffsetOf(header.producerId) === header.lastOffset
    return rebuilt.keptCount > 0 || holdsLastSequence || isLast ? rebuilt.bytes : undefined
  }

  #isAborted(producerId: bigint, isTransactional: boolean, offset: bigint): boolean {
    if (!isTransactional) return false
    return this.#log
      .abortedTransactions(offset, offset + 1n)
      .some((aborted) => aborted.producerId === producerId && aborted.firstOffset <= offset)
  }
}

function damagedSegment(segment: Segment): CorruptDataError {
  return new CorruptDataError(`${segment.path}.log holds damaged data and is not compacted`, {
    code: 'CORRUPT_MESSAGE',
  })
}

/** Keys are compared byte by byte; as text where they are text, which most are. */
function nameOf(key: Uint8Array): string {
  const text = decodeUtf8(key)
  return text.includes('\ufffd') ? `\ufffd${key.join(',')}` : text
}
