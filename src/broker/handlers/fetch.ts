/**
 * Fetch v4–18. A long poll: answers when `minBytes` are there, something is wrong with a partition, or `maxWaitMs` is
 * over. While it waits it costs nothing; it looks again when a partition it asked for advances.
 *
 * Only what is on stable storage is served (see partition-log.ts). Whoever reads at the end of a partition makes what
 * was appended behind it go to stable storage at once.
 *
 * Differs from Apache Kafka: sessions (KIP-227) are never granted, so every request names all its partitions; only
 * whole batches are sent; replicas are served as consumers are.
 */
import { emptyBytes } from '../../core/bytes.ts'
import { type KafkaError, OffsetOutOfRangeError } from '../../core/errors.ts'
import {
  createFetchResponse,
  createFetchResponseAbortedTransaction,
  createFetchResponseEpochEndOffset,
  createFetchResponseFetchableTopicResponse,
  createFetchResponsePartitionData,
  type FetchRequest,
  type FetchRequestFetchPartition,
  type FetchResponse,
  type FetchResponsePartitionData,
} from '../../protocol/messages/generated/fetch.ts'
import { readBatches } from '../../protocol/records/record-batch.ts'
import { errorCodes, toErrorCode } from '../error-code.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { checkLeaderEpoch, onlinePartition, topicOf } from '../partition-lookup.ts'
import type { RequestContext } from '../request-context.ts'
import type { BrokerServices } from '../services.ts'
import { makeVisibleSoon } from '../visibility.ts'

const readCommitted = 1

/** One look at all partitions. */
interface Look {
  readonly response: FetchResponse
  readonly bytes: number
  /** An error, or a log that parted from what the caller has, is answered at once. */
  readonly isUrgent: boolean
  /** The logs that were read without error, and how far readers could see. */
  readonly seen: ReadonlyMap<PartitionLog, Seen>
}

interface Seen {
  readonly visibleEnd: bigint
  readonly sizeInBytes: number
}

export async function handleFetch(
  services: BrokerServices,
  request: FetchRequest,
  context: RequestContext,
): Promise<FetchResponse> {
  if (request.sessionId !== 0 && request.sessionEpoch > 0) {
    return createFetchResponse({ errorCode: errorCodes.FETCH_SESSION_ID_NOT_FOUND })
  }
  const { runtime, config, longPolls } = services
  const deadline = runtime.monotonicNow() + Math.min(request.maxWaitMs, config.fetchMaxWaitMs)
  const minBytes = Math.min(request.minBytes, request.maxBytes, config.fetchMaxBytes)
  for (;;) {
    const look = await lookOnce(services, request, context.version)
    if (look.isUrgent || look.bytes >= minBytes || look.seen.size === 0) return look.response
    const outcome = await longPolls.wait([...look.seen.keys()], {
      timeoutMs: deadline - runtime.monotonicNow(),
      signal: context.signal,
      isWorthLooking: (log) => hasNews(log, look, request) && mayHave(minBytes, look),
    })
    if (outcome !== 'advanced') return look.response
  }
}

async function lookOnce(
  services: BrokerServices,
  request: FetchRequest,
  version: number,
): Promise<Look> {
  const responseBytesMax = Math.min(request.maxBytes, services.config.fetchMaxBytes)
  const seen = new Map<PartitionLog, Seen>()
  let bytes = 0
  let isUrgent = false
  const responses = []
  for (const { topic: name, topicId, partitions } of request.topics) {
    const topic = topicOf(services.topics, version >= 13, name, topicId)
    const answers: FetchResponsePartitionData[] = []
    for (const wanted of partitions) {
      let answer: FetchResponsePartitionData
      try {
        const log = onlinePartition(topic, wanted.partition)
        const visibleEnd = visibleEndOf(log, request)
        seen.set(log, { visibleEnd, sizeInBytes: request.minBytes > 1 ? log.sizeInBytes : 0 })
        const bytesMax = Math.min(wanted.partitionMaxBytes, responseBytesMax - bytes)
        answer = await read(log, wanted, { visibleEnd, bytesMax, isFirst: bytes === 0, request })
        bytes += answer.records!.length
        if (answer.divergingEpoch.epoch >= 0) isUrgent = true
      } catch (error) {
        answer = failed(services, wanted.partition, error)
        isUrgent = true
      }
      answers.push(answer)
    }
    responses.push(
      createFetchResponseFetchableTopicResponse({ topic: name, topicId, partitions: answers }),
    )
  }
  return { response: createFetchResponse({ responses }), bytes, isUrgent, seen }
}

