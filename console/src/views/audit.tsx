/** The audit log, newest first. */
import { type ReadRecord, readPage } from '../api/records.ts'
import { ask } from '../api/service.ts'
import { usePlace } from '../state/place.ts'
import { useResource } from '../state/resource.ts'
import { time } from '../ui/format.ts'
import { LoadedAccess } from '../ui/loaded-access.tsx'
import { fits } from '../ui/name-list.tsx'
import { Empty } from '../ui/notices.tsx'
import { type Column, RowList } from '../ui/row-list.tsx'

interface Event {
  readonly id: string
  readonly time: string
  readonly principal: string
  readonly action: string
  readonly resource: string
  readonly allowed: boolean
  readonly reason: string
  readonly address: string
}

const columns: readonly Column<Event>[] = [
  { title: 'Time', cell: (event) => time(event.time) },
  { title: 'Who', kind: 'cut mono', cell: (event) => event.principal },
  { title: 'Did', kind: 'cut', cell: (event) => event.action },
  { title: 'To', kind: 'cut mono wide', cell: (event) => event.resource },
  {
    title: 'Allowed',
    cell: (event) => (event.allowed ? 'yes' : <strong class="denied-text">denied</strong>),
  },
  { title: 'From', kind: 'wide mono', cell: (event) => event.address },
]

const newest = 2000

export function Audit() {
  const { query, change } = usePlace()
  const { q = '', denied } = query
  const events = useResource(
    'audit',
    async (signal) => {
      const response = await ask({
        ...{ path: ['audit'], query: { from: `latest-${newest}`, to: 'latest', limit: newest } },
        ...{ what: 'the audit log', needs: 'read on the audit log (scope admin)', signal },
      })
      return readPage(await response.text())
        .records.map(eventOf)
        .reverse()
    },
    { everyMs: 5000 },
  )
  return (
    <>
      <div class="page-head">
        <input
          data-filter
          type="search"
          aria-label="Filter the audit log"
          placeholder="Filter  ( / )"
          value={q}
          onInput={(event) => change({ q: event.currentTarget.value })}
        />
        <label class="check">
          <input
            type="checkbox"
            checked={denied === '1'}
            onChange={(event) => change({ denied: event.currentTarget.checked ? 1 : undefined })}
          />
          <span>Only what was denied</span>
        </label>
      </div>
      <LoadedAccess resource={events} what="the audit log">
        {(all) => {
          const shown = all.filter(
            (event) =>
              (denied !== '1' || !event.allowed) && fits(Object.values(event).join(' '), q),
          )
          if (shown.length === 0) return <Empty>Nothing of the kind was done.</Empty>
          return (
            <RowList
              label="Audit log"
              layout="audit"
              columns={columns}
              items={shown}
              keyOf={({ id }) => id}
            />
          )
        }}
      </LoadedAccess>
    </>
  )
}

function eventOf({ partition, offset, value }: ReadRecord): Event {
  const written =
    value.kind === 'json' ? (JSON.parse(value.text) as Partial<Event>) : ({} as Partial<Event>)
  return {
    id: `${partition}:${offset}`,
    time: written.time ?? '',
    principal: written.principal ?? '',
    action: written.action ?? '',
    resource: written.resource ?? '',
    allowed: written.allowed ?? true,
    reason: written.reason ?? '',
    address: written.address ?? '',
  }
}
