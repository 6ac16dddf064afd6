/**
 * Moving the committed offsets of a group that nobody reads with.
 *
 * The group is looked at first, for a clear error; the broker refuses the commit itself when a member has come since.
 */
import { KafkaError, OffsetOutOfRangeError } from '../../core/errors.ts'
import { printable } from '../../core/json.ts'
import { invalid } from '../../core/options.ts'
import { errorFrom } from '../../protocol/error-codes.ts'
import {
  createOffsetCommitRequest,
  createOffsetCommitRequestPartition,
  createOffsetCommitRequestTopic,
  offsetCommit,
} from '../../protocol/messages/generated/offset-commit.ts'
import type { Cluster } from '../cluster.ts'
import { isOffset, Offset, type OffsetShift } from '../consumer/offset.ts'
import { lookUpOffsets } from '../consumer/offset-lookup.ts'
import { checkTopicName } from '../topic.ts'
import {
  askForGroup,
  checkGroupName,
  fetchAllCommitted,
  namedTopics,
  withCoordinator,
} from './group-requests.ts'

/** New position of a partition after `admin.resetOffsets`. */
export interface ResetOffset {
  readonly partition: number
  /** What was committed before; undefined when nothing was. */
  readonly before: bigint | undefined
  /** The committed offset now. */
  readonly offset: bigint
}

/** What a commit without a member gets from a group that has some. */
const activeErrors: ReadonlySet<string> = new Set([
  'UNKNOWN_MEMBER_ID',
  'ILLEGAL_GENERATION',
  'REBALANCE_IN_PROGRESS',
  'STALE_MEMBER_EPOCH',
])

export async function resetOffsets(
  cluster: Cluster,
  group: string,
  topic: string,
  offset: Offset | OffsetShift,
  { isPreview = false } = {},
): Promise<ResetOffset[]> {
  checkGroupName(group)
  checkTopicName(topic)
  if (!isOffset(offset) && offset?.kind !== 'shift')
    throw invalid('resetOffsets takes Offset.earliest, latest, timestamp(), at() or shift()')
  cluster.invalidateTopic(topic)
  const { partitions } = await cluster.ensureTopic(topic, { create: false })
  const found = await askForGroup(cluster, group)
  if (found && found.described.groupState !== 'Empty') throw groupIsActive(group)
  const committed = new Map<number, bigint>()
  for (const one of await fetchAllCommitted(cluster, group))
    if (one.topic === topic) committed.set(one.partition, one.offset)
  const indexes = partitions.map(({ index }) => index)
  const targets = await targetsOf(cluster, topic, indexes, offset, committed)
  if (!isPreview) await commit(cluster, group, topic, targets)
  return indexes.map((partition) =>
    printable({
      partition,
      before: committed.get(partition),
      offset: targets.get(partition)!,
    }),
  )
}

/** Within what is there: an exact offset or a shift that leads out of the log stops at its beginning or end. */
async function targetsOf(
  cluster: Cluster,
  topic: string,
  indexes: readonly number[],
  offset: Offset | OffsetShift,
  committed: ReadonlyMap<number, bigint>,
): Promise<Map<number, bigint>> {
  const places = indexes.map((partition) => ({ topic, partition }))
  const look = (where: Offset) =>
    lookUpOffsets(cluster, places, where, { isolation: 'read_uncommitted', create: false })
  if (offset.kind !== 'at' && offset.kind !== 'shift') return zip(indexes, await look(offset))
  const wanted = indexes.map((partition) =>
    offset.kind === 'at' ? offset.offset : shifted(topic, partition, offset, committed),
  )
  const [earliest, latest] = await Promise.all([look(Offset.earliest), look(Offset.latest)])
  const within = wanted.map((one, i) => {
    if (one < earliest[i]!) return earliest[i]!
    return one > latest[i]! ? latest[i]! : one
  })
  return zip(indexes, within)
}

function shifted(
  topic: string,
  partition: number,
  { by }: OffsetShift,
  committed: ReadonlyMap<number, bigint>,
): bigint {
  const before = committed.get(partition)
  if (before !== undefined) return before + by
  throw new OffsetOutOfRangeError(
    `The group has no committed offset for ${topic}-${partition} to shift. Reset it to another Offset first`,
    { code: 'OFFSET_OUT_OF_RANGE' },
  )
}

function zip(keys: readonly number[], values: readonly bigint[]): Map<number, bigint> {
  return new Map(keys.map((key, i) => [key, values[i]!]))
}

async function commit(
  cluster: Cluster,
  group: string,
  topic: string,
  offsets: ReadonlyMap<number, bigint>,
): Promise<void> {
  const partitions = [...offsets].map(([partitionIndex, committedOffset]) =>
    createOffsetCommitRequestPartition({
      partitionIndex,
      committedOffset,
      committedLeaderEpoch: -1,
      committedMetadata: '',
    }),
  )
  const request = createOffsetCommitRequest({
    groupId: group,
    generationIdOrMemberEpoch: -1,
    memberId: '',
    groupInstanceId: null,
    topics: [createOffsetCommitRequestTopic({ name: topic, partitions })],
  })
  await withCoordinator(cluster, group, `reset the offsets of group '${group}'`, async (call) => {
    const response = await cluster.exchange(offsetCommit, request, { ...call, ...namedTopics })
    const answers = response.topics.find(({ name }) => name === topic)?.partitions ?? []
    for (const partition of offsets.keys()) {
      const answer = answers.find(({ partitionIndex }) => partitionIndex === partition)
      if (answer?.errorCode === 0) continue
      const error = errorFrom(answer?.errorCode ?? -1, { group, topic, partition })
      throw activeErrors.has(error.code) ? groupIsActive(group, error) : error
    }
  })
}

function groupIsActive(group: string, cause?: Error): KafkaError {
  return new KafkaError(
    `Group '${group}' has members; its offsets can be reset once they have stopped`,
    { code: 'NON_EMPTY_GROUP', cause },
  )
}
