/**
 * One process of a stream application: a member of its group, with the tasks that the group gives it.
 *
 *   GroupMember ──assigned, revoked, lost──▶ tasks ◀── records ── PartitionReader
 *                                              │
 *                                        the loop: process … commit … process
 *                                              │
 *                                            Writer ──▶ outputs, changelogs, offsets
 *
 * All that changes tasks or the transaction happens in turns (`#turns`): rounds of the loop, and between them what comes from
 * outside. A commit takes in all tasks at once, so tasks are always at a common, committed point or on the way to the next.
 * Partitions that are lost are gone at once, in the middle of a turn too: what was done with them is torn, and not committed.
 */
import type { Cluster } from '../../client/cluster.ts'
import type { TopicPartition } from '../../client/consumer/assignors/assignor.ts'
import { fetchCommittedOffsets } from '../../client/consumer/committer.ts'
import type { ResolvedConsumerConfig } from '../../client/consumer/consumer-config.ts'
import { GroupMember } from '../../client/consumer/group-member.ts'
import type { Membership } from '../../client/consumer/partition-consumption.ts'
import { Patience } from '../../client/consumer/patience.ts'
import type { PartitionOffset } from '../../client/transaction/offset-commits.ts'
import { backoffDelay, delay } from '../../core/backoff.ts'
import { AbortedError, ClosedError, KafkaError } from '../../core/errors.ts'
import { nextTurn } from '../../core/turn.ts'
import { resolvesWithin, within } from '../../core/within.ts'
import type {
  Runner,
  StoreLocation,
  StoreReader,
  StreamMetrics,
  StreamState,
} from '../dsl/stream-run.ts'
import type { StateDir } from '../state-dir/state-dir.ts'
import type { TaskFiles } from '../state-dir/task-files.ts'
import type { ResolvedStreamsConfig } from '../streams-config.ts'
import { StreamProcessingError } from '../task/errors.ts'
import { Task } from '../task/task.ts'
import { stateShapes } from '../topology/state-shape.ts'
import type { Topology } from '../topology/topology.ts'
import { watchBroadcasts } from './broadcast-watch.ts'
import { writeChangelogs, writeFiles } from './changelog-writing.ts'
import { hasMoved, offsetsOf } from './commit-contents.ts'
import { explained, gone, isPassing, passing } from './commit-failures.ts'
import { traced } from './commit-trace.ts'
import { checkLength } from './committed-times.ts'
import { GlobalStores } from './global-stores.ts'
import { HandOver } from './hand-over.ts'
import { ensureInternalTopics } from './internal-topics.ts'
import { LocalState } from './local-state.ts'
import { overLimit } from './memory-limit.ts'
import { News } from './news.ts'
import { PartitionReaders } from './partition-readers.ts'
import { backoff, patiently } from './patiently.ts'
import { ownSources, type Plan, type PlannedTask, planOf } from './plan.ts'
import { RefusedRecords } from './refused-records.ts'
import { RepartitionPurge } from './repartition-purge.ts'
import { Restorer } from './restorer.ts'
import { RunCounters } from './run-counters.ts'
import type { RunningTask } from './running-task.ts'
import { StandbyTasks, unknownLag } from './standby-tasks.ts'
import { locateKey, type StoresHere, storeReader } from './store-reader.ts'
import type { AssignedTasks } from './task-assignor.ts'
import { TaskOpener } from './task-opener.ts'
import { Turns } from './turns.ts'
import { checkUpgrade } from './upgrade-check.ts'
import type { Writer } from './writer.ts'

export interface ApplicationOptions {
  readonly cluster: Cluster
  readonly topology: Topology
  readonly config: ResolvedStreamsConfig
  readonly consumer: ResolvedConsumerConfig
  readonly newWriter: (parts: WriterParts) => Writer
  /** Where state is; undefined: in memory. The application closes it. */
  readonly stateDir: StateDir | undefined
  /** Told once it is over. */
  readonly onEnd: () => void
}

/** What a writer has from its application. */
export interface WriterParts {
  membership(): Promise<Membership>
  /** Throws when partitions whose records were processed since the last commit have gone to others. */
  check(): void
  readonly closing: AbortSignal
}

