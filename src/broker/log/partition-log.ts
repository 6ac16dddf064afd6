/**
 * The log of one partition: its single writer, and what readers may see of it.
 *
 *   logStartOffset ≤ lastStableOffset ≤ highWatermark ≤ logEndOffset
 *
 * `highWatermark` is how far the log is on stable storage, so what a consumer has read no crash can take back. Appends
 * are synchronous and whole; syncs are shared: one is under way at a time, and everyone who waits meanwhile shares
 * the next. A sync that fails takes the partition offline for good: the kernel may have dropped the data, so a later
 * sync that succeeds would prove nothing.
 */

import { concatBytes } from '../../core/bytes.ts'
import {
  CorruptDataError,
  KafkaError,
  MessageTooLargeError,
  OffsetOutOfRangeError,
  ProducerFencedError,
  StorageError,
} from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'
import {
  assignOffsets,
  type BatchHeader,
  readBatchHeader,
  setAppendTime,
  verifyBatch,
} from '../../protocol/records/record-batch.ts'
import type { File, FileSystem } from '../../storage/file-system.ts'
import {
  buildMarker,
  type ControlType,
  type MarkerProducer,
  readControlType,
} from './control-record.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import type { LogConfig } from './log-config.ts'
import { openBatch } from './open-batch.ts'
import { ProducerSnapshots } from './producer-snapshots.ts'
import type { ProducerState, ProducerView } from './producer-state.ts'
import { ReadAhead } from './read-ahead.ts'
import { type ScannedBatch, Segment } from './segment.ts'
import { type CacheBudget, TailCache } from './tail-cache.ts'
import { TransactionIndex } from './transaction-index.ts'

/** A segment is rolled before a relative offset would pass 31 bits, and its file too. */
const segmentOffsetsMax = 2n ** 31n - 1n
const segmentBytesMax = 2 ** 31 - 1
const tailCacheBytes = 1024 * 1024

export interface AppendResult {
  readonly baseOffset: bigint
  readonly lastOffset: bigint
  /** Epoch milliseconds when the topic uses LogAppendTime, else -1. */
  readonly logAppendTime: number
  readonly logStartOffset: bigint
  /** The batch had been appended before: these are its original offsets. */
  readonly duplicate: boolean
}

/** What recovery, or creation, hands over to a new `PartitionLog`. */
export interface LogParts {
  readonly fileSystem: FileSystem
  readonly runtime: Runtime
  readonly folder: string
  readonly topic: string
  readonly partition: number
  readonly config: LogConfig
  /** By base offset; the last one is written to. */
  readonly segments: Segment[]
  readonly logStartOffset: bigint
  readonly producers: ProducerState
  readonly epochs: LeaderEpochs
  readonly cacheBudget: CacheBudget
}

interface SyncWaiter {
  readonly offset: bigint
  resolve(): void
  reject(error: unknown): void
}

export class PartitionLog {
  readonly topic: string
  readonly partition: number
  readonly folder: string
  readonly #fileSystem: FileSystem
  readonly #runtime: Runtime
  readonly #producers: ProducerState
  readonly #epochs: LeaderEpochs
  readonly #snapshots: ProducerSnapshots
  readonly #transactions: TransactionIndex
  readonly #cache: TailCache
  readonly #ahead: ReadAhead
  readonly #listeners = new Set<() => void>()
  readonly #taken = new WeakSet<Uint8Array>()
  /** Everything below has been compacted since the log was opened. */
  compactedTo = 0n
  #config: LogConfig
  #segments: Segment[]
  #logStartOffset: bigint
  #logEndOffset: bigint
  #highWatermark: bigint
  #firstUnstable: bigint | undefined
  /** Transactions whose marker is not on stable storage yet. */
  #ending: { readonly firstOffset: bigint; readonly endOffset: bigint }[] = []
  #unsyncedFiles = new Set<File>()
  /** Indexes and snapshots written but not synced. */
  #besides: File[] = []
  #needsFolderSync = false
  #waiters: SyncWaiter[] = []
  #syncing: Promise<void> | undefined
  #offline: StorageError | undefined
  #isClosed = false

