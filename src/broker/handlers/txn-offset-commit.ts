/**
 * TxnOffsetCommit v0–5: offsets that count once the transaction is committed. Up to v4 AddOffsetsToTxn must have come
 * before; from v5 on (`transaction.version` 2, KIP-890) this is that too. Durable before the answer.
 *
 * Differs from Apache Kafka: first waits until the records before an offset are on stable storage, as OffsetCommit does.
 */

import type { RequestContext } from '../../backend/request-context.ts'
import { errorCode, type Outcome } from '../../protocol/error-codes.ts'
import {
  createTxnOffsetCommitResponse,
  createTxnOffsetCommitResponsePartition,
  createTxnOffsetCommitResponseTopic,
  type TxnOffsetCommitRequest,
  type TxnOffsetCommitResponse,
  txnOffsetCommit,
} from '../../protocol/messages/generated/txn-offset-commit.ts'
import { txnOffsetCommitFilter } from '../access/transaction-filters.ts'
import { errorCodes, toErrorCode } from '../error-code.ts'
import { levelOf } from '../log/disk-reserve.ts'
import { onlinePartition, topicOf } from '../partition-lookup.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'
import { offsetsPartition } from '../topics/internal-topics.ts'
import type { AdmitInput } from '../transaction/transaction-coordinator.ts'
import { type AcceptedOffset, storable, toOffset } from './offsets-to-store.ts'

type Services = Pick<BrokerServices, 'runtime' | 'topics' | 'groups' | 'transactions' | 'config'>

async function handleTxnOffsetCommit(
  services: Services,
  request: TxnOffsetCommitRequest,
  { version }: RequestContext,
): Promise<TxnOffsetCommitResponse> {
  const refusal = checkMember(services, request)
  const accepted: AcceptedOffset[] = []
  const topics = request.topics.map(({ name, partitions }) => {
    const topic = topicOf(services.topics, false, name, '')
    const answers = partitions.map((wanted) => {
      const { partitionIndex } = wanted
      const answer = createTxnOffsetCommitResponsePartition({ partitionIndex, errorCode: refusal })
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
    return createTxnOffsetCommitResponseTopic({ name, partitions: answers })
  })
  if (accepted.length > 0) await store(services, request, accepted, version)
  return createTxnOffsetCommitResponse({ topics })
}

/** Producers that say nothing of a membership, as before v3, commit for the group without one. */
function checkMember(
  { groups }: Services,
  { groupId, memberId, groupInstanceId, generationId }: TxnOffsetCommitRequest,
): number {
  if (groupId === '') return errorCodes.INVALID_GROUP_ID
  if (memberId === '' && groupInstanceId === null && generationId < 0) return errorCodes.NONE
  return errorCode(groups.checkCommit(groupId, memberId, groupInstanceId, generationId))
}

async function store(
  services: Services,
  request: TxnOffsetCommitRequest,
  accepted: readonly AcceptedOffset[],
  version: number,
): Promise<void> {
  const { transactionalId, groupId, producerId, producerEpoch } = request
  const admission: AdmitInput = {
    transactionalId,
    producerId,
    producerEpoch,
    partitions: [offsetsPartition],
    isImplicit: version >= 5,
  }
  const stored = await storable(services, accepted)
  if (stored.length === 0) return
  let outcome = errorCode(asAnswered(await services.transactions.admit(admission)))
  // Member and transaction may have been fenced while the disk was busy; from here to the write nothing waits.
  if (outcome === errorCodes.NONE) outcome = checkMember(services, request)
  if (outcome === errorCodes.NONE) {
    outcome = errorCode(asAnswered(services.transactions.check(admission)))
  }
  if (outcome === errorCodes.NONE) {
    try {
      const offsets = stored.map(({ offset }) => offset)
      await services.groups.transactional.commit(groupId, { producerId, producerEpoch }, offsets)
    } catch (error) {
      services.runtime.logger[levelOf(error, 'error')](
        { err: error, group: groupId },
        'offsets could not be stored',
      )
      outcome = errorCodes.COORDINATOR_NOT_AVAILABLE
    }
  }
  for (const { answer } of stored) answer.errorCode = outcome
}

function asAnswered(outcome: Outcome): Outcome {
  return outcome === 'PRODUCER_FENCED' ? 'INVALID_PRODUCER_EPOCH' : outcome
}

export const txnOffsetCommitApi = served({
  api: txnOffsetCommit,
  filter: txnOffsetCommitFilter,
  handle: handleTxnOffsetCommit,
})
