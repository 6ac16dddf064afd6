/** How much there is, how fast it grows, and who is behind. */
import { useEffect, useState } from 'preact/hooks'
import { pageAt } from '../api/base.ts'
import {
  type Caller,
  caller,
  cluster,
  type Disk,
  disks,
  type GroupSize,
  groupSizes,
  type TopicSize,
  topicSizes,
} from '../api/sizes.ts'
import { historyOf, note, type Point, rateOf } from '../state/history.ts'
import { useResource } from '../state/resource.ts'
import { Chart } from '../ui/chart.tsx'
import { Figure } from '../ui/figure.tsx'
import { bytes, count, rate } from '../ui/format.ts'
import { Empty, Loaded } from '../ui/notices.tsx'

const everyMs = 3000
const shownMax = 8
const historyName = 'overview'

export function Overview() {
  const topics = useResource('topics', topicSizes, { everyMs })
  const groups = useResource('groups', groupSizes, { everyMs: 5000 })
  const space = useResource('disks', disks, { everyMs: 10_000 })
  const about = useResource('cluster', cluster)
  const who = useResource('caller', caller)
  const [points, setPoints] = useState<readonly Point[]>(historyOf(historyName))

  useEffect(() => {
    if (!topics.data) return
    const all = topics.data.topics
    const end = all.reduce((sum, one) => sum + BigInt(one.end), 0n)
    const records = rateOf('all records', end)
    if (records !== undefined) setPoints(note(historyName, [records, storedIn(all)]))
  }, [topics.data])

  return (
    <section class="page">
      <h1>Overview</h1>
      {who.data && <MayNotSee caller={who.data} />}
      <Loaded resource={topics} what="the topics">
        {({ topics: all }) => (
          <div class="figures">
            <Figure title="Topics" value={count(all.length)} />
            <Figure
              title="Partitions"
              value={count(all.reduce((sum, t) => sum + t.partitions, 0))}
            />
            <Figure
              title="Records"
              value={count(all.reduce((sum, t) => sum + BigInt(t.records), 0n))}
            />
            <Figure title="Written" value={rate(points.at(-1)?.values[0] ?? undefined)} />
            <Figure title="On disk" value={sizeOf(all)} />
            <Figure title="Groups" value={groups.data ? count(groups.data.groups.length) : '…'} />
          </div>
        )}
      </Loaded>
      <div class="columns">
        <div>
          <h2>Records written a second</h2>
          <Chart
            label="Records written a second"
            points={points}
            series={['records']}
            format={(value) => rate(value)}
          />
        </div>
        <div>
          <h2>Bytes on disk</h2>
          <Chart
            label="Bytes on disk"
            points={points.map(({ at, values }) => ({ at, values: [values[1] ?? null] }))}
            series={['bytes']}
            format={(value) => bytes(Math.round(value))}
          />
        </div>
      </div>
      <div class="columns">
        <div>
          <h2>Busiest topics</h2>
          {topics.data && <Busiest topics={topics.data.topics} />}
        </div>
        <div>
          <h2>Groups furthest behind</h2>
          <Loaded resource={groups} what="the groups">
            {({ groups: all }) => <FurthestBehind groups={all} />}
          </Loaded>
        </div>
      </div>
      <h2>Disks</h2>
      <Loaded resource={space} what="the disks">
        {({ disks: all }) => <Disks disks={all} />}
      </Loaded>
      <h2>Cluster</h2>
      <Loaded resource={about} what="the cluster">
        {({ id, nodes, controllerId }) => (
          <dl class="facts">
            <dt>Id</dt>
            <dd class="mono">{id}</dd>
            <dt>Nodes</dt>
            <dd>{nodes.map(({ id: node }) => node).join(', ')}</dd>
            <dt>Controller</dt>
            <dd>{controllerId ?? 'none now'}</dd>
            {who.data && (
              <>
                <dt>You are</dt>
                <dd class="mono">{who.data.principal}</dd>
              </>
            )}
          </dl>
        )}
      </Loaded>
    </section>
  )
}

/** A key that may do less sees less: what is not here may still be there. */
function MayNotSee({ caller: { rights, principal, hasAccessControl } }: { caller: Caller }) {
  if (!hasAccessControl || rights.describeCluster) return null
  return (
    <p class="notice">
      You see what <code>{principal}</code> may see: topics and groups that it has no right on are
      not listed, and sizes on disk are not told (missing right:{' '}
      <code>describe on the cluster</code>
      ).
    </p>
  )
}

function sizeOf(topics: readonly TopicSize[]): string {
  const stored = storedIn(topics)
  return stored === null ? 'not told' : bytes(stored)
}

/** Bytes; null: not to be known with this key. */
function storedIn(topics: readonly TopicSize[]): number | null {
  if (topics.some((topic) => topic.bytes === null)) return null
  return Number(topics.reduce((sum, topic) => sum + BigInt(topic.bytes!), 0n))
}

function Busiest({ topics }: { topics: readonly TopicSize[] }) {
  const rows = topics
    .map((topic) => ({ ...topic, rate: rateOf(`topic ${topic.id}`, BigInt(topic.end)) }))
    .sort((a, b) => (b.rate ?? 0) - (a.rate ?? 0) || Number(BigInt(b.end) - BigInt(a.end)))
    .slice(0, shownMax)
  if (rows.length === 0)
    return (
      <Empty>
        There is no topic yet. <a href={pageAt(['topics'], { new: 'topic' })}>Make one</a>
      </Empty>
    )
  return (
    <table>
      <thead>
        <tr>
          <th>Topic</th>
          <th class="number">Written</th>
          <th class="number">Records</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((topic) => (
          <tr key={topic.id}>
            <td>
              <a href={pageAt(['topics', topic.name])}>{topic.name}</a>
            </td>
            <td class="number">{rate(topic.rate)}</td>
            <td class="number">{count(topic.records)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function FurthestBehind({ groups }: { groups: readonly GroupSize[] }) {
  const rows = [...groups]
    .sort((a, b) => (BigInt(a.totalLag) < BigInt(b.totalLag) ? 1 : -1))
    .slice(0, shownMax)
  if (rows.length === 0) return <Empty>There is no group.</Empty>
  return (
    <table>
      <thead>
        <tr>
          <th>Group</th>
          <th>State</th>
          <th class="number">Lag</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ group, state, totalLag }) => (
          <tr key={group}>
            <td>
              <a href={pageAt(['groups', group])}>{group}</a>
            </td>
            <td>{state}</td>
            <td class="number">{count(totalLag)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Disks({ disks: all }: { disks: readonly Disk[] }) {
  return (
    <table>
      <thead>
        <tr>
          <th class="number">Node</th>
          <th>Folder</th>
          <th class="number">Records</th>
          <th class="number">Free</th>
        </tr>
      </thead>
      <tbody>
        {all.map(({ node, folder, recordBytes, totalBytes, freeBytes }) => (
          <tr key={`${node} ${folder}`}>
            <td class="number">{node}</td>
            <td class="mono break">{folder}</td>
            <td class="number">{bytes(recordBytes)}</td>
            <td class="number">
              {freeBytes === null
                ? 'not told'
                : `${bytes(freeBytes)}${totalBytes === null ? '' : ` of ${bytes(totalBytes)}`}`}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
