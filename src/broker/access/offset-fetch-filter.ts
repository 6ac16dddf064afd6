/** OffsetFetch: one group before v8, several from then on. A group's topics that are denied are answered or, of all, left out. */
import {
  type AccessFilter,
  type FilterParts,
  mayOnTopic,
  seesTopic,
} from '../../backend/access-filter.ts'
import { errorCode } from '../../protocol/error-codes.ts'
import {
  createOffsetFetchResponse,
  createOffsetFetchResponseGroup,
  createOffsetFetchResponsePartitions,
  type OffsetFetchRequest,
  type OffsetFetchRequestGroup,
  type OffsetFetchResponse,
} from '../../protocol/messages/generated/offset-fetch.ts'

const groupDenied = errorCode('GROUP_AUTHORIZATION_FAILED')
const topicDenied = errorCode('TOPIC_AUTHORIZATION_FAILED')

export const offsetFetchFilter: AccessFilter<OffsetFetchRequest, OffsetFetchResponse> = (
  request,
  parts,
  next,
) => (parts.version < 8 ? ofOneGroup(request, parts, next) : ofGroups(request, parts, next))

const ofOneGroup: AccessFilter<OffsetFetchRequest, OffsetFetchResponse> = async (
  request,
  parts,
  next,
) => {
  const { groupId, topics } = request
  const isAllowed = parts.rights.may('describe', 'group', groupId)
  const [rest, denied] = parted(topics ?? [], (topic) => mayOnTopic(parts, 'describe', topic))
  if (!isAllowed) {
    const errorTopics = parts.version < 2 ? (topics ?? []) : []
    return createOffsetFetchResponse({
      errorCode: groupDenied,
      topics: errorTopics.map((topic) => refusedTopic(topic, groupDenied)),
    })
  }
  const isAsked = topics === null || rest.length > 0 || denied.length === 0
  const response = isAsked
    ? await next({ ...request, topics: topics && rest })
    : createOffsetFetchResponse()
  const told =
    topics === null
      ? response.topics.filter((topic) => seesTopic(parts, 'describe', topic))
      : response.topics
  return { ...response, topics: [...told, ...denied.map((one) => refusedTopic(one, topicDenied))] }
}

const ofGroups: AccessFilter<OffsetFetchRequest, OffsetFetchResponse> = async (
  request,
  parts,
  next,
) => {
  const plans = request.groups.map((group) => planFor(group, parts))
  const asked = plans.flatMap(({ rest }) => (rest ? [rest] : []))
  if (asked.length === plans.length && plans.every(({ denied }) => denied.length === 0)) {
    const response = await next(request)
    for (const group of response.groups) hideTopics(group, plans, parts)
    return response
  }
  const response =
    asked.length > 0 ? await next({ ...request, groups: asked }) : createOffsetFetchResponse()
  const byId = new Map(response.groups.map((group) => [group.groupId, group]))
  const groups = plans.map(({ wanted, isAllowed, denied }) => {
    const { groupId } = wanted
    if (!isAllowed) return createOffsetFetchResponseGroup({ groupId, errorCode: groupDenied })
    const answered = byId.get(groupId) ?? createOffsetFetchResponseGroup({ groupId })
    hideTopics(answered, plans, parts)
    if (answered.errorCode !== 0) return answered
    const refused = denied.map((topic) => refusedTopic(topic, topicDenied))
    return { ...answered, topics: [...answered.topics, ...refused] }
  })
  return { ...response, groups }
}

interface Plan {
  readonly wanted: OffsetFetchRequestGroup
  readonly isAllowed: boolean
  /** What is passed on; undefined: nothing. */
  readonly rest: OffsetFetchRequestGroup | undefined
  readonly denied: NonNullable<OffsetFetchRequestGroup['topics']>
}

function planFor(wanted: OffsetFetchRequestGroup, parts: FilterParts): Plan {
  const isAllowed = parts.rights.may('describe', 'group', wanted.groupId)
  if (wanted.topics === null)
    return { wanted, isAllowed, rest: isAllowed ? wanted : undefined, denied: [] }
  const [topics, denied] = parted(wanted.topics, (topic) => mayOnTopic(parts, 'describe', topic))
  const isAsked = isAllowed && (topics.length > 0 || denied.length === 0)
  return { wanted, isAllowed, rest: isAsked ? { ...wanted, topics } : undefined, denied }
}

/** Who asks for all topics is told of those that it may see. */
function hideTopics(
  group: OffsetFetchResponse['groups'][number],
  plans: readonly Plan[],
  parts: FilterParts,
): void {
  const plan = plans.find(({ wanted }) => wanted.groupId === group.groupId)
  if (plan?.wanted.topics !== null) return
  group.topics = group.topics.filter((topic) => seesTopic(parts, 'describe', topic))
}

function refusedTopic<T extends { readonly partitionIndexes: readonly number[] }>(
  { partitionIndexes, ...topic }: T,
  code: number,
) {
  return {
    ...topic,
    partitions: partitionIndexes.map((partitionIndex) =>
      createOffsetFetchResponsePartitions({
        partitionIndex,
        committedOffset: -1n,
        errorCode: code,
      }),
    ),
  }
}

function parted<T>(items: readonly T[], isFirst: (item: T) => boolean): [T[], T[]] {
  const first: T[] = []
  const second: T[] = []
  for (const item of items) (isFirst(item) ? first : second).push(item)
  return [first, second]
}
