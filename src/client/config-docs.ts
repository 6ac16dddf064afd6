/**
 * Descriptions of the client options, for docs/configuration.md and docstrings. Separate from the tables, so
 * that programs that use the client do not contain them.
 */
import type { SaslCredentials } from '../connection/sasl/mechanism.ts'
import type { TlsOptions } from '../connection/tls-options.ts'
import type { DocsOf } from '../core/option.ts'
import type { TopicChanges, TopicConfig } from './admin/topic-config.ts'
import type { ClientConfig } from './config.ts'
import type { ConsumeBatchConfig } from './consumer/batch-config.ts'
import type { ConsumerConfig, OnError } from './consumer/consumer-config.ts'
import type { ProducerConfig } from './producer/producer-config.ts'
import type { TopicOptions } from './topic.ts'
import type { TransactionConfig } from './transaction/transaction-config.ts'
import type { RetryOptions } from './with-retry.ts'

const saslDocs: DocsOf<SaslCredentials> = {
  mechanism: {
    doc: 'How the password or token is proven to the broker.',
    renamed: 'it is inside `sasl`',
  },
  username: {
    doc: 'The user name. Not with `OAUTHBEARER`.',
  },
  password: {
    doc: "The user's password. Not with `OAUTHBEARER`.",
  },
  token: {
    doc: 'With `OAUTHBEARER`: the token, or a function that returns one. The function is called for each connection, and again before its last token expires.',
    renamed: 'it is a token or a function, not a class name',
  },
  extensions: {
    doc: 'With `OAUTHBEARER`: SASL extensions for the broker, by name (KIP-342).',
    byDefault: 'none',
  },
}

const tlsDocs: DocsOf<TlsOptions> = {
  ca: {
    doc: 'Certificate authorities to trust instead of the well-known ones, PEM.',
  },
  cert: {
    doc: "This client's certificate, PEM, if the broker requires one.",
  },
  key: {
    doc: 'The private key of the certificate, PEM.',
  },
  serverName: {
    doc: "The name that the broker's certificate must have.",
    byDefault: 'the host connected to',
  },
  rejectUnauthorized: {
    doc: '`false` accepts any certificate: for tests only.',
  },
}

/** A client's, wherever its events are. */
export const commonDocs: DocsOf<Omit<ClientConfig, 'url' | 'apiKey' | 'sasl' | 'tls'>> = {
  clientId: {
    doc: "Shown in the broker's logs.",
  },
  timeout: {
    doc: 'How long one call may take, including all retries.',
    renamed: 'there is only one time limit',
  },
  retries: {
    doc: 'Retries of one request that failed with a retriable error. Producers have their own setting.',
  },
  retryBackoff: {
    doc: 'First delay between retries; it doubles up to 1 s.',
  },
  metadataMaxAge: {
    doc: 'How long cluster metadata is used before it is refreshed.',
  },
  logger: {
    doc: 'Receives structured log messages; a pino logger fits.',
    byDefault: 'none',
  },
  telemetry: {
    doc: 'Observes sends and handlers: `openTelemetry()` from `kafka-do/opentelemetry`, or your own.',
    byDefault: 'none',
  },
  runtime: {
    doc: 'Clock, timers and randomness, for tests.',
  },
}

export const clientDocs: DocsOf<ClientConfig> = {
  ...commonDocs,
  url: {
    doc: 'Where the events are stored. `file:./dir` (embedded, durable) · `memory:` (embedded, gone at exit) · `kafka://h1:9092,h2:9092` · `kafka+tls://…` · `https://host` or `http://host:8080` (kafka-do serve over HTTP).',
    byDefault: '`KAFKA_DO_URL`, or `file:./.kafka-do`',
    renamed: 'a URL also says how to connect',
  },
  apiKey: {
    doc: 'API key of `kafka-do serve`. Sent as bearer token over `https://` and `http://`, with SASL PLAIN over `kafka+tls://`, and over `kafka://` to this machine only.',
    byDefault:
      '`KAFKA_DO_API_KEY`; with `kafka:` and `kafka+tls:` only together with `KAFKA_DO_URL`',
  },
  sasl: {
    doc: 'User and password, or a token, for `kafka://` and `kafka+tls://`. A user can also be in the URL: `kafka+tls://user:password@host`.',
    options: saslDocs,
  },
  tls: {
    doc: 'Certificates for `kafka+tls://` and `https://`.',
    byDefault: 'the well-known authorities, no client certificate',
    options: tlsDocs,
  },
}

