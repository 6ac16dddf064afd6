/** A record that could not be processed, as it was read, with where it came from in headers. */
import { encodeUtf8 } from '../../core/bytes.ts'
import type { Output } from '../operator.ts'
import type { StreamProcessingError } from './errors.ts'
import type { FailedRecord } from './stream-error-policy.ts'

/** Of a result, with key and value as they would be written: `record` has where the record was read that it was due at. */
export function deadLetter(
  topic: string,
  { key, value, timestampMs, rawHeaders }: FailedRecord,
  error: StreamProcessingError,
  nowMs: number,
): Output {
  const headers = {
    'original-topic': error.topic,
    'original-partition': String(error.partition),
    'original-offset': String(error.offset),
    error: error.cause instanceof Error ? error.cause.message : error.message,
    'error-code': error.code,
    'failed-at': new Date(nowMs).toISOString(),
  }
  return {
    topic,
    partition: undefined,
    key,
    value,
    timestampMs,
    headers: [
      ...rawHeaders,
      ...Object.entries(headers).map(([name, value]) => [name, encodeUtf8(value)] as const),
    ],
  }
}
