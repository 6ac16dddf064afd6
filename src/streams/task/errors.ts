/** What goes wrong with a record of a stream. */
import { KafkaError, type KafkaErrorOptions } from '../../core/errors.ts'
import type { Origin } from '../stream-record.ts'

/** Where a record failed: when it was read, in an operator's callback, or when its result was written. */
export type FailedAt = 'decode' | 'process' | 'produce'

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

  constructor(
    message: string,
    about: {
      readonly topic: string
      readonly partition: number
      readonly offset: bigint
      readonly operator: string | undefined
      readonly where: FailedAt
    },
    options: KafkaErrorOptions,
  ) {
    super(message, options)
    this.topic = about.topic
    this.partition = about.partition
    this.offset = about.offset
    this.operator = about.operator
    this.where = about.where
  }

  override toJSON(): object {
    const { topic, partition, offset, operator, where } = this
    return { ...super.toJSON(), topic, partition, offset: String(offset), operator, where }
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

/** What was thrown, without who has carried it. */
export function causeOf(thrown: unknown): unknown {
  return (thrown instanceof OperatorFailure ? thrown.cause : thrown) ?? {}
}

/** What a record stops the stream with. `at`: where it was. */
export function toProcessingError(
  { topic, partition, offset }: Origin,
  thrown: unknown,
  at = placeOf({ topic, partition, offset }),
): StreamProcessingError {
  const failure = thrown instanceof OperatorFailure ? thrown : undefined
  const cause = failure ? failure.cause : thrown
  const operator = failure?.operator === '' ? undefined : failure?.operator
  const reason = cause instanceof Error ? cause.message : String(cause)
  const where = failure?.where ?? 'process'
  const message =
    where === 'decode'
      ? `The stream stopped at ${at}: ${reason}. Set onError to skip such records or to send them to a dead letter topic`
      : `The stream stopped at ${at}${operator ? ` in '${operator}'` : ''}: ${reason}`
  return new StreamProcessingError(
    message,
    { topic, partition, offset, operator, where },
    { code: cause instanceof KafkaError ? cause.code : 'STREAM_PROCESSING_FAILED', cause },
  )
}

/** What tasks of one process hand one another is in no topic. */
function placeOf({ topic, partition, offset }: Origin): string {
  return offset < 0n
    ? `a record that was handed on to ${topic}-${partition}`
    : `offset ${offset} of ${topic}-${partition}`
}
