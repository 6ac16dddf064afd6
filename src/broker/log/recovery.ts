/**
 * Opens a partition's folder as it was left.
 *
 * After a clean stop everything is trusted: only the end of the active segment is read. After anything else, all from
 * the recovery point on (which was on stable storage for certain) is read and verified. The first batch that is not
 * sound ends the log: it was being written when the machine or process died, and nothing from there on was
 * acknowledged as durable. What is kept is synced before it is served, because nobody knows whether it was.
 */
import { CorruptDataError } from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'
import { verifyBatch } from '../../protocol/records/record-batch.ts'
import type { FileSystem } from '../../storage/file-system.ts'
import { finishSwaps } from './compaction.ts'
import { readControlType } from './control-record.ts'
import { LeaderEpochs } from './leader-epochs.ts'
import type { LogConfig } from './log-config.ts'
import { PartitionLog } from './partition-log.ts'
import { ProducerSnapshots } from './producer-snapshots.ts'
import { ProducerState } from './producer-state.ts'
import { type ScannedBatch, Segment, segmentName } from './segment.ts'
import type { CacheBudget } from './tail-cache.ts'
import { TransactionIndex } from './transaction-index.ts'

export interface OpenOptions {
  readonly fileSystem: FileSystem
  readonly runtime: Runtime
  readonly topic: string
  readonly partition: number
  readonly config: LogConfig
  readonly cacheBudget: CacheBudget
  /** The folder was closed in order. */
  readonly isClean: boolean
  /** Everything below is on stable storage. */
  readonly recoveryPoint: bigint
  readonly logStartOffset: bigint
}

/** Opens, recovering where needed, or creates. Durable when it resolves. */
export async function openPartitionLog(options: OpenOptions): Promise<PartitionLog> {
  const { fileSystem, topic, partition } = options
  const folder = `${topic}-${partition}`
  const isNew = fileSystem.stat(folder) === undefined
  if (isNew) {
    fileSystem.makeDirectory(folder)
    await fileSystem.syncDirectory('')
  }
  finishSwaps(fileSystem, folder)
  const recovery = new Recovery(options, folder)
  const segments = await recovery.openSegments()
  return new PartitionLog({
    ...options,
    folder,
    segments,
    producers: recovery.producers,
    epochs: recovery.epochs,
  })
}

class Recovery {
  readonly producers = new ProducerState()
  readonly epochs: LeaderEpochs
  readonly #options: OpenOptions
  readonly #folder: string
  readonly #snapshots: ProducerSnapshots

  constructor(options: OpenOptions, folder: string) {
    this.#options = options
    this.#folder = folder
    this.#snapshots = new ProducerSnapshots(options.fileSystem, folder)
    this.epochs = new LeaderEpochs(options.fileSystem, `${folder}/leader-epoch-checkpoint`)
  }

