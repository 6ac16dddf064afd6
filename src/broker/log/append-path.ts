/**
 * The append path of a log, its single writer: validates what is sent, gives it offsets, writes it to the active segment,
 * rolls segments, and keeps what the log knows of producers and their transactions. An append is synchronous and whole:
 * all its batches or none. What it writes is put on stable storage by the group commit.
 *
 *   checkSentBatches → ProducerState.check → offsets → roll → aborted index → segment → ProducerState.record → tail cache
 */
import { ProducerFencedError } from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'
import {
  assignOffsets,
  type BatchHeader,
  readBatchHeader,
  setAppendTime,
} from '../../protocol/records/record-batch.ts'
import type { FileSystem } from '../../storage/file-system.ts'
import {
  buildMarker,
  type ControlType,
  type MarkerProducer,
  readControlType,
} from './control-record.ts'
import { type DiskReserve, isShortage, levelOf } from './disk-reserve.ts'
import type { GroupCommit } from './group-commit.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import type { LogCondition } from './log-condition.ts'
import type { LogConfig } from './log-config.ts'
import { ProducerSnapshots } from './producer-snapshots.ts'
import type { ProducerState, ProducerView } from './producer-state.ts'
import { Segment } from './segment.ts'
import type { SegmentList } from './segment-list.ts'
import { checkSentBatches, type Origin } from './sent-batches.ts'
import type { TailCache } from './tail-cache.ts'
import type { Timeline } from './timeline.ts'
import type { TransactionIndex } from './transaction-index.ts'
import {
  hasTransactionIndexChecksums,
  writeTransactionIndexChecksums,
} from './transaction-index-checksums.ts'

/** A segment is rolled before a relative offset would pass 31 bits, and its file too. */
const segmentOffsetsMax = 2n ** 31n - 1n
const segmentBytesMax = 2 ** 31 - 1

/** Where an append went. */
export interface Appended {
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  /** Epoch milliseconds when the topic uses LogAppendTime, else -1. */
  readonly logAppendTime: number
  /** The batch had been appended before: these are its original offsets. */
  readonly duplicate: boolean
}

export interface AppendPathParts {
  readonly fileSystem: FileSystem
  readonly runtime: Runtime
  /** What appends keep clear of; undefined: they may use all of the disk. */
  readonly reserve?: DiskReserve | undefined
  readonly folder: string
  readonly condition: LogCondition
  /** The topic's configs, which may change. */
  readonly config: () => LogConfig
  readonly segments: SegmentList
  readonly producers: ProducerState
  readonly epochs: LeaderEpochs
  readonly transactions: TransactionIndex
  readonly commit: GroupCommit
  readonly cache: TailCache
  readonly timeline: Timeline
  /** Called when a segment was closed. */
  readonly onRoll: () => void
}

/** The transaction's marker was appended, and is not on stable storage yet. */
interface EndingTransaction {
  readonly firstOffset: bigint
  readonly endOffset: bigint
}

export class AppendPath {
  readonly #parts: AppendPathParts
  readonly #snapshots: ProducerSnapshots
  /** Bytes that are the log's. */
  readonly #taken = new WeakSet<Uint8Array>()
  #endOffset: bigint
  /** What stands beside the log is as it was when the log ended here; undefined: not known. */
  #savedTo: bigint | undefined
  /** A segment that could not be begun and is still there: it begins where the log ends. */
  #unbegun: Segment | undefined
  #firstOpen: bigint | undefined
  #ending: EndingTransaction[] = []

  /** `savedTo`: the snapshot as of this offset, and all else that stands beside the log, is on stable storage. */
  constructor(parts: AppendPathParts, endOffset: bigint, savedTo: bigint | undefined) {
    this.#parts = parts
    this.#snapshots = new ProducerSnapshots(parts.fileSystem, parts.folder)
    this.#endOffset = endOffset
    this.#savedTo = savedTo
    this.#firstOpen = parts.producers.firstUnstableOffset()
  }

  /** The offset that the next record gets. */
  get endOffset(): bigint {
    return this.#endOffset
  }

