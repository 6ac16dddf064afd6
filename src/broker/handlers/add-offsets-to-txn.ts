/** AddOffsetsToTxn v0–4: the partition that holds a group's offsets becomes part of the transaction. As in Apache Kafka. */
import { errorCode } from '../../protocol/error-codes.ts'
import {
  type AddOffsetsToTxnRequest,
  type AddOffsetsToTxnResponse,
  createAddOffsetsToTxnResponse,
} from '../../protocol/messages/generated/add-offsets-to-txn.ts'
import type { RequestContext } from '../request-context.ts'
import type { BrokerServices } from '../services.ts'
import { offsetsPartition } from '../topics/internal-topics.ts'

export async function handleAddOffsetsToTxn(
  { transactions }: BrokerServices,
  { transactionalId, producerId, producerEpoch, groupId }: AddOffsetsToTxnRequest,
  { version }: RequestContext,
): Promise<AddOffsetsToTxnResponse> {
  if (groupId === '')
    return createAddOffsetsToTxnResponse({ errorCode: errorCode('INVALID_GROUP_ID') })
  const outcome = await transactions.addPartitions(transactionalId, {
    producerId,
    producerEpoch,
    partitions: [offsetsPartition],
    clientVersion: 0,
  })
  const isUnknownThen = version < 2 && outcome === 'PRODUCER_FENCED'
  const name = isUnknownThen ? 'INVALID_PRODUCER_EPOCH' : outcome
  return createAddOffsetsToTxnResponse({ errorCode: errorCode(name) })
}
