/** What tasks are shared out by: the tasks, the members, and how things are. Only types. */
import type { TopicPartition } from '../../client/consumer/assignors/assignor.ts'

/** A task: what runs as one. */
export interface TaskShape {
  /** `<sub-topology>_<partition>`, as Kafka Streams calls it. */
  readonly id: string
  /** Index of its sub-topology. */
  readonly subTopology: number
  /** Of each topic of the sub-topology that has as many: the partition of the task's number. */
  readonly partitions: readonly TopicPartition[]
  readonly isStateful: boolean
}

export interface TaskMember {
  readonly memberId: string
  /** Members of one process share its state. */
  readonly processId: string
  /** Whether its topology has this sub-topology, and it reads all its topics. */
  canRun(subTopology: number): boolean
}

export type CopyKind = 'standby' | 'warmup'

/** What there is to share out, and how things are. */
export interface GroupState {
  /** In the order in which the first are preferred. */
  readonly tasks: readonly TaskShape[]
  /** In an order that does not depend on the leader: the first are preferred where nothing else decides. */
  readonly members: readonly TaskMember[]
  /** Who has a task, or was promised it. */
  readonly owners: ReadonlyMap<TaskShape, TaskMember>
  /** By process, how many entries it lacks of the task's state; Infinity where it has only just been told to have it. */
  readonly lags: ReadonlyMap<TaskShape, ReadonlyMap<string, number>>
  /** By process that was told to have a copy of a task's state, what for. */
  readonly copies: ReadonlyMap<TaskShape, ReadonlyMap<string, CopyKind>>
}
