/**
 * Kafka's error codes (those of Apache Kafka 4.3), and the errors of this package that they become. Number, name and
 * whether a retry may help are Kafka's; the words are ours.
 */
import {
  CorruptDataError,
  DisconnectedError,
  GroupCoordinatorError,
  KafkaError,
  type KafkaErrorOptions,
  MessageTooLargeError,
  NotLeaderError,
  OffsetOutOfRangeError,
  ProducerFencedError,
  QuotaExceededError,
  RebalanceInProgressError,
  StorageError,
  TimeoutError,
  TopicNotFoundError,
  UnauthorizedError,
} from '../core/errors.ts'

type Row = readonly [code: number, name: string, retriable: boolean, meaning: string]

/** Every code but 0, which is no error. */
export const errorTable = [
  [
    -1,
    'UNKNOWN_SERVER_ERROR',
    false,
    'the broker failed in a way it did not expect; its log says more',
  ],
  [1, 'OFFSET_OUT_OF_RANGE', false, 'the offset is not in the log: too old, or beyond the end'],
  [2, 'CORRUPT_MESSAGE', true, 'the data fails its checksum'],
  [3, 'UNKNOWN_TOPIC_OR_PARTITION', true, 'the topic or partition does not exist on that broker'],
  [4, 'INVALID_FETCH_SIZE', false, 'the fetch size must be positive'],
  [5, 'LEADER_NOT_AVAILABLE', true, 'the partition has no leader at the moment'],
  [6, 'NOT_LEADER_OR_FOLLOWER', true, 'that broker does not lead the partition'],
  [7, 'REQUEST_TIMED_OUT', true, 'the broker could not finish in time'],
  [8, 'BROKER_NOT_AVAILABLE', false, 'the broker is not available'],
  [9, 'REPLICA_NOT_AVAILABLE', true, 'the replica is not available at the moment'],
  [10, 'MESSAGE_TOO_LARGE', false, "the batch is larger than the topic's max.message.bytes"],
  [11, 'STALE_CONTROLLER_EPOCH', false, 'the controller has moved'],
  [
    12,
    'OFFSET_METADATA_TOO_LARGE',
    false,
    "the commit's metadata is longer than offset.metadata.max.bytes",
  ],
  [13, 'NETWORK_EXCEPTION', true, 'the connection broke before the answer came'],
  [14, 'COORDINATOR_LOAD_IN_PROGRESS', true, 'the coordinator is still loading; try again shortly'],
  [15, 'COORDINATOR_NOT_AVAILABLE', true, 'the coordinator is not available at the moment'],
  [16, 'NOT_COORDINATOR', true, 'that broker is not the coordinator'],
  [17, 'INVALID_TOPIC_EXCEPTION', false, "the topic's name is not valid, or the topic is internal"],
  [18, 'RECORD_LIST_TOO_LARGE', false, 'the batch is larger than the segment size'],
  [19, 'NOT_ENOUGH_REPLICAS', true, 'fewer replicas are in sync than min.insync.replicas'],
  [
    20,
    'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
    true,
    'written, but fewer replicas than required have it',
  ],
  [21, 'INVALID_REQUIRED_ACKS', false, 'acks must be -1, 0 or 1'],
  [22, 'ILLEGAL_GENERATION', false, "the member's generation is over; it must join again"],
  [23, 'INCONSISTENT_GROUP_PROTOCOL', false, "the group's members have no protocol in common"],
  [24, 'INVALID_GROUP_ID', false, "the group's name is not valid"],
  [25, 'UNKNOWN_MEMBER_ID', false, 'the group does not know this member; it must join again'],
  [
    26,
    'INVALID_SESSION_TIMEOUT',
    false,
    "the session timeout is outside the broker's limits (group.min.session.timeout.ms is 6 s by default)",
  ],
  [27, 'REBALANCE_IN_PROGRESS', false, 'the group is rebalancing'],
  [28, 'INVALID_COMMIT_OFFSET_SIZE', false, 'the commit is too large'],
  [29, 'TOPIC_AUTHORIZATION_FAILED', false, 'the right to this topic is missing'],
  [30, 'GROUP_AUTHORIZATION_FAILED', false, 'the right to this group is missing'],
  [
    31,
    'CLUSTER_AUTHORIZATION_FAILED',
    false,
    'the right to this operation on the cluster is missing',
  ],
  [32, 'INVALID_TIMESTAMP', false, "the record's timestamp is outside the allowed range"],
  [33, 'UNSUPPORTED_SASL_MECHANISM', false, 'the broker does not offer this SASL mechanism'],
  [34, 'ILLEGAL_SASL_STATE', false, 'the request does not fit the state of authentication'],
  [35, 'UNSUPPORTED_VERSION', false, 'the broker does not serve this version of the request'],
  [36, 'TOPIC_ALREADY_EXISTS', false, 'a topic of this name exists already'],
  [37, 'INVALID_PARTITIONS', false, 'the number of partitions is not valid'],
  [
    38,
    'INVALID_REPLICATION_FACTOR',
    false,
    'the replication factor is not valid, or there are too few brokers',
  ],
  [39, 'INVALID_REPLICA_ASSIGNMENT', false, 'the replica assignment is not valid'],
  [40, 'INVALID_CONFIG', false, 'a configuration value is not valid'],
  [41, 'NOT_CONTROLLER', true, 'that broker is not the controller'],
  [42, 'INVALID_REQUEST', false, 'the request is malformed or contradicts itself'],
  [43, 'UNSUPPORTED_FOR_MESSAGE_FORMAT', false, 'the message format does not support this'],
  [44, 'POLICY_VIOLATION', false, 'a policy of the broker forbids it'],
  [45, 'OUT_OF_ORDER_SEQUENCE_NUMBER', false, 'a sequence number does not follow the last one'],
  [46, 'DUPLICATE_SEQUENCE_NUMBER', false, 'the batch was stored before'],
  [47, 'INVALID_PRODUCER_EPOCH', false, 'a newer producer with the same id has taken over'],
  [48, 'INVALID_TXN_STATE', false, 'the transaction is not in a state that allows this'],
  [
    49,
    'INVALID_PRODUCER_ID_MAPPING',
    false,
    'the producer id does not belong to this transactional id',
  ],
  [
    50,
    'INVALID_TRANSACTION_TIMEOUT',
    false,
    'the transaction timeout is larger than the broker allows',
  ],
  [51, 'CONCURRENT_TRANSACTIONS', true, 'another operation on this transaction is still running'],
  [52, 'TRANSACTION_COORDINATOR_FENCED', false, 'the transaction coordinator has been replaced'],
  [
    53,
    'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
    false,
    'the right to this transactional id is missing',
  ],
  [54, 'SECURITY_DISABLED', false, 'the broker has no security features turned on'],
  [
    55,
    'OPERATION_NOT_ATTEMPTED',
    false,
    'the broker did not attempt it, because another part of the request failed',
  ],
  [56, 'KAFKA_STORAGE_ERROR', true, "the broker's disk failed or is full"],
  [57, 'LOG_DIR_NOT_FOUND', false, 'the broker does not have that log directory'],
  [58, 'SASL_AUTHENTICATION_FAILED', false, 'the credentials were refused'],
  [59, 'UNKNOWN_PRODUCER_ID', false, 'the broker no longer knows this producer'],
  [60, 'REASSIGNMENT_IN_PROGRESS', false, 'a reassignment of the partition is under way'],
  [61, 'DELEGATION_TOKEN_AUTH_DISABLED', false, 'delegation tokens are turned off'],
  [62, 'DELEGATION_TOKEN_NOT_FOUND', false, 'the delegation token does not exist'],
  [63, 'DELEGATION_TOKEN_OWNER_MISMATCH', false, 'the delegation token belongs to somebody else'],
  [
    64,
    'DELEGATION_TOKEN_REQUEST_NOT_ALLOWED',
    false,
    'delegation tokens cannot be managed over this connection',
  ],
  [
    65,
    'DELEGATION_TOKEN_AUTHORIZATION_FAILED',
    false,
    'the right to this delegation token is missing',
  ],
  [66, 'DELEGATION_TOKEN_EXPIRED', false, 'the delegation token has expired'],
  [67, 'INVALID_PRINCIPAL_TYPE', false, "the principal's type is not supported"],
  [68, 'NON_EMPTY_GROUP', false, 'the group still has members; stop them first'],
  [69, 'GROUP_ID_NOT_FOUND', false, 'the group does not exist'],
  [70, 'FETCH_SESSION_ID_NOT_FOUND', true, 'the fetch session is gone'],
  [71, 'INVALID_FETCH_SESSION_EPOCH', true, "the fetch session's epoch does not follow"],
  [72, 'LISTENER_NOT_FOUND', true, 'the leader has no listener of that name'],
  [73, 'TOPIC_DELETION_DISABLED', false, 'the broker does not allow topics to be deleted'],
  [74, 'FENCED_LEADER_EPOCH', true, "the leader epoch is older than the broker's"],
  [75, 'UNKNOWN_LEADER_EPOCH', true, "the leader epoch is newer than the broker's"],
  [76, 'UNSUPPORTED_COMPRESSION_TYPE', false, 'the compression cannot be used here'],
  [77, 'STALE_BROKER_EPOCH', false, "the broker's epoch is out of date"],
  [78, 'OFFSET_NOT_AVAILABLE', true, 'the leader cannot tell the offset yet'],
  [79, 'MEMBER_ID_REQUIRED', false, 'the member must join again with the id it was given'],
  [80, 'PREFERRED_LEADER_NOT_AVAILABLE', true, 'the preferred leader is not available'],
  [81, 'GROUP_MAX_SIZE_REACHED', false, 'the group has as many members as it may'],
  [
    82,
    'FENCED_INSTANCE_ID',
    false,
    'another member with the same group.instance.id has taken over',
  ],
  [83, 'ELIGIBLE_LEADERS_NOT_AVAILABLE', true, 'no eligible leader is available'],
  [84, 'ELECTION_NOT_NEEDED', true, 'no election is needed'],
  [85, 'NO_REASSIGNMENT_IN_PROGRESS', false, 'no reassignment is under way'],
  [86, 'GROUP_SUBSCRIBED_TO_TOPIC', false, 'the group is subscribed to the topic'],
  [87, 'INVALID_RECORD', false, 'a record breaks a rule of the broker'],
  [
    88,
    'UNSTABLE_OFFSET_COMMIT',
    true,
    'offsets of an open transaction are in the way; try again shortly',
  ],
  [89, 'THROTTLING_QUOTA_EXCEEDED', true, 'a quota was exceeded; slow down'],
  [90, 'PRODUCER_FENCED', false, 'a newer producer with the same transactional id has taken over'],
  [91, 'RESOURCE_NOT_FOUND', false, 'it does not exist'],
  [92, 'DUPLICATE_RESOURCE', false, 'it exists already'],
  [93, 'UNACCEPTABLE_CREDENTIAL', false, 'the credential is not acceptable'],
  [94, 'INCONSISTENT_VOTER_SET', false, 'the voters do not agree'],
  [95, 'INVALID_UPDATE_VERSION', false, "the update's version does not follow"],
  [96, 'FEATURE_UPDATE_FAILED', false, 'the feature could not be updated'],
  [97, 'PRINCIPAL_DESERIALIZATION_FAILURE', false, 'the principal cannot be read'],
  [98, 'SNAPSHOT_NOT_FOUND', false, 'the snapshot does not exist'],
  [99, 'POSITION_OUT_OF_RANGE', false, 'the position is out of range'],
  [100, 'UNKNOWN_TOPIC_ID', true, 'no topic has this id'],
  [101, 'DUPLICATE_BROKER_REGISTRATION', false, 'the broker is registered already'],
  [102, 'BROKER_ID_NOT_REGISTERED', false, 'the broker is not registered'],
  [
    103,
    'INCONSISTENT_TOPIC_ID',
    true,
    "the topic's id differs from the one expected: it was deleted and made again",
  ],
  [104, 'INCONSISTENT_CLUSTER_ID', false, 'the request was meant for another cluster'],
  [105, 'TRANSACTIONAL_ID_NOT_FOUND', false, 'the transactional id does not exist'],
  [106, 'FETCH_SESSION_TOPIC_ID_ERROR', true, 'topic ids and names were mixed in a fetch session'],
  [107, 'INELIGIBLE_REPLICA', false, 'the replica may not become leader'],
  [108, 'NEW_LEADER_ELECTED', false, 'another leader was elected'],
  [109, 'OFFSET_MOVED_TO_TIERED_STORAGE', false, 'the offset has moved to tiered storage'],
  [110, 'FENCED_MEMBER_EPOCH', false, "the member's epoch is out of date"],
  [111, 'UNRELEASED_INSTANCE_ID', false, 'the instance id is still in use by another member'],
  [112, 'UNSUPPORTED_ASSIGNOR', false, 'the group does not know this assignor'],
  [113, 'STALE_MEMBER_EPOCH', false, "the member's epoch is behind; it must catch up first"],
  [114, 'MISMATCHED_ENDPOINT_TYPE', false, 'the request was sent to the wrong kind of endpoint'],
  [115, 'UNSUPPORTED_ENDPOINT_TYPE', false, 'the kind of endpoint is not known'],
  [116, 'UNKNOWN_CONTROLLER_ID', false, 'the controller does not exist'],
  [117, 'UNKNOWN_SUBSCRIPTION_ID', false, 'the telemetry subscription is not known'],
  [118, 'TELEMETRY_TOO_LARGE', false, 'the telemetry is larger than the broker takes'],
  [119, 'INVALID_REGISTRATION', false, 'the registration is not valid'],
  [120, 'TRANSACTION_ABORTABLE', false, 'the transaction must be aborted; then try it again'],
  [121, 'INVALID_RECORD_STATE', false, 'the record is not in a state that allows this'],
  [122, 'SHARE_SESSION_NOT_FOUND', true, 'the share session is gone'],
  [123, 'INVALID_SHARE_SESSION_EPOCH', true, "the share session's epoch does not follow"],
  [124, 'FENCED_STATE_EPOCH', false, "the state's epoch is out of date"],
  [125, 'INVALID_VOTER_KEY', false, "the voter's key is not valid"],
  [126, 'DUPLICATE_VOTER', false, 'the voter exists already'],
  [127, 'VOTER_NOT_FOUND', false, 'the voter does not exist'],
  [128, 'INVALID_REGULAR_EXPRESSION', false, 'the regular expression is not valid'],
  [129, 'REBOOTSTRAP_REQUIRED', false, 'the client must start again from its bootstrap servers'],
  [130, 'STREAMS_INVALID_TOPOLOGY', false, 'the topology is not valid'],
  [131, 'STREAMS_INVALID_TOPOLOGY_EPOCH', false, "the topology's epoch is not valid"],
  [132, 'STREAMS_TOPOLOGY_FENCED', false, 'the topology has been replaced'],
  [133, 'SHARE_SESSION_LIMIT_REACHED', true, 'the broker has as many share sessions as it may'],
] as const satisfies readonly Row[]

