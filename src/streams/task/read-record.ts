/** Records as operators get them: read with the serialisers of the source that they come to. */
import { noHeaders } from '../../client/consumer/record-headers.ts'
import type { Serializer } from '../../client/serializer.ts'
import { KafkaError } from '../../core/errors.ts'
import { type Origin, StreamRecord } from '../stream-record.ts'
import { OperatorFailure } from './errors.ts'
import { type RecordData, readKey, readValue } from './record-data.ts'
import type { FailedRecord } from './stream-error-policy.ts'

/** How keys and values of a topic are read. */
export interface Readers {
  readonly key: Serializer<unknown>
  readonly value: Serializer<unknown>
}

/** With key and value as they were read. */
export function asRead(origin: Origin, data: RecordData): FailedRecord {
  const headers = data.hasHeaders ? data.headers() : noHeaders
  const [key, value] = [data.keyBytes()?.slice() ?? null, data.valueBytes()?.slice() ?? null]
  return new StreamRecord(origin, key, value, data.timestampMs, headers) as FailedRecord
}

/** Throws `OperatorFailure` for what cannot be read. */
export function recordOf(readers: Readers, origin: Origin, data: RecordData): StreamRecord {
  return new StreamRecord(
    origin,
    decoded('key', readers, data),
    decoded('value', readers, data),
    data.timestampMs,
    data.hasHeaders ? data.headers() : noHeaders,
  )
}

function decoded(field: 'key' | 'value', readers: Readers, data: RecordData): unknown {
  try {
    return field === 'key' ? readKey(readers.key, data) : readValue(readers.value, data)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new OperatorFailure(
      '',
      'decode',
      new KafkaError(`the ${field} cannot be read as ${readers[field].name}: ${reason}`, {
        code: 'DESERIALIZATION_FAILED',
        cause,
      }),
    )
  }
}

/** Why a record is not one that a table takes in from its topic; undefined: it is. */
export function refusalOf(
  readers: Readers,
  origin: Origin,
  data: RecordData,
): OperatorFailure | undefined {
  try {
    recordOf(readers, origin, data)
    return undefined
  } catch (error) {
    return error as OperatorFailure
  }
}