/** What a producer and a transaction have in common. */
const batchingDocs: DocsOf<Omit<ProducerConfig, 'acks' | 'idempotent'>> = {
  batchSize: {
    doc: "Size in bytes at which a batch is sent, at most `maxRequestSize`. A batch over the topic's `max.message.bytes` is split and sent again.",
    byDefault: '128 KiB, or `maxRequestSize` if that is less',
  },
  linger: {
    doc: 'How long to wait for more records before sending; less than `deliveryTimeout`. With 0 there is no wait; sends made together still share a batch.',
  },
  compression: {
    doc: 'How batches are compressed.',
    renamed: '`type` adds nothing',
  },
  retries: {
    doc: 'Retries of a batch, within `deliveryTimeout`.',
    byDefault: 'as many as fit',
  },
  retryBackoff: {
    doc: 'First delay between retries; it doubles up to 1 s.',
  },
  deliveryTimeout: {
    doc: "Longest time from `send` to its outcome, including waits for metadata, memory, the broker's response and retries. A record shares its batch's deadline, and so may fail a tenth of it (or a `linger`) early.",
  },
  partitioner: {
    doc: 'Chooses the partition of a record.',
    byDefault: "Kafka's murmur2 of the key; without a key, the sticky partition",
    renamed: 'it is a function',
  },
  maxRequestSize: {
    doc: 'Largest record and request, bytes. The broker closes a connection that sends more than its `socket.request.max.bytes`.',
  },
  bufferMemory: {
    doc: 'Bytes that may wait to be sent before `send` itself waits.',
  },
}

export const producerDocs: DocsOf<ProducerConfig> = {
  ...batchingDocs,
  acks: {
    doc: "When a send is acknowledged. `'all'`: once the record is on stable storage. `1`: once the broker's operating system has it. `0`: never; offsets are -1.",
  },
  idempotent: {
    doc: 'Retries never create duplicates (KIP-98).',
    byDefault: "true with `acks: 'all'`, which it requires",
    renamed: 'an adjective suits a boolean',
  },
}

export const transactionDocs: DocsOf<TransactionConfig> = {
  ...batchingDocs,
  id: {
    doc: 'The transactional id. A producer fences all earlier ones with the same id, so name the work that must not run twice, e.g. `payments-0`. Transactions with the same id run one after another.',
    byDefault: 'an id unique to this client; transactions then run concurrently',
    renamed: 'it is one of the transaction options',
  },
  timeout: {
    doc: 'The broker aborts a transaction that takes longer. If a process dies during a transaction, its partitions and group offsets are also blocked for this long, unless a producer with the same `id` starts earlier: make it a little longer than your transactions take. The broker has its own limit (15 min).',
    renamed: 'it is one of the transaction options',
  },
}

const retryDocs: DocsOf<Omit<RetryOptions, 'signal'>> = {
  attempts: {
    doc: 'Number of calls, including the first.',
  },
  baseDelay: {
    doc: 'Delay before the first retry; it doubles.',
  },
  maxDelay: {
    doc: 'Longest delay.',
  },
  jitter: {
    doc: 'Share of the delay that is random.',
  },
  retryIf: {
    doc: 'Decides which errors are retried.',
    byDefault: '`KafkaError`s that are `retriable`',
  },
}

export const withRetryDocs: DocsOf<RetryOptions> = {
  ...retryDocs,
  signal: {
    doc: "Ends the wait between attempts; rejects with the signal's reason.",
  },
}

const onErrorDocs: DocsOf<Exclude<OnError, string>> = {
  retry: {
    doc: 'Number of attempts, and the delays between them; see `withRetry`.',
    byDefault: 'one attempt',
    options: { ...retryDocs, retryIf: { ...retryDocs.retryIf, byDefault: 'every error' } },
  },
  otherwise: {
    doc: 'What happens after the last attempt.',
    byDefault: "`'stop'`",
  },
  deadLetter: {
    doc: 'Topic that failed records are copied to, unchanged; they then count as handled.',
  },
}

