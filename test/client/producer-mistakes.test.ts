/** What is not a record, its options, or a batch is refused by name, and before anything is sent. */
import { beforeEach, describe, expect, test } from 'vitest'
import {
  BatchError,
  type Client,
  ConfigError,
  KafkaError,
  Message,
  SerializationError,
  topic,
  withRetry,
} from '../../src/index.ts'
import { useCluster } from './test-cluster.ts'

const cluster = useCluster()
let kafka: Client
beforeEach(() => {
  kafka = cluster.open()
})

/** Rejects, never throws: whoever catches the promise has caught everything. */
async function expectConfigError(work: () => Promise<unknown>, message: RegExp): Promise<void> {
  const promise = work()
  await expect(promise).rejects.toThrow(ConfigError)
  await expect(promise).rejects.toThrow(message)
}

describe('the options of a send', () => {
  const mistakes: [string, unknown, RegExp][] = [
    ['a partition that is text', { partition: '0' }, /partition must be a whole number.*got "0"/],
    ['a partition with a fraction', { partition: 0.5 }, /partition must be a whole.*got 0.5/],
    ['a partition that is NaN', { partition: Number.NaN }, /partition must be.*got NaN/],
    ['a time past what a Date can hold', { timestamp: 9e15 }, /timestamp must be a valid Date/],
    ['a signal that is none', { signal: {} }, /signal must be an AbortSignal; got an object/],
    ['a controller', { signal: new AbortController() }, /signal must be an AbortSignal/],
    ['headers that are text', { headers: 'a=b' }, /headers must be an object/],
    ['a header that is a number', { headers: new Map([['a', 1]]) }, /header 'a' must be a string/],
    ['text', 'key', /options of a send must be an object/],
    ['null', null, /options of a send must be an object.*got null/],
  ]

  test.each(mistakes)('%s', async (_, options, message) => {
    await expectConfigError(() => kafka.produce('orders', 1, options as never), message)
    const producer = kafka.producer('orders')
    await expectConfigError(() => producer.send(1, options as never), message)
    await expectConfigError(() => producer.sendBatch([1], options as never), message)
    await expectConfigError(
      async () => producer.sendBatch([new Message(1, options as never)]),
      message,
    )
    const inTransaction = () => kafka.transaction('orders', (tx) => tx.send(1, options as never))
    await expectConfigError(inTransaction, message)
    const batchInTransaction = () =>
      kafka.transaction('orders', (tx) => tx.sendBatch([1], options as never))
    await expectConfigError(batchInTransaction, message)
  })

  test('are checked when there is nothing to send, too', async () => {
    const sending = () => kafka.producer('orders').sendBatch([], { headers: 1, key: 1 } as never)
    await expect(kafka.producer('orders').sendBatch([], null as never)).rejects.toThrow(ConfigError)
    await expect(sending()).rejects.toThrow(ConfigError)
  })
})

describe('a batch', () => {
  test.each<[string, unknown, RegExp]>([
    [
      'a Map',
      new Map([['a', 1]]),
      /takes an array of values or Messages, such as \[\.\.\.items\]; got an object/,
    ],
    ['a generator', (function* () {})(), /takes an array.*\[\.\.\.items\]/],
    ['one value', { a: 1 }, /takes an array of values or Messages; got an object/],
    ['nothing', undefined, /takes an array.*got undefined/],
  ])('that is %s', async (_, items, message) => {
    await expectConfigError(() => kafka.producer('orders').sendBatch(items as never), message)
    const inTransaction = () => kafka.transaction('orders', (tx) => tx.sendBatch(items as never))
    await expectConfigError(inTransaction, message)
  })

  test('with a hole in it sends nothing', async () => {
    const producer = kafka.producer('orders')
    // biome-ignore lint/suspicious/noSparseArray: what this is about
    await expect(producer.sendBatch([1, , 3])).rejects.toThrow(SerializationError)
    expect((await producer.send(1)).offset).toBe(0n)
  })

  test('a Message where a value belongs', async () => {
    const message = new Message(1, { key: 'a' })
    await expectConfigError(() => kafka.produce('orders', message), /a Message is for sendBatch/)
  })

  test('headers that can be gone through once are those of every record', async () => {
    const headers = new Map([['a', '1']]).entries()
    await kafka.producer('orders').sendBatch([1, 2], { headers })
    const records = await kafka.consumer('orders').take(2).toArray()
    expect(records.map((record) => record.headers)).toEqual([{ a: '1' }, { a: '1' }])
  })
})

