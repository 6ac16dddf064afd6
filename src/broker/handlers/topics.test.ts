/** CreateTopics, CreatePartitions and DeleteTopics. */
import { describe, expect, test } from 'vitest'
import { runAll } from '../../../test/broker/settled.ts'
import {
  batch,
  createTopic,
  fetchFrom,
  metadataOf,
  openTestBroker,
  produceTo,
  type TestBroker,
} from '../../../test/broker/test-broker.ts'
import { errorName } from '../../protocol/error-codes.ts'
import {
  createCreatePartitionsRequest,
  createCreatePartitionsRequestCreatePartitionsAssignment,
  createCreatePartitionsRequestCreatePartitionsTopic,
  createPartitions,
} from '../../protocol/messages/generated/create-partitions.ts'
import {
  type CreateTopicsRequestCreatableTopic,
  createCreateTopicsRequest,
  createCreateTopicsRequestCreatableReplicaAssignment,
  createCreateTopicsRequestCreatableTopic,
  createTopics,
} from '../../protocol/messages/generated/create-topics.ts'
import {
  createDeleteTopicsRequest,
  createDeleteTopicsRequestDeleteTopicState,
  deleteTopics,
} from '../../protocol/messages/generated/delete-topics.ts'

async function create(
  broker: TestBroker,
  topics: Partial<CreateTopicsRequestCreatableTopic>[],
  options: { validateOnly?: boolean; version?: number } = {},
) {
  const { validateOnly = false, ...context } = options
  const request = createCreateTopicsRequest({
    topics: topics.map((topic) =>
      createCreateTopicsRequestCreatableTopic({ numPartitions: 1, replicationFactor: 1, ...topic }),
    ),
    validateOnly,
  })
  const response = await broker.ask(createTopics, request, context)
  return response.topics.map((topic) => ({ ...topic, error: errorName(topic.errorCode) }))
}

async function remove(broker: TestBroker, ...names: string[]) {
  const topics = names.map((name) => createDeleteTopicsRequestDeleteTopicState({ name }))
  const response = await broker.ask(deleteTopics, createDeleteTopicsRequest({ topics }))
  return response.responses.map((topic) => ({ ...topic, error: errorName(topic.errorCode) }))
}

async function addPartitions(
  broker: TestBroker,
  name: string,
  count: number,
  options: { validateOnly?: boolean; assignments?: number[][] | null } = {},
) {
  const assignments = options.assignments?.map((brokerIds) =>
    createCreatePartitionsRequestCreatePartitionsAssignment({ brokerIds }),
  )
  const topic = createCreatePartitionsRequestCreatePartitionsTopic({
    name,
    count,
    assignments: assignments ?? null,
  })
  const { validateOnly = false } = options
  const response = await broker.ask(
    createPartitions,
    createCreatePartitionsRequest({ topics: [topic], validateOnly }),
  )
  return errorName(response.results[0]!.errorCode)
}

async function partitionsOf(broker: TestBroker, name: string): Promise<number> {
  return (await metadataOf(broker, [name]))[0]!.partitions.length
}

