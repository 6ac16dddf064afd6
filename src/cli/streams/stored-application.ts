/** A stream application as the broker knows it: its group, the topics it reads, and those that it has made for itself. */

import type { GroupDescription } from '../../client/admin/groups.ts'
import type { Admin } from '../../client/admin.ts'
import { KafkaError } from '../../core/errors.ts'

export interface StoredApplication {
  readonly app: string
  /** Undefined: nothing was ever committed, or it was deleted. */
  readonly group: GroupDescription | undefined
  /** Topics of others that the group has committed for or reads, those that are gone left out. */
  readonly sources: readonly string[]
  /** Changelogs and topics of repartitions, by name. */
  readonly internalTopics: readonly string[]
  /** Topics that could be the application's by name, but whose names begin with that of another group. */
  readonly ofOthers: readonly { readonly topic: string; readonly group: string }[]
}

export async function lookUpApplication(admin: Admin, app: string): Promise<StoredApplication> {
  const [topics, groups, group] = await Promise.all([
    admin.listTopics(),
    admin.listGroups(),
    admin.describeGroup(app).catch((error: unknown) => {
      if (error instanceof KafkaError && error.code === 'GROUP_ID_NOT_FOUND') return undefined
      throw error
    }),
  ])
  const names = topics.map(({ name }) => name)
  const internalTopics: string[] = []
  const ofOthers: { topic: string; group: string }[] = []
  for (const topic of names.filter((name) => isInternal(name, app)).sort()) {
    // `shop-eu-totals-changelog` may be that of 'shop-eu' as well as that of 'shop'.
    const other = groups.find(
      (one) => one.group.startsWith(`${app}-`) && isInternal(topic, one.group),
    )
    if (other) ofOthers.push({ topic, group: other.group })
    else internalTopics.push(topic)
  }
  const read = new Set(group?.partitions.map(({ topic }) => topic))
  const sources = names.filter((name) => read.has(name) && !isInternal(name, app)).sort()
  return { app, group, sources, internalTopics, ofOthers }
}

function isInternal(topic: string, app: string): boolean {
  return topic.startsWith(`${app}-`) && /.-(changelog|repartition)$/.test(topic.slice(app.length))
}
