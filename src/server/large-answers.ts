/** Requests whose answers may be large, however small they are themselves: each waits until earlier answers have left. */
import { describeAcls } from '../protocol/messages/generated/describe-acls.ts'
import { describeConfigs } from '../protocol/messages/generated/describe-configs.ts'
import { describeGroups } from '../protocol/messages/generated/describe-groups.ts'
import { describeLogDirs } from '../protocol/messages/generated/describe-log-dirs.ts'
import { describeProducers } from '../protocol/messages/generated/describe-producers.ts'
import { describeTopicPartitions } from '../protocol/messages/generated/describe-topic-partitions.ts'
import { describeTransactions } from '../protocol/messages/generated/describe-transactions.ts'
import { fetch } from '../protocol/messages/generated/fetch.ts'
import { listGroups } from '../protocol/messages/generated/list-groups.ts'
import { listOffsets } from '../protocol/messages/generated/list-offsets.ts'
import { listTransactions } from '../protocol/messages/generated/list-transactions.ts'
import { metadata } from '../protocol/messages/generated/metadata.ts'
import { offsetFetch } from '../protocol/messages/generated/offset-fetch.ts'
import { offsetForLeaderEpoch } from '../protocol/messages/generated/offset-for-leader-epoch.ts'

export const largeAnswers: ReadonlySet<number> = new Set(
  [
    describeAcls,
    describeConfigs,
    describeGroups,
    describeLogDirs,
    describeProducers,
    describeTopicPartitions,
    describeTransactions,
    fetch,
    listGroups,
    listOffsets,
    listTransactions,
    metadata,
    offsetFetch,
    offsetForLeaderEpoch,
  ].map(({ key }) => key),
)
