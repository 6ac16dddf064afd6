/**
 * Files of this process's tasks, held against their changelogs: files that a changelog does not go on from begin anew. Knows how
 * much of their changelogs the tasks lack that are on disk and do not run here.
 */
import type { Cluster } from '../../client/cluster.ts'
import type { TopicPartition } from '../../client/consumer/assignors/assignor.ts'
import type { CommittedOffset } from '../../client/consumer/committer.ts'
import { Offset } from '../../client/consumer/offset.ts'
import { lookUpOffsets } from '../../client/consumer/offset-lookup.ts'
import type { StateDir } from '../state-dir/state-dir.ts'
import type { TaskFiles } from '../state-dir/task-files.ts'
import type { StoreSpec } from '../stores/store-spec.ts'
import type { Task } from '../task/task.ts'
import { gone } from './commit-failures.ts'
import type { Plan, PlannedTask } from './plan.ts'

/**
 * A changelog forgets for good what was deleted that long ago (`delete.retention.ms`, a day by default): older files might keep what
 * is deleted. Half of it, for clocks differ.
 */
const ageMaxMs = 12 * 60 * 60 * 1000

interface Followed extends TopicPartition {
  readonly spec: StoreSpec
}

export interface LocalStateParts {
  readonly cluster: Cluster
  plan(): Plan
  readonly dir: StateDir
  newTask(planned: PlannedTask, files: TaskFiles): Task
}

export class LocalState {
  readonly #parts: LocalStateParts
  /** Where the changelogs of tasks ended that are on disk, by task and store, as far as they were looked up. */
  readonly #ends = new Map<string, Map<string, bigint>>()

  constructor(parts: LocalStateParts) {
    this.#parts = parts
  }

  /** Asks where the changelogs end of what is on disk. */
  async lookUp(): Promise<void> {
    const { plan, dir } = this.#parts
    for (const planned of plan().tasks) {
      if (!dir.kept.has(planned.id)) continue
      const followed = this.#followed(planned).filter(({ spec }) => spec.changelog === 'own')
      const ends = await this.#offsets(followed, Offset.latest)
      const byStore = followed.map(({ spec }, i) => [spec.name, ends[i]!] as const)
      this.#ends.set(planned.id, new Map(byStore))
    }
  }

  /** How many changelog entries those lack that are on disk and do not run here. */
  lags(): Map<string, number> {
    const lags = new Map<string, number>()
    for (const [id, { positions }] of this.#parts.dir.kept) {
      const ends = this.#ends.get(id)
      if (!ends) continue
      let lag = 0
      for (const [store, end] of ends) {
        const missing = Number(end - (positions.get(store) ?? 0n))
        // Files that are ahead are of another changelog.
        lag += missing < 0 ? Number(end) : missing
      }
      lags.set(id, lag)
    }
    return lags
  }

  /**
   * Makes a task of what is on disk, which may lack the end of its changelogs. Whoever has its files open loses them. Rejects when it
   * is no longer wanted by the time that they would be opened: they may be another's, of the same task, by then.
   */
  async open(
    planned: PlannedTask,
    committed: readonly (CommittedOffset | undefined)[] | undefined,
    isWanted: () => boolean,
  ): Promise<{ task: Task; files: TaskFiles }> {
    const { cluster, dir, newTask } = this.#parts
    const followed = this.#followed(planned)
    const [starts, ends] = await Promise.all([
      this.#offsets(followed, Offset.earliest),
      this.#offsets(followed, Offset.latest),
    ])
    if (!isWanted()) throw gone()
    const files = await dir.openTask(
      planned.id,
      followed.map(({ spec, topic }) => ({ spec, origin: cluster.topicId(topic) })),
    )
    try {
      const isOld = files.usedMs > 0 && cluster.runtime.now() - files.usedMs > ageMaxMs
      const stale = followed.find(({ spec, ...at }, i) => {
        const from = files.positionOf(spec.name)
        if (from === undefined) return false
        const until = spec.changelog === 'source' ? untilOf(planned, at, committed) : undefined
        const end = until ?? ends[i]!
        // The last entry of a log is never compacted away.
        return from < starts[i]! || from > end || (isOld && end - from > 1n)
      })
      if (stale) await this.#beginAnew(planned, files, stale)
      const task = newTask(planned, files)
      await files.load(task.stores)
      return { task, files }
    } catch (error) {
      await dir.closeTask(planned.id, files).catch(() => undefined)
      throw error
    }
  }

  /** What is on its way to the files is written first. */
  async close(id: string, files: TaskFiles): Promise<void> {
    await this.#parts.dir.closeTask(id, files)
    const positions = this.#parts.dir.kept.get(id)?.positions
    if (positions) this.#ends.set(id, new Map(positions))
  }

  async #beginAnew({ id }: PlannedTask, files: TaskFiles, { topic }: Followed): Promise<void> {
    const { cluster } = this.#parts
    cluster.runtime.logger.info(
      { task: id, path: files.path, topic },
      'state on disk does not go on in its changelog; it is restored from the beginning',
    )
    await files.clear()
  }

  #followed({ subTopology, partition }: PlannedTask): Followed[] {
    const { topology } = this.#parts.plan()
    return subTopology.stores.flatMap((spec): Followed[] => {
      if (spec.changelog === 'none') return []
      const topic = spec.changelog === 'own' ? topology.changelogOf(spec) : spec.source!
      return [{ spec, topic, partition }]
    })
  }

  #offsets(followed: readonly Followed[], offset: Offset): Promise<bigint[]> {
    if (followed.length === 0) return Promise.resolve([])
    const options = { isolation: 'read_uncommitted', create: false } as const
    return lookUpOffsets(this.#parts.cluster, followed, offset, options)
  }
}

function untilOf(
  { inputs }: PlannedTask,
  { topic }: TopicPartition,
  committed: readonly (CommittedOffset | undefined)[] | undefined,
): bigint | undefined {
  if (!committed) return undefined
  return committed[inputs.findIndex((one) => one.topic === topic)]?.offset ?? 0n
}
