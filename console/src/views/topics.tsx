/** All topics. */
import { useMemo, useState } from 'preact/hooks'
import { pageAt } from '../api/base.ts'
import { askJson } from '../api/service.ts'
import { type TopicSize, topicSizes } from '../api/sizes.ts'
import { rateOf } from '../state/history.ts'
import { usePlace } from '../state/place.ts'
import { useResource } from '../state/resource.ts'
import { FormDialog } from '../ui/dialog.tsx'
import { bytes, count, rate } from '../ui/format.ts'
import { NameList } from '../ui/name-list.tsx'
import type { Column } from '../ui/row-list.tsx'

interface Row extends TopicSize {
  readonly rate: number | undefined
}

const columns: readonly Column<Row>[] = [
  {
    ...{ title: 'Topic', sort: 'name', kind: 'cut' },
    cell: ({ name }) => (
      <a href={pageAt(['topics', name])} title={name}>
        {name}
      </a>
    ),
  },
  {
    title: 'Partitions',
    kind: 'number wide',
    sort: 'partitions',
    cell: (t) => count(t.partitions),
  },
  { title: 'Records', kind: 'number', sort: 'records', cell: (t) => count(t.records) },
  { title: 'Written', kind: 'number', sort: 'rate', cell: (t) => rate(t.rate) },
  {
    ...{ title: 'Size', kind: 'number wide', sort: 'bytes' },
    cell: (t) => (t.bytes === null ? '–' : bytes(t.bytes)),
  },
]

export function Topics() {
  const { query, change, go } = usePlace()
  const topics = useResource('topics', topicSizes, { everyMs: 5000 })
  const rows = useMemo(
    () =>
      (topics.data?.topics ?? []).map((topic) => ({
        ...topic,
        rate: rateOf(`topic ${topic.id}`, BigInt(topic.end)),
      })),
    [topics.data],
  )
  return (
    <>
      <NameList
        title="Topics"
        kind="topic"
        resource={topics}
        items={rows}
        columns={columns}
        nameOf={({ name }) => name}
        sortBy={{
          partitions: (row) => row.partitions,
          records: (row) => BigInt(row.records),
          rate: (row) => row.rate ?? 0,
          bytes: (row) => BigInt(row.bytes ?? 0),
        }}
      >
        <button
          type="button"
          class="primary"
          onClick={() => change({ new: 'topic' }, { push: true })}
        >
          New topic
        </button>
      </NameList>
      {query.new === 'topic' && (
        <NewTopic
          onClose={() => change({ new: undefined })}
          onDone={(name) => go(pageAt(['topics', name]))}
        />
      )}
    </>
  )
}

function NewTopic({ onClose, onDone }: { onClose: () => void; onDone: (name: string) => void }) {
  const [name, setName] = useState('')
  const [partitions, setPartitions] = useState('')
  const [retention, setRetention] = useState('')
  const [configs, setConfigs] = useState('')
  const submit = async () => {
    await askJson({
      ...{ method: 'POST', path: ['topics'], what: `topic ${name}` },
      needs: `create on topic '${name}'`,
      body: {
        name,
        ...(partitions !== '' && { partitions: Number(partitions) }),
        ...(retention !== '' && { retention }),
        ...(configs.trim() !== '' && { configs: readConfigs(configs) }),
      },
    })
    onDone(name)
  }
  return (
    <FormDialog
      title="New topic"
      action="Create"
      isReady={/^[a-zA-Z0-9._-]{1,249}$/.test(name)}
      onClose={onClose}
      onSubmit={submit}
    >
      <label>
        <span>Name</span>
        <input
          value={name}
          spellcheck={false}
          autocomplete="off"
          pattern="[a-zA-Z0-9._\-]{1,249}"
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <label>
        <span>Partitions</span>
        <input
          type="number"
          min="1"
          placeholder="as the cluster has it"
          value={partitions}
          onInput={(event) => setPartitions(event.currentTarget.value)}
        />
      </label>
      <label>
        <span>Records are kept for</span>
        <input
          placeholder="such as 7d; as the cluster has it"
          value={retention}
          onInput={(event) => setRetention(event.currentTarget.value)}
        />
      </label>
      <label>
        <span>Other configs, one a line: name=value</span>
        <textarea
          rows={3}
          spellcheck={false}
          placeholder="cleanup.policy=compact"
          value={configs}
          onInput={(event) => setConfigs(event.currentTarget.value)}
        />
      </label>
    </FormDialog>
  )
}

/** Throws an `Error` for a line that is none. */
export function readConfigs(text: string): { [name: string]: string } {
  const configs: { [name: string]: string } = {}
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue
    const at = line.indexOf('=')
    if (at < 1) throw new Error(`Not name=value: ${line}`)
    configs[line.slice(0, at).trim()] = line.slice(at + 1).trim()
  }
  return configs
}
