/**
 * Fetch v4–18. A long poll: answers when `minBytes` are there, something is wrong with a partition, or `maxWaitMs` is
 * over. While it waits it costs nothing, also no memory for what it has found so far; it looks again when a partition it
 * asked for advances.
 *
 * Only what is on stable storage is served (see partition-log.ts). Whoever reads at the end of a partition makes what
 * was appended behind it go to stable storage at once.
 *
 * What to read comes from the request or from its session (KIP-227): see fetch-sessions.ts.
 *
 * Differs from Apache Kafka: only whole batches are sent; replicas are served as consumers are; the partitions that
 * all sessions remember are limited.
 */

import type { AnswerMemory } from '../../backend/answer-memory.ts'
import type { RequestContext } from '../../backend/request-context.ts'
import { emptyBytes } from '../../core/bytes.ts'
import { KafkaError, OffsetOutOfRangeError } from '../../core/errors.ts'
import {
  createFetchResponseAbortedTransaction,
  createFetchResponseLeaderIdAndEpoch,
  createFetchResponseNodeEndpoint,
  createFetchResponsePartitionData,
  type FetchRequest,
  type FetchRequestFetchPartition,
  type FetchResponse,
  type FetchResponsePartitionData,
  fetch,
} from '../../protocol/messages/generated/fetch.ts'
import { readBatches } from '../../protocol/records/record-batch.ts'
import { readBuffers } from '../../storage/read-buffers.ts'
import { fetchFilter } from '../access/fetch-filter.ts'
import { toErrorCode } from '../error-code.ts'
import { type FetchTarget, logOf } from '../fetch/fetch-target.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { checkLeaderEpoch } from '../partition-lookup.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'
import { makeVisibleSoon } from '../visibility.ts'

type Services = Pick<
  BrokerServices,
  'config' | 'runtime' | 'topics' | 'longPolls' | 'fetchSessions'
>

const readCommitted = 1

