/** All stream applications. */
import { type Application, applicationsOf } from '../api/applications.ts'
import { pageAt } from '../api/base.ts'
import { groupSizes, topicSizes } from '../api/sizes.ts'
import { usePlace } from '../state/place.ts'
import { useResource } from '../state/resource.ts'
import { count, some } from '../ui/format.ts'
import { Empty, Loaded } from '../ui/notices.tsx'
import { type Column, RowList } from '../ui/row-list.tsx'

const columns: readonly Column<Application>[] = [
  {
    ...{ title: 'Application', kind: 'cut' },
    cell: ({ group }) => (
      <a href={pageAt(['streams', group])} title={group}>
        {group}
      </a>
    ),
  },
  { title: 'State', cell: ({ state }) => state },
  { title: 'Members', kind: 'number wide', cell: ({ members }) => count(members) },
  {
    ...{ title: 'Reads', kind: 'wide cut' },
    cell: ({ sources }) => sources.map(({ topic }) => topic).join(', '),
  },
  { title: 'Stores', kind: 'number wide', cell: ({ changelogs }) => count(changelogs.length) },
  { title: 'Lag', kind: 'number', cell: ({ totalLag }) => count(totalLag) },
]

/** What both pages about streams are made of. */
export function useApplications() {
  const topics = useResource('topics', topicSizes, { everyMs: 5000 })
  const groups = useResource('groups', groupSizes, { everyMs: 5000 })
  const all =
    topics.data && groups.data ? applicationsOf(topics.data.topics, groups.data.groups) : undefined
  return { topics, groups, all }
}

export function Streams() {
  const { go } = usePlace()
  const { topics, groups, all } = useApplications()
  return (
    <section class="page fills">
      <h1>Streams</h1>
      <Loaded resource={topics} what="the topics">
        {() => (
          <Loaded resource={groups} what="the groups">
            {() =>
              all!.length === 0 ? (
                <Empty>There is no application with topics of its own that you may see.</Empty>
              ) : (
                <RowList
                  label={some(all!.length, 'application')}
                  layout="groups"
                  columns={columns}
                  items={all!}
                  keyOf={({ group }) => group}
                  onOpen={({ group }) => go(pageAt(['streams', group]))}
                />
              )
            }
          </Loaded>
        )}
      </Loaded>
    </section>
  )
}
