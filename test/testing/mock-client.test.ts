import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DisconnectedError, Message, MessageTooLargeError, string, topic } from '../../src/index.ts'
import { MockClient } from '../../src/testing/index.ts'

let kafka: MockClient
beforeEach(() => {
  kafka = new MockClient({ retryBackoff: 1 })
})
afterEach(() => kafka.close())

test('shows what was stored', async () => {
  await kafka.admin.createTopic('orders', { partitions: 2 })
  await kafka.produce(
    'orders',
    { n: 1 },
    { key: 'a', partition: 1, headers: { h: 'x' }, timestamp: 5 },
  )
  await kafka.produce('orders', null, { key: 'b', partition: 0 })
  const messages = await kafka.getMessages('orders')
  expect(messages).toEqual([
    expect.objectContaining({ key: 'b', value: null, partition: 0, offset: 0n }),
    {
      topic: 'orders',
      key: 'a',
      value: { n: 1 },
      partition: 1,
      offset: 0n,
      headers: { h: 'x' },
      timestamp: new Date(5),
    },
  ])
  await expect(kafka.getMessages('nowhere')).rejects.toThrow('nowhere')
})

test('holds what was seeded, for the code under test to read', async () => {
  const lines = topic('lines', { value: string })
  kafka.faults.disconnect('produce', { times: 100 })
  await kafka.seed(lines, ['one', new Message('two', { key: 'k' }), null])
  const records = await kafka.consumer(lines).take(3).toArray()
  expect(records.map(({ key, value }) => [key, value])).toEqual([
    [null, 'one'],
    ['k', 'two'],
    [null, null],
  ])
})

test('shows nothing of transactions that were not committed', async () => {
  await kafka.transaction('orders', (tx) => tx.send('yes'))
  await kafka
    .transaction('orders', async (tx) => {
      await tx.send('no')
      throw new Error('abort')
    })
    .catch(() => undefined)
  expect((await kafka.getMessages('orders')).map(({ value }) => value)).toEqual(['yes'])
})

