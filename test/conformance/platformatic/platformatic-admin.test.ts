/** @platformatic/kafka's administration of topics, settings, groups and records. */
import {
  ConfigResourceTypes,
  IncrementalAlterConfigOperationTypes,
  type IncrementalAlterConfigsOptions,
  ListOffsetTimestamps,
} from '@platformatic/kafka'
import { expect, test, vi } from 'vitest'
import { describeClient } from '../describe-client.ts'
import { servedBroker, uniqueNames } from '../npm/served-broker.ts'
import {
  createAdmin,
  createConsumer,
  createProducer,
  hasApiError,
  readAll,
  take,
  text,
} from './platformatic-client.ts'

type ConfigChange = IncrementalAlterConfigsOptions['resources'][number]['configs'][number]

const broker = servedBroker()
const unique = uniqueNames()

async function createTopic(partitions = 1): Promise<string> {
  const topic = unique('topic')
  await createAdmin(broker).createTopics({ topics: [topic], partitions })
  return topic
}

async function produce(topic: string, values: readonly string[], timestamps: bigint[] = []) {
  const messages = values.map((value, i) => ({
    topic,
    partition: 0,
    value: Buffer.from(value),
    ...(timestamps[i] !== undefined && { timestamp: timestamps[i] }),
  }))
  await createProducer(broker).send({ messages })
}

async function offsetAt(name: string, timestamp: bigint): Promise<bigint | undefined> {
  const [listed] = await createAdmin(broker).listOffsets({
    topics: [{ name, partitions: [{ partitionIndex: 0, timestamp }] }],
  })
  return listed?.partitions[0]?.offset
}

describeClient('@platformatic/kafka: admin, topics', () => {
  test('create, list and delete', async () => {
    const admin = createAdmin(broker)
    const topics = [unique('made'), unique('made')]
    const created = await admin.createTopics({ topics, partitions: 2 })
    expect(created).toMatchObject(topics.map((name) => ({ name, partitions: 2, replicas: 1 })))
    expect(created[0]?.id).toMatch(/^[\da-f]{8}-[\da-f-]{27}$/)
    expect(await admin.listTopics()).toEqual(expect.arrayContaining(topics))
    await admin.deleteTopics({ topics })
    await vi.waitFor(async () => {
      const left = await admin.listTopics()
      for (const topic of topics) expect(left).not.toContain(topic)
    }, 10_000)
  })

  test('errors: one that exists, a bad name, too many replicas, one that is not there', async () => {
    const admin = createAdmin(broker)
    const topic = await createTopic()
    const create = (name: string, replicas = 1) =>
      admin.createTopics({ topics: [name], replicas, partitions: 1 })
    await expect(create(topic)).rejects.toSatisfy(hasApiError('TOPIC_ALREADY_EXISTS'))
    await expect(create('not/a/name')).rejects.toSatisfy(hasApiError('INVALID_TOPIC_EXCEPTION'))
    await expect(create(unique('copies'), 2)).rejects.toSatisfy(
      hasApiError('INVALID_REPLICATION_FACTOR'),
    )
    await expect(admin.deleteTopics({ topics: [unique('nowhere')] })).rejects.toSatisfy(
      hasApiError('UNKNOWN_TOPIC_OR_PARTITION'),
    )
  })

  test('create with an assignment of replicas and with settings', async () => {
    const admin = createAdmin(broker)
    const topic = unique('assigned')
    const [created] = await admin.createTopics({
      topics: [topic],
      partitions: -1,
      replicas: -1,
      assignments: [0, 1].map((partition) => ({ partition, brokers: [1] })),
      configs: [{ name: 'max.message.bytes', value: '2000' }],
    })
    expect(created).toMatchObject({ name: topic, partitions: 2, replicas: 1 })
    expect(created?.configuration['max.message.bytes']).toBe('2000')
  })

  test('more partitions', async () => {
    const admin = createAdmin(broker)
    const name = await createTopic(2)
    const create = (count: number) =>
      admin.createPartitions({ topics: [{ name, count, assignments: null }] })
    await create(5)
    const metadata = await admin.metadata({ topics: [name], forceUpdate: true })
    expect(metadata.topics.get(name)?.partitionsCount).toBe(5)
    await expect(create(3)).rejects.toSatisfy(hasApiError('INVALID_PARTITIONS'))
  })
})

describeClient('@platformatic/kafka: admin, offsets and records', () => {
  test('first and last offsets, and by timestamp', async () => {
    const topic = await createTopic()
    const from = 1_600_000_000_000n
    await produce(topic, ['a', 'b', 'c'], [from, from + 2000n, from + 4000n])
    expect(await offsetAt(topic, ListOffsetTimestamps.EARLIEST)).toBe(0n)
    expect(await offsetAt(topic, ListOffsetTimestamps.LATEST)).toBe(3n)
    expect(await offsetAt(topic, from - 1n)).toBe(0n)
    expect(await offsetAt(topic, from + 1n)).toBe(1n)
    expect(await offsetAt(topic, from + 4000n)).toBe(2n)
    expect(await offsetAt(topic, from + 4001n)).toBe(-1n)
  })

  test('delete records', async () => {
    const admin = createAdmin(broker)
    const name = await createTopic()
    await produce(name, ['a', 'b', 'c', 'd'])
    const deleteTo = (offset: bigint) =>
      admin.deleteRecords({ topics: [{ name, partitions: [{ partition: 0, offset }] }] })
    expect(await deleteTo(2n)).toEqual([{ name, partitions: [{ partition: 0, lowWatermark: 2n }] }])
    expect(await offsetAt(name, ListOffsetTimestamps.EARLIEST)).toBe(2n)
    expect((await readAll(broker, name, 2)).map(text)).toEqual(['c', 'd'])
    await expect(deleteTo(9n)).rejects.toSatisfy(hasApiError('OFFSET_OUT_OF_RANGE'))
    expect((await deleteTo(-1n))[0]?.partitions[0]?.lowWatermark).toBe(4n)
  })
})

