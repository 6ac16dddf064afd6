/**
 * The log of one partition, and what readers may see of it:
 *
 *   logStartOffset ≤ lastStableOffset ≤ highWatermark ≤ logEndOffset
 *
 * It joins three parts, each with state of its own: the append path (`AppendPath`, the single writer), group commit
 * (`GroupCommit`: what is on stable storage) and reading (`LogReader`). `highWatermark` is how far the log is on stable
 * storage, so what a consumer has read no crash can take back.
 */
import { StorageError } from '../../core/errors.ts'
import type { Observations } from '../../core/metrics.ts'
import type { Runtime } from '../../core/runtime.ts'
import type { FileSystem } from '../../storage/file-system.ts'
import { type Appended, AppendPath } from './append-path.ts'
import type { EpochStart } from './checkpoint-file.ts'
import type { ControlType, MarkerProducer } from './control-record.ts'
import { type DiskReserve, levelOf } from './disk-reserve.ts'
import { GroupCommit } from './group-commit.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import { LogCondition } from './log-condition.ts'
import type { LogConfig } from './log-config.ts'
import { LogReader, type OffsetAndTimestamp } from './log-reader.ts'
import type { LostRange } from './lost-range.ts'
import type { ProducerState, ProducerView } from './producer-state.ts'
import type { Segment } from './segment.ts'
import { SegmentList } from './segment-list.ts'
import type { Origin } from './sent-batches.ts'
import { type CacheBudget, TailCache } from './tail-cache.ts'
import { Timeline } from './timeline.ts'
import { TransactionIndex } from './transaction-index.ts'

const tailCacheBytes = 1024 * 1024

export interface AppendResult extends Appended {
  readonly logStartOffset: bigint
}

/** What whoever opens a log gives. */
export interface LogParts {
  readonly fileSystem: FileSystem
  readonly runtime: Runtime
  /** What appends keep clear of; undefined: they may use all of the disk. */
  readonly reserve?: DiskReserve | undefined
  readonly topic: string
  readonly partition: number
  readonly config: LogConfig
  readonly logStartOffset: bigint
  readonly cacheBudget: CacheBudget
  /** How long the log's syncs take. */
  readonly syncs: Observations
  /** Everything below has been compacted. */
  readonly compactedTo?: bigint | undefined
  /** Called when a segment was closed. */
  readonly onRoll?: ((log: PartitionLog) => void) | undefined
  /** Whether files of the log may be removed now; default: always. */
  readonly mayRemove?: ((log: PartitionLog) => boolean) | undefined
}

/** What recovery, or creation, has found in its folder. */
export interface RecoveredLog {
  readonly folder: string
  /** By base offset; the last one is written to. */
  readonly segments: Segment[]
  /** What is gone from its beginning, though nobody has deleted it. */
  readonly lostStart: LostRange | undefined
  readonly producers: ProducerState
  readonly epochs: LeaderEpochs
  /** Where the log ended when what stands beside it was saved; undefined: not known. */
  readonly savedTo: bigint | undefined
}

export class PartitionLog {
  readonly topic: string
  readonly partition: number
  readonly folder: string
  /** What was gone from its beginning when it was opened, though nobody had deleted it. */
  readonly lostStart: LostRange | undefined
  /** When its records came. */
  readonly timeline = new Timeline()
  readonly #runtime: Runtime
  readonly #condition: LogCondition
  readonly #segments: SegmentList
  readonly #epochs: LeaderEpochs
  readonly #transactions: TransactionIndex
  readonly #cache: TailCache
  readonly #appends: AppendPath
  readonly #commit: GroupCommit
  readonly #reader: LogReader
  readonly #listeners = new Set<() => void>()
  /** Everything below has been compacted. */
  compactedTo: bigint
  #config: LogConfig
  #logStartOffset: bigint
  /** Their files are being removed. */
  readonly #dropping: Segment[] = []
  readonly #mayRemove: () => boolean

