/** The records of a topic: from a place, to a place, by partition, key or filter, or as they come. */
import { useEffect, useState } from 'preact/hooks'
import type { Query } from '../api/base.ts'
import { briefValue, idOf, type ReadRecord } from '../api/records.ts'
import { usePlace } from '../state/place.ts'
import { type RecordList, useRecordList } from '../state/record-list.ts'
import { Copy } from '../ui/copy.tsx'
import { count, some, time } from '../ui/format.ts'
import { Empty, Problem } from '../ui/notices.tsx'
import { type Column, RowList } from '../ui/row-list.tsx'
import { queryCommands } from './commands.ts'
import { RecordDetail } from './record-detail.tsx'

const columns: readonly Column<ReadRecord>[] = [
  { title: 'Partition', kind: 'number wide', cell: ({ partition }) => partition },
  { title: 'Offset', kind: 'number', cell: (record) => count(record.offset) },
  { title: 'Time', kind: 'wide', cell: ({ timestamp }) => time(timestamp) },
  {
    ...{ title: 'Key', kind: 'cut mono' },
    cell: ({ key, keyBase64 }) =>
      keyBase64 !== undefined ? `bytes ${keyBase64}` : (key ?? <span class="dim">none</span>),
  },
  {
    ...{ title: 'Value', kind: 'cut mono' },
    cell: (record) =>
      record.value.kind === 'none' ? (
        <span class="dim">none: a tombstone</span>
      ) : (
        briefValue(record)
      ),
  },
]

/** What a topic shows before anything is chosen. */
const defaultFrom = 'latest-100'

const froms: readonly (readonly [value: string, title: string])[] = [
  [defaultFrom, 'the newest 100 of a partition'],
  ['earliest', 'the beginning'],
  ['-1h', 'an hour ago'],
  ['-1d', 'a day ago'],
]

export function Records({ topic, partitions }: { topic: string; partitions: number | undefined }) {
  const { query, change } = usePlace()
  const { from = defaultFrom, to, partition, key, filter, live, record } = query
  const isLive = live === '1'
  const wanted: Query = { from, to, partition, key, filter }
  const list = useRecordList({ topic, query: wanted, isLive })

  return (
    <div class={`browser${record === undefined ? '' : ' has-detail'}`}>
      <Choice
        // What is typed is forgotten when the address says something else.
        key={JSON.stringify([from, to, partition, key, filter])}
        {...{ from, to, partition, keyText: key, filter, partitions, isLive }}
        onChoose={(changes) => change({ ...changes, record: undefined }, { push: true })}
      />
      <StatusLine
        topic={topic}
        list={list}
        query={wanted}
        isLive={isLive}
        onLive={(on) => change({ live: on ? 1 : undefined })}
      />
      {list.error && <Problem error={list.error} what={`the records of ${topic}`} />}
      <div class="browser-parts">
        {list.records.length === 0 ? (
          <NoRecords list={list} isLive={isLive} />
        ) : (
          <RowList
            label={`Records of ${topic}`}
            layout="records"
            columns={columns}
            items={list.records}
            keyOf={idOf}
            open={record}
            onOpen={(one) => change({ record: idOf(one) }, { push: true })}
            onNearEnd={list.more}
            follows={list.stage === 'live'}
            beginsAtEnd={from.startsWith('latest')}
            onLeaveEnd={list.pause}
          />
        )}
        {record !== undefined && (
          <RecordDetail
            key={record}
            topic={topic}
            place={record}
            onClose={() => change({ record: undefined })}
          />
        )}
      </div>
    </div>
  )
}

function NoRecords({ list, isLive }: { list: RecordList; isLive: boolean }) {
  if (list.error) return null
  if (isLive) return <Empty>Records are shown here as they come.</Empty>
  if (list.isLoading) return <p class="dim">Reading …</p>
  return <Empty>{list.isAtEnd ? 'There is no such record.' : 'Nothing fits yet.'}</Empty>
}

