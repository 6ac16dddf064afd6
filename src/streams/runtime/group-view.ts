/**
 * A group as its leader sees it: the tasks that there are, and who said to have which, or its state, or a promise of it.
 *
 * Besides the leader's own there are the tasks of sub-topologies that only members with another topology have, of topics that the
 * leader has no use for: in a rolling upgrade they are still read. A member that says nothing that can be read gets nothing.
 */
import type {
  AssignmentInput,
  GroupMemberSubscription,
  TopicPartition,
} from '../../client/consumer/assignors/assignor.ts'
import { byIdentity } from '../../client/consumer/assignors/range.ts'
import { CorruptDataError } from '../../core/errors.ts'
import { decodeMemberData, type MemberData, type TaskNumber } from './assignment-data.ts'
import type { CopyKind, GroupState, TaskShape } from './group-state.ts'
import { type GroupSubTopology, MemberView } from './member-view.ts'
import { readTaskId, taskIdOf } from './task-id.ts'

/** By `groupInstanceId`: ids of the tasks that a static member was given last. */
export type LastGiven = ReadonlyMap<string, ReadonlySet<string>>

export class GroupView implements GroupState {
  readonly tasks: readonly TaskShape[]
  readonly members: readonly MemberView[]
  readonly owners = new Map<TaskShape, MemberView>()
  readonly lags = new Map<TaskShape, Map<string, number>>()
  readonly copies = new Map<TaskShape, Map<string, CopyKind>>()
  /** By topic and partition, who has it; of contradicting claims the one of the newest generation counts. */
  readonly #holders = new Map<string, Map<number, GroupMemberSubscription>>()
  /** By sub-topology and partition. */
  readonly #byNumber = new Map<number, Map<number, TaskShape>>()

  constructor(ownTasks: readonly TaskShape[], input: AssignmentInput, lastGiven: LastGiven) {
    const { partitionsPerTopic } = input
    const subscriptions = [...input.members].sort(byIdentity)
    const speaking = subscriptions.flatMap((one) => {
      const data = readMemberData(one.userData)
      return data ? [{ subscription: one, data }] : []
    })
    const foreign = foreignTasks(ownTasks, partitionsPerTopic, speaking)
    this.tasks = [...ownTasks, ...foreign]
    const subTopologies = subTopologiesOf(this.tasks)
    const exists = (topic: string) => (partitionsPerTopic.get(topic) ?? 0) > 0
    this.members = speaking.map(
      ({ subscription, data }) => new MemberView(subscription, data, subTopologies, exists),
    )
    for (const task of this.tasks)
      inner(this.#byNumber, task.subTopology).set(task.partitions[0]!.partition, task)
    this.#readClaims(subscriptions)
    this.#readPromises()
    this.#recall(lastGiven)
    this.#readLags()
  }

  /** The lowest version that a member reads. */
  get version(): number {
    return Math.min(...this.members.map(({ data }) => data.version))
  }

  /** Whether nobody else has any of its partitions. */
  isFree({ partitions }: TaskShape, { subscription }: MemberView): boolean {
    return partitions.every((place) => {
      const holder = this.#holderOf(place)
      return holder === undefined || holder === subscription
    })
  }

  #readClaims(subscriptions: readonly GroupMemberSubscription[]): void {
    for (const subscription of subscriptions) {
      for (const { topic, partition } of subscription.ownedPartitions) {
        const ofTopic = inner(this.#holders, topic)
        const rival = ofTopic.get(partition)
        if (!rival || subscription.generation > rival.generation)
          ofTopic.set(partition, subscription)
      }
    }
    const views = new Map(this.members.map((member) => [member.subscription, member]))
    for (const task of this.tasks) {
      for (const place of task.partitions) {
        const holder = this.#holderOf(place)
        const member = holder && views.get(holder)
        if (member?.canRun(task.subTopology) && !this.owners.has(task))
          this.owners.set(task, member)
      }
    }
  }

  /** What nobody has any more goes to whom it was promised, in the newest generation. */
  #readPromises(): void {
    const promises = new Map<TaskShape, MemberView>()
    for (const member of this.members) {
      for (const number of member.data.promised) {
        const task = this.#taskOf(member, number)
        if (!task || this.owners.has(task)) continue
        const rival = promises.get(task)
        if (!rival || member.subscription.generation > rival.subscription.generation)
          promises.set(task, member)
      }
    }
    for (const [task, member] of promises) this.owners.set(task, member)
  }

