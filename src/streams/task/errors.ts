/** What goes wrong with a record of a stream. */
import { inspectBriefly } from '../../core/duration.ts'
import { KafkaError, type KafkaErrorOptions, StorageError } from '../../core/errors.ts'
import { stateDamaged } from '../state-dir/state-engine.ts'
import type { Origin } from '../stream-record.ts'
import { Windowed } from '../windowed.ts'

/** Where a record failed: when it was read, in an operator's callback, or when its result was written. */
export type FailedAt = 'decode' | 'process' | 'produce'

/**
/**
 * What failed where it was not the record: the last result of a window that the record closes, a change that `suppress` held
 * back until then, a pair without a partner, or a timer.
 */
export interface FailedResult {
  /** Whose result it is. */
  readonly operator: string
  /** Of a window: a `Windowed`, with its bounds. Null for a timer. */
  readonly key: unknown
  /** Epoch milliseconds. */
  readonly timestampMs: number
}

/**
 * A record could not be processed, and the stream stopped. `cause` is the error. Everything the record did is undone,
 * and it is not committed: the next run starts with it.
 */
export class StreamProcessingError extends KafkaError {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
  /** The operator whose callback threw; undefined when the record could not be read. */
  readonly operator: string | undefined
  readonly where: FailedAt
  /** What failed, where that was due when the record came, and is not the record; undefined: the record itself. */
  readonly result: FailedResult | undefined

  constructor(
    message: string,
    about: {
      readonly topic: string
      readonly partition: number
      readonly offset: bigint
      readonly operator: string | undefined
      readonly where: FailedAt
      readonly result?: FailedResult | undefined
    },
    options: KafkaErrorOptions,
  ) {
    super(message, options)
    this.topic = about.topic
    this.partition = about.partition
    this.offset = about.offset
    this.operator = about.operator
    this.where = about.where
    this.result = about.result
  }

  override toJSON(): object {
    const { topic, partition, offset, operator, where, result } = this
    return { ...super.toJSON(), topic, partition, offset: String(offset), operator, where, result }
  }
}

/** Carries what a callback threw up to the task, with the operator that it was given to. */
export class OperatorFailure extends Error {
  readonly operator: string
  readonly where: FailedAt

  constructor(operator: string, where: FailedAt, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
    this.operator = operator
    this.where = where
  }
}

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
