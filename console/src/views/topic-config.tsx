/** What is set for a topic, and changing it. */
import { useState } from 'preact/hooks'
import { askJson } from '../api/service.ts'
import { failureText } from '../ui/dialog.tsx'
import { count, duration } from '../ui/format.ts'
import { Empty } from '../ui/notices.tsx'
import type { TopicDescription } from './topic.tsx'

interface Props {
  readonly topic: TopicDescription
  readonly onChanged: () => void
}

export function TopicConfig({ topic, onChanged }: Props) {
  const { name, id, partitions, retentionMs, configs } = topic
  const [config, setConfig] = useState('')
  const [value, setValue] = useState('')
  const [total, setTotal] = useState('')
  const [said, setSaid] = useState<{ isBad: boolean; text: string }>()

  const alter = async (body: object, done: string) => {
    try {
      await askJson({
        ...{ method: 'PATCH', path: ['topics', name], what: `topic ${name}`, body },
        needs: `alterConfigs or alter on topic '${name}'`,
      })
      setSaid({ isBad: false, text: done })
      onChanged()
    } catch (failure) {
      setSaid({ isBad: true, text: failureText(failure) })
    }
  }

  const set = Object.entries(configs)
  return (
    <>
      <dl class="facts">
        <dt>Id</dt>
        <dd class="mono">{id}</dd>
        <dt>Partitions</dt>
        <dd>{count(partitions)}</dd>
        <dt>Records are kept for</dt>
        <dd>
          {retentionMs === undefined
            ? 'not told'
            : retentionMs === -1
              ? 'ever'
              : duration(retentionMs)}
        </dd>
      </dl>
      <h2>Set for this topic</h2>
      {set.length === 0 ? (
        <Empty>Nothing: all is as the cluster has it.</Empty>
      ) : (
        <table>
          <thead>
            <tr>
              <th>Config</th>
              <th>Value</th>
              <th>
                <span class="unseen">Change</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {set.map(([key, current]) => (
              <tr key={key}>
                <td class="mono break">{key}</td>
                <td class="mono break">{current}</td>
                <td class="number">
                  <button
                    type="button"
                    class="small"
                    aria-label={`Back to the default: ${key}`}
                    onClick={() =>
                      void alter({ configs: { [key]: null } }, `${key} is as the cluster has it.`)
                    }
                  >
                    Back to the default
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {said && (
        <p class={`notice${said.isBad ? ' bad' : ''}`} role={said.isBad ? 'alert' : 'status'}>
          {said.text}
        </p>
      )}
      <h2>Change</h2>
      <form
        class="inline-form"
        onSubmit={(event) => {
          event.preventDefault()
          void alter({ configs: { [config]: value } }, `${config} is ${value}.`)
        }}
      >
        <label>
          <span>Config</span>
          <input
            list="config-names"
            value={config}
            spellcheck={false}
            placeholder="retention.ms"
            onInput={(event) => setConfig(event.currentTarget.value)}
          />
        </label>
        <datalist id="config-names">
          {known.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
        <label>
          <span>Value</span>
          <input value={value} onInput={(event) => setValue(event.currentTarget.value)} />
        </label>
        <button type="submit" disabled={config === '' || value === ''}>
          Set
        </button>
      </form>
      <form
        class="inline-form"
        onSubmit={(event) => {
          event.preventDefault()
          void alter({ partitions: Number(total) }, `There are ${total} partitions.`)
        }}
      >
        <label>
          <span>More partitions: how many in all</span>
          <input
            type="number"
            min={partitions + 1}
            value={total}
            onInput={(event) => setTotal(event.currentTarget.value)}
          />
        </label>
        <button type="submit" disabled={!(Number(total) > partitions)}>
          Add
        </button>
      </form>
      <p class="dim">
        Records with a key go to another partition than before once there are more; there is no way
        back to fewer.
      </p>
    </>
  )
}

const known = [
  'cleanup.policy',
  'compression.type',
  'delete.retention.ms',
  'max.message.bytes',
  'message.timestamp.type',
  'min.compaction.lag.ms',
  'min.insync.replicas',
  'retention.bytes',
  'retention.ms',
  'segment.bytes',
  'segment.ms',
]
