/**
 * All partition logs of a data folder, and what is kept beside them:
 *
 *   .lock                              one broker at a time
 *   meta.properties                    format version and cluster id
 *   .kafka_cleanshutdown               present only between an orderly close and the next open
 *   recovery-point-offset-checkpoint   how far each partition is on stable storage for certain
 *   log-start-offset-checkpoint        where each partition begins after records were deleted
 *   .reserve                           room for what frees space on a full disk
 *   cleaner-offset-checkpoint          how far each partition has been compacted
 *   retention-clock-checkpoint         when the clock was last looked at, and whether it is trusted
 *   .restored                          the folder comes from a backup, and has not been opened since
 *   TOPIC-PARTITION/                   one folder for each log
 *   TOPIC-PARTITION.N.deleted/         of a deleted topic, as long as a backup needs it
 */

import { markPath, restoredMark } from '../../backup/backup-paths.ts'
import { encodeUtf8 } from '../../core/bytes.ts'
import { ClosedError, ConfigError } from '../../core/errors.ts'
import { Gate } from '../../core/gate.ts'
import { gauge, Histogram, type Metric } from '../../core/metrics.ts'
import type { Runtime, Timer } from '../../core/runtime.ts'
import type { FileSystem, Lock } from '../../storage/file-system.ts'
import {
  type EpochStart,
  epochLines,
  offsetLines,
  readEpochCheckpoint,
  readOffsetCheckpoint,
  replaceCheckpoint,
  replaceFile,
} from './checkpoint-file.ts'
import { Cleaner } from './cleaner.ts'
import { type Cut, cutOf } from './cut.ts'
import { DiskReserve, isShortage, levelOf, reserveFile } from './disk-reserve.ts'
import { formatVersion, readOrCreateMeta } from './folder-meta.ts'
import { Holds, removeAside } from './holds.ts'
import type { LogConfig } from './log-config.ts'
import { LogStarts, logStarts } from './log-starts.ts'
import type { PartitionLog } from './partition-log.ts'
import { openPartitionLog } from './recovery.ts'
import { describeRemoval, logRemoval } from './retention.ts'
import { RetentionClock } from './retention-clock.ts'
import { readClockState, writeClockState } from './retention-clock-checkpoint.ts'
import { CacheBudget } from './tail-cache.ts'

export const cleanMarker = '.kafka_cleanshutdown'
export const recoveryPoints = 'recovery-point-offset-checkpoint'
/** Logs that are opened, flushed or closed at a time: each has some files open for it. */
const logsAtOnce = 32
/** Leader epochs that are not stored with their logs: nothing was written in them. As of the last orderly close. */
export const begunEpochs = 'begun-epoch-checkpoint'
export const cleanedTo = 'cleaner-offset-checkpoint'
/** Of the time that the clock was last looked at; what counts are days. */
const clockSavedEveryMs = 3_600_000
const cacheBytesMax = 16 * 1024 * 1024

export interface LogStoreOptions {
  readonly fileSystem: FileSystem
  readonly runtime: Runtime
  /** How long an append that nobody waits for may stay unsynced. */
  readonly flushIntervalMs: number
  /** How often retention and compaction look for work. */
  readonly cleanupIntervalMs: number
  /** Producers not heard of for so long are forgotten. */
  readonly producerIdExpirationMs: number
  /** `diskReserve` of the broker. */
  readonly diskReserve?: number | undefined
  /** How long retention does not follow a clock that has jumped ahead. Default 0: it always does. */
  readonly clockJumpGraceMs?: number
}

