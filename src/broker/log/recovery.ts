/**
 * Opens a partition's folder as it was left.
 *
 * After a clean stop only the end of the active segment is read, and it must be at the recovery point. After anything
 * else, all from the recovery point on (which was on stable storage for certain) is read and verified. The first batch
 * that is not sound ends the log: it was being written when the machine or process died, and nothing from there on was
 * acknowledged as durable. What is kept is synced before it is served, because nobody knows whether it was.
 *
 * Below the recovery point nothing is cut off: what is not sound there is damage, which is logged and which readers are
 * told of, and the log goes on after it. What stands beside the segments is checked, and made anew from the log.
 */
import { CorruptDataError, StorageError } from '../../core/errors.ts'
import { ListedFolder } from '../../storage/listed-folder.ts'
import { type EpochStart, readCheckpoint } from './checkpoint-file.ts'
import { finishSwaps } from './compaction.ts'
import { readControlType } from './control-record.ts'
import { isShortage } from './disk-reserve.ts'
import { LeaderEpochs } from './leader-epochs.ts'
import type { LostRange } from './lost-range.ts'
import { type LogParts, PartitionLog } from './partition-log.ts'
import { ProducerSnapshots } from './producer-snapshots.ts'
import { type AbortedTransaction, ProducerState } from './producer-state.ts'
import { type ScannedBatch, Segment, segmentName } from './segment.ts'
import { TransactionIndexCheck } from './transaction-index-check.ts'

export interface OpenOptions extends LogParts {
  /** The folder was closed in order. */
  readonly isClean: boolean
  /** Everything below is on stable storage. */
  readonly recoveryPoint: bigint
  /** A leader epoch that was never written in, and so is not stored with the log; see `LeaderEpochs`. */
  readonly epochBegun?: EpochStart | undefined
}

/** Opens, recovering where needed, or creates. Durable when it resolves. */
export async function openPartitionLog(options: OpenOptions): Promise<PartitionLog> {
  const { fileSystem, topic, partition } = options
  const folder = `${topic}-${partition}`
  const listed = new ListedFolder(fileSystem, folder)
  if (listed.isEmpty && fileSystem.stat(folder) === undefined) {
    fileSystem.makeDirectory(folder)
    await fileSystem.syncDirectory('')
  }
  await finishSwaps(listed, folder)
  const recovery = new Recovery(options, folder, listed)
  const segments = await recovery.openSegments()
  return new PartitionLog(options, {
    folder,
    segments,
    lostStart: recovery.lostStart,
    producers: recovery.producers,
    epochs: recovery.epochs,
    savedTo: recovery.savedTo,
  })
}

class Recovery {
  readonly producers = new ProducerState()
  readonly epochs: LeaderEpochs
  lostStart: LostRange | undefined
  /** See `RecoveredLog`. */
  savedTo: bigint | undefined
  readonly #options: OpenOptions
  readonly #folder: string
  /** What is in it, for those who look while it is opened: a segment, which stays, has the file system itself. */
  readonly #listed: ListedFolder
  readonly #snapshots: ProducerSnapshots

  constructor(options: OpenOptions, folder: string, listed: ListedFolder) {
    this.#options = options
    this.#folder = folder
    this.#listed = listed
    this.#snapshots = new ProducerSnapshots(listed, folder)
    const epochsPath = `${folder}/leader-epoch-checkpoint`
    const epochs = listed.stat(epochsPath) && readCheckpoint(options.fileSystem, epochsPath)
    this.epochs = new LeaderEpochs(options.fileSystem, epochsPath, epochs)
  }

