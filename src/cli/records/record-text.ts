/**
 * Records as they are printed, one a line, without loss: JSON stands as it was written (no number is rounded), bytes that are
 * not UTF-8 as base64 in JSON, and as `\xNN` elsewhere. The JSON is that of the HTTP API, and what `produce --format records`
 * and `import` read.
 */
import type { ConsumerRecord } from '../../client/consumer/record.ts'
import { decodeUtf8 } from '../../core/bytes.ts'
import { jsonDepthMax } from '../../http/json-pointer.ts'
import { isJson, isUtf8 } from '../../http/json-scanner.ts'
import { recordJson, toBase64 } from '../../http/records/record-json.ts'
import { tsvCell } from '../shell/output.ts'

export type BytesRecord = ConsumerRecord<Uint8Array | null, Uint8Array>

/** For people and programs: a value of several lines comes on one. */
export function readableJson(record: BytesRecord): string {
  const { topic, partition, offset, timestampMs, key, value, rawHeaders: headers } = record
  return recordJson({ topic, partition, offset, timestampMs, key, value, headers }, jsonDepthMax)
}

/** As `readableJson`, but every byte of the value comes back from it. */
export function exactJson(record: BytesRecord): string {
  const { topic, partition, offset, timestampMs, key, value, rawHeaders } = record
  const entries = [
    `"topic":"${topic}"`,
    `"partition":${partition}`,
    `"offset":"${offset}"`,
    // A record without a time gets one when it is written again.
    ...(timestampMs >= 0 ? [`"timestamp":${timestampMs}`] : []),
    key === null ? '"key":null' : textEntry('key', key),
    exactValue(value),
    ...(rawHeaders.length > 0 ? [`"headers":[${rawHeaders.map(headerEntry).join(',')}]`] : []),
  ]
  return `{${entries.join(',')}}`
}

function exactValue(value: Uint8Array | null): string {
  if (value === null) return '"value":null'
  if (!isUtf8(value)) return `"valueBase64":"${toBase64(value)}"`
  const text = decodeUtf8(value)
  // White space around JSON, and line ends within it, do not survive in a line of JSON.
  const isPlain = text !== 'null' && !/^\s|\s$|[\r\n]/.test(text)
  if (isPlain && isJson(value, jsonDepthMax)) return `"value":${text}`
  return `"valueText":${JSON.stringify(text)}`
}

function headerEntry([name, value]: readonly [string, Uint8Array | null]): string {
  const content = value === null ? '"value":null' : textEntry('value', value)
  return `{"name":${JSON.stringify(name)},${content}}`
}

function textEntry(name: string, bytes: Uint8Array): string {
  return isUtf8(bytes)
    ? `"${name}":${JSON.stringify(decodeUtf8(bytes))}`
    : `"${name}Base64":"${toBase64(bytes)}"`
}

/** topic, partition, offset, epoch milliseconds, key, value, headers as JSON; `\N` for null. */
export function recordTsv(record: BytesRecord): string {
  const { topic, partition, offset, timestampMs, key, value } = record
  const cells = [topic, partition, offset, timestampMs].map(tsvCell)
  return [...cells, tsvBytes(key), tsvBytes(value), tsvCell(headersText(record))].join('\t')
}

function tsvBytes(bytes: Uint8Array | null): string {
  if (bytes === null) return '\\N'
  return escapedBytes(bytes, (text) => tsvCell(text))
}

/** On a terminal: nothing that is stored can do anything to it. */
export function terminalText(bytes: Uint8Array): string {
  return escapedBytes(bytes, (text) =>
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
    text.replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (one) => {
      const code = one.charCodeAt(0)
      return code < 0x80 ? hex(code) : `\\u${code.toString(16).padStart(4, '0')}`
    }),
  )
}

/** Text through `escaped`, and bytes that are no UTF-8 as `\xNN`. */
function escapedBytes(bytes: Uint8Array, escaped: (text: string) => string): string {
  if (isUtf8(bytes)) return escaped(decodeUtf8(bytes))
  let shown = ''
  let at = 0
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at)
    if (length === 0) shown += hex(bytes[at++]!)
    else {
      shown += escaped(decodeUtf8(bytes, at, at + length))
      at += length
    }
  }
  return shown
}

/** Bytes of the character that begins here; 0: none does. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!
  const length =
    lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0
  if (length === 0 || at + length > bytes.length) return 0
  return isUtf8(bytes.subarray(at, at + length)) ? length : 0
}

function hex(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`
}

/** A JSON array of `{name, value}`; empty text for none. */
export function headersText({ rawHeaders }: BytesRecord): string {
  return rawHeaders.length === 0 ? '' : `[${rawHeaders.map(headerEntry).join(',')}]`
}

export function timeText(timestampMs: number): string {
  return new Date(Math.max(-8.64e15, Math.min(8.64e15, timestampMs))).toISOString()
}
