/** Writing one record. */
import { useState } from 'preact/hooks'
import { askJson } from '../api/service.ts'
import { FormDialog } from '../ui/dialog.tsx'

interface Props {
  readonly topic: string
  readonly onClose: () => void
  /** Where it is stored: `0:17`. */
  readonly onDone: (place: string) => void
}

type Kind = 'json' | 'text' | 'none'

export function Produce({ topic, onClose, onDone }: Props) {
  const [key, setKey] = useState('')
  const [kind, setKind] = useState<Kind>('json')
  const [value, setValue] = useState('')
  const [headers, setHeaders] = useState('')
  const [partition, setPartition] = useState('')
  const submit = async () => {
    const entries = [
      ...(key === '' ? [] : [`"key":${JSON.stringify(key)}`]),
      // JSON is sent as it stands here: no number is rounded on its way.
      kind === 'json' ? `"value":${value.trim()}` : '',
      kind === 'text' ? `"valueText":${JSON.stringify(value)}` : '',
      kind === 'none' ? '"value":null' : '',
      ...(partition === '' ? [] : [`"partition":${Number(partition)}`]),
      `"headers":${JSON.stringify(readHeaders(headers))}`,
    ].filter((entry) => entry !== '')
    const { records } = await askJson<{ records: readonly Stored[] }>({
      ...{ method: 'POST', path: ['topics', topic, 'records:batch'], what: 'the new record' },
      needs: `write on topic '${topic}'`,
      body: `{"records":[{${entries.join(',')}}]}`,
    })
    const [stored] = records
    if (!stored) throw new Error('The service did not say where the record is')
    if ('error' in stored) throw new Error(stored.error.detail)
    onDone(`${stored.partition}:${stored.offset}`)
  }
  return (
    <FormDialog
      title={`Produce to ${topic}`}
      action="Produce"
      isReady={kind === 'none' ? key !== '' : kind === 'text' || value.trim() !== ''}
      onClose={onClose}
      onSubmit={submit}
    >
      <label>
        <span>Key</span>
        <input
          value={key}
          placeholder="none"
          spellcheck={false}
          onInput={(event) => setKey(event.currentTarget.value)}
        />
      </label>
      <label>
        <span>Value is</span>
        <select value={kind} onChange={(event) => setKind(event.currentTarget.value as Kind)}>
          <option value="json">JSON</option>
          <option value="text">text</option>
          <option value="none">none: a tombstone for the key</option>
        </select>
      </label>
      {kind !== 'none' && (
        <label>
          <span>Value</span>
          <textarea
            rows={8}
            class="mono"
            spellcheck={false}
            placeholder={kind === 'json' ? '{ "order": 1 }' : ''}
            value={value}
            onInput={(event) => setValue(event.currentTarget.value)}
          />
        </label>
      )}
      <label>
        <span>Headers, one a line: name: value</span>
        <textarea
          rows={2}
          class="mono"
          spellcheck={false}
          value={headers}
          onInput={(event) => setHeaders(event.currentTarget.value)}
        />
      </label>
      <label>
        <span>Partition</span>
        <input
          type="number"
          min="0"
          placeholder="chosen by the key"
          value={partition}
          onInput={(event) => setPartition(event.currentTarget.value)}
        />
      </label>
    </FormDialog>
  )
}

type Stored =
  | { readonly partition: number; readonly offset: string }
  | { readonly error: { readonly detail: string } }

function readHeaders(text: string): { name: string; value: string }[] {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const at = line.indexOf(':')
      if (at < 1) throw new Error(`Not name: value: ${line}`)
      return { name: line.slice(0, at).trim(), value: line.slice(at + 1).trim() }
    })
}