  constructor(parts: LogParts, recovered: RecoveredLog) {
    const { fileSystem, runtime, cacheBudget } = parts
    const { folder } = recovered
    this.#runtime = runtime
    this.topic = parts.topic
    this.partition = parts.partition
    this.folder = folder
    this.lostStart = recovered.lostStart
    this.#config = parts.config
    this.#mayRemove = () => parts.mayRemove?.(this) ?? true
    this.#epochs = recovered.epochs
    const { baseOffset } = recovered.segments[0]!
    this.#logStartOffset = baseOffset > parts.logStartOffset ? baseOffset : parts.logStartOffset
    this.#segments = new SegmentList(recovered.segments)
    const { nextOffset } = this.#segments.active
    const endOffset = nextOffset > this.#logStartOffset ? nextOffset : this.#logStartOffset
    // Beyond the end it cannot be: the checkpoint is damaged, or of an earlier log of this name.
    const { compactedTo = 0n } = parts
    this.compactedTo = compactedTo > endOffset ? 0n : compactedTo
    this.#condition = new LogCondition(
      `${parts.topic}-${parts.partition}`,
      runtime.logger,
      (error) => {
        this.#commit.fail(error)
        this.#notify()
      },
    )
    this.#cache = new TailCache(cacheBudget, tailCacheBytes)
    this.#transactions = new TransactionIndex(fileSystem, () => this.#segments.all)
    this.#commit = new GroupCommit({
      fileSystem,
      runtime,
      syncs: parts.syncs,
      folder,
      condition: this.#condition,
      syncedTo: endOffset,
      alongside: () => this.#saveEpochs(),
      endOffset: () => this.#appends.endOffset,
      onSynced: (offset) => {
        this.#appends.synced(offset)
        this.#notify()
      },
    })
    this.#appends = new AppendPath(
      {
        fileSystem,
        runtime,
        reserve: parts.reserve,
        folder,
        condition: this.#condition,
        config: () => this.#config,
        segments: this.#segments,
        producers: recovered.producers,
        epochs: recovered.epochs,
        transactions: this.#transactions,
        commit: this.#commit,
        cache: this.#cache,
        timeline: this.timeline,
        onRoll: () => parts.onRoll?.(this),
      },
      endOffset,
      recovered.savedTo,
    )
    this.#reader = new LogReader({
      logger: runtime.logger,
      condition: this.#condition,
      bounds: this,
      segments: this.#segments,
      cache: this.#cache,
      cacheBudget,
    })
  }

  get logStartOffset(): bigint {
    return this.#logStartOffset
  }

  get logEndOffset(): bigint {
    return this.#appends.endOffset
  }

  get highWatermark(): bigint {
    return this.#commit.syncedTo
  }

  /**
   * Where the oldest open transaction begins, or what is left of it; but not past the high watermark. It is open until its
   * marker is on stable storage.
   */
  get lastStableOffset(): bigint {
    const { highWatermark } = this
    const first = this.#appends.firstUnstableOffset
    if (first === undefined || first >= highWatermark) return highWatermark
    return first > this.#logStartOffset ? first : this.#logStartOffset
  }

  /** The current leader epoch while it is not stored with the log; else undefined. */
  get unsavedEpoch(): EpochStart | undefined {
    return this.#epochs.unsaved
  }

  get leaderEpoch(): number {
    return this.#epochs.current
  }

  /** The epoch that wrote, or will write, the record at `offset`. */
  leaderEpochAt(offset: bigint): number {
    return this.#epochs.at(offset)
  }

  get config(): LogConfig {
    return this.#config
  }

  /** Set once the disk has failed the partition: nothing is served any more. */
  get offline(): StorageError | undefined {
    return this.#condition.offline
  }

  get isClosed(): boolean {
    return this.#condition.isClosed
  }

  get sizeInBytes(): number {
    return this.#segments.sizeInBytes
  }

  get segments(): readonly Segment[] {
    return this.#segments.all
  }

  updateConfig(config: LogConfig): void {
    this.#config = config
  }

  /**
   * Appends the batches in `sent` at the end: validates each, gives it its offsets in place, and writes the bytes.
   * The bytes are the log's from then on. All batches or none. Throws a `KafkaError` with Kafka's code, or
   * `StorageError` when the disk refuses; a full disk fails this append and nothing else.
   */
  append(sent: Uint8Array, origin: Origin = 'client'): AppendResult {
    return { ...this.#appends.append(sent, origin), logStartOffset: this.#logStartOffset }
  }

  /**
   * Ends a producer's transaction here, unless that has been done: also after a crash every end is written once. Returns
   * the offset that must be synced. Throws as `append` does, and `ProducerFencedError` for an epoch that is past.
   */
  appendMarker(producer: MarkerProducer, type: ControlType, coordinatorEpoch: number): bigint {
    return this.#appends.appendMarker(producer, type, coordinatorEpoch)
  }

  /** Resolves when everything below `offset` is on stable storage. Rejects when the partition goes offline. */
  whenSynced(offset: bigint = this.logEndOffset): Promise<void> {
    return this.#commit.whenSynced(offset)
  }

  /**
   * Batches from the one that holds `offset`, below `upTo`, of at most `maxBytes` together; the first one whatever its
   * size when `minOneBatch` is set. Undefined when there are none. Throws OFFSET_OUT_OF_RANGE, CORRUPT_MESSAGE.
   */
  read(
    offset: bigint,
    maxBytes: number,
    minOneBatch: boolean,
    upTo: bigint,
  ): Promise<Uint8Array | undefined> {
    return this.#reader.read(offset, maxBytes, minOneBatch, upTo)
  }

  /** Aborted transactions that touch offsets in [from, to). */
  abortedTransactions(from: bigint, to: bigint): { producerId: bigint; firstOffset: bigint }[] {
    return this.#transactions.aborted(from, to)
  }

  /** The first visible record at or after `timestamp` (epoch milliseconds); undefined when there is none. */
  offsetForTimestamp(timestamp: bigint): Promise<OffsetAndTimestamp | undefined> {
    return this.#reader.offsetForTimestamp(timestamp)
  }

  /** The record with the largest timestamp (KIP-734); undefined in an empty log. */
  maxTimestamp(): Promise<OffsetAndTimestamp | undefined> {
    return this.#reader.maxTimestamp()
  }

  /**
   * Looks up in the log when the record at `offset` came, and the newest one where that is not known, and notes it in
   * `timeline`. Throws as `read` does.
   */
  async lookUpTime(offset: bigint): Promise<void> {
    const { highWatermark, timeline } = this
    if (!timeline.newest && highWatermark > this.#logStartOffset)
      await this.#noteTime(highWatermark - 1n, true)
    if (offset < highWatermark) await this.#noteTime(offset, false)
  }

  async #noteTime(offset: bigint, isNewest: boolean): Promise<void> {
    const found = await this.#reader.batchAt(offset, this.highWatermark)
    if (!found) return
    const timestampMs = Number(found.maxTimestamp)
    const arrivedMs = Math.min(timestampMs, this.#runtime.now())
    const { baseOffset, lastOffset } = found
    const point = { offset: baseOffset, nextOffset: lastOffset + 1n, timestampMs, arrivedMs }
    this.timeline.note(point, { isNewest })
  }

  /** The largest epoch not past `epoch` and where it ended (KIP-101); undefined for an epoch that has not been yet. */
  endOffsetForEpoch(epoch: number): { epoch: number; endOffset: bigint } | undefined {
    return this.#epochs.endOf(epoch, this.#logStartOffset, this.logEndOffset)
  }

  producers(): ProducerView[] {
    return this.#appends.producerViews()
  }

  /** Last offset of the producer's newest batch; undefined when the producer is not known. */
  lastOffsetOf(producerId: bigint): bigint | undefined {
    return this.#appends.lastOffsetOf(producerId)
  }

  /** Forgets producers that were last heard of before `beforeMs`, wall-clock milliseconds. */
  expireProducers(beforeMs: number): void {
    this.#appends.expireProducers(beforeMs)
  }

  /** Called when the high watermark has moved or the partition went offline. Returns how to stop it. */
  onAdvance(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Throws OFFSET_OUT_OF_RANGE for an offset that is not on stable storage yet. */
  checkMayBeginAt(offset: bigint): void {
    if (offset > this.highWatermark) throw this.#reader.outOfRange(offset)
  }

  /** Raises the start of the log, which the caller has made durable. Throws OFFSET_OUT_OF_RANGE. */
  raiseLogStart(offset: bigint): void {
    this.checkMayBeginAt(offset)
    if (offset > this.#logStartOffset) this.#logStartOffset = offset
    this.timeline.forgetBelow(this.#logStartOffset)
  }

  /**
   * Removes segments that end at or below `offset`; never the active one, and none while a backup needs them. Returns how
   * many. Throws `StorageError`; what is left is removed by a later call.
   */
  dropSegmentsBelow(offset: bigint): number {
    // Its files may be those of another log by now.
    if (this.isClosed) return 0
    if (this.#segments.hasBelow(offset) && !this.#mayRemove()) return 0
    this.#dropping.push(...this.#segments.takeBelow(offset))
    let dropped = 0
    for (let segment = this.#dropping[0]; segment; segment = this.#dropping[0]) {
      this.#commit.forget(segment.file)
      const index = this.#transactions.forget(segment)
      if (index) this.#commit.forget(index)
      segment.remove()
      this.#dropping.shift()
      dropped++
    }
    if (dropped > 0) {
      this.#commit.folderChanged()
      const { baseOffset } = this.#segments.all[0]!
      this.#appends.dropSnapshotsBelow(baseOffset)
      if (this.#logStartOffset < baseOffset) this.#logStartOffset = baseOffset
    }
    return dropped
  }

  /** Puts a compacted segment in the place of those it was made from. */
  replaceSegments(from: readonly Segment[], by: Segment): void {
    this.#segments.replace(from, by)
    for (const segment of from) {
      const index = this.#transactions.forget(segment)
      if (index) this.#commit.forget(index)
    }
    // Readers get what compaction has left, as from a broker that was started anew.
    this.#cache.evictBelow(by.nextOffset)
    this.#reader.clear()
  }

  /** Closes the active segment and begins another, so that retention and compaction can work on all records. */
  roll(): void {
    this.#appends.roll()
  }

  /** Closes the active segment when its first record waits for compaction for longer than it may (KIP-354). */
  async rollOverdue(nowMs: number): Promise<void> {
    const { firstAppendMs } = this.#segments.active
    const { maxCompactionLagMs } = this.#config
    if (firstAppendMs !== undefined && nowMs - firstAppendMs > maxCompactionLagMs)
      await this.rollDurably()
  }

  /** As `roll`; resolves when the new segment and what the old one has beside it are on stable storage. */
  async rollDurably(): Promise<void> {
    this.#appends.roll({ isSnapshotNeeded: true })
    return this.#commit.syncAll()
  }

  /** Syncs everything and leaves a folder that opens without reading the log. Idempotent. */
  async close(): Promise<void> {
    if (this.isClosed) return
    try {
      if (!this.offline)
        await this.#commit.finish(() => this.#appends.saveBeside(this.#segments.active))
    } finally {
      this.#release()
      this.#notify()
    }
  }

  /** Lets go of the files without saving anything; for a partition that is being deleted. */
  abandon(): void {
    this.#release()
    this.#commit.fail(this.#condition.closedError())
    this.#notify()
  }

  #release(): void {
    this.#condition.close()
    this.#cache.clear()
    this.#reader.clear()
    this.#segments.closeFiles()
    this.#transactions.close()
    for (const { file } of this.#dropping) file.close()
  }

  /** An epoch that cannot be stored is known from the records that are written in it, and stored by a later sync. */
  #saveEpochs(): Promise<void> | undefined {
    return this.#epochs.save()?.catch((error: unknown) => {
      if (!(error instanceof StorageError)) throw error
      this.#runtime.logger[levelOf(error, 'warn')](
        { err: error, log: this.folder },
        'a leader epoch could not be stored; the next sync retries',
      )
    })
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener()
  }
}
