/**
 * How far a task has come in the topics that it reads whole, besides other tasks. A group has one offset for each partition, so
 * each task keeps its own places, in stores of the joins that read these topics: written at a commit, with what they led to.
 */
import type { TopicPartition } from '../../client/consumer/assignors/assignor.ts'
import { positionsRole } from '../operators/join-streams.ts'
import type { KeyValueStore } from '../stores/key-value-store.ts'
import type { Task } from '../task/task.ts'
import type { Topology } from '../topology/topology.ts'
import type { TaskInput } from './task-input.ts'

export class BroadcastPositions {
  readonly #task: Task
  /** By topic. Several joins may read it: each keeps the same. */
  readonly #stores = new Map<string, readonly KeyValueStore[]>()

  constructor(topology: Topology, task: Task) {
    this.#task = task
    const { operators, sources } = task.subTopology
    for (const { topic, isBroadcast, operators: readers } of sources) {
      if (!isBroadcast) continue
      const joins = operators.filter(
        ({ parents, stores }) =>
          stores.some(({ name }) => name === positionsRole) &&
          parents.some((parent) => (readers as readonly unknown[]).includes(parent)),
      )
      const names = joins.map((join) => topology.storeOf(join, positionsRole).name)
      this.#stores.set(
        topic,
        names.map((name) => task.stores.get(name) as KeyValueStore),
      )
    }
  }

  /** The offset of the next record, as of the last commit. A join that has only just been written goes on with the others. */
  get(place: TopicPartition): bigint | undefined {
    const kept = this.#stores.get(place.topic)!.flatMap((store) => {
      const entry = store.get(keyOf(place))
      return entry ? [BigInt(entry.value as string)] : []
    })
    return kept.reduce<bigint | undefined>(
      (last, one) => (last === undefined || one > last ? one : last),
      undefined,
    )
  }

  /** To be called before the stores' changes are written. */
  keep(inputs: readonly TaskInput[]): void {
    this.#task.besideRecords(() => {
      for (const input of inputs) {
        if (!input.isBroadcast) continue
        const { next } = input
        input.committing = next
        // The first one says where the task began, which must not change either.
        if (next === undefined || this.get(input) === next) continue
        for (const store of this.#stores.get(input.topic)!) {
          store.put(keyOf(input), String(next), Math.max(0, input.lastTimestampMs))
        }
      }
    })
  }
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`
}
