/** Parts of a page, each with an address of its own. */
import { pageAt, type Query } from '../api/base.ts'

export interface Tab {
  readonly id: string
  readonly title: string
}

export function Tabs({
  tabs,
  current,
  path,
  query = {},
}: {
  tabs: readonly Tab[]
  current: string
  path: readonly string[]
  query?: Query
}) {
  return (
    <nav class="tabs" aria-label="Parts of this page">
      {tabs.map(({ id, title }) => (
        <a
          key={id}
          href={pageAt(path, { ...query, tab: id === tabs[0]!.id ? undefined : id })}
          aria-current={id === current ? 'page' : undefined}
        >
          {title}
        </a>
      ))}
    </nav>
  )
}
