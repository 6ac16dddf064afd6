import { describe, expect, test } from 'vitest'
import { createTopic, metadataOf, openTestBroker } from '../../../test/broker/test-broker.ts'
import { testSession } from '../../../test/broker/test-session.ts'
import { errorName } from '../../protocol/error-codes.ts'
import {
  createMetadataRequest,
  createMetadataRequestTopic,
  metadata,
} from '../../protocol/messages/generated/metadata.ts'

test('the cluster: one node, which is also the controller', async () => {
  const broker = await openTestBroker({ config: { nodeId: 7 } })
  const session = testSession({ advertised: { host: 'h', port: 9092 } })
  const response = await broker.ask(metadata, createMetadataRequest({ topics: [] }), { session })
  expect(response).toMatchObject({
    clusterId: broker.broker.clusterId,
    controllerId: 7,
    brokers: [{ nodeId: 7, host: 'h', port: 9092, rack: null }],
    topics: [],
  })
})

test('a topic and its partitions', async () => {
  const broker = await openTestBroker()
  const topicId = await createTopic(broker, 'orders', 2)
  const [topic] = await metadataOf(broker, ['orders'])
  expect(topic).toMatchObject({ error: 'NONE', name: 'orders', topicId, isInternal: false })
  expect(topic!.partitions).toMatchObject([
    {
      errorCode: 0,
      partitionIndex: 0,
      leaderId: 1,
      replicaNodes: [1],
      isrNodes: [1],
      offlineReplicas: [],
    },
    { errorCode: 0, partitionIndex: 1, leaderId: 1 },
  ])
})

test('all topics, internal ones marked, the metadata log left out', async () => {
  const broker = await openTestBroker()
  await createTopic(broker, 'orders')
  const topics = await metadataOf(broker, null)
  expect(topics.map(({ name, isInternal }) => [name, isInternal]).sort()).toEqual([
    ['__consumer_offsets', true],
    ['__transaction_state', true],
    ['orders', false],
  ])
})

test('in version 0 an empty list means all topics', async () => {
  const broker = await openTestBroker()
  await createTopic(broker, 'orders')
  const response = await broker.ask(metadata, createMetadataRequest({ topics: [] }), { version: 0 })
  expect(response.topics).toHaveLength(3)
})

describe('a topic that does not exist', () => {
  test('is created where request and broker allow it, ready at once and durable', async () => {
    const broker = await openTestBroker({ config: { defaultPartitions: 3 } })
    const [created] = await metadataOf(broker, ['orders'], true)
    expect(created).toMatchObject({ error: 'NONE', name: 'orders' })
    expect(created!.partitions).toHaveLength(3)
    const [again] = await metadataOf(await broker.restart(), ['orders'])
    expect(again).toMatchObject({ error: 'NONE', topicId: created!.topicId })
  })

  test('is created once when many ask for it', async () => {
    const broker = await openTestBroker()
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => metadataOf(broker, ['orders'], true)),
    )
    expect(new Set(answers.map(([topic]) => topic!.topicId)).size).toBe(1)
    expect(answers.every(([topic]) => topic!.error === 'NONE')).toBe(true)
  })

  test('is not created when the request says so', async () => {
    const broker = await openTestBroker()
    expect(await metadataOf(broker, ['orders'], false)).toMatchObject([
      { error: 'UNKNOWN_TOPIC_OR_PARTITION', name: 'orders', partitions: [] },
    ])
  })

  test('is not created with auto-creation off', async () => {
    const broker = await openTestBroker({ config: { autoCreateTopics: false } })
    expect(await metadataOf(broker, ['orders'], true)).toMatchObject([
      { error: 'UNKNOWN_TOPIC_OR_PARTITION' },
    ])
  })

  test.each(['', '.', '..', 'a/b', 'ä', 'x'.repeat(250)])(
    'has the valid name %j, or is refused',
    async (name) => {
      const broker = await openTestBroker()
      expect(await metadataOf(broker, [name], true)).toMatchObject([
        { error: 'INVALID_TOPIC_EXCEPTION', name },
      ])
    },
  )

  test('is not created when the disk is full, and is when there is room', async () => {
    const broker = await openTestBroker()
    broker.fileSystem.failWrites = 'STORAGE_FULL'
    expect(await metadataOf(broker, ['orders'], true)).toMatchObject([
      { error: 'KAFKA_STORAGE_ERROR' },
    ])
    broker.fileSystem.failWrites = undefined
    expect(await metadataOf(broker, ['orders'], true)).toMatchObject([{ error: 'NONE' }])
  })
})

test.each([10, 11, 12, 13])('version %i takes topic ids', async (version) => {
  const broker = await openTestBroker()
  const topicId = await createTopic(broker, 'orders')
  const topics = [topicId, 'AAAAAAAAAAAAAAAAAAAAAQ'].map((id) =>
    createMetadataRequestTopic({ topicId: id, name: version >= 12 ? null : '' }),
  )
  const response = await broker.ask(metadata, createMetadataRequest({ topics }), { version })
  expect(response.topics.map(({ errorCode, name }) => [errorName(errorCode), name])).toEqual([
    ['NONE', 'orders'],
    ['UNKNOWN_TOPIC_ID', version >= 12 ? null : ''],
  ])
})

test.each([0, 1, 2, 4, 5, 7, 8, 9, 13])('version %i', async (version) => {
  const broker = await openTestBroker()
  await createTopic(broker, 'orders')
  const topics = [createMetadataRequestTopic({ name: 'orders' })]
  const response = await broker.ask(metadata, createMetadataRequest({ topics }), { version })
  expect(response.topics).toMatchObject([{ name: 'orders', errorCode: 0 }])
})

test('tells what the caller may do, when asked', async () => {
  const broker = await openTestBroker()
  await createTopic(broker, 'orders')
  const request = createMetadataRequest({
    topics: [createMetadataRequestTopic({ name: 'orders' })],
    includeTopicAuthorizedOperations: true,
    includeClusterAuthorizedOperations: true,
  })
  const response = await broker.ask(metadata, request, { version: 8 })
  expect(response.topics[0]!.topicAuthorizedOperations).toBe(3576)
  expect(response.clusterAuthorizedOperations).toBeGreaterThan(0)
})