  constructor(parts: LogParts) {
    this.topic = parts.topic
    this.partition = parts.partition
    this.folder = parts.folder
    this.#fileSystem = parts.fileSystem
    this.#runtime = parts.runtime
    this.#config = parts.config
    this.#segments = parts.segments
    this.#producers = parts.producers
    this.#epochs = parts.epochs
    this.#snapshots = new ProducerSnapshots(parts.fileSystem, parts.folder)
    this.#transactions = new TransactionIndex(parts.fileSystem, () => this.#segments)
    this.#cache = new TailCache(parts.cacheBudget, tailCacheBytes)
    this.#ahead = new ReadAhead(parts.cacheBudget, (offset, maxBytes, upTo) =>
      this.#readStored(offset, maxBytes, true, upTo),
    )
    const { baseOffset } = parts.segments[0]!
    this.#logStartOffset = baseOffset > parts.logStartOffset ? baseOffset : parts.logStartOffset
    this.#logEndOffset = this.#active.nextOffset
    if (this.#logEndOffset < this.#logStartOffset) this.#logEndOffset = this.#logStartOffset
    this.#highWatermark = this.#logEndOffset
    this.#firstUnstable = this.#producers.firstUnstableOffset()
  }

  get logStartOffset(): bigint {
    return this.#logStartOffset
  }

  get logEndOffset(): bigint {
    return this.#logEndOffset
  }

  get highWatermark(): bigint {
    return this.#highWatermark
  }