export class LogStore {
  readonly clusterId: string
  readonly reserve: DiskReserve
  readonly #options: LogStoreOptions
  readonly #lock: Lock
  readonly #isClean: boolean
  readonly #recoveryPoints: Map<string, bigint>
  readonly #starts: LogStarts
  readonly #cleanedTo: Map<string, bigint>
  /** By folder. */
  readonly #begunEpochs: Map<string, EpochStart>
  readonly #logs = new Map<string, PartitionLog>()
  readonly #opening = new Gate(logsAtOnce)
  readonly #cleaner: Cleaner
  readonly #holds: Holds
  #clock: RetentionClock | undefined
  #savedClockMs = 0
  #savedCleanedTo = ''
  readonly #cacheBudget = new CacheBudget(cacheBytesMax)
  readonly #syncs = new Histogram(
    'kafkado_log_sync_seconds',
    'Duration of log syncs; all waiting requests share one',
  )
  #flushTimer: Timer | undefined
  #savedPoints = ''
  #saving: Promise<void> = Promise.resolve()
  #isClosed = false

  private constructor(
    options: LogStoreOptions,
    reserve: DiskReserve,
    lock: Lock,
    clusterId: string,
    isClean: boolean,
    points: Map<string, bigint>,
    starts: Map<string, bigint>,
    cleaned: Map<string, bigint>,
    begun: Map<string, EpochStart>,
  ) {
    this.#options = options
    this.reserve = reserve
    this.#lock = lock
    this.clusterId = clusterId
    this.#isClean = isClean
    this.#recoveryPoints = points
    this.#starts = new LogStarts(reserve.files, starts, this.#logs)
    this.#cleanedTo = cleaned
    this.#begunEpochs = begun
    const { fileSystem, runtime, cleanupIntervalMs, producerIdExpirationMs } = options
    this.#holds = new Holds({
      files: reserve.files,
      logger: runtime.logger,
      isShort: () => reserve.isShort,
    })
    this.#cleaner = new Cleaner({
      fileSystem,
      runtime,
      intervalMs: cleanupIntervalMs,
      producerIdExpirationMs,
      logs: () => this.#logs.values(),
      now: () => this.retentionNow(),
      raiseStart: (log, offset) => this.#starts.raise(log, offset),
      dropDeleted: (log) => this.#drop(log),
      holds: this.#holds,
      afterLook: () => this.#saveLook(),
    })
  }

  /** Takes the folder. Throws `DataFolderLockedError`, `ConfigError` for a backup, and `CorruptDataError` for a folder of a newer format. */
  static async open(options: LogStoreOptions): Promise<LogStore> {
    const { fileSystem, runtime, diskReserve: bytes } = options
    if (fileSystem.stat(markPath)) throw isBackup(fileSystem)
    const lock = lockFolder(fileSystem)
    const reserve = new DiskReserve({ fileSystem, runtime, bytes })
    try {
      reserve.open()
      const { files } = reserve
      const clusterId = await readOrCreateMeta(files, runtime)
      const isClean = files.stat(cleanMarker) !== undefined
      if (isClean) {
        // Before anything is written: from now on only the next orderly close can vouch for the folder.
        files.remove(cleanMarker)
        await files.syncDirectory('')
      }
      removeAside(files, runtime.logger)
      const points = readOffsets(options, recoveryPoints)
      const starts = readOffsets(options, logStarts)
      const cleaned = readOffsets(options, cleanedTo)
      const begun = isClean ? readEpochs(options) : new Map<string, EpochStart>()
      const store = new LogStore(
        options,
        reserve,
        lock,
        clusterId,
        isClean,
        points,
        starts,
        cleaned,
        begun,
      )
      store.#flushLater()
      store.#cleaner.start()
      return store
    } catch (error) {
      reserve.close()
      lock.release()
      throw error
    }
  }

  /** For messages, and for those who ask where the data is: the data folder, or `memory:`. */
  get description(): string {
    return this.#options.fileSystem.description
  }

  /** Whether the folder was closed in order the last time. */
  get wasClean(): boolean {
    return this.#isClean
  }

  /** Whether the folder comes from a backup, and nobody has noted that yet. */
  get isRestored(): boolean {
    return this.#options.fileSystem.stat(restoredMark) !== undefined
  }

  /** What that means is stored: the next start need not know. Durable when it resolves. */
  async restoredNoted(): Promise<void> {
    this.reserve.files.remove(restoredMark)
    await this.reserve.files.syncDirectory('')
  }

  get(topic: string, partition: number): PartitionLog | undefined {
    return this.#logs.get(`${topic}-${partition}`)
  }

  all(): Iterable<PartitionLog> {
    return this.#logs.values()
  }

  /** What has been counted since the folder was opened, and how the logs stand. */
  metrics(): Metric[] {
    let bytes = 0
    let offline = 0
    for (const log of this.#logs.values()) {
      bytes += log.sizeInBytes
      if (log.offline) offline++
    }
    const one = (name: string, help: string, value: number) =>
      gauge(name, help, [], [{ labels: {}, value }])
    return [
      ...this.#syncs.read(),
      one('kafkado_log_bytes', 'Bytes of all logs', bytes),
      one('kafkado_partitions', 'Partitions, including internal ones', this.#logs.size),
      one('kafkado_offline_partitions', 'Partitions whose disk has failed', offline),
    ]
  }

  /** Names of the log folders that are there, opened or not. */
  folders(): string[] {
    return logFolders(this.#options.fileSystem)
  }

  /**
   * Opens a partition's log, recovering it where needed, or creates it. Durable when it resolves. With `mayUseReserve` its
   * appends may use the reserve file: what they say is needed to free space.
   */
  async openLog(
    topic: string,
    partition: number,
    config: LogConfig,
    { mayUseReserve = false }: { readonly mayUseReserve?: boolean } = {},
  ): Promise<PartitionLog> {
    const name = `${topic}-${partition}`
    return (
      this.#logs.get(name) ??
      this.#opening.run(() => this.#openLog(topic, partition, config, mayUseReserve))
    )
  }

  async #openLog(
    topic: string,
    partition: number,
    config: LogConfig,
    mayUseReserve: boolean,
  ): Promise<PartitionLog> {
    const name = `${topic}-${partition}`
    const open = this.#logs.get(name)
    if (open) return open
    const log = await openPartitionLog({
      fileSystem: this.reserve.files,
      reserve: mayUseReserve ? undefined : this.reserve,
      runtime: this.#options.runtime,
      topic,
      partition,
      config,
      cacheBudget: this.#cacheBudget,
      syncs: this.#syncs.at(),
      isClean: this.#isClean,
      recoveryPoint: this.#recoveryPoints.get(name) ?? 0n,
      logStartOffset: this.#starts.of(name),
      epochBegun: this.#begunEpochs.get(name),
      compactedTo: this.#cleanedTo.get(name) ?? 0n,
      onRoll: (rolled) => this.#cleaner.rolled(rolled),
      mayRemove: (held) => this.#holds.mayRemove(held),
    })
    this.#logs.set(name, log)
    return log
  }

  /** All that is left of a topic: open logs, folders, and what the checkpoints say. */
  partitionsOf(topic: string): { readonly topic: string; readonly partition: number }[] {
    const known = [this.#logs.keys(), this.#recoveryPoints.keys(), this.#starts.folders()]
    const names = new Set([...this.folders(), ...known.flatMap((folders) => [...folders])])
    return [...names]
      .map((name) => ({ topic: name.slice(0, name.lastIndexOf('-')), name }))
      .filter((one) => one.topic === topic)
      .map(({ name }) => ({ topic, partition: Number(name.slice(topic.length + 1)) }))
  }

  /**
   * Removes partitions' logs with all their records. Durable when it resolves. When it rejects, the folders may be gone, and
   * a crash may leave what the checkpoints say of them: it is to be called again before their names are used.
   */
  async deleteLogs(
    partitions: readonly { readonly topic: string; readonly partition: number }[],
  ): Promise<void> {
    const { files } = this.reserve
    const names = partitions.map(({ topic, partition }) => `${topic}-${partition}`)
    const logs = new Map(this.#logs)
    for (const name of names) {
      this.#logs.get(name)?.abandon()
      this.#logs.delete(name)
      this.#recoveryPoints.delete(name)
      this.#cleanedTo.delete(name)
      this.#begunEpochs.delete(name)
    }
    this.#starts.forget(names)
    // First, for on a full disk there is no room for anything else.
    removeAll(names, (name) => this.#holds.removeFolder(logs.get(name), name))
    await files.syncDirectory('')
    this.reserve.lookAgain()
    // A later log of the same name must inherit neither where this one began nor how far it was synced.
    await this.#starts.save()
    await this.#savePoints()
  }

  /**
   * Makes records below `offset` unreachable, durably, and drops the segments that hold no others. Returns the new start.
   * Throws OFFSET_OUT_OF_RANGE, `StorageError`.
   */
  async deleteRecordsBefore(log: PartitionLog, offset: bigint): Promise<bigint> {
    // The next start drops what is below the new beginning. What it knows of producers is then in the snapshot of the
    // segment that begins there, so that must be durable before the beginning is.
    if (offset <= log.logEndOffset) await log.whenSynced()
    if (offset === log.logEndOffset) await log.rollDurably()
    const removal = await describeRemoval(log, offset)
    await this.#starts.raise(log, offset)
    const { logStartOffset } = log
    this.#drop(log)
    if (removal.toOffset > removal.fromOffset)
      logRemoval(this.#options.runtime.logger, log, removal, { reason: 'deleteRecords' })
    return logStartOffset
  }

  /**
   * All logs as they are at this moment, and a hold on them: whoever takes it ends that. What is written of a log that is being
   * opened, or deleted, is not part of it, as after a crash.
   */
  cut(): Cut {
    const open = [...this.#logs.values()].filter((log) => !log.isClosed)
    const logs = open.map((log) => cutOf(log, this.#starts.of(log.folder)))
    return { logs, hold: this.#holds.take(open), clock: this.#clock?.state }
  }

  /** The files of the folder, for those who read them. */
  get files(): FileSystem {
    return this.#options.fileSystem
  }

  /** Runs retention and compaction now. */
  clean(): Promise<void> {
    return this.#cleaner.clean()
  }

  /**
   * The time by which things expire, wall-clock milliseconds: not the clock's while that has jumped ahead and is held back.
   * For use when all logs are open.
   */
  retentionNow(): number {
    const { runtime, fileSystem, clockJumpGraceMs = 0 } = this.#options
    this.#clock ??= new RetentionClock({
      runtime,
      graceMs: clockJumpGraceMs,
      state: readClockState(fileSystem, runtime.logger) ?? this.#lastWrite(),
    })
    return this.#clock.now()
  }

  /** All logs are open: from here on a jump of the clock is noticed, also by the next process. */
  async watchClock(): Promise<void> {
    this.retentionNow()
    const { logger } = this.#options.runtime
    await this.#saveClockIfDue().catch((error: unknown) =>
      logger.warn({ err: error }, 'the time of this start could not be saved'),
    )
  }

  /** Of a folder that does not say when the clock was last looked at. */
  #lastWrite(): { lastSeenMs: number; heldBackMs: number; heldForMs: number } | undefined {
    let lastSeenMs = 0
    for (const { segments } of this.#logs.values())
      lastSeenMs = Math.max(lastSeenMs, segments.at(-1)!.lastWriteMs())
    return lastSeenMs > 0 ? { lastSeenMs, heldBackMs: 0, heldForMs: 0 } : undefined
  }

  /** Syncs and closes every log and marks the folder as clean. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#holds.breakAll(new ClosedError('The broker is closing', { code: 'BROKER_CLOSED' }))
    this.#flushTimer?.cancel()
    this.reserve.close()
    const { files } = this.reserve
    try {
      await this.#cleaner.close()
      await this.#saving.catch(() => undefined)
      const results = await this.#ofEach(this.#logs.values(), (log) => log.close())
      const isSound =
        results.every(({ status }) => status === 'fulfilled') &&
        [...this.#logs.values()].every((log) => !log.offline)
      await this.#writeRecoveryPoints()
      await this.#writeBegunEpochs()
      if (this.#clock) await this.#saveClock(this.#clock)
      if (isSound) await replaceFile(files, cleanMarker, encodeUtf8(`version=${formatVersion}\n`))
      for (const result of results) if (result.status === 'rejected') throw result.reason
    } finally {
      this.#lock.release()
    }
  }

  #flushLater(): void {
    const { runtime, flushIntervalMs } = this.#options
    const run = () => {
      this.#flush()
        .catch((error: unknown) => {
          const level = levelOf(error, 'error')
          runtime.logger[level]({ err: error }, 'background work of the log store failed')
        })
        .finally(() => {
          if (!this.#isClosed) this.#flushLater()
        })
    }
    this.#flushTimer = runtime.setTimer(flushIntervalMs, run, { background: true })
  }

  async #flush(): Promise<void> {
    const dirty = [...this.#logs.values()].filter(
      (log) => !log.offline && log.highWatermark < log.logEndOffset,
    )
    await this.#ofEach(dirty, (log) => log.whenSynced())
    await this.#savePoints()
  }

  /** In small groups. */
  #ofEach(
    logs: Iterable<PartitionLog>,
    work: (log: PartitionLog) => Promise<void>,
  ): Promise<PromiseSettledResult<void>[]> {
    const gate = new Gate(logsAtOnce)
    return Promise.allSettled([...logs].map((log) => gate.run(() => work(log))))
  }

  /** One at a time: two would write the same temporary file. */
  #savePoints(): Promise<void> {
    const save = () => this.#writeRecoveryPoints()
    this.#saving = this.#saving.then(save, save)
    return this.#saving
  }

  async #writeRecoveryPoints(): Promise<void> {
    // Those of logs that are not open yet stay as they were.
    for (const [name, log] of this.#logs) this.#recoveryPoints.set(name, log.highWatermark)
    const lines = offsetLines(this.#recoveryPoints)
    const content = lines.join('\n')
    if (content === this.#savedPoints) return
    await replaceCheckpoint(this.reserve.files, recoveryPoints, lines)
    this.#savedPoints = content
  }

  /** The next start begins no epoch after an orderly close, and must not fall back to the one before. */
  async #writeBegunEpochs(): Promise<void> {
    const { files } = this.reserve
    for (const [name, { unsavedEpoch }] of this.#logs) {
      if (unsavedEpoch) this.#begunEpochs.set(name, unsavedEpoch)
      else this.#begunEpochs.delete(name)
    }
    if (this.#begunEpochs.size > 0)
      await replaceCheckpoint(files, begunEpochs, epochLines(this.#begunEpochs))
    else files.remove(begunEpochs)
  }

  /** What a look at all logs has changed. */
  async #saveLook(): Promise<void> {
    for (const [name, { compactedTo }] of this.#logs)
      if (compactedTo > 0n) this.#cleanedTo.set(name, compactedTo)
    const lines = offsetLines(this.#cleanedTo)
    const content = lines.join('\n')
    if (content !== this.#savedCleanedTo) {
      await replaceCheckpoint(this.reserve.files, cleanedTo, lines)
      this.#savedCleanedTo = content
    }
    await this.#saveClockIfDue()
  }

  async #saveClockIfDue(): Promise<void> {
    const clock = this.#clock
    if (!clock) return
    const { lastSeenMs } = clock.state
    const isDue = Math.abs(lastSeenMs - this.#savedClockMs) >= clockSavedEveryMs
    if (isDue || clock.isHeldBack) await this.#saveClock(clock)
  }

  async #saveClock({ state }: RetentionClock): Promise<void> {
    await writeClockState(this.reserve.files, state)
    this.#savedClockMs = state.lastSeenMs
  }

  /** The start of the log is saved: files that stay for now are removed later, or when the log is opened again. */
  #drop(log: PartitionLog): void {
    try {
      if (log.dropSegmentsBelow(log.logStartOffset) > 0) this.reserve.lookAgain()
    } catch (error) {
      this.#options.runtime.logger[levelOf(error, 'error')](
        { err: error, log: log.folder },
        'obsolete segments could not be removed; this will be retried',
      )
    }
  }
}

/** What is written in it would make it no backup any more. */
function isBackup({ description }: FileSystem): ConfigError {
  return new ConfigError(
    `${description} is a backup, not a data folder. Restore it with: kafka-do restore ${description} --to ./data`,
    { code: 'INVALID_CONFIG' },
  )
}

/** Throws the first error once all have had their turn. */
function removeAll(names: readonly string[], remove: (name: string) => void): void {
  const errors: unknown[] = []
  for (const name of names) {
    try {
      remove(name)
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors[0]
}

/** The lock is a file, too: on a full disk it gets the room of the reserve file. */
function lockFolder(fileSystem: FileSystem): Lock {
  try {
    return fileSystem.lock()
  } catch (error) {
    // No process that lives has the folder: that would have been said first.
    if (!isShortage(error) || !fileSystem.stat(reserveFile)) throw error
    fileSystem.remove(reserveFile)
    return fileSystem.lock()
  }
}

/** The offsets of a checkpoint; none when it is missing, and that is said when it is damaged. */
function readOffsets({ fileSystem, runtime }: LogStoreOptions, path: string): Map<string, bigint> {
  const offsets = readOffsetCheckpoint(fileSystem, path)
  if (!offsets && fileSystem.stat(path))
    runtime.logger.error({ path }, 'a checkpoint is damaged; the logs are checked without it')
  return offsets ?? new Map()
}

/** None when the checkpoint is missing, and that is said when it is damaged. */
function readEpochs({ fileSystem, runtime }: LogStoreOptions): Map<string, EpochStart> {
  const epochs = readEpochCheckpoint(fileSystem, begunEpochs)
  if (!epochs && fileSystem.stat(begunEpochs))
    runtime.logger.error({ path: begunEpochs }, 'a checkpoint is damaged; leader epochs may fall')
  return epochs ?? new Map()
}

/** Names of the folders that hold a partition, or held one. */
export function logFolders(fileSystem: FileSystem): string[] {
  return fileSystem
    .list('')
    .filter((name) => /-\d+$/.test(name) && fileSystem.stat(name)?.isDirectory)
}
