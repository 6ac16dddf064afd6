/**
 * Copies of the state of tasks that other processes run, kept up to date from their changelogs: when one of them is given to this
 * process, little is left to be read.
 */
import type { Cluster } from '../../client/cluster.ts'
import type { ResolvedConsumerConfig } from '../../client/consumer/consumer-config.ts'
import { Offset } from '../../client/consumer/offset.ts'
import type { PartitionConsumption } from '../../client/consumer/partition-consumption.ts'
import { PartitionReader } from '../../client/consumer/partition-reader.ts'
import { nextTurn } from '../../core/turn.ts'
import type { TaskFiles } from '../state-dir/task-files.ts'
import { restoreRecord, type Store } from '../stores/store.ts'
import type { Task } from '../task/task.ts'
import type { LocalState } from './local-state.ts'
import type { Plan, PlannedTask } from './plan.ts'

/** Entries that are taken before the event loop has a turn; tasks that run come first. */
const entriesPerTurn = 500
/** Of a changelog that has not been asked yet. */
export const unknownLag = 1_000_000_000

interface Followed {
  readonly store: Store
  readonly consumption: PartitionConsumption
}

interface Standby {
  readonly task: Task
  readonly followed: readonly Followed[]
  /** It was told that it has caught up. */
  isCaughtUp: boolean
}

export interface StandbyParts {
  readonly cluster: Cluster
  readonly consumer: ResolvedConsumerConfig
  plan(): Plan
  /** Changelog entries that a copy may lack and yet be taken for up to date. */
  readonly maxLag: number
  newTask(planned: PlannedTask): Task
  /** Undefined: state is in memory. */
  readonly local: LocalState | undefined
  /** Resolves once this process does not run the task, and has closed its files: until it has given the task up, it writes to them. */
  whenFree(id: string): Promise<void>
  /** Tries again what passes by itself. */
  patiently<T>(work: () => Promise<T>): Promise<T>
  /** A copy that was behind is up to date. */
  caughtUp(id: string): void
  failed(error: unknown): void
}

/** A copy, and how far each of its stores has come. */
export interface TakenStandby {
  readonly task: Task
  /** By store: the offset of the next changelog entry. */
  readonly positions: ReadonlyMap<string, bigint>
}

export class StandbyTasks {
  readonly #parts: StandbyParts
  readonly #reader: PartitionReader
  readonly #standbys = new Map<string, Standby>()
  /** Copies whose files are being opened. */
  readonly #opening = new Map<string, object>()
  #taking: Promise<void> | undefined
  #hasNews = false
  #isClosed = false

  constructor(parts: StandbyParts) {
    this.#parts = parts
    const { cluster, consumer, failed } = parts
    this.#reader = new PartitionReader(cluster, consumer, { news: () => this.#news(), failed })
  }

  get size(): number {
    return this.#standbys.size
  }

