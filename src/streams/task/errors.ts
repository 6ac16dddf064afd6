/** What goes wrong with a record of a stream. */
import { KafkaError, type KafkaErrorOptions } from '../../core/errors.ts'

/** Where a record failed: when it was read, in an operator's callback, or when its result was written. */
export type FailedAt = 'decode' | 'process' | 'produce'

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
