import { describe, expect, test } from 'vitest'
import {
  BatchError,
  Client,
  ClosedError,
  ConfigError,
  KafkaError,
  Message,
  MessageTooLargeError,
  PartitionNotFoundError,
  SerializationError,
  string,
  TopicNotFoundError,
  topic,
} from '../../src/index.ts'
import { testOfOurBroker, useCluster } from './test-cluster.ts'

const cluster = useCluster()
let kafka: Client

function open(): Client {
  kafka = cluster.open()
  return kafka
}

describe('produce', () => {
  test('tells where the record was stored', async () => {
    const before = Date.now()
    const stored = await open().produce('orders', { orderId: '123' })
    expect(stored).toMatchObject({ topic: 'orders', partition: 0, offset: 0n })
    expect(stored.timestamp.getTime()).toBeGreaterThanOrEqual(before)
  })

  test('keeps key, headers and event time', async () => {
    await open().produce(
      'orders',
      { n: 1 },
      { key: 'customer-7', headers: { source: 'test' }, timestamp: 1000 },
    )
    const [record] = await kafka.consumer('orders').take(1).toArray()
    expect(record).toMatchObject({
      key: 'customer-7',
      value: { n: 1 },
      headers: { source: 'test' },
    })
    expect(record!.timestamp.getTime()).toBe(1000)
  })

  test('writes null as a tombstone', async () => {
    await open().produce('orders', null, { key: 'gone' })
    const [record] = await kafka.consumer('orders').take(1).toArray()
    expect(record!.value).toBeNull()
  })

  test('takes a topic with its own serialisers', async () => {
    const lines = topic('lines', { value: string })
    await open().produce(lines, 'as it is')
    const [record] = await kafka.consumer(lines).take(1).toArray()
    expect(record!.value).toBe('as it is')
  })
})

describe('producer', () => {
  test('keeps the order of concurrent sends, without gaps', async () => {
    const producer = open().producer<number>('numbers')
    const stored = await Promise.all(Array.from({ length: 5000 }, (_, n) => producer.send(n)))
    expect(stored.map(({ offset }) => Number(offset))).toEqual(
      Array.from({ length: 5000 }, (_, n) => n),
    )
    const records = await kafka.consumer<number>('numbers').take(5000).toArray()
    expect(records.map(({ value }) => value)).toEqual(Array.from({ length: 5000 }, (_, n) => n))
  })

  test.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'stores batches compressed with %s',
    async (compression) => {
      const producer = open().producer<{ n: number }>('numbers', { compression })
      await producer.sendBatch(Array.from({ length: 300 }, (_, n) => ({ n })))
      const records = await kafka.consumer<{ n: number }>('numbers').take(300).toArray()
      expect(records.map(({ value }) => value.n)).toEqual(Array.from({ length: 300 }, (_, n) => n))
    },
  )

  test('sends records with the same key to the same partition', async () => {
    await open().admin.createTopic('keyed', { partitions: 5 })
    const producer = kafka.producer('keyed')
    const stored = await producer.sendBatch(
      Array.from({ length: 100 }, (_, n) => new Message(n, { key: `k${n % 7}` })),
    )
    const partitionOf = new Map<number, Set<number>>()
    for (const [n, { partition }] of stored.entries()) {
      partitionOf.set(n % 7, (partitionOf.get(n % 7) ?? new Set()).add(partition))
    }
    for (const partitions of partitionOf.values()) expect(partitions.size).toBe(1)
  })

  test('waits for a linger only when told to', async () => {
    const producer = open().producer('lingering', { linger: '1 min' })
    const sent = producer.send(1)
    await producer.flush()
    expect((await sent).offset).toBe(0n)
  })

  test('waits while bufferMemory is used up, and loses nothing', async () => {
    const producer = open().producer<string>('large', { bufferMemory: 65_536, batchSize: 16_384 })
    const stored = await Promise.all(
      Array.from({ length: 200 }, (_, n) => producer.send(`${n}:`.padEnd(4000, '.'))),
    )
    expect(stored.map(({ offset }) => Number(offset))).toEqual(
      Array.from({ length: 200 }, (_, n) => n),
    )
  })

  test('acks 0 does not know the offset', async () => {
    const producer = open().producer('fire-and-forget', { acks: 0 })
    expect((await producer.send(1)).offset).toBe(-1n)
  })

  test('sendBatch of nothing is nothing', async () => {
    expect(await open().producer('orders').sendBatch([])).toEqual([])
  })
})

