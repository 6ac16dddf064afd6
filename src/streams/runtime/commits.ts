/**
 * Makes what the tasks of a process did count, all of it at once: outputs, changes of state and offsets. One that does not come
 * about, or of which nobody knows, is undone, and the tasks go on from what is committed.
 */
import type { Cluster } from '../../client/cluster.ts'
import { fetchCommittedOffsets } from '../../client/consumer/committer.ts'
import type { Patience } from '../../client/consumer/patience.ts'
import type { PartitionOffset } from '../../client/transaction/offset-commits.ts'
import { backoffDelay, delay } from '../../core/backoff.ts'
import { KafkaError } from '../../core/errors.ts'
import type { Output } from '../operator.ts'
import type { StateDir } from '../state-dir/state-dir.ts'
import type { ResolvedStreamsConfig } from '../streams-config.ts'
import { StreamProcessingError } from '../task/errors.ts'
import type { Topology } from '../topology/topology.ts'
import type { ApplicationLife } from './application-life.ts'
import { writeChangelogs, writeFiles } from './changelog-writing.ts'
import { hasMoved, offsetsOf } from './commit-contents.ts'
import { explained, gone, isPassing, passing } from './commit-failures.ts'
import { traced } from './commit-trace.ts'
import type { HeldTasks } from './held-tasks.ts'
import { overLimit } from './memory-limit.ts'
import type { PartitionReaders } from './partition-readers.ts'
import { backoff } from './patiently.ts'
import { RefusedRecords } from './refused-records.ts'
import { RepartitionPurge } from './repartition-purge.ts'
import type { RunCounters } from './run-counters.ts'
import type { RunningTask } from './running-task.ts'
import type { Writer } from './writer.ts'

export interface CommitsParts {
  readonly cluster: Cluster
  readonly topology: Topology
  readonly config: ResolvedStreamsConfig
  readonly shapes: ReadonlyMap<string, string>
  readonly stateDir: StateDir | undefined
  readonly life: ApplicationLife
  readonly patience: Patience
  readonly held: HeldTasks
  readonly reader: PartitionReaders
  readonly counters: RunCounters
  writer(): Writer
}

export class Commits {
  readonly refused = new RefusedRecords((task, outputs) => this.#writePart(task, outputs))
  readonly #parts: CommitsParts
  readonly #purge: RepartitionPurge
  /** Monotonic milliseconds; infinite while there is nothing. */
  #dueAt = Number.POSITIVE_INFINITY
  #isTorn = false
  #failures = 0

  constructor(parts: CommitsParts) {
    this.#parts = parts
    this.#purge = new RepartitionPurge(parts.cluster, () => parts.held.plan)
  }

  /** Partitions were lost whose records are part of what is not committed. */
  get isTorn(): boolean {
    return this.#isTorn
  }

  tear(): void {
    this.#isTorn = true
  }

  /** In how many milliseconds a commit is due; infinite while there is nothing. */
  get dueIn(): number {
    return this.#dueAt - this.#parts.cluster.runtime.monotonicNow()
  }

  /** Commits where it is due. `count`: so many records have been processed since. */
  async consider(count: number): Promise<void> {
    const { cluster, config } = this.#parts
    const isDue = this.refused.isSearching || this.dueIn <= 0
    if (isDue || this.#isTorn) await this.commit()
    else if (count > 0 && this.#dueAt === Number.POSITIVE_INFINITY) {
      this.#dueAt = cluster.runtime.monotonicNow() + config.commitInterval
    }
  }

  /** What a record has put out. */
  take(output: Output): void {
    const { held, writer } = this.#parts
    // What is examined was written part by part.
    if (!held.handOver.take(output) && !this.refused.verdict) writer().write(output)
  }

  async commit(): Promise<void> {
    const { cluster, held, topology, shapes, patience, counters } = this.#parts
    this.#dueAt = Number.POSITIVE_INFINITY
    if (!this.#isTorn && held.handOver.isOn) await held.handOver.drain()
    const tasks = held.running.filter((task) => task.isDirty)
    if (this.#isTorn) return this.#recover([], [], gone())
    if (tasks.length === 0) return
    // The files may lag one commit behind, not more.
    for (const { task } of tasks) await task.files?.settled()
    const startedAt = cluster.runtime.monotonicNow()
    const offsets = tasks.flatMap((task) => offsetsOf(task, shapes))
    const { verdict } = this.refused
    if (verdict) return this.#recover(tasks, offsets, verdict.error)
    const writer = this.#parts.writer()
    try {
      await this.#traced(tasks, async () => {
        for (const running of tasks) {
          running.prepareCommit()
          writeChangelogs(topology, writer, running)
        }
        await writer.commit(offsets)
      })
    } catch (error) {
      return this.#recover(tasks, offsets, error)
    }
    this.#failures = 0
    counters.commitMs += cluster.runtime.monotonicNow() - startedAt
    patience.forget(this)
    this.#committed(tasks, offsets)
    this.#purge.committed(held.running)
    await writer.begin()
  }

  /** At the end: what is sound. What is not is undone. */
  async commitLast(): Promise<void> {
    const { held, life, writer } = this.#parts
    const { failure } = life
    // What is between two hands has no place to go on from.
    const isWhole = held.running.every(({ handed }) => handed === 0)
    // What was done before the record that failed is sound.
    const isSound = !failure || (failure.error instanceof StreamProcessingError && isWhole)
    try {
      if (isSound) return await this.commit()
    } catch (error) {
      if (!life.isOfClosing(error)) life.note(error)
    }
    await writer()
      .abort()
      .catch(() => undefined)
  }

  async #writePart(task: RunningTask, outputs: readonly Output[]): Promise<void> {
    const { held, topology } = this.#parts
    const writer = this.#parts.writer()
    for (const output of outputs) if (!held.handOver.takes(output)) writer.write(output)
    writeChangelogs(topology, writer, task)
    await writer.flush()
  }

  #traced(tasks: readonly RunningTask[], commit: () => Promise<void>): Promise<void> {
    const { cluster, topology, writer } = this.#parts
    const { application } = topology
    const { transactionalId } = writer()
    return traced({ cluster, application, transactionalId, tasks }, commit)
  }

