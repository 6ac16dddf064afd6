/** Sends that wait: for what, how long, and whom they hold up (nobody). */
import { afterEach, describe, expect, test } from 'vitest'
import type { BaseClient } from '../../src/client/client.ts'
import { Message, PartitionNotFoundError, TopicNotFoundError } from '../../src/index.ts'
import { SeededRandom } from '../simulation/random.ts'
import { until } from '../until.ts'
import { type HeldClient, openHeldClient } from './held-connection.ts'
import { openSlowClient } from './slow-connection.ts'

let opened: BaseClient[] = []
afterEach(async () => {
  const clients = opened
  opened = []
  await Promise.allSettled(clients.map((client) => client.close()))
})

function open(...how: Parameters<typeof openHeldClient>): HeldClient {
  const client = openHeldClient(...how)
  opened.push(client.kafka)
  return client
}

/** How each of the sends ended and when, milliseconds on the client's clock. */
function watch({ elapsed }: HeldClient, sends: readonly Promise<unknown>[]) {
  const ends: { at: number; error?: unknown }[] = []
  for (const send of sends) {
    send.then(
      () => ends.push({ at: elapsed() }),
      (error: unknown) => ends.push({ at: elapsed(), error }),
    )
  }
  return ends
}

describe('sends to a topic that is not there', () => {
  test('share one look-up, and hold up nobody', async () => {
    const client = open({ autoCreateTopics: false })
    const { kafka, connection } = client
    await kafka.admin.createTopic('good')
    const lost = watch(
      client,
      Array.from({ length: 10 }, (_, n) => kafka.produce('nowhere', n)),
    )
    await kafka.produce('good', 1)
    expect(client.elapsed()).toBe(0)
    expect(lost).toEqual([])
    await client.pass(3000)
    expect(lost).toHaveLength(10)
    for (const { error } of lost) expect(error).toBeInstanceOf(TopicNotFoundError)
    expect(new Set(lost.map(({ at }) => at)).size).toBe(1)
    // As often as one look-up asks.
    expect(connection.count('Metadata', 'nowhere')).toBe(8)
  })

  test('are stored, in their order, once it is there', async () => {
    const client = open({ autoCreateTopics: false })
    const { kafka } = client
    const sends = [0, 1, 2].map((n) => kafka.produce('late', n))
    await client.pass(100)
    await kafka.admin.createTopic('late')
    sends.push(kafka.produce('late', 3))
    const ends = watch(client, sends)
    await client.pass(1000)
    expect(ends.map(({ error }) => error)).toEqual([undefined, undefined, undefined, undefined])
    const stored = await Promise.all(sends)
    expect(stored.map(({ offset }) => offset)).toEqual([0n, 1n, 2n, 3n])
  })

  test('do not spoil the look-up of who wants it created', async () => {
    const { kafka } = open()
    const described = kafka.admin.describeTopic('made').catch((error: unknown) => error)
    expect((await kafka.produce('made', 1)).offset).toBe(0n)
    await described
  })
})

test('sends to a partition that is not there share one look-up', async () => {
  const client = open()
  const { kafka, connection } = client
  await kafka.produce('orders', 1)
  const before = connection.count('Metadata', 'orders')
  const ends = watch(
    client,
    Array.from({ length: 10 }, (_, n) => kafka.produce('orders', n, { partition: 9 })),
  )
  await until(() => ends.length === 10)
  for (const { error } of ends) expect(error).toBeInstanceOf(PartitionNotFoundError)
  expect(connection.count('Metadata', 'orders') - before).toBe(1)
})

test('a partition that was added since is found', async () => {
  const { kafka } = open()
  const producer = kafka.producer('orders')
  await producer.send(1)
  await kafka.admin.createPartitions('orders', 3)
  const stored = await producer.sendBatch([
    new Message(1, { partition: 2 }),
    new Message(2, { partition: 0 }),
  ])
  expect(stored.map(({ partition }) => partition)).toEqual([2, 0])
})

describe('deliveryTimeout', () => {
  test('ends every send that finds no broker, and close with them', async () => {
    const client = open()
    client.connection.isDown = true
    const producer = client.kafka.producer('orders', { deliveryTimeout: '2s' })
    const sends = Array.from({ length: 10 }, (_, n) => producer.send(n))
    const ends = watch(client, sends)
    const closed = watch(client, [producer.close()])
    await client.pass(2000)
    expect(ends).toHaveLength(10)
    expect(closed).toHaveLength(1)
    for (const { error } of ends) {
      expect(error).toMatchObject({ name: 'TimeoutError', retriable: true, outcome: 'failed' })
      expect((error as Error).message).toMatch(/topic 'orders'.*2000 ms.*nothing listens there/)
    }
  })

  test.each([
    ['metadata', 'Metadata', 'failed'],
    ['a producer id', 'InitProducerId', 'failed'],
    ['the answer', 'Produce', 'unknown'],
  ])('counts from the send when it waits for %s', async (_, api, outcome) => {
    const client = open()
    const { kafka, connection } = client
    await kafka.admin.createTopic('orders')
    connection.isHeld = (exchange) => exchange.api === api
    const producer = kafka.producer('orders', { deliveryTimeout: '2s' })
    const early = watch(client, [producer.send(1)])
    await client.pass(1500)
    const late = watch(client, [producer.send(2)])
    await client.pass(400)
    expect([early, late]).toEqual([[], []])
    await client.pass(100)
    expect(early).toMatchObject([{ at: 2000, error: { name: 'TimeoutError', outcome } }])
    expect(late).toEqual([])
    const closed = watch(client, [producer.close()])
    await client.pass(1500)
    expect(late).toMatchObject([{ at: 3500, error: { name: 'TimeoutError' } }])
    expect(closed).toMatchObject([{ at: 3500 }])
  })

  test('ends what is tried again and again', async () => {
    const client = open()
    const { kafka, connection } = client
    const producer = kafka.producer('orders', { deliveryTimeout: '2s' })
    await producer.send(1)
    connection.isDown = true
    const ends = watch(client, [producer.send(2)])
    await client.pass(2000)
    expect(ends).toMatchObject([{ at: 2000, error: { name: 'TimeoutError', outcome: 'unknown' } }])
    expect((ends[0]!.error as Error).message).toMatch(/orders-0 .*2000 ms.*nothing listens there/)
    // The producer goes on.
    connection.isDown = false
    const again = watch(client, [producer.send(3)])
    await client.pass(2000)
    expect(again).toMatchObject([{ at: expect.any(Number) }])
    expect(again[0]!.error).toBeUndefined()
  })

  test('an answer that comes after it is of no more consequence', async () => {
    const client = open()
    const { kafka, connection } = client
    const producer = kafka.producer<number>('orders', { deliveryTimeout: '2s' })
    await producer.send(0)
    connection.isHeld = ({ api }) => api === 'Produce'
    const ends = watch(client, [producer.send(1)])
    await client.pass(2000)
    expect(ends).toHaveLength(1)
    connection.isHeld = () => false
    const later = producer.sendBatch([2, 3])
    await client.pass(1000)
    await later
    const records = await kafka.consumer<number>('orders').take(3).toArray()
    expect(records.map(({ value }) => value)).toEqual([0, 2, 3])
  })
})