  async openSegments(): Promise<Segment[]> {
    const { recoveryPoint } = this.#options
    let segments = this.#openAll()
    if (segments.length === 0) {
      const isNew = recoveryPoint <= this.#options.logStartOffset
      segments = [await this.#createFirst()]
      if (isNew) {
        this.savedTo = segments[0]!.nextOffset
        return segments
      }
    }
    this.#checkStart(segments[0]!)
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
    const verifiedFrom = isClean ? undefined : segments[Math.min(first, segments.length - 1)]!
    await this.#restoreProducers(segments, verifiedFrom)
    // Those that the log has told of, which are on stable storage with their records.
    await this.#saveEpochs()
    const { epochBegun } = this.#options
    if (epochBegun) this.epochs.begin(epochBegun.epoch, epochBegun.startOffset)
    if (!isClean) this.epochs.begin(this.epochs.current + 1, segments.at(-1)!.nextOffset)
    return segments
  }

  #openAll(): Segment[] {
    const { fileSystem, config } = this.#options
    const bases = this.#listed
      .list(this.#folder)
      .filter((name) => /^\d{20}\.log$/.test(name))
      .map((name) => BigInt(name.slice(0, 20)))
    // Retention was taking these away when the broker died.
    while (bases.length > 1 && bases[1]! <= this.#options.logStartOffset) {
      const stem = `${this.#folder}/${segmentName(bases.shift()!)}`
      for (const ending of ['log', 'index', 'timeindex', 'txnindex'])
        this.#listed.remove(`${stem}.${ending}`)
    }
    const segments = bases.map((base, i) =>
      Segment.open(fileSystem, this.#folder, base, config.indexIntervalBytes, bases[i + 1]),
    )
    // A crash may have taken away the segment that came after one that was compacted.
    const last = segments.at(-1)
    if (last) last.mayEndAfterGap = config.cleanupPolicy.compact
    return segments
  }

  /** False when the end is not as a clean stop leaves it: then it is looked at as after a crash. */
  async #openTail(segment: Segment): Promise<boolean> {
    const { recoveryPoint, runtime } = this.#options
    try {
      const isThere = (ending: string) =>
        this.#listed.has(`${segmentName(segment.baseOffset)}.${ending}`)
      await segment.openTail(isThere('index') && isThere('timeindex'))
      // 0: nothing was stored, or the checkpoint that says how much is gone.
      if (recoveryPoint === 0n || segment.nextOffset === recoveryPoint) return true
      runtime.logger.error(
        {
          log: this.#folder,
          endOffset: String(segment.nextOffset),
          recoveryPoint: String(recoveryPoint),
        },
        'the log does not end where it was closed',
      )
    } catch (error) {
      if (!(error instanceof CorruptDataError)) throw error
      runtime.logger.error(
        { err: error, log: this.#folder },
        'the log is damaged, although it was closed',
      )
    }
    segment.nextOffset = segment.baseOffset
    return false
  }

  /** Retention notes where a log begins before it takes anything away. */
  #checkStart(first: Segment): void {
    const { logStartOffset, runtime } = this.#options
    if (first.baseOffset <= logStartOffset) return
    this.lostStart = { from: logStartOffset, to: first.baseOffset }
    runtime.logger.error(
      { log: this.#folder, from: String(logStartOffset), to: String(first.baseOffset) },
      'the beginning of the log is missing, although it had been stored; its records cannot be served',
    )
  }

  /** What had been stored is gone; its offsets must not be given out a second time. */
  async #resumeAt(recoveryPoint: bigint, last: Segment): Promise<Segment> {
    const { fileSystem, config, runtime } = this.#options
    runtime.logger.error(
      { log: this.#folder, from: String(last.nextOffset), to: String(recoveryPoint) },
      'the end of the log is missing, although it had been stored; its records cannot be served',
    )
    await this.#writeIndexes(last)
    last.nextOffset = recoveryPoint
    const { indexIntervalBytes } = config
    const segment = Segment.create(fileSystem, this.#folder, recoveryPoint, indexIntervalBytes)
    await fileSystem.syncDirectory(this.#folder)
    return segment
  }

  /** On a full disk they are made anew when they are next needed. */
  async #writeIndexes(segment: Segment): Promise<void> {
    try {
      for (const file of segment.writeIndexes()) {
        await file.sync()
        file.close()
      }
    } catch (error) {
      if (!isShortage(error)) throw error
    }
  }

  /** Those that cannot be stored are, by a later sync. */
  async #saveEpochs(): Promise<void> {
    try {
      await this.epochs.save()
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
    }
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
    const { recoveryPoint } = this.#options
    // What had been stored is, by its name too; an empty file may never have been.
    let isFolderStored = !segments.at(-1)!.isEmpty
    for (let i = first; i < segments.length; i++) {
      const segment = segments[i]!
      const next = segments[i + 1]
      const soundBytes = await this.#verifySegment(segment)
      // A segment that ends before the next begins has lost its end without a trace.
      const isWhole =
        soundBytes === segment.sizeInBytes && (!next || next.baseOffset === segment.nextOffset)
      // What had been stored is not cut off: it is damage, and what follows it is sound.
      const isStored = !isWhole && segment.nextOffset < recoveryPoint
      if (isStored && next) segment.nextOffset = next.baseOffset
      if (segment.nextOffset > recoveryPoint) {
        await segment.file.sync()
        isFolderStored = false
      }
      // Those of the last one are written when it is finished, or closed.
      if (next) await this.#writeIndexes(segment)
      if (isWhole || isStored) continue
      await this.#cut(segments, i, soundBytes)
      isFolderStored = false
    }
    const removed = this.#snapshots.removeAbove(segments.at(-1)!.nextOffset)
    if (!isFolderStored || removed > 0) await this.#options.fileSystem.syncDirectory(this.#folder)
    return segments
  }

  /** Cuts off what was being written when the broker died: the end of segment number `i`, and those after it. */
  async #cut(segments: Segment[], i: number, soundBytes: number): Promise<void> {
    const segment = segments[i]!
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

  /** Reads a segment and makes its indexes; returns how many bytes from its beginning are to be kept. */
  async #verifySegment(segment: Segment): Promise<number> {
    const { recoveryPoint } = this.#options
    const size = segment.sizeInBytes
    let end = segment.baseOffset
    let keptBytes = 0
    segment.beginRebuild()
    kept: for await (const batches of segment.scanSound()) {
      for (const { header, bytes, filePosition, isAfterDamage } of batches) {
        if (filePosition !== keptBytes) {
          if (end >= recoveryPoint) break kept
          // This was on stable storage once: damage, not a torn write. What follows it is kept, and it is never served.
          this.#reportDamage(end, keptBytes, header.baseOffset)
        }
        // A sync may have failed before: then the kernel shows what the disk does not hold, and calls it clean.
        if (header.lastOffset >= recoveryPoint)
          segment.file.write(
            bytes.subarray(header.position, header.position + header.sizeInBytes),
            filePosition,
          )
        segment.noteRecovered(header, filePosition, isAfterDamage)
        this.epochs.observe(header.partitionLeaderEpoch, header.baseOffset)
        end = header.lastOffset + 1n
        keptBytes = filePosition + header.sizeInBytes
      }
    }
    if (keptBytes < size && end < recoveryPoint) this.#reportDamage(end, keptBytes, undefined)
    segment.nextOffset = end
    return keptBytes
  }

  #reportDamage(offset: bigint, position: number, resumesAt: bigint | undefined): void {
    this.#options.runtime.logger.error(
      { log: this.#folder, offset: String(offset), position, resumesAt: String(resumesAt) },
      'data that had been stored is damaged; its records cannot be served',
    )
  }

