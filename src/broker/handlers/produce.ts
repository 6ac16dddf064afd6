/**
 * Produce v3–13; v0–2 are advertised because older librdkafka would turn compression off otherwise.
 *
 * acks=0 and 1 are answered once the operating system has the bytes, acks=all once they are on stable storage. One
 * partition's failure leaves the others alone. The records' bytes become the log's.
 *
 * Transactional batches need a transaction under way: up to v11 their partitions must have been added to it, from v12 on
 * (`transaction.version` 2, KIP-890) the write does that itself.
 */
import { KafkaError } from '../../core/errors.ts'
import {
  createProduceResponse,
  createProduceResponsePartitionProduceResponse,
  createProduceResponseTopicProduceResponse,
  type ProduceRequest,
  type ProduceResponse,
  type ProduceResponsePartitionProduceResponse,
} from '../../protocol/messages/generated/produce.ts'
import { toErrorCode, toErrorMessage } from '../error-code.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { onlinePartition, topicOf } from '../partition-lookup.ts'
import type { RequestContext } from '../request-context.ts'
import type { BrokerServices } from '../services.ts'
import type { Topic } from '../topics/topic-registry.ts'
import { makeVisibleSoon } from '../visibility.ts'
import { admit, isTransactional, noAdmission } from './transactional-write.ts'

const acksAll = -1
/** Position of the low byte of a batch's attributes, and what its bits mean. */
const attributesAt = 22
const compressionMask = 7
const zstd = 4

type PartitionAnswer = ProduceResponsePartitionProduceResponse

/** An append that an acks=all request waits for. */
interface PendingSync {
  readonly log: PartitionLog
  readonly endOffset: bigint
  readonly answer: PartitionAnswer
}

export async function handleProduce(
  services: BrokerServices,
  request: ProduceRequest,
  { version }: RequestContext,
): Promise<ProduceResponse> {
  const fault = faultOf(request)
  // Nothing waits where there is no transaction: pipelined requests keep their order.
  const admitted = fault ? undefined : admit(services, request, version)
  const admission = admitted && (await admitted)
  const pending: PendingSync[] = []
  const responses = request.topicData.map(({ name, topicId, partitionData }) => {
    const topic = topicOf(services.topics, version >= 13, name, topicId)
    const partitionResponses = partitionData.map(({ index, records }) => {
      const answer = createProduceResponsePartitionProduceResponse({ index, baseOffset: -1n })
      try {
        if (fault) throw fault
        const log = writablePartition(topic, index)
        const checked = checkRecords(records, version)
        if (isTransactional(checked)) {
          if (!admission) throw noAdmission()
          admission.check(log)
        }
        const endOffset = append(log, checked, answer)
        if (request.acks === acksAll) pending.push({ log, endOffset, answer })
        else if (services.longPolls.isWatched(log)) makeVisibleSoon(log)
      } catch (error) {
        fail(services, answer, error)
      }
      return answer
    })
    return createProduceResponseTopicProduceResponse({ name, topicId, partitionResponses })
  })
  if (pending.length > 0) await synced(services, pending, request.timeoutMs)
  return createProduceResponse({ responses })
}

/** What is wrong with the request as a whole. */
function faultOf({ acks }: ProduceRequest): KafkaError | undefined {
  if (acks === 0 || acks === 1 || acks === acksAll) return undefined
  return new KafkaError(`acks must be 0, 1 or -1 (all); got ${acks}`, {
    code: 'INVALID_REQUIRED_ACKS',
  })
}

function writablePartition(topic: Topic | KafkaError, index: number): PartitionLog {
  const log = onlinePartition(topic, index)
  if ((topic as Topic).isInternal) {
    throw new KafkaError(`Topic '${log.topic}' belongs to the broker; clients cannot write to it`, {
      code: 'INVALID_TOPIC_EXCEPTION',
    })
  }
  return log
}

/** What the log does not check: versions, and features that are not served. */
function checkRecords(records: Uint8Array | null, version: number): Uint8Array {
  if (!records || records.length === 0) {
    throw new KafkaError('The partition was sent no records', { code: 'INVALID_RECORD' })
  }
  const attributes = records[attributesAt] ?? 0
  if (version < 7 && (attributes & compressionMask) === zstd) {
    throw new KafkaError('zstd needs version 7 of Produce or later', {
      code: 'UNSUPPORTED_COMPRESSION_TYPE',
    })
  }
  return records
}

/** Fills in the answer and returns the offset after the last record. */
function append(log: PartitionLog, records: Uint8Array, answer: PartitionAnswer): bigint {
  const result = log.append(records)
  answer.baseOffset = result.baseOffset
  answer.logAppendTimeMs = BigInt(result.logAppendTime)
  answer.logStartOffset = result.logStartOffset
  return result.lastOffset + 1n
}

/** Resolves when every append is on stable storage or its answer says why not. */
async function synced(
  services: BrokerServices,
  pending: readonly PendingSync[],
  timeoutMs: number,
): Promise<void> {
  const unsettled = new Set(pending)
  const syncs = pending.map((append) =>
    append.log.whenSynced(append.endOffset).then(
      () => unsettled.delete(append),
      (error: unknown) => {
        // After the timeout the answer is on its way.
        if (unsettled.delete(append)) fail(services, append.answer, error)
      },
    ),
  )
  await new Promise<void>((resolve) => {
    const timer = services.runtime.setTimer(Math.max(0, timeoutMs), resolve)
    void Promise.all(syncs).then(() => {
      timer.cancel()
      resolve()
    })
  })
  for (const append of unsettled) fail(services, append.answer, notInTime(timeoutMs))
  unsettled.clear()
}

function fail(services: BrokerServices, answer: PartitionAnswer, error: unknown): void {
  answer.errorCode = toErrorCode(services.runtime.logger, error)
  answer.errorMessage = toErrorMessage(error)
  answer.baseOffset = -1n
  answer.logAppendTimeMs = -1n
}

function notInTime(timeoutMs: number): KafkaError {
  return new KafkaError(
    `The records were written, but were not on stable storage within ${timeoutMs} ms; they may be kept`,
    { code: 'REQUEST_TIMED_OUT' },
  )
}
