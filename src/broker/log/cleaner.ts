/**
 * When retention and compaction look at the logs, and what is said of what they did. A look goes over all logs at an
 * interval; a log whose segment was closed has its own look soon. One look is under way at a time. How each works stands
 * in `retention.ts` and `compaction.ts`; both work in slices, so that requests are served meanwhile.
 */
import { CorruptDataError } from '../../core/errors.ts'
import type { Runtime, Timer } from '../../core/runtime.ts'
import type { FileSystem } from '../../storage/file-system.ts'
import { type Compacted, compact } from './compaction.ts'
import { levelOf } from './disk-reserve.ts'
import type { Holds } from './holds.ts'
import type { PartitionLog } from './partition-log.ts'
import { applyRetention } from './retention.ts'
import { Slices } from './slices.ts'

/** After a segment was closed, until its log is looked at; more that are closed meanwhile share the look. */
const afterRollMs = 1000

export interface CleanerOptions {
  readonly fileSystem: FileSystem
  readonly runtime: Runtime
  readonly intervalMs: number
  /** Producers not heard of for so long are forgotten. */
  readonly producerIdExpirationMs: number
  readonly logs: () => Iterable<PartitionLog>
  /** The time that retention goes by, wall-clock milliseconds. */
  readonly now: () => number
  /** Resolves when the log begins at an offset, durably. */
  readonly raiseStart: (log: PartitionLog, offset: bigint) => Promise<void>
  /** Removes what lies before the start of the log, and could not be removed when that was raised. Never throws. */
  readonly dropDeleted: (log: PartitionLog) => void
  /** What backups need is not compacted. */
  readonly holds: Holds
  /** A look at all logs is done; what it changed can be saved. */
  readonly afterLook: () => Promise<void>
}

export class Cleaner {
  readonly #options: CleanerOptions
  /** Damaged logs are not compacted until the next start, as in Apache Kafka. */
  readonly #uncleanable = new WeakSet<PartitionLog>()
  readonly #slices: Slices
  #rolled = new Set<PartitionLog>()
  #timer: Timer | undefined
  #rollTimer: Timer | undefined
  #looking: Promise<void> = Promise.resolve()
  #lookAtAll: Promise<void> | undefined
  #isClosed = false

  constructor(options: CleanerOptions) {
    this.#options = options
    this.#slices = new Slices(options.runtime)
  }

  /** Begins to look at the interval. */
  start(): void {
    const { runtime, intervalMs } = this.#options
    const look = () => void this.clean().then(() => this.start())
    if (!this.#isClosed) this.#timer = runtime.setTimer(intervalMs, look, { background: true })
  }

  /** Looks at all logs now. Never rejects: what goes wrong is logged. */
  clean(): Promise<void> {
    this.#lookAtAll ??= this.#inTurn(async () => {
      this.#rolled.clear()
      await this.#look([...this.#options.logs()])
      await this.#options.afterLook()
    }).finally(() => {
      this.#lookAtAll = undefined
    })
    return this.#lookAtAll
  }

  /** A segment of the log was closed. */
  rolled(log: PartitionLog): void {
    const { delete: deletes, compact: compacts } = log.config.cleanupPolicy
    if (this.#isClosed || !(deletes || compacts)) return
    this.#rolled.add(log)
    const { runtime, intervalMs } = this.#options
    const waitMs = Math.min(afterRollMs, intervalMs)
    this.#rollTimer ??= runtime.setTimer(waitMs, () => this.#lookAtRolled(), { background: true })
  }

  /** Resolves when no look is under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#rollTimer?.cancel()
    this.#slices.stop()
    await this.#looking
  }

  #lookAtRolled(): void {
    const look = async () => {
      this.#rollTimer = undefined
      const logs = this.#rolled
      this.#rolled = new Set()
      await this.#look([...logs])
    }
    void this.#inTurn(look)
  }

  /** Two looks at one log would get into each other's way. */
  #inTurn(work: () => Promise<void>): Promise<void> {
    const { logger } = this.#options.runtime
    this.#looking = this.#looking.then(work).catch((error: unknown) => {
      logger.error({ err: error }, 'retention and compaction could not run')
    })
    return this.#looking
  }

  async #look(logs: readonly PartitionLog[]): Promise<void> {
    const { runtime, producerIdExpirationMs } = this.#options
    const nowMs = this.#options.now()
    this.#options.holds.freeIfShort()
    this.#slices.begin()
    for (const log of logs) {
      await this.#slices.pause()
      if (this.#isClosed) return
      if (log.offline || log.isClosed) continue
      try {
        log.expireProducers(nowMs - producerIdExpirationMs)
        await this.#lookAt(log, nowMs)
      } catch (error) {
        if (log.isClosed) continue
        // The others have their turn all the same.
        const level = levelOf(error, 'error')
        runtime.logger[level]({ err: error, log: log.folder }, 'retention or compaction failed')
      }
    }
  }

  async #lookAt(log: PartitionLog, nowMs: number): Promise<void> {
    const { runtime, fileSystem, raiseStart, dropDeleted, holds } = this.#options
    const { cleanupPolicy } = log.config
    dropDeleted(log)
    if (cleanupPolicy.delete)
      await applyRetention(log, nowMs, {
        raiseStart: (offset) => raiseStart(log, offset),
        logger: runtime.logger,
        slices: this.#slices,
      })
    if (!cleanupPolicy.compact || this.#uncleanable.has(log) || log.isClosed) return
    try {
      await log.rollOverdue(runtime.now())
      if (holds.isHeld(log)) return
      const compacted = await compact(log, fileSystem, runtime, {
        nowMs,
        slices: this.#slices,
        isStopped: () => this.#isClosed || holds.isHeld(log),
      })
      if (compacted) this.#tell(log, compacted)
    } catch (error) {
      if (!(error instanceof CorruptDataError)) throw error
      this.#uncleanable.add(log)
      const what = 'the log is damaged and is not compacted until the next start'
      runtime.logger.error({ err: error, log: log.folder }, what)
    }
  }

  #tell(log: PartitionLog, { fromOffset, toOffset, ...counts }: Compacted): void {
    const { logger } = this.#options.runtime
    const { removedWithoutKey, ...rest } = counts
    const range = { log: log.folder, fromOffset: String(fromOffset), toOffset: String(toOffset) }
    if (counts.removedRecords > 0) logger.debug({ ...range, ...rest }, 'the log was compacted')
    if (removedWithoutKey > 0) {
      const what =
        'compaction removed records without a key that were stored before the topic was compacted'
      logger.warn({ ...range, records: removedWithoutKey }, what)
    }
  }
}
