/**
 * All partition logs of a data folder, and what is kept beside them:
 *
 *   .lock                              one broker at a time
 *   meta.properties                    format version and cluster id
 *   .kafka_cleanshutdown               present only between an orderly close and the next open
 *   recovery-point-offset-checkpoint   how far each partition is on stable storage for certain
 *   log-start-offset-checkpoint        where each partition begins after records were deleted
 *   TOPIC-PARTITION/                   one folder for each log
 */
import { decodeUtf8, encodeUtf8 } from '../../core/bytes.ts'
import { CorruptDataError } from '../../core/errors.ts'
import type { Runtime, Timer } from '../../core/runtime.ts'
import type { FileSystem, Lock } from '../../storage/file-system.ts'
import { readOffsetCheckpoint, replaceCheckpoint, replaceFile } from './checkpoint-file.ts'
import { compact } from './compaction.ts'
import { readWhole } from './index-file.ts'
import type { LogConfig } from './log-config.ts'
import type { PartitionLog } from './partition-log.ts'
import { openPartitionLog } from './recovery.ts'
import { applyRetention } from './retention.ts'
import { CacheBudget } from './tail-cache.ts'

const formatVersion = 1
const cleanMarker = '.kafka_cleanshutdown'
const recoveryPoints = 'recovery-point-offset-checkpoint'
const logStarts = 'log-start-offset-checkpoint'
const cacheBytesMax = 32 * 1024 * 1024

export interface LogStoreOptions {
  readonly fileSystem: FileSystem
  readonly runtime: Runtime
  /** How long an append that nobody waits for may stay unsynced. */
  readonly flushIntervalMs: number
  /** How often retention and compaction look for work. */
  readonly cleanupIntervalMs: number
  /** Producers not heard of for so long are forgotten. */
  readonly producerIdExpirationMs: number
}

export class LogStore {
  readonly clusterId: string
  readonly #options: LogStoreOptions
  readonly #lock: Lock
  readonly #isClean: boolean
  readonly #recoveryPoints: Map<string, bigint>
  readonly #logStarts: Map<string, bigint>
  readonly #logs = new Map<string, PartitionLog>()
  readonly #cacheBudget = new CacheBudget(cacheBytesMax)
  #timers: Timer[] = []
  #savedPoints = ''
  #startsSave: Promise<void> = Promise.resolve()
  #nextStartsSave: Promise<void> | undefined
  #saving: Promise<void> = Promise.resolve()
  #cleaning: Promise<void> | undefined
  #isClosed = false

  private constructor(
    options: LogStoreOptions,
    lock: Lock,
    clusterId: string,
    isClean: boolean,
    points: Map<string, bigint>,
    starts: Map<string, bigint>,
  ) {
    this.#options = options
    this.#lock = lock
    this.clusterId = clusterId
    this.#isClean = isClean
    this.#recoveryPoints = points
    this.#logStarts = starts
  }

  /** Takes the folder. Throws `DataFolderLockedError`, and `CorruptDataError` for a folder of a newer format. */
  static async open(options: LogStoreOptions): Promise<LogStore> {
    const { fileSystem, runtime } = options
    const lock = fileSystem.lock()
    try {
      const clusterId = await readOrCreateMeta(fileSystem, runtime)
      const isClean = fileSystem.stat(cleanMarker) !== undefined
      if (isClean) {
        // Before anything is written: from now on only the next orderly close can vouch for the folder.
        fileSystem.remove(cleanMarker)
        await fileSystem.syncDirectory('')
      }
      const points = readOffsetCheckpoint(fileSystem, recoveryPoints) ?? new Map<string, bigint>()
      const starts = readOffsetCheckpoint(fileSystem, logStarts) ?? new Map<string, bigint>()
      const store = new LogStore(options, lock, clusterId, isClean, points, starts)
      store.#startTimers()
      return store
    } catch (error) {
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

  get(topic: string, partition: number): PartitionLog | undefined {
    return this.#logs.get(`${topic}-${partition}`)
  }

  all(): Iterable<PartitionLog> {
    return this.#logs.values()
  }

  /** Names of the log folders that are there, opened or not. */
  folders(): string[] {
    const { fileSystem } = this.#options
    return fileSystem
      .list('')
      .filter((name) => /-\d+$/.test(name) && fileSystem.stat(name)?.isDirectory)
  }

  /** Opens a partition's log, recovering it where needed, or creates it. Durable when it resolves. */
  async openLog(topic: string, partition: number, config: LogConfig): Promise<PartitionLog> {
    const name = `${topic}-${partition}`
    const open = this.#logs.get(name)
    if (open) return open
    const { fileSystem, runtime } = this.#options
    const log = await openPartitionLog({
      fileSystem,
      runtime,
      topic,
      partition,
      config,
      cacheBudget: this.#cacheBudget,
      isClean: this.#isClean,
      recoveryPoint: this.#recoveryPoints.get(name) ?? 0n,
      logStartOffset: this.#logStarts.get(name) ?? 0n,
    })
    this.#logs.set(name, log)
    return log
  }

  /** Removes partitions' logs with all their records. Durable when it resolves. */
  async deleteLogs(
    partitions: readonly { readonly topic: string; readonly partition: number }[],
  ): Promise<void> {
    const { fileSystem } = this.#options
    const names = partitions.map(({ topic, partition }) => `${topic}-${partition}`)
    for (const name of names) {
      this.#logs.get(name)?.abandon()
      this.#logs.delete(name)
      this.#logStarts.delete(name)
      this.#recoveryPoints.delete(name)
    }
    // A later log of the same name must inherit neither where this one began nor how far it was synced.
    await this.#saveLogStarts()
    await this.#savePoints()
    for (const name of names) fileSystem.remove(name)
    await fileSystem.syncDirectory('')
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
    log.raiseLogStart(offset)
    const { logStartOffset } = log
    await this.#saveLogStarts()
    log.dropSegmentsBelow(logStartOffset)
    return logStartOffset
  }

  /** Runs retention and compaction now. */
  clean(): Promise<void> {
    this.#cleaning ??= this.#cleanAll().finally(() => {
      this.#cleaning = undefined
    })
    return this.#cleaning
  }