function StatusLine({
  topic,
  list,
  query,
  isLive,
  onLive,
}: {
  topic: string
  list: RecordList
  query: Query
  isLive: boolean
  onLive: (on: boolean) => void
}) {
  const { records, stage, isLoading, isAtEnd, emptyPages } = list
  const commands = queryCommands(topic, query)
  return (
    <div class="status-line">
      <button type="button" aria-pressed={isLive} onClick={() => onLive(!isLive)}>
        {isLive ? 'Stop live' : 'Live'}
      </button>
      {stage === 'paused' && (
        <button type="button" class="primary" onClick={list.resume}>
          Go on
        </button>
      )}
      {!isLive && (
        <button type="button" onClick={list.reload}>
          Again
        </button>
      )}
      <span role="status" class="dim">
        {some(records.length, 'record')}
        {stage === 'live' && ', live'}
        {stage === 'paused' && ', paused while you look'}
        {stage === 'pages' && isLoading && emptyPages > 0 && `, looked through ${emptyPages} pages`}
        {stage === 'pages' && !isLoading && (isAtEnd ? ', to the end' : ', there are more')}
      </span>
      {stage === 'pages' && !isLoading && !isAtEnd && (
        <button type="button" class="link" onClick={list.more}>
          More
        </button>
      )}
      <span class="push" />
      <Copy label="curl" text={commands.curl} />
      <Copy label="CLI" text={commands.cli} />
      <Copy label="TypeScript" text={commands.typeScript} />
    </div>
  )
}

interface ChoiceProps {
  readonly from: string
  readonly to: string | undefined
  readonly partition: string | undefined
  readonly keyText: string | undefined
  readonly filter: string | undefined
  readonly partitions: number | undefined
  readonly isLive: boolean
  readonly onChoose: (changes: Query) => void
}

function Choice(props: ChoiceProps) {
  const { partitions = 1, isLive, onChoose } = props
  const [from, setFrom] = useState(props.from)
  const [to, setTo] = useState(props.to ?? '')
  const [partition, setPartition] = useState(props.partition ?? '')
  const [key, setKey] = useState(props.keyText ?? '')
  const [filter, setFilter] = useState(props.filter ?? '')
  const [isOpen, setOpen] = useState(from !== defaultFrom || to !== '' || key !== '')
  const isListed = froms.some(([value]) => value === from)
  const [isOther, setOther] = useState(!isListed)
  useEffect(() => setOther(!isListed), [isListed])
  const choose = (event: Event) => {
    event.preventDefault()
    onChoose({
      ...{ to, partition, key, filter },
      from: from === defaultFrom ? undefined : from.trim(),
    })
  }
  return (
    <form class="choice" onSubmit={choose}>
      <input
        data-filter
        type="search"
        class="mono grow"
        aria-label="Filter: an expression over key, value, headers"
        placeholder='Filter, such as value.amount > 99 && key == "a"  ( / )'
        spellcheck={false}
        autocomplete="off"
        value={filter}
        onInput={(event) => setFilter(event.currentTarget.value)}
      />
      <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        Where
      </button>
      <button type="submit" class="primary">
        Show
      </button>
      {isOpen && (
        <div class="choice-more">
          <label>
            <span>From</span>
            <select
              disabled={isLive}
              value={isOther ? 'other' : from}
              onChange={(event) => {
                const { value } = event.currentTarget
                setOther(value === 'other')
                setFrom(value === 'other' ? '' : value)
              }}
            >
              {froms.map(([value, title]) => (
                <option key={value} value={value}>
                  {title}
                </option>
              ))}
              <option value="other">a time, or an offset</option>
            </select>
          </label>
          {isOther && (
            <label>
              <span>Time or offset</span>
              <input
                value={from}
                disabled={isLive}
                placeholder="-15m, 2026-01-31T12:00Z, @100"
                onInput={(event) => setFrom(event.currentTarget.value)}
              />
            </label>
          )}
          <label>
            <span>To</span>
            <input
              value={to}
              disabled={isLive}
              placeholder="the end; a time, @200"
              onInput={(event) => setTo(event.currentTarget.value)}
            />
          </label>
          <label>
            <span>Partition</span>
            <select value={partition} onChange={(event) => setPartition(event.currentTarget.value)}>
              <option value="">all</option>
              {Array.from({ length: Math.max(partitions, Number(partition) + 1) }, (_, i) => (
                <option key={i} value={i}>
                  {i}
                </option>
              ))}
            </select>
          </label>
          <label>
            <span>Key</span>
            <input
              value={key}
              placeholder="any"
              spellcheck={false}
              onInput={(event) => setKey(event.currentTarget.value)}
            />
          </label>
        </div>
      )}
    </form>
  )
}