  async openSegments(): Promise<Segment[]> {
    const { recoveryPoint } = this.#options
    let segments = this.#openAll()
    if (segments.length === 0) return [await this.#createFirst()]
    const first = segments.findIndex(
      (segment, i) => i === segments.length - 1 || segment.nextOffset >= recoveryPoint,
    )
    const isClean = this.#options.isClean && (await this.#openTail(segments.at(-1)!))
    if (!isClean) segments = await this.#verify(segments, first)
    const end = segments.at(-1)!.nextOffset
    if (end < this.#options.logStartOffset) {
      // Records below the start are gone on purpose; those at and after it never reached the disk.
      for (const segment of segments) segment.remove()
      segments = [await this.#createFirst()]
    } else if (end < recoveryPoint)
      segments.push(await this.#resumeAt(recoveryPoint, segments.at(-1)!))
    // After a crash only a snapshot from before what was verified is sure to match it.
    const snapshotUpTo = isClean
      ? segments.at(-1)!.nextOffset
      : segments[Math.min(first, segments.length - 1)]!.baseOffset
    await this.#restoreProducers(segments, snapshotUpTo)
    if (!isClean) await this.epochs.begin(this.epochs.current + 1, segments.at(-1)!.nextOffset)
    return segments
  }

  #openAll(): Segment[] {
    const { fileSystem, config } = this.#options
    const bases = fileSystem
      .list(this.#folder)
      .filter((name) => /^\d{20}\.log$/.test(name))
      .map((name) => BigInt(name.slice(0, 20)))
    // Retention was taking these away when the broker died.
    while (bases.length > 1 && bases[1]! <= this.#options.logStartOffset) {
      const stem = `${this.#folder}/${segmentName(bases.shift()!)}`
      for (const ending of ['log', 'index', 'timeindex', 'txnindex'])
        fileSystem.remove(`${stem}.${ending}`)
    }
    return bases.map((base, i) =>
      Segment.open(fileSystem, this.#folder, base, config.indexIntervalBytes, bases[i + 1]),
    )
  }

  /** False when the end is not as a clean stop leaves it: then it is looked at as after a crash. */
  async #openTail(segment: Segment): Promise<boolean> {
    try {
      await segment.openTail()
      return true
    } catch (error) {
      if (!(error instanceof CorruptDataError)) throw error
      const { logger } = this.#options.runtime
      logger.error({ err: error, log: this.#folder }, 'the log is damaged, though it was closed')
      return false
    }
  }

  /** What had been stored is gone; its offsets must not be given out a second time. */
  async #resumeAt(recoveryPoint: bigint, last: Segment): Promise<Segment> {
    const { fileSystem, config, runtime } = this.#options
    runtime.logger.error(
      { log: this.#folder, from: String(last.nextOffset), to: String(recoveryPoint) },
      'the end of the log is gone, though it had been stored; its records cannot be served',
    )
    for (const file of last.writeIndexes()) {
      await file.sync()
      file.close()
    }
    last.nextOffset = recoveryPoint
    const { indexIntervalBytes } = config
    const segment = Segment.create(fileSystem, this.#folder, recoveryPoint, indexIntervalBytes)
    await fileSystem.syncDirectory(this.#folder)
    return segment
  }

  async #createFirst(): Promise<Segment> {
    const { fileSystem, config, logStartOffset } = this.#options
    const segment = Segment.create(
      fileSystem,
      this.#folder,
      logStartOffset,
      config.indexIntervalBytes,
    )
    await fileSystem.syncDirectory(this.#folder)
    return segment
  }

  /** Verifies the segments from number `first` on; returns those that remain. */
  async #verify(segments: Segment[], first: number): Promise<Segment[]> {
    for (let i = first; i < segments.length; i++) {
      const segment = segments[i]!
      const soundBytes = await this.#verifySegment(segment)
      await segment.file.sync()
      for (const file of segment.writeIndexes()) {
        await file.sync()
        file.close()
      }
      const next = segments[i + 1]
      // A segment that ends before the next begins has lost its end without a trace.
      if (soundBytes === segment.sizeInBytes && (!next || next.baseOffset === segment.nextOffset))
        continue
      const cutBytes = segment.sizeInBytes - soundBytes
      if (cutBytes > 0) {
        segment.file.truncate(soundBytes)
        await segment.file.sync()
      }
      const dropped = segments.splice(i + 1)
      this.#options.runtime.logger.warn(
        {
          log: this.#folder,
          endOffset: String(segment.nextOffset),
          cutBytes,
          droppedSegments: dropped.length,
        },
        'the end of the log was cut: it was being written when the broker died',
      )
      for (const lost of dropped.reverse()) lost.remove()
    }
    this.#snapshots.removeAbove(segments.at(-1)!.nextOffset)
    await this.#options.fileSystem.syncDirectory(this.#folder)
    return segments
  }

  /** Reads a segment and makes its indexes; returns how many bytes from its beginning are to be kept. */
  async #verifySegment(segment: Segment): Promise<number> {
    const size = segment.sizeInBytes
    let expected = segment.baseOffset
    let keptBytes = 0
    let isAfterDamage = false
    segment.nextOffset = segment.baseOffset
    segment.beginRebuild()
    while (keptBytes < size) {
      const sound = await this.#soundBatches(segment, keptBytes, expected, isAfterDamage)
      keptBytes = sound.end
      expected = segment.nextOffset
      if (keptBytes === size || expected >= this.#options.recoveryPoint) break
      // This was on stable storage once: damage, not a torn write. What follows it is kept, and it is never served.
      const next = (await segment.findSoundBatch(keptBytes + 1, expected))?.filePosition
      this.#options.runtime.logger.error(
        { log: this.#folder, offset: String(expected), position: keptBytes, resumesAt: next },
        'data that had been stored is damaged; its records cannot be served',
      )
      if (next === undefined) break
      keptBytes = next
      isAfterDamage = true
    }
    return keptBytes
  }

  /** Notes batches from `position` on for as long as they are sound. */
  async #soundBatches(
    segment: Segment,
    position: number,
    from: bigint,
    isAfterDamage: boolean,
  ): Promise<{ end: number }> {
    let expected = from
    let end = position
    let isFirst = isAfterDamage
    try {
      for await (const { header, bytes, filePosition } of segment.scan(position)) {
        if (header.baseOffset < expected || !verifyBatch(bytes, header)) break
        // A sync may have failed before: then the kernel shows what the disk does not hold, and calls it clean.
        segment.file.write(
          bytes.subarray(header.position, header.position + header.sizeInBytes),
          filePosition,
        )
        segment.noteRecovered(header, filePosition, isFirst)
        isFirst = false
        this.epochs.observe(header.partitionLeaderEpoch, header.baseOffset)
        expected = header.lastOffset + 1n
        end = filePosition + header.sizeInBytes
      }
    } catch (error) {
      if (!(error instanceof CorruptDataError)) throw error
    }
    return { end }
  }

  /** Producer state from a snapshot, and from the log after it; the aborted index is completed on the way. */
  async #restoreProducers(segments: readonly Segment[], snapshotUpTo: bigint): Promise<void> {
    const { fileSystem, runtime } = this.#options
    const end = segments.at(-1)!.nextOffset
    const transactions = new TransactionIndex(fileSystem, () => segments)
    if (!this.#options.isClean)
      for (const segment of segments) await transactions.dropFrom(segment, end)
    const from =
      this.#snapshots.restore(snapshotUpTo, this.producers, runtime.now()) ??
      segments[0]!.baseOffset
    if (from >= end) return
    for (const segment of segments) {
      if (segment.nextOffset <= from) continue
      try {
        for await (const batch of segment.scan()) {
          if (batch.header.baseOffset >= from) await this.#replay(batch, segment, transactions)
        }
      } catch (error) {
        if (!(error instanceof CorruptDataError)) throw error
        runtime.logger.error(
          { err: error, log: this.#folder },
          'producer state is incomplete: damaged data stands in the log',
        )
      }
    }
  }

  async #replay(
    { header, bytes }: ScannedBatch,
    segment: Segment,
    transactions: TransactionIndex,
  ): Promise<void> {
    if (!verifyBatch(bytes, header)) return
    const nowMs = this.#options.runtime.now()
    if (!header.isControl) return this.producers.record(header, nowMs)
    const isCommit = readControlType(bytes, header) === 'commit'
    const aborted = this.producers.recordMarker(header, isCommit, 0, nowMs)
    if (aborted) await transactions.ensure(segment, aborted)
  }
}
