import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  CorruptDataError,
  GroupCoordinatorError,
  KafkaError,
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
import { errorCode, errorFrom, errorName, errorTable } from './error-codes.ts'

const page = new URL('../../docs/errors.md', import.meta.url)

test('codes and names are unique and lead to each other', () => {
  expect(new Set(errorTable.map(([code]) => code)).size).toBe(errorTable.length)
  for (const [code, name] of errorTable) {
    expect(errorName(code)).toBe(name)
    expect(errorCode(name)).toBe(code)
  }
  expect(errorName(0)).toBe('NONE')
  expect(errorName(9999)).toBe('ERROR_9999')
})

test.each([
  ['UNKNOWN_TOPIC_OR_PARTITION', TopicNotFoundError, true, 'failed'],
  ['MESSAGE_TOO_LARGE', MessageTooLargeError, false, 'failed'],
  ['NOT_LEADER_OR_FOLLOWER', NotLeaderError, true, 'failed'],
  ['OFFSET_OUT_OF_RANGE', OffsetOutOfRangeError, false, 'failed'],
  ['COORDINATOR_NOT_AVAILABLE', GroupCoordinatorError, true, 'failed'],
  ['REBALANCE_IN_PROGRESS', RebalanceInProgressError, false, 'failed'],
  ['TOPIC_AUTHORIZATION_FAILED', UnauthorizedError, false, 'failed'],
  ['THROTTLING_QUOTA_EXCEEDED', QuotaExceededError, true, 'failed'],
  ['REQUEST_TIMED_OUT', TimeoutError, true, 'unknown'],
  ['CORRUPT_MESSAGE', CorruptDataError, true, 'failed'],
  ['KAFKA_STORAGE_ERROR', StorageError, true, 'unknown'],
  ['INVALID_PRODUCER_EPOCH', ProducerFencedError, false, 'failed'],
  ['NOT_ENOUGH_REPLICAS_AFTER_APPEND', KafkaError, true, 'unknown'],
] as const)('%s', (name, Kind, retriable, outcome) => {
  const error = errorFrom(errorCode(name), { topic: 'orders', partition: 3 })
  expect(error).toBeInstanceOf(Kind)
  expect(error).toMatchObject({ code: name, retriable, outcome })
  expect(error.message).toContain('orders-3')
})