/** How long a slice of one task is, milliseconds. */
const sliceMs = 5

export class StreamApplication implements Runner {
  readonly topology: Topology
  readonly ready: Promise<void>
  readonly done: Promise<void>
  readonly #options: ApplicationOptions
  readonly #cluster: Cluster
  readonly #counters = new RunCounters()
  readonly #reader: PartitionReaders
  readonly #restorer: Restorer
  readonly #writer: Writer
  readonly #member: GroupMember
  readonly #patience: Patience
  /** Ends everything at once. */
  readonly #ended = new AbortController()
  readonly #closing = new AbortController()
  #plan!: Plan
  #local: LocalState | undefined
  #standbys: StandbyTasks | undefined
  #opener: TaskOpener | undefined
  /** Tasks that this process is to run once its copies of their state are up to date. */
  #warmups: ReadonlySet<string> = new Set()
  readonly #shapes: ReadonlyMap<string, string>
  #tasks: RunningTask[] = []
  /** Tasks whose state is being restored; one that is assigned anew meanwhile is another. */
  readonly #opening = new Set<{ readonly planned: PlannedTask; readonly lag: number }>()
  /** Told when tasks were given up or lost. */
  readonly #dropListeners: (() => void)[] = []
  /** The group has given this process what it gives it. */
  #isSettled = false
  readonly #handOver: HandOver
  readonly #globals: GlobalStores
  readonly #purge: RepartitionPurge
  readonly #refused = new RefusedRecords()
  #state: StreamState = 'starting'
  readonly #turns = new Turns()
  /** Partitions that are to be given up wait for their turn: no commit may wait for the next generation, which waits for them. */
  #revoking = 0
  #endMembershipWait: ((error: unknown) => void) | undefined
  #finishing: Promise<void> | undefined
  #isOver = false
  #closed: Promise<void> | undefined
  readonly #news: News
  #commitDueAt = Number.POSITIVE_INFINITY
  /** Partitions were lost whose records are part of what is not committed. */
  #isTorn = false
  #failures = 0
  #error: { readonly error: unknown } | undefined
  #settleReady!: { resolve(): void; reject(error: unknown): void }
  #settleDone!: { resolve(): void; reject(error: unknown): void }

