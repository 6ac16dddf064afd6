/**
 * Produce v3–13; v0–2 are advertised because older librdkafka would turn compression off otherwise.
 *
 * acks=0 and 1 are answered once the operating system has the bytes, acks=all once they are on stable storage. One
 * partition's failure leaves the others alone. The records' bytes become the log's.
 *
 * A batch for a compacted topic is refused whole when one of its records has no key, and `recordErrors` names each (v8+).
 *
 * Transactional batches need a transaction under way: up to v11 their partitions must have been added to it, from v12 on
 * (`transaction.version` 2, KIP-890) the write does that itself.
 */

import type { RequestContext } from '../../backend/request-context.ts'
import { KafkaError } from '../../core/errors.ts'
import {
  type CompressionName,
  compressionNames,
  loadCodec,
  loadedCodec,
} from '../../protocol/compression/codec.ts'
import {
  createProduceResponse,
  createProduceResponseBatchIndexAndErrorMessage,
  createProduceResponsePartitionProduceResponse,
  createProduceResponseTopicProduceResponse,
  type ProduceRequest,
  type ProduceResponse,
  type ProduceResponsePartitionProduceResponse,
  produce,
} from '../../protocol/messages/generated/produce.ts'
import { produceFilter } from '../access/produce-filter.ts'
import { toErrorCode, toErrorMessage } from '../error-code.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { RecordsRefusedError } from '../log/sent-batches.ts'
import { onlinePartition, topicOf } from '../partition-lookup.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'
import { isBrokersTopic } from '../topics/topic-name.ts'
import type { Topic } from '../topics/topic-registry.ts'
import { makeVisibleSoon } from '../visibility.ts'
import { admit, isTransactional, noAdmission } from './transactional-write.ts'

type Services = Pick<
  BrokerServices,
  'runtime' | 'topics' | 'longPolls' | 'transactions' | 'writeTurns'
>

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

async function handleProduce(
  services: Services,
  request: ProduceRequest,
  { version }: RequestContext,
): Promise<ProduceResponse> {
  const fault = faultOf(request)
  // Nothing waits where there is no transaction: pipelined requests keep their order.
  const admitted = fault ? undefined : admit(services, request, version)
  const admission = admitted && (await admitted)
  const codecs = loadCodecs(services, request, version)
  if (codecs) await codecs
  const pending: PendingSync[] = []
  const responses: ProduceResponse['responses'] = []
  const turn = services.writeTurns.take()
  try {
    if (turn.ahead) await turn.ahead
    for (const { name, topicId, partitionData } of request.topicData) {
      const topic = topicOf(services.topics, version >= 13, name, topicId)
      const partitionResponses: PartitionAnswer[] = []
      for (const { index, records } of partitionData) {
        const pause = turn.pause()
        if (pause) await pause
        const answer = createProduceResponsePartitionProduceResponse({ index, baseOffset: -1n })
        partitionResponses.push(answer)
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
      }
      responses.push(
        createProduceResponseTopicProduceResponse({ name, topicId, partitionResponses }),
      )
    }
  } finally {
    turn.end()
  }
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

/** What a server remembers in topics of its own is kept from clients in the hall, before this. */
function writablePartition(topic: Topic | KafkaError, index: number): PartitionLog {
  const log = onlinePartition(topic, index)
  if (isBrokersTopic(log.topic)) {
    throw new KafkaError(`Topic '${log.topic}' belongs to the broker; clients cannot write to it`, {
      code: 'INVALID_TOPIC_EXCEPTION',
    })
  }
  return log
}

/** Until it settles, requests wait for their turn. */
let loading: Promise<void> | undefined

/**
 * Loads the codecs of the request's batches, for those that are looked into (compacted topics). Undefined when they are there.
 * Requests that come while one waits wait too, so that they keep their order.
 */
function loadCodecs(
  { topics }: Services,
  { topicData }: ProduceRequest,
  version: number,
): Promise<void> | undefined {
  const missing = new Set<CompressionName>()
  for (const { name, topicId, partitionData } of topicData) {
    const topic = topicOf(topics, version >= 13, name, topicId)
    if (topic instanceof KafkaError || !topic.partitions[0]?.config.cleanupPolicy.compact) continue
    for (const { records } of partitionData) {
      const codec = compressionNames[(records?.[attributesAt] ?? 0) & compressionMask]
      if (codec && codec !== 'none' && !loadedCodec(codec)) missing.add(codec)
    }
  }
  if (missing.size === 0) return loading
  // One that this runtime has not is missed where it is needed.
  const loads = [...missing].map((name) => loadCodec(name).catch(() => undefined))
  const turn: Promise<void> = Promise.all([loading, ...loads]).then(() => {
    if (loading === turn) loading = undefined
  })
  loading = turn
  return turn
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
  services: Services,
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

function fail(services: Services, answer: PartitionAnswer, error: unknown): void {
  answer.errorCode = toErrorCode(services.runtime.logger, error)
  answer.errorMessage = toErrorMessage(error)
  if (error instanceof RecordsRefusedError) {
    answer.recordErrors = error.recordErrors.map(({ batchIndex, message }) =>
      createProduceResponseBatchIndexAndErrorMessage({
        batchIndex,
        batchIndexErrorMessage: message,
      }),
    )
  }
  answer.baseOffset = -1n
  answer.logAppendTimeMs = -1n
}

function notInTime(timeoutMs: number): KafkaError {
  return new KafkaError(
    `The records were written, but were not on stable storage within ${timeoutMs} ms; they may have been stored`,
    { code: 'REQUEST_TIMED_OUT' },
  )
}

export const produceApi = served({
  api: produce,
  filter: produceFilter,
  handle: handleProduce,
  advertised: { minVersion: 0 },
})