test('docs/errors.md says what the code says (UPDATE_DOCS=1 writes it)', () => {
  const rows = errorTable.map(([code, name, , meaning]) => {
    const error = errorFrom(code)
    return `| ${code} | \`${name}\` | ${error.constructor.name} | ${error.retriable ? 'yes' : 'no'} | ${error.outcome} | ${meaning} |`
  })
  const text = `# Errors

Every error is a \`KafkaError\` with \`code\`, \`retriable\` (the same call may succeed later), \`outcome\`
(\`failed\`: it did not happen; \`unknown\`: it may have happened) and \`cause\`.

## From the client itself

| code | class | when |
|---|---|---|
| \`INVALID_CONFIG\` | ConfigError | a config has an unknown key or a value out of range |
| \`SERIALIZATION_FAILED\`, \`DESERIALIZATION_FAILED\` | SerializationError | a key or value cannot be written or read |
| \`CLIENT_CLOSED\`, \`PRODUCER_CLOSED\`, \`CONSUMER_CLOSED\`, \`BROKER_CLOSED\` | ClosedError | the object is closed |
| \`ABORTED\` | AbortedError, KafkaError | an AbortSignal ended the call; \`unknown\` if a record was in flight |
| \`TRANSACTION_TIMED_OUT\` | TimeoutError | a transaction took longer than its \`timeout\` and was aborted |
| \`BUFFER_FULL\` | TimeoutError | \`bufferMemory\` was full for all of \`deliveryTimeout\` |
| \`TOKEN_NOT_AVAILABLE\` | KafkaError | \`sasl.token\` threw, so the client could not connect |
| \`TLS_CERTIFICATE_REFUSED\` | UnauthorizedError | the broker's certificate is not trusted, or is for another name |
| \`DATA_FOLDER_LOCKED\` | DataFolderLockedError | another process uses the data folder |
| \`STREAM_PROCESSING_FAILED\` | StreamProcessingError | a callback of a stream threw; a kafka-do error keeps its own code. \`topic\`, \`partition\`, \`offset\`, \`operator\` and \`cause\` say where and what |
| \`TOPOLOGY_CHANGED\` | TopologyChangedError | a changed stream application would lose its state or misread it |
| \`STREAM_STATE_WITHOUT_OFFSETS\` | ConfigError | a stream application has state, but its group's offsets are gone, so it would count everything again |
| \`STORE_MOVED\` | StoreMovedError | the key's task is now in another process |
| \`STREAM_NOT_RUNNING\`, \`STREAM_CLOSED\`, \`STREAM_STOPPED\` | ClosedError | a stream application was queried before it ran or after it ended, or a test driver was used after an error |
| \`UNSUPPORTED_DATA_FORMAT\` | CorruptDataError | the data folder was written by another version |
| \`STORAGE_FULL\`, \`STORAGE_READ_ONLY\`, \`STORAGE_IO\`, \`STORAGE_DENIED\`, \`STORAGE_NOT_FOUND\`, \`STORAGE_CLOSED\`, \`STORAGE_TOO_MANY_FILES\` | StorageError | the disk failed or refused the operation |

Over HTTP errors are problem documents (RFC 9457) with a status. These exist only there:

| code | status | when |
|---|---|---|
| \`ROUTE_NOT_FOUND\`, \`METHOD_NOT_ALLOWED\` | 404, 405 | there is no such route, or it does not accept this method |
| \`INVALID_REQUEST\`, \`INVALID_JSON\`, \`INVALID_CURSOR\` | 400 | the request cannot be read; the problem document says where the mistake is |
| \`UNSUPPORTED_MEDIA_TYPE\`, \`NOT_ACCEPTABLE\` | 415, 406 | the type of the body, or the requested type of the response, is not supported |
| \`HOST_NOT_ALLOWED\` | 421 | the request names a host that is not in \`allowedHosts\` |
| \`ORIGIN_NOT_ALLOWED\` | 403 | a web page of another origin tries to change something (\`corsOrigins\`) |
| \`BODY_TIMED_OUT\` | 408 | a body stopped arriving |
| \`BODY_ALREADY_READ\` | 500 | middleware before the handler has read the body, such as \`express.json()\` |
| \`OFFSET_NOT_AS_EXPECTED\` | 412 | the end of the partition is not \`expectedOffset\` |
| \`IDEMPOTENCY_KEY_REUSED\` | 422 | the \`Idempotency-Key\` was used for another request before |
| \`TOO_MANY_IDEMPOTENCY_KEYS\`, \`TOO_MANY_STREAMS\`, \`TOO_MANY_OPEN_RECORDS\`, \`SERVER_BUSY\` | 503, 429, 409, 503 | a configured limit was reached |
| \`RECORD_NOT_FOUND\` | 404 | there is no record at that offset |
| \`CURSOR_OF_ANOTHER_TOPIC\` | 410 | the topic was deleted and created again |
| \`LEASE_OVER\` | 410 | the lease has expired |
| \`GATEWAY_NOT_TRUSTED\` | 502 | the cluster behind a gateway does not let it store its state (\`gateways\`) |
| \`GATEWAY_LOGIN_REFUSED\` | 502 | the cluster behind a gateway refuses the gateway's own credentials; its log says more |
| \`INTERNAL_ERROR\` | 500 | an unexpected error; see the log |

A \`BatchError\` of \`sendBatch\` has the code of its first failure, and the result of each record.

## From the broker

These are Kafka's own codes.

| | code | class | retriable | outcome | meaning |
|---|---|---|---|---|---|
${rows.join('\n')}
`
  if (process.env.UPDATE_DOCS) writeFileSync(page, text)
  else expect(readFileSync(page, 'utf8')).toBe(text)
})
