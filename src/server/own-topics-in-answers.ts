/**
 * Topics that servers remember something in are internal, as our own broker says of them: another cluster takes them for
 * topics like others. A client lists internal topics only where it is asked to, and no pattern finds them.
 */
import { systemTopicPrefix } from '../backend/access.ts'
import type { ApiIdentity } from '../protocol/api.ts'
import {
  type DescribeTopicPartitionsResponse,
  describeTopicPartitions,
} from '../protocol/messages/generated/describe-topic-partitions.ts'
import { type MetadataResponse, metadata } from '../protocol/messages/generated/metadata.ts'

/** Changes the response, which is nobody else's. */
export function markOwnTopics({ key }: ApiIdentity, response: unknown): void {
  if (key !== metadata.key && key !== describeTopicPartitions.key) return
  const { topics } = response as MetadataResponse | DescribeTopicPartitionsResponse
  for (const topic of topics) if (topic.name?.startsWith(systemTopicPrefix)) topic.isInternal = true
}
