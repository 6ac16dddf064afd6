/** kafkajs's administration of topics, settings, groups and records. */
import kafkajs, { type Admin } from 'kafkajs'
import { expect, test, vi } from 'vitest'
import { describeClient } from '../describe-client.ts'
import { collect, connected, createKafkajs, quickGroup, readAll, text } from './kafkajs-client.ts'
import { servedBroker, uniqueNames } from './served-broker.ts'

const broker = servedBroker()
const unique = uniqueNames()
const topicType = kafkajs.ConfigResourceTypes.TOPIC
const brokerType = kafkajs.ConfigResourceTypes.BROKER

const startAdmin = () => connected(createKafkajs(broker).admin())

async function createTopic(admin: Admin, numPartitions = 1): Promise<string> {
  const topic = unique('topic')
  await admin.createTopics({ topics: [{ topic, numPartitions }] })
  return topic
}

async function produce(topic: string, values: readonly string[], timestamps: number[] = []) {
  const producer = await connected(createKafkajs(broker).producer())
  const messages = values.map((value, i) => ({
    value,
    partition: 0,
    ...(timestamps[i] && { timestamp: String(timestamps[i]) }),
  }))
  await producer.send({ topic, messages })
}

describeClient('kafkajs: admin, topics', () => {
  test('create, list and delete', async () => {
    const admin = await startAdmin()
    const topics = [unique('made'), unique('made')]
    expect(await admin.createTopics({ topics: topics.map((topic) => ({ topic })) })).toBe(true)
    expect(await admin.listTopics()).toEqual(expect.arrayContaining(topics))
    await admin.deleteTopics({ topics })
    await vi.waitFor(async () => {
      const left = await admin.listTopics()
      for (const topic of topics) expect(left).not.toContain(topic)
    }, 10_000)
  })

  test('create one that exists, one with a bad name, one only to validate', async () => {
    const admin = await startAdmin()
    const topic = await createTopic(admin)
    expect(await admin.createTopics({ topics: [{ topic }] })).toBe(false)
    const bad = admin.createTopics({ topics: [{ topic: 'not/a/name' }] })
    await expect(bad).rejects.toMatchObject({ errors: [{ type: 'INVALID_TOPIC_EXCEPTION' }] })
    const validated = unique('validated')
    // Else kafkajs waits for the leaders of what is not there.
    await admin.createTopics({
      topics: [{ topic: validated }],
      validateOnly: true,
      waitForLeaders: false,
    })
    expect(await admin.listTopics()).not.toContain(validated)
  })

  test('create with an assignment of replicas', async () => {
    const admin = await startAdmin()
    const { brokers } = await admin.describeCluster()
    const topic = unique('assigned')
    const replicas = brokers.map(({ nodeId }) => nodeId)
    const replicaAssignment = [0, 1].map((partition) => ({ partition, replicas }))
    await admin.createTopics({ topics: [{ topic, replicaAssignment }] })
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    expect(topics[0]?.partitions.map((partition) => partition.replicas)).toEqual([
      replicas,
      replicas,
    ])
  })

  test('more partitions', async () => {
    const admin = await startAdmin()
    const topic = await createTopic(admin, 2)
    await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] })
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    expect(topics[0]?.partitions.map(({ partitionId }) => partitionId).sort()).toEqual([
      0, 1, 2, 3, 4,
    ])
    await expect(
      admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] }),
    ).rejects.toMatchObject({ type: 'INVALID_PARTITIONS' })
  })

  test('metadata of a topic that does not exist', async () => {
    const admin = await startAdmin()
    const nowhere = admin.fetchTopicMetadata({ topics: [unique('nowhere')] })
    await expect(nowhere).rejects.toThrow('This server does not host this topic-partition')
    const bad = admin.fetchTopicMetadata({ topics: ['not/a/name'] })
    await expect(bad).rejects.toThrow('an invalid topic')
  })

  test('delete one that does not exist', async () => {
    const admin = await startAdmin()
    await expect(admin.deleteTopics({ topics: [unique('nowhere')] })).rejects.toMatchObject({
      cause: { type: 'UNKNOWN_TOPIC_OR_PARTITION' },
    })
  })
})

describeClient('kafkajs: admin, offsets and records', () => {
  test('offsets of a topic', async () => {
    const admin = await startAdmin()
    const topic = await createTopic(admin, 2)
    await produce(topic, ['a', 'b', 'c'])
    const offsets = await admin.fetchTopicOffsets(topic)
    expect(offsets.sort((a, b) => a.partition - b.partition)).toEqual([
      { partition: 0, offset: '3', high: '3', low: '0' },
      { partition: 1, offset: '0', high: '0', low: '0' },
    ])
  })

  test('offsets by timestamp', async () => {
    const admin = await startAdmin()
    const topic = await createTopic(admin)
    const from = 1_600_000_000_000
    await produce(topic, ['a', 'b', 'c'], [from, from + 2000, from + 4000])
    const offset = async (timestamp?: number) =>
      (await admin.fetchTopicOffsetsByTimestamp(topic, timestamp))[0]?.offset
    expect(await offset(from - 1)).toBe('0')
    expect(await offset(from + 1)).toBe('1')
    expect(await offset(from + 4000)).toBe('2')
    expect(await offset(from + 4001)).toBe('3')
    expect(await offset()).toBe('3')
  })

  test('delete records', async () => {
    const admin = await startAdmin()
    const topic = await createTopic(admin)
    await produce(topic, ['a', 'b', 'c', 'd'])
    // kafkajs looks for the leader in the metadata that it happens to have.
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] })
    const [offsets] = await admin.fetchTopicOffsets(topic)
    expect(offsets).toMatchObject({ high: '4', low: '2' })
    const read = await readAll(createKafkajs(broker), topic, 2)
    expect(read.map(({ message }) => text(message))).toEqual(['c', 'd'])
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '-1' }] })
    expect((await admin.fetchTopicOffsets(topic))[0]?.low).toBe('4')
  })

  test('delete records beyond the end', async () => {
    const admin = await startAdmin()
    const topic = await createTopic(admin)
    await produce(topic, ['a'])
    await admin.fetchTopicOffsets(topic)
    const beyond = admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '9' }] })
    await expect(beyond).rejects.toMatchObject({
      cause: { partitions: [{ partition: 0, error: { type: 'OFFSET_OUT_OF_RANGE' } }] },
    })
  })
})

