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
    const owner = ownerOf(topic, groups)
    if (owner === undefined || owner.length <= app.length) internalTopics.push(topic)
    else ofOthers.push({ topic, group: owner })
  }
  const read = new Set(group?.partitions.map(({ topic }) => topic))
  const sources = names.filter((name) => read.has(name) && !isInternal(name, app)).sort()
  return { app, group, sources, internalTopics, ofOthers }
}

export interface ListedApplication {
  readonly app: string
  readonly state: string
  /** Undefined: not told with the list. */
  readonly members: number | undefined
  /** Changelogs and topics of repartitions, by name. */
  readonly internalTopics: readonly string[]
}

/** The groups that have topics of their own, by name. */
export async function listApplications(admin: Admin): Promise<ListedApplication[]> {
  const [topics, groups] = await Promise.all([admin.listTopics(), admin.listGroups()])
  const names = topics.map(({ name }) => name).sort()
  return groups
    .map(({ group: app, state, memberCount: members }) => ({
      ...{ app, state, members },
      internalTopics: names.filter((name) => ownerOf(name, groups) === app),
    }))
    .filter(({ internalTopics }) => internalTopics.length > 0)
    .sort((a, b) => (a.app < b.app ? -1 : 1))
}

/** Of several that it could be of by its name, the one with the longest. */
function ownerOf(topic: string, groups: readonly { readonly group: string }[]): string | undefined {
  return groups
    .map(({ group }) => group)
    .filter((group) => isInternal(topic, group))
    .sort((a, b) => b.length - a.length)[0]
}

function isInternal(topic: string, app: string): boolean {
  return topic.startsWith(`${app}-`) && /.-(changelog|repartition)$/.test(topic.slice(app.length))
}
