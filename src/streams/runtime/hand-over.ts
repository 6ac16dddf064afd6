/**
 * Records that tasks write for one another go from hand to hand, without a topic in between, while one process has all tasks of the
 * application. It is exact because a commit takes in all tasks, and waits until nothing is between two hands; and because it begins
 * only when the topics in between are read to their ends.
 */
import type { Cluster } from '../../client/cluster.ts'
import { Offset } from '../../client/consumer/offset.ts'
import { lookUpOffsets } from '../../client/consumer/offset-lookup.ts'
import { murmur2 } from '../../client/producer/partitioner.ts'
import type { Output } from '../operator.ts'
import { HandedRecord } from './handed-record.ts'
import type { Plan } from './plan.ts'
import type { RunningTask } from './running-task.ts'
import type { TaskInput } from './task-input.ts'

/** What this process has now. */
export interface Holding {
  readonly plan: Plan
  /** Another list whenever tasks come or go. */
  readonly tasks: readonly RunningTask[]
  /** Tasks that are being opened. */
  readonly opening: number
}

/** How long records wait while it is asked, milliseconds. */
const askMs = 1000
/** How long tasks may rest so that what is in between comes to an end, milliseconds. */
const restMs = 1000
/**
 * So long after a rest that was too short there is another, milliseconds: where much was in between at first, and records come without
 * a pause, it is less by then.
 */
const betweenRestsMs = 30_000

export class HandOver {
  readonly #cluster: Cluster
  readonly #holding: () => Holding
  readonly #inputs = new Map<string, TaskInput[]>()
  /** From when on it is asked whether the topics in between are empty, though they are not seen to be; monotonic milliseconds. */
  #asksAt = 0
  /** Until when tasks rest, monotonic milliseconds. */
  #restsUntil = 0
  /** Records without a key go round. */
  #next = 0

  constructor(cluster: Cluster, holding: () => Holding) {
    this.#cluster = cluster
    this.#holding = holding
  }

  get isOn(): boolean {
    return this.#inputs.size > 0
  }

  /** All tasks will be here in a moment: what they write for one another then need not go through topics. */
  willBegin(): boolean {
    const { plan, tasks, opening } = this.#holding()
    if (opening === 0 || !plan.hasInternal) return false
    return tasks.length + opening === plan.tasks.length && !tasks.some((task) => task.isDirty)
  }

  /** Begins where this process has all tasks, and nothing is on its way between them. */
  async consider(): Promise<void> {
    const { plan, tasks, opening } = this.#holding()
    if (this.isOn || !plan.hasInternal) return
    if (tasks.length < plan.tasks.length || opening > 0) return
    if (tasks.some((task) => task.isDirty)) return
    const inputs = internalInputs(tasks)
    // An application that begins need not wait until it has read nothing.
    const isDue = this.#now() >= this.#asksAt
    if (!isDue && !inputs.every(({ isEmpty }) => isEmpty)) return
    if (isDue) this.#asksAt = this.#now() + betweenRestsMs
    if (!(await this.#areEmpty(inputs))) {
      if (isDue) this.#restsUntil = this.#now() + restMs
      return
    }
    // What came meanwhile may have changed the tasks.
    const now = this.#holding()
    if (tasks === now.tasks) this.#begin(now.plan, tasks)
  }

  /**
   * Whether a task takes nothing for a moment: what it would write between the tasks would keep them from ever coming to the
   * end of that, where records come without a pause.
   */
  rests({ inputs }: RunningTask): boolean {
    return this.restsFor() > 0 && !inputs.some(({ isInternal }) => isInternal)
  }

  /** For how many milliseconds more; 0 when none rests. */
  restsFor(): number {
    if (this.isOn || this.#restsUntil === 0) return 0
    const leftMs = Math.max(0, this.#restsUntil - this.#now())
    if (leftMs === 0) this.#restsUntil = 0
    return leftMs
  }

  tasksCame(): void {
    this.#asksAt = 0
  }

  /** Until nothing is between two hands; a record may lead to others. */
  async drain(): Promise<void> {
    const tasks = () => this.#holding().tasks
    while (tasks().some(({ handed }) => handed > 0)) {
      for (const task of tasks()) if (task.handed > 0) await task.drain()
    }
  }

  end(): void {
    this.#restsUntil = 0
    this.#inputs.clear()
  }

  /** Whether `take` would take it. */
  takes({ topic }: Output): boolean {
    return this.#inputs.has(topic)
  }

  /** False: it has to be written. */
  take(output: Output): boolean {
    const ofTopic = this.#inputs.get(output.topic)
    if (!ofTopic) return false
    ofTopic[this.#partitionOf(output, ofTopic.length)]!.hand(new HandedRecord(output))
    return true
  }

  #now(): number {
    return this.#cluster.runtime.monotonicNow()
  }

  /** The one that a producer would send it to. */
  #partitionOf(output: Output, count: number): number {
    if (output.partition !== undefined) return output.partition
    const key = output.partitionKey ?? output.key
    return (key === null ? this.#next++ : murmur2(key) & 0x7fffffff) % count
  }

  #begin(plan: Plan, tasks: readonly RunningTask[]): void {
    for (const input of internalInputs(tasks)) {
      let ofTopic = this.#inputs.get(input.topic)
      if (!ofTopic) {
        ofTopic = new Array<TaskInput>(plan.partitionsOf(input.topic))
        this.#inputs.set(input.topic, ofTopic)
      }
      ofTopic[input.partition] = input
    }
  }

  /**
   * Only the broker knows: what this process, or one before it, has committed a moment ago may not have been fetched, and what is
   * handed over would overtake it.
   */
  async #areEmpty(inputs: readonly TaskInput[]): Promise<boolean> {
    const limits = { timeoutMs: askMs }
    const options = { isolation: 'read_uncommitted', create: false, limits } as const
    const looked = lookUpOffsets(this.#cluster, inputs, Offset.latest, options)
    // What cannot be asked now is asked again.
    const ends = await looked.catch(() => undefined)
    if (!ends) return false
    return ends.map((end, i) => inputs[i]!.endsAt(end)).every(Boolean)
  }
}

function internalInputs(tasks: readonly RunningTask[]): TaskInput[] {
  return tasks.flatMap(({ inputs }) => inputs.filter(({ isInternal }) => isInternal))
}