  /** Producer state from a snapshot, and from the log after it; the aborted index is checked on the way. */
  async #restoreProducers(
    segments: readonly Segment[],
    verifiedFrom: Segment | undefined,
  ): Promise<void> {
    const { runtime } = this.#options
    const { logger } = runtime
    const check = new TransactionIndexCheck({
      fileSystem: this.#listed,
      logger,
      folder: this.#folder,
      segments,
      unfinishedFrom: verifiedFrom,
    })
    const end = segments.at(-1)!.nextOffset
    const replayed = [verifiedFrom, check.suspects[0]].filter((segment) => segment !== undefined)
    const snapshotUpTo = replayed.reduce(
      (upTo, { baseOffset }) => (baseOffset < upTo ? baseOffset : upTo),
      end,
    )
    const restored = this.#snapshots.restore(snapshotUpTo, this.producers, runtime.now())
    const from = restored ?? segments[0]!.baseOffset
    // Of a log that never held anything there is nothing to save.
    if (replayed.length === 0 && from === end) this.savedTo = end
    for (const segment of segments) {
      if (segment.nextOffset <= from) continue
      for await (const batches of segment.scanSound()) {
        for (const batch of batches) {
          if (batch.isAfterDamage)
            logger.error(
              { log: this.#folder, before: String(batch.header.baseOffset) },
              'producer state is incomplete because of damaged data in the log',
            )
          const aborted = batch.header.baseOffset >= from ? this.#replay(batch) : undefined
          check.note(segment, batch, aborted)
        }
      }
    }
    await check.finish()
  }

  /** Returns the transaction that the batch aborts. */
  #replay({ header, bytes }: ScannedBatch): AbortedTransaction | undefined {
    const nowMs = this.#options.runtime.now()
    if (header.isControl) {
      const isCommit = readControlType(bytes, header) === 'commit'
      return this.producers.recordMarker(header, isCommit, 0, nowMs)
    }
    this.producers.record(header, nowMs)
    return undefined
  }
}
