/**
 * The tasks that a process has, those that it opens, and copies of those of others. Their coming and going is decided by the group;
 * what is done with them, and committed, is no matter of this.
 */
import type { Cluster } from '../../client/cluster.ts'
import type { TopicPartition } from '../../client/consumer/assignors/assignor.ts'
import type { ResolvedConsumerConfig } from '../../client/consumer/consumer-config.ts'
import type { StateDir } from '../state-dir/state-dir.ts'
import type { TaskFiles } from '../state-dir/task-files.ts'
import type { ResolvedStreamsConfig } from '../streams-config.ts'
import { Task } from '../task/task.ts'
import type { TaskEvents } from '../task/task-events.ts'
import type { Topology } from '../topology/topology.ts'
import type { ApplicationLife } from './application-life.ts'
import { checkLength } from './committed-times.ts'
import { GlobalStores } from './global-stores.ts'
import { HandOver } from './hand-over.ts'
import { ensureInternalTopics } from './internal-topics.ts'
import { LocalState } from './local-state.ts'
import type { PartitionReaders } from './partition-readers.ts'
import { type Plan, type PlannedTask, planOf } from './plan.ts'
import { Restorer } from './restorer.ts'
import type { RunningTask } from './running-task.ts'
import { StandbyTasks, unknownLag } from './standby-tasks.ts'
import type { StoresHere } from './store-reader.ts'
import type { AssignedTasks } from './task-assignor.ts'
import { TaskOpener } from './task-opener.ts'
import type { Turns } from './turns.ts'
import { checkUpgrade } from './upgrade-check.ts'

export interface HeldTasksParts {
  readonly cluster: Cluster
  readonly topology: Topology
  readonly config: ResolvedStreamsConfig
  readonly consumer: ResolvedConsumerConfig
  readonly shapes: ReadonlyMap<string, string>
  /** Where state is; undefined: in memory. */
  readonly stateDir: StateDir | undefined
  readonly life: ApplicationLife
  readonly turns: Turns
  readonly reader: PartitionReaders
  events(): TaskEvents
  /** A record has been processed. */
  onRecord(): void
  /** Asks the group for what this process can have now. */
  resubscribe(): void
}

export class HeldTasks {
  readonly handOver: HandOver
  readonly globals: GlobalStores
  readonly restorer: Restorer
  readonly #parts: HeldTasksParts
  #plan!: Plan
  #local: LocalState | undefined
  #standbys: StandbyTasks | undefined
  #opener: TaskOpener | undefined
  /** Tasks that this process is to run once its copies of their state are up to date. */
  #warmups: ReadonlySet<string> = new Set()
  #running: readonly RunningTask[] = []
  /** Tasks whose state is being restored; one that is assigned anew meanwhile is another. */
  readonly #opening = new Set<{ readonly planned: PlannedTask; readonly lag: number }>()
  /** Told when tasks were given up or lost. */
  readonly #dropListeners: (() => void)[] = []

  constructor(parts: HeldTasksParts) {
    const { cluster, consumer, topology, config, life } = parts
    this.#parts = parts
    this.globals = new GlobalStores(cluster, consumer, topology, config.onError, (error) =>
      life.fail(error),
    )
    this.handOver = new HandOver(cluster, () => ({
      plan: this.#plan,
      tasks: this.#running,
      opening: this.#opening.size,
    }))
    this.restorer = new Restorer(cluster, consumer, life.closing.signal)
  }

  get plan(): Plan {
    return this.#plan
  }

  /** Another list whenever tasks come or go. */
  get running(): readonly RunningTask[] {
    return this.#running
  }

  get opening(): number {
    return this.#opening.size
  }

  get standbys(): StandbyTasks | undefined {
    return this.#standbys
  }

