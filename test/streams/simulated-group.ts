/**
 * A group of stream processes without brokers: members join, leave and crash, and rounds of assignment run as in the classic
 * group protocol, at the worst time: what a round gives is taken before what it takes is given up. State is a number of
 * changelog entries that a process lacks.
 */
import type { GroupMemberSubscription } from '../../src/client/consumer/assignors/assignor.ts'
import { checkAssignment } from '../../src/client/consumer/assignors/checked-assignment.ts'
import type { Assignor, TopicPartition } from '../../src/index.ts'
import {
  type AssignedTasks,
  type TaskShape,
  taskAssignor,
} from '../../src/streams/runtime/task-assignor.ts'

export interface SimulatedTopology {
  readonly fingerprint: string
  readonly subTopologies: readonly {
    readonly topics: readonly string[]
    readonly isStateful: boolean
  }[]
}

export const weightOf = (task: TaskShape) => (task.isStateful ? 3 : 1)

export function tasksOf(
  { subTopologies }: SimulatedTopology,
  counts: ReadonlyMap<string, number>,
): TaskShape[] {
  return subTopologies.flatMap(({ topics, isStateful }, subTopology) => {
    const most = Math.max(0, ...topics.map((topic) => counts.get(topic) ?? 0))
    return Array.from({ length: most }, (_, partition) => ({
      id: `${subTopology}_${partition}`,
      subTopology,
      partitions: topics
        .filter((topic) => partition < (counts.get(topic) ?? 0))
        .map((topic) => ({ topic, partition })),
      isStateful,
    }))
  })
}

/** What outlives a crash: by task, how many entries it lacks. */
export class SimulatedProcess {
  readonly id: string
  readonly lags = new Map<string, number>()

  constructor(id: string) {
    this.id = id
  }
}

const none: AssignedTasks = { active: [], standby: [], warmup: [], promised: [] }

export class SimulatedMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly process: SimulatedProcess
  readonly topology: SimulatedTopology
  readonly assignor: Assignor
  owned: TopicPartition[] = []
  generation = -1
  tasks: AssignedTasks = none

  constructor(
    memberId: string,
    process: SimulatedProcess,
    topology: SimulatedTopology,
    limits: { standbys: number; maxLag: number; groupInstanceId?: string },
  ) {
    this.memberId = memberId
    this.process = process
    this.topology = topology
    this.groupInstanceId = limits.groupInstanceId ?? null
    this.assignor = taskAssignor({
      tasks: (counts) => tasksOf(topology, counts),
      fingerprint: topology.fingerprint,
      processId: process.id,
      lags: () => process.lags,
      standbys: limits.standbys,
      maxLag: limits.maxLag,
      assigned: (tasks) => {
        this.tasks = tasks
      },
    })
  }

  get topics(): string[] {
    return this.topology.subTopologies.flatMap(({ topics }) => topics)
  }

  subscription(): GroupMemberSubscription {
    const about = { topics: this.topics, ownedPartitions: this.owned }
    return {
      ...about,
      memberId: this.memberId,
      groupInstanceId: this.groupInstanceId,
      generation: this.generation,
      userData: this.assignor.userData!(about),
    }
  }

  /** Weight of what it runs. */
  load(counts: ReadonlyMap<string, number>): number {
    const tasks = tasksOf(this.topology, counts).filter(({ id }) => this.tasks.active.includes(id))
    return tasks.reduce((sum, task) => sum + weightOf(task), 0)
  }
}

export class SimulatedGroup {
  readonly counts: Map<string, number>
  readonly limits: { standbys: number; maxLag: number }
  members: SimulatedMember[] = []
  /** Entries of each task's changelog; those that have run. */
  readonly changelogs = new Map<string, number>()
  #generation = 0
  #named = 0

  constructor(counts: Iterable<[string, number]>, limits: { standbys: number; maxLag: number }) {
    this.counts = new Map(counts)
    this.limits = limits
  }

  join(
    process: SimulatedProcess | string,
    topology: SimulatedTopology,
    more: { groupInstanceId?: string; memberId?: string } = {},
  ): SimulatedMember {
    const member = new SimulatedMember(
      more.memberId ?? `m${this.#named++}`,
      typeof process === 'string' ? new SimulatedProcess(process) : process,
      topology,
      { ...this.limits, ...more },
    )
    this.members.push(member)
    return member
  }

  /** It leaves, or has been dead for a session: the others go on without it. What it has is free. */
  remove(member: SimulatedMember): void {
    this.members = this.members.filter((other) => other !== member)
  }

