/**
 * OffsetCommit v2–10; by topic id from v10 on. An offset is stored only when all records before it are on stable storage,
 * so that no crash leaves a group ahead of its topic; it is answered when it is durable itself.
 *
 * Differs from Apache Kafka: `retentionTimeMs` (v2–4) is not looked at; the broker's `offsetsRetention` holds.
 */

import type { RequestContext } from '../../backend/request-context.ts'
import { errorCode } from '../../protocol/error-codes.ts'
import {
  createOffsetCommitResponse,
  createOffsetCommitResponsePartition,
  createOffsetCommitResponseTopic,
  type OffsetCommitRequest,
  type OffsetCommitResponse,
  offsetCommit,
} from '../../protocol/messages/generated/offset-commit.ts'
import { offsetCommitFilter } from '../access/group-filters.ts'
import { errorCodes, toErrorCode } from '../error-code.ts'
import { levelOf } from '../log/disk-reserve.ts'
import { onlinePartition, topicOf } from '../partition-lookup.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'
import { type AcceptedOffset, storable, toOffset } from './offsets-to-store.ts'

type Services = Pick<BrokerServices, 'runtime' | 'topics' | 'groups' | 'config'>

async function handleOffsetCommit(
  services: Services,
  request: OffsetCommitRequest,
  { version }: RequestContext,
): Promise<OffsetCommitResponse> {
  const refusal = check(services, request)
  const accepted: AcceptedOffset[] = []
  const topics = request.topics.map(({ name, topicId, partitions }) => {
    const topic = topicOf(services.topics, version >= 10, name, topicId)
    const answers = partitions.map((wanted) => {
      const { partitionIndex } = wanted
      const answer = createOffsetCommitResponsePartition({ partitionIndex, errorCode: refusal })
      if (refusal === errorCodes.NONE) {
        try {
          const log = onlinePartition(topic, partitionIndex)
          accepted.push({ log, offset: toOffset(services, log, wanted), answer })
        } catch (error) {
          answer.errorCode = toErrorCode(services.runtime.logger, error)
        }
      }
      return answer
    })
    return createOffsetCommitResponseTopic({ name, topicId, partitions: answers })
  })
  if (accepted.length > 0) await store(services, request, accepted)
  return createOffsetCommitResponse({ topics })
}

function check(
  { groups }: Services,
  { groupId, memberId, groupInstanceId, generationIdOrMemberEpoch }: OffsetCommitRequest,
): number {
  return errorCode(
    groups.checkCommit(groupId, memberId, groupInstanceId, generationIdOrMemberEpoch),
  )
}

async function store(
  services: Services,
  request: OffsetCommitRequest,
  accepted: readonly AcceptedOffset[],
): Promise<void> {
  const stored = await storable(services, accepted)
  if (stored.length === 0) return
  // The member may have been fenced while the disk was busy.
  let outcome = check(services, request)
  if (outcome === errorCodes.NONE) {
    try {
      await services.groups.offsets.commit(
        request.groupId,
        stored.map(({ offset }) => offset),
      )
    } catch (error) {
      services.runtime.logger[levelOf(error, 'error')](
        { err: error, group: request.groupId },
        'offsets could not be stored',
      )
      outcome = errorCodes.COORDINATOR_NOT_AVAILABLE
    }
  }
  for (const { answer } of stored) answer.errorCode = outcome
}

export const offsetCommitApi = served({
  api: offsetCommit,
  filter: offsetCommitFilter,
  handle: handleOffsetCommit,
})