describe('bad input', () => {
  testOfOurBroker('an unknown topic with auto-creation off', async () => {
    kafka = await cluster.openBroker({ autoCreateTopics: false })
    const failure = kafka.produce('nowhere', 1)
    await expect(failure).rejects.toThrow(TopicNotFoundError)
    await expect(failure).rejects.toThrow(/admin.createTopic\('nowhere'\)/)
  })

  test.each(['', '.', '..', 'a b', 'ä', 'x'.repeat(250)])('the topic name %j', async (name) => {
    await expect(open().produce(name, 1)).rejects.toThrow(ConfigError)
  })

  test('a partition that does not exist', async () => {
    const failure = open().produce('orders', 1, { partition: 3 })
    await expect(failure).rejects.toThrow(PartitionNotFoundError)
    await expect(failure).rejects.toThrow(/has one partition/)
    await expect(open().produce('orders', 1, { partition: -1 })).rejects.toThrow(ConfigError)
  })

  test('a record over maxRequestSize', async () => {
    await expect(open().produce('orders', 'x'.repeat(2_000_000))).rejects.toThrow(
      MessageTooLargeError,
    )
    await expect(open().produce('orders', 'é'.repeat(600_000))).rejects.toThrow(/maxRequestSize/)
  })

  test('a record over the topic’s limit', async () => {
    await open().admin.createTopic('small', { configs: { 'max.message.bytes': 1000 } })
    const failure = kafka.produce('small', 'x'.repeat(2000))
    await expect(failure).rejects.toThrow(MessageTooLargeError)
    await expect(failure).rejects.toThrow(/max.message.bytes/)
    // The producer goes on after a batch that failed for good.
    expect((await kafka.produce('small', 'fits')).offset).toBe(0n)
  })

  test.each([undefined, 1n, () => 1])('a value that JSON cannot express', async (value) => {
    const failure = open().produce('orders', value)
    await expect(failure).rejects.toThrow(SerializationError)
    await expect(failure).rejects.toMatchObject({
      code: 'SERIALIZATION_FAILED',
      retriable: false,
      outcome: 'failed',
    })
  })

  test('a value that contains itself', async () => {
    const value: { self?: unknown } = {}
    value.self = value
    await expect(open().produce('orders', value)).rejects.toThrow(/cannot be serialised as json/)
  })

  test('an unknown config key, by name and with the nearest known one', () => {
    expect(() => new Client({ url: 'memory:', clientID: 'x' } as never)).toThrow(
      /no option 'clientID'. Did you mean 'clientId'/,
    )
    expect(() => open().producer('orders', { compresion: 'gzip' } as never)).toThrow(
      /Did you mean 'compression'/,
    )
    expect(() => open().producer('orders', { compression: 'brotli' } as never)).toThrow(
      /"none", "gzip", "snappy", "lz4", "zstd"/,
    )
    expect(() => open().consumer('orders', { sessionTimeout: 'soon' })).toThrow(
      /ConsumerConfig.sessionTimeout/,
    )
    expect(() => open().producer('orders', { acks: 1, idempotent: true })).toThrow(
      /needs acks: 'all'/,
    )
  })

  test.each(['ftp://x', 'file:', 'nonsense'])('the url %s', (url) => {
    expect(() => new Client(url)).toThrow(ConfigError)
  })

  test('a batch of which some records fail says which', async () => {
    await open().admin.createTopic('small', {
      partitions: 2,
      configs: { 'max.message.bytes': 1000 },
    })
    const producer = kafka.producer<string>('small')
    const failure = producer.sendBatch([
      new Message('fits', { partition: 0 }),
      new Message('x'.repeat(2000), { partition: 1 }),
    ])
    await expect(failure).rejects.toThrow(BatchError)
    await expect(failure).rejects.toMatchObject({ failed: [1], code: 'MESSAGE_TOO_LARGE' })
  })

  test('a closed client', async () => {
    const closed = open()
    await closed.produce('orders', 1)
    await closed.close()
    await expect(closed.produce('orders', 2)).rejects.toThrow(ClosedError)
    expect(() => closed.producer('orders')).toThrow(/closed/)
  })

  test('a signal that is aborted', async () => {
    await expect(
      open().producer('orders').send(1, { signal: AbortSignal.abort() }),
    ).rejects.toThrow(KafkaError)
  })
})
