import { expect, test } from 'vitest'
import {
  batch,
  createTopic,
  openTestBroker,
  produceTo,
  type TestBroker,
} from '../../../test/broker/test-broker.ts'
import { errorName } from '../../protocol/error-codes.ts'
import {
  createDescribeProducersRequest,
  createDescribeProducersRequestTopicRequest,
  describeProducers,
} from '../../protocol/messages/generated/describe-producers.ts'
import { BatchBuilder } from '../../protocol/records/batch-builder.ts'

async function ask({ ask }: TestBroker, name: string, ...partitionIndexes: number[]) {
  const topics = [createDescribeProducersRequestTopicRequest({ name, partitionIndexes })]
  const response = await ask(describeProducers, createDescribeProducersRequest({ topics }))
  expect(response.topics.map((topic) => topic.name)).toEqual([name])
  return response.topics[0]!.partitions.map(({ errorCode, ...partition }) => ({
    ...partition,
    error: errorName(errorCode),
  }))
}

function sequenced(producerId: bigint, producerEpoch: number, baseSequence: number): Uint8Array {
  const builder = new BatchBuilder()
  builder.append(1000 + baseSequence, null, 'a')
  builder.append(2000 + baseSequence, null, 'b')
  return builder.build({ producerId, producerEpoch, baseSequence })
}

async function withTopic(): Promise<TestBroker> {
  const broker = await openTestBroker()
  await createTopic(broker, 'orders', 2)
  return broker
}

const ofSeven = {
  producerId: 7n,
  producerEpoch: 3,
  lastSequence: 3,
  lastTimestamp: 2002n,
  coordinatorEpoch: -1,
  currentTxnStartOffset: -1n,
}

test('each producer with its last batch, also after a restart', async () => {
  let broker = await withTopic()
  await produceTo(broker, 'orders', sequenced(7n, 3, 0))
  await produceTo(broker, 'orders', sequenced(7n, 3, 2))
  await produceTo(broker, 'orders', sequenced(8n, 0, 0))
  for (let time = 0; time < 2; time++) {
    const [first, second] = await ask(broker, 'orders', 0, 1)
    expect(first).toMatchObject({ partitionIndex: 0, error: 'NONE', errorMessage: null })
    expect(first!.activeProducers).toHaveLength(2)
    expect(first!.activeProducers).toContainEqual(ofSeven)
    expect(first!.activeProducers).toContainEqual({
      ...ofSeven,
      producerId: 8n,
      producerEpoch: 0,
      lastSequence: 1,
      lastTimestamp: 2000n,
    })
    expect(second).toMatchObject({ partitionIndex: 1, error: 'NONE', activeProducers: [] })
    broker = await broker.restart()
  }
})

test('who sends without an id is nobody', async () => {
  const broker = await withTopic()
  await produceTo(broker, 'orders', batch('a'))
  expect(await ask(broker, 'orders', 0)).toMatchObject([{ error: 'NONE', activeProducers: [] }])
})

test('what does not exist', async () => {
  const broker = await withTopic()
  const missing = { error: 'UNKNOWN_TOPIC_OR_PARTITION', activeProducers: [] }
  const errorMessage = expect.any(String)
  expect(await ask(broker, 'orders', 2, -1)).toMatchObject([missing, missing])
  expect(await ask(broker, 'nowhere', 0)).toMatchObject([{ ...missing, errorMessage }])
  expect(await ask(broker, 'no where', 0)).toMatchObject([
    { error: 'INVALID_TOPIC_EXCEPTION', errorMessage, activeProducers: [] },
  ])
})

test('a partition that its disk has failed', async () => {
  const broker = await withTopic()
  broker.fileSystem.failSyncs = true
  await produceTo(broker, 'orders', sequenced(7n, 3, 0))
  expect(await ask(broker, 'orders', 0, 1)).toMatchObject([
    { error: 'KAFKA_STORAGE_ERROR' },
    { error: 'NONE' },
  ])
})
