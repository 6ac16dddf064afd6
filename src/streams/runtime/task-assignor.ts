/**
 * The assignor of stream applications: whole tasks to members, state where it is, standbys and warm-ups besides. It works in
 * any group of the classic protocol; cooperative (KIP-429): a task goes to a new member only when nobody else has any of its
 * partitions, so that it never runs twice.
 *
 *   round 1: the owner is given the task no more, its new member is promised it ──▶ the owner finishes, and joins again
 *   round 2: nobody has it: it goes to whom it was promised
 *
 * What members and leader tell each other is in assignment-data.ts; who gets what in task-assignment.ts.
 */
import type {
  AssignmentInput,
  Assignor,
  MemberAssignment,
  ReceivedAssignment,
  TopicPartition,
} from '../../client/consumer/assignors/assignor.ts'
import { inspectBriefly } from '../../core/duration.ts'
import { CorruptDataError } from '../../core/errors.ts'
import {
  type AssignmentData,
  assignmentDataVersion,
  decodeAssignmentData,
  encodeAssignmentData,
  encodeMemberData,
  type SubTopologyShape,
} from './assignment-data.ts'
import type { TaskMember, TaskShape } from './group-state.ts'
import { GroupView } from './group-view.ts'
import type { MemberView } from './member-view.ts'
import { assignTasks } from './task-assignment.ts'
import { readTaskId, taskIdOf } from './task-id.ts'

export type { TaskShape } from './group-state.ts'

/** What a process has got. */
export interface AssignedTasks {
  /** It runs them: those whose partitions it has. */
  readonly active: readonly string[]
  /** It keeps copies of their state. */
  readonly standby: readonly string[]
  /** It makes copies of their state, in order to run them: when one lacks `maxLag` entries or fewer, it is to join again. */
  readonly warmup: readonly string[]
  /** It gets them once their owners have given them up: what it has of their state stays. */
  readonly promised: readonly string[]
}

export interface TaskAssignorOptions {
  /**
   * The tasks that there are, given how many partitions the topics have. A pure function; also asked what there is when each topic
   * has one partition, to learn the sub-topologies.
   */
  tasks(partitionsPerTopic: ReadonlyMap<string, number>): readonly TaskShape[]
  /** Of the topology. Members with another one (a rolling upgrade) have other sub-topologies. */
  readonly fingerprint: string
  /** The same over restarts when the state is, too. Members of one process share its state. */
  readonly processId: string
  /** Stateful tasks whose state this process has, and how many changelog entries it lacks (0 when it runs the task). */
  lags(): ReadonlyMap<string, number>
  /** Copies of each stateful task's state besides the one that it runs on, from 0, as far as there are processes. */
  readonly standbys: number
  /** Changelog entries that a process may lack and yet take the task over, from 0. */
  readonly maxLag: number
  /** Told before partitions come and go. Throws nothing: it would end the consumer. */
  assigned(tasks: AssignedTasks): void
  /** The leader is told when it sees that members run different topologies; how many there are. Throws nothing, either. */
  differ?(topologies: number): void
}

/** One for each consumer: it remembers what it was told. */
export function taskAssignor(options: TaskAssignorOptions): Assignor {
  const assignor = new TaskAssignor(options)
  return {
    name: 'kafka-do-streams',
    protocol: 'cooperative',
    userData: ({ topics }) => assignor.tell(topics),
    assign: (input) => assignor.assign(input),
    onAssignment: (received) => assignor.receive(received),
  }
}

const nothing: AssignmentData = {
  version: assignmentDataVersion,
  standby: [],
  warmup: [],
  promised: [],
}

class TaskAssignor {
  readonly #options: TaskAssignorOptions
  #subTopologies: readonly SubTopologyShape[] = []
  #received: AssignmentData = nothing
  /** Of the leader: what static members were given. */
  #lastGiven = new Map<string, Set<string>>()
  #hasLed = false
  /** Of the leader: how many topologies members had when it last looked. */
  #topologies = 1

  constructor(options: TaskAssignorOptions) {
    this.#options = options
  }