describeClient('@platformatic/kafka: admin, settings', () => {
  const describe = async (resourceName: string, configurationKeys: string[]) => {
    const [described] = await createAdmin(broker).describeConfigs({
      resources: [{ resourceType: ConfigResourceTypes.TOPIC, resourceName, configurationKeys }],
      includeSynonyms: true,
      includeDocumentation: true,
    })
    return new Map(described?.configs.map(({ name, value }) => [name, value]))
  }

  test("describe and alter a topic's", async () => {
    const admin = createAdmin(broker)
    const topic = await createTopic()
    const keys = ['retention.ms', 'cleanup.policy']
    expect([...(await describe(topic, keys))].sort()).toEqual([
      ['cleanup.policy', 'delete'],
      ['retention.ms', '604800000'],
    ])
    const resourceType = ConfigResourceTypes.TOPIC
    const configs = [{ name: 'retention.ms', value: '5000' }]
    await admin.alterConfigs({ resources: [{ resourceType, resourceName: topic, configs }] })
    expect((await describe(topic, keys)).get('retention.ms')).toBe('5000')

    const { SET, APPEND, DELETE } = IncrementalAlterConfigOperationTypes
    const alter = (name: string, configOperation: typeof SET | typeof APPEND, value: string) =>
      change({ name, configOperation, value })
    const change = (config: ConfigChange) =>
      admin.incrementalAlterConfigs({
        resources: [{ resourceType, resourceName: topic, configs: [config] }],
      })
    await alter('cleanup.policy', SET, 'compact')
    await alter('cleanup.policy', APPEND, 'delete')
    await change({ name: 'retention.ms', configOperation: DELETE })
    const after = await describe(topic, keys)
    expect(after.get('cleanup.policy')?.split(',').sort()).toEqual(['compact', 'delete'])
    expect(after.get('retention.ms')).toBe('604800000')
    await expect(alter('retention.ms', SET, 'soon')).rejects.toSatisfy(
      hasApiError('INVALID_CONFIG'),
    )
  })

  test("describe the broker's", async () => {
    const [described] = await createAdmin(broker).describeConfigs({
      resources: [{ resourceType: ConfigResourceTypes.BROKER, resourceName: '1' }],
    })
    const entry = described?.configs.find(({ name }) => name === 'message.max.bytes')
    expect(entry?.value).toBe('1048588')
  })
})

describeClient('@platformatic/kafka: admin, groups and cluster', () => {
  test('list, describe and delete groups', async () => {
    const admin = createAdmin(broker)
    const groupId = await createTopic(2)
    await produce(groupId, ['a'])
    const consumer = createConsumer(broker, { groupId, autocommit: false })
    await take(await consumer.consume({ topics: [groupId], mode: 'earliest' }), 1)

    const listed = await admin.listGroups({ states: ['STABLE'] })
    expect(listed.get(groupId)).toMatchObject({ id: groupId, protocolType: 'consumer' })
    const described = async () => (await admin.describeGroups({ groups: [groupId] })).get(groupId)
    const group = await described()
    expect(group?.state.toUpperCase()).toBe('STABLE')
    const [member] = group?.members.values() ?? []
    expect(member?.clientId).toBe('platformatic-conformance')
    expect(member?.assignments?.get(groupId)?.partitions).toEqual([0, 1])
    const remove = () => admin.deleteGroups({ groups: [groupId] })
    await expect(remove()).rejects.toSatisfy(hasApiError('NON_EMPTY_GROUP'))

    await consumer.close(true)
    expect((await described())?.state.toUpperCase()).toBe('EMPTY')
    await remove()
    expect((await admin.listGroups()).has(groupId)).toBe(false)
  })

  test("remove a group's members", async () => {
    const admin = createAdmin(broker)
    const groupId = await createTopic()
    const consumer = createConsumer(broker, { groupId, autocommit: false })
    await consumer.consume({ topics: [groupId], mode: 'earliest' })
    const removed = consumer.memberId
    const rejoined = new Promise<void>((resolve) =>
      consumer.once('consumer:group:join', () => resolve()),
    )
    await admin.removeMembersFromConsumerGroup({ groupId, members: null })
    await rejoined
    expect(consumer.memberId).not.toBe(removed)
  })

  test('find coordinators', async () => {
    const admin = createAdmin(broker)
    const found = await admin.findCoordinator({ keyType: 0, keys: ['g1', 'g2'] })
    expect(found).toEqual(
      ['g1', 'g2'].map((key) => ({ key, nodeId: 1, host: '127.0.0.1', port: broker.port })),
    )
  })

  test('describe the cluster', async () => {
    const metadata = await createAdmin(broker).metadata({ topics: [] })
    expect([...metadata.brokers]).toMatchObject([[1, { host: '127.0.0.1', port: broker.port }]])
    expect(metadata.id).not.toBe('')
  })

  test('describe the data folders', async () => {
    const name = await createTopic(2)
    await produce(name, ['a'])
    const [described] = await createAdmin(broker).describeLogDirs({
      topics: [{ name, partitions: [0, 1] }],
    })
    expect(described?.broker).toBe(1)
    const [topic] = described?.results[0]?.topics ?? []
    expect(topic?.name).toBe(name)
    expect(topic?.partitions.map(({ partitionIndex }) => partitionIndex).sort()).toEqual([0, 1])
    const sizes = topic?.partitions.map(({ partitionSize }) => partitionSize > 0n)
    expect(sizes).toContain(true)
  })
})
