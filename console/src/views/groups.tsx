/** All groups. */
import { pageAt } from '../api/base.ts'
import { type GroupSize, groupSizes } from '../api/sizes.ts'
import { rateOf } from '../state/history.ts'
import { usePlace } from '../state/place.ts'
import { useResource } from '../state/resource.ts'
import { count, rate, some } from '../ui/format.ts'
import { Empty, Loaded } from '../ui/notices.tsx'
import { type Column, RowList } from '../ui/row-list.tsx'
import { fits } from './topics.tsx'

const columns: readonly Column<GroupSize>[] = [
  {
    ...{ title: 'Group', sort: 'group', kind: 'cut' },
    cell: ({ group }) => (
      <a href={pageAt(['groups', group])} title={group}>
        {group}
      </a>
    ),
  },
  { title: 'State', cell: ({ state }) => state },
  { title: 'Members', kind: 'number wide', cell: ({ members }) => count(members) },
  {
    ...{ title: 'Topics', kind: 'wide cut' },
    cell: ({ topics }) => topics.map(({ topic }) => topic).join(', '),
  },
  {
    ...{ title: 'Done', kind: 'number wide' },
    cell: ({ group, committed }) => rate(rateOf(`group ${group}`, BigInt(committed))),
  },
  { title: 'Lag', kind: 'number', sort: 'lag', cell: ({ totalLag }) => count(totalLag) },
]

export function Groups() {
  const { query, change, go } = usePlace()
  const groups = useResource('groups', groupSizes, { everyMs: 5000 })
  const { q = '', sort = 'group' } = query
  const all = groups.data?.groups ?? []
  const shown = sorted(
    all.filter(({ group }) => fits(group, q)),
    sort,
  )
  return (
    <section class="page fills">
      <header class="page-head">
        <h1>Groups</h1>
        <input
          data-filter
          type="search"
          aria-label="Filter groups by name"
          placeholder="Filter by name  ( / )"
          value={q}
          onInput={(event) => change({ q: event.currentTarget.value })}
        />
      </header>
      <Loaded resource={groups} what="the groups">
        {() =>
          all.length === 0 ? (
            <Empty>There is no group that you may see.</Empty>
          ) : shown.length === 0 ? (
            <Empty>None of {some(all.length, 'group')} is called so.</Empty>
          ) : (
            <RowList
              label="Groups"
              layout="groups"
              columns={columns}
              items={shown}
              keyOf={({ group }) => group}
              onOpen={({ group }) => go(pageAt(['groups', group]))}
              sort={sort}
              onSort={(by) => change({ sort: by === 'group' ? undefined : by })}
            />
          )
        }
      </Loaded>
    </section>
  )
}

function sorted(groups: readonly GroupSize[], sort: string): readonly GroupSize[] {
  const direction = sort.startsWith('-') ? -1 : 1
  return [...groups].sort((a, b) => {
    if (!sort.endsWith('lag')) return (a.group < b.group ? -1 : 1) * direction
    const difference = BigInt(a.totalLag) - BigInt(b.totalLag)
    return (difference < 0n ? -1 : difference > 0n ? 1 : 0) * direction
  })
}