  /** As member. */
  tell(topics: readonly string[]): Uint8Array {
    const { fingerprint, processId } = this.#options
    this.#subTopologies = this.#shapesOf(topics)
    const { standby, warmup, promised } = this.#received
    return encodeMemberData({
      version: assignmentDataVersion,
      fingerprint,
      processId,
      subTopologies: this.#subTopologies,
      lags: [...this.#options.lags()].map(([id, lag]) => ({ ...readTaskId(id), lag })),
      standby,
      warmup,
      promised,
    })
  }

  /** As leader. */
  assign({ members, partitionsPerTopic }: AssignmentInput): Map<string, MemberAssignment> {
    const tasks = checked(this.#options.tasks(partitionsPerTopic))
    const group = new GroupView(tasks, { members, partitionsPerTopic }, this.#lastGiven)
    this.#compare(group)
    const shares = new Map(group.members.map((member) => [member.memberId, new Given(member)]))
    const shareOf = ({ memberId }: TaskMember) => shares.get(memberId)!
    for (const [task, { active, standby, warmup }] of assignTasks(group, this.#options)) {
      const share = shareOf(active)
      if (group.isFree(task, share.member)) share.active.push(task)
      else share.promised.push(task)
      for (const member of standby) shareOf(member).standby.push(task)
      if (warmup) shareOf(warmup).warmup.push(task)
    }
    this.#hasLed = true
    this.#lastGiven = lastGivenTo(shares.values())
    const version = Math.min(group.version, assignmentDataVersion)
    return new Map([...shares].map(([id, share]) => [id, share.encode(version)]))
  }

  #compare({ members }: GroupView): void {
    const { size } = new Set(members.map(({ data }) => data.fingerprint))
    if (size > 1 && size !== this.#topologies) this.#options.differ?.(size)
    this.#topologies = size
  }

  /** As member: what it got. */
  receive({ partitions, userData }: ReceivedAssignment): void {
    // Who leads now knows better what it gave.
    if (!this.#hasLed) this.#lastGiven = new Map()
    this.#hasLed = false
    this.#received = readAssignmentData(userData)
    const { standby, warmup, promised } = this.#received
    this.#options.assigned({
      active: this.#activeOf(partitions),
      standby: standby.map(taskIdOf),
      warmup: warmup.map(taskIdOf),
      promised: promised.map(taskIdOf),
    })
  }

  #activeOf(partitions: readonly TopicPartition[]): string[] {
    const readerOf = new Map(
      this.#subTopologies.flatMap(({ index, topics }) => topics.map((topic) => [topic, index])),
    )
    const ids = partitions.flatMap(({ topic, partition }) => {
      const subTopology = readerOf.get(topic)
      return subTopology === undefined ? [] : [taskIdOf({ subTopology, partition })]
    })
    return [...new Set(ids)]
  }

  #shapesOf(topics: readonly string[]): SubTopologyShape[] {
    const tasks = checked(this.#options.tasks(new Map(topics.map((topic) => [topic, 1]))))
    return tasks.map(({ subTopology, partitions, isStateful }) => ({
      index: subTopology,
      topics: partitions.map(({ topic }) => topic),
      isStateful,
    }))
  }
}

/** What one member is given, in the leader's tasks. */
class Given {
  readonly member: MemberView
  readonly active: TaskShape[] = []
  readonly promised: TaskShape[] = []
  readonly standby: TaskShape[] = []
  readonly warmup: TaskShape[] = []

  constructor(member: MemberView) {
    this.member = member
  }

  encode(version: number): MemberAssignment {
    const own = (tasks: readonly TaskShape[]) => tasks.flatMap((task) => this.member.toOwn(task))
    const copies = (tasks: readonly TaskShape[]) =>
      own(tasks).filter((task) => this.member.keepsState(task))
    return {
      partitions: this.active.flatMap(({ partitions }) => partitions),
      userData: encodeAssignmentData({
        version,
        standby: copies(this.standby),
        warmup: copies(this.warmup),
        promised: own(this.promised),
      }),
    }
  }
}

/** Without those that are promised only. */
function lastGivenTo(shares: Iterable<Given>): Map<string, Set<string>> {
  const given = new Map<string, Set<string>>()
  for (const { member, active } of shares) {
    const { groupInstanceId } = member.subscription
    if (groupInstanceId !== null) given.set(groupInstanceId, new Set(active.map(({ id }) => id)))
  }
  return given
}

/** Throws `TypeError` when ids and numbers do not agree: members tell each other the numbers. */
function checked(tasks: readonly TaskShape[]): readonly TaskShape[] {
  for (const { id, subTopology, partitions } of tasks) {
    const number = readTaskId(id)
    const isRight = partitions.every(({ partition }) => partition === number.partition)
    if (number.subTopology !== subTopology || partitions.length === 0 || !isRight) {
      throw new TypeError(
        `Task ${id} must have partition ${number.partition} of topics of sub-topology ${number.subTopology}; it has ${inspectBriefly(partitions)} of ${subTopology}`,
      )
    }
  }
  return tasks
}

/** A leader that says nothing that can be read gives partitions only. */
function readAssignmentData(bytes: Uint8Array | null): AssignmentData {
  if (bytes === null) return nothing
  try {
    return decodeAssignmentData(bytes)
  } catch (error) {
    if (error instanceof CorruptDataError) return nothing
    throw error
  }
}