export const consumerDocs: DocsOf<ConsumerConfig> = {
  group: {
    doc: 'Consumers with the same group share the partitions, and the group remembers its position. Without a group, this consumer reads every partition and commits nothing.',
    renamed: 'a group has no other option',
  },
  offset: {
    doc: 'Where to start if the group has no committed offset.',
    byDefault: '`Offset.earliest`',
    renamed: 'it is a position, and also applies without a group',
  },
  autoCommit: {
    doc: 'Whether handled records are committed automatically: those whose handler has resolved, or after which the loop has asked for the next record.',
    renamed: 'the value says whether it is enabled',
  },
  autoCommitInterval: {
    doc: 'Interval of automatic commits.',
  },
  sessionTimeout: {
    doc: 'The group removes a member that sends no heartbeat for this long.',
  },
  heartbeatInterval: {
    doc: 'Interval of heartbeats; more often just after a rebalance. Less than `sessionTimeout`.',
    byDefault: '3 s, or a third of `sessionTimeout` if that is less',
  },
  rebalanceTimeout: {
    doc: 'How long a rebalance waits for a record in progress.',
    renamed: 'there is no poll; the protocol uses this name',
  },
  fetchMinBytes: {
    doc: 'The broker answers a fetch when it has this many bytes, or after `fetchMaxWait`.',
  },
  fetchMaxWait: {
    doc: 'Longest time the broker waits for `fetchMinBytes`.',
  },
  fetchMaxBytes: {
    doc: 'Largest fetch response, and most data that is fetched ahead, bytes.',
  },
  maxPartitionFetchBytes: {
    doc: 'Largest part of a response for one partition, bytes.',
  },
  maxPollRecords: {
    doc: "Records delivered one after another before the process's timers and I/O get a turn. For batches, use `batchSize`.",
  },
  isolation: {
    doc: "`'read_committed'` hides records of open and aborted transactions.",
    renamed: '`level` adds nothing',
  },
  assignor: {
    doc: "How the group shares partitions. With `'cooperative-sticky'` a rebalance moves few partitions and does not interrupt the others. An object is your own assignor.",
    byDefault: "`'cooperative-sticky'`",
    renamed: 'it is one assignor, not a list of Java classes',
  },
  groupInstanceId: {
    doc: 'A member name that survives restarts (KIP-345): a member that restarts within `sessionTimeout` gets its partitions back without a rebalance.',
  },
  partitions: {
    doc: "Reads these partitions and no others, at least one of each topic. With a `group`, the consumer starts from the group's offsets and commits to them without being a member; the group must have no members.",
    byDefault: 'all partitions, or those assigned by the group',
  },
  signal: {
    doc: 'Stops the consumer, like `close()`.',
  },
  concurrency: {
    doc: 'Number of records `consume` and `forEach` handle at a time.',
  },
  ordering: {
    doc: 'The order kept when several records are handled at a time: that of a partition, that of records with the same key in a partition (records without a key do not wait), or none. A commit never passes a record that is not done.',
  },
  onError: {
    doc: "What to do when the handler of `consume` or `forEach` throws, or a record cannot be deserialised. `'stop'` ends the consumer with the error; `'skip'` logs it and continues. With an object: first `retry`, with growing delays, then `otherwise`, or copy the record to the topic `deadLetter`, with its origin and the error in headers.",
    byDefault: "`'stop'`",
    options: onErrorDocs,
  },
  onAssigned: {
    doc: 'Called when these partitions have been assigned and their start offsets are known. If it returns a promise, their first records are delivered after it resolves.',
  },
  onRevoked: {
    doc: 'Called before these partitions are given up, after their records in progress are finished. If it returns a promise, they are given up after it resolves; until then commits still work.',
  },
  onLost: {
    doc: 'Called when these partitions have gone to other members because this one sent no heartbeat in time: nothing more can be committed for them.',
  },
  hookTimeout: {
    doc: 'How long `onAssigned`, `onRevoked` and `onLost` may take. A hook that takes longer, throws or rejects ends the consumer with that error.',
  },
  giveUpAfter: {
    doc: 'How long a consumer waits for an unavailable broker. After this long with only temporary failures, it ends with a `TimeoutError`.',
    byDefault: 'never',
  },
  closeHandlerTimeout: {
    doc: 'How long `close()` waits for records in progress. A record that takes longer is delivered again.',
  },
  closeTimeout: {
    doc: 'How long `close()` then takes at most to commit and leave the group, whatever the broker does; a running hook has its `hookTimeout`. Records not committed in time are delivered again.',
  },
}

const { concurrency, ordering, onError, ...ofConsumers } = consumerDocs

export const batchDocs: DocsOf<ConsumeBatchConfig> = {
  ...ofConsumers,
  batchSize: {
    doc: 'Number of records in a batch.',
  },
  batchTimeout: {
    doc: 'How long a batch waits for more records after its first.',
  },
}

export const topicDocs: DocsOf<TopicOptions<unknown, unknown>> = {
  key: {
    doc: 'Serialiser for keys.',
    byDefault: '`string`',
  },
  value: {
    doc: 'Serialiser for values.',
    byDefault: '`json()`',
  },
  schema: {
    doc: 'A Standard Schema (zod, valibot, arktype …) that validates values when they are sent and read. A value that does not match is a `SerializationError` that names the path. The value is stored as you gave it. The schema must validate synchronously.',
    byDefault: 'none',
  },
}

export const topicConfigDocs: DocsOf<TopicConfig> = {
  partitions: {
    doc: 'Number of partitions.',
    byDefault: "the broker's",
  },
  replicationFactor: {
    doc: 'Copies of each partition; an embedded broker keeps one.',
    byDefault: "the broker's",
  },
  retention: {
    doc: 'How long records are kept.',
    byDefault: "the broker's",
  },
  configs: {
    doc: "Other Kafka topic configs by name, such as `{ 'cleanup.policy': 'compact' }`.",
  },
}

export const topicChangeDocs: DocsOf<TopicChanges> = {
  retention: {
    doc: "How long records are kept; null restores the broker's default.",
  },
  configs: {
    doc: "Other Kafka topic configs by name; null restores the broker's default.",
  },
}