  constructor(options: ApplicationOptions) {
    const { cluster, topology, consumer } = options
    this.#options = options
    this.#cluster = cluster
    this.topology = topology
    this.#shapes = stateShapes(topology)
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject }
    })
    this.done = new Promise((resolve, reject) => {
      this.#settleDone = { resolve, reject }
    })
    // Whoever awaits `done` is told; `ready` may be of no interest to anybody.
    this.ready.catch(() => undefined)
    const { runtime } = cluster
    this.#news = new News(runtime)
    this.#patience = new Patience({
      runtime,
      giveUpAfterMs: consumer.giveUpAfter,
      group: consumer.group,
    })
    const readers = {
      news: () => this.#news.tell(),
      failed: (error: unknown) => this.#fail(error),
    }
    this.#reader = new PartitionReaders(cluster, consumer, readers)
    this.#globals = new GlobalStores(
      cluster,
      consumer,
      topology,
      options.config.onError,
      readers.failed,
    )
    this.#purge = new RepartitionPurge(cluster, () => this.#plan)
    this.#handOver = new HandOver(cluster, () => ({
      plan: this.#plan,
      tasks: this.#tasks,
      opening: this.#opening.size,
    }))
    this.#restorer = new Restorer(cluster, consumer, this.#closing.signal)
    const subscription = { topics: sourceTopics(topology), isMatched: () => false }
    this.#member = new GroupMember(cluster, subscription, consumer, this.#patience, {
      assigned: (partitions) => this.#assigned(partitions),
      revoked: (partitions) => this.#revoked(partitions),
      lost: (partitions) => this.#lost(partitions),
      settled: () => this.#settled(),
      failed: (error) => this.#fail(error),
    })
    this.#writer = options.newWriter({
      membership: () => this.#membership(),
      check: () => {
        if (this.#isTorn) throw gone()
      },
      closing: this.#ended.signal,
    })
    void this.#start()
  }

  get state(): StreamState {
    return this.#state
  }

  /** Finishes what is in hand, commits and leaves the group, within `closeTimeout` of a consumer. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    if (this.#state !== 'failed') this.#state = 'closing'
    this.#closing.abort()
    this.#news.tell()
    const { runtime } = this.#cluster
    const { closeTimeout } = this.#options.consumer
    const done = this.done.catch(() => undefined)
    if (await resolvesWithin(runtime, done, closeTimeout)) return
    runtime.logger.warn(
      { app: this.topology.application, closeTimeout },
      'the application could not commit and leave its group in time; what it did since its last commit is done again',
    )
    // What waits for an answer, or for a callback, is not waited for any more.
    this.#ended.abort()
    void this.#writer.abort().catch(() => undefined)
    void this.#finish()
    this.#over()
  }

  metrics(): StreamMetrics {
    const lags = [...(this.#standbys?.lags().values() ?? [])]
    return this.#counters.read(this.#tasks, {
      restored: this.#restorer.restored,
      restoreRemaining: this.#restorer.remaining,
      // Of those that have not been asked yet nothing is known.
      standbyLag: lags.reduce((sum, lag) => sum + (lag === unknownLag ? 0 : lag), 0),
      restoring: this.#opening.size,
      standby: this.#standbys?.size ?? 0,
    })
  }

  store(name: unknown, options?: unknown): StoreReader {
    return storeReader(this.topology, name, options, () => this.#here())
  }

  locate(store: unknown, key: unknown): StoreLocation {
    return locateKey(this.topology, store, key, this.#here())
  }

  #here(): StoresHere {
    if (this.#isOver) {
      throw new ClosedError('The application is closed; what its stores had is with who runs it', {
        code: 'STREAM_CLOSED',
      })
    }
    return {
      topology: this.topology,
      plan: this.#plan,
      running: this.#tasks.map(({ task }) => task),
      standbys: this.#standbys?.tasks ?? [],
      globals: this.#globals.stores,
    }
  }

  async #start(): Promise<void> {
    try {
      await this.#patiently(async () => {
        const { cluster, topology, config } = this.#options
        this.#plan = await planOf(cluster, topology)
        checkLength(topology, this.#shapes)
        if (config.upgrade === 'check') {
          await checkUpgrade(cluster, topology.application, this.#shapes)
        }
        await ensureInternalTopics(cluster, this.#plan.internalTopics, config)
        await this.#openLocal()
        await this.#writer.begin()
      })
      this.#equip()
      const grown = (topic: string) => void this.#broadcastGrown(topic)
      watchBroadcasts(this.#cluster, this.#plan, this.#closing.signal, grown)
      await this.#patiently(() => this.#globals.start())
      if (!this.#closing.signal.aborted) {
        this.#member.start()
        await this.#run()
      }
    } catch (error) {
      if (!this.#isOfClosing(error)) this.#fail(error)
    }
    await this.#finish()
  }

  async #openLocal(): Promise<void> {
    const dir = this.#options.stateDir
    if (!dir) return
    this.#local = new LocalState({
      cluster: this.#cluster,
      plan: () => this.#plan,
      dir,
      newTask: (planned, files) => this.#newTask(planned, files),
    })
    await this.#local.lookUp()
  }

  /** What needs to know the topics that there are. */
  #equip(): void {
    const { consumer, config } = this.#options
    const newTask = (planned: PlannedTask) => this.#newTask(planned)
    this.#standbys = new StandbyTasks({
      cluster: this.#cluster,
      consumer,
      plan: () => this.#plan,
      maxLag: config.maxLag,
      newTask,
      local: this.#local,
      whenFree: (id) => this.#whenFree(id),
      patiently: (work) => this.#patiently(work),
      caughtUp: (id) => {
        // It was made in order to run the task.
        if (this.#warmups.has(id)) this.#member.resubscribe()
      },
      failed: (error) => {
        if (!this.#isOfClosing(error)) this.#fail(error)
      },
    })
    this.#opener = new TaskOpener({
      cluster: this.#cluster,
      config,
      plan: () => this.#plan,
      reader: this.#reader,
      restorer: this.#restorer,
      standbys: this.#standbys,
      newTask,
      local: this.#local,
      host: {
        onRecord: () => {
          this.#counters.recordsIn++
        },
        now: () => this.#cluster.runtime.monotonicNow(),
        handsOver: () => this.#handOver.isOn,
        maxIdleMs: config.maxTaskIdle,
      },
    })
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted && !this.#error) {
      const count = await this.#turns.take(() => this.#round())
      if (count > 0) {
        this.#reader.pump()
        await nextTurn()
      } else if (this.#turns.waiting === 0) await this.#whenNews()
    }
  }

  /** Some records, and a commit when it is due. Gives how many records. */
  async #round(): Promise<number> {
    const { runtime } = this.#cluster
    await this.#handOver.consider()
    const count = (await this.#processSlice()) + (await this.#tick())
    const isDue = this.#refused.isSearching || runtime.monotonicNow() >= this.#commitDueAt
    if (isDue || this.#isTorn) await this.#commit()
    else if (count > 0 && this.#commitDueAt === Number.POSITIVE_INFINITY) {
      this.#commitDueAt = runtime.monotonicNow() + this.#options.config.commitInterval
    }
    return count
  }

  #patiently<T>(work: () => Promise<T>): Promise<T> {
    const { runtime } = this.#cluster
    return patiently({ runtime, patience: this.#patience, signal: this.#closing.signal }, work)
  }

  /** What closing has ended did not fail. */
  #isOfClosing(error: unknown): boolean {
    return this.#closing.signal.aborted && error instanceof AbortedError
  }

  /** What is due by the wall clock. Gives for how many tasks something was. */
  async #tick(): Promise<number> {
    const { runtime } = this.#cluster
    let count = 0
    for (const task of this.#tasks) {
      if (task.dueIn(runtime) > 0 || this.#isTorn || this.#refused.isSearching) continue
      await task.tick(runtime)
      count++
    }
    return count
  }

  async #processSlice(): Promise<number> {
    const { runtime } = this.#cluster
    let count = 0
    if (this.#handOver.willBegin()) return count
    if (this.#refused.isSearching) {
      // A slice that ends at once has one record.
      return this.#refused.process(this.#tasks, (task) => task.run(runtime, 0))
    }
    for (const task of this.#tasks) {
      if (this.#handOver.rests(task)) continue
      const ran = task.run(runtime, runtime.monotonicNow() + sliceMs)
      count += typeof ran === 'number' ? ran : await ran
      if (this.#turns.waiting > 0 || this.#isTorn) break
    }
    return count
  }

  async #commit(): Promise<void> {
    this.#commitDueAt = Number.POSITIVE_INFINITY
    if (!this.#isTorn && this.#handOver.isOn) await this.#handOver.drain()
    const tasks = this.#tasks.filter((task) => task.isDirty)
    if (this.#isTorn) return this.#recover([], [], gone())
    if (tasks.length === 0) return
    // The files may lag one commit behind, not more.
    for (const { task } of tasks) await task.files?.settled()
    const { runtime } = this.#cluster
    const startedAt = runtime.monotonicNow()
    const offsets = tasks.flatMap((task) => offsetsOf(task, this.#shapes))
    try {
      await this.#traced(tasks, async () => {
        for (const running of tasks) {
          running.prepareCommit()
          writeChangelogs(this.topology, this.#writer, running)
        }
        await this.#writer.commit(offsets)
      })
    } catch (error) {
      return this.#recover(tasks, offsets, error)
    }
    this.#failures = 0
    this.#counters.commitMs += runtime.monotonicNow() - startedAt
    this.#patience.forget(this)
    this.#committed(tasks, offsets)
    this.#purge.committed(this.#tasks)
    await this.#writer.begin()
  }

  #traced(tasks: readonly RunningTask[], commit: () => Promise<void>): Promise<void> {
    const { application } = this.topology
    const { transactionalId } = this.#writer
    return traced({ cluster: this.#cluster, application, transactionalId, tasks }, commit)
  }

  #committed(tasks: readonly RunningTask[], offsets: readonly PartitionOffset[]): void {
    this.#counters.commits++
    this.#refused.committed(offsets)
    for (const running of tasks) {
      running.committed((input) => offsets.find((one) => isSame(one, input))?.offset)
      // The next records need not wait for it.
      writeFiles(running, offsets).catch((error) => this.#fail(error))
    }
    this.#options.stateDir?.used()
    const tooMuch = overLimit(this.topology.application, this.#tasks, this.#options.config)
    if (tooMuch) this.#fail(tooMuch)
  }

  /** A commit did not come about, or nobody knows. Goes on from what is committed. */
  async #recover(
    tasks: readonly RunningTask[],
    planned: readonly PartitionOffset[],
    error: unknown,
  ): Promise<void> {
    const { runtime } = this.#cluster
    runtime.logger.debug({ err: error, app: this.topology.application }, 'a commit failed')
    this.#isTorn = false
    await this.#writer.abort()
    const isRefused = this.#refused.take(error, tasks, planned)
    if (!isRefused) {
      if (!isPassing(error)) throw explained(error)
      const end = this.#patience.judge(this, passing(error))
      if (end !== undefined) throw end
    }
    try {
      if (!isRefused) {
        const waitMs = backoffDelay(++this.#failures, backoff, runtime)
        await delay(runtime, waitMs, this.#closing.signal)
      }
      const isUnknown = error instanceof KafkaError && error.outcome === 'unknown'
      if (await this.#beginAnew(tasks, isUnknown ? planned : undefined)) return
    } catch (failure) {
      if (!this.#isOfClosing(failure)) throw failure
    }
    for (const running of this.#tasks) running.abort()
    this.#reader.interrupt()
  }

  /** Ends what may still be under way, one way or the other. True: `unsure` was committed after all. */
  async #beginAnew(
    tasks: readonly RunningTask[],
    unsure: readonly PartitionOffset[] | undefined,
  ): Promise<boolean> {
    await this.#patiently(() => this.#writer.begin())
    if (!unsure) return false
    const { application } = this.topology
    const found = await this.#patiently(() =>
      fetchCommittedOffsets(this.#cluster, application, unsure),
    )
    const kept = tasks.filter((task) => this.#tasks.includes(task))
    if (kept.length === tasks.length && hasMoved(tasks, unsure)) {
      if (!unsure.every(({ offset }, i) => found[i]?.offset === offset)) return false
      this.#committed(tasks, unsure)
      return true
    }
    // Others have gone on with what was lost meanwhile, so its offsets tell nothing. The changelogs do.
    for (const task of kept) this.#reopen(task)
    return false
  }

  /** Restores a task anew, as if it had just been assigned. */
  #reopen(task: RunningTask): void {
    const planned = this.#plan.tasks.find(({ id }) => id === task.task.id)!
    this.#drop(planned.inputs)
    void this.#open(planned)
  }

  async #assigned(partitions: readonly TopicPartition[]): Promise<void> {
    if (this.#state === 'running') this.#state = 'rebalancing'
    if (!partitions.every((one) => this.#plan.reads(one))) await this.#planAnew(partitions)
    // The group must not wait for what is restored, which may take its time.
    for (const task of this.#plan.tasksOf(partitions)) void this.#open(task)
  }

  /** A topic that tasks read whole has got partitions: they begin anew, with what they have kept. */
  async #broadcastGrown(topic: string): Promise<void> {
    const isRead = this.#plan.tasks.some(({ broadcasts }) =>
      broadcasts.some((one) => one.topic === topic),
    )
    if (!isRead || this.#closing.signal.aborted) return
    await this.#turns.take(async () => {
      try {
        await this.#commit()
        await this.#planAnew([{ topic, partition: 0 }])
        const reading = this.#tasks.filter(({ inputs }) =>
          inputs.some((input) => input.isBroadcast && input.topic === topic),
        )
        for (const task of reading) this.#reopen(task)
      } catch (error) {
        if (!this.#isOfClosing(error)) this.#fail(error)
      }
    })
  }

  /** A topic has got partitions. State does not follow them, so only an application that keeps none goes on. */
  async #planAnew(partitions: readonly TopicPartition[]): Promise<void> {
    const { cluster, topology, config } = this.#options
    try {
      await this.#patiently(async () => {
        for (const { topic } of partitions) cluster.invalidateTopic(topic)
        const plan = await planOf(cluster, topology)
        await ensureInternalTopics(cluster, plan.internalTopics, config)
        this.#plan = plan
      })
    } catch (error) {
      if (!this.#isOfClosing(error)) this.#fail(error)
    }
  }

  async #open(planned: PlannedTask): Promise<void> {
    // What is at hand of its state, as a copy or in files, is at hand until it runs: else the next round would take it away again.
    const opening = { planned, lag: this.lags().get(planned.id) ?? unknownLag }
    this.#opening.add(opening)
    try {
      // What it was here before must have come to its end.
      if (this.#local) await this.#turns.take(() => Promise.resolve())
      // It may be taken away meanwhile.
      const isWanted = () => this.#opening.has(opening)
      const task = await this.#patiently(() => this.#opener!.open(planned, isWanted))
      if (isWanted()) {
        this.#tasks = [...this.#tasks, task]
        this.#handOver.tasksCame()
      } else this.#forget([task])
    } catch (error) {
      if (this.#opening.has(opening) && !this.#closing.signal.aborted) this.#fail(error)
    }
    this.#opening.delete(opening)
    this.#checkReady()
    this.#news.tell()
  }

  #newTask({ subTopology, partition }: PlannedTask, files?: TaskFiles): Task {
    const { topology, config } = this.#options
    return new Task({
      topology,
      subTopology,
      partition,
      onError: config.onError,
      events: this.#counters.eventsOf(this.#cluster.runtime, (output) => {
        if (!this.#handOver.take(output)) this.#writer.write(output)
      }),
      globalStores: this.#globals.stores,
      closing: this.#closing.signal,
      files,
      runtime: this.#cluster.runtime,
    })
  }

  /** What the group's leader gave this process besides partitions. */
  assigned({ active, standby, warmup, promised }: AssignedTasks): void {
    this.#warmups = new Set(warmup)
    // Copies of what it is to run now, or soon, are what it will start from.
    this.#standbys?.keep([...standby, ...warmup], [...active, ...promised])
  }

  /** Tasks whose state is here, and how many changelog entries it lacks. */
  lags(): Map<string, number> {
    const running = this.#tasks.filter(({ task }) => task.stores.size > 0)
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

  /** Resolves when they are given up, and what was done with them is committed or undone; at the end, in any case. */
  async #revoked(partitions: readonly TopicPartition[]): Promise<void> {
    this.#revoking++
    this.#endMembershipWait?.(gone())
    this.#news.tell()
    const given = this.#turns.take(async () => {
      this.#revoking--
      try {
        await this.#commit()
      } catch (error) {
        if (!this.#isOfClosing(error)) this.#fail(error)
      }
      // In the same turn: the next one must not go on with them.
      this.#drop(partitions)
    })
    const { signal } = this.#ended
    await within(this.#cluster.runtime, given, { signal }).catch(() => this.#drop(partitions))
  }

  /** Others have them: what was done since the last commit must not count. */
  #lost(partitions: readonly TopicPartition[]): void {
    const isConcerned = this.#tasks.some(
      (task) => task.isInvolved && partitions.some((one) => task.owns(one)),
    )
    if (isConcerned) this.#isTorn = true
    this.#drop(partitions)
    this.#news.tell()
  }

  #drop(partitions: readonly TopicPartition[]): void {
    const [gone, kept] = split(this.#tasks, (task) => partitions.some((one) => task.owns(one)))
    this.#tasks = kept
    this.#handOver.end()
    for (const task of gone) task.isGone = true
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
    while (this.#tasks.some(({ task }) => task.id === id)) {
      await new Promise<void>((resolve) => this.#dropListeners.push(resolve))
    }
    // Files are closed in a turn.
    await this.#turns.take(() => Promise.resolve())
  }

  #forget(tasks: readonly RunningTask[]): void {
    this.#reader.remove(tasks.flatMap(({ inputs }) => inputs.map(({ consumption }) => consumption)))
    for (const { task } of tasks) if (task.files) void this.#closeFiles(task.id, task.files)
  }

  /** Once no record is under way that looks into them. */
  async #closeFiles(id: string, files: TaskFiles): Promise<void> {
    try {
      await this.#turns.take(() => this.#local!.close(id, files))
    } catch (error) {
      this.#fail(error)
    }
  }

  #settled(): void {
    this.#isSettled = true
    this.#checkReady()
  }

  #checkReady(): void {
    if (!this.#isSettled || this.#state === 'closing' || this.#state === 'failed') return
    this.#state = this.#opening.size > 0 ? 'restoring' : 'running'
    if (this.#state === 'running') this.#settleReady.resolve()
  }

  async #membership(): Promise<Membership> {
    const revoked = new Promise<never>((_, reject) => {
      this.#endMembershipWait = reject
      if (this.#revoking > 0) reject(gone())
    })
    const generation = await Promise.race([this.#member.stableGeneration(), revoked])
    return { groupId: this.topology.application, generation }
  }

  #fail(error: unknown): void {
    this.#error ??= { error }
    this.#state = 'failed'
    this.#news.tell()
  }

  #finish(): Promise<void> {
    this.#finishing ??= this.#leave()
    return this.#finishing
  }

  async #leave(): Promise<void> {
    const isInTime = !this.#ended.signal.aborted
    try {
      await this.#member.leave(async () => {
        if (isInTime) await this.#turns.take(() => this.#commitLast())
      })
    } catch (error) {
      if (!this.#isOfClosing(error)) this.#error ??= { error }
    }
    this.#closing.abort()
    this.#reader.close()
    this.#restorer.close()
    this.#globals.close()
    this.#standbys?.close()
    await this.#writer.close().catch(() => undefined)
    await this.#closeDir()
    this.#over()
  }

  async #closeDir(): Promise<void> {
    try {
      await this.#turns.take(async () => this.#options.stateDir?.close())
    } catch (error) {
      this.#error ??= { error }
    }
  }

  async #commitLast(): Promise<void> {
    const failure = this.#error
    // What is between two hands has no place to go on from.
    const isWhole = this.#tasks.every(({ handed }) => handed === 0)
    // What was done before the record that failed is sound.
    const isSound = !failure || (failure.error instanceof StreamProcessingError && isWhole)
    try {
      if (isSound) return await this.#commit()
    } catch (error) {
      if (!this.#isOfClosing(error)) this.#error ??= { error }
    }
    await this.#writer.abort().catch(() => undefined)
  }

  /** Tells whoever waits for the end. */
  #over(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#ended.abort()
    this.#options.onEnd()
    const end = this.#error
    this.#state = end ? 'failed' : 'closed'
    if (end) {
      this.#settleReady.reject(end.error)
      this.#settleDone.reject(end.error)
    } else {
      this.#settleReady.resolve()
      this.#settleDone.resolve()
    }
  }

  /** Resolves when something has happened, or something is due. */
  async #whenNews(): Promise<void> {
    const { runtime } = this.#cluster
    const waitMs = () =>
      Math.min(
        this.#commitDueAt - runtime.monotonicNow(),
        this.#handOver.restsFor() || Number.POSITIVE_INFINITY,
        ...this.#tasks.map((task) => Math.min(task.dueIn(runtime), task.resumesIn(runtime))),
      )
    await this.#news.wait(waitMs, () => this.#reader.pump())
  }
}

function sourceTopics(topology: Topology): string[] {
  return [
    ...new Set(topology.subTopologies.flatMap((one) => ownSources(one).map(({ topic }) => topic))),
  ]
}

function split<T>(list: readonly T[], isFirst: (one: T) => boolean): [first: T[], rest: T[]] {
  return [list.filter(isFirst), list.filter((one) => !isFirst(one))]
}

function isSame(a: TopicPartition, b: TopicPartition): boolean {
  return a.partition === b.partition && a.topic === b.topic
}
