/** One record, with all that it has; what is long is cut, and can be had as a file. */
import { useState } from 'preact/hooks'
import { pageAt } from '../api/base.ts'
import { type Header, type ReadRecord, readRecord } from '../api/records.ts'
import { ask } from '../api/service.ts'
import { useResource } from '../state/resource.ts'
import { Copy } from '../ui/copy.tsx'
import { failureText } from '../ui/dialog.tsx'
import { bytes, count, time } from '../ui/format.ts'
import { JsonTree } from '../ui/json-tree.tsx'
import { Loaded } from '../ui/notices.tsx'
import { recordCommands } from './commands.ts'
import { originOf, Replay } from './replay.tsx'

interface Props {
  readonly topic: string
  /** `0:17` */
  readonly place: string
  readonly onClose: () => void
}

/** Longer values are cut. */
const valueBytesMax = 262_144

export function RecordDetail({ topic, place, onClose }: Props) {
  const [partition = '0', offset = '0'] = place.split(':')
  const path = ['topics', topic, 'partitions', partition, 'records', offset]
  const needs = `read on topic '${topic}'`
  const record = useResource(`${topic} ${place}`, async (signal) => {
    const what = `record ${partition}:${offset}`
    const query = { maxValueBytes: valueBytesMax }
    return readRecord(await (await ask({ path, query, what, needs, signal })).text())
  })
  const move = (by: bigint) =>
    pageAt(['topics', topic], {
      ...Object.fromEntries(new URLSearchParams(location.search)),
      record: `${partition}:${BigInt(offset) + by}`,
    })
  return (
    <aside
      class="detail"
      aria-label={`Record ${partition}:${offset}`}
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose()
      }}
    >
      <header>
        <h2>
          {topic} {partition}:{count(offset)}
        </h2>
        {BigInt(offset) > 0n && (
          <a class="button" href={move(-1n)} aria-label="The record before">
            ←
          </a>
        )}
        <a class="button" href={move(1n)} aria-label="The next record">
          →
        </a>
        <button type="button" aria-label="Close the record" onClick={onClose}>
          ×
        </button>
      </header>
      <div class="detail-body" role="region" aria-label="The record" tabIndex={0}>
        <Loaded resource={record} what={`record ${partition}:${offset}`}>
          {(found) => <Shown record={found} path={path} />}
        </Loaded>
      </div>
    </aside>
  )
}

function Shown({ record, path }: { record: ReadRecord; path: readonly string[] }) {
  const { topic, partition, offset, timestamp, key, keyBase64, headers, value, valueBytes } = record
  const [isReplayed, setReplayed] = useState(false)
  const commands = recordCommands(topic, partition, offset)
  const link = location.origin + pageAt(['topics', topic], { record: `${partition}:${offset}` })
  const origin = originOf(headers)
  return (
    <>
      <div class="detail-actions">
        <Copy label="Link" text={link} />
        <Copy label="curl" text={commands.curl} />
        <Copy label="CLI" text={commands.cli} />
        <Copy label="TypeScript" text={commands.typeScript} />
        <button type="button" class="small" onClick={() => setReplayed(true)}>
          {origin ? `Replay to ${origin}` : 'Write again'}
        </button>
        {value.kind !== 'none' && <Download path={path} record={record} />}
      </div>
      <dl class="facts">
        <dt>Time</dt>
        <dd title={timestamp}>{time(timestamp)}</dd>
        <dt>Key</dt>
        <dd class="mono break">
          {keyBase64 !== undefined ? `bytes ${keyBase64}` : (key ?? <span class="dim">none</span>)}
        </dd>
      </dl>
      <h3>Value</h3>
      {valueBytes !== undefined && (
        <p class="notice">
          The value has {bytes(valueBytes)}; here are the first {bytes(valueBytesMax)}. The file has
          all of it.
        </p>
      )}
      {value.kind === 'json' && <JsonTree text={value.text} />}
      {value.kind === 'text' && <pre class="text">{value.text}</pre>}
      {value.kind === 'bytes' && <pre class="text">{hexOf(value.base64)}</pre>}
      {value.kind === 'none' && <p class="dim">None: a tombstone.</p>}
      <h3>Headers</h3>
      <Headers headers={headers} />
      {isReplayed && <Replay record={record} origin={origin} onClose={() => setReplayed(false)} />}
    </>
  )
}

function Headers({ headers }: { headers: readonly Header[] }) {
  if (headers.length === 0) return <p class="dim">None.</p>
  return (
    <table>
      <thead>
        <tr>
          <th>Name</th>
          <th>Value</th>
        </tr>
      </thead>
      <tbody>
        {headers.map(({ name, value, valueBase64 }, i) => (
          <tr key={i}>
            <td class="mono break">{name}</td>
            <td class="mono break">
              {valueBase64 !== undefined ? `bytes ${valueBase64}` : (value ?? <i>none</i>)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

/** Fetched with the key, which a link could not send. */
function Download({ path, record }: { path: readonly string[]; record: ReadRecord }) {
  const [error, setError] = useState('')
  const { topic, partition, offset, value } = record
  const download = async () => {
    try {
      setError('')
      const response = await ask({
        ...{ path: [...path, 'value'], what: 'the value', accept: 'application/octet-stream' },
        needs: `read on topic '${topic}'`,
      })
      const link = document.createElement('a')
      link.href = URL.createObjectURL(await response.blob())
      const end = value.kind === 'json' ? 'json' : value.kind === 'text' ? 'txt' : 'bin'
      link.download = `${topic}-${partition}-${offset}.${end}`
      link.click()
      URL.revokeObjectURL(link.href)
    } catch (failure) {
      setError(failureText(failure))
    }
  }
  return (
    <>
      <button type="button" class="small" onClick={() => void download()}>
        Download
      </button>
      {error !== '' && <span role="alert">{error}</span>}
    </>
  )
}

const lineBytes = 16
const shownLines = 4096

/** `00000000  7b 22 …  {"…` */
function hexOf(base64: string): string {
  const text = atob(base64)
  const lines: string[] = []
  for (let at = 0; at < text.length && lines.length < shownLines; at += lineBytes) {
    const part = text.slice(at, at + lineBytes)
    const hex = [...part].map((char) => char.charCodeAt(0).toString(16).padStart(2, '0')).join(' ')
    const place = at.toString(16).padStart(8, '0')
    lines.push(`${place}  ${hex.padEnd(lineBytes * 3 - 1)}  ${part.replace(/[^ -~]/g, '.')}`)
  }
  return lines.join('\n')
}