/** Kafka's name of an error. */
export type ErrorName = (typeof errorTable)[number][1]

/** How something ended: with an error, or without. */
export type Outcome = ErrorName | 'NONE'

type ErrorKind = new (message: string, options?: KafkaErrorOptions) => KafkaError

/** Codes with a class of their own; the others are plain `KafkaError`s. */
const kinds: { readonly [name: string]: ErrorKind } = {
  OFFSET_OUT_OF_RANGE: OffsetOutOfRangeError,
  CORRUPT_MESSAGE: CorruptDataError,
  UNKNOWN_TOPIC_OR_PARTITION: TopicNotFoundError,
  UNKNOWN_TOPIC_ID: TopicNotFoundError,
  LEADER_NOT_AVAILABLE: NotLeaderError,
  NOT_LEADER_OR_FOLLOWER: NotLeaderError,
  FENCED_LEADER_EPOCH: NotLeaderError,
  UNKNOWN_LEADER_EPOCH: NotLeaderError,
  REQUEST_TIMED_OUT: TimeoutError,
  NETWORK_EXCEPTION: DisconnectedError,
  MESSAGE_TOO_LARGE: MessageTooLargeError,
  RECORD_LIST_TOO_LARGE: MessageTooLargeError,
  COORDINATOR_LOAD_IN_PROGRESS: GroupCoordinatorError,
  COORDINATOR_NOT_AVAILABLE: GroupCoordinatorError,
  NOT_COORDINATOR: GroupCoordinatorError,
  ILLEGAL_GENERATION: RebalanceInProgressError,
  UNKNOWN_MEMBER_ID: RebalanceInProgressError,
  REBALANCE_IN_PROGRESS: RebalanceInProgressError,
  FENCED_MEMBER_EPOCH: RebalanceInProgressError,
  STALE_MEMBER_EPOCH: RebalanceInProgressError,
  TOPIC_AUTHORIZATION_FAILED: UnauthorizedError,
  GROUP_AUTHORIZATION_FAILED: UnauthorizedError,
  CLUSTER_AUTHORIZATION_FAILED: UnauthorizedError,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: UnauthorizedError,
  DELEGATION_TOKEN_AUTHORIZATION_FAILED: UnauthorizedError,
  SASL_AUTHENTICATION_FAILED: UnauthorizedError,
  UNSUPPORTED_SASL_MECHANISM: UnauthorizedError,
  ILLEGAL_SASL_STATE: UnauthorizedError,
  KAFKA_STORAGE_ERROR: StorageError,
  INVALID_PRODUCER_EPOCH: ProducerFencedError,
  PRODUCER_FENCED: ProducerFencedError,
  THROTTLING_QUOTA_EXCEEDED: QuotaExceededError,
}