describeClient('kafkajs: admin, settings', () => {
  const describe = async (admin: Admin, topic: string, configNames: string[]) => {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: true,
      resources: [{ type: topicType, name: topic, configNames }],
    })
    return resources[0]?.configEntries ?? []
  }

  test("describe and alter a topic's", async () => {
    const admin = await startAdmin()
    const topic = await createTopic(admin)
    const [before] = await describe(admin, topic, ['retention.ms'])
    expect(before).toMatchObject({ configName: 'retention.ms', configValue: '604800000' })
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          type: topicType,
          name: topic,
          configEntries: [
            { name: 'retention.ms', value: '5000' },
            { name: 'cleanup.policy', value: 'compact' },
          ],
        },
      ],
    })
    const after = await describe(admin, topic, ['retention.ms', 'cleanup.policy'])
    expect(after).toHaveLength(2)
    expect(after).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ configName: 'retention.ms', configValue: '5000' }),
        expect.objectContaining({ configName: 'cleanup.policy', configValue: 'compact' }),
      ]),
    )
  })

  test('of a topic that is created with some', async () => {
    const admin = await startAdmin()
    const topic = unique('configured')
    const configEntries = [{ name: 'max.message.bytes', value: '2000' }]
    await admin.createTopics({ topics: [{ topic, configEntries }] })
    const [entry] = await describe(admin, topic, ['max.message.bytes'])
    expect(entry?.configValue).toBe('2000')
  })

  test('a value that cannot be', async () => {
    const admin = await startAdmin()
    const topic = await createTopic(admin)
    const configEntries = [{ name: 'retention.ms', value: 'soon' }]
    await expect(
      admin.alterConfigs({
        validateOnly: false,
        resources: [{ type: topicType, name: topic, configEntries }],
      }),
    ).rejects.toMatchObject({ type: 'INVALID_CONFIG' })
  })

  test("describe the broker's", async () => {
    const admin = await startAdmin()
    const { brokers } = await admin.describeCluster()
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: brokerType, name: String(brokers[0]?.nodeId) }],
    })
    const entry = resources[0]?.configEntries.find((e) => e.configName === 'message.max.bytes')
    expect(entry?.configValue).toBe('1048588')
  })
})

describeClient('kafkajs: admin, groups and cluster', () => {
  test('list, describe and delete groups', async () => {
    const admin = await startAdmin()
    const kafka = createKafkajs(broker)
    const topic = await createTopic(admin)
    await produce(topic, ['a'])
    const consumer = kafka.consumer({ groupId: topic, ...quickGroup })
    await consumer.connect()
    await collect(consumer, topic, 1)

    const { groups: listed } = await admin.listGroups()
    expect(listed).toContainEqual({ groupId: topic, protocolType: 'consumer' })
    const described = async () => (await admin.describeGroups([topic])).groups[0]
    expect(await described()).toMatchObject({ groupId: topic, state: 'Stable', errorCode: 0 })
    await expect(admin.deleteGroups([topic])).rejects.toMatchObject({
      groups: [{ groupId: topic, error: { type: 'NON_EMPTY_GROUP' } }],
    })
    await consumer.disconnect()
    expect(await described()).toMatchObject({ state: 'Empty', members: [] })
    expect(await admin.deleteGroups([topic])).toMatchObject([{ groupId: topic, errorCode: 0 }])
    expect(await described()).toMatchObject({ state: 'Dead' })
  })

  test('describe the cluster', async () => {
    const admin = await startAdmin()
    const cluster = await admin.describeCluster()
    expect(cluster.brokers).toEqual([{ nodeId: 1, host: '127.0.0.1', port: broker.port }])
    expect(cluster.controller).toBe(1)
    expect(cluster.clusterId).not.toBe('')
  })

  test('partition reassignments: none under way, none possible', async () => {
    const admin = await startAdmin()
    const topic = await createTopic(admin)
    const topics = [{ topic, partitions: [0] }]
    expect(await admin.listPartitionReassignments({ topics })).toMatchObject({ topics: [] })
    const partitionAssignment = [{ partition: 0, replicas: [1, 2] }]
    const altered = admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] })
    await expect(altered).rejects.toMatchObject({
      errors: [{ type: 'INVALID_REPLICA_ASSIGNMENT', topic, partition: 0 }],
    })
  })
})
