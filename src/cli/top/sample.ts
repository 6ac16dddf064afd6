/** What there is at one moment, and what has changed between two. */
import type { Admin } from '../../client/admin.ts'
import { Offset } from '../../client/consumer/offset.ts'
import { KafkaError, TopicNotFoundError } from '../../core/errors.ts'
import type { Runtime } from '../../core/runtime.ts'

export interface Sample {
  /** Monotonic milliseconds. */
  readonly atMs: number
  /** By topic: the sum of the ends of its partitions. */
  readonly ends: ReadonlyMap<string, { readonly partitions: number; readonly end: bigint }>
  readonly groups: ReadonlyMap<string, GroupSample>
}

export interface GroupSample {
  readonly state: string
  readonly members: number
  readonly lag: bigint
  /** The sum of what it has committed. */
  readonly committed: bigint
}

export interface TopicRate {
  readonly topic: string
  readonly partitions: number
  readonly end: bigint
  /** Offsets a second. */
  readonly rate: number
}

export interface GroupRate extends Omit<GroupSample, 'committed'> {
  readonly group: string
  /** Offsets that are committed a second. */
  readonly rate: number
  /** Until it has caught up, if both go on so; undefined: it does not. */
  readonly secondsBehind: number | undefined
}

/** That are asked for at a time. */
const atATime = 16

export async function takeSample(admin: Admin, runtime: Runtime): Promise<Sample> {
  const [topics, groups] = await Promise.all([admin.listTopics(), admin.listGroups()])
  const atMs = runtime.monotonicNow()
  const ends = await inParallel(topics, async ({ name, partitions }) => {
    const offsets = await admin.listOffsets(name, Offset.latest)
    const end = offsets.reduce((sum, { offset }) => sum + offset, 0n)
    return [name, { partitions, end }] as const
  })
  const described = await inParallel(groups, async ({ group }) => {
    const { state, members, partitions, totalLag } = await admin.describeGroup(group)
    const committed = partitions.reduce((sum, one) => sum + (one.committed ?? 0n), 0n)
    return [group, { state, members: members.length, lag: totalLag, committed }] as const
  })
  return { atMs, ends: new Map(ends), groups: new Map(described) }
}

/** Without those that are gone when it is their turn. */
async function inParallel<T, R>(items: readonly T[], ask: (item: T) => Promise<R>): Promise<R[]> {
  const found: R[] = []
  for (let at = 0; at < items.length; at += atATime) {
    const answers = await Promise.all(
      items.slice(at, at + atATime).map((item) =>
        ask(item).catch((error: unknown) => {
          if (isMissing(error)) return undefined
          throw error
        }),
      ),
    )
    found.push(...answers.filter((one) => one !== undefined))
  }
  return found
}

function isMissing(error: unknown): boolean {
  if (error instanceof TopicNotFoundError) return true
  return error instanceof KafkaError && error.code === 'GROUP_ID_NOT_FOUND'
}

/** The busiest first. */
export function topicRates(before: Sample, now: Sample): TopicRate[] {
  const seconds = secondsBetween(before, now)
  return [...now.ends]
    .map(([topic, { partitions, end }]) => {
      const earlier = before.ends.get(topic)?.end ?? end
      // A topic that was made anew begins at 0.
      return { topic, partitions, end, rate: Math.max(0, Number(end - earlier) / seconds) }
    })
    .sort((a, b) => b.rate - a.rate || (a.topic < b.topic ? -1 : 1))
}

/** Those that are furthest behind first. */
export function groupRates(before: Sample, now: Sample): GroupRate[] {
  const seconds = secondsBetween(before, now)
  return [...now.groups]
    .map(([group, { state, members, lag, committed }]) => {
      const earlier = before.groups.get(group)
      const rate = Math.max(0, Number(committed - (earlier?.committed ?? committed)) / seconds)
      const shrinking = Number((earlier?.lag ?? lag) - lag) / seconds
      const secondsBehind = lag === 0n ? 0 : shrinking > 0 ? Number(lag) / shrinking : undefined
      return { group, state, members, lag, rate, secondsBehind }
    })
    .sort((a, b) => (a.lag === b.lag ? (a.group < b.group ? -1 : 1) : a.lag < b.lag ? 1 : -1))
}

function secondsBetween(before: Sample, now: Sample): number {
  return Math.max(0.001, (now.atMs - before.atMs) / 1000)
}
