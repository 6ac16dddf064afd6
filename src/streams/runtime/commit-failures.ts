/** Commits that did not come about: whether another try from the last commit may help. */
import { ConfigError, KafkaError, RebalanceInProgressError } from '../../core/errors.ts'

/** Whether it may work when it is tried again from the last commit. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof KafkaError) || error instanceof ConfigError) return false
  return error.retriable || error.outcome === 'unknown' || again.has(error.code)
}

/** Refusals that concern the transaction or the membership, not what is in it. */
const again: ReadonlySet<string> = new Set([
  ...['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'REBALANCE_IN_PROGRESS', 'FENCED_INSTANCE_ID'],
  ...['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH', 'INVALID_TXN_STATE', 'TRANSACTION_ABORTABLE'],
  ...['UNKNOWN_PRODUCER_ID', 'OUT_OF_ORDER_SEQUENCE_NUMBER', 'ABORTED', 'REQUEST_TIMED_OUT'],
])

/** What to do, where the broker's own words do not say it. */
export function explained(error: unknown): unknown {
  if (!(error instanceof KafkaError) || error.code !== 'OFFSET_METADATA_TOO_LARGE') return error
  return new ConfigError(
    'The times of the operators with state do not fit into what the broker keeps beside an offset (offset.metadata.max.bytes, 4096 by default): there are too many that read the same topics, or their names are too long. Shorten their names ({ store }), make two applications of one, or raise that setting of the broker',
    { code: error.code, cause: error },
  )
}

export function passing(error: unknown): unknown {
  if (!(error instanceof KafkaError) || error.retriable) return error
  const { message, code, outcome } = error
  return new KafkaError(message, { code, outcome, retriable: true, cause: error })
}

export function gone(): RebalanceInProgressError {
  return new RebalanceInProgressError(
    'Partitions have gone to another process of the application, which handles their records again',
    { code: 'ILLEGAL_GENERATION' },
  )
}
