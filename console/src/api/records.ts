/** Records as the API tells them; values that are JSON stay as they are written. */
import { entriesOf, itemsOf } from './json-text.ts'

export interface Header {
  readonly name: string
  readonly value?: string | null
  readonly valueBase64?: string
}

export interface ReadRecord {
  readonly topic: string
  readonly partition: number
  /** An integer of 64 bits. */
  readonly offset: string
  readonly timestamp: string
  readonly key: string | null
  readonly keyBase64: string | undefined
  readonly value: RecordValue
  /** Of a value that was cut: how long it is. */
  readonly valueBytes: number | undefined
  readonly headers: readonly Header[]
}

export type RecordValue =
  /** As it is written. */
  | { readonly kind: 'json'; readonly text: string }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'bytes'; readonly base64: string }
  | { readonly kind: 'none' }

export interface Page {
  readonly records: readonly ReadRecord[]
  readonly cursor: string
  readonly isAtEnd: boolean
}

/** Throws `SyntaxError`. */
export function readPage(text: string): Page {
  const entries = entriesOf(text)
  return {
    records: itemsOf(entries.get('records') ?? '[]').map(readRecord),
    cursor: JSON.parse(entries.get('cursor') ?? '""') as string,
    isAtEnd: entries.get('isAtEnd') === 'true',
  }
}

/** Throws `SyntaxError`. */
export function readRecord(text: string): ReadRecord {
  const entries = entriesOf(text)
  const get = <T>(name: string, fallback: T): T => {
    const written = entries.get(name)
    return written === undefined ? fallback : (JSON.parse(written) as T)
  }
  return {
    topic: get('topic', ''),
    partition: get('partition', 0),
    offset: get('offset', '0'),
    timestamp: get('timestamp', ''),
    key: get<string | null>('key', null),
    keyBase64: get<string | undefined>('keyBase64', undefined),
    value: valueIn(entries),
    valueBytes: get<number | undefined>('valueBytes', undefined),
    headers: get<readonly Header[]>('headers', []),
  }
}

function valueIn(entries: ReadonlyMap<string, string>): RecordValue {
  const json = entries.get('value')
  if (json !== undefined) return json === 'null' ? { kind: 'none' } : { kind: 'json', text: json }
  const text = entries.get('valueText')
  if (text !== undefined) return { kind: 'text', text: JSON.parse(text) as string }
  return { kind: 'bytes', base64: JSON.parse(entries.get('valueBase64') ?? '""') as string }
}

/** On one line, for a list. */
export function briefValue({ value }: ReadRecord): string {
  switch (value.kind) {
    case 'json':
    case 'text':
      return value.text.length > 400 ? `${value.text.slice(0, 400)}…` : value.text
    case 'bytes':
      return `bytes ${value.base64.slice(0, 100)}`
    default:
      return ''
  }
}

export function idOf({ partition, offset }: Pick<ReadRecord, 'partition' | 'offset'>): string {
  return `${partition}:${offset}`
}
