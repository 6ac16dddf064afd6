/**
 * Produce: a request with transactional records needs the right on its transactional id as a whole, each topic the right to
 * write to it. The usual case, where all is allowed, costs a question a topic.
 */
import { type AccessFilter, mayOnTopic, partsFilter } from '../../backend/access-filter.ts'
import { errorCode } from '../../protocol/error-codes.ts'
import {
  createProduceResponse,
  createProduceResponsePartitionProduceResponse,
  createProduceResponseTopicProduceResponse,
  type ProduceRequest,
  type ProduceRequestTopicProduceData,
  type ProduceResponse,
  type ProduceResponseTopicProduceResponse,
} from '../../protocol/messages/generated/produce.ts'

/** Position of the low byte of a batch's attributes, and the bit of batches of transactions. */
const attributesAt = 22
const transactionalBit = 0x10

export const produceFilter: AccessFilter<ProduceRequest, ProduceResponse> = (
  request,
  parts,
  next,
) => {
  const { transactionalId, topicData } = request
  const mayWriteAs =
    transactionalId !== null && parts.rights.may('write', 'transactionalId', transactionalId)
  if (!mayWriteAs && topicData.some(isTransactional)) {
    const code = errorCode('TRANSACTIONAL_ID_AUTHORIZATION_FAILED')
    const responses = topicData.map((topic) => refused(topic, code))
    return Promise.resolve(createProduceResponse({ responses }))
  }
  return toTopics(request, parts, next)
}

const toTopics: AccessFilter<ProduceRequest, ProduceResponse> = partsFilter({
  parts: ({ topicData }) => topicData,
  keep: (request, topicData) => ({ ...request, topicData }),
  isAllowed: (topic, parts) => mayOnTopic(parts, 'write', topic),
  denied: (topic) => refused(topic, errorCode('TOPIC_AUTHORIZATION_FAILED')),
  empty: createProduceResponse,
  answers: ({ responses }) => responses,
})

function isTransactional({ partitionData }: ProduceRequestTopicProduceData): boolean {
  return partitionData.some(
    ({ records }) => ((records?.[attributesAt] ?? 0) & transactionalBit) !== 0,
  )
}

function refused(
  { name, topicId, partitionData }: ProduceRequestTopicProduceData,
  code: number,
): ProduceResponseTopicProduceResponse {
  return createProduceResponseTopicProduceResponse({
    name,
    topicId,
    partitionResponses: partitionData.map(({ index }) =>
      createProduceResponsePartitionProduceResponse({ index, errorCode: code, baseOffset: -1n }),
    ),
  })
}
