/**
 * One process of a stream application: a member of its group, with the tasks that the group gives it.
 *
 *   GroupMember ──assigned, revoked, lost──▶ HeldTasks ◀── records ── PartitionReader
 *                                              │
 *                                        the loop: process … commit … process
 *                                              │
 *                                           Commits ──▶ Writer ──▶ outputs, changelogs, offsets
 *
 * All that changes tasks or the transaction happens in turns (`#turns`): rounds of the loop, and between them what comes from
 * outside. A commit takes in all tasks at once, so tasks are always at a common, committed point or on the way to the next.
 * Partitions that are lost are gone at once, in the middle of a turn too: what was done with them is torn, and not committed.
 */
import type { Cluster } from '../../client/cluster.ts'
import type { TopicPartition } from '../../client/consumer/assignors/assignor.ts'
import type { ResolvedConsumerConfig } from '../../client/consumer/consumer-config.ts'
import { GroupMember } from '../../client/consumer/group-member.ts'
import type { Membership } from '../../client/consumer/partition-consumption.ts'
import { Patience } from '../../client/consumer/patience.ts'
import { ClosedError } from '../../core/errors.ts'
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
import type { ResolvedStreamsConfig } from '../streams-config.ts'
import { stateShapes } from '../topology/state-shape.ts'
import type { Topology } from '../topology/topology.ts'
import { ApplicationLife } from './application-life.ts'
import { watchBroadcasts } from './broadcast-watch.ts'
import { gone } from './commit-failures.ts'
import { Commits } from './commits.ts'
import { HeldTasks } from './held-tasks.ts'
import { PartitionReaders } from './partition-readers.ts'
import { ownSources } from './plan.ts'
import { RunCounters } from './run-counters.ts'
import type { RunningTask } from './running-task.ts'
import { unknownLag } from './standby-tasks.ts'
import { locateKey, type StoresHere, storeReader } from './store-reader.ts'
import type { AssignedTasks } from './task-assignor.ts'
import { Turns } from './turns.ts'
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
  readonly #options: ApplicationOptions
  readonly #cluster: Cluster
  readonly #counters = new RunCounters()
  readonly #turns = new Turns()
  readonly #life: ApplicationLife
  readonly #reader: PartitionReaders
  readonly #held: HeldTasks
  readonly #commits: Commits
  readonly #writer: Writer
  readonly #member: GroupMember
  /** Partitions that are to be given up wait for their turn: no commit may wait for the next generation, which waits for them. */
  #revoking = 0
  #endMembershipWait: ((error: unknown) => void) | undefined
  #finishing: Promise<void> | undefined
  #closed: Promise<void> | undefined

  constructor(options: ApplicationOptions) {
    const { cluster, topology, consumer, config, stateDir } = options
    const { runtime } = cluster
    this.#options = options
    this.#cluster = cluster
    this.topology = topology
    const patience = new Patience({
      runtime,
      giveUpAfterMs: consumer.giveUpAfter,
      group: consumer.group,
    })
    const life = new ApplicationLife(runtime, patience, options.onEnd)
    this.#life = life
    this.#reader = new PartitionReaders(cluster, consumer, {
      news: () => life.news.tell(),
      failed: (error) => life.fail(error),
    })
    const shapes = stateShapes(topology)
    const shared = { cluster, topology, config, shapes, stateDir, life, reader: this.#reader }
    this.#held = new HeldTasks({
      ...shared,
      consumer,
      turns: this.#turns,
      events: () => this.#counters.eventsOf(runtime, (output) => this.#commits.take(output)),
      onRecord: () => {
        this.#counters.recordsIn++
      },
      resubscribe: () => this.#member.resubscribe(),
    })
    this.#commits = new Commits({
      ...shared,
      patience,
      held: this.#held,
      counters: this.#counters,
      writer: () => this.#writer,
    })
    const subscription = { topics: sourceTopics(topology), isMatched: () => false }
    this.#member = new GroupMember(cluster, subscription, consumer, patience, {
      assigned: (partitions) => this.#assigned(partitions),
      revoked: (partitions) => this.#revoked(partitions),
      lost: (partitions) => this.#lost(partitions),
      settled: () => {
        life.settled()
        life.checkReady(this.#held.opening)
      },
      failed: (error) => life.fail(error),
    })
    this.#writer = options.newWriter({
      membership: () => this.#membership(),
      check: () => {
        if (this.#commits.isTorn) throw gone()
      },
      closing: life.ended.signal,
    })
    void this.#start()
  }

  get ready(): Promise<void> {
    return this.#life.ready
  }

  get done(): Promise<void> {
    return this.#life.done
  }

  get state(): StreamState {
    return this.#life.state
  }

  /** Finishes what is in hand, commits and leaves the group, within `closeTimeout` of a consumer. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#life.close()
    const { runtime } = this.#cluster
    const { closeTimeout } = this.#options.consumer
    const done = this.done.catch(() => undefined)
    if (await resolvesWithin(runtime, done, closeTimeout)) return
    runtime.logger.warn(
      { app: this.topology.application, closeTimeout },
      'the application could not commit and leave its group in time; what it did since its last commit is done again',
    )
    // What waits for an answer, or for a callback, is not waited for any more.
    this.#life.ended.abort()
    void this.#writer.abort().catch(() => undefined)
    void this.#finish()
    this.#life.over()
  }

  metrics(): StreamMetrics {
    const { standbys, restorer, running, opening } = this.#held
    const lags = [...(standbys?.lags().values() ?? [])]
    return this.#counters.read(running, {
      restored: restorer.restored,
      restoreRemaining: restorer.remaining,
      // Of those that have not been asked yet nothing is known.
      standbyLag: lags.reduce((sum, lag) => sum + (lag === unknownLag ? 0 : lag), 0),
      restoring: opening,
      standby: standbys?.size ?? 0,
    })
  }

  store(name: unknown, options?: unknown): StoreReader {
    return storeReader(this.topology, name, options, () => this.#here())
  }

  locate(store: unknown, key: unknown): StoreLocation {
    return locateKey(this.topology, store, key, this.#here())
  }

  #here(): StoresHere {
    if (!this.#life.isOver) return this.#held.here()
    throw new ClosedError('The application is closed; what its stores had is with who runs it', {
      code: 'STREAM_CLOSED',
    })
  }

  /** What the group's leader gave this process besides partitions. */
  assigned(tasks: AssignedTasks): void {
    this.#held.keep(tasks)
  }

  /** Tasks whose state is here, and how many changelog entries it lacks. */
  lags(): Map<string, number> {
    return this.#held.lags()
  }

  async #start(): Promise<void> {
    const life = this.#life
    try {
      await life.patiently(async () => {
        await this.#held.lookUp()
        await this.#writer.begin()
      })
      this.#held.equip()
      const grown = (topic: string) => void this.#broadcastGrown(topic)
      watchBroadcasts(this.#cluster, this.#held.plan, life.closing.signal, grown)
      await life.patiently(() => this.#held.globals.start())
      if (!life.isClosing) {
        this.#member.start()
        await this.#run()
      }
    } catch (error) {
      if (!life.isOfClosing(error)) life.fail(error)
    }
    await this.#finish()
  }

  async #run(): Promise<void> {
    while (!this.#life.isClosing && !this.#life.failure) {
      const count = await this.#turns.take(() => this.#round())
      if (count > 0) {
        this.#reader.pump()
        await nextTurn()
      } else if (this.#turns.waiting === 0) await this.#whenNews()
    }
  }

  /** Some records, and a commit when it is due. Gives how many records. */
  async #round(): Promise<number> {
    await this.#held.handOver.consider()
    const count = (await this.#processSlice()) + (await this.#tick())
    await this.#commits.consider(count)
    return count
  }

  /** What is due by the wall clock. Gives for how many tasks something was. */
  async #tick(): Promise<number> {
    const { runtime } = this.#cluster
    let count = 0
    for (const task of this.#held.running) {
      const { isTorn, refused } = this.#commits
      if (task.dueIn(runtime) > 0 || isTorn || refused.isSearching) continue
      await task.tick(runtime)
      count++
    }
    return count
  }

  async #processSlice(): Promise<number> {
    const { runtime } = this.#cluster
    const { handOver, running } = this.#held
    const { refused } = this.#commits
    let count = 0
    if (handOver.willBegin()) return count
    if (refused.isSearching) {
      // A slice that ends at once has one record.
      return refused.process(running, (task) => task.run(runtime, 0))
    }
    for (const task of running) {
      if (handOver.rests(task)) continue
      const ran = task.run(runtime, runtime.monotonicNow() + sliceMs)
      count += typeof ran === 'number' ? ran : await ran
      if (this.#turns.waiting > 0 || this.#commits.isTorn) break
    }
    return count
  }

  /** Resolves when something has happened, or something is due. */
  async #whenNews(): Promise<void> {
    const { runtime } = this.#cluster
    const { handOver } = this.#held
    const waitMs = () => {
      const isHeldUp = handOver.willBegin()
      // A task that takes nothing for now is not waited for: that would be a loop without a pause.
      const resumesIn = (task: RunningTask) =>
        isHeldUp || handOver.rests(task) ? Number.POSITIVE_INFINITY : task.resumesIn(runtime)
      return Math.min(
        this.#commits.dueIn,
        handOver.restsFor() || Number.POSITIVE_INFINITY,
        ...this.#held.running.map((task) => Math.min(task.dueIn(runtime), resumesIn(task))),
      )
    }
    await this.#life.news.wait(waitMs, () => this.#reader.pump())
  }

  #assigned(partitions: readonly TopicPartition[]): Promise<void> {
    this.#life.rebalances()
    return this.#held.assigned(partitions)
  }

  /** A topic that tasks read whole has got partitions: they begin anew, with what they have kept. */
  async #broadcastGrown(topic: string): Promise<void> {
    if (!this.#held.readWhole(topic) || this.#life.isClosing) return
    await this.#turns.take(async () => {
      try {
        await this.#commits.commit()
        await this.#held.planAnew([{ topic, partition: 0 }])
        this.#held.reopenReaders(topic)
      } catch (error) {
        if (!this.#life.isOfClosing(error)) this.#life.fail(error)
      }
    })
  }

  /** Resolves when they are given up, and what was done with them is committed or undone; at the end, in any case. */
  async #revoked(partitions: readonly TopicPartition[]): Promise<void> {
    this.#revoking++
    this.#endMembershipWait?.(gone())
    this.#life.news.tell()
    const given = this.#turns.take(async () => {
      this.#revoking--
      try {
        await this.#commits.commit()
      } catch (error) {
        if (!this.#life.isOfClosing(error)) this.#life.fail(error)
      }
      // In the same turn: the next one must not go on with them.
      this.#held.drop(partitions)
    })
    const { signal } = this.#life.ended
    await within(this.#cluster.runtime, given, { signal }).catch(() => this.#held.drop(partitions))
  }

  /** Others have them: what was done since the last commit must not count. */
  #lost(partitions: readonly TopicPartition[]): void {
    if (this.#held.areInvolved(partitions)) this.#commits.tear()
    this.#held.drop(partitions)
    this.#life.news.tell()
  }

  async #membership(): Promise<Membership> {
    const revoked = new Promise<never>((_, reject) => {
      this.#endMembershipWait = reject
      if (this.#revoking > 0) reject(gone())
    })
    const generation = await Promise.race([this.#member.stableGeneration(), revoked])
    return { groupId: this.topology.application, generation }
  }

  #finish(): Promise<void> {
    this.#finishing ??= this.#leave()
    return this.#finishing
  }

  async #leave(): Promise<void> {
    const life = this.#life
    const isInTime = !life.ended.signal.aborted
    try {
      await this.#member.leave(async () => {
        if (isInTime) await this.#turns.take(() => this.#commits.commitLast())
      })
    } catch (error) {
      if (!life.isOfClosing(error)) life.note(error)
    }
    life.closing.abort()
    this.#reader.close()
    this.#held.close()
    await this.#writer.close().catch(() => undefined)
    await this.#closeDir()
    life.over()
  }

  async #closeDir(): Promise<void> {
    try {
      await this.#turns.take(async () => this.#options.stateDir?.close())
    } catch (error) {
      this.#life.note(error)
    }
  }
}

function sourceTopics(topology: Topology): string[] {
  return [
    ...new Set(topology.subTopologies.flatMap((one) => ownSources(one).map(({ topic }) => topic))),
  ]
}