  /** Where the oldest transaction begins that is open, or whose marker is not on stable storage; undefined: there is none. */
  get firstUnstableOffset(): bigint | undefined {
    let first = this.#firstOpen
    for (const { firstOffset } of this.#ending)
      if (first === undefined || firstOffset < first) first = firstOffset
    return first
  }

  /** Markers below `offset` are on stable storage. */
  synced(offset: bigint): void {
    if (this.#ending.length > 0)
      this.#ending = this.#ending.filter(({ endOffset }) => endOffset > offset)
  }

  /** See `PartitionLog.append`. */
  append(sent: Uint8Array, origin: Origin): Appended {
    const { condition, runtime, producers, reserve, segments, commit, cache, timeline } =
      this.#parts
    const config = this.#parts.config()
    condition.check()
    // Bytes that are the log's already still serve readers at their first place.
    const records = this.#taken.has(sent) ? sent.slice() : sent
    const batches = checkSentBatches(condition.name, records, origin, config)
    const original = origin === 'client' ? producers.check(batches[0]!) : undefined
    if (original) return { ...original, logAppendTime: -1, duplicate: true }
    reserve?.admit(records.length, origin === 'client')
    this.#removeUnbegun()
    const nowMs = runtime.now()
    const stamps = config.messageTimestampType === 'LogAppendTime'
    const headers = this.#assignOffsets(records, batches, stamps ? nowMs : undefined)
    const baseOffset = this.#endOffset
    const endOffset = headers.at(-1)!.lastOffset + 1n
    const write = () => {
      this.#rollIfNeeded(records.length, endOffset, nowMs)
      this.#write(segments.active, records, headers)
    }
    if (reserve) reserve.spared(write)
    else write()
    const { active } = segments
    active.firstAppendMs ??= nowMs
    for (const header of headers) this.#remember(header, records, nowMs)
    this.#endOffset = endOffset
    this.#taken.add(records)
    cache.add({ baseOffset, nextOffset: endOffset, bytes: records })
    const timestampMs = Number(headers.at(-1)!.maxTimestamp)
    timeline.appended({ offset: baseOffset, nextOffset: endOffset, timestampMs, arrivedMs: nowMs })
    commit.written(active.file)
    return {
      baseOffset,
      lastOffset: endOffset - 1n,
      logAppendTime: stamps ? nowMs : -1,
      duplicate: false,
    }
  }

  /** See `PartitionLog.appendMarker`. */
  appendMarker(producer: MarkerProducer, type: ControlType, coordinatorEpoch: number): bigint {
    const { condition, producers, runtime } = this.#parts
    condition.check()
    const { producerId, producerEpoch } = producer
    const state = producers.stateOf(producerId)
    if (state && producerEpoch < state.epoch) {
      throw new ProducerFencedError(
        `Producer ${producerId} has epoch ${state.epoch} in ${condition.name}; a marker came with ${producerEpoch}`,
        { code: 'INVALID_PRODUCER_EPOCH' },
      )
    }
    const firstOffset = state?.transactionFirstOffset ?? -1n
    const isDone = !state || (firstOffset < 0n && producerEpoch === state.epoch)
    if (isDone) return this.#endOffset
    const marker = buildMarker(producer, type, coordinatorEpoch, runtime.now())
    const endOffset = this.append(marker, 'broker').lastOffset + 1n
    if (firstOffset >= 0n) this.#ending.push({ firstOffset, endOffset })
    return endOffset
  }

  /**
   * Finishes the active segment and begins another, unless nothing was appended to it. With `isSnapshotNeeded` it throws when
   * what stands beside the finished one cannot be written.
   */
  roll({ isSnapshotNeeded = false }: { readonly isSnapshotNeeded?: boolean } = {}): void {
    const { fileSystem, runtime, folder, condition, segments, commit } = this.#parts
    const finished = segments.active
    if (finished.isEmpty) return
    this.#removeUnbegun()
    const { indexIntervalBytes } = this.#parts.config()
    const next = Segment.create(fileSystem, folder, this.#endOffset, indexIntervalBytes)
    try {
      this.saveBeside(finished)
      finished.unload()
    } catch (error) {
      if (isSnapshotNeeded || isShortage(error)) {
        this.#revert(next)
        throw error
      }
      // They can be made anew from the log.
      runtime.logger.warn(
        { err: error, log: condition.name },
        'an index or snapshot could not be written',
      )
    }
    segments.add(next)
    commit.folderChanged()
    this.#parts.onRoll()
  }

  /**
   * Removes a segment that nothing was written to. The one before it goes on past its first offset, so it must not be there
   * after a loss of power: what is appended next is acknowledged only when the removal is on stable storage too.
   */
  #revert(next: Segment): void {
    this.#unbegun = next
    try {
      this.#removeUnbegun()
    } catch (error) {
      const { runtime, condition } = this.#parts
      runtime.logger[levelOf(error, 'warn')](
        { err: error, log: condition.name },
        'a segment that could not be started could not be removed; the next append retries',
      )
    }
  }

  /** Throws `StorageError` when it cannot: then nothing may be appended. */
  #removeUnbegun(): void {
    if (!this.#unbegun) return
    this.#unbegun.remove()
    this.#unbegun = undefined
    this.#parts.commit.folderChanged()
  }

  /** Writes what stands beside a finished segment; synced together with the log, for the next open trusts it. */
  saveBeside(segment: Segment): void {
    const { fileSystem, folder, commit, producers, transactions } = this.#parts
    commit.writtenBeside(segment.writeIndexes())
    if (this.#savedTo === this.#endOffset) return
    commit.writtenBeside([this.#snapshots.write(this.#endOffset, producers)])
    const aborted = [...transactions.contents()]
    if (aborted.length > 0 || hasTransactionIndexChecksums(fileSystem, folder))
      commit.writtenBeside([writeTransactionIndexChecksums(fileSystem, folder, aborted)])
    this.#savedTo = this.#endOffset
  }

  /** Removes the snapshots of segments that are gone: those that began below `offset`. */
  dropSnapshotsBelow(offset: bigint): void {
    this.#snapshots.removeBelow(offset)
  }

  producerViews(): ProducerView[] {
    return this.#parts.producers.views()
  }

  /** Last offset of the producer's newest batch; undefined when the producer is not known. */
  lastOffsetOf(producerId: bigint): bigint | undefined {
    return this.#parts.producers.lastOffsetOf(producerId)
  }

  /** Forgets producers that were last heard of before `beforeMs`, wall-clock milliseconds. */
  expireProducers(beforeMs: number): void {
    this.#parts.producers.expire(beforeMs)
  }

  /** Sets the batches' offsets, and their time when it is given, in place; returns their new headers. */
  #assignOffsets(
    records: Uint8Array,
    batches: readonly BatchHeader[],
    appendTimeMs: number | undefined,
  ): BatchHeader[] {
    let offset = this.#endOffset
    return batches.map(({ position, lastOffsetDelta }) => {
      assignOffsets(records, position, offset, this.#parts.epochs.current)
      if (appendTimeMs !== undefined) setAppendTime(records, position, appendTimeMs)
      offset += BigInt(lastOffsetDelta + 1)
      return readBatchHeader(records, position)
    })
  }

  #rollIfNeeded(moreBytes: number, endOffset: bigint, nowMs: number): void {
    const { active } = this.#parts.segments
    if (active.isEmpty) return
    const { segmentBytes, segmentMs, cleanupPolicy, maxCompactionLagMs } = this.#parts.config()
    // The active segment is not compacted, so it must not get older than what waits for compaction may.
    const ageMaxMs = cleanupPolicy.compact ? Math.min(segmentMs, maxCompactionLagMs) : segmentMs
    const isFull =
      active.sizeInBytes + moreBytes > Math.min(segmentBytes, segmentBytesMax) ||
      endOffset - active.baseOffset > segmentOffsetsMax
    const isOld = active.firstAppendMs !== undefined && nowMs - active.firstAppendMs > ageMaxMs
    if (isFull || isOld) this.roll()
  }

  #write(active: Segment, records: Uint8Array, headers: readonly BatchHeader[]): void {
    const { condition, transactions, commit } = this.#parts
    // First, for it may find no space; an entry beyond the end of the log is dropped by recovery.
    const indexed = this.#indexAborted(headers, records)
    const sizeBefore = active.sizeInBytes
    try {
      active.append(records, headers)
    } catch (error) {
      // What could not be taken back would stand before the next append as damage.
      if (active.sizeInBytes !== sizeBefore) condition.goOffline(error)
      // What was taken back may be on the disk: an orderly close must not leave it there.
      else commit.written(active.file)
      for (let i = 0; i < indexed; i++) transactions.undoAppend(active)
      throw condition.offline ?? error
    }
  }

  /** Adds the transactions that these batches abort to the index; returns how many. */
  #indexAborted(headers: readonly BatchHeader[], records: Uint8Array): number {
    const { producers, transactions, segments, commit } = this.#parts
    let indexed = 0
    for (const header of headers) {
      if (!header.isControl || readControlType(records, header) === 'commit') continue
      const aborted = producers.abortedBy(header)
      if (!aborted) continue
      commit.written(transactions.append(segments.active, aborted))
      indexed++
    }
    return indexed
  }

  #remember(header: BatchHeader, records: Uint8Array, nowMs: number): void {
    const { producers } = this.#parts
    if (header.isControl) {
      const isCommit = readControlType(records, header) === 'commit'
      producers.recordMarker(header, isCommit, 0, nowMs)
    } else producers.record(header, nowMs)
    if (header.isTransactional) this.#firstOpen = producers.firstUnstableOffset()
  }
}
