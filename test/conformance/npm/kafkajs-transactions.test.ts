/** kafkajs's transactions. */
import type { Kafka, Producer } from 'kafkajs'
import { expect, test } from 'vitest'
import { describeClient } from '../describe-client.ts'
import { collect, connected, createKafkajs, quickGroup, readAll, text } from './kafkajs-client.ts'
import { servedBroker, uniqueNames } from './served-broker.ts'

const broker = servedBroker()
const unique = uniqueNames()

interface Start {
  readonly kafka: Kafka
  readonly topic: string
  readonly producer: Producer
}

function transactional(kafka: Kafka, transactionalId: string): Promise<Producer> {
  const config = { transactionalId, idempotent: true, maxInFlightRequests: 1 }
  return connected(kafka.producer(config))
}

async function start(): Promise<Start> {
  const kafka = createKafkajs(broker)
  const topic = unique('tx')
  const admin = await connected(kafka.admin())
  await admin.createTopics({ topics: [{ topic }] })
  return { kafka, topic, producer: await transactional(kafka, topic) }
}

async function run(producer: Producer, topic: string, value: string, end: 'commit' | 'abort') {
  const transaction = await producer.transaction()
  await transaction.send({ topic, messages: [{ value }, { value }] })
  await transaction[end]()
}

async function valuesOf({ kafka, topic }: Start, count: number, readUncommitted = false) {
  const groupId = unique('reads')
  const read = await readAll(kafka, topic, count, { groupId, readUncommitted })
  return read.map(({ message }) => text(message))
}

describeClient('kafkajs: transactions', () => {
  test('commit', async () => {
    const started = await start()
    for (const value of ['a', 'b']) await run(started.producer, started.topic, value, 'commit')
    expect(await valuesOf(started, 4)).toEqual(['a', 'a', 'b', 'b'])
  })

  test('abort: read_committed does not see it, read_uncommitted does', async () => {
    const started = await start()
    const { producer, topic } = started
    await run(producer, topic, 'a', 'abort')
    await run(producer, topic, 'b', 'abort')
    await run(producer, topic, 'c', 'commit')
    await run(producer, topic, 'd', 'abort')
    await run(producer, topic, 'e', 'commit')
    expect(await valuesOf(started, 4)).toEqual(['c', 'c', 'e', 'e'])
    expect(await valuesOf(started, 10, true)).toEqual([...'aabbccddee'])
  })

  test('what is not yet committed is not read', async () => {
    const { kafka, topic, producer } = await start()
    const open = await producer.transaction()
    await open.send({ topic, messages: [{ value: 'open' }] })
    const plain = await connected(kafka.producer())
    await plain.send({ topic, messages: [{ value: 'plain' }] })
    const consumer = await connected(kafka.consumer({ groupId: topic, ...quickGroup }))
    let isCommitted = false
    const reading = collect(consumer, topic, 2).then((read) => {
      expect(isCommitted).toBe(true)
      return read
    })
    // A reader of uncommitted records is through with both by the time it is committed.
    expect(await valuesOf({ kafka, topic, producer }, 2, true)).toEqual(['open', 'plain'])
    isCommitted = true
    await open.commit()
    expect((await reading).map(({ message }) => text(message))).toEqual(['open', 'plain'])
  })

  test('several partitions and topics, all or nothing', async () => {
    const { kafka, topic, producer } = await start()
    const wide = unique('wide')
    const admin = await connected(kafka.admin())
    await admin.createTopics({ topics: [{ topic: wide, numPartitions: 3 }] })
    for (const end of ['abort', 'commit'] as const) {
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: [{ value: end }] })
      await transaction.sendBatch({
        topicMessages: [
          { topic: wide, messages: [0, 1, 2].map((partition) => ({ partition, value: end })) },
        ],
      })
      await transaction[end]()
    }
    expect(await valuesOf({ kafka, topic, producer }, 1)).toEqual(['commit'])
    const values = await valuesOf({ kafka, topic: wide, producer }, 3)
    expect(values).toEqual(['commit', 'commit', 'commit'])
  })

  test('offsets move with a commit, and stay with an abort', async () => {
    const { kafka, topic, producer } = await start()
    const groupId = unique('offsets')
    const admin = await connected(kafka.admin())
    const consumed = await start()
    const committed = async () => {
      const [fetched] = await admin.fetchOffsets({ groupId, topics: [consumed.topic] })
      return fetched?.partitions[0]?.offset
    }
    const step = async (offset: string, end: 'commit' | 'abort') => {
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: [{ value: offset }] })
      const topics = [{ topic: consumed.topic, partitions: [{ partition: 0, offset }] }]
      await transaction.sendOffsets({ consumerGroupId: groupId, topics })
      await transaction[end]()
    }
    await step('5', 'abort')
    expect(await committed()).toBe('-1')
    await step('7', 'commit')
    expect(await committed()).toBe('7')
    await step('9', 'abort')
    expect(await committed()).toBe('7')
    expect(await valuesOf({ kafka, topic, producer }, 1)).toEqual(['7'])
  })

  test('a transaction of offsets alone', async () => {
    const { kafka, topic, producer } = await start()
    const transaction = await producer.transaction()
    const topics = [{ topic, partitions: [{ partition: 0, offset: '3' }] }]
    await transaction.sendOffsets({ consumerGroupId: topic, topics })
    await transaction.commit()
    const admin = await connected(kafka.admin())
    const [fetched] = await admin.fetchOffsets({ groupId: topic, topics: [topic] })
    expect(fetched?.partitions[0]?.offset).toBe('3')
  })

  test('a zombie is fenced: its open transaction is aborted, it writes and commits no more', async () => {
    const { kafka, topic, producer: zombie } = await start()
    await run(zombie, topic, 'before', 'commit')
    const open = await zombie.transaction()
    await open.send({ topic, messages: [{ value: 'zombie' }] })

    // kafkajs asks for its producer id, which fences the others, at its first transaction.
    const successor = await transactional(createKafkajs(broker), topic)
    await run(successor, topic, 'after', 'commit')
    await expect(open.send({ topic, messages: [{ value: 'zombie' }] })).rejects.toMatchObject({
      type: 'INVALID_PRODUCER_EPOCH',
    })
    await expect(open.commit()).rejects.toMatchObject({ type: 'INVALID_PRODUCER_EPOCH' })
    expect(await valuesOf({ kafka, topic, producer: successor }, 4)).toEqual([
      ...['before', 'before', 'after', 'after'],
    ])
  })

  test('a transaction that takes too long is aborted', async () => {
    const { kafka, topic } = await start()
    const producer = await connected(
      kafka.producer({
        transactionalId: unique('slow'),
        idempotent: true,
        maxInFlightRequests: 1,
        transactionTimeout: 300,
      }),
    )
    const slow = await producer.transaction()
    await slow.send({ topic, messages: [{ value: 'slow' }] })
    const plain = await connected(kafka.producer())
    await plain.send({ topic, messages: [{ value: 'plain' }] })
    // Cannot be read before the transaction is over.
    expect(await valuesOf({ kafka, topic, producer }, 1)).toEqual(['plain'])
    await expect(slow.commit()).rejects.toThrow()
  })
})