  /** Looks at what there is: topics, their partitions, state. May be called again when it fails. */
  async lookUp(): Promise<void> {
    const { cluster, topology, config, shapes } = this.#parts
    this.#plan = await planOf(cluster, topology)
    checkLength(topology, shapes)
    if (config.upgrade === 'check') await checkUpgrade(cluster, topology.application, shapes)
    await ensureInternalTopics(cluster, this.#plan.internalTopics, config)
    await this.#openLocal()
  }

  async #openLocal(): Promise<void> {
    const { cluster, stateDir: dir } = this.#parts
    if (!dir) return
    this.#local = new LocalState({
      cluster,
      plan: () => this.#plan,
      dir,
      newTask: (planned, files) => this.#newTask(planned, files),
    })
    await this.#local.lookUp()
  }

  /** What needs to know the topics that there are. */
  equip(): void {
    const { cluster, consumer, config, life, reader, onRecord, resubscribe } = this.#parts
    const newTask = (planned: PlannedTask) => this.#newTask(planned)
    this.#standbys = new StandbyTasks({
      cluster,
      consumer,
      plan: () => this.#plan,
      maxLag: config.maxLag,
      newTask,
      local: this.#local,
      whenFree: (id) => this.#whenFree(id),
      patiently: (work) => life.patiently(work),
      caughtUp: (id) => {
        // It was made in order to run the task.
        if (this.#warmups.has(id)) resubscribe()
      },
      failed: (error) => {
        if (!life.isOfClosing(error)) life.fail(error)
      },
    })
    this.#opener = new TaskOpener({
      cluster,
      config,
      plan: () => this.#plan,
      reader,
      restorer: this.restorer,
      standbys: this.#standbys,
      newTask,
      local: this.#local,
      host: {
        onRecord,
        now: () => cluster.runtime.monotonicNow(),
        handsOver: () => this.handOver.isOn,
        maxIdleMs: config.maxTaskIdle,
      },
    })
  }

  async assigned(partitions: readonly TopicPartition[]): Promise<void> {
    if (!partitions.every((one) => this.#plan.reads(one))) await this.planAnew(partitions)
    // The group must not wait for what is restored, which may take its time.
    for (const task of this.#plan.tasksOf(partitions)) void this.#open(task)
  }

  /** Whether tasks read a topic whole. */
  readWhole(topic: string): boolean {
    return this.#plan.tasks.some(({ broadcasts }) => broadcasts.some((one) => one.topic === topic))
  }

  /** Restores those anew that read a topic whole. */
  reopenReaders(topic: string): void {
    const reading = this.#running.filter(({ inputs }) =>
      inputs.some((input) => input.isBroadcast && input.topic === topic),
    )
    for (const task of reading) this.reopen(task)
  }

  /** A topic has got partitions. State does not follow them, so only an application that keeps none goes on. */
  async planAnew(partitions: readonly TopicPartition[]): Promise<void> {
    const { cluster, topology, config, life } = this.#parts
    try {
      await life.patiently(async () => {
        for (const { topic } of partitions) cluster.invalidateTopic(topic)
        const plan = await planOf(cluster, topology)
        await ensureInternalTopics(cluster, plan.internalTopics, config)
        this.#plan = plan
      })
    } catch (error) {
      if (!life.isOfClosing(error)) life.fail(error)
    }
  }

  /** Restores a task anew, as if it had just been assigned. */
  reopen(task: RunningTask): void {
    const planned = this.#plan.tasks.find(({ id }) => id === task.task.id)!
    this.drop(planned.inputs)
    void this.#open(planned)
  }

  async #open(planned: PlannedTask): Promise<void> {
    const { life, turns } = this.#parts
    // What is at hand of its state, as a copy or in files, is at hand until it runs: else the next round would take it away again.
    const opening = { planned, lag: this.lags().get(planned.id) ?? unknownLag }
    this.#opening.add(opening)
    try {
      // What it was here before must have come to its end.
      if (this.#local) await turns.take(() => Promise.resolve())
      // It may be taken away meanwhile.
      const isWanted = () => this.#opening.has(opening)
      const task = await life.patiently(() => this.#opener!.open(planned, isWanted))
      if (isWanted()) {
        this.#running = [...this.#running, task]
        this.handOver.tasksCame()
      } else this.#forget([task])
    } catch (error) {
      if (this.#opening.has(opening) && !life.isClosing) life.fail(error)
    }
    this.#opening.delete(opening)
    life.checkReady(this.#opening.size)
    life.news.tell()
  }

  #newTask({ subTopology, partition }: PlannedTask, files?: TaskFiles): Task {
    const { topology, config, life, cluster } = this.#parts
    return new Task({
      topology,
      subTopology,
      partition,
      onError: config.onError,
      events: this.#parts.events(),
      globalStores: this.globals.stores,
      closing: life.closing.signal,
      files,
      runtime: cluster.runtime,
    })
  }

  /** What the group's leader gave this process besides partitions. */
  keep({ active, standby, warmup, promised }: AssignedTasks): void {
    this.#warmups = new Set(warmup)
    // Copies of what it is to run now, or soon, are what it will start from.
    this.#standbys?.keep([...standby, ...warmup], [...active, ...promised])
  }

  /** Tasks whose state is here, and how many changelog entries it lacks. */
  lags(): Map<string, number> {
    const running = this.#running.filter(({ task }) => task.stores.size > 0)
    const opening = [...this.#opening].filter(
      ({ planned }) => planned.subTopology.stores.length > 0,
    )
    return new Map([
      ...(this.#local?.lags() ?? []),
      ...opening.map(({ planned, lag }): [string, number] => [planned.id, lag]),
      ...(this.#standbys?.lags() ?? []),
      ...running.map(({ task }): [string, number] => [task.id, 0]),
    ])
  }

  /** Where stores are read. */
  here(): StoresHere {
    return {
      topology: this.#parts.topology,
      plan: this.#plan,
      running: this.#running.map(({ task }) => task),
      standbys: this.#standbys?.tasks ?? [],
      globals: this.globals.stores,
    }
  }

  /** Whether what is not committed has to do with tasks of these partitions. */
  areInvolved(partitions: readonly TopicPartition[]): boolean {
    return this.#running.some((task) => task.isInvolved && partitions.some((one) => task.owns(one)))
  }

  drop(partitions: readonly TopicPartition[]): void {
    const [gone, kept] = split(this.#running, (task) => partitions.some((one) => task.owns(one)))
    this.#running = kept
    this.handOver.end()
    for (const task of gone) task.isTakenAway = true
    this.#forget(gone)
    for (const listener of this.#dropListeners.splice(0)) listener()
    for (const opening of this.#opening) {
      const { inputs } = opening.planned
      if (inputs.some((one) => partitions.some((other) => isSame(one, other)))) {
        this.#opening.delete(opening)
      }
    }
  }

  async #whenFree(id: string): Promise<void> {
    while (this.#running.some(({ task }) => task.id === id)) {
      await new Promise<void>((resolve) => this.#dropListeners.push(resolve))
    }
    // Files are closed in a turn.
    await this.#parts.turns.take(() => Promise.resolve())
  }

  #forget(tasks: readonly RunningTask[]): void {
    const { reader } = this.#parts
    reader.remove(tasks.flatMap(({ inputs }) => inputs.map(({ consumption }) => consumption)))
    for (const { task } of tasks) if (task.files) void this.#closeFiles(task.id, task.files)
  }

  /** Once no record is under way that looks into them. */
  async #closeFiles(id: string, files: TaskFiles): Promise<void> {
    const { life, turns } = this.#parts
    try {
      await turns.take(() => this.#local!.close(id, files))
    } catch (error) {
      life.fail(error)
    }
  }

  /** Reads no more. */
  close(): void {
    this.restorer.close()
    this.globals.close()
    this.#standbys?.close()
  }
}

function split<T>(list: readonly T[], isFirst: (one: T) => boolean): [first: T[], rest: T[]] {
  return [list.filter(isFirst), list.filter((one) => !isFirst(one))]
}

function isSame(a: TopicPartition, b: TopicPartition): boolean {
  return a.partition === b.partition && a.topic === b.topic
}
