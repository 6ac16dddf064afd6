import { expect, test } from 'vitest'
import { createTopic, openTestBroker, type TestBroker } from '../../../test/broker/test-broker.ts'
import { errorName } from '../../protocol/error-codes.ts'
import {
  createElectLeadersRequest,
  createElectLeadersRequestTopicPartitions,
  type ElectLeadersResponse,
  electLeaders,
} from '../../protocol/messages/generated/elect-leaders.ts'

const preferred = 0
const unclean = 1

async function withTopic(): Promise<TestBroker> {
  const broker = await openTestBroker()
  await createTopic(broker, 'orders', 2)
  return broker
}

function ask(
  { ask }: TestBroker,
  wanted: { [topic: string]: number[] } | null,
  { electionType = preferred, version = 2 } = {},
): Promise<ElectLeadersResponse> {
  const topicPartitions =
    wanted &&
    Object.entries(wanted).map(([topic, partitions]) =>
      createElectLeadersRequestTopicPartitions({ topic, partitions }),
    )
  const request = createElectLeadersRequest({ electionType, topicPartitions, timeoutMs: 1000 })
  return ask(electLeaders, request, { version })
}

function errorsIn({ errorCode, replicaElectionResults }: ElectLeadersResponse): string[] {
  const errors = replicaElectionResults.flatMap(({ topic, partitionResult }) =>
    partitionResult.map((one) => {
      expect(one.errorMessage).toBeTypeOf('string')
      return `${topic}-${one.partitionId} ${errorName(one.errorCode)}`
    }),
  )
  return [errorName(errorCode), ...errors]
}

test.each([
  [0, preferred],
  [1, preferred],
  [1, unclean],
  [2, preferred],
  [2, unclean],
])(
  'version %i, election type %i: every partition has its leader',
  async (version, electionType) => {
    const broker = await withTopic()
    const wanted = { orders: [0, 1, 2, -1], nowhere: [0], __cluster_metadata: [0] }
    expect(errorsIn(await ask(broker, wanted, { electionType, version }))).toEqual([
      'NONE',
      'orders-0 ELECTION_NOT_NEEDED',
      'orders-1 ELECTION_NOT_NEEDED',
      'orders-2 UNKNOWN_TOPIC_OR_PARTITION',
      'orders--1 UNKNOWN_TOPIC_OR_PARTITION',
      'nowhere-0 UNKNOWN_TOPIC_OR_PARTITION',
      '__cluster_metadata-0 UNKNOWN_TOPIC_OR_PARTITION',
    ])
  },
)

test('of all partitions, those that need no election are not listed', async () => {
  const response = await ask(await withTopic(), null)
  expect(errorsIn(response)).toEqual(['NONE'])
  const topics = response.replicaElectionResults.map(({ topic }) => topic)
  expect(topics.sort()).toEqual(['__consumer_offsets', '__transaction_state', 'orders'])
})

test('an election type that there is not', async () => {
  const broker = await withTopic()
  expect(errorsIn(await ask(broker, { orders: [0] }, { electionType: 5 }))).toEqual([
    'INVALID_REQUEST',
    'orders-0 INVALID_REQUEST',
  ])
  expect(errorsIn(await ask(broker, null, { electionType: -1 }))).toEqual(['INVALID_REQUEST'])
})
