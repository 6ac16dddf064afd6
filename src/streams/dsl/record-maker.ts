/** Makes the record that a callback describes: of `mapRecord`, or what `process` forwards. */
import { noHeaders } from '../../client/consumer/record-headers.ts'
import { type Headers, readHeaders } from '../../client/producer/send-options.ts'
import { encodeUtf8 } from '../../core/bytes.ts'
import { inspectBriefly } from '../../core/duration.ts'
import { invalid } from '../../core/options.ts'
import { defined } from '../operators/stateless.ts'
import { StreamRecord } from '../stream-record.ts'

export function recordMaker(record: StreamRecord, made: unknown, of = 'mapRecord'): StreamRecord {
  if (typeof made !== 'object' || made === null) {
    throw invalid(`${of} needs { key, value, timestamp?, headers? }; got ${inspectBriefly(made)}`)
  }
  const { key, value, timestamp, headers } = made as { readonly [name: string]: unknown }
  return new StreamRecord(
    record.origin,
    defined(key, `${of} (key)`),
    defined(value, `${of} (value)`),
    timestamp === undefined ? record.timestampMs : timeOf(timestamp, of),
    headers === undefined ? record.rawHeaders : headersOf(headers),
  )
}

function timeOf(timestamp: unknown, of: string): number {
  const ms = timestamp instanceof Date ? timestamp.getTime() : timestamp
  if (typeof ms === 'number' && Number.isInteger(ms) && ms >= 0) return ms
  throw invalid(
    `${of}: timestamp must be a Date or whole milliseconds since 1970; got ${inspectBriefly(timestamp)}`,
  )
}

function headersOf(headers: unknown): StreamRecord['rawHeaders'] {
  const read = readHeaders(headers as Headers)
  if (!read) return noHeaders
  return read.map(([name, value]) => [name, typeof value === 'string' ? encodeUtf8(value) : value])
}
