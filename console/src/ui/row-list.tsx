/** A table of any number of rows, of which only those that are seen are in the page. j and k move, Enter opens. */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { VList, type VListHandle } from 'virtua'
import { useListKeys } from './keys.ts'

export interface Column<T> {
  readonly title: string
  /** Of its cells: `number`, `wide` (only where there is room), `mono`. */
  readonly kind?: string
  readonly cell: (item: T) => ComponentChildren
  /** Sorts by this, where the view can. */
  readonly sort?: string
}

export interface RowListProps<T> {
  /** Of the table, for who does not see it. */
  readonly label: string
  /** The class that has the widths of columns. */
  readonly columns: readonly Column<T>[]
  readonly layout: string
  readonly items: readonly T[]
  readonly keyOf: (item: T) => string
  readonly onOpen?: (item: T) => void
  /** The row that is open, by its key. */
  readonly open?: string | undefined
  /** Called when the end is near: there may be more. */
  readonly onNearEnd?: () => void
  /** Stays at the end when rows come, until somebody scrolls away from it. */
  readonly follows?: boolean
  readonly onLeaveEnd?: () => void
  /** Shows the end first. */
  readonly beginsAtEnd?: boolean
  /** `name`, or `-name` for the largest first. */
  readonly sort?: string | undefined
  readonly onSort?: (sort: string) => void
}

const rowHeight = 32
const nearRows = 20

export function RowList<T>(props: RowListProps<T>) {
  const { label, columns, layout, items, keyOf, onOpen, open, follows = false } = props
  const list = useRef<VListHandle>(null)
  const [current, setCurrent] = useState(-1)
  const follow = useRef(false)

  useListKeys({
    move(by) {
      const next = Math.max(0, Math.min(items.length - 1, current + by))
      setCurrent(next)
      list.current?.scrollToIndex(next, { align: 'nearest' })
    },
    open() {
      const item = items[current]
      if (item !== undefined) onOpen?.(item)
    },
  })

  // A row that came is a reason to go to the end.
  useEffect(() => {
    if (!follows) {
      follow.current = false
      return
    }
    follow.current = true
    list.current?.scrollToIndex(items.length - 1, { align: 'end' })
  }, [follows, items.length])

  useEffect(() => {
    if (props.beginsAtEnd) list.current?.scrollToIndex(items.length - 1, { align: 'end' })
  }, [])

  const lookForEnd = () => {
    const handle = list.current
    if (!handle) return
    const left = handle.scrollSize - handle.viewportSize - handle.scrollOffset
    if (left < nearRows * rowHeight) props.onNearEnd?.()
  }
  // A list that is not full has its end in sight, and nobody can scroll there.
  useEffect(lookForEnd, [items.length])

  return (
    <div class={`rows ${layout}`} role="table" aria-label={label} aria-rowcount={items.length + 1}>
      <div class="row head" role="row" aria-rowindex={1}>
        {columns.map((column) => (
          <Heading key={column.title} column={column} sort={props.sort} onSort={props.onSort} />
        ))}
      </div>
      <VList
        // virtua's types are React's, where a component has no other ref than its handle.
        {...({ ref: list } as object)}
        class="row-scroll"
        role="rowgroup"
        tabIndex={0}
        data={items}
        itemSize={rowHeight}
        onScroll={lookForEnd}
        // A wheel or a finger says that somebody looks at something else than the end; rows that come scroll, too.
        onWheel={(event: WheelEvent) => {
          if (follow.current && event.deltaY < 0) props.onLeaveEnd?.()
        }}
        onTouchMove={() => {
          if (follow.current) props.onLeaveEnd?.()
        }}
        onKeyDown={(event: KeyboardEvent) => {
          if (follow.current && /^(?:ArrowUp|PageUp|Home)$/.test(event.key)) props.onLeaveEnd?.()
        }}
      >
        {(item: T, i: number) => {
          const key = keyOf(item)
          const state = `${i === current ? ' current' : ''}${key === open ? ' open' : ''}`
          return (
            <div
              key={key}
              class={`row${state}${onOpen ? ' can-open' : ''}`}
              role="row"
              aria-rowindex={i + 2}
              aria-current={i === current || key === open ? 'true' : undefined}
              onClick={(event) => {
                setCurrent(i)
                if (event.target instanceof Element && event.target.closest('a, button')) return
                if (getSelection()?.toString() === '') onOpen?.(item)
              }}
            >
              {columns.map((column) => (
                <div key={column.title} class={`cell ${column.kind ?? ''}`} role="cell">
                  {column.cell(item)}
                </div>
              ))}
            </div>
          )
        }}
      </VList>
    </div>
  )
}

function Heading<T>({
  column,
  sort,
  onSort,
}: {
  column: Column<T>
  sort: string | undefined
  onSort: ((sort: string) => void) | undefined
}) {
  const by = column.sort
  const isUp = sort === by
  const isDown = sort === `-${by}`
  const order = by === undefined ? undefined : isUp ? 'ascending' : isDown ? 'descending' : 'none'
  return (
    <div class={`cell ${column.kind ?? ''}`} role="columnheader" aria-sort={order}>
      {by !== undefined && onSort ? (
        <button type="button" class="plain" onClick={() => onSort(isDown ? by : `-${by}`)}>
          {column.title}
          <span aria-hidden="true">{isUp ? ' ↑' : isDown ? ' ↓' : ''}</span>
        </button>
      ) : (
        column.title
      )}
    </div>
  )
}
