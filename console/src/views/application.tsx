/** One stream application: what it reads, what it sends to itself, and the state that it keeps. */
import type { ComponentChildren } from 'preact'
import { useRoute } from 'preact-iso'
import type { Application as Known } from '../api/applications.ts'
import { pageAt } from '../api/base.ts'
import type { TopicSize } from '../api/sizes.ts'
import { bytes, count, some } from '../ui/format.ts'
import { Empty, Loaded } from '../ui/notices.tsx'
import { useApplications } from './streams.tsx'

export function Application() {
  const app = useRoute().params.app!
  const { topics, groups, all } = useApplications()
  const found = all?.find(({ group }) => group === app)
  return (
    <section class="page">
      <header class="page-head">
        <h1 class="break">{app}</h1>
        <a href={pageAt(['groups', app])}>Members and offsets</a>
      </header>
      <Loaded resource={topics} what="the topics">
        {() => (
          <Loaded resource={groups} what="the groups">
            {() =>
              found ? (
                <Topology application={found} />
              ) : (
                <Empty>There is no such application with topics of its own that you may see.</Empty>
              )
            }
          </Loaded>
        )}
      </Loaded>
    </section>
  )
}

function Topology({
  application: { group, state, members, totalLag, topics, sources, repartitions, changelogs },
}: {
  application: Known
}) {
  const lagIn = (topic: string) => topics.find((one) => one.topic === topic)?.lag
  return (
    <>
      <div class="topology">
        <Step title="Reads" none="It has read nothing yet.">
          {sources.map(({ topic, lag }) => (
            <TopicCard key={topic} topic={topic} title={topic} about={`${count(lag)} behind`} />
          ))}
        </Step>
        <Step title="Application">
          <li class="topology-card">
            <strong class="break">{group}</strong>
            <span>
              {state}, {some(members, 'member')}, {count(totalLag)} behind
            </span>
          </li>
        </Step>
        <Step title="Sends to itself" none="Nothing: no record changes its key.">
          {repartitions.map(({ name }) => {
            const lag = lagIn(name)
            return (
              <TopicCard
                key={name}
                topic={name}
                title={nameWithin(name, group)}
                about={lag === undefined ? 'not read yet' : `${count(lag)} behind`}
              />
            )
          })}
        </Step>
        <Step title="Keeps" none="It keeps no state.">
          {changelogs.map((store) => (
            <TopicCard
              key={store.name}
              topic={store.name}
              title={nameWithin(store.name, group)}
              about={sizeOf(store)}
            />
          ))}
        </Step>
      </div>
      <p class="dim">
        What it writes to other topics, and the steps between, its program knows:{' '}
        <code>describe()</code> of the topology shows them.
      </p>
    </>
  )
}

function Step({
  title,
  none,
  children,
}: {
  title: string
  none?: string
  children: ComponentChildren
}) {
  const isEmpty = Array.isArray(children) && children.length === 0
  return (
    <div class="topology-step">
      <h2>{title}</h2>
      {isEmpty ? <p class="dim">{none}</p> : <ul>{children}</ul>}
    </div>
  )
}

function TopicCard({ topic, title, about }: { topic: string; title: string; about: string }) {
  return (
    <li class="topology-card">
      <a class="break" href={pageAt(['topics', topic])} title={topic}>
        {title}
      </a>
      <span>{about}</span>
    </li>
  )
}

/** `orders-app-totals-changelog` → `totals` */
function nameWithin(topic: string, app: string): string {
  return topic.slice(app.length + 1).replace(/-(changelog|repartition)$/, '')
}

function sizeOf({ records, bytes: size }: TopicSize): string {
  const most = `at most ${some(Number(records), 'record')}`
  return size === null ? most : `${most}, ${bytes(size)}`
}