describe('CreateTopics', () => {
  test('answers with the topic as it is', async () => {
    const broker = await openTestBroker()
    const [topic] = await create(broker, [
      { name: 'orders', numPartitions: 3, configs: [{ name: 'retention.ms', value: '1000' }] },
    ])
    expect(topic).toMatchObject({ error: 'NONE', numPartitions: 3, replicationFactor: 1 })
    expect(topic!.configs).toContainEqual({
      name: 'retention.ms',
      value: '1000',
      readOnly: false,
      configSource: 1,
      isSensitive: false,
    })
    expect(await metadataOf(broker, ['orders'])).toMatchObject([{ topicId: topic!.topicId }])
  })

  test('takes the defaults for -1', async () => {
    const broker = await openTestBroker({ config: { defaultPartitions: 4 } })
    expect(
      await create(broker, [{ name: 'orders', numPartitions: -1, replicationFactor: -1 }]),
    ).toMatchObject([{ error: 'NONE', numPartitions: 4 }])
  })

  test('takes an assignment that puts all partitions here', async () => {
    const broker = await openTestBroker()
    const assign = (...nodes: number[][]) =>
      nodes.map((brokerIds, partitionIndex) =>
        createCreateTopicsRequestCreatableReplicaAssignment({ partitionIndex, brokerIds }),
      )
    const manual = { numPartitions: -1, replicationFactor: -1 }
    const answers = await create(broker, [
      { name: 'here', ...manual, assignments: assign([1], [1]) },
      { name: 'elsewhere', ...manual, assignments: assign([1], [2]) },
      { name: 'twice', ...manual, assignments: assign([1, 1]) },
      { name: 'both', assignments: assign([1]) },
    ])
    expect(answers.map(({ error }) => error)).toEqual([
      'NONE',
      'INVALID_REPLICA_ASSIGNMENT',
      'INVALID_REPLICA_ASSIGNMENT',
      'INVALID_REQUEST',
    ])
    expect(await partitionsOf(broker, 'here')).toBe(2)
  })

  test.each([
    [{ name: 'a b' }, 'INVALID_TOPIC_EXCEPTION'],
    [{ name: '' }, 'INVALID_TOPIC_EXCEPTION'],
    [{ name: '..' }, 'INVALID_TOPIC_EXCEPTION'],
    [{ name: 'x'.repeat(250) }, 'INVALID_TOPIC_EXCEPTION'],
    [{ name: 'or_ders' }, 'INVALID_TOPIC_EXCEPTION'],
    [{ name: 'or.ders' }, 'TOPIC_ALREADY_EXISTS'],
    [{ name: 'new', numPartitions: 0 }, 'INVALID_PARTITIONS'],
    [{ name: 'new', numPartitions: -2 }, 'INVALID_PARTITIONS'],
    [{ name: 'new', numPartitions: 10_001 }, 'INVALID_PARTITIONS'],
    [{ name: 'new', replicationFactor: 3 }, 'INVALID_REPLICATION_FACTOR'],
    [{ name: 'new', replicationFactor: 0 }, 'INVALID_REPLICATION_FACTOR'],
    [{ name: 'new', configs: [{ name: 'retention.ms', value: 'soon' }] }, 'INVALID_CONFIG'],
    [{ name: 'new', configs: [{ name: 'retention.ms', value: null }] }, 'INVALID_CONFIG'],
    [{ name: 'new', configs: [{ name: 'no.such.config', value: '1' }] }, 'INVALID_CONFIG'],
    [{ name: 'new', configs: [{ name: 'flush.ms', value: '-1' }] }, 'INVALID_CONFIG'],
    [{ name: 'new', configs: [{ name: 'compression.type', value: 'gunzip' }] }, 'INVALID_CONFIG'],
  ])('%o is %s, whether it only validates or not', async (topic, error) => {
    const broker = await openTestBroker()
    await createTopic(broker, 'or.ders')
    expect(await create(broker, [topic], { validateOnly: true })).toMatchObject([{ error }])
    const [answer] = await create(broker, [topic])
    expect(answer).toMatchObject({ error, errorMessage: expect.any(String) })
    expect(await metadataOf(broker, ['new'])).toMatchObject([
      { error: 'UNKNOWN_TOPIC_OR_PARTITION' },
    ])
  })

  test('creates nothing when it only validates', async () => {
    const broker = await openTestBroker()
    expect(
      await create(broker, [{ name: 'orders', numPartitions: 2 }], { validateOnly: true }),
    ).toMatchObject([{ error: 'NONE', numPartitions: 2 }])
    expect(await metadataOf(broker, ['orders'])).toMatchObject([
      { error: 'UNKNOWN_TOPIC_OR_PARTITION' },
    ])
  })

  test('refuses a name that is there twice, and creates the rest', async () => {
    const broker = await openTestBroker()
    const answers = await create(broker, [{ name: 'twice' }, { name: 'once' }, { name: 'twice' }])
    expect(answers.map(({ name, error }) => [name, error])).toEqual([
      ['twice', 'INVALID_REQUEST'],
      ['once', 'NONE'],
    ])
  })

  test('two requests for one name: one creates it', async () => {
    const broker = await openTestBroker()
    const answers = await Promise.all([
      create(broker, [{ name: 'orders' }]),
      create(broker, [{ name: 'orders' }]),
    ])
    expect(answers.map(([topic]) => topic!.error).sort()).toEqual(['NONE', 'TOPIC_ALREADY_EXISTS'])
  })

  test('a full disk leaves nothing behind', async () => {
    const broker = await openTestBroker()
    broker.fileSystem.failWrites = 'STORAGE_FULL'
    expect(await create(broker, [{ name: 'orders', numPartitions: 3 }])).toMatchObject([
      { error: 'KAFKA_STORAGE_ERROR', errorMessage: expect.any(String) },
    ])
    broker.fileSystem.failWrites = undefined
    expect(broker.fileSystem.list('').filter((name) => name.startsWith('orders'))).toEqual([])
    expect(await create(broker, [{ name: 'orders' }])).toMatchObject([{ error: 'NONE' }])
  })

  test.each([2, 3, 4, 5, 6, 7])('version %i', async (version) => {
    const broker = await openTestBroker()
    const answers = await create(broker, [{ name: 'orders' }, { name: '..' }], { version })
    expect(answers.map(({ error }) => error)).toEqual(['NONE', 'INVALID_TOPIC_EXCEPTION'])
  })
})

