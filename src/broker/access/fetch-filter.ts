/**
 * Fetch: topics that are denied are answered, the others passed on. A fetch session (KIP-227) lives in the broker, which
 * must not remember what was denied, or the client would never ask for it again once it is allowed. So:
 *
 * - a request that opens a session and is denied in part is passed on without one: the client sends all again each time;
 * - one that adds to a session and is denied in part is answered FETCH_SESSION_ID_NOT_FOUND: the client begins anew;
 * - so is an answer of a session with a topic that is no longer allowed: nothing of it is told.
 */
import {
  type AccessFilter,
  type FilterParts,
  mayOnTopic,
  seesTopic,
} from '../../backend/access-filter.ts'
import { errorCode } from '../../protocol/error-codes.ts'
import {
  createFetchResponse,
  createFetchResponseFetchableTopicResponse,
  createFetchResponsePartitionData,
  type FetchRequest,
  type FetchRequestFetchTopic,
  type FetchResponse,
} from '../../protocol/messages/generated/fetch.ts'

const firstEpoch = 0
/** Without a session, or the end of one. */
const finalEpoch = -1
const topicDenied = errorCode('TOPIC_AUTHORIZATION_FAILED')
const sessionNotFound = errorCode('FETCH_SESSION_ID_NOT_FOUND')

export const fetchFilter: AccessFilter<FetchRequest, FetchResponse> = async (
  request,
  parts,
  next,
) => {
  const { topics, sessionEpoch } = request
  const denied = topics.filter((topic) => !mayFetch(topic, parts))
  const isOfSession = sessionEpoch !== firstEpoch && sessionEpoch !== finalEpoch
  if (denied.length === 0) return told(await next(request), isOfSession, parts)
  if (isOfSession) return createFetchResponse({ errorCode: sessionNotFound })
  const rest = topics.filter((topic) => !denied.includes(topic))
  const response =
    rest.length > 0
      ? await next({ ...request, topics: rest, sessionEpoch: finalEpoch })
      : createFetchResponse()
  return {
    ...(await told(response, false, parts)),
    responses: [...response.responses, ...denied.map(refused)],
  }
}

function mayFetch(
  { topic, topicId }: Pick<FetchRequestFetchTopic, 'topic' | 'topicId'>,
  parts: FilterParts,
) {
  return mayOnTopic(parts, 'read', { name: topic, topicId })
}

/** What was allowed when it was asked for may not be any more. */
function told(response: FetchResponse, isOfSession: boolean, parts: FilterParts): FetchResponse {
  const denied = response.responses.filter(
    ({ topic, topicId }) => !seesTopic(parts, 'read', { name: topic, topicId }),
  )
  if (denied.length === 0) return response
  if (isOfSession) return createFetchResponse({ errorCode: sessionNotFound })
  const rest = response.responses.filter((topic) => !denied.includes(topic))
  const refusals = denied.map(({ topic, topicId, partitions }) =>
    refusedTopic(
      topic,
      topicId,
      partitions.map(({ partitionIndex }) => partitionIndex),
    ),
  )
  return { ...response, responses: [...rest, ...refusals] }
}

function refused({ topic, topicId, partitions }: FetchRequestFetchTopic) {
  return refusedTopic(
    topic,
    topicId,
    partitions.map(({ partition }) => partition),
  )
}

function refusedTopic(topic: string, topicId: string, partitions: readonly number[]) {
  return createFetchResponseFetchableTopicResponse({
    topic,
    topicId,
    partitions: partitions.map((partitionIndex) =>
      createFetchResponsePartitionData({
        partitionIndex,
        errorCode: topicDenied,
        highWatermark: -1n,
        records: new Uint8Array(0),
      }),
    ),
  })
}
