/** All groups. */
import { pageAt } from '../api/base.ts'
import { type GroupSize, groupSizes } from '../api/sizes.ts'
import { rateOf } from '../state/history.ts'
import { useResource } from '../state/resource.ts'
import { count, rate } from '../ui/format.ts'
import { NameList } from '../ui/name-list.tsx'
import type { Column } from '../ui/row-list.tsx'

const columns: readonly Column<GroupSize>[] = [
  {
    ...{ title: 'Group', sort: 'name', kind: 'cut' },
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
  const groups = useResource('groups', groupSizes, { everyMs: 5000 })
  return (
    <NameList
      title="Groups"
      kind="group"
      resource={groups}
      items={groups.data?.groups ?? none}
      columns={columns}
      nameOf={({ group }) => group}
      sortBy={{ lag: ({ totalLag }) => BigInt(totalLag) }}
    />
  )
}

const none: readonly GroupSize[] = []