  #committed(tasks: readonly RunningTask[], offsets: readonly PartitionOffset[]): void {
    const { counters, life, stateDir, topology, held, config } = this.#parts
    counters.commits++
    this.refused.committed(offsets)
    for (const running of tasks) {
      running.committed(
        ({ topic, partition }) =>
          offsets.find((one) => one.partition === partition && one.topic === topic)?.offset,
      )
      // The next records need not wait for it.
      writeFiles(running, offsets).catch((error) => life.fail(error))
    }
    stateDir?.used()
    const tooMuch = overLimit(topology.application, held.running, config)
    if (tooMuch) life.fail(tooMuch)
  }

  /** A commit did not come about, or nobody knows. Goes on from what is committed. */
  async #recover(
    tasks: readonly RunningTask[],
    planned: readonly PartitionOffset[],
    error: unknown,
  ): Promise<void> {
    const { cluster, topology, life, patience, held, reader } = this.#parts
    const { runtime } = cluster
    runtime.logger.debug({ err: error, app: topology.application }, 'a commit failed')
    this.#isTorn = false
    await this.#parts.writer().abort()
    const isRefused = this.refused.take(error, tasks, planned)
    if (!isRefused) {
      if (!isPassing(error)) throw explained(error)
      const end = patience.judge(this, passing(error))
      if (end !== undefined) throw end
    }
    try {
      if (!isRefused) {
        const waitMs = backoffDelay(++this.#failures, backoff, runtime)
        await delay(runtime, waitMs, life.closing.signal)
      }
      const isUnknown = error instanceof KafkaError && error.outcome === 'unknown'
      if (await this.#beginAnew(tasks, isUnknown ? planned : undefined)) return
    } catch (failure) {
      if (!life.isOfClosing(failure)) throw failure
    }
    for (const running of held.running) running.abort()
    reader.interrupt()
  }

  /** Ends what may still be under way, one way or the other. True: `unsure` was committed after all. */
  async #beginAnew(
    tasks: readonly RunningTask[],
    unsure: readonly PartitionOffset[] | undefined,
  ): Promise<boolean> {
    const { cluster, topology, life, held, writer } = this.#parts
    await life.patiently(() => writer().begin())
    if (!unsure) return false
    const found = await life.patiently(() =>
      fetchCommittedOffsets(cluster, topology.application, unsure),
    )
    const kept = tasks.filter((task) => held.running.includes(task))
    if (kept.length === tasks.length && hasMoved(tasks, unsure)) {
      if (!unsure.every(({ offset }, i) => found[i]?.offset === offset)) return false
      this.#committed(tasks, unsure)
      return true
    }
    // Others have gone on with what was lost meanwhile, so its offsets tell nothing. The changelogs do.
    for (const task of kept) held.reopen(task)
    return false
  }
}
