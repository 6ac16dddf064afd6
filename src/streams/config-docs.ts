/** Descriptions of the stream options, for docs/configuration.md and docstrings; separate from the table, like the client's. */
import { consumerDocs } from '../client/config-docs.ts'
import type { DocsOf } from '../core/option.ts'
import type { StreamsConfig } from './streams-config.ts'

const { sessionTimeout, heartbeatInterval, offset, onError } = consumerDocs

export const streamsDocs: DocsOf<StreamsConfig> = {
  app: {
    doc: 'Name of the application: its consumer group, and the prefix of its internal topics. Without one, a name is derived from the topics and the topology. On a server, an application with state needs a name, since changing the program would otherwise lose the state.',
    byDefault: 'derived from topic and topology; `kafka.streams` requires one',
    renamed: 'an application has no other id',
  },
  guarantee: {
    doc: "`'exactly-once'`: output, state and offsets are committed together in transactions. `'at-least-once'`: no transactions; records may be processed twice after a crash.",
    renamed: 'every option here is about processing',
  },
  commitInterval: {
    doc: 'Interval of commits; results become visible with the commit.',
  },
  onError: {
    doc: "What to do with a record that cannot be deserialised or whose callback throws; everything the record did is undone. `'stop'` ends the application with the error; `'skip'` logs it and continues. With an object: first `retry`, with growing delays, then `otherwise`, or copy the record to the topic `deadLetter`, with its origin and the error in headers. A function `(error, record, where)` returns one of these for each failed record, or `'retry'`; `where` is `'decode'`, `'process'` or `'produce'`. A result that is only due when a record arrives, such as that of a window it closes, fails by itself: `error.result` says which.",
    byDefault: onError.byDefault!,
    options: onError.options!,
  },
  offset: {
    doc: 'Where to start a source topic for which the application has no committed offset.',
    byDefault: offset.byDefault!,
    renamed: offset.renamed!,
  },
  replicationFactor: {
    doc: "Copies of the application's internal topics.",
    byDefault: "the broker's",
  },
  transactionTimeout: {
    doc: 'How long the broker keeps a transaction open whose process has died; until it aborts it, other processes wait at its output.',
  },
  sessionTimeout,
  heartbeatInterval,
  rebalanceTimeout: {
    doc: 'How long a rebalance waits for running callbacks and for the commit.',
    renamed: 'there is no poll; the protocol uses this name',
  },
  groupInstanceId: {
    doc: 'A process name that survives restarts (KIP-345): a process that restarts within `sessionTimeout` gets its tasks back without a rebalance.',
  },
  giveUpAfter: {
    doc: 'How long an application waits for an unavailable broker. After this long with only temporary failures, it ends with a `TimeoutError`.',
    byDefault: 'never',
  },
  internalTopics: {
    doc: "Kafka topic configs for internal topics, applied when they are created: `{ changelog: { 'segment.bytes': 1048576 }, repartition: { 'segment.ms': 600000 } }`. `cleanup.policy` and `message.timestamp.type` cannot be set.",
    byDefault: "the broker's, plus what the application needs",
  },
  maxTaskIdle: {
    doc: 'How long a task with several partitions waits for an empty one while others have records, since the empty one may still bring older records (KIP-353). With 0 it waits only for records the broker is known to have.',
  },
  standbys: {
    doc: "Copies of each task's state that other processes keep up to date, so that one of them can take over at once.",
    renamed: "shorter than Kafka's name",
  },
  maxLag: {
    doc: 'How many changelog entries a process may be behind and still be assigned a task; until then the task stays where it is.',
    renamed: "shorter than Kafka's name",
  },
  upgrade: {
    doc: "`'check'`: a program that would leave state behind, or use state of another kind, is refused with a `TopologyChangedError`. `'allow'`: it may leave state behind.",
  },
  state: {
    doc: "Where state is kept: `'memory'`, or `{ dir: './state' }` for files in this folder. On disk it may be larger than memory, and a restart reads only the rest of the changelog. Each process needs its own folder. Requires the package classic-level.",
    renamed: 'it is more than a folder',
  },
  cacheBytes: {
    doc: 'For state on disk: size of the cache of recently used values, bytes.',
    renamed: 'there is one cache',
  },
  cleanupDelay: {
    doc: 'At the start, files of tasks that this process has not run for this long, while it ran others, are removed.',
    renamed: 'durations need no unit, and nothing else is cleaned up',
  },
  maxStateBytes: {
    doc: 'Size of state in memory, keys and values as serialised, above which the application stops.',
    byDefault: 'no limit',
  },
  signal: {
    doc: 'Closes the application when it is aborted.',
  },
}
