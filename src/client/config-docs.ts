/**
 * What is told of a client's options, in docs/configuration.md and docstrings. Apart from the tables, so
 * that no program that uses the client carries it along.
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
    doc: 'How the password, or the token, is shown to the broker.',
    renamed: 'it stands in `sasl`',
  },
  username: {
    doc: 'The user. Not with `OAUTHBEARER`.',
  },
  password: {
    doc: 'The password of the user. Not with `OAUTHBEARER`.',
  },
  token: {
    doc: 'With `OAUTHBEARER`: the token, or a function that gives one. It is asked for each connection, and again before what it gave runs out.',
    renamed: "it is a token or a function, and no class's name",
  },
  extensions: {
    doc: 'With `OAUTHBEARER`: what else the broker wants to be told, by name (KIP-342).',
    byDefault: 'nothing',
  },
}

const tlsDocs: DocsOf<TlsOptions> = {
  ca: {
    doc: 'Authorities to trust instead of the well-known ones, PEM.',
  },
  cert: {
    doc: "This client's certificate, PEM, where the broker wants one.",
  },
  key: {
    doc: 'The key of the certificate, PEM.',
  },
  serverName: {
    doc: "The name that the broker's certificate must have.",
    byDefault: 'the host connected to',
  },
  rejectUnauthorized: {
    doc: 'False accepts every certificate: for tests only.',
  },
}

/** A client's, wherever its events are. */
export const commonDocs: DocsOf<Omit<ClientConfig, 'url' | 'apiKey' | 'sasl' | 'tls'>> = {
  clientId: {
    doc: "Shown in the broker's logs.",
  },
  timeout: {
    doc: 'How long one call may take, all its retries included.',
    renamed: 'there is one time limit, so it needs no second name',
  },
  retries: {
    doc: 'Retries of one request that failed in a retriable way. Producers have their own.',
  },
  retryBackoff: {
    doc: 'First delay between retries; it doubles up to 1 s.',
  },
  metadataMaxAge: {
    doc: 'How long cluster metadata is trusted.',
  },
  logger: {
    doc: 'Receives structured log lines; a pino logger fits.',
    byDefault: 'none',
  },
  telemetry: {
    doc: 'Looks on at sends and handlers: `openTelemetry()` of `kafka-do/opentelemetry`, or one of your own.',
    byDefault: 'none',
  },
  runtime: {
    doc: 'Clock, timers and randomness; for tests.',
  },
}

export const clientDocs: DocsOf<ClientConfig> = {
  ...commonDocs,
  url: {
    doc: 'Where the events live. `file:./dir` (embedded, durable) · `memory:` (embedded, gone at exit) · `kafka://h1:9092,h2:9092` · `kafka+tls://…` · `https://host` or `http://host:8080` (kafka-do serve over HTTP).',
    byDefault: '`KAFKA_DO_URL`, else `file:./.kafka-do`',
    renamed: 'a URL says how they are reached, too',
  },
  apiKey: {
    doc: 'Key of `kafka-do serve`: sent as bearer over `https://` and `http://`, by SASL PLAIN over `kafka+tls://`, and over `kafka://` to this machine only.',
    byDefault: '`KAFKA_DO_API_KEY`; with `kafka:` and `kafka+tls:` only beside `KAFKA_DO_URL`',
  },
  sasl: {
    doc: 'User and password, or a token, for `kafka://` and `kafka+tls://`; a user is also possible in the URL: `kafka+tls://user:password@host`.',
    options: saslDocs,
  },
  tls: {
    doc: 'Certificates for `kafka+tls://` and `https://`.',
    byDefault: 'the well-known authorities, no certificate of our own',
    options: tlsDocs,
  },
}