describe('memory that is used up', () => {
  test('holds up who has none, and nobody’s metadata; told after deliveryTimeout', async () => {
    const client = open()
    const { kafka, connection } = client
    await kafka.admin.createTopic('orders')
    const producer = kafka.producer<string>('orders', {
      bufferMemory: 65_536,
      batchSize: 16_384,
      deliveryTimeout: '2s',
    })
    await producer.send('first')
    connection.isHeld = ({ api }) => api === 'Produce'
    const held = watch(
      client,
      Array.from({ length: 40 }, () => producer.send('.'.repeat(4000))),
    )
    await client.pass(1000)
    expect(held).toEqual([])
    await client.pass(1000)
    expect(held).toHaveLength(40)
    const codes = held.map(({ error }) => (error as { code: string }).code)
    expect(codes.filter((code) => code === 'BUFFER_FULL').length).toBeGreaterThan(15)
    expect(held.every(({ at }) => at === 2000)).toBe(true)
    connection.isHeld = () => false
    const after = watch(client, [producer.send('after')])
    await client.pass(1000)
    expect(after).toMatchObject([{ at: expect.any(Number) }])
    expect(after[0]!.error).toBeUndefined()
  })

  test('of a transaction: is shared out among its topics, which wait for no other’s metadata', async () => {
    const client = open()
    const { kafka, connection } = client
    for (const name of ['a', 'b', 'c']) await kafka.admin.createTopic(name)
    connection.isHeld = ({ api, topics }) => api === 'Metadata' && topics.includes('b')
    const order: string[] = []
    const transacted = kafka.transaction(
      'a',
      { bufferMemory: 65_536, batchSize: 16_384, deliveryTimeout: '2s' },
      async (tx) => {
        const sends = ['b', 'a', 'c'].flatMap((topic) =>
          Array.from({ length: 30 }, () =>
            tx.send('.'.repeat(4000), { topic }).then(
              () => order.push(topic),
              () => undefined,
            ),
          ),
        )
        await Promise.all(sends)
      },
    )
    const ends = watch(client, [transacted])
    await until(() => order.length === 60)
    expect(client.elapsed()).toBe(0)
    // In turn: neither is done before the other has begun.
    expect(order.indexOf('c')).toBeLessThan(order.lastIndexOf('a'))
    await client.pass(2000)
    await until(() => ends.length === 1)
    expect(ends).toMatchObject([{ error: { name: 'TimeoutError' } }])
  })
})

test('a flush waits for what was sent before it, and for nothing else', async () => {
  const client = open()
  const { kafka, connection } = client
  const producer = kafka.producer('orders', { linger: '1s' })
  const sent = producer.send(1)
  const ends = watch(client, [producer.flush()])
  connection.isHeld = ({ api }) => api === 'Produce'
  await client.pass(0)
  // Lingers, behind what is under way.
  const later = watch(client, [producer.send(2)])
  await client.pass(0)
  expect(ends).toEqual([])
  connection.isHeld = () => false
  await client.pass(31_000)
  await sent
  expect(ends).toHaveLength(1)
  await client.pass(2000)
  expect(later).toHaveLength(1)
})

test.each([1, 2, 3, 4, 5, 6])(
  'records that waited and records that came later keep their order (seed %i)',
  async (seed) => {
    const random = new SeededRandom(seed)
    const client = openSlowClient(random)
    try {
      const { kafka } = client
      await kafka.admin.createTopic('numbers', { partitions: 2 })
      const producer = kafka.producer<number>('numbers', {
        bufferMemory: 65_536,
        batchSize: 8192,
        retryBackoff: 1,
      })
      const sends: Promise<unknown>[] = []
      for (let n = 0; n < 300; n++) {
        const headers = { pad: '.'.repeat(1000) }
        sends.push(producer.send(n, { partition: random.below(2), headers }))
        if (random.chance(0.05)) await new Promise((resolve) => setImmediate(resolve))
      }
      await Promise.all(sends)
      const records = await kafka.consumer<number>('numbers').take(300).toArray()
      for (const partition of [0, 1]) {
        const values = records
          .filter((record) => record.partition === partition)
          .map(({ value }) => value)
        expect(values).toEqual([...values].sort((a, b) => a - b))
      }
    } finally {
      await client.close()
    }
  },
)
