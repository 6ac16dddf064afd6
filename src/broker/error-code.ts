/** From what was thrown to Kafka's error code and message in a response. */
import { KafkaError, StorageError } from '../core/errors.ts'
import type { Logger } from '../core/runtime.ts'
import { codeOfName, errorCode, nothingWritten } from '../protocol/error-codes.ts'
import { isShortage } from './log/disk-reserve.ts'

const unknownServerError = -1

/** The codes that handlers give without an error being thrown. */
export const errorCodes = {
  NONE: 0,
  COORDINATOR_NOT_AVAILABLE: errorCode('COORDINATOR_NOT_AVAILABLE'),
  FETCH_SESSION_ID_NOT_FOUND: errorCode('FETCH_SESSION_ID_NOT_FOUND'),
  FETCH_SESSION_TOPIC_ID_ERROR: errorCode('FETCH_SESSION_TOPIC_ID_ERROR'),
  GROUP_ID_NOT_FOUND: errorCode('GROUP_ID_NOT_FOUND'),
  INVALID_FETCH_SESSION_EPOCH: errorCode('INVALID_FETCH_SESSION_EPOCH'),
  INVALID_GROUP_ID: errorCode('INVALID_GROUP_ID'),
  INVALID_REQUEST: errorCode('INVALID_REQUEST'),
  INVALID_SESSION_TIMEOUT: errorCode('INVALID_SESSION_TIMEOUT'),
  INVALID_TOPIC_EXCEPTION: errorCode('INVALID_TOPIC_EXCEPTION'),
  UNKNOWN_TOPIC_ID: errorCode('UNKNOWN_TOPIC_ID'),
  UNKNOWN_TOPIC_OR_PARTITION: errorCode('UNKNOWN_TOPIC_OR_PARTITION'),
  UNKNOWN_SERVER_ERROR: unknownServerError,
  UNSTABLE_OFFSET_COMMIT: errorCode('UNSTABLE_OFFSET_COMMIT'),
  UNSUPPORTED_VERSION: errorCode('UNSUPPORTED_VERSION'),
} as const

/** A `KafkaError`'s own code; KAFKA_STORAGE_ERROR for a disk that refuses; else a fault of ours, which is logged. */
export function toErrorCode(logger: Logger, error: unknown): number {
  if (error instanceof KafkaError) {
    const code = codeOfName(error.code)
    if (code !== unknownServerError) return code
    if (error instanceof StorageError) return errorCode('KAFKA_STORAGE_ERROR')
  }
  logger.error({ err: error }, 'a request failed unexpectedly')
  return unknownServerError
}

/**
 * Null, so Kafka's standard text, for what is not a `KafkaError`: its text is not for other people's eyes. What a full disk
 * refused was taken back, which Kafka's code does not say.
 */
export function toErrorMessage(error: unknown): string | null {
  if (isShortage(error) && error.outcome === 'failed') return `${error.message} (${nothingWritten})`
  return error instanceof KafkaError ? error.message : null
}
