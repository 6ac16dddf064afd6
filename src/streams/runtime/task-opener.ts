/** Opens tasks with their state, as at the last commit, whoever made that. */
import type { Cluster } from '../../client/cluster.ts'
import { type CommittedOffset, fetchCommittedOffsets } from '../../client/consumer/committer.ts'
import { ConfigError } from '../../core/errors.ts'
import type { ResolvedStreamsConfig } from '../streams-config.ts'
import type { Task } from '../task/task.ts'
import { BroadcastPositions } from './broadcast-positions.ts'
import { gone, passing } from './commit-failures.ts'
import { restoreTimes } from './committed-times.ts'
import type { LocalState } from './local-state.ts'
import type { PartitionReaders } from './partition-readers.ts'
import type { Plan, PlannedTask } from './plan.ts'
import type { Restorer } from './restorer.ts'
import { RunningTask, type TaskHost } from './running-task.ts'
import type { StandbyTasks } from './standby-tasks.ts'
import { TaskInput } from './task-input.ts'

export interface OpenerParts {
  readonly cluster: Cluster
  readonly config: ResolvedStreamsConfig
  plan(): Plan
  readonly reader: PartitionReaders
  readonly restorer: Restorer
  readonly standbys: StandbyTasks
  readonly host: TaskHost
  /** Undefined: state is in memory. */
  readonly local: LocalState | undefined
  newTask(planned: PlannedTask): Task
}

export class TaskOpener {
  readonly #parts: OpenerParts

  constructor(parts: OpenerParts) {
    this.#parts = parts
  }

  /** Rejects when it is no longer wanted by the time that its state would be taken: it may be another's, of the same task, by then. */
  async open(planned: PlannedTask, isWanted: () => boolean): Promise<RunningTask> {
    const { cluster, restorer, local } = this.#parts
    const plan = this.#parts.plan()
    const { inputs } = planned
    const { application } = plan.topology
    const committed = await fetchCommittedOffsets(cluster, application, inputs)
    if (!isWanted()) throw gone()
    const standby = this.#parts.standbys.take(planned.id)
    const task = standby?.task ?? (await this.#newTask(planned, committed, isWanted))
    const restorations = plan.restorationsOf(task, inputs, committed).map((one) => {
      const { name } = one.store.spec
      return { ...one, from: standby?.positions.get(name) ?? task.files?.positionOf(name) }
    })
    try {
      const restored = await restorer.restore(restorations)
      await task.files?.write()
      const hasState = restored > 0 || [...task.stores.values()].some(({ size }) => size > 0)
      if (hasState) await this.#checkAgreement(planned, committed)
      return this.#running(planned, task, committed)
    } catch (error) {
      if (task.files) await local?.close(planned.id, task.files).catch(() => undefined)
      throw error
    }
  }

  async #newTask(
    planned: PlannedTask,
    committed: readonly (CommittedOffset | undefined)[],
    isWanted: () => boolean,
  ): Promise<Task> {
    const { local, newTask } = this.#parts
    return local ? (await local.open(planned, committed, isWanted)).task : newTask(planned)
  }

  /**
   * Offsets were asked for before the state was read. A process that stood still in between may have lost the task to another,
   * whose commits are in the state: with the old offsets, records would be counted twice in what callbacks see.
   */
  async #checkAgreement(
    { id, inputs }: PlannedTask,
    committed: readonly (CommittedOffset | undefined)[],
  ): Promise<void> {
    const { cluster, config } = this.#parts
    if (config.guarantee !== 'exactly-once') return
    const { application } = this.#parts.plan().topology
    const now = await fetchCommittedOffsets(cluster, application, inputs)
    const isSame = now.every(
      (one, i) => one?.offset === committed[i]?.offset && one?.metadata === committed[i]?.metadata,
    )
    if (!isSame) throw passing(gone())
    if (now.every((one) => one === undefined)) throw stateWithoutOffsets(application, id)
  }

  #running(
    planned: PlannedTask,
    task: Task,
    committed: readonly (CommittedOffset | undefined)[],
  ): RunningTask {
    const { config, reader, host } = this.#parts
    const plan = this.#parts.plan()
    const { inputs, broadcasts } = planned
    restoreTimes(
      task,
      committed.map((one) => one?.metadata ?? ''),
    )
    const positions = new BroadcastPositions(plan.topology, task)
    const places = [
      ...inputs.map((one, i) => ({ ...one, committed: committed[i]?.offset, isBroadcast: false })),
      ...broadcasts.map((one) => ({ ...one, committed: positions.get(one), isBroadcast: true })),
    ]
    const consumptions = reader.add(
      places.map((one) => ({ ...one, from: one.committed ?? plan.startOf(one, config) })),
    )
    const taskInputs = consumptions.map((one, i) => {
      const { committed, isBroadcast } = places[i]!
      // What is read whole is not handed over: it goes to all tasks.
      const isInternal = plan.isInternal(one.topic) && !isBroadcast
      return new TaskInput(one, { committed, isInternal, isBroadcast })
    })
    return new RunningTask(task, taskInputs, host, positions)
  }
}

/** They were committed together, so somebody has deleted the offsets. */
function stateWithoutOffsets(app: string, task: string): ConfigError {
  return new ConfigError(
    `Task ${task} of '${app}' has state but no committed offsets, so records would be counted twice: the offsets of its group were deleted or have expired. Delete the changelogs of '${app}' too to begin anew, or give the application another name`,
    { code: 'STREAM_STATE_WITHOUT_OFFSETS' },
  )
}
