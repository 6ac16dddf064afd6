/**
 * The one error hierarchy of the package.
 *
 * Every error a user can meet is a `KafkaError`. `code` is Kafka's own error name where there is one
 * (`UNKNOWN_TOPIC_OR_PARTITION`), else one of the names in `docs/errors.md`. `retriable` says whether the
 * same call may succeed later. `outcome` says what is known about the effect: `'failed'` (it did not
 * happen) or `'unknown'` (it may have).
 */

export type Outcome = 'failed' | 'unknown'

export interface KafkaErrorOptions {
  code?: string
  retriable?: boolean
  outcome?: Outcome
  cause?: unknown
}

/** The base class of every error of this package. `code` is Kafka's own name where there is one. */
export class KafkaError extends Error {
  readonly code: string
  readonly retriable: boolean
  readonly outcome: Outcome

  constructor(message: string, options: KafkaErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = options.code ?? 'UNKNOWN_SERVER_ERROR'
    this.retriable = options.retriable ?? false
    this.outcome = options.outcome ?? 'failed'
  }

  /** Includes an Error's message, which JSON would leave out, but not the stack. */
  toJSON(): object {
    const { name, code, message, retriable, outcome } = this
    return { name, code, message, retriable, outcome }
  }
}

/** The same error with another outcome; a `note` is added to its message. For errors that are made of a message and options. */
export function withOutcome(error: KafkaError, outcome: Outcome, note?: string): KafkaError {
  if (error.outcome === outcome) return error
  const Kind = error.constructor as typeof KafkaError
  const { code, retriable, message } = error
  const text = note === undefined ? message : `${message} (${note})`
  return new Kind(text, { code, retriable, outcome, cause: error })
}

/** The topic does not exist, and the broker was not allowed to create it. */
export class TopicNotFoundError extends KafkaError {}
/** The topic exists but has no partition of that number. */
export class PartitionNotFoundError extends KafkaError {}
/** A record or batch is larger than a limit (`maxRequestSize`, `max.message.bytes`). */
export class MessageTooLargeError extends KafkaError {}
/** The broker that was asked does not lead the partition; metadata is refreshed and the call retried. */
export class NotLeaderError extends KafkaError {}
/** The offset asked for is no longer, or not yet, in the log. */
export class OffsetOutOfRangeError extends KafkaError {}
/** The group's coordinator is not available, is loading, or has moved. */
export class GroupCoordinatorError extends KafkaError {}
/** The group is rebalancing, or this member's generation has ended. */
export class RebalanceInProgressError extends KafkaError {}
/** The caller is not authenticated, or lacks the right. */
export class UnauthorizedError extends KafkaError {}
/** A quota was exceeded. */
export class QuotaExceededError extends KafkaError {}
/** The call did not finish in time. Its `outcome` is `'unknown'` once a request may have been sent. */
export class TimeoutError extends KafkaError {}
/** The connection was lost or could not be made. */
export class DisconnectedError extends KafkaError {}
/** A key or value could not be turned into bytes, or bytes into a value. */
export class SerializationError extends KafkaError {}
/** A config object holds an unknown key, a value out of range, or keys that conflict. */
export class ConfigError extends KafkaError {}
/** The client, producer, consumer or broker was closed. */
export class ClosedError extends KafkaError {}
/** A newer producer with the same identity has taken over. */
export class ProducerFencedError extends KafkaError {}
/** Stored or received data fails its checksum or cannot be decoded. */
export class CorruptDataError extends KafkaError {}
/** The data folder is in use by another process or broker. */
export class DataFolderLockedError extends KafkaError {}
/** A disk error: full, failing, or not permitted. */
export class StorageError extends KafkaError {}
/** A call was cancelled by its `AbortSignal`. */
export class AbortedError extends KafkaError {}
