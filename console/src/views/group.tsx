/** One group: how far it is behind, who is in it, and moving what it has committed. */

import { useEffect, useState } from 'preact/hooks'
import { useRoute } from 'preact-iso'
import { pageAt } from '../api/base.ts'
import { askJson } from '../api/service.ts'
import { historyOf, note, type Point } from '../state/history.ts'
import { usePlace } from '../state/place.ts'
import { useResource } from '../state/resource.ts'
import { Chart } from '../ui/chart.tsx'
import { DeleteDialog } from '../ui/delete-dialog.tsx'
import { Figure } from '../ui/figure.tsx'
import { count, duration, some } from '../ui/format.ts'
import { Empty, Loaded } from '../ui/notices.tsx'
import { Reset } from './reset.tsx'

interface Member {
  readonly memberId: string
  readonly clientId: string
  readonly host: string
  readonly partitions: readonly { readonly topic: string; readonly partition: number }[]
}

interface Description {
  readonly state: string
  readonly assignor: string
  readonly coordinatorId: number
  readonly members: readonly Member[]
}

interface PartitionLag {
  readonly topic: string
  readonly partition: number
  readonly committed: string | null
  readonly latest: string | null
  readonly lag: string | null
  readonly behindMs: number | null
}

interface Lag {
  readonly partitions: readonly PartitionLag[]
  readonly totalLag: string
  readonly behindMs: number | null
}

export function Group() {
  const group = useRoute().params.group!
  const { query, change, go } = usePlace()
  const needs = `describe on group '${group}'`
  const about = useResource(
    `group ${group}`,
    (signal) =>
      askJson<Description>({ path: ['groups', group], what: `group ${group}`, needs, signal }),
    { everyMs: 5000 },
  )
  const lag = useResource(
    `lag ${group}`,
    (signal) =>
      askJson<Lag>({ path: ['groups', group, 'lag'], what: `the lag of ${group}`, needs, signal }),
    { everyMs: 3000 },
  )
  const [points, setPoints] = useState<readonly Point[]>(historyOf(`group ${group}`))
  useEffect(() => {
    if (!lag.data) return
    const { totalLag, behindMs } = lag.data
    setPoints(
      note(`group ${group}`, [Number(totalLag), behindMs === null ? null : behindMs / 1000]),
    )
  }, [lag.data, group])
  const topics = [...new Set(lag.data?.partitions.map(({ topic }) => topic) ?? [])]

  return (
    <section class="page">
      <header class="page-head">
        <h1 class="break">{group}</h1>
        <button type="button" onClick={() => change({ do: 'reset' }, { push: true })}>
          Move offsets
        </button>
        <button
          type="button"
          class="danger"
          onClick={() => change({ do: 'delete' }, { push: true })}
        >
          Delete
        </button>
      </header>
      <Loaded resource={about} what={`group ${group}`}>
        {({ state, assignor, coordinatorId, members }) => (
          <div class="figures">
            <Figure title="State" value={state} />
            <Figure title="Members" value={count(members.length)} />
            <Figure title="Lag" value={lag.data ? count(lag.data.totalLag) : '…'} />
            <Figure title="Behind" value={lag.data ? behind(lag.data.behindMs) : '…'} />
            <Figure title="Assignor" value={assignor || '–'} />
            <Figure title="Coordinator" value={`node ${coordinatorId}`} />
          </div>
        )}
      </Loaded>
      <div class="columns">
        <div>
          <h2>Lag in records</h2>
          <Chart
            label="Lag in records"
            points={points}
            series={['records']}
            format={(value) => count(Math.round(value))}
          />
        </div>
        <div>
          <h2>Lag in seconds</h2>
          <Chart
            label="Lag in seconds"
            points={points.map(({ at, values }) => ({ at, values: [values[1] ?? null] }))}
            series={['seconds']}
            format={(value) => `${value.toFixed(value < 10 ? 1 : 0)} s`}
          />
        </div>
      </div>
      <h2>Partitions</h2>
      <Loaded resource={lag} what={`the lag of ${group}`}>
        {({ partitions }) => <Partitions partitions={partitions} />}
      </Loaded>
      <h2>Members</h2>
      {about.data && <Members members={about.data.members} />}
      {query.do === 'reset' && (
        <Reset
          group={group}
          topics={topics}
          isActive={(about.data?.members.length ?? 0) > 0}
          onClose={() => change({ do: undefined })}
          onDone={() => {
            change({ do: undefined })
            lag.reload()
          }}
        />
      )}
      {query.do === 'delete' && (
        <DeleteDialog
          kind="group"
          name={group}
          onClose={() => change({ do: undefined })}
          onDone={() => go(pageAt(['groups']))}
        >
          All that it has committed is forgotten. A group with members is not deleted.
        </DeleteDialog>
      )}
    </section>
  )
}

function behind(ms: number | null): string {
  return ms === null ? 'not told' : ms === 0 ? 'nothing' : duration(ms)
}

function Partitions({ partitions }: { partitions: readonly PartitionLag[] }) {
  if (partitions.length === 0) return <Empty>It has committed nothing yet.</Empty>
  return (
    <div class="scrolls" role="region" aria-label="Partitions" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th>Topic</th>
            <th class="number">Partition</th>
            <th class="number">Committed</th>
            <th class="number">End</th>
            <th class="number">Lag</th>
            <th class="number">Behind</th>
          </tr>
        </thead>
        <tbody>
          {partitions.map(({ topic, partition, committed, latest, lag, behindMs }) => (
            <tr key={`${topic} ${partition}`}>
              <td>
                <a href={pageAt(['topics', topic])}>{topic}</a>
              </td>
              <td class="number">{partition}</td>
              <td class="number">
                {committed === null ? (
                  'nothing'
                ) : (
                  <a
                    href={pageAt(['topics', topic], { from: `@${committed}`, partition })}
                    title="The records from here on"
                  >
                    {count(committed)}
                  </a>
                )}
              </td>
              <td class="number">{latest === null ? 'gone' : count(latest)}</td>
              <td class="number">{lag === null ? '–' : count(lag)}</td>
              <td class="number">{behind(behindMs)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Members({ members }: { members: readonly Member[] }) {
  if (members.length === 0) return <Empty>Nobody is in it now.</Empty>
  return (
    <div class="scrolls" role="region" aria-label="Members" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th>Client</th>
            <th>Host</th>
            <th>Partitions</th>
            <th>Member</th>
          </tr>
        </thead>
        <tbody>
          {members.map(({ memberId, clientId, host, partitions }) => (
            <tr key={memberId}>
              <td>{clientId}</td>
              <td class="mono">{host}</td>
              <td title={partitions.map((one) => `${one.topic}-${one.partition}`).join(', ')}>
                {some(partitions.length, 'partition')}
              </td>
              <td class="mono break">{memberId}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