  /**
   * Where the oldest open transaction begins, or what is left of it; but not past the high watermark. It is open until its
   * marker is on stable storage.
   */
  get lastStableOffset(): bigint {
    let first = this.#firstUnstable ?? this.#highWatermark
    for (const { firstOffset } of this.#ending) if (firstOffset < first) first = firstOffset
    if (first >= this.#highWatermark) return this.#highWatermark
    return first > this.#logStartOffset ? first : this.#logStartOffset
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
    return this.#offline
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  get sizeInBytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.sizeInBytes, 0)
  }

  get segments(): readonly Segment[] {
    return this.#segments
  }

  updateConfig(config: LogConfig): void {
    this.#config = config
  }

  /**
   * Appends the batches in `sent` at the end: validates each, gives it its offsets in place, and writes the bytes.
   * The bytes are the log's from then on. All batches or none. Throws a `KafkaError` with Kafka's code, or
   * `StorageError` when the disk refuses; a full disk fails this append and nothing else.
   */
  append(sent: Uint8Array, origin: 'client' | 'broker' = 'client'): AppendResult {
    this.#checkUsable()
    // Bytes that are the log's already still serve readers at their first place.
    const records = this.#taken.has(sent) ? sent.slice() : sent
    const batches = this.#validate(records, origin)
    const first = batches[0]!
    const original = origin === 'client' ? this.#producers.check(first) : undefined
    if (original) {
      return {
        ...original,
        logAppendTime: -1,
        logStartOffset: this.#logStartOffset,
        duplicate: true,
      }
    }
    const nowMs = this.#runtime.now()
    const stamps = this.#config.messageTimestampType === 'LogAppendTime'
    let offset = this.#logEndOffset
    const headers = batches.map((batch) => {
      assignOffsets(records, batch.position, offset, this.leaderEpoch)
      if (stamps) setAppendTime(records, batch.position, nowMs)
      offset += BigInt(batch.lastOffsetDelta + 1)
      return readBatchHeader(records, batch.position)
    })
    this.#rollIfNeeded(records.length, offset, nowMs)
    const active = this.#active
    // First, for it may find no space; an entry beyond the end of the log is dropped by recovery.
    const indexed = this.#indexAborted(headers, records)
    try {
      this.#write(active, records, headers)
    } catch (error) {
      for (let i = 0; i < indexed; i++) this.#transactions.undoAppend(active)
      throw error
    }
    active.firstAppendMs ??= nowMs
    for (const header of headers) this.#remember(header, records)
    const baseOffset = this.#logEndOffset
    this.#logEndOffset = offset
    this.#taken.add(records)
    this.#cache.add({ baseOffset, nextOffset: offset, bytes: records })
    this.#unsyncedFiles.add(active.file)
    return {
      baseOffset,
      lastOffset: offset - 1n,
      logAppendTime: stamps ? nowMs : -1,
      logStartOffset: this.#logStartOffset,
      duplicate: false,
    }
  }

  /**
   * Ends a producer's transaction here, unless that has been done: also after a crash every end is written once. Returns
   * the offset that must be synced. Throws as `append` does, and `ProducerFencedError` for an epoch that is past.
   */
  appendMarker(producer: MarkerProducer, type: ControlType, coordinatorEpoch: number): bigint {
    this.#checkUsable()
    const { producerId, producerEpoch } = producer
    const state = this.#producers.stateOf(producerId)
    if (state && producerEpoch < state.epoch) {
      throw new ProducerFencedError(
        `Producer ${producerId} has epoch ${state.epoch} in ${this.#name}; a marker came with ${producerEpoch}`,
        { code: 'INVALID_PRODUCER_EPOCH' },
      )
    }
    const firstOffset = state?.transactionFirstOffset ?? -1n
    const isDone = !state || (firstOffset < 0n && producerEpoch === state.epoch)
    if (isDone) return this.#logEndOffset
    const marker = buildMarker(producer, type, coordinatorEpoch, this.#runtime.now())
    const endOffset = this.append(marker, 'broker').lastOffset + 1n
    if (firstOffset >= 0n) this.#ending.push({ firstOffset, endOffset })
    return endOffset
  }

  /** Resolves when everything below `offset` is on stable storage. Rejects when the partition goes offline. */
  whenSynced(offset: bigint = this.#logEndOffset): Promise<void> {
    if (this.#offline) return Promise.reject(this.#offline)
    return offset <= this.#highWatermark ? Promise.resolve() : this.#nextSync(offset)
  }

  /**
   * Batches from the one that holds `offset`, below `upTo`, of at most `maxBytes` together; the first one whatever its
   * size when `minOneBatch` is set. Undefined when there are none. Throws OFFSET_OUT_OF_RANGE, CORRUPT_MESSAGE.
   */
  async read(
    offset: bigint,
    maxBytes: number,
    minOneBatch: boolean,
    upTo: bigint,
  ): Promise<Uint8Array | undefined> {
    this.#checkUsable()
    if (offset < this.#logStartOffset || offset > this.#logEndOffset) throw this.#outOfRange(offset)
    if (offset >= upTo) return undefined
    const cached = this.#cache.from(offset)
    if (cached) {
      const parts: Uint8Array[] = []
      let size = 0
      for (const { nextOffset, bytes } of cached) {
        if (
          nextOffset > upTo ||
          (size + bytes.length > maxBytes && (parts.length > 0 || !minOneBatch))
        )
          break
        parts.push(bytes)
        size += bytes.length
      }
      return parts.length === 0 ? undefined : concatBytes(parts)
    }
    const found =
      (await this.#ahead.take(offset, maxBytes, upTo)) ??
      (await this.#readStored(offset, maxBytes, minOneBatch, upTo))
    if (found) this.#ahead.given(offset, found, maxBytes, upTo)
    return found
  }

  async #readStored(
    offset: bigint,
    maxBytes: number,
    minOneBatch: boolean,
    upTo: bigint,
  ): Promise<Uint8Array | undefined> {
    // The list of segments may change while a read waits, so each is looked up by offset.
    for (let from = offset; ; ) {
      if (offset < this.#logStartOffset) throw this.#outOfRange(offset)
      const segment = this.#segments[this.#segmentIndexOf(from)]!
      const { baseOffset } = segment
      const start = from > baseOffset ? from : baseOffset
      const found = await segment
        .read(start, maxBytes, minOneBatch, upTo)
        .catch((error: unknown) => this.#readFailed(error, segment))
      if (found === 'gone') continue
      if (found !== 'end') return found
      const next = this.#segments.find((later) => later.baseOffset >= segment.nextOffset)
      if (!next || next === segment) return undefined
      from = next.baseOffset
    }
  }

  /** Aborted transactions that touch offsets in [from, to). */
  abortedTransactions(from: bigint, to: bigint): { producerId: bigint; firstOffset: bigint }[] {
    return this.#transactions.aborted(from, to)
  }

  /** The first visible record at or after `timestamp` (epoch milliseconds); undefined when there is none. */
  async offsetForTimestamp(
    timestamp: bigint,
  ): Promise<{ offset: bigint; timestamp: bigint } | undefined> {
    this.#checkUsable()
    for (const segment of [...this.#segments]) {
      if (segment.nextOffset <= this.#logStartOffset || segment.isEmpty) continue
      if ((await segment.maxTimestamp()).timestamp < timestamp) continue
      for await (const scanned of segment.batchesFrom(timestamp)) {
        if (scanned.header.baseOffset >= this.#highWatermark) return undefined
        if (
          scanned.header.maxTimestamp < timestamp ||
          scanned.header.lastOffset < this.#logStartOffset
        )
          continue
        const found = await firstRecordFrom(scanned, timestamp, this.#logStartOffset)
        if (found) return found
      }
    }
    return undefined
  }

  /** The record with the largest timestamp (KIP-734); undefined in an empty log. */
  async maxTimestamp(): Promise<{ offset: bigint; timestamp: bigint } | undefined> {
    let best: { timestamp: bigint; offset: bigint } | undefined
    for (const segment of this.#segments) {
      if (segment.isEmpty) continue
      const found = await segment.maxTimestamp()
      if (!best || found.timestamp > best.timestamp) best = found
    }
    if (!best || best.offset < this.#logStartOffset) return undefined
    return (await this.offsetForTimestamp(best.timestamp)) ?? undefined
  }

  /** The largest epoch not past `epoch` and where it ended (KIP-101); undefined for an epoch that has not been yet. */
  endOffsetForEpoch(epoch: number): { epoch: number; endOffset: bigint } | undefined {
    return this.#epochs.endOf(epoch, this.#logStartOffset, this.#logEndOffset)
  }

  producers(): ProducerView[] {
    return this.#producers.views()
  }

  /** Called when the high watermark has moved or the partition went offline. Returns how to stop it. */
  onAdvance(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Raises the start of the log. The caller makes the new start durable before it tells anyone. */
  raiseLogStart(offset: bigint): void {
    if (offset > this.#highWatermark) throw this.#outOfRange(offset)
    if (offset > this.#logStartOffset) this.#logStartOffset = offset
  }

  /** Removes segments that end at or below `offset`; never the active one. Returns how many. */
  dropSegmentsBelow(offset: bigint): number {
    // Its files may be those of another log by now.
    if (this.#isClosed) return 0
    const kept = this.#segments.filter(
      (segment) => segment === this.#active || segment.nextOffset > offset,
    )
    const dropped = this.#segments.filter((segment) => !kept.includes(segment))
    this.#segments = kept
    for (const segment of dropped) {
      this.#unsyncedFiles.delete(segment.file)
      segment.remove()
    }
    if (dropped.length > 0) {
      this.#snapshots.removeBelow(kept[0]!.baseOffset)
      if (this.#logStartOffset < kept[0]!.baseOffset) this.#logStartOffset = kept[0]!.baseOffset
    }
    return dropped.length
  }

  /** Puts a compacted segment in the place of those it was made from. */
  replaceSegments(from: readonly Segment[], by: Segment): void {
    const at = this.#segments.indexOf(from[0]!)
    this.#segments.splice(at, from.length, by)
  }

  /** Closes the active segment and begins another, so that retention and compaction can work on all records. */
  roll(): void {
    if (!this.#active.isEmpty) this.#roll()
  }

  /** As `roll`; resolves when the new segment and what the old one has beside it are on stable storage. */
  async rollDurably(): Promise<void> {
    this.roll()
    const besides = [...this.#besides]
    // A sync that is under way may have begun before they were there.
    do await this.#nextSync(this.#logEndOffset)
    while (besides.some((file) => this.#besides.includes(file)))
  }

  /** Last offset of the producer's newest batch; undefined when the producer is not known. */
  lastOffsetOf(producerId: bigint): bigint | undefined {
    return this.#producers.lastOffsetOf(producerId)
  }

  expireProducers(beforeMs: number): void {
    this.#producers.expire(beforeMs)
  }

  /** Syncs everything and leaves a folder that opens without reading the log. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    try {
      if (!this.#offline) {
        await this.whenSynced()
        await this.#syncing
        this.#saveBesides(this.#active)
        await Promise.all([...this.#unsyncedFiles, ...this.#besides].map((file) => file.sync()))
        await this.#fileSystem.syncDirectory(this.folder)
        this.#closeBesides(this.#besides)
      }
    } finally {
      this.#isClosed = true
      this.#cache.clear()
      this.#ahead.clear()
      for (const segment of this.#segments) segment.close()
      this.#notify()
    }
  }

  /** Lets go of the files without saving anything; for a partition that is being deleted. */
  abandon(): void {
    this.#isClosed = true
    this.#cache.clear()
    this.#ahead.clear()
    for (const segment of this.#segments) segment.close()
    this.#failWaiters(this.#closedError())
    this.#notify()
  }

  get #active(): Segment {
    return this.#segments.at(-1)!
  }

  #validate(records: Uint8Array, origin: 'client' | 'broker'): BatchHeader[] {
    const batches: BatchHeader[] = []
    for (let position = 0; position < records.length; ) {
      const batch = readBatchHeader(records, position)
      this.#checkBatch(batch, records, origin)
      batches.push(batch)
      position += batch.sizeInBytes
    }
    if (batches.length === 0) throw invalidRecord(`${this.#name} was sent no record batch`)
    if (batches.length > 1 && origin === 'client') {
      throw invalidRecord(
        `${this.#name} was sent ${batches.length} record batches; a request takes one for each partition`,
      )
    }
    return batches
  }

  #checkBatch(batch: BatchHeader, records: Uint8Array, origin: 'client' | 'broker'): void {
    const { maxMessageBytes } = this.#config
    if (batch.sizeInBytes > maxMessageBytes && origin === 'client') {
      throw new MessageTooLargeError(
        `A batch of ${batch.sizeInBytes} bytes for ${this.#name} is over the topic's max.message.bytes (${maxMessageBytes}). Send smaller records or batches, or raise the limit`,
        { code: 'MESSAGE_TOO_LARGE' },
      )
    }
    if (!verifyBatch(records, batch)) {
      throw new CorruptDataError(
        `A batch for ${this.#name} fails its checksum: it was damaged on the way. Send it again`,
        {
          code: 'CORRUPT_MESSAGE',
          retriable: true,
        },
      )
    }
    if (origin === 'broker') return
    if (batch.recordCount === 0 || batch.recordCount !== batch.lastOffsetDelta + 1) {
      throw invalidRecord(
        `A batch for ${this.#name} claims ${batch.recordCount} records over ${batch.lastOffsetDelta + 1} offsets`,
      )
    }
    if (batch.isControl)
      throw invalidRecord(`A client may not write control records (${this.#name})`)
    if (batch.producerId >= 0n && (batch.producerEpoch < 0 || batch.baseSequence < 0)) {
      throw invalidRecord(
        `A batch for ${this.#name} has producer id ${batch.producerId} without epoch or sequence`,
      )
    }
  }

  /** Adds the transactions that these batches abort to the index; returns how many. */
  #indexAborted(headers: readonly BatchHeader[], records: Uint8Array): number {
    let indexed = 0
    for (const header of headers) {
      if (!header.isControl || readControlType(records, header) === 'commit') continue
      const aborted = this.#producers.abortedBy(header)
      if (!aborted) continue
      this.#unsyncedFiles.add(this.#transactions.append(this.#active, aborted))
      indexed++
    }
    return indexed
  }

  #remember(header: BatchHeader, records: Uint8Array): void {
    if (header.isControl) {
      const isCommit = readControlType(records, header) === 'commit'
      this.#producers.recordMarker(header, isCommit, 0, this.#runtime.now())
    } else this.#producers.record(header, this.#runtime.now())
    if (header.isTransactional) this.#firstUnstable = this.#producers.firstUnstableOffset()
  }

  #write(active: Segment, records: Uint8Array, headers: readonly BatchHeader[]): void {
    const sizeBefore = active.sizeInBytes
    try {
      active.append(records, headers)
    } catch (error) {
      // What could not be taken back would stand before the next append as damage.
      if (active.sizeInBytes !== sizeBefore) this.#goOffline(error)
      // What was taken back may be on the disk: an orderly close must not leave it there.
      else this.#unsyncedFiles.add(active.file)
      throw error
    }
  }

  #rollIfNeeded(moreBytes: number, endOffset: bigint, nowMs: number): void {
    const active = this.#active
    if (active.isEmpty) return
    const bytesMax = Math.min(this.#config.segmentBytes, segmentBytesMax)
    const isFull =
      active.sizeInBytes + moreBytes > bytesMax || endOffset - active.baseOffset > segmentOffsetsMax
    const isOld =
      active.firstAppendMs !== undefined && nowMs - active.firstAppendMs > this.#config.segmentMs
    if (isFull || isOld) this.#roll()
  }

  #roll(): void {
    const next = Segment.create(
      this.#fileSystem,
      this.folder,
      this.#logEndOffset,
      this.#config.indexIntervalBytes,
    )
    const finished = this.#active
    try {
      this.#saveBesides(finished)
      finished.unload()
    } catch (error) {
      // They can be made anew from the log.
      this.#runtime.logger.warn(
        { err: error, log: this.#name },
        'an index or snapshot could not be written',
      )
    }
    this.#segments.push(next)
    this.#needsFolderSync = true
  }

  /** Writes what stands beside a finished segment; synced together with the log, for the next open trusts it. */
  #saveBesides(segment: Segment): void {
    this.#besides.push(...segment.writeIndexes())
    this.#besides.push(this.#snapshots.write(this.#logEndOffset, this.#producers))
  }

  #closeBesides(files: readonly File[]): void {
    for (const file of files) file.close()
    this.#besides = this.#besides.filter((file) => !files.includes(file))
  }

  #nextSync(offset: bigint): Promise<void> {
    if (this.#offline) return Promise.reject(this.#offline)
    if (this.#isClosed) return Promise.reject(this.#closedError())
    return new Promise((resolve, reject) => {
      this.#waiters.push({ offset, resolve, reject })
      this.#syncing ??= this.#syncUntilDone()
    })
  }

  async #syncUntilDone(): Promise<void> {
    // Everyone who asks in this turn shares the first sync.
    await Promise.resolve()
    while (this.#waiters.length > 0 && !this.#offline) {
      const target = this.#logEndOffset
      const besides = [...this.#besides]
      const files = [...this.#unsyncedFiles, ...besides]
      const syncsFolder = this.#needsFolderSync
      this.#unsyncedFiles.clear()
      this.#needsFolderSync = false
      try {
        await Promise.all(files.map((file) => file.sync()))
        if (syncsFolder) await this.#fileSystem.syncDirectory(this.folder)
        this.#closeBesides(besides)
      } catch (error) {
        if (this.#isClosed) return
        this.#goOffline(error)
        break
      }
      this.#synced(target)
    }
    this.#syncing = undefined
  }

  #synced(offset: bigint): void {
    if (offset > this.#highWatermark) this.#highWatermark = offset
    this.#ending = this.#ending.filter(({ endOffset }) => endOffset > offset)
    const done = this.#waiters.filter((waiter) => waiter.offset <= offset)
    this.#waiters = this.#waiters.filter((waiter) => waiter.offset > offset)
    for (const waiter of done) waiter.resolve()
    this.#notify()
  }

  #goOffline(cause: unknown): void {
    if (this.#offline) return
    const reason = cause instanceof Error ? cause.message : String(cause)
    this.#offline = new StorageError(
      `${this.#name} is offline: the disk failed (${reason}). Check the disk and restart; what was acknowledged with acks=all is safe`,
      { code: 'KAFKA_STORAGE_ERROR', retriable: true, outcome: 'unknown', cause },
    )
    this.#runtime.logger.error(
      { err: cause, log: this.#name },
      'the disk failed; the partition is offline',
    )
    this.#failWaiters(this.#offline)
    this.#notify()
  }

  #failWaiters(error: unknown): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter.reject(error)
  }

  #notify(): void {
    for (const listener of [...this.#listeners]) listener()
  }

  /** The segment to begin reading at: the last one that starts at or before `offset`. */
  #segmentIndexOf(offset: bigint): number {
    const index = this.#segments.findLastIndex((segment) => segment.baseOffset <= offset)
    return Math.max(0, index)
  }

  #readFailed(error: unknown, segment: Segment): 'gone' {
    this.#checkUsable()
    // Retention, deletion or compaction took the segment away between the look-up and the read.
    if (!this.#segments.includes(segment) && error instanceof StorageError) return 'gone'
    if (error instanceof CorruptDataError)
      this.#runtime.logger.error({ err: error, log: this.#name }, 'damaged data')
    throw error
  }

  #checkUsable(): void {
    if (this.#offline) throw this.#offline
    if (this.#isClosed) throw this.#closedError()
  }

  #closedError(): StorageError {
    return new StorageError(`${this.#name} is closed`, {
      code: 'KAFKA_STORAGE_ERROR',
      retriable: true,
    })
  }

  #outOfRange(offset: bigint): OffsetOutOfRangeError {
    return new OffsetOutOfRangeError(
      `Offset ${offset} of ${this.#name} is out of range: the log goes from ${this.#logStartOffset} to ${this.#logEndOffset}`,
      { code: 'OFFSET_OUT_OF_RANGE' },
    )
  }

  get #name(): string {
    return `${this.topic}-${this.partition}`
  }
}

async function firstRecordFrom(
  { header, bytes }: ScannedBatch,
  timestamp: bigint,
  from: bigint,
): Promise<{ offset: bigint; timestamp: bigint } | undefined> {
  if (!verifyBatch(bytes, header)) return undefined
  const cursor = await openBatch(bytes, header)
  while (cursor.next()) {
    if (BigInt(cursor.timestampMs) >= timestamp && cursor.offset >= from) {
      return { offset: cursor.offset, timestamp: BigInt(cursor.timestampMs) }
    }
  }
  return undefined
}

function invalidRecord(message: string): KafkaError {
  return new KafkaError(message, { code: 'INVALID_RECORD' })
}