  get tasks(): Task[] {
    return [...this.#standbys.values()].map(({ task }) => task)
  }

  /** Keeps copies of exactly these, and of `others` those that there are. */
  keep(ids: readonly string[], others: readonly string[]): void {
    const kept = new Set([...ids, ...others])
    for (const id of [...this.#standbys.keys()]) if (!kept.has(id)) this.#closeStandby(id)
    for (const id of [...this.#opening.keys()]) if (!kept.has(id)) this.#opening.delete(id)
    for (const planned of this.#parts.plan().tasks) {
      const { id } = planned
      if (!ids.includes(id) || this.#standbys.has(id) || this.#opening.has(id)) continue
      if (!this.#parts.local) this.#follow(planned, this.#parts.newTask(planned))
      else void this.#open(planned, this.#parts.local).catch((error) => this.#parts.failed(error))
    }
    // Who caught up while the group was being assigned was not heard: the leader knew an older lag.
    for (const standby of this.#standbys.values()) standby.isCaughtUp = false
    this.#news()
  }

  /** How many changelog entries each copy lacks. */
  lags(): Map<string, number> {
    return new Map([...this.#standbys].map(([id, standby]) => [id, lagOf(standby)]))
  }

  /** Gives a copy away, to be run. */
  take(id: string): TakenStandby | undefined {
    this.#opening.delete(id)
    const standby = this.#standbys.get(id)
    if (!standby) return undefined
    const { task, followed } = standby
    const positions = new Map<string, bigint>()
    for (const { store, consumption } of followed) {
      const { position } = consumption
      if (position !== undefined) positions.set(store.spec.name, position)
    }
    this.#drop(id)
    return { task, positions }
  }

  close(): void {
    this.#isClosed = true
    this.#reader.close()
    this.#standbys.clear()
    this.#opening.clear()
  }

  async #open(planned: PlannedTask, local: LocalState): Promise<void> {
    const mark = {}
    this.#opening.set(planned.id, mark)
    const isWanted = () => this.#opening.get(planned.id) === mark && !this.#isClosed
    await this.#parts.whenFree(planned.id)
    if (!isWanted()) return
    const opening = this.#parts.patiently(() => local.open(planned, undefined, isWanted))
    const opened = await opening.catch((error: unknown) => {
      if (isWanted()) throw error
    })
    if (!opened) return
    if (isWanted()) {
      this.#opening.delete(planned.id)
      this.#follow(planned, opened.task)
    } else await local.close(planned.id, opened.files)
  }

  #follow(planned: PlannedTask, task: Task): void {
    const { topology } = this.#parts.plan()
    const stores = [...task.stores.values()].filter(({ spec }) => spec.changelog === 'own')
    const consumptions = this.#reader.add(
      stores.map(({ spec }) => ({
        topic: topology.changelogOf(spec),
        partition: planned.partition,
        from: from(task.files, spec.name),
      })),
    )
    const followed = stores.map((store, i) => ({ store, consumption: consumptions[i]! }))
    this.#standbys.set(planned.id, { task, followed, isCaughtUp: false })
  }

  /** What it has is kept in its files, if there are any. */
  #closeStandby(id: string): void {
    const { task } = this.#standbys.get(id)!
    this.#drop(id)
    const { failed, local } = this.#parts
    if (task.files) void local?.close(id, task.files).catch(failed)
  }

  #drop(id: string): void {
    const standby = this.#standbys.get(id)!
    this.#standbys.delete(id)
    this.#reader.remove(standby.followed.map(({ consumption }) => consumption))
  }

  #news(): void {
    this.#hasNews = true
    this.#taking ??= this.#take()
      .catch((error) => this.#parts.failed(error))
      .finally(() => {
        this.#taking = undefined
        if (this.#hasNews && !this.#isClosed) this.#news()
      })
  }

  async #write({ task: { files }, followed }: Standby): Promise<void> {
    if (!files) return
    for (const { store, consumption } of followed) {
      const { position } = consumption
      if (position !== undefined) files.note(store.spec.name, position)
    }
    await files.write()
  }

  async #take(): Promise<void> {
    this.#hasNews = false
    let taken = 0
    for (const [id, standby] of this.#standbys) {
      const isRemoved = () => this.#isClosed || this.#standbys.get(id) !== standby
      for (const { store, consumption } of standby.followed) {
        if (isRemoved()) break
        for (let records = consumption.advance(); records; records = consumption.advance()) {
          restoreRecord(store, records.cursor!)
          if (++taken % entriesPerTurn === 0) await nextTurn()
          if (isRemoved()) break
        }
      }
      if (isRemoved()) continue
      await this.#write(standby)
      if (!standby.isCaughtUp && lagOf(standby) <= this.#parts.maxLag) {
        standby.isCaughtUp = true
        this.#parts.caughtUp(id)
      }
    }
    this.#reader.pump()
  }
}

function from(files: TaskFiles | undefined, store: string): Offset {
  const position = files?.positionOf(store)
  return position === undefined ? Offset.earliest : Offset.at(position)
}

function lagOf({ followed }: Standby): number {
  let lag = 0
  for (const { consumption } of followed) {
    const { position, readableEnd } = consumption
    if (position === undefined || readableEnd < 0n) return unknownLag
    lag += Number(readableEnd - position)
  }
  return Math.max(0, lag)
}