/** What a producer and a transaction have in common. */
const batchingDocs: DocsOf<Omit<ProducerConfig, 'acks' | 'idempotent'>> = {
  batchSize: {
    doc: "A batch is sent when it holds this many bytes, which are no more than `maxRequestSize`. A batch that is over the topic's `max.message.bytes` is split and sent again.",
    byDefault: '128 KiB, or `maxRequestSize` if that is less',
  },
  linger: {
    doc: 'How long to wait for more records before sending; less than `deliveryTimeout`. With 0 nothing waits; sends made together still share a batch.',
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
    doc: "From `send` to its outcome, whatever it waits for: metadata, memory, the broker's answer, retries. A record shares its batch's deadline, and so may fail a tenth of it (or a `linger`) early.",
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
    doc: "When a send is answered. `'all'`: once the record is on stable storage. `1`: once the operating system of the broker has it. `0`: not answered; offsets are -1.",
  },
  idempotent: {
    doc: 'A retry is never a duplicate (KIP-98).',
    byDefault: "true with `acks: 'all'`, which it needs",
    renamed: 'an adjective reads better where true and false are written',
  },
}

export const transactionDocs: DocsOf<TransactionConfig> = {
  ...batchingDocs,
  id: {
    doc: 'The transactional id. A producer fences all earlier ones with the same id, so name what must not run twice, e.g. `payments-0`; transactions with one id run one after the other.',
    byDefault: "an id of this client's own, and as many transactions at a time as you like",
    renamed: 'it stands among the options of a transaction',
  },
  timeout: {
    doc: "The broker aborts a transaction that takes longer. So long, too, the partitions and the group's offsets that a transaction has touched are held up when its process dies in the middle, unless a producer with the same `id` comes after it: make it a little longer than your transactions take. The broker has a limit of its own (15 min).",
    renamed: 'it stands among the options of a transaction',
  },
}

const retryDocs: DocsOf<Omit<RetryOptions, 'signal'>> = {
  attempts: {
    doc: 'Calls in all, the first included.',
  },
  baseDelay: {
    doc: 'Delay before the first retry; it doubles.',
  },
  maxDelay: {
    doc: 'No delay is longer.',
  },
  jitter: {
    doc: 'Share of the delay that is random.',
  },
  retryIf: {
    doc: 'Which errors are worth another attempt.',
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
    doc: 'Attempts in all, and the delays between them; see `withRetry`.',
    byDefault: 'one attempt',
    options: { ...retryDocs, retryIf: { ...retryDocs.retryIf, byDefault: 'every error' } },
  },
  otherwise: {
    doc: 'What happens after the last attempt.',
    byDefault: "`'stop'`",
  },
  deadLetter: {
    doc: 'Topic for records that failed, as they were; they count as handled then.',
  },
}

