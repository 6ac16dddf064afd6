/** Records that kafkajs writes and reads. */
import { expect, test } from 'vitest'
import { describeClient } from '../describe-client.ts'
import {
  type Compression,
  collect,
  compressions,
  connected,
  createKafkajs,
  quickGroup,
  readAll,
  text,
} from './kafkajs-client.ts'
import { keepsOldRecords, servedBroker, uniqueNames } from './served-broker.ts'

const broker = servedBroker(keepsOldRecords)
const unique = uniqueNames()

/** Long enough that every codec has something to repeat. */
const lines = Array.from({ length: 300 }, (_, i) => `line ${i}, ${'and so on, '.repeat(i % 20)}`)

describeClient('kafkajs: produce and consume', () => {
  const start = async () => {
    const kafka = createKafkajs(broker)
    return { kafka, producer: await connected(kafka.producer()) }
  }

  test.each(Object.keys(compressions) as Compression[])('compression: %s', async (name) => {
    const { kafka, producer } = await start()
    const topic = unique(name)
    const messages = lines.map((value) => ({ value }))
    const [sent] = await producer.send({ topic, messages, compression: compressions[name] })
    expect(sent).toMatchObject({ errorCode: 0, partition: 0, baseOffset: '0' })
    const read = await readAll(kafka, topic, lines.length)
    expect(read.map(({ message }) => text(message))).toEqual(lines)
    expect(read.map(({ message }) => message.offset)).toEqual(lines.map((_, i) => `${i}`))
  })

  test('keys', async () => {
    const { kafka, producer } = await start()
    const topic = unique('keys')
    const keys = ['text', Buffer.from([0, 255, 128]), '', null]
    await producer.send({ topic, messages: keys.map((key) => ({ key, value: 'v' })) })
    const read = await readAll(kafka, topic, keys.length)
    expect(read.map(({ message }) => message.key)).toEqual([
      Buffer.from('text'),
      Buffer.from([0, 255, 128]),
      Buffer.alloc(0),
      null,
    ])
  })

  test('headers: text, binary, empty and repeated', async () => {
    const { kafka, producer } = await start()
    const topic = unique('headers')
    const binary = Buffer.from([0, 200, 255])
    await producer.send({
      topic,
      messages: [{ value: 'v', headers: { text: 'ü', binary, empty: '', twice: ['a', 'b'] } }],
    })
    const [read] = await readAll(kafka, topic, 1)
    expect(read?.message.headers).toEqual({
      text: Buffer.from('ü'),
      binary,
      empty: Buffer.alloc(0),
      twice: [Buffer.from('a'), Buffer.from('b')],
    })
  })

  test('null and empty values', async () => {
    const { kafka, producer } = await start()
    const topic = unique('nulls')
    const values = [null, '', 'v', null]
    await producer.send({ topic, messages: values.map((value) => ({ key: 'k', value })) })
    const read = await readAll(kafka, topic, values.length)
    expect(read.map(({ message }) => message.value?.toString() ?? null)).toEqual(values)
  })

  test('timestamps', async () => {
    const { kafka, producer } = await start()
    const topic = unique('timestamps')
    const timestamps = ['1600000000000', '1500000000000', '1700000000001']
    const messages = timestamps.map((timestamp) => ({ value: 'v', timestamp }))
    await producer.send({ topic, messages })
    const read = await readAll(kafka, topic, timestamps.length)
    expect(read.map(({ message }) => message.timestamp)).toEqual(timestamps)
  })

  test.each([
    ['0', 0],
    ['1', 1],
    ['all', -1],
  ])('acks: %s', async (name, acks) => {
    const { kafka, producer } = await start()
    const topic = unique(`acks-${name}`)
    await producer.send({ topic, acks, messages: [{ value: 'a' }, { value: 'b' }] })
    const read = await readAll(kafka, topic, 2)
    expect(read.map(({ message }) => text(message))).toEqual(['a', 'b'])
  })

  test('idempotent producer', async () => {
    const kafka = createKafkajs(broker)
    const producer = await connected(kafka.producer({ idempotent: true, maxInFlightRequests: 1 }))
    const topic = unique('idempotent')
    for (const value of lines.slice(0, 20)) await producer.send({ topic, messages: [{ value }] })
    const read = await readAll(kafka, topic, 20)
    expect(read.map(({ message }) => text(message))).toEqual(lines.slice(0, 20))
  })

  test('several topics and partitions in one request', async () => {
    const { kafka, producer } = await start()
    const admin = await connected(kafka.admin())
    const topics = [unique('several'), unique('several')]
    await admin.createTopics({ topics: topics.map((topic) => ({ topic, numPartitions: 3 })) })
    await producer.sendBatch({
      topicMessages: topics.map((topic) => ({
        topic,
        messages: [0, 1, 2].map((partition) => ({ partition, value: `${topic} ${partition}` })),
      })),
    })
    for (const topic of topics) {
      const read = await readAll(kafka, topic, 3)
      for (const { partition, message } of read) expect(text(message)).toBe(`${topic} ${partition}`)
      expect(read.map(({ partition }) => partition).sort()).toEqual([0, 1, 2])
    }
  })

  test('a message of 1 MB, and one that is too large', async () => {
    const { kafka, producer } = await start()
    const topic = unique('large')
    const large = Buffer.alloc(1_000_000, 'large')
    await producer.send({ topic, messages: [{ value: large }] })
    await expect(
      producer.send({ topic, messages: [{ value: Buffer.alloc(1_100_000) }] }),
    ).rejects.toMatchObject({ type: 'MESSAGE_TOO_LARGE' })
    const [read] = await readAll(kafka, topic, 1)
    expect(read?.message.value?.equals(large)).toBe(true)
  })

  test('a topic appears when it is first written to', async () => {
    const { kafka, producer } = await start()
    const admin = await connected(kafka.admin())
    const topic = unique('appears')
    expect(await admin.listTopics()).not.toContain(topic)
    await producer.send({ topic, messages: [{ value: 'first' }] })
    expect(await admin.listTopics()).toContain(topic)
  })

  test('seek to an offset', async () => {
    const { kafka, producer } = await start()
    const topic = unique('seek')
    await producer.send({ topic, messages: lines.map((value) => ({ value })) })
    const consumer = await connected(kafka.consumer({ groupId: topic, ...quickGroup }))
    const read = await collect(consumer, topic, 50, '250')
    expect(read.map(({ message }) => text(message))).toEqual(lines.slice(250))
  })

  test('an offset that is not there starts anew at the beginning', async () => {
    const { kafka, producer } = await start()
    const topic = unique('out-of-range')
    await producer.send({ topic, messages: lines.slice(0, 10).map((value) => ({ value })) })
    const groupId = `reads-${topic}`
    const consumer = kafka.consumer({ groupId, ...quickGroup })
    await consumer.connect()
    await consumer.subscribe({ topics: [topic] })
    await consumer.run({ autoCommit: false, eachMessage: async () => {} })
    await consumer.commitOffsets([{ topic, partition: 0, offset: '4000' }])
    await consumer.disconnect()
    const read = await readAll(kafka, topic, 10)
    expect(read.map(({ message }) => text(message))).toEqual(lines.slice(0, 10))
  })
})