describe('CreatePartitions', () => {
  test('adds partitions that survive a restart, and keeps the records of the others', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders', 1)
    await produceTo(broker, 'orders', batch('a'))
    expect(await addPartitions(broker, 'orders', 3)).toBe('NONE')
    expect(await produceTo(broker, 'orders', batch('b'), { partition: 2 })).toMatchObject({
      error: 'NONE',
    })
    const again = await broker.restart()
    expect(await partitionsOf(again, 'orders')).toBe(3)
    expect(await fetchFrom(again, 'orders')).toMatchObject({ values: ['a'] })
    expect(await fetchFrom(again, 'orders', 0n, { partition: 2 })).toMatchObject({ values: ['b'] })
  })

  test('only validates when asked', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders', 1)
    expect(await addPartitions(broker, 'orders', 3, { validateOnly: true })).toBe('NONE')
    expect(await partitionsOf(broker, 'orders')).toBe(1)
  })

  test.each([
    ['orders', 2, {}, 'INVALID_PARTITIONS'],
    ['orders', 1, {}, 'INVALID_PARTITIONS'],
    ['orders', 10_001, {}, 'INVALID_PARTITIONS'],
    ['nowhere', 3, {}, 'UNKNOWN_TOPIC_OR_PARTITION'],
    ['__consumer_offsets', 3, {}, 'INVALID_TOPIC_EXCEPTION'],
    ['orders', 3, { assignments: [[2]] }, 'INVALID_REPLICA_ASSIGNMENT'],
    ['orders', 3, { assignments: [[1], [1]] }, 'INVALID_REPLICA_ASSIGNMENT'],
    ['orders', 3, { assignments: [[1]] }, 'NONE'],
  ])('%s to %i %o: %s', async (name, count, options, error) => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders', 2)
    expect(await addPartitions(broker, name, count, options)).toBe(error)
  })
})

test('CreatePartitions refuses a topic that is there twice, and does the rest', async () => {
  const broker = await openTestBroker()
  await createTopic(broker, 'twice')
  await createTopic(broker, 'once')
  const topics = ['twice', 'once', 'twice'].map((name) =>
    createCreatePartitionsRequestCreatePartitionsTopic({ name, count: 3, assignments: null }),
  )
  const { results } = await broker.ask(createPartitions, createCreatePartitionsRequest({ topics }))
  expect(results.map(({ name, errorCode }) => [name, errorName(errorCode)])).toEqual([
    ['twice', 'INVALID_REQUEST'],
    ['once', 'NONE'],
  ])
  expect(await partitionsOf(broker, 'twice')).toBe(1)
})

