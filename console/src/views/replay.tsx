/** Writing a record again, byte for byte; a dead letter goes back to where it came from. */
import { useState } from 'preact/hooks'
import { pageAt } from '../api/base.ts'
import type { Header, ReadRecord } from '../api/records.ts'
import { askJson } from '../api/service.ts'
import { FormDialog } from '../ui/dialog.tsx'
import { count } from '../ui/format.ts'

/** What a dead letter says of where it came from, and why it is one. */
const deadLetterHeaders = [
  'original-topic',
  'original-partition',
  'original-offset',
  'original-group',
  'error',
  'failed-at',
]

/** The topic that a dead letter came from; undefined: it is none. */
export function originOf(headers: readonly Header[]): string | undefined {
  return headers.findLast(({ name }) => name === 'original-topic')?.value ?? undefined
}

interface Props {
  readonly record: ReadRecord
  readonly origin: string | undefined
  readonly onClose: () => void
}

export function Replay({ record, origin, onClose }: Props) {
  const { topic, partition, offset } = record
  const [to, setTo] = useState(origin ?? topic)
  const [withoutHeaders, setWithoutHeaders] = useState(origin !== undefined)
  const [done, setDone] = useState<{ partition: number; offset: string }>()
  const submit = async () => {
    const { records } = await askJson<{ records: { partition: number; offset: string }[] }>({
      ...{ method: 'POST', path: ['topics', to, 'records:copy'], what: 'the copy' },
      needs: `read on topic '${topic}' and write on topic '${to}'`,
      body: {
        records: [{ topic, partition, offset }],
        ...(withoutHeaders && { withoutHeaders: deadLetterHeaders }),
      },
    })
    setDone(records[0])
  }
  return (
    <FormDialog
      title={`Write ${topic} ${partition}:${count(offset)} again`}
      action="Write"
      isReady={done === undefined && /^[a-zA-Z0-9._-]{1,249}$/.test(to)}
      onClose={onClose}
      onSubmit={submit}
    >
      <p>Key, value and headers are written as they are; the record that is here stays.</p>
      <label>
        <span>To topic</span>
        <input
          value={to}
          spellcheck={false}
          onInput={(event) => setTo(event.currentTarget.value)}
        />
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={withoutHeaders}
          onChange={(event) => setWithoutHeaders(event.currentTarget.checked)}
        />
        <span>Without the headers of a dead letter</span>
      </label>
      {done && (
        <p class="notice" role="status">
          It is stored as{' '}
          <a href={pageAt(['topics', to], { record: `${done.partition}:${done.offset}` })}>
            {to} {done.partition}:{count(done.offset)}
          </a>
          .
        </p>
      )}
    </FormDialog>
  )
}
