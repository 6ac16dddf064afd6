/**
 * Deletes what tasks have read of topics that the application writes for itself, so that these do not grow for ever. Never past
 * what is committed; in the background, and again later when it fails. Of a topic that every task reads whole, only while all of them
 * are in this process: where the others are is in their own state.
 */
import { deleteRecords } from '../../client/admin/records.ts'
import type { Cluster } from '../../client/cluster.ts'
import type { Plan } from './plan.ts'
import type { RunningTask } from './running-task.ts'

/** The least time between two purges, milliseconds, unless so many records have been read since. */
const purgeIntervalMs = 30_000
const purgeRecords = 10_000

export class RepartitionPurge {
  readonly #cluster: Cluster
  readonly #plan: () => Plan
  /** By topic and partition, up to where it has been deleted. */
  readonly #done = new Map<string, Map<number, bigint>>()
  #lastAt: number
  #isRunning = false

  constructor(cluster: Cluster, plan: () => Plan) {
    this.#cluster = cluster
    this.#plan = plan
    this.#lastAt = cluster.runtime.monotonicNow()
  }

  /** The tasks of this process are at a commit. */
  committed(tasks: readonly RunningTask[]): void {
    if (this.#isRunning || !this.#plan().hasOwnTopics) return
    const now = this.#cluster.runtime.monotonicNow()
    const read = this.#readBy(tasks)
    const records = [...read].reduce(
      (sum, [topic, ofTopic]) => sum + this.#newIn(topic, ofTopic),
      0,
    )
    if (records === 0 || (records < purgeRecords && now - this.#lastAt < purgeIntervalMs)) return
    this.#lastAt = now
    this.#isRunning = true
    void this.#purge(read).finally(() => {
      this.#isRunning = false
    })
  }

  /** By topic and partition, before which offset nobody needs anything. */
  #readBy(tasks: readonly RunningTask[]): Map<string, Map<number, bigint>> {
    const plan = this.#plan()
    const least = new Map<string, Map<number, bigint>>()
    for (const { task, inputs } of tasks) {
      const { index } = task.subTopology
      const isOfSame = (one: { subTopology: { index: number } }) => one.subTopology.index === index
      const areAllHere =
        tasks.filter((one) => isOfSame(one.task)).length === plan.tasks.filter(isOfSame).length
      for (const { topic, partition, committed, isBroadcast } of inputs) {
        if (!plan.isPurged(topic) || (isBroadcast && !areAllHere)) continue
        const ofTopic = least.get(topic) ?? new Map<number, bigint>()
        least.set(topic, ofTopic)
        const other = ofTopic.get(partition)
        const offset = committed ?? 0n
        if (other === undefined || offset < other) ofTopic.set(partition, offset)
      }
    }
    return least
  }

  #newIn(topic: string, offsets: ReadonlyMap<number, bigint>): number {
    let records = 0n
    for (const [partition, offset] of offsets) records += offset - this.#doneOf(topic, partition)
    return Number(records)
  }

  #doneOf(topic: string, partition: number): bigint {
    return this.#done.get(topic)?.get(partition) ?? 0n
  }

  async #purge(read: ReadonlyMap<string, ReadonlyMap<number, bigint>>): Promise<void> {
    for (const [topic, offsets] of read) {
      const before = [...offsets].filter(
        ([partition, offset]) => offset > this.#doneOf(topic, partition),
      )
      if (before.length === 0) continue
      try {
        await deleteRecords(this.#cluster, topic, Object.fromEntries(before))
        this.#done.set(topic, new Map([...(this.#done.get(topic) ?? []), ...before]))
      } catch (error) {
        // Nothing is lost by it, and it is tried again.
        this.#cluster.runtime.logger.debug({ err: error, topic }, 'a topic could not be purged')
      }
    }
  }
}