describe('a value', () => {
  test.each<[string, unknown, RegExp]>([
    ['a promise', Promise.resolve(1), /it is a promise; await it/],
    ['a Map', new Map(), /JSON has no Map; use Object.fromEntries/],
    ['a Set', new Set(), /JSON has no Set; use an array/],
  ])('that is %s, of which JSON would make {}', async (_, value, message) => {
    await expect(kafka.produce('orders', value)).rejects.toThrow(SerializationError)
    await expect(kafka.produce('orders', value)).rejects.toThrow(message)
  })

  test('of a serialiser that returns something else', async () => {
    const odd = { name: 'odd', serialize: () => 5 as never, deserialize: () => 5 }
    const sending = kafka.produce(topic('orders', { value: odd }), 1)
    await expect(sending).rejects.toThrow(SerializationError)
    await expect(sending).rejects.toThrow(
      /as odd: its serialize must return a string or a Uint8Array, and returned 5/,
    )
  })
})

test('a topic that was not made with topic()', async () => {
  const expected = /Topic 'orders' has no serialisers.*create it with topic\('orders'\)/
  await expectConfigError(() => kafka.produce({ name: 'orders' } as never, 1), expected)
  expect(() => kafka.producer({ name: 'orders' } as never)).toThrow(expected)
  expect(() => topic('orders', { value: 'json' as never })).toThrow(
    /TopicOptions.value must be a serialiser/,
  )
})

test.each<[string, unknown]>([
  ['nothing', undefined],
  ['an offset', { topic: 't', partition: 0, offset: 1n }],
  ['a list of text', ['a']],
])('a commit in a transaction of what is no record: %s', async (_, records) => {
  const committing = () => kafka.transaction('orders', (tx) => tx.commitOffsets(records as never))
  await expectConfigError(committing, /commitOffsets takes one record from a consumer/)
})

test.each<[string, unknown]>([
  ['a promise', Promise.resolve(1)],
  ['nothing', undefined],
])('withRetry of %s', async (_, work) => {
  await expectConfigError(() => withRetry(work as never), /withRetry needs a function/)
})

describe('as JSON', () => {
  test('what a send returns has its offset as text, and is a plain object otherwise', async () => {
    const stored = await kafka.produce('orders', 1, { timestamp: 0 })
    expect(JSON.parse(JSON.stringify(stored))).toEqual({
      topic: 'orders',
      partition: 0,
      offset: '0',
      timestamp: '1970-01-01T00:00:00.000Z',
    })
    const fields = { topic: 'orders', partition: 0, offset: 0n, timestamp: new Date(0) }
    expect(stored).toEqual(fields)
    expect({ ...stored }).toStrictEqual(fields)
    expect(Object.keys(stored)).toEqual(['topic', 'partition', 'offset', 'timestamp'])
  })

  test('a BatchError has the outcome of each record', async () => {
    await kafka.admin.createTopic('small', { configs: { 'max.message.bytes': 1000 } })
    const error = await kafka
      .producer('small')
      .sendBatch(['fits', 'x'.repeat(2000)])
      .catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(BatchError)
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({
      name: 'BatchError',
      code: 'MESSAGE_TOO_LARGE',
      message: expect.stringMatching(/1 of 2 records/),
      failed: [1],
      results: [
        { topic: 'small', offset: '0' },
        { name: 'MessageTooLargeError', message: expect.stringMatching(/too large/) },
      ],
    })
  })

  test('an error has its message, and not its stack', () => {
    const error = new KafkaError('it broke', { code: 'NETWORK_EXCEPTION', retriable: true })
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      name: 'KafkaError',
      code: 'NETWORK_EXCEPTION',
      message: 'it broke',
      retriable: true,
      outcome: 'failed',
    })
  })
})
