/** Descriptions of the broker options, for docs/configuration.md, docstrings and the help of `kafka-do serve`. */
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
    doc: 'Whether a missing topic is created when a client asks for it.',
    renamed: 'the value says whether it is enabled',
    section: topics,
  },
  defaultPartitions: {
    doc: 'Partitions of a topic that is created without a number; at most `maxPartitionsPerTopic`.',
    renamed: 'it is a default, and there is no total number of partitions',
    section: topics,
  },
  maxPartitionsPerTopic: {
    doc: 'Largest number of partitions of one topic.',
    section: topics,
  },
  messageMaxBytes: {
    doc: "Largest record batch, bytes; a topic's `max.message.bytes` overrides it.",
    section: topics,
  },
  maxOpenFiles: {
    doc: 'Number of data files open at a time; others are opened on demand.',
    byDefault: "half of the process's limit (`ulimit -n`)",
    section: topics,
  },
  segmentBytes: {
    doc: 'Size at which a segment file is closed, bytes.',
    section: topics,
  },
  maxSegmentAge: {
    doc: 'Age at which a segment file is closed.',
    renamed: '`segment` alone is unclear',
    section: topics,
  },
  retention: {
    doc: 'How long records are kept.',
    section: topics,
  },
  retentionBytes: {
    doc: "Size above which a partition's oldest records are deleted, bytes; -1: no limit.",
    section: topics,
  },
  diskReserve: {
    doc: 'Free space in bytes below which client writes are refused, while reads, offset commits and deletions continue; 0: no such limit.',
    byDefault: '64 MiB, or a tenth of the disk if that is less',
    section: topics,
  },
  logCleanerBackoff: {
    doc: 'Interval of retention and compaction; they also run soon after a segment is closed.',
    section: topics,
  },
  logCleanerMinCleanableRatio: {
    doc: "Share of a compacted log that must be new since its last compaction before the next; a topic's `min.cleanable.dirty.ratio` overrides it.",
    section: topics,
  },
  logCleanerMinCompactionLag: {
    doc: "Shortest time a record stays uncompacted; a topic's `min.compaction.lag.ms` overrides it.",
    section: topics,
  },
  logCleanerMaxCompactionLag: {
    doc: "Longest time a superseded record may wait for compaction; a topic's `max.compaction.lag.ms` overrides it.",
    section: topics,
  },
  clockJumpGrace: {
    doc: 'After the clock has jumped ahead by a week or more, how long records are kept that expired only because of the jump, so that a wrong clock can be corrected. 0: always trust the clock.',
    section: topics,
  },
  flushInterval: {
    doc: 'Longest time that acks=1 data stays in the operating system before it is synced to stable storage.',
    renamed: 'only logs are flushed',
    section: topics,
  },
  fetchMaxBytes: {
    doc: 'Largest response to a fetch, bytes (more only if its first batch is larger).',
    section: fetching,
  },
  fetchMaxWait: {
    doc: 'Longest long poll; a fetch that asks for more is answered after this time.',
    section: fetching,
  },
  maxWaitingFetches: {
    doc: 'Number of waiting long polls; further ones are answered at once.',
    section: fetching,
  },
  maxFetchSessions: {
    doc: 'Number of fetch sessions (KIP-227); with 0 none are granted.',
    renamed: 'it limits fetch sessions',
    section: fetching,
  },
  maxFetchSessionPartitions: {
    doc: 'Number of partitions in all fetch sessions together. Kafka has no limit.',
    section: fetching,
  },
  groupInitialRebalanceDelay: {
    doc: "How long the first rebalance of an empty group waits for more members. Kafka's default is 3 s.",
    section: groups,
  },
  groupMinSessionTimeout: {
    doc: 'Shortest session timeout a member may request.',
    section: groups,
  },
  groupMaxSessionTimeout: {
    doc: 'Longest session timeout a member may request.',
    section: groups,
  },
  groupMaxSize: {
    doc: 'Largest number of members in a group. Kafka has no limit.',
    section: groups,
  },
  offsetsRetention: {
    doc: 'How long the offsets of a group without members are kept.',
    section: groups,
  },
  transactionMaxTimeout: {
    doc: 'Longest transaction timeout a producer may request.',
    section: transactions,
  },
  transactionalIdExpiration: {
    doc: 'How long an unused transactional id is kept.',
    section: transactions,
  },
  offsetsTopicSegmentBytes: {
    doc: 'Size at which a segment of `__consumer_offsets` is closed, bytes; used when the topic is created.',
    section: groups,
  },
  transactionStateLogSegmentBytes: {
    doc: 'Size at which a segment of `__transaction_state` is closed, bytes; used when the topic is created.',
    section: transactions,
  },
  metadataLogSegmentBytes: {
    doc: 'Size at which a segment of the metadata log (topics and configs) is closed, bytes.',
    section: topics,
  },
  offsetMetadataMaxBytes: {
    doc: 'Longest metadata text of a committed offset, bytes.',
    section: groups,
  },
}
