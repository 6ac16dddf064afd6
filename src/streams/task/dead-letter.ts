/** A record that could not be processed, as it was read, with where it came from in headers. */
import { noHeaders } from '../../client/consumer/record-headers.ts'
import { encodeUtf8 } from '../../core/bytes.ts'
import type { Output } from '../operator.ts'
import type { Origin } from '../stream-record.ts'
import type { StreamProcessingError } from './errors.ts'
import type { RecordData } from './record-data.ts'

export function deadLetter(
  topic: string,
  origin: Origin,
  data: RecordData,
  error: StreamProcessingError,
  nowMs: number,
): Output {
  const headers = {
    'original-topic': origin.topic,
    'original-partition': String(origin.partition),
    'original-offset': String(origin.offset),
    error: error.cause instanceof Error ? error.cause.message : error.message,
    'error-code': error.code,
    'failed-at': new Date(nowMs).toISOString(),
  }
  return {
    topic,
    partition: undefined,
    key: data.keyBytes()?.slice() ?? null,
    value: data.valueBytes()?.slice() ?? null,
    timestampMs: data.timestampMs,
    headers: [
      ...(data.hasHeaders ? data.headers() : noHeaders),
      ...Object.entries(headers).map(([name, value]) => [name, encodeUtf8(value)] as const),
    ],
  }
}
