/**
 * ListOffsets v1–11. Special timestamps: -1 latest, -2 earliest, -3 the record with the largest timestamp (v7+), -4
 * earliest local (v8+), -5 latest tiered (v9+), -6 earliest pending upload (v11+). There is no tiered storage, so -4
 * is -2, and -5 and -6 find nothing.
 *
 * Differs from Apache Kafka: the answer to -1, and to -3, waits until what was appended so far is on stable storage,
 * so that it covers all that was acknowledged.
 */

import type { RequestContext } from '../../backend/request-context.ts'
import { KafkaError } from '../../core/errors.ts'
import {
  createListOffsetsResponse,
  createListOffsetsResponseListOffsetsPartitionResponse,
  createListOffsetsResponseListOffsetsTopicResponse,
  type ListOffsetsRequest,
  type ListOffsetsRequestListOffsetsPartition,
  type ListOffsetsResponse,
  type ListOffsetsResponseListOffsetsPartitionResponse,
  listOffsets,
} from '../../protocol/messages/generated/list-offsets.ts'
import { listOffsetsFilter } from '../access/topic-filters.ts'
import { toErrorCode } from '../error-code.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { checkLeaderEpoch, onlinePartition, unknownTopic } from '../partition-lookup.ts'
import { served } from '../served-api.ts'
import type { BrokerServices } from '../services.ts'

type Services = Pick<BrokerServices, 'runtime' | 'topics'>

const latest = -1n
const earliest = -2n
const maxTimestamp = -3n
const earliestLocal = -4n
const latestTiered = -5n
const earliestPendingUpload = -6n

/** First version that may ask for a special timestamp. */
const versionOf = new Map([
  [latest, 1],
  [earliest, 1],
  [maxTimestamp, 7],
  [earliestLocal, 8],
  [latestTiered, 9],
  [earliestPendingUpload, 11],
])

const readCommitted = 1

interface Found {
  readonly offset: bigint
  readonly timestamp: bigint
  readonly leaderEpoch: number
}

const nothing: Found = { offset: -1n, timestamp: -1n, leaderEpoch: -1 }

async function handleListOffsets(
  services: Services,
  request: ListOffsetsRequest,
  context: RequestContext,
): Promise<ListOffsetsResponse> {
  const repeated = repeatedIn(request)
  const topics = await Promise.all(
    request.topics.map(async ({ name, partitions }) => {
      const answers = partitions.map((wanted) =>
        answer(services, name, wanted, repeated, request.isolationLevel, context.version),
      )
      return createListOffsetsResponseListOffsetsTopicResponse({
        name,
        partitions: await Promise.all(answers),
      })
    }),
  )
  return createListOffsetsResponse({ topics })
}

/** Keys of the partitions that are asked for more than once. */
function repeatedIn({ topics }: ListOffsetsRequest): Set<string> {
  const once = new Set<string>()
  const repeated = new Set<string>()
  for (const { name, partitions } of topics) {
    for (const { partitionIndex } of partitions) {
      const key = keyOf(name, partitionIndex)
      if (once.has(key)) repeated.add(key)
      once.add(key)
    }
  }
  return repeated
}

function keyOf(name: string, partitionIndex: number): string {
  return `${partitionIndex}:${name}`
}

async function answer(
  services: Services,
  name: string,
  wanted: ListOffsetsRequestListOffsetsPartition,
  repeated: ReadonlySet<string>,
  isolationLevel: number,
  version: number,
): Promise<ListOffsetsResponseListOffsetsPartitionResponse> {
  const { partitionIndex } = wanted
  try {
    if (repeated.has(keyOf(name, partitionIndex))) {
      throw new KafkaError(`${name}-${partitionIndex} is requested more than once`, {
        code: 'INVALID_REQUEST',
      })
    }
    const log = onlinePartition(services.topics.byName(name) ?? unknownTopic(name), partitionIndex)
    checkLeaderEpoch(log, wanted.currentLeaderEpoch)
    const found = await lookUp(log, wanted.timestamp, isolationLevel, version)
    // Before v4 there is no place for the epoch.
    const leaderEpoch = version >= 4 ? found.leaderEpoch : -1
    return createListOffsetsResponseListOffsetsPartitionResponse({
      partitionIndex,
      ...found,
      leaderEpoch,
    })
  } catch (error) {
    const errorCode = toErrorCode(services.runtime.logger, error)
    return createListOffsetsResponseListOffsetsPartitionResponse({ partitionIndex, errorCode })
  }
}

async function lookUp(
  log: PartitionLog,
  timestamp: bigint,
  isolationLevel: number,
  version: number,
): Promise<Found> {
  if (timestamp < 0n && version < (versionOf.get(timestamp) ?? Number.POSITIVE_INFINITY)) {
    throw new KafkaError(`Version ${version} of ListOffsets has no timestamp ${timestamp}`, {
      code: 'UNSUPPORTED_VERSION',
    })
  }
  if (timestamp === latestTiered || timestamp === earliestPendingUpload) return nothing
  if (timestamp === earliest || timestamp === earliestLocal) {
    return foundAt(log, log.logStartOffset, -1n)
  }
  if (timestamp === latest || timestamp === maxTimestamp) await log.whenSynced()
  const visibleEnd = isolationLevel === readCommitted ? log.lastStableOffset : log.highWatermark
  if (timestamp === latest)
    return { offset: visibleEnd, timestamp: -1n, leaderEpoch: log.leaderEpoch }
  const found =
    timestamp === maxTimestamp ? await log.maxTimestamp() : await log.offsetForTimestamp(timestamp)
  return found && found.offset < visibleEnd ? foundAt(log, found.offset, found.timestamp) : nothing
}

function foundAt(log: PartitionLog, offset: bigint, timestamp: bigint): Found {
  return { offset, timestamp, leaderEpoch: log.leaderEpochAt(offset) }
}

export const listOffsetsApi = served({
  api: listOffsets,
  filter: listOffsetsFilter,
  handle: handleListOffsets,
})
