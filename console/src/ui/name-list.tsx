/** A page with all of something, which has a name: filtered by it, sorted as the address says, opened by a row. */
import type { ComponentChildren } from 'preact'
import { useMemo } from 'preact/hooks'
import { pageAt } from '../api/base.ts'
import { usePlace } from '../state/place.ts'
import type { Resource } from '../state/resource.ts'
import { some } from './format.ts'
import { Empty, Loaded } from './notices.tsx'
import { type Column, RowList } from './row-list.tsx'

export interface NameListProps<T> {
  readonly title: string
  /** `topic`: of its page's path, and in words. */
  readonly kind: 'topic' | 'group'
  readonly resource: Resource<unknown>
  readonly items: readonly T[]
  readonly columns: readonly Column<T>[]
  readonly nameOf: (item: T) => string
  /** By the names under which columns sort, but for the name. */
  readonly sortBy: { readonly [sort: string]: (item: T) => bigint | number }
  /** Beside the filter. */
  readonly children?: ComponentChildren
}

export function fits(text: string, filter: string): boolean {
  return text.toLowerCase().includes(filter.trim().toLowerCase())
}

export function NameList<T>(props: NameListProps<T>) {
  const { title, kind, resource, items, columns, nameOf, sortBy, children } = props
  const { query, change, go } = usePlace()
  const { q = '', sort = 'name' } = query
  const shown = useMemo(() => {
    const found = items.filter((item) => fits(nameOf(item), q))
    const isDown = sort.startsWith('-')
    const value = sortBy[isDown ? sort.slice(1) : sort] ?? nameOf
    return found.sort((a, b) => {
      const [x, y] = isDown ? [value(b), value(a)] : [value(a), value(b)]
      return x < y ? -1 : x > y ? 1 : nameOf(a) < nameOf(b) ? -1 : 1
    })
  }, [items, q, sort])
  return (
    <section class="page fills">
      <header class="page-head">
        <h1>{title}</h1>
        <input
          data-filter
          type="search"
          aria-label={`Filter ${kind}s by name`}
          placeholder="Filter by name  ( / )"
          value={q}
          onInput={(event) => change({ q: event.currentTarget.value })}
        />
        {children}
      </header>
      <Loaded resource={resource} what={`the ${kind}s`}>
        {() =>
          items.length === 0 ? (
            <Empty>There is no {kind} that you may see.</Empty>
          ) : shown.length === 0 ? (
            <Empty>None of {some(items.length, kind)} is called so.</Empty>
          ) : (
            <RowList
              label={title}
              layout={`${kind}s`}
              columns={columns}
              items={shown}
              keyOf={nameOf}
              onOpen={(item) => go(pageAt([`${kind}s`, nameOf(item)]))}
              sort={sort}
              onSort={(by) => change({ sort: by === 'name' ? undefined : by })}
            />
          )
        }
      </Loaded>
    </section>
  )
}
