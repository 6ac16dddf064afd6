/** Stream applications, as the cluster knows them: groups that have topics of their own. */
import type { GroupSize, TopicSize } from './sizes.ts'

export interface Application extends GroupSize {
  /** Topics of others that it reads. */
  readonly sources: GroupSize['topics']
  /** What it sends to itself, by another key. */
  readonly repartitions: readonly TopicSize[]
  /** The changelogs of its state. */
  readonly changelogs: readonly TopicSize[]
}

const ownTopic = /.-(changelog|repartition)$/

/** By name. */
export function applicationsOf(
  topics: readonly TopicSize[],
  groups: readonly GroupSize[],
): readonly Application[] {
  const own = new Map<string, TopicSize[]>()
  for (const topic of topics.filter(({ name }) => ownTopic.test(name))) {
    // `shop-eu-totals-changelog` may be that of `shop-eu` as well as that of `shop`.
    const [owner] = groups
      .map(({ group }) => group)
      .filter((group) => isOf(topic.name, group))
      .sort((a, b) => b.length - a.length)
    if (owner !== undefined) own.set(owner, [...(own.get(owner) ?? []), topic])
  }
  return groups.flatMap((group) => {
    const found = own.get(group.group)
    if (!found) return []
    return {
      ...group,
      sources: group.topics.filter(({ topic }) => !isOf(topic, group.group)),
      repartitions: found.filter(({ name }) => name.endsWith('-repartition')),
      changelogs: found.filter(({ name }) => name.endsWith('-changelog')),
    }
  })
}

function isOf(topic: string, app: string): boolean {
  return topic.startsWith(`${app}-`) && ownTopic.test(topic.slice(app.length))
}
