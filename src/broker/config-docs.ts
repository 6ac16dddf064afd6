/** What is told of the options of a broker: in docs/configuration.md, docstrings and the help of `kafka-do serve`. */
import type { DocsOf } from '../core/option.ts'
import type { BrokerConfigInput } from './config.ts'

/** The headings of `kafka-do serve --help`. */
const topics = 'Topics and their logs'
const fetching = 'Fetching'
const groups = 'Consumer groups'
const transactions = 'Transactions'

export const brokerDocs: DocsOf<BrokerConfigInput> = {
  nodeId: {
    doc: 'Id of this node in metadata.',
    section: topics,
  },
  autoCreateTopics: {
    doc: 'Whether a topic that a client asks for is created when it does not exist.',
    renamed: 'the value says whether it is enabled',
    section: topics,
  },
  defaultPartitions: {
    doc: 'Partitions of a topic that is created without a number; not more than `maxPartitionsPerTopic`.',
    renamed: 'it is a default, and there is no number of all partitions',
    section: topics,
  },
  maxPartitionsPerTopic: {
    doc: 'Limit on the partitions of one topic.',
    section: topics,
  },
  messageMaxBytes: {
    doc: "Largest record batch, bytes; a topic's `max.message.bytes` overrides it.",
    section: topics,
  },
  maxOpenFiles: {
    doc: 'Files of the data folder that are open at a time; others are opened when they are needed.',
    byDefault: 'half of what the process may have open (`ulimit -n`)',
    section: topics,
  },
  segmentBytes: {
    doc: 'Size at which a segment file is closed, bytes.',
    section: topics,
  },
  maxSegmentAge: {
    doc: 'Age at which a segment file is closed.',
    renamed: '`segment` alone says nothing',
    section: topics,
  },
  retention: {
    doc: 'How long records are kept.',
    section: topics,
  },
  retentionBytes: {
    doc: "Size above which a partition's oldest records go, bytes; -1: no limit.",
    section: topics,
  },
  diskReserve: {
    doc: "Free space, bytes, below which clients' writes are refused, while reads, commits of offsets and deletions go on; 0: no such limit.",
    byDefault: '64 MiB, or a tenth of the disk where that is less',
    section: topics,
  },
  logCleanerBackoff: {
    doc: 'How often retention and compaction look for work; they also do soon after a segment is closed.',
    section: topics,
  },
  logCleanerMinCleanableRatio: {
    doc: "Share of a compacted log that must have come since its last compaction before the next; a topic's `min.cleanable.dirty.ratio` overrides it.",
    section: topics,
  },
  logCleanerMinCompactionLag: {
    doc: "How long a record stays uncompacted at least; a topic's `min.compaction.lag.ms` overrides it.",
    section: topics,
  },
  logCleanerMaxCompactionLag: {
    doc: "How long a record that was overtaken may wait for compaction; a topic's `max.compaction.lag.ms` overrides it.",
    section: topics,
  },
  clockJumpGrace: {
    doc: 'How long nothing is deleted that only expired by a jump of the clock of a week or more, so that a clock that is wrong can be set. 0: the clock is always trusted.',
    section: topics,
  },
  flushInterval: {
    doc: 'Longest time that acks=1 data waits in the operating system before it is put on stable storage.',
    renamed: 'logs are all that is flushed',
    section: topics,
  },
  fetchMaxBytes: {
    doc: 'Largest answer to one fetch, bytes (more only for a first batch that is larger).',
    section: fetching,
  },
  fetchMaxWait: {
    doc: 'Longest long poll; a fetch that asks for more is answered after this.',
    section: fetching,
  },
  maxWaitingFetches: {
    doc: 'Long polls that may wait at a time; more are answered at once.',
    section: fetching,
  },
  maxFetchSessions: {
    doc: 'Fetch sessions (KIP-227) at a time; with 0 none are granted.',
    renamed: 'it limits fetch sessions, and says so',
    section: fetching,
  },
  maxFetchSessionPartitions: {
    doc: 'Partitions that all fetch sessions together remember. Kafka has no limit.',
    section: fetching,
  },
  groupInitialRebalanceDelay: {
    doc: "How long the first rebalance of an empty group waits for more members. Kafka's default is 3 s.",
    section: groups,
  },
  groupMinSessionTimeout: {
    doc: 'Shortest session timeout that a member may ask for.',
    section: groups,
  },
  groupMaxSessionTimeout: {
    doc: 'Longest session timeout that a member may ask for.',
    section: groups,
  },
  groupMaxSize: {
    doc: 'Members of one group. Kafka has no limit.',
    section: groups,
  },
  offsetsRetention: {
    doc: 'How long the offsets of a group without members are kept.',
    section: groups,
  },
  transactionMaxTimeout: {
    doc: 'Longest time that a producer may ask for one transaction.',
    section: transactions,
  },
  transactionalIdExpiration: {
    doc: 'How long a transactional id that is not used is remembered.',
    section: transactions,
  },
  offsetsTopicSegmentBytes: {
    doc: 'Size at which a segment of `__consumer_offsets` is closed, bytes; acts where the topic is created.',
    section: groups,
  },
  transactionStateLogSegmentBytes: {
    doc: 'Size at which a segment of `__transaction_state` is closed, bytes; acts where the topic is created.',
    section: transactions,
  },
  metadataLogSegmentBytes: {
    doc: 'Size at which a segment of the log of topics and configs is closed, bytes.',
    section: topics,
  },
  offsetMetadataMaxBytes: {
    doc: 'Metadata text of one committed offset, bytes.',
    section: groups,
  },
}
