/**
 * Lets a Produce request's transactional batches into their transaction, or not.
 *
 * What a wait was needed for is asked again right before each append (`check`): the transaction may have been ended or
 * timed out meanwhile, and nothing may be written to one that is over.
 */

import { KafkaError } from '../../core/errors.ts'
import type { ErrorName } from '../../protocol/error-codes.ts'
import type { ProduceRequest } from '../../protocol/messages/generated/produce.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { topicOf } from '../partition-lookup.ts'
import type { BrokerServices } from '../services.ts'
import { type AdmitInput, refusedByTransaction } from '../transaction/transaction-coordinator.ts'
import type { ProducerIdAndEpoch, TopicPartition } from '../transaction/transaction-messages.ts'

type Services = Pick<BrokerServices, 'topics' | 'transactions'>

/** First version whose batches add their partition to the transaction themselves. */
const implicitFrom = 12
/** Where a batch has its low byte of attributes, its producer's id and epoch, and what the bit means. */
const attributesAt = 22
const producerIdAt = 43
const producerEpochAt = 51
const headerBytes = 61
const transactionalBit = 16

/** Whether a partition may be written to now. Throws why not. */
export interface Admission {
  check(log: PartitionLog): void
}

export function isTransactional(records: Uint8Array): boolean {
  return ((records[attributesAt] ?? 0) & transactionalBit) !== 0
}

/** Undefined when the request names no transactional id: it needs no wait, and a transactional batch has no place in it. */
export function admit(
  services: Services,
  request: ProduceRequest,
  version: number,
): Promise<Admission> | undefined {
  return request.transactionalId === null
    ? undefined
    : admitTransactional(services, request, request.transactionalId, version)
}

async function admitTransactional(
  { topics, transactions }: Services,
  { topicData }: ProduceRequest,
  transactionalId: string,
  version: number,
): Promise<Admission> {
  const partitions: TopicPartition[] = []
  let producer: ProducerIdAndEpoch | undefined
  for (const { name, topicId, partitionData } of topicData) {
    const topic = topicOf(topics, version >= 13, name, topicId)
    if (topic instanceof KafkaError) continue
    for (const { index, records } of partitionData) {
      if (!records || records.length < headerBytes || !isTransactional(records)) continue
      const sender = producerOf(records)
      producer ??= sender
      // One is asked for, and another would write.
      if (!isSame(sender, producer))
        return neverAdmitted('INVALID_PRODUCER_ID_MAPPING', transactionalId)
      if (topic.partitions[index]) partitions.push({ topic: topic.name, partition: index })
    }
  }
  if (!producer || partitions.length === 0)
    return neverAdmitted('INVALID_TXN_STATE', transactionalId)
  const isImplicit = version >= implicitFrom
  const input: AdmitInput = { transactionalId, ...producer, partitions, isImplicit }
  const verdict = await transactions.admit(input)
  return {
    check({ topic, partition }) {
      const now =
        verdict === 'NONE'
          ? transactions.check({ ...input, partitions: [{ topic, partition }] })
          : verdict
      if (now !== 'NONE') throw refusedByTransaction(nameIn(version, now), transactionalId)
    },
  }
}

export function noAdmission(): KafkaError {
  return new KafkaError('A transactional batch needs a transactional id in its request', {
    code: 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  })
}

function neverAdmitted(code: ErrorName, transactionalId: string): Admission {
  return {
    check() {
      throw refusedByTransaction(code, transactionalId)
    },
  }
}

function isSame(one: ProducerIdAndEpoch, other: ProducerIdAndEpoch): boolean {
  return one.producerId === other.producerId && one.producerEpoch === other.producerEpoch
}

function producerOf(records: Uint8Array): ProducerIdAndEpoch {
  const view = new DataView(records.buffer, records.byteOffset, records.byteLength)
  return {
    producerId: view.getBigInt64(producerIdAt),
    producerEpoch: view.getInt16(producerEpochAt),
  }
}

/** As Kafka answers producers: those before v12 know a wait only as NOT_ENOUGH_REPLICAS. */
function nameIn(version: number, verdict: ErrorName): ErrorName {
  if (verdict === 'PRODUCER_FENCED') return 'INVALID_PRODUCER_EPOCH'
  if (verdict === 'INVALID_TXN_STATE' && version >= 11) return 'TRANSACTION_ABORTABLE'
  const isWait = verdict === 'CONCURRENT_TRANSACTIONS' || verdict === 'COORDINATOR_NOT_AVAILABLE'
  return isWait && version < implicitFrom ? 'NOT_ENOUGH_REPLICAS' : verdict
}
