/** @platformatic/kafka's transactions. */
import { FetchIsolationLevels, type Producer } from '@platformatic/kafka'
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

const broker = servedBroker()
const unique = uniqueNames()
const { READ_COMMITTED, READ_UNCOMMITTED } = FetchIsolationLevels

function transactional(transactionalId: string): Producer {
  return createProducer(broker, { transactionalId, idempotent: true })
}

async function start(partitions = 1): Promise<{ topic: string; producer: Producer }> {
  const topic = unique('tx')
  await createAdmin(broker).createTopics({ topics: [topic], partitions })
  return { topic, producer: transactional(topic) }
}

const records = (topic: string, ...values: string[]) => ({
  messages: values.map((value) => ({ topic, value: Buffer.from(value), partition: 0 })),
})

async function run(producer: Producer, topic: string, value: string, end: 'commit' | 'abort') {
  const transaction = await producer.beginTransaction()
  await transaction.send(records(topic, value, value))
  await transaction[end]()
}

async function valuesOf(topic: string, count: number, isolationLevel: number = READ_COMMITTED) {
  const read = await readAll(broker, topic, count, { groupId: unique('reads'), isolationLevel })
  return read.map(text)
}

describeClient('@platformatic/kafka: transactions', () => {
  test('commit', async () => {
    const { producer, topic } = await start()
    for (const value of ['a', 'b']) await run(producer, topic, value, 'commit')
    expect(await valuesOf(topic, 4)).toEqual(['a', 'a', 'b', 'b'])
  })

  test('abort: read_committed does not see it, read_uncommitted does', async () => {
    const { producer, topic } = await start()
    await run(producer, topic, 'a', 'commit')
    await run(producer, topic, 'b', 'abort')
    await run(producer, topic, 'c', 'commit')
    expect(await valuesOf(topic, 4)).toEqual(['a', 'a', 'c', 'c'])
    expect(await valuesOf(topic, 6, READ_UNCOMMITTED)).toEqual([...'aabbcc'])
  })

  test('what is not yet committed is not read', async () => {
    const { producer, topic } = await start()
    const open = await producer.beginTransaction()
    await open.send(records(topic, 'open'))
    await createProducer(broker).send(records(topic, 'plain'))
    let isCommitted = false
    const reading = valuesOf(topic, 2).then((values) => {
      expect(isCommitted).toBe(true)
      return values
    })
    // A reader of uncommitted records is through with both by the time it is committed.
    expect(await valuesOf(topic, 2, READ_UNCOMMITTED)).toEqual(['open', 'plain'])
    isCommitted = true
    await open.commit()
    expect(await reading).toEqual(['open', 'plain'])
  })

  test('several partitions and topics, all or nothing', async () => {
    const { producer, topic } = await start()
    const wide = unique('wide')
    await createAdmin(broker).createTopics({ topics: [wide], partitions: 3 })
    for (const end of ['abort', 'commit'] as const) {
      const transaction = await producer.beginTransaction()
      await transaction.send(records(topic, end))
      const value = Buffer.from(end)
      const messages = [0, 1, 2].map((partition) => ({ topic: wide, partition, value }))
      await transaction.send({ messages })
      await transaction[end]()
    }
    expect(await valuesOf(topic, 1)).toEqual(['commit'])
    expect(await valuesOf(wide, 3)).toEqual(['commit', 'commit', 'commit'])
  })

  test('offsets move with a commit, and stay with an abort', async () => {
    const { producer, topic } = await start()
    const consumed = unique('consumed')
    const values = ['a', 'b', 'c', 'd']
    await createProducer(broker).send(records(consumed, ...values))
    const groupId = unique('offsets')
    const consumer = createConsumer(broker, { groupId, autocommit: false })
    const stream = await consumer.consume({ topics: [consumed], mode: 'earliest' })
    const messages = await take(stream, values.length)
    const committed = async () => {
      const topics = [{ topic: consumed, partitions: [0] }]
      return (await consumer.listCommittedOffsets({ topics })).get(consumed)?.[0]
    }
    const step = async (index: number, end: 'commit' | 'abort', ...results: string[]) => {
      const transaction = await producer.beginTransaction()
      await transaction.addConsumer(consumer)
      if (results.length > 0) await transaction.send(records(topic, ...results))
      await transaction.addOffset(messages[index]!)
      await transaction[end]()
    }
    await step(0, 'abort', 'result 0')
    expect(await committed()).toBe(-1n)
    await step(1, 'commit', 'result 1')
    await vi.waitFor(async () => expect(await committed()).toBe(2n), { timeout: 10_000 })
    await step(3, 'abort')
    expect(await committed()).toBe(2n)
    expect(await valuesOf(topic, 1)).toEqual(['result 1'])
  })

  test('a zombie is fenced: its open transaction is aborted, it writes and commits no more', async () => {
    const { producer: zombie, topic } = await start()
    await run(zombie, topic, 'before', 'commit')
    const open = await zombie.beginTransaction()
    await open.send(records(topic, 'zombie'))

    const successor = transactional(topic)
    // It would else say that it is the producer with id 0 that comes back.
    const anew = { producerId: -1n, producerEpoch: -1 }
    const transaction = await successor.beginTransaction(anew)
    await transaction.send(records(topic, 'after', 'after'))
    await transaction.commit()
    const isFenced = hasApiError('INVALID_PRODUCER_EPOCH')
    await expect(open.send(records(topic, 'zombie'))).rejects.toSatisfy(isFenced)
    await expect(open.commit()).rejects.toSatisfy(hasApiError('PRODUCER_FENCED'))
    expect(await valuesOf(topic, 4)).toEqual(['before', 'before', 'after', 'after'])
  })
})
