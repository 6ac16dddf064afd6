/** What a task makes of what was thrown: whether a policy may decide on it, and the error that says where it was. */
import { inspectBriefly } from '../../core/duration.ts'
import { KafkaError, StorageError } from '../../core/errors.ts'
import { stateDamaged } from '../state-dir/state-engine.ts'
import type { Origin } from '../stream-record.ts'
import { Windowed } from '../windowed.ts'
import { type FailedResult, OperatorFailure, StreamProcessingError } from './errors.ts'

/** Ends the record, whatever its policy says: of a part of it, something else has been decided. */
export class Decided extends OperatorFailure {
  /** `end`: what the stream ends with. */
  constructor(end: unknown) {
    super('', 'process', end)
  }
}

/** The files of the state have failed, which is no fault of the record's: no policy passes it over. */
export function isOfFiles(thrown: unknown): boolean {
  const cause = causeOf(thrown)
  return cause instanceof StorageError || (cause as { code?: unknown }).code === stateDamaged
}

/** What was thrown, without who has carried it. */
export function causeOf(thrown: unknown): unknown {
  return (thrown instanceof OperatorFailure ? thrown.cause : thrown) ?? {}
}

/** What a record stops the stream with. `at`: where it was; `result`: what failed of it, where that is not the record. */
export function toProcessingError(
  { topic, partition, offset }: Origin,
  thrown: unknown,
  at: string | undefined = undefined,
  result: FailedResult | undefined = undefined,
): StreamProcessingError {
  const failure = thrown instanceof OperatorFailure ? thrown : undefined
  const cause = failure ? failure.cause : thrown
  const operator = failure?.operator === '' ? undefined : failure?.operator
  const reason = cause instanceof Error ? cause.message : String(cause)
  const where = failure?.where ?? 'process'
  const ofRecord = at ?? placeOf({ topic, partition, offset })
  const place = result ? `${nameOf(result)}, due at ${ofRecord}` : ofRecord
  const message =
    where === 'decode'
      ? `The stream stopped at ${place}: ${reason}. Set onError to skip such records or to send them to a dead letter topic`
      : `The stream stopped at ${place}${operator ? ` in '${operator}'` : ''}: ${reason}`
  return new StreamProcessingError(
    message,
    { topic, partition, offset, operator, where, result },
    { code: cause instanceof KafkaError ? cause.code : 'STREAM_PROCESSING_FAILED', cause },
  )
}

/** What tasks of one process hand one another is in no topic. */
function placeOf({ topic, partition, offset }: Origin): string {
  return offset < 0n
    ? `a record that was handed on to ${topic}-${partition}`
    : `offset ${offset} of ${topic}-${partition}`
}

function nameOf({ operator, key, timestampMs }: FailedResult): string {
  if (key instanceof Windowed) {
    const window = `${timeText(key.startMs)} to ${timeText(key.endMs)}`
    return `the result of '${operator}' for ${inspectBriefly(key.key)} from ${window}`
  }
  if (key === null) return `what '${operator}' does at ${timeText(timestampMs)}`
  return `the result of '${operator}' for ${inspectBriefly(key)} at ${timeText(timestampMs)}`
}

/** Not every timestamp is a date. */
function timeText(timestampMs: number): string {
  const date = new Date(timestampMs)
  return Number.isNaN(date.getTime()) ? String(timestampMs) : date.toISOString()
}