/** After these the write may have happened. */
const unknownOutcomes: ReadonlySet<string> = new Set([
  'UNKNOWN_SERVER_ERROR',
  'REQUEST_TIMED_OUT',
  'NETWORK_EXCEPTION',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
  // The append may have succeeded and its sync failed, unless the message says that nothing was written.
  'KAFKA_STORAGE_ERROR',
])

/** In the message of what a broker of ours certainly did not do, though the code leaves that open. */
export const nothingWritten = 'nothing was written'

const byCode = new Map<number, Row>(errorTable.map((row) => [row[0], row]))
const byName = new Map<string, Row>(errorTable.map((row) => [row[1], row]))

/** What an error was about, for its message. */
export interface ErrorDetail {
  topic?: string | undefined
  partition?: number | undefined
  group?: string | undefined
  transactionalId?: string | undefined
  /** The broker's own words. */
  message?: string | null | undefined
}

/** `NONE` for 0; codes of a newer Kafka have no name yet. */
export function errorName(code: number): string {
  return code === 0 ? 'NONE' : (byCode.get(code)?.[1] ?? `ERROR_${code}`)
}

/** The number of a name. */
export function errorCode(name: Outcome): number {
  return codeOfName(name)
}

/** The number of a name that came from elsewhere; that of UNKNOWN_SERVER_ERROR for one that is not Kafka's. */
export function codeOfName(name: string): number {
  return name === 'NONE' ? 0 : (byName.get(name)?.[0] ?? -1)
}

/** The error that a code other than 0 stands for. */
export function errorFrom(code: number, detail: ErrorDetail = {}): KafkaError {
  const name = errorName(code)
  const [, , retriable, meaning] = byCode.get(code) ?? [
    code,
    name,
    false,
    `the broker answered with error ${code}`,
  ]
  const Kind = kinds[name] ?? KafkaError
  const isCertain = !unknownOutcomes.has(name) || detail.message?.includes(nothingWritten)
  const outcome = isCertain ? 'failed' : 'unknown'
  const place = describePlace(detail)
  const text = detail.message ? detail.message : `${meaning} (${name})`
  return new Kind(place && !text.includes(place) ? `${place}: ${text}` : text, {
    code: name,
    retriable,
    outcome,
  })
}

function describePlace({ topic, partition, group, transactionalId }: ErrorDetail): string {
  if (topic !== undefined) return partition === undefined ? topic : `${topic}-${partition}`
  if (transactionalId !== undefined) return `transactional id '${transactionalId}'`
  return group === undefined ? '' : `group ${group}`
}
