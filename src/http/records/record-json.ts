/**
 * Records as the API writes and reads them. A value that is JSON stands as it is; text that is not, as `valueText`; bytes
 * that are not UTF-8, as `valueBase64`. A value of null is a tombstone.
 */
import { decodeUtf8 } from '../../core/bytes.ts'
import { isJson, isUtf8 } from '../json-scanner.ts'
import type { Schema } from '../schema.ts'

export interface ReadRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  readonly timestampMs: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly (readonly [name: string, value: Uint8Array | null])[]
}

/** One record as JSON, on one line. */
export function recordJson(record: ReadRecord, maxJsonDepth: number, more = ''): string {
  return recordText(record, valuePart(record.value, maxJsonDepth), more)
}

/** As `recordJson`; of a value that is longer than `maxValueBytes` there is its beginning, as text or bytes, and its length. */
export function briefRecordJson(
  record: ReadRecord,
  maxJsonDepth: number,
  maxValueBytes: number,
): string {
  const { value } = record
  if (value === null || value.length <= maxValueBytes) return recordJson(record, maxJsonDepth)
  const beginning = value.subarray(0, wholeCharacters(value, maxValueBytes))
  const part = isUtf8(beginning)
    ? `"valueText":${JSON.stringify(decodeUtf8(beginning))}`
    : `"valueBase64":"${toBase64(value.subarray(0, maxValueBytes))}"`
  return recordText(record, part, `,"valueBytes":${value.length}`)
}

/** Up to so many bytes, without a character that would be cut. */
function wholeCharacters(bytes: Uint8Array, max: number): number {
  let end = max
  while (end > max - 4 && end > 0 && (bytes[end]! & 0xc0) === 0x80) end--
  return end
}

function recordText(record: ReadRecord, value: string, more: string): string {
  const { topic, partition, offset, timestampMs, key, headers } = record
  const keyPart = key === null ? '"key":null' : textOrBytes('key', key)
  return `{"topic":"${topic}","partition":${partition},"offset":"${offset}","timestamp":"${timestamp(timestampMs)}",${keyPart},${value},"headers":[${headers.map(headerPart).join(',')}]${more}}`
}

function valuePart(value: Uint8Array | null, maxJsonDepth: number): string {
  if (value === null) return '"value":null'
  if (!isUtf8(value)) return `"valueBase64":"${toBase64(value)}"`
  const text = decodeUtf8(value)
  // The text null is a value, and none is none.
  if (text.trim() !== 'null' && isJson(value, maxJsonDepth)) return `"value":${oneLine(text)}`
  return `"valueText":${JSON.stringify(text)}`
}

/** White space between values may have line breaks, which a line must not; within strings JSON has none. */
function oneLine(json: string): string {
  return json.replace(/[\r\n]+/g, ' ')
}

function headerPart([name, value]: readonly [string, Uint8Array | null]): string {
  const named = `{"name":${JSON.stringify(name)}`
  return value === null ? `${named},"value":null}` : `${named},${textOrBytes('value', value)}}`
}

function textOrBytes(name: string, bytes: Uint8Array): string {
  return isUtf8(bytes)
    ? `"${name}":${JSON.stringify(decodeUtf8(bytes))}`
    : `"${name}Base64":"${toBase64(bytes)}"`
}

function timestamp(ms: number): string {
  return new Date(Math.max(-8.64e15, Math.min(8.64e15, ms))).toISOString()
}

export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}

const base64Shape = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/

/** Undefined: it is no base64. */
export function fromBase64(text: string): Uint8Array | undefined {
  return base64Shape.test(text) ? new Uint8Array(Buffer.from(text, 'base64')) : undefined
}

const base64: Schema = { type: 'string', description: 'Bytes, as base64.' }

export const headersSchema: Schema = {
  description: 'Names and values; as a list, names may be repeated.',
  anyOf: [
    { type: 'object', additionalProperties: { type: ['string', 'null'] } },
    {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          name: { type: 'string' },
          value: { type: ['string', 'null'] },
          valueBase64: base64,
        },
        required: ['name'],
      },
    },
  ],
}

export const writtenRecordSchema: Schema = {
  type: 'object',
  description: 'One of value, valueText and valueBase64, and whatever else it has.',
  properties: {
    key: {
      type: ['string', 'null'],
      description: 'Records with the same key keep their order. Default: none.',
    },
    keyBase64: base64,
    value: { description: 'JSON, stored as it is written here; null is a tombstone.' },
    valueText: { type: 'string', description: 'Text, stored as it is.' },
    valueBase64: base64,
    headers: headersSchema,
    partition: {
      type: 'integer',
      minimum: 0,
      maximum: 2_147_483_647,
      description: 'Default: chosen by the key.',
    },
    timestamp: {
      type: ['string', 'integer'],
      description: 'ISO 8601, or epoch milliseconds. Default: now.',
    },
  },
}

export const readRecordSchema: Schema = {
  type: 'object',
  properties: {
    topic: { type: 'string' },
    partition: { type: 'integer' },
    offset: { type: 'string', description: 'An integer of 64 bits.' },
    timestamp: { type: 'string', format: 'date-time' },
    key: { type: ['string', 'null'] },
    keyBase64: base64,
    value: { description: 'The value where it is JSON; null for a tombstone.' },
    valueText: { type: 'string', description: 'The value where it is text, but no JSON.' },
    valueBase64: { type: 'string', description: 'The value where it is not UTF-8.' },
    headers: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          name: { type: 'string' },
          value: { type: ['string', 'null'] },
          valueBase64: base64,
        },
      },
    },
    valueBytes: {
      type: 'integer',
      description: 'Of a value that was cut (maxValueBytes): how long it is.',
    },
    deliveries: {
      type: 'integer',
      description: 'Of a pulled record: how often it was handed out, this time included.',
    },
  },
}

export const storedSchema: Schema = {
  type: 'object',
  properties: {
    topic: { type: 'string' },
    partition: { type: 'integer' },
    offset: { type: 'string', description: 'An integer of 64 bits.' },
    timestamp: { type: 'string', format: 'date-time' },
  },
  required: ['topic', 'partition', 'offset', 'timestamp'],
}

const anError: Schema = { type: 'object', additionalProperties: true }

export const resultsSchema: Schema = {
  type: 'object',
  properties: {
    stored: { type: 'integer' },
    failed: { type: 'integer' },
    records: {
      type: 'array',
      description: 'Of JSON. In the order of the records: where each is, or its error.',
      items: {
        anyOf: [
          storedSchema,
          {
            type: 'object',
            properties: { error: anError },
            required: ['error'],
          },
        ],
      },
    },
    partitions: {
      type: 'array',
      description: 'Of lines: how many are in each partition, and the first and last offset.',
      items: {
        type: 'object',
        properties: {
          partition: { type: 'integer' },
          count: { type: 'integer' },
          first: { type: 'string' },
          last: { type: 'string' },
        },
      },
    },
    errors: {
      type: 'array',
      description: 'Of lines: those that are not stored, the first hundred.',
      items: {
        type: 'object',
        properties: { index: { type: 'integer' }, error: anError },
      },
    },
    stopped: {
      type: 'object',
      description: 'Of lines: from which on none were read, and why.',
      properties: { index: { type: 'integer' }, status: { type: 'integer' }, error: anError },
    },
  },
}
