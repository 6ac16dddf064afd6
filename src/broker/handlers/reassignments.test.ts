/** AlterPartitionReassignments and ListPartitionReassignments. */
import { expect, test } from 'vitest'
import { createTopic, openTestBroker, type TestBroker } from '../../../test/broker/test-broker.ts'
import { errorName } from '../../protocol/error-codes.ts'
import {
  alterPartitionReassignments,
  createAlterPartitionReassignmentsRequest,
  createAlterPartitionReassignmentsRequestReassignablePartition,
  createAlterPartitionReassignmentsRequestReassignableTopic,
} from '../../protocol/messages/generated/alter-partition-reassignments.ts'
import {
  createListPartitionReassignmentsRequest,
  createListPartitionReassignmentsRequestListPartitionReassignmentsTopics,
  listPartitionReassignments,
} from '../../protocol/messages/generated/list-partition-reassignments.ts'

async function withTopic(): Promise<TestBroker> {
  const broker = await openTestBroker({ config: { nodeId: 7 } })
  await createTopic(broker, 'orders', 2)
  return broker
}

test('there is never a reassignment to list', async () => {
  const { ask } = await withTopic()
  const named = ['orders', 'nowhere'].map((name) =>
    createListPartitionReassignmentsRequestListPartitionReassignmentsTopics({
      name,
      partitionIndexes: [0, 9],
    }),
  )
  for (const topics of [null, [], named]) {
    const request = createListPartitionReassignmentsRequest({ topics, timeoutMs: 1000 })
    expect(await ask(listPartitionReassignments, request)).toEqual({
      throttleTimeMs: 0,
      errorCode: 0,
      errorMessage: null,
      topics: [],
    })
  }
})

async function reassign(
  { ask }: TestBroker,
  name: string,
  partitionIndex: number,
  replicas: number[] | null,
  version = 1,
) {
  const partitions = [
    createAlterPartitionReassignmentsRequestReassignablePartition({ partitionIndex, replicas }),
  ]
  const topics = [createAlterPartitionReassignmentsRequestReassignableTopic({ name, partitions })]
  const request = createAlterPartitionReassignmentsRequest({ topics, timeoutMs: 1000 })
  const response = await ask(alterPartitionReassignments, request, { version })
  expect(response).toMatchObject({ errorCode: 0, errorMessage: null })
  const answer = response.responses[0]!.partitions[0]!
  expect(response.responses).toMatchObject([{ name, partitions: [{ partitionIndex }] }])
  expect(answer.errorMessage === null).toBe(answer.errorCode === 0)
  return errorName(answer.errorCode)
}

test.each([0, 1])('version %i: a partition can only be where it is', async (version) => {
  const broker = await withTopic()
  expect(await reassign(broker, 'orders', 0, [7], version)).toBe('NONE')
  for (const replicas of [[1], [7, 1], [7, 7], [], [-1]])
    expect(await reassign(broker, 'orders', 0, replicas, version)).toBe(
      'INVALID_REPLICA_ASSIGNMENT',
    )
})

test('there is no reassignment to cancel', async () => {
  expect(await reassign(await withTopic(), 'orders', 0, null)).toBe('NO_REASSIGNMENT_IN_PROGRESS')
})

test('what does not exist', async () => {
  const broker = await withTopic()
  const error = 'UNKNOWN_TOPIC_OR_PARTITION'
  for (const replicas of [[7], [1], null]) {
    expect(await reassign(broker, 'orders', 2, replicas)).toBe(error)
    expect(await reassign(broker, 'orders', -1, replicas)).toBe(error)
    expect(await reassign(broker, 'nowhere', 0, replicas)).toBe(error)
  }
})

test('the answer repeats whether the replication factor may change (v1)', async () => {
  const { ask } = await withTopic()
  for (const allowReplicationFactorChange of [true, false]) {
    const request = createAlterPartitionReassignmentsRequest({ allowReplicationFactorChange })
    expect(await ask(alterPartitionReassignments, request)).toMatchObject({
      allowReplicationFactorChange,
    })
  }
})