describe('DeleteTopics', () => {
  test('removes the topic and its data, for good', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders', 2)
    await produceTo(broker, 'orders', batch('a'))
    expect(await remove(broker, 'orders')).toMatchObject([{ error: 'NONE', name: 'orders' }])
    expect(await fetchFrom(broker, 'orders')).toMatchObject({ error: 'UNKNOWN_TOPIC_OR_PARTITION' })
    expect(broker.fileSystem.list('').filter((name) => name.startsWith('orders'))).toEqual([])
    const again = await broker.restart()
    expect(await metadataOf(again, ['orders'])).toMatchObject([
      { error: 'UNKNOWN_TOPIC_OR_PARTITION' },
    ])
  })

  test('the name can be used again, for another topic', async () => {
    const broker = await openTestBroker()
    const first = await createTopic(broker, 'orders')
    await produceTo(broker, 'orders', batch('old'))
    await remove(broker, 'orders')
    const second = await createTopic(broker, 'orders')
    expect(second).not.toBe(first)
    await produceTo(broker, 'orders', batch('new'))
    expect(await fetchFrom(await broker.restart(), 'orders')).toMatchObject({ values: ['new'] })
  })

  test('with a full disk nothing is deleted; it can be tried again', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    await produceTo(broker, 'orders', batch('a'))
    broker.fileSystem.failWrites = 'STORAGE_FULL'
    expect(await remove(broker, 'orders')).toMatchObject([{ error: 'KAFKA_STORAGE_ERROR' }])
    expect(await fetchFrom(broker, 'orders')).toMatchObject({ values: ['a'] })
    broker.fileSystem.failWrites = undefined
    expect(await remove(broker, 'orders')).toMatchObject([{ error: 'NONE' }])
  })

  test('a topic that takes the name of one whose oldest records had gone begins at 0, and keeps its own', async () => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders', 1, { 'segment.bytes': '1024', 'retention.bytes': '1' })
    for (let i = 0; i < 20; i++) await produceTo(broker, 'orders', batch('x'.repeat(300)))
    broker.runtime.advance(300_000)
    await runAll()
    expect((await fetchFrom(broker, 'orders', 20n)).logStartOffset).toBeGreaterThan(5n)
    await remove(broker, 'orders')
    await createTopic(broker, 'orders')
    await produceTo(broker, 'orders', batch('kept'))
    expect(await fetchFrom(await broker.restart(), 'orders')).toMatchObject({ values: ['kept'] })
  })

  test('takes topic ids', async () => {
    const broker = await openTestBroker()
    const topicId = await createTopic(broker, 'orders')
    const unknown = 'AAAAAAAAAAAAAAAAAAAAAQ'
    const topics = [unknown, topicId].map((id) =>
      createDeleteTopicsRequestDeleteTopicState({ topicId: id }),
    )
    const { responses } = await broker.ask(deleteTopics, createDeleteTopicsRequest({ topics }))
    expect(responses.map(({ errorCode, name }) => [errorName(errorCode), name])).toEqual([
      ['UNKNOWN_TOPIC_ID', null],
      ['NONE', 'orders'],
    ])
  })

  test('refuses what does not exist, internal topics, and a name together with an id', async () => {
    const broker = await openTestBroker()
    const topicId = await createTopic(broker, 'orders')
    expect(
      (await remove(broker, 'nowhere', '__consumer_offsets')).map(({ error }) => error),
    ).toEqual(['UNKNOWN_TOPIC_OR_PARTITION', 'INVALID_TOPIC_EXCEPTION'])
    const topics = [createDeleteTopicsRequestDeleteTopicState({ name: 'orders', topicId })]
    const { responses } = await broker.ask(deleteTopics, createDeleteTopicsRequest({ topics }))
    expect(errorName(responses[0]!.errorCode)).toBe('INVALID_REQUEST')
  })

  test('refuses a topic that is there twice, and deletes the rest', async () => {
    const broker = await openTestBroker()
    const twiceId = await createTopic(broker, 'twice')
    await createTopic(broker, 'once')
    const state = createDeleteTopicsRequestDeleteTopicState
    const topics = [
      state({ name: 'twice' }),
      state({ name: 'once' }),
      state({ topicId: twiceId }),
      state({ name: 'nowhere' }),
      state({ name: 'nowhere' }),
    ]
    const { responses } = await broker.ask(deleteTopics, createDeleteTopicsRequest({ topics }))
    expect(responses.map(({ errorCode, name }) => [name, errorName(errorCode)])).toEqual([
      ['twice', 'INVALID_REQUEST'],
      ['once', 'NONE'],
      ['nowhere', 'INVALID_REQUEST'],
    ])
    expect(await metadataOf(broker, ['twice'])).toMatchObject([{ error: 'NONE' }])
  })

  test.each([1, 3, 4, 5])('version %i', async (version) => {
    const broker = await openTestBroker()
    await createTopic(broker, 'orders')
    const request = createDeleteTopicsRequest({ topicNames: ['orders', 'nowhere'] })
    const { responses } = await broker.ask(deleteTopics, request, { version })
    expect(responses.map(({ errorCode }) => errorName(errorCode))).toEqual([
      'NONE',
      'UNKNOWN_TOPIC_OR_PARTITION',
    ])
  })
})