  /** Syncs and closes every log and marks the folder as clean. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const timer of this.#timers) timer.cancel()
    const { fileSystem } = this.#options
    try {
      await this.#cleaning?.catch(() => undefined)
      await this.#saving.catch(() => undefined)
      const results = await Promise.allSettled([...this.#logs.values()].map((log) => log.close()))
      const isSound =
        results.every(({ status }) => status === 'fulfilled') &&
        [...this.#logs.values()].every((log) => !log.offline)
      await this.#writeRecoveryPoints()
      if (isSound)
        await replaceFile(fileSystem, cleanMarker, encodeUtf8(`version=${formatVersion}\n`))
      for (const result of results) if (result.status === 'rejected') throw result.reason
    } finally {
      this.#lock.release()
    }
  }

  #startTimers(): void {
    const { flushIntervalMs, cleanupIntervalMs } = this.#options
    this.#every(flushIntervalMs, 0, () => this.#flush())
    this.#every(cleanupIntervalMs, 1, () => this.clean())
  }

  #every(intervalMs: number, slot: number, work: () => Promise<void>): void {
    const { runtime } = this.#options
    const run = () => {
      work()
        .catch((error: unknown) =>
          runtime.logger.error({ err: error }, 'background work of the log store failed'),
        )
        .finally(() => {
          if (!this.#isClosed) this.#every(intervalMs, slot, work)
        })
    }
    this.#timers[slot] = runtime.setTimer(intervalMs, run, { background: true })
  }

  async #flush(): Promise<void> {
    const dirty = [...this.#logs.values()].filter(
      (log) => !log.offline && log.highWatermark < log.logEndOffset,
    )
    await Promise.allSettled(dirty.map((log) => log.whenSynced()))
    await this.#savePoints()
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
    const lines = checkpointLines(this.#recoveryPoints)
    const content = lines.join('\n')
    if (content === this.#savedPoints) return
    await replaceCheckpoint(this.#options.fileSystem, recoveryPoints, lines)
    this.#savedPoints = content
  }

  /** One at a time, for two would write the same temporary file; everyone who comes meanwhile shares the next. */
  #saveLogStarts(): Promise<void> {
    this.#nextStartsSave ??= this.#startsSave
      .catch(() => undefined)
      .then(() => {
        this.#nextStartsSave = undefined
        this.#startsSave = this.#writeLogStarts()
        return this.#startsSave
      })
    return this.#nextStartsSave
  }

  #writeLogStarts(): Promise<void> {
    for (const [name, { logStartOffset }] of this.#logs)
      if (logStartOffset > 0n) this.#logStarts.set(name, logStartOffset)
    return replaceCheckpoint(this.#options.fileSystem, logStarts, checkpointLines(this.#logStarts))
  }

  async #cleanAll(): Promise<void> {
    const { runtime, fileSystem, producerIdExpirationMs } = this.#options
    const nowMs = runtime.now()
    for (const log of [...this.#logs.values()]) {
      if (this.#isClosed || log.offline) continue
      try {
        log.expireProducers(nowMs - producerIdExpirationMs)
        if (log.config.cleanupPolicy.delete)
          await applyRetention(log, nowMs, () => this.#saveLogStarts())
        if (log.config.cleanupPolicy.compact) await compact(log, fileSystem, runtime)
      } catch (error) {
        if (log.isClosed) continue
        // The others have their turn all the same.
        runtime.logger.error({ err: error, log: log.folder }, 'retention or compaction failed')
      }
    }
  }
}

function checkpointLines(offsets: ReadonlyMap<string, bigint>): string[] {
  return [...offsets].map(([name, offset]) => {
    const dash = name.lastIndexOf('-')
    return `${name.slice(0, dash)} ${name.slice(dash + 1)} ${offset}`
  })
}

async function readOrCreateMeta(fileSystem: FileSystem, runtime: Runtime): Promise<string> {
  const content = readWhole(fileSystem, 'meta.properties')
  if (content) {
    const text = decodeUtf8(content)
    const version = /^version=(\d+)$/m.exec(text)?.[1]
    const clusterId = /^cluster\.id=(\S+)$/m.exec(text)?.[1]
    if (version === String(formatVersion) && clusterId) return clusterId
    throw new CorruptDataError(
      `The data folder ${fileSystem.description} has meta.properties of version ${version ?? 'unknown'}; this kafka-do reads version ${formatVersion}. Use the kafka-do that wrote it, or another folder`,
      { code: 'UNSUPPORTED_DATA_FORMAT' },
    )
  }
  const clusterId = runtime.uuid()
  await replaceFile(
    fileSystem,
    'meta.properties',
    encodeUtf8(`version=${formatVersion}\ncluster.id=${clusterId}\n`),
  )
  return clusterId
}