  /** A static member that was restarted does not know what it had. */
  #recall(lastGiven: LastGiven): void {
    for (const member of this.members) {
      for (const id of lastGiven.get(member.subscription.groupInstanceId ?? '') ?? []) {
        const { subTopology, partition } = readTaskId(id)
        const task = this.#byNumber.get(subTopology)?.get(partition)
        if (task && !this.owners.has(task)) this.owners.set(task, member)
      }
    }
  }

  #readLags(): void {
    for (const member of this.members) {
      const lags = new Map<TaskShape, number>()
      for (const entry of member.data.lags) {
        const task = this.#taskOf(member, entry)
        // Of several that the leader has in one, all are needed.
        if (task) lags.set(task, (lags.get(task) ?? 0) + entry.lag)
      }
      for (const [task, lag] of lags) this.#noteLag(task, member, lag)
      for (const number of member.data.standby) this.#noteCopy(number, member, 'standby')
      for (const number of member.data.warmup) this.#noteCopy(number, member, 'warmup')
    }
    for (const [task, owner] of this.owners) {
      const isRunning = task.partitions.some((at) => this.#holderOf(at) === owner.subscription)
      if (isRunning && !this.lags.get(task)?.has(owner.processId)) this.#noteLag(task, owner, 0)
    }
  }

  #noteCopy(number: TaskNumber, member: MemberView, kind: CopyKind): void {
    const task = this.#taskOf(member, number)
    if (!task) return
    inner(this.copies, task).set(member.processId, kind)
    this.#noteLag(task, member, Number.POSITIVE_INFINITY)
  }

  /** Members of a process share its state, but one may have looked earlier. */
  #noteLag(task: TaskShape, { processId }: MemberView, lag: number): void {
    if (!task.isStateful) return
    const lags = inner(this.lags, task)
    lags.set(processId, Math.min(lag, lags.get(processId) ?? lag))
  }

  #holderOf({ topic, partition }: TopicPartition): GroupMemberSubscription | undefined {
    return this.#holders.get(topic)?.get(partition)
  }

  /** One of a member's tasks, as the leader knows it. */
  #taskOf(member: MemberView, { subTopology, partition }: TaskNumber): TaskShape | undefined {
    const index = member.toLeaders(subTopology)
    return index === undefined ? undefined : this.#byNumber.get(index)?.get(partition)
  }
}

/** The map under a key, which is made where there is none. */
function inner<K, L, V>(outer: Map<K, Map<L, V>>, key: K): Map<L, V> {
  let found = outer.get(key)
  if (!found) {
    found = new Map()
    outer.set(key, found)
  }
  return found
}

interface Speaking {
  readonly subscription: GroupMemberSubscription
  readonly data: MemberData
}

/** Undefined when it is not to be read. */
function readMemberData(bytes: Uint8Array | null): MemberData | undefined {
  if (bytes === null) return undefined
  try {
    return decodeMemberData(bytes)
  } catch (error) {
    if (error instanceof CorruptDataError) return undefined
    throw error
  }
}

/** Of sub-topologies that only other members have, none of whose topics is read by a task that is there already. */
function foreignTasks(
  known: readonly TaskShape[],
  partitionsPerTopic: ReadonlyMap<string, number>,
  members: readonly Speaking[],
): TaskShape[] {
  const taken = new Set<string>()
  for (const { partitions } of known) for (const { topic } of partitions) taken.add(topic)
  const found: TaskShape[] = []
  let next = 1 + known.reduce((max, { subTopology }) => Math.max(max, subTopology), -1)
  const ordered = [...members].sort((a, b) => compare(a.data.fingerprint, b.data.fingerprint))
  for (const { subTopologies } of ordered.map(({ data }) => data)) {
    for (const { topics, isStateful } of subTopologies) {
      if (topics.length === 0 || topics.some((topic) => taken.has(topic))) continue
      const subTopology = next++
      const counts = topics.map((topic) => partitionsPerTopic.get(topic) ?? 0)
      for (let partition = 0; partition < Math.max(...counts); partition++) {
        const partitions = topics
          .filter((_, at) => partition < counts[at]!)
          .map((topic) => ({ topic, partition }))
        found.push({
          id: taskIdOf({ subTopology, partition }),
          subTopology,
          partitions,
          isStateful,
        })
      }
      for (const topic of topics) taken.add(topic)
    }
  }
  return found
}

function subTopologiesOf(tasks: readonly TaskShape[]): GroupSubTopology[] {
  const topics = new Map<number, Set<string>>()
  for (const { subTopology, partitions } of tasks) {
    const known = topics.get(subTopology) ?? new Set()
    topics.set(subTopology, known)
    for (const { topic } of partitions) known.add(topic)
  }
  return [...topics].map(([index, ofOne]) => ({ index, topics: ofOne }))
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
