/** Moving what a group has committed of a topic: first what it would do, then doing it. */
import { useState } from 'preact/hooks'
import { askJson } from '../api/service.ts'
import { Dialog, failureText } from '../ui/dialog.tsx'
import { count, some } from '../ui/format.ts'

interface Moved {
  readonly partition: number
  readonly before?: string
  readonly offset: string
}

interface ResetProps {
  readonly group: string
  readonly topics: readonly string[]
  /** It has members: offsets are then not moved. */
  readonly isActive: boolean
  readonly onClose: () => void
  readonly onDone: () => void
}

const kinds = {
  earliest: 'the beginning',
  latest: 'the end',
  time: 'a time',
  offset: 'an offset',
  shift: 'so many records on or back',
} as const

type Kind = keyof typeof kinds

const hints: { readonly [kind in Kind]?: string } = {
  time: '-1h, or 2026-01-31T12:00:00Z',
  offset: '100',
  shift: '-10, or +10',
}

export function Reset({ group, topics, isActive, onClose, onDone }: ResetProps) {
  const [topic, setTopic] = useState(topics[0] ?? '')
  const [kind, setKind] = useState<Kind>('earliest')
  const [value, setValue] = useState('')
  const [preview, setPreview] = useState<{ of: string; partitions: readonly Moved[] }>()
  const [error, setError] = useState('')
  const [isBusy, setBusy] = useState(false)
  const to =
    kind === 'earliest' || kind === 'latest' ? kind : kind === 'offset' ? `@${value}` : value
  const wanted = `${topic} ${to}`
  const shown = preview?.of === wanted ? preview.partitions : undefined

  const send = async (dryRun: boolean) => {
    setBusy(true)
    setError('')
    try {
      const { partitions } = await askJson<{ partitions: readonly Moved[] }>({
        ...{ method: 'POST', path: ['groups', group, 'offsets:reset'] },
        what: dryRun ? 'the preview' : `the offsets of ${group}`,
        needs: `read on group '${group}' and on topic '${topic}'`,
        body: { topic, to, dryRun },
      })
      if (dryRun) setPreview({ of: wanted, partitions })
      else onDone()
    } catch (failure) {
      setError(failureText(failure))
    } finally {
      setBusy(false)
    }
  }

  return (
    <Dialog title={`Move offsets of ${group}`} onClose={onClose}>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault()
          void send(true)
        }}
      >
        {isActive && (
          <p class="notice">The group has members. Offsets are moved only while nobody is in it.</p>
        )}
        <label>
          <span>Topic</span>
          <input
            list="reset-topics"
            value={topic}
            spellcheck={false}
            onInput={(event) => setTopic(event.currentTarget.value)}
          />
        </label>
        <datalist id="reset-topics">
          {topics.map((name) => (
            <option key={name} value={name} />
          ))}
        </datalist>
        <label>
          <span>To</span>
          <select value={kind} onChange={(event) => setKind(event.currentTarget.value as Kind)}>
            {Object.entries(kinds).map(([name, text]) => (
              <option key={name} value={name}>
                {text}
              </option>
            ))}
          </select>
        </label>
        {hints[kind] !== undefined && (
          <label>
            <span>{kinds[kind]}</span>
            <input
              value={value}
              placeholder={hints[kind]}
              onInput={(event) => setValue(event.currentTarget.value)}
            />
          </label>
        )}
        {error !== '' && (
          <p class="notice bad" role="alert">
            {error}
          </p>
        )}
        {shown && <Preview partitions={shown} />}
        <footer>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" class={shown ? '' : 'primary'} disabled={isBusy || topic === ''}>
            Show what it would do
          </button>
          {shown && (
            <button type="button" class="danger" disabled={isBusy} onClick={() => void send(false)}>
              Move {some(shown.length, 'partition')}
            </button>
          )}
        </footer>
      </form>
    </Dialog>
  )
}

function Preview({ partitions }: { partitions: readonly Moved[] }) {
  return (
    <div class="scrolls short" role="region" aria-label="What it would do" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th class="number">Partition</th>
            <th class="number">Now</th>
            <th class="number">Then</th>
            <th class="number">Difference</th>
          </tr>
        </thead>
        <tbody>
          {partitions.map(({ partition, before, offset }) => (
            <tr key={partition}>
              <td class="number">{partition}</td>
              <td class="number">{before === undefined ? 'nothing' : count(before)}</td>
              <td class="number">{count(offset)}</td>
              <td class="number">{before === undefined ? '–' : difference(before, offset)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function difference(before: string, after: string): string {
  const by = BigInt(after) - BigInt(before)
  return by > 0n ? `+${count(by)}` : count(by)
}
