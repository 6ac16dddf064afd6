/** What is told of an application's options, in docs/configuration.md and docstrings; apart from the table, as the client's are. */
import { consumerDocs } from '../client/config-docs.ts'
import type { DocsOf } from '../core/option.ts'
import type { StreamsConfig } from './streams-config.ts'

const { sessionTimeout, heartbeatInterval, offset, onError } = consumerDocs

export const streamsDocs: DocsOf<StreamsConfig> = {
  app: {
    doc: 'Name of the application: its consumer group, and the beginning of the names of its own topics. Without one it is made of the topics and the topology; where that would lose state when the program changes, on a server, one must be given.',
    byDefault: 'made of topic and topology; `kafka.streams` needs one',
    renamed: '`kafka.streams` has nothing else that has an id',
  },
  guarantee: {
    doc: "`'exactly-once'`: outputs, state and offsets count together, in transactions. `'at-least-once'`: without transactions; records may be processed twice after a crash.",
    renamed: 'everything here is about processing',
  },
  commitInterval: {
    doc: 'How often what was done is committed, and so becomes visible.',
  },
  onError: {
    doc: "What becomes of a record that cannot be read or whose callback throws; nothing that it did is kept. `'stop'` ends the application with the error; `'skip'` logs it and goes on. An object: first `retry`, with growing pauses, then what `otherwise` says, or to the topic `deadLetter`, with where it came from and why in headers. A function `(error, record, where)` says one of these for each record that fails, or `'retry'`; `where` is `'decode'`, `'process'` or `'produce'`. A result that is only due when a record comes, as of a window that it closes, fails by itself: `error.result` says which.",
    byDefault: onError.byDefault!,
    options: onError.options!,
  },
  offset: {
    doc: 'Where to start a topic of yours that the application has never committed.',
    byDefault: offset.byDefault!,
    renamed: offset.renamed!,
  },
  replicationFactor: {
    doc: "Copies of the application's own topics.",
    byDefault: "the broker's",
  },
  transactionTimeout: {
    doc: 'After so long the broker aborts a transaction that a process left open when it died; until then other processes wait at what it wrote.',
  },
  sessionTimeout,
  heartbeatInterval,
  rebalanceTimeout: {
    doc: 'How long a rebalance waits for callbacks that are under way, and for the commit.',
    renamed: 'nothing is polled; the protocol has this name for it',
  },
  groupInstanceId: {
    doc: 'A name of this process that survives restarts (KIP-345): within `sessionTimeout` it gets its tasks back without a rebalance.',
  },
  giveUpAfter: {
    doc: 'An application waits for a broker that is away; once nothing but failures that pass has happened for so long, it ends with a `TimeoutError`.',
    byDefault: 'never',
  },
  internalTopics: {
    doc: "Kafka's topic configs for the application's own topics, when it makes them: `{ changelog: { 'segment.bytes': 1048576 }, repartition: { 'segment.ms': 600000 } }`. Not `cleanup.policy` and `message.timestamp.type`, which it needs as they are.",
    byDefault: "the broker's, with what the application needs",
  },
  maxTaskIdle: {
    doc: 'How long a task with several partitions waits for one that has nothing, while others have records, since it may yet bring older ones (KIP-353). At 0 only for what the broker is known to have.',
  },
  standbys: {
    doc: "Copies of each task's state that other processes keep up to date, so that one of them can take over at once.",
    renamed: 'short for what Kafka says in three words',
  },
  maxLag: {
    doc: 'Changelog entries that a process may lack and yet be given a task; until it lacks fewer the task stays where it is.',
    renamed: 'short for what Kafka says in three words',
  },
  upgrade: {
    doc: "`'check'`: a program that would leave state behind, or go on with state of another kind, is refused with a `TopologyChangedError`. `'allow'`: it may leave state behind.",
  },
  state: {
    doc: "Where state is. `'memory'`, or `{ dir: './state' }`: in files in this folder, so that it may be larger than memory and a restart reads only the rest of the changelog. Each process needs a folder of its own. Needs the package classic-level.",
    renamed: 'it says more than a folder',
  },
  cacheBytes: {
    doc: 'Of state on disk: values that were used lately are kept in memory, up to so many bytes.',
    renamed: 'there is one cache',
  },
  cleanupDelay: {
    doc: 'Files of tasks that this process has not run for so long, while it ran others, are removed when it starts.',
    renamed: 'durations need no unit, and there is nothing else to clean up',
  },
  maxStateBytes: {
    doc: 'State in memory, keys and values as they are written, over which the application stops.',
    byDefault: 'no limit',
  },
  signal: {
    doc: 'Closes the application when it is aborted.',
  },
}
