/** Parts of what a record does that can fail: the record itself, and each result that is due when it comes. */
import { serializeField } from '../../client/serializer.ts'
import { decodeUtf8, encodeUtf8 } from '../../core/bytes.ts'
import { type Origin, StreamRecord } from '../stream-record.ts'
import type { Readers } from './read-record.ts'
import type { RecordData } from './record-data.ts'
import type { FailedRecord } from './stream-error-policy.ts'

/** What is due when a record comes, and is not the record. */
export interface DueResult {
  /** Whose it is, by name. */
  readonly operator: string
  readonly record: StreamRecord
  /** How it is written to a topic of dead letters; undefined: there is nothing to be written, it is a timer. */
  readonly written: Readers | undefined
}

export interface Part {
  readonly origin: Origin
  /** Of the record; undefined where nothing was read. */
  readonly data: RecordData | undefined
  /** Undefined: the record itself. */
  readonly result: DueResult | undefined
}

/** Same text, same part, also when the record is processed again. */
export function partId({ origin, data, result }: Part): string {
  if (result) return resultId(result)
  const { topic, partition, offset } = origin
  const at = [topic, partition, String(offset)]
  // What was handed over is in no topic.
  if (offset >= 0n || !data) return JSON.stringify(at)
  return JSON.stringify([...at, data.timestampMs, data.keyText(), data.valueText()])
}

function resultId(result: DueResult): string {
  const { key, value, timestampMs } = asWritten(result)
  const texts = [key, value].map((bytes) => bytes && decodeUtf8(bytes))
  return JSON.stringify([result.operator, timestampMs, ...texts])
}

/** A result with key and value as they are written, as a record that was read has them. */
export function asWritten(result: DueResult): FailedRecord {
  const { record, written, operator } = result
  const field = (name: 'key' | 'value') => {
    const data = written ? serializeField(written[name], record[name], name, operator) : null
    return typeof data === 'string' ? encodeUtf8(data) : data
  }
  const { origin, timestampMs, rawHeaders } = record
  return new StreamRecord(
    origin,
    field('key'),
    field('value'),
    timestampMs,
    rawHeaders,
  ) as FailedRecord
}
