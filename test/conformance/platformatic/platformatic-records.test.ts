/** Records that @platformatic/kafka writes and reads. */
import { type CompressionAlgorithmValue, compressionsAlgorithms } from '@platformatic/kafka'
import { expect, test } from 'vitest'
import { describeClient } from '../describe-client.ts'
import { keepsOldRecords, servedBroker, uniqueNames } from '../npm/served-broker.ts'
import {
  createAdmin,
  createConsumer,
  createProducer,
  hasApiError,
  readAll,
  take,
  text,
} from './platformatic-client.ts'

const broker = servedBroker(keepsOldRecords)
const unique = uniqueNames()

/** Long enough that every codec has something to repeat. */
const lines = Array.from({ length: 300 }, (_, i) => `line ${i}, ${'and so on, '.repeat(i % 20)}`)
const bytes = (value: string) => Buffer.from(value)

describeClient('@platformatic/kafka: produce and consume', () => {
  for (const name of Object.keys(compressionsAlgorithms) as CompressionAlgorithmValue[]) {
    const { available } = compressionsAlgorithms[name]
    const reason = available ? '' : ' (not run: its codec needs Node 22.15 or later)'
    test.skipIf(!available)(`compression: ${name}${reason}`, async () => {
      const producer = createProducer(broker)
      const topic = unique(name)
      const messages = lines.map((value) => ({ topic, value: bytes(value) }))
      const sent = await producer.send({ messages, compression: name })
      expect(sent.offsets).toEqual([{ topic, partition: 0, offset: 0n }])
      const read = await readAll(broker, topic, lines.length)
      expect(read.map(text)).toEqual(lines)
      expect(read.map(({ offset }) => offset)).toEqual(lines.map((_, i) => BigInt(i)))
    })
  }

  test('keys', async () => {
    const producer = createProducer(broker)
    const topic = unique('keys')
    const keys = [bytes('text'), Buffer.from([0, 255, 128]), Buffer.alloc(0), undefined]
    const messages = keys.map((key) => ({ topic, value: bytes('v'), ...(key && { key }) }))
    await producer.send({ messages })
    const read = await readAll(broker, topic, keys.length)
    expect(read.map(({ key }) => key ?? undefined)).toEqual(keys)
  })

  test('headers: text, binary and empty', async () => {
    const producer = createProducer(broker)
    const topic = unique('headers')
    const headers = new Map([
      [bytes('text'), bytes('ü')],
      [bytes('binary'), Buffer.from([0, 200, 255])],
      [bytes('empty'), Buffer.alloc(0)],
    ])
    await producer.send({ messages: [{ topic, value: bytes('v'), headers }] })
    const [read] = await readAll(broker, topic, 1)
    expect(read?.headerEntries).toEqual([...headers])
  })

  test('null and empty values', async () => {
    const producer = createProducer(broker)
    const topic = unique('nulls')
    const values = [undefined, Buffer.alloc(0), bytes('v'), undefined]
    const messages = values.map((value) => ({ topic, key: bytes('k'), ...(value && { value }) }))
    await producer.send({ messages })
    const read = await readAll(broker, topic, values.length)
    expect(read.map(({ value }) => value ?? undefined)).toEqual(values)
  })

  test('timestamps', async () => {
    const producer = createProducer(broker)
    const topic = unique('timestamps')
    const timestamps = [1_600_000_000_000n, 1_599_000_000_000n, 1_601_000_000_001n]
    const messages = timestamps.map((timestamp) => ({ topic, value: bytes('v'), timestamp }))
    await producer.send({ messages })
    const read = await readAll(broker, topic, timestamps.length)
    expect(read.map(({ timestamp }) => timestamp)).toEqual(timestamps)
  })

  test.each([
    ['0', 0],
    ['1', 1],
    ['all', -1],
  ])('acks: %s', async (name, acks) => {
    const producer = createProducer(broker)
    const topic = unique(`acks-${name}`)
    await createAdmin(broker).createTopics({ topics: [topic] })
    const messages = ['a', 'b'].map((value) => ({ topic, value: bytes(value) }))
    await producer.send({ messages, acks })
    expect((await readAll(broker, topic, 2)).map(text)).toEqual(['a', 'b'])
  })

  test('idempotent producer', async () => {
    const producer = createProducer(broker, { idempotent: true })
    const topic = unique('idempotent')
    for (const value of lines.slice(0, 20)) {
      await producer.send({ messages: [{ topic, value: bytes(value) }] })
    }
    expect((await readAll(broker, topic, 20)).map(text)).toEqual(lines.slice(0, 20))
  })

  test('several topics and partitions in one request', async () => {
    const topics = [unique('several'), unique('several')]
    await createAdmin(broker).createTopics({ topics, partitions: 3 })
    const messages = topics.flatMap((topic) =>
      [0, 1, 2].map((partition) => ({ topic, partition, value: bytes(`${topic} ${partition}`) })),
    )
    const { offsets } = await createProducer(broker).send({ messages })
    expect(offsets).toHaveLength(6)
    for (const topic of topics) {
      const read = await readAll(broker, topic, 3)
      for (const message of read) expect(text(message)).toBe(`${topic} ${message.partition}`)
      expect(read.map(({ partition }) => partition).sort()).toEqual([0, 1, 2])
    }
  })

  test('a message of 1 MB, and one that is too large', async () => {
    const producer = createProducer(broker)
    const topic = unique('large')
    const large = Buffer.alloc(1_000_000, 'large')
    await producer.send({ messages: [{ topic, value: large }] })
    const tooLarge = producer.send({ messages: [{ topic, value: Buffer.alloc(1_100_000) }] })
    await expect(tooLarge).rejects.toSatisfy(hasApiError('MESSAGE_TOO_LARGE'))
    const [read] = await readAll(broker, topic, 1)
    expect(read?.value.equals(large)).toBe(true)
  })

  test('a topic appears when it is first written to', async () => {
    const admin = createAdmin(broker)
    const topic = unique('appears')
    expect(await admin.listTopics()).not.toContain(topic)
    await createProducer(broker).send({ messages: [{ topic, value: bytes('first') }] })
    expect(await admin.listTopics()).toContain(topic)
  })

  test('a stream of messages to write', async () => {
    const topic = unique('stream')
    const stream = createProducer(broker).asStream({ batchSize: 50 })
    for (const value of lines) stream.write({ topic, value: bytes(value) })
    await new Promise<void>((resolve) => stream.end(resolve))
    expect((await readAll(broker, topic, lines.length)).map(text)).toEqual(lines)
  })

  test('consume from an offset', async () => {
    const topic = unique('from')
    const messages = lines.map((value) => ({ topic, value: bytes(value) }))
    await createProducer(broker).send({ messages })
    const consumer = createConsumer(broker, { groupId: topic })
    const offsets = [{ topic, partition: 0, offset: 250n }]
    const stream = await consumer.consume({ topics: [topic], mode: 'manual', offsets })
    expect((await take(stream, 50)).map(text)).toEqual(lines.slice(250))
  })

  test('consume only what is new', async () => {
    const topic = unique('latest')
    const producer = createProducer(broker)
    await producer.send({ messages: [{ topic, value: bytes('old') }] })
    const consumer = createConsumer(broker, { groupId: topic })
    const stream = await consumer.consume({ topics: [topic], mode: 'latest' })
    // With its first fetch it has looked up where the end is.
    const fetched = new Promise<void>((resolve) => stream.once('fetch', resolve))
    const reading = take(stream, 1)
    await fetched
    await producer.send({ messages: [{ topic, value: bytes('new') }] })
    expect((await reading).map(text)).toEqual(['new'])
  })
})