describe('faults', () => {
  test('an error of the broker on the nth produce: retried where that helps, and stored once', async () => {
    kafka.faults.fail('produce', 'NOT_LEADER_OR_FOLLOWER', { nth: 2, times: 2 })
    const producer = kafka.producer<number>('orders', { retryBackoff: 1 })
    for (const n of [1, 2, 3]) await producer.send(n)
    expect((await kafka.getMessages('orders')).map(({ value }) => value)).toEqual([1, 2, 3])
  })

  test('an error that does not pass reaches the application, the record not stored', async () => {
    await kafka.produce('orders', 1)
    kafka.faults.fail('produce', 'MESSAGE_TOO_LARGE')
    const failure = kafka.produce('orders', 2)
    await expect(failure).rejects.toThrow(MessageTooLargeError)
    await expect(failure).rejects.toMatchObject({ outcome: 'failed' })
    expect(await kafka.getMessages('orders')).toHaveLength(1)
  })

  test('a lost answer: the record is there once', async () => {
    kafka.faults.loseAnswer('produce')
    await kafka.produce('orders', 1)
    expect(await kafka.getMessages('orders')).toHaveLength(1)
  })

  test('a lost answer without retries: the outcome is not known', async () => {
    await kafka.produce('orders', 0)
    kafka.faults.loseAnswer('produce')
    const failure = kafka.producer('orders', { retries: 0 }).send(1)
    await expect(failure).rejects.toThrow(DisconnectedError)
    await expect(failure).rejects.toMatchObject({ outcome: 'unknown' })
    expect(await kafka.getMessages('orders')).toHaveLength(2)
  })

  test('a slow way, which the clock can hurry', async () => {
    await kafka.produce('orders', 0)
    kafka.faults.delay('produce', '1 min')
    let isStored = false
    const storing = kafka.produce('orders', 1).then(() => {
      isStored = true
    })
    await kafka.clock.advance('59s')
    expect(isStored).toBe(false)
    await kafka.clock.advance('1s')
    await storing
  })

  test.each(['send', 'sendBatch'] as const)(
    '%s under way gives up when its signal aborts',
    async (how) => {
      await kafka.produce('orders', 0)
      kafka.faults.delay('produce', '1h')
      const stop = new AbortController()
      const options = { signal: stop.signal }
      const producer = kafka.producer('orders')
      const sending =
        how === 'send' ? producer.send(1, options) : producer.sendBatch([1, 2], options)
      const failure = expect(sending).rejects.toMatchObject({ code: 'ABORTED', outcome: 'unknown' })
      setImmediate(() => stop.abort())
      await failure
      kafka.faults.clear()
      await kafka.clock.advance('1h')
      await producer.flush()
    },
  )

  test('a rebalance takes the partitions away and gives them back', async () => {
    await kafka.seed('orders', [1, 2])
    const events: string[] = []
    const stop = new AbortController()
    const consuming = kafka.consume<number>(
      'orders',
      {
        group: 'g',
        heartbeatInterval: 10,
        signal: stop.signal,
        onAssigned: () => events.push('assigned'),
        onRevoked: () => events.push('revoked'),
        onLost: () => events.push('lost'),
      },
      async (record) => {
        events.push(String(record.value))
        await record.commit()
        if (record.value === 2) await kafka.rebalance('g')
        if (record.value === 3) stop.abort()
      },
    )
    while (events.filter((event) => event === 'assigned').length < 2) await kafka.clock.advance(10)
    await kafka.seed('orders', [3])
    await consuming
    expect(events).toEqual(['assigned', '1', '2', 'lost', 'assigned', '3', 'revoked'])
  })

  test.each([
    ['by default', {}],
    ['with dead letters', { onError: { retry: { attempts: 3 }, deadLetter: 'failed' } }],
    ['with several at a time', { concurrency: 4 }],
  ] as const)(
    'a handler whose partition has gone does not stop the consumer, %s',
    async (_, options) => {
      await kafka.seed('orders', [1, 2, 3])
      const stop = new AbortController()
      const seen: number[] = []
      let isThrown = false
      let joined = 0
      const config = {
        ...options,
        group: 'g',
        autoCommit: false,
        heartbeatInterval: 10,
        signal: stop.signal,
        onAssigned: () => joined++,
      }
      const copying = kafka.consume<number>('orders', config, async (record) => {
        seen.push(record.value)
        if (record.value === 2 && !isThrown) {
          isThrown = true
          await kafka.rebalance('g')
          while (joined < 2) await kafka.clock.advance(10)
        }
        await kafka.transaction('copies', async (tx) => {
          await tx.send(record.value)
          await tx.commitOffsets(record)
        })
        if (record.value === 3) stop.abort()
      })
      await copying
      expect(seen).toEqual([1, 2, 2, 3])
      const copies = await kafka.getMessages<number>('copies')
      expect(copies.map(({ value }) => value)).toEqual([1, 2, 3])
      expect((await kafka.admin.listTopics()).map(({ name }) => name)).not.toContain('failed')
    },
  )

  test('a batch whose partition has gone does not stop its consumer, and comes again', async () => {
    await kafka.seed('orders', [1, 2, 3])
    const stop = new AbortController()
    const batches: number[][] = []
    let joined = 0
    const config = {
      group: 'g',
      batchSize: 3,
      autoCommit: false,
      heartbeatInterval: 10,
      signal: stop.signal,
      onAssigned: () => joined++,
    }
    await kafka.consumeBatch<number>('orders', config, async (records) => {
      batches.push(records.map(({ value }) => value))
      if (batches.length === 1) {
        await kafka.rebalance('g')
        while (joined < 2) await kafka.clock.advance(10)
      }
      await kafka.transaction('copies', async (tx) => {
        await tx.sendBatch(records.map(({ value }) => value))
        await tx.commitOffsets(records)
      })
      stop.abort()
    })
    expect(batches).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ])
    const copies = await kafka.getMessages<number>('copies')
    expect(copies.map(({ value }) => value)).toEqual([1, 2, 3])
  })

  test('names that there are not are errors', () => {
    expect(() => kafka.faults.fail('produce', 'NO_LUCK')).toThrow(/no Kafka error 'NO_LUCK'/)
    expect(() => kafka.faults.disconnect('sending')).toThrow(/no operation 'sending'/)
    expect(() => kafka.faults.disconnect('produce', { nth: 0 })).toThrow(/nth/)
  })

  test('are gone when cleared', async () => {
    kafka.faults.disconnect('produce', { times: 1000 })
    kafka.faults.clear()
    await kafka.produce('orders', 1)
  })
})

