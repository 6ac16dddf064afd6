/** One topic: its records, partitions, config and groups. */

import { useRoute } from 'preact-iso'
import { pageAt } from '../api/base.ts'
import { askJson } from '../api/service.ts'
import { groupSizes } from '../api/sizes.ts'
import { usePlace } from '../state/place.ts'
import { useResource } from '../state/resource.ts'
import { DeleteDialog } from '../ui/delete-dialog.tsx'
import { count } from '../ui/format.ts'
import { Empty, Loaded } from '../ui/notices.tsx'
import { Tabs } from '../ui/tabs.tsx'
import { Produce } from './produce.tsx'
import { Records } from './records.tsx'
import { TopicConfig } from './topic-config.tsx'

export interface TopicDescription {
  readonly name: string
  readonly id: string
  readonly partitions: number
  readonly retentionMs?: number
  readonly configs: { readonly [name: string]: string }
  readonly offsets: readonly {
    readonly partition: number
    readonly earliest: string
    readonly latest: string
  }[]
}

const tabs = [
  { id: 'records', title: 'Records' },
  { id: 'partitions', title: 'Partitions' },
  { id: 'config', title: 'Config' },
  { id: 'groups', title: 'Groups' },
] as const

export function Topic() {
  const topic = useRoute().params.topic!
  const { query, change, go } = usePlace()
  const tab = tabs.find(({ id }) => id === query.tab)?.id ?? 'records'
  const about = useResource(
    `topic ${topic}`,
    (signal) =>
      askJson<TopicDescription>({
        ...{ path: ['topics', topic], what: `topic ${topic}`, signal },
        needs: `describe on topic '${topic}'`,
      }),
    { everyMs: 10_000 },
  )
  return (
    <section class={`page${tab === 'records' ? ' fills' : ''}`}>
      <header class="page-head">
        <h1 class="break">{topic}</h1>
        <button type="button" onClick={() => change({ do: 'produce' }, { push: true })}>
          Produce
        </button>
        <button
          type="button"
          class="danger"
          onClick={() => change({ do: 'delete' }, { push: true })}
        >
          Delete
        </button>
      </header>
      <Tabs tabs={tabs} current={tab} path={['topics', topic]} />
      {tab === 'records' && (
        <Records key={topic} topic={topic} partitions={about.data?.partitions} />
      )}
      {tab === 'partitions' && (
        <Loaded resource={about} what={`topic ${topic}`}>
          {(data) => <Partitions topic={data} />}
        </Loaded>
      )}
      {tab === 'config' && (
        <Loaded resource={about} what={`topic ${topic}`}>
          {(data) => <TopicConfig topic={data} onChanged={about.reload} />}
        </Loaded>
      )}
      {tab === 'groups' && <TopicGroups topic={topic} />}
      {query.do === 'produce' && (
        <Produce
          topic={topic}
          onClose={() => change({ do: undefined })}
          onDone={(place) => change({ do: undefined, record: place })}
        />
      )}
      {query.do === 'delete' && (
        <DeleteDialog
          kind="topic"
          name={topic}
          onClose={() => change({ do: undefined })}
          onDone={() => go(pageAt(['topics']))}
        >
          The topic and all its records are gone then. This cannot be undone.
        </DeleteDialog>
      )}
    </section>
  )
}

function Partitions({ topic: { name, offsets } }: { topic: TopicDescription }) {
  return (
    <div class="scrolls" role="region" aria-label="Partitions" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th class="number">Partition</th>
            <th class="number">Begin</th>
            <th class="number">End</th>
            <th class="number">Records</th>
          </tr>
        </thead>
        <tbody>
          {offsets.map(({ partition, earliest, latest }) => (
            <tr key={partition}>
              <td class="number">
                <a href={pageAt(['topics', name], { partition })}>{partition}</a>
              </td>
              <td class="number">{count(earliest)}</td>
              <td class="number">{count(latest)}</td>
              <td class="number">{count(BigInt(latest) - BigInt(earliest))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function TopicGroups({ topic }: { topic: string }) {
  const groups = useResource('groups', groupSizes, { everyMs: 5000 })
  return (
    <Loaded resource={groups} what="the groups">
      {({ groups: all }) => {
        const rows = all.flatMap((group) => {
          const found = group.topics.find((one) => one.topic === topic)
          return found ? [{ ...group, lag: found.lag }] : []
        })
        if (rows.length === 0) return <Empty>No group that you may see reads it.</Empty>
        return (
          <table>
            <thead>
              <tr>
                <th>Group</th>
                <th>State</th>
                <th class="number">Members</th>
                <th class="number">Lag here</th>
              </tr>
            </thead>
            <tbody>
              {rows.map(({ group, state, members, lag }) => (
                <tr key={group}>
                  <td>
                    <a href={pageAt(['groups', group])}>{group}</a>
                  </td>
                  <td>{state}</td>
                  <td class="number">{count(members)}</td>
                  <td class="number">{count(lag)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )
      }}
    </Loaded>
  )
}