  /** One rebalance. Whether a member gave something up, so that another has to follow. */
  async round(order = this.members): Promise<boolean> {
    const generation = ++this.#generation
    const input = {
      members: order.map((member) => member.subscription()),
      partitionsPerTopic: this.counts,
    }
    const { assignor } = order[0]!
    const given = checkAssignment(assignor, input, await assignor.assign(input))
    let isRevoking = false
    const gone: (() => void)[] = []
    for (const member of order) {
      const { partitions = [], userData = null } = given.get(member.memberId) ?? {}
      const { memberId } = member
      member.assignor.onAssignment?.({ memberId, generation, partitions, userData })
      member.generation = generation
      const lost = member.owned.filter((one) => !partitions.some((other) => isSame(one, other)))
      if (lost.length > 0) isRevoking = true
      member.owned = [...lost, ...partitions]
      gone.push(() => {
        member.owned = [...partitions]
      })
      this.check()
    }
    for (const giveUp of gone) giveUp()
    this.#checkCopies()
    this.#run()
    return isRevoking
  }

  /** Rounds until nobody gives anything up; how many there were. */
  async settle(order = () => this.members, roundsMax = 10): Promise<number> {
    for (let rounds = 1; rounds <= roundsMax; rounds++) {
      if (!(await this.round(order()))) return rounds
    }
    throw new Error(`not settled after ${roundsMax} rounds: ${this.describe()}`)
  }

  /** Copies and those who restore read on. Whether one that is to move has become ready: then its process joins again. */
  restore(entries: number): boolean {
    let isReady = false
    for (const { tasks, process } of this.members) {
      for (const id of [...tasks.active, ...tasks.standby, ...tasks.warmup]) {
        const before = process.lags.get(id) ?? 0
        const after = Math.max(0, before - entries)
        if (process.lags.has(id)) process.lags.set(id, after)
        const { maxLag } = this.limits
        if (tasks.warmup.includes(id) && before > maxLag && after <= maxLag) isReady = true
      }
    }
    return isReady
  }

  /**
   * Settles, and lets copies read on by so many entries between its rounds, until nothing moves any more. How many rounds there
   * were, without those in which it was only waited.
   */
  async quiesce(order = () => this.members, entries = 1_000_000): Promise<number> {
    let rounds = await this.settle(order)
    for (let waits = 0; waits < 1000; ) {
      if (this.restore(entries)) rounds += await this.settle(order)
      else if (!this.#isRestored()) waits++
      else {
        rounds += await this.settle(order)
        if (this.#isRestored() && this.#hasNoWarmups()) return rounds
      }
    }
    throw new Error(`not quiet after ${rounds} rounds: ${this.describe()}`)
  }

  /** Nobody has what another has. */
  check(): void {
    const taken = new Map<string, string>()
    for (const { memberId, owned } of this.members) {
      for (const { topic, partition } of owned) {
        const place = `${topic}-${partition}`
        if (taken.has(place))
          throw new Error(
            `${place} is with ${taken.get(place)} and ${memberId}: ${this.describe()}`,
          )
        taken.set(place, memberId)
      }
    }
  }

  /** No process runs a task that it has a copy of, or has two. */
  #checkCopies(): void {
    const taken = new Set<string>()
    for (const { tasks, process } of this.members) {
      for (const id of [...tasks.active, ...tasks.standby, ...tasks.warmup]) {
        const place = `${id} at ${process.id}`
        if (taken.has(place)) throw new Error(`${place} twice: ${this.describe()}`)
        taken.add(place)
      }
    }
  }

  describe(): string {
    return this.members
      .map(({ memberId, process, tasks }) => {
        const lags = [...process.lags].map(([id, lag]) => `${id}:${lag}`)
        return `${memberId} of ${process.id}: ${JSON.stringify(tasks)} lacks ${lags}`
      })
      .join('\n')
  }

  /** Of each member, what it runs. */
  active(): { [memberId: string]: readonly string[] } {
    return Object.fromEntries(this.members.map(({ memberId, tasks }) => [memberId, tasks.active]))
  }

  /** Who runs a task has its state, or begins to restore it; so do copies. The first that runs it writes its changelog. */
  #run(): void {
    const isNew = (id: string) => !this.changelogs.has(id)
    const begun = new Set<string>()
    for (const { tasks, process, topology } of this.members) {
      const all = new Map(tasksOf(topology, this.counts).map((task) => [task.id, task]))
      for (const id of tasks.active) {
        if (!all.get(id)!.isStateful || process.lags.has(id)) continue
        process.lags.set(id, this.changelogs.get(id) ?? 0)
        if (isNew(id)) begun.add(id)
      }
    }
    for (const id of begun) this.changelogs.set(id, 50_000)
    for (const { tasks, process } of this.members) {
      for (const id of [...tasks.standby, ...tasks.warmup]) {
        if (!process.lags.has(id)) process.lags.set(id, this.changelogs.get(id) ?? 0)
      }
    }
  }

  #isRestored(): boolean {
    return this.members.every(({ tasks, process }) =>
      [...tasks.active, ...tasks.standby, ...tasks.warmup].every((id) => !process.lags.get(id)),
    )
  }

  #hasNoWarmups(): boolean {
    return this.members.every(({ tasks }) => tasks.warmup.length === 0)
  }
}

function isSame(a: TopicPartition, b: TopicPartition): boolean {
  return a.topic === b.topic && a.partition === b.partition
}