interface ReadLimits {
  readonly visibleEnd: bigint
  readonly bytesMax: number
  /** Nothing has been read for this response yet: one batch is due, whatever its size (KIP-74). */
  readonly isFirst: boolean
  readonly request: FetchRequest
}

async function read(
  log: PartitionLog,
  wanted: FetchRequestFetchPartition,
  { visibleEnd, bytesMax, isFirst, request }: ReadLimits,
): Promise<FetchResponsePartitionData> {
  const { fetchOffset, partition } = wanted
  checkLeaderEpoch(log, wanted.currentLeaderEpoch)
  if (fetchOffset < log.logStartOffset || fetchOffset > log.logEndOffset)
    throw outOfRange(log, fetchOffset)
  const answer = createFetchResponsePartitionData({
    partitionIndex: partition,
    highWatermark: log.highWatermark,
    lastStableOffset: log.lastStableOffset,
    logStartOffset: log.logStartOffset,
    abortedTransactions: request.isolationLevel === readCommitted ? [] : null,
    records: emptyBytes,
  })
  const diverging = divergenceOf(log, wanted)
  if (diverging) {
    answer.divergingEpoch = createFetchResponseEpochEndOffset(diverging)
    return answer
  }
  if (fetchOffset >= visibleEnd) {
    makeVisibleSoon(log)
    return answer
  }
  if (bytesMax <= 0 && !isFirst) return answer
  const records = await log.read(fetchOffset, bytesMax, isFirst, visibleEnd)
  if (!records) return answer
  answer.records = records
  if (request.isolationLevel === readCommitted) {
    answer.abortedTransactions = abortedIn(log, fetchOffset, visibleEnd, records)
  }
  return answer
}

/** The aborted transactions that touch these records. */
function abortedIn(log: PartitionLog, from: bigint, visibleEnd: bigint, records: Uint8Array) {
  const aborted = log.abortedTransactions(from, visibleEnd)
  if (aborted.length === 0) return []
  let lastOffset = -1n
  for (const header of readBatches(records)) lastOffset = header.lastOffset
  return aborted
    .filter(({ firstOffset }) => firstOffset <= lastOffset)
    .map((one) => createFetchResponseAbortedTransaction(one))
}

/** The end of the log that the reader's last epoch shares with ours, when they have parted (KIP-595). */
function divergenceOf(
  log: PartitionLog,
  { lastFetchedEpoch, fetchOffset }: FetchRequestFetchPartition,
): { epoch: number; endOffset: bigint } | undefined {
  if (lastFetchedEpoch < 0) return undefined
  const shared = log.endOffsetForEpoch(lastFetchedEpoch)
  if (!shared) throw outOfRange(log, fetchOffset)
  return shared.epoch < lastFetchedEpoch || shared.endOffset < fetchOffset ? shared : undefined
}

function visibleEndOf(log: PartitionLog, { isolationLevel }: FetchRequest): bigint {
  return isolationLevel === readCommitted ? log.lastStableOffset : log.highWatermark
}

function hasNews(log: PartitionLog, { seen }: Look, request: FetchRequest): boolean {
  return log.offline !== undefined || visibleEndOf(log, request) > seen.get(log)!.visibleEnd
}

/** Whether what the logs have grown by since the look could make up `minBytes`. */
function mayHave(minBytes: number, look: Look): boolean {
  if (minBytes <= 1) return true
  let bytes = look.bytes
  for (const [log, { sizeInBytes }] of look.seen) {
    if (log.offline) return true
    bytes += Math.max(0, log.sizeInBytes - sizeInBytes)
  }
  return bytes >= minBytes
}

function failed(
  { runtime }: BrokerServices,
  partitionIndex: number,
  error: unknown,
): FetchResponsePartitionData {
  return createFetchResponsePartitionData({
    partitionIndex,
    errorCode: toErrorCode(runtime.logger, error),
    highWatermark: -1n,
    records: emptyBytes,
  })
}

function outOfRange(log: PartitionLog, offset: bigint): KafkaError {
  return new OffsetOutOfRangeError(
    `Offset ${offset} of ${log.topic}-${log.partition} is out of range: the log goes from ${log.logStartOffset} to ${log.logEndOffset}`,
    { code: 'OFFSET_OUT_OF_RANGE' },
  )
}
