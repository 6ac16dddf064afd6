/** Why a group refuses a request, closed: a name that is not Kafka's, or not a group's, does not compile. */
import type { ErrorName } from '../../protocol/error-codes.ts'

export type GroupRefusal = Extract<
  ErrorName,
  | 'COORDINATOR_NOT_AVAILABLE'
  | 'FENCED_INSTANCE_ID'
  | 'GROUP_ID_NOT_FOUND'
  | 'GROUP_MAX_SIZE_REACHED'
  | 'ILLEGAL_GENERATION'
  | 'INCONSISTENT_GROUP_PROTOCOL'
  | 'MEMBER_ID_REQUIRED'
  | 'NON_EMPTY_GROUP'
  | 'REBALANCE_IN_PROGRESS'
  | 'UNKNOWN_MEMBER_ID'
>

export type GroupOutcome = GroupRefusal | 'NONE'