export const consumerDocs: DocsOf<ConsumerConfig> = {
  group: {
    doc: 'Consumers of one group share the partitions, and the group remembers how far it got. Without: this consumer reads every partition, and commits nothing.',
    renamed: 'nothing else of a group is given',
  },
  offset: {
    doc: 'Where to start when the group has no committed offset.',
    byDefault: '`Offset.earliest`',
    renamed: 'it is a place, and it counts without a group, too',
  },
  autoCommit: {
    doc: 'Commit by itself what has been handled: when the handler resolved, or the loop asked for the next record.',
    renamed: 'the value says whether it is enabled',
  },
  autoCommitInterval: {
    doc: 'How often it commits by itself.',
  },
  sessionTimeout: {
    doc: 'A member not heard of for so long is dead to the group.',
  },
  heartbeatInterval: {
    doc: 'How often a member says that it is there; more often just after a rebalance. Less than `sessionTimeout`.',
    byDefault: '3 s, or a third of `sessionTimeout` if that is less',
  },
  rebalanceTimeout: {
    doc: 'How long a rebalance waits for a record that is being handled.',
    renamed: 'nothing is polled; the protocol has this name for it',
  },
  fetchMinBytes: {
    doc: 'The broker answers a fetch when it has this much, bytes, or when `fetchMaxWait` is over.',
  },
  fetchMaxWait: {
    doc: 'Longest time that the broker waits for `fetchMinBytes`.',
  },
  fetchMaxBytes: {
    doc: 'Largest answer, and most that is fetched ahead, bytes.',
  },
  maxPartitionFetchBytes: {
    doc: 'Largest part of an answer for one partition, bytes.',
  },
  maxPollRecords: {
    doc: "Records that are handed out one after the other before the process's timers and I/O get their turn. Batches have `batchSize`.",
  },
  isolation: {
    doc: "`'read_committed'` hides records of open and aborted transactions.",
    renamed: '`level` adds nothing',
  },
  assignor: {
    doc: "How the group shares partitions. With `'cooperative-sticky'` a rebalance moves few partitions and stops nothing else. An object: an assignor of your own.",
    byDefault: "`'cooperative-sticky'`",
    renamed: "it is one assignor, not a list of Java's classes",
  },
  groupInstanceId: {
    doc: 'A name of this member that survives restarts (KIP-345): within `sessionTimeout` it gets its partitions back without a rebalance.',
  },
  partitions: {
    doc: "Reads these partitions, and no others: of each topic of the consumer at least one. With a `group` it commits to the group's offsets, and starts from them, without being a member: the group must have none.",
    byDefault: 'all partitions, or the share that the group gives',
  },
  signal: {
    doc: 'Ends the consumer as `close()` does.',
  },
  concurrency: {
    doc: 'Records that `consume` and `forEach` handle at a time.',
  },
  ordering: {
    doc: 'What stays in order when several are handled at a time: the records of a partition, those of a partition with the same key (those without a key do not wait), or nothing. A commit never passes a record that is not done.',
  },
  onError: {
    doc: "What happens when the handler of `consume` or `forEach` throws, or a record cannot be read: `'stop'` ends the consumer with the error; `'skip'` logs it and goes on. An object: first `retry`, with growing pauses, then what `otherwise` says, or to the topic `deadLetter`, with where it came from and why in headers.",
    byDefault: "`'stop'`",
    options: onErrorDocs,
  },
  onAssigned: {
    doc: "These partitions are this consumer's now, and it is known where each starts. It may be asynchronous: their first records come when it is over.",
  },
  onRevoked: {
    doc: 'These are to be given up; what was being handled of them is finished. It may be asynchronous: they go when it is over, and until then commits still work.',
  },
  onLost: {
    doc: 'These have gone to other members, because this one was not heard of in time: nothing more can be committed for them.',
  },
  hookTimeout: {
    doc: 'How long `onAssigned`, `onRevoked` and `onLost` may take. A hook that takes longer, throws or rejects ends the consumer with that error.',
  },
  giveUpAfter: {
    doc: 'A consumer waits for a broker that is away, and keeps trying what fails for no reason of its own; once nothing but that has happened for so long, it ends with a `TimeoutError`.',
    byDefault: 'never',
  },
  closeHandlerTimeout: {
    doc: 'How long `close()` waits for records that are being handled. One that takes longer comes again.',
  },
  closeTimeout: {
    doc: 'How long `close()` then takes at most to commit and to leave the group, whatever the broker does; a hook that is running has its `hookTimeout`. What was not committed in time comes again.',
  },
}

const { concurrency, ordering, onError, ...ofConsumers } = consumerDocs

export const batchDocs: DocsOf<ConsumeBatchConfig> = {
  ...ofConsumers,
  batchSize: {
    doc: 'Records of one batch.',
  },
  batchTimeout: {
    doc: 'How long after its first record a batch waits for more.',
  },
}

export const topicDocs: DocsOf<TopicOptions<unknown, unknown>> = {
  key: {
    doc: 'How keys are written and read.',
    byDefault: '`string`',
  },
  value: {
    doc: 'How values are written and read.',
    byDefault: '`json()`',
  },
  schema: {
    doc: 'A Standard Schema (zod, valibot, arktype …) that values are checked with, when they are sent and when they are read; one that does not fit is a `SerializationError` that names the path. What is stored is the value as it was given. It must check synchronously.',
    byDefault: 'none',
  },
}

export const topicConfigDocs: DocsOf<TopicConfig> = {
  partitions: {
    doc: 'Partitions of the topic.',
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
    doc: "Any other of Kafka's topic configs by its own name, such as `{ 'cleanup.policy': 'compact' }`.",
  },
}

export const topicChangeDocs: DocsOf<TopicChanges> = {
  retention: {
    doc: "How long records are kept; null: back to the broker's default.",
  },
  configs: {
    doc: "Any other of Kafka's topic configs by its own name; null: back to the broker's default.",
  },
}
