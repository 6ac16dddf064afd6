/** AddOffsetsToTxn v0–4: the partition that holds a group's offsets becomes part of the transaction. As in Apache Kafka. */

import type { RequestContext } from '../../backend/request-context.ts'
import { errorCode } from '../../protocol/error-codes.ts'
import {
  type AddOffsetsToTxnRequest,
  type AddOffsetsToTxnResponse,
  addOffsetsToTxn,
  createAddOffsetsToTxnResponse,
} from '../../protocol/messages/generated/add-offsets-to-txn.ts'
import { addOffsetsToTxnFilter } from '../access/transaction-filters.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'
import { offsetsPartition } from '../topics/internal-topics.ts'

type Services = Pick<BrokerServices, 'transactions'>

async function handleAddOffsetsToTxn(
  { transactions }: Services,
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

export const addOffsetsToTxnApi = served({
  api: addOffsetsToTxn,
  filter: addOffsetsToTxnFilter,
  handle: handleAddOffsetsToTxn,
})