/** One look at all partitions. */
interface Look {
  /** One for each target. */
  readonly answers: FetchResponsePartitionData[]
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

async function handleFetch(
  services: Services,
  request: FetchRequest,
  context: RequestContext,
): Promise<FetchResponse> {
  const { runtime, config, longPolls } = services
  const { signal, answerMemory } = context
  const exchange = services.fetchSessions.begin(request, context.version)
  const respond = ({ answers }: Look) => {
    const response = exchange.respond(answers, !signal?.aborted)
    if (answers.some(({ currentLeader }) => currentLeader.leaderId >= 0)) {
      const { nodeId } = config
      response.nodeEndpoints = [
        createFetchResponseNodeEndpoint({ nodeId, ...context.session.advertised }),
      ]
    }
    return response
  }
  const deadline = runtime.monotonicNow() + Math.min(request.maxWaitMs, config.fetchMaxWait)
  const minBytes = Math.min(request.minBytes, request.maxBytes, config.fetchMaxBytes)
  const { targets } = exchange
  const missing = new Set<FetchTarget>()
  for (let isFirst = true, isLast = false; ; isFirst = false) {
    const wanted = { targets, missing, isFirst, answerMemory }
    const look = await lookOnce(services, request, context.version, wanted)
    const isEnough = look.isUrgent || look.bytes >= minBytes || look.seen.size === 0
    if (isEnough || isLast) return respond(look)
    release(look)
    answerMemory?.settle(0)
    const logs = [...look.seen.keys()]
    const outcome = await longPolls.wait(logs, {
      timeoutMs: deadline - runtime.monotonicNow(),
      signal,
      isWorthLooking: (log) => hasNews(log, look, request) && mayHave(minBytes, look),
    })
    if (outcome === 'advanced') continue
    // What there is may be too little for `minBytes`, but now it is due.
    isLast =
      outcome === 'expired' &&
      (look.bytes > 0 || (minBytes > 1 && logs.some((log) => hasNews(log, look, request))))
    if (!isLast) return respond(look)
  }
}

interface Wanted {
  readonly targets: readonly FetchTarget[]
  /**
   * What the first look did not find. As in Apache Kafka it does not cut the wait for the others short, or a client
   * that asks for a topic that has gone would ask again and again without a pause.
   */
  readonly missing: Set<FetchTarget>
  readonly isFirst: boolean
  readonly answerMemory: AnswerMemory | undefined
}

const missingErrors: ReadonlySet<string> = new Set([
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_TOPIC_ID',
])

async function lookOnce(
  services: Services,
  request: FetchRequest,
  version: number,
  { targets, missing, isFirst, answerMemory }: Wanted,
): Promise<Look> {
  const responseBytesMax = Math.min(request.maxBytes, services.config.fetchMaxBytes)
  /** Bytes that may be held; undefined before there is something to read. */
  let room = answerMemory ? undefined : responseBytesMax
  let heldBytes = 0
  const seen = new Map<PartitionLog, Seen>()
  const answers: FetchResponsePartitionData[] = []
  let bytes = 0
  let isUrgent = false
  for (const target of targets) {
    const { wanted } = target
    try {
      const log = logOf(services.topics, target, version >= 13)
      const visibleEnd = visibleEndOf(log, request)
      seen.set(log, { visibleEnd, sizeInBytes: request.minBytes > 1 ? log.sizeInBytes : 0 })
      const answer = startAnswer(log, wanted, request)
      if (answer.divergingEpoch.epoch >= 0) isUrgent = true
      else if (wanted.fetchOffset >= visibleEnd) makeVisibleSoon(log)
      else {
        room ??= await answerMemory!.claim(
          Math.min(responseBytesMax, wantedBytes(targets)),
          Math.min(log.sizeInBytes, log.config.maxMessageBytes),
        )
        const left = responseBytesMax - bytes
        const bytesMax = Math.min(wanted.partitionMaxBytes, left, room - bytes)
        // One batch is due in a response that is empty so far, whatever its size (KIP-74).
        if (room > 0 && (bytesMax > 0 || bytes === 0)) {
          const from = wanted.fetchOffset
          await fill(answer, log, { from, visibleEnd, bytesMax, minOne: bytes === 0 })
        }
        // There is more than the memory for it, whatever `minBytes` says.
        if (bytesMax < Math.min(wanted.partitionMaxBytes, left))
          isUrgent ||= isCut(answer, visibleEnd)
      }
      bytes += answer.records!.length
      heldBytes += answer.records!.buffer.byteLength
      answers.push(answer)
    } catch (error) {
      if (isFirst && error instanceof KafkaError && missingErrors.has(error.code)) {
        missing.add(target)
      }
      if (!missing.has(target)) isUrgent = true
      answers.push(failed(services, target, version, error))
    }
  }
  // Records may be a part of what was read.
  if (bytes > 0) answerMemory?.settle(Math.max(bytes, Math.min(heldBytes, room!)))
  return { answers, bytes, isUrgent, seen }
}

/** As far as the limits of the partitions say. */
function wantedBytes(targets: readonly FetchTarget[]): number {
  return targets.reduce((sum, { wanted }) => sum + Math.max(0, wanted.partitionMaxBytes), 0)
}

/** Whether there is more to read than the answer has. */
function isCut({ records }: FetchResponsePartitionData, visibleEnd: bigint): boolean {
  let end = -1n
  for (const { lastOffset } of readBatches(records!)) end = lastOffset + 1n
  return end < visibleEnd
}

/** The records are read again when they are due. */
function release({ answers }: Look): void {
  for (const answer of answers) {
    readBuffers.release(answer.records!)
    answer.records = emptyBytes
    if (answer.abortedTransactions) answer.abortedTransactions = []
  }
}

/** What there is to say besides records. Throws what is wrong with the request for this partition. */
function startAnswer(
  log: PartitionLog,
  wanted: FetchRequestFetchPartition,
  { isolationLevel }: FetchRequest,
): FetchResponsePartitionData {
  const { fetchOffset, partition } = wanted
  checkLeaderEpoch(log, wanted.currentLeaderEpoch)
  if (fetchOffset < log.logStartOffset) throw outOfRange(log, fetchOffset)
  const diverging = divergenceOf(log, wanted)
  if (!diverging && fetchOffset > log.logEndOffset) throw outOfRange(log, fetchOffset)
  return createFetchResponsePartitionData({
    partitionIndex: partition,
    highWatermark: log.highWatermark,
    lastStableOffset: log.lastStableOffset,
    logStartOffset: log.logStartOffset,
    abortedTransactions: isolationLevel === readCommitted ? [] : null,
    records: emptyBytes,
    ...(diverging && { divergingEpoch: diverging }),
  })
}

interface Span {
  readonly from: bigint
  readonly visibleEnd: bigint
  readonly bytesMax: number
  readonly minOne: boolean
}

async function fill(
  answer: FetchResponsePartitionData,
  log: PartitionLog,
  { from, visibleEnd, bytesMax, minOne }: Span,
): Promise<void> {
  const records = await log.read(from, bytesMax, minOne, visibleEnd)
  if (!records) return
  answer.records = records
  if (answer.abortedTransactions) {
    answer.abortedTransactions = abortedIn(log, from, visibleEnd, records)
  }
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
  { config, runtime, topics }: Services,
  target: FetchTarget,
  version: number,
  error: unknown,
): FetchResponsePartitionData {
  const code = error instanceof KafkaError ? error.code : ''
  const answer = createFetchResponsePartitionData({
    partitionIndex: target.wanted.partition,
    errorCode: toErrorCode(runtime.logger, error),
    highWatermark: -1n,
    // As in Kafka: null, but for what is not there.
    abortedTransactions: missingErrors.has(code) ? [] : null,
    records: emptyBytes,
  })
  // KIP-951: who is told that its epoch is old learns the one that holds in the same answer.
  if (version >= 16 && code === 'FENCED_LEADER_EPOCH') {
    const { leaderEpoch } = logOf(topics, target, true)
    answer.currentLeader = createFetchResponseLeaderIdAndEpoch({
      leaderId: config.nodeId,
      leaderEpoch,
    })
  }
  return answer
}

function outOfRange(log: PartitionLog, offset: bigint): KafkaError {
  return new OffsetOutOfRangeError(
    `Offset ${offset} of ${log.topic}-${log.partition} is out of range: the log goes from ${log.logStartOffset} to ${log.logEndOffset}`,
    { code: 'OFFSET_OUT_OF_RANGE' },
  )
}

export const fetchApi = served({
  api: fetch,
  filter: fetchFilter,
  handle: handleFetch,
})