describe('the clock', () => {
  test('is the time of new records', async () => {
    const before = Date.now()
    await kafka.clock.advance('30d')
    const { timestamp } = await kafka.produce('orders', 1)
    expect(timestamp.getTime() - before).toBeGreaterThanOrEqual(30 * 86_400_000)
  })

  test('moved by hours, a member that answers its heartbeats stays in its group', async () => {
    await kafka.seed('orders', [1])
    const events: string[] = []
    const stop = new AbortController()
    const consuming = kafka.consume(
      'orders',
      {
        group: 'g',
        signal: stop.signal,
        onAssigned: () => events.push('assigned'),
        onRevoked: () => events.push('revoked'),
      },
      () => {
        events.push('record')
      },
    )
    while (!events.includes('record')) await kafka.clock.advance(1)
    await kafka.clock.advance('10 min')
    expect(events).toEqual(['assigned', 'record'])
    stop.abort()
    await consuming
  })

  test('makes old records go', async () => {
    kafka = new MockClient({ broker: { maxSegmentAge: '1 min', retention: '1h' } })
    await kafka.seed('orders', [1])
    await kafka.clock.advance('2h')
    await kafka.seed('orders', [2])
    await kafka.clock.advance('10 min')
    expect((await kafka.getMessages('orders')).map(({ value }) => value)).toEqual([2])
  })
})

describe('a mistake in a test is told', () => {
  test.each<[string, (kafka: MockClient) => unknown, RegExp]>([
    [
      'an operation that there is not',
      (k) => k.faults.disconnect('fetsch'),
      /no operation 'fetsch'/,
    ],
    ['an API that there is not', (k) => k.faults.disconnect('Fatch'), /no operation 'Fatch'/],
    ['no operation', (k) => k.faults.disconnect(undefined as never), /no operation 'undefined'/],
    ['a name from Object', (k) => k.faults.disconnect('constructor'), /no operation 'constructor'/],
    [
      'an option of a fault that there is not',
      (k) => k.faults.disconnect('fetch', { count: 2 } as never),
      /FaultOptions has no option 'count'/,
    ],
    [
      'a number instead of options',
      (k) => k.faults.fail('fetch', 'UNKNOWN_SERVER_ERROR', 2 as never),
      /FaultOptions must be an object; got 2/,
    ],
    ['an error that there is not', (k) => k.faults.fail('fetch', 'OOPS'), /no Kafka error 'OOPS'/],
    ['a time that is none', (k) => k.clock.advance('soon'), /advance must be milliseconds/],
    ['a time before now', (k) => k.clock.advance(-1), /advance must be milliseconds/],
    ['what is seeded is no list', (k) => k.seed('t', 'x' as never), /takes an array of values/],
    ['a topic that is none', (k) => k.getMessages(7 as never), /topic's name must be a string/],
    ['a group that is none', (k) => k.rebalance(undefined as never), /group's name must be/],
  ])('%s', async (_, work, message) => {
    await expect((async () => work(kafka))()).rejects.toMatchObject({
      name: 'ConfigError',
      message: expect.stringMatching(message),
    })
  })
})
