/**
 * A member of the group as the leader sees it. Members of a rolling upgrade have topologies of two kinds, so what one calls
 * sub-topology 1 may be another's 2: they are matched by the topics that they read.
 */
import type { GroupMemberSubscription } from '../../client/consumer/assignors/assignor.ts'
import type { MemberData, TaskNumber } from './assignment-data.ts'
import type { TaskMember, TaskShape } from './group-state.ts'

/** A sub-topology under the number that the leader gives it. */
export interface GroupSubTopology {
  readonly index: number
  /** Those that exist. */
  readonly topics: ReadonlySet<string>
}

export class MemberView implements TaskMember {
  readonly subscription: GroupMemberSubscription
  readonly data: MemberData
  /** By the leader's number: which of the member's own it is. Two or more where the leader's topology joins what was apart. */
  readonly #own = new Map<number, readonly number[]>()
  readonly #leaders = new Map<number, number>()

  /** `exists`: topics that do not count for nothing. */
  constructor(
    subscription: GroupMemberSubscription,
    data: MemberData,
    subTopologies: readonly GroupSubTopology[],
    exists: (topic: string) => boolean,
  ) {
    this.subscription = subscription
    this.data = data
    for (const one of subTopologies) this.#match(one, exists)
  }

  get memberId(): string {
    return this.subscription.memberId
  }

  get processId(): string {
    return this.data.processId
  }

  canRun(subTopology: number): boolean {
    return this.#own.has(subTopology)
  }

  /** What the leader calls one of its sub-topologies; undefined where that has none such. */
  toLeaders(subTopology: number): number | undefined {
    return this.#leaders.get(subTopology)
  }

  /** What it calls a task of the leader's. */
  toOwn({ subTopology, partitions }: TaskShape): TaskNumber[] {
    const { partition } = partitions[0]!
    return (this.#own.get(subTopology) ?? []).map((own) => ({ subTopology: own, partition }))
  }

  /** Whether one of its tasks has state. */
  keepsState({ subTopology }: TaskNumber): boolean {
    return this.data.subTopologies.some((one) => one.index === subTopology && one.isStateful)
  }

  /**
   * It can run what it reads all topics of, unless one of them belongs, in its own topology, together with others: it would
   * have half of a task then.
   */
  #match({ index, topics }: GroupSubTopology, exists: (topic: string) => boolean): void {
    const read = new Set(this.subscription.topics)
    for (const topic of topics) if (!read.has(topic)) return
    const own = this.data.subTopologies.filter((one) => one.topics.some((name) => topics.has(name)))
    if (!own.every((one) => one.topics.every((name) => topics.has(name) || !exists(name)))) return
    this.#own.set(
      index,
      own.map((one) => one.index),
    )
    for (const one of own) this.#leaders.set(one.index, index)
  }
}
