/** Batches that are over the topic's limit: they are split, and only what is too large by itself fails. */
import { describe, expect, test } from 'vitest'
import { BatchError, type Client, Message, MessageTooLargeError } from '../../src/index.ts'
import { useCluster } from './test-cluster.ts'

const cluster = useCluster()
const kilobyte = 'x'.repeat(1000)

async function open(limit: number): Promise<Client> {
  const kafka = cluster.open()
  await kafka.admin.createTopic('small', { configs: { 'max.message.bytes': limit } })
  return kafka
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, n) => n)
}

describe('a batch over the topic’s limit', () => {
  test.each(['none', 'gzip', 'zstd'] as const)(
    'of concurrent sends is split and stored in order (compression: %s)',
    async (compression) => {
      const kafka = await open(compression === 'none' ? 50_000 : 400)
      const producer = kafka.producer<string>('small', { compression })
      const values = numbers(100).map((n) => `${n}:${kilobyte}`)
      const stored = await Promise.all(values.map((value) => producer.send(value)))
      expect(stored.map(({ offset }) => Number(offset))).toEqual(numbers(100))
      const records = await kafka.consumer<string>('small').take(100).toArray()
      expect(records.map(({ value }) => value)).toEqual(values)
    },
  )

  test('keeps keys, headers, times and tombstones of its records', async () => {
    const kafka = await open(3000)
    const items = numbers(20).map(
      (n) =>
        new Message(n % 3 === 0 ? null : `${n}`, {
          key: n % 2 === 0 ? null : `key-${n}`,
          headers: [
            ['pad', 'é'.repeat(200)],
            ['n', `${n}`],
          ],
          timestamp: 1000 + n,
        }),
    )
    await kafka.producer('small').sendBatch(items)
    const records = await kafka.consumer('small').take(20).toArray()
    expect(
      records.map(({ key, value, headers, timestamp }) => [key, value, headers, +timestamp]),
    ).toEqual(
      items.map(({ value, options }, n) => [
        options.key,
        value,
        { pad: 'é'.repeat(200), n: `${n}` },
        1000 + n,
      ]),
    )
  })

  test('a record that is too large by itself fails alone, with what to do', async () => {
    const kafka = await open(10_000)
    const producer = kafka.producer<string>('small')
    const items = numbers(30).map((n) => (n === 10 || n === 20 ? 'x'.repeat(20_000) : `${n}`))
    const error = await producer.sendBatch(items).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(BatchError)
    const { failed, results } = error as BatchError
    expect(failed).toEqual([10, 20])
    expect(results[10]).toBeInstanceOf(MessageTooLargeError)
    expect(results[10]).toMatchObject({ code: 'MESSAGE_TOO_LARGE', outcome: 'failed' })
    expect((results[10] as Error).message).toMatch(
      /A record of 20\d\d\d bytes for small-0 is too large.*raise the topic's max.message.bytes/,
    )
    const records = await kafka.consumer<string>('small').take(28).toArray()
    const good = items.filter((value) => value.length < 100)
    expect(records.map(({ value }) => value)).toEqual(good)
    expect((await producer.send('after')).offset).toBe(28n)
  })

  test('with five in flight, all behind it keep their order', async () => {
    const kafka = await open(5000)
    const producer = kafka.producer<string>('small', { batchSize: 16_384 })
    await producer.send('first')
    const values = numbers(400).map((n) => `${n}:${kilobyte}`)
    const stored = await Promise.all(values.map((value) => producer.send(value)))
    expect(stored.map(({ offset }) => Number(offset))).toEqual(numbers(400).map((n) => n + 1))
    const records = await kafka.consumer<string>('small').take(401).toArray()
    expect(records.map(({ value }) => value)).toEqual(['first', ...values])
  })

  test('in a transaction is split, and the transaction commits', async () => {
    const kafka = await open(5000)
    await kafka.transaction('small', async (tx) => {
      await tx.sendBatch(numbers(50).map((n) => `${n}:${kilobyte}`))
    })
    const records = await kafka.consumer<string>('small').take(50).toArray()
    expect(records.map(({ value }) => Number.parseInt(value, 10))).toEqual(numbers(50))
  })

  test('in a transaction with a record that is too large: it is aborted, and the next one commits', async () => {
    const kafka = await open(5000)
    const tooLarge = kafka.transaction('small', (tx) =>
      tx.sendBatch([...numbers(10).map(() => kilobyte), 'x'.repeat(6000), kilobyte]),
    )
    await expect(tooLarge).rejects.toThrow(BatchError)
    await kafka.transaction('small', (tx) => tx.sendBatch(numbers(10)))
    const records = await kafka.consumer<number>('small').take(10).toArray()
    expect(records.map(({ value }) => value)).toEqual(numbers(10))
  })

  test('without idempotence, and without retries, is split all the same', async () => {
    const kafka = await open(5000)
    for (const config of [{ acks: 1 }, { retries: 0 }] as const) {
      const producer = kafka.producer<string>('small', { ...config, batchSize: 16_384 })
      await Promise.all(numbers(60).map((n) => producer.send(`${n}:${kilobyte}`)))
    }
    const records = await kafka.consumer<string>('small').take(120).toArray()
    const twice = [...numbers(60), ...numbers(60)]
    expect(records.map(({ value }) => Number.parseInt(value, 10))).toEqual(twice)
  })
})

describe('batchSize', () => {
  test('over maxRequestSize is refused, by name', async () => {
    const kafka = cluster.open()
    const batchSize = 4_000_000
    const message =
      /ProducerConfig.batchSize \(4000000\) is over maxRequestSize \(1048576\).*raise maxRequestSize/
    expect(() => kafka.producer('small', { batchSize })).toThrow(message)
    await expect(kafka.transaction('small', { batchSize }, async () => 1)).rejects.toThrow(
      /TransactionConfig.batchSize/,
    )
  })

  test('over what the topic takes costs some attempts, not records', async () => {
    const kafka = await open(1_000_000)
    const config = { batchSize: 4_000_000, maxRequestSize: 8_000_000 }
    const producer = kafka.producer<string>('small', config)
    const values = numbers(40).map((n) => `${n}:${'x'.repeat(100_000)}`)
    const stored = await producer.sendBatch(values)
    expect(stored.map(({ offset }) => Number(offset))).toEqual(numbers(40))
  })

  test('is no more than maxRequestSize when that alone is given', async () => {
    const producer = cluster.open().producer<string>('small', { maxRequestSize: 10_000 })
    const stored = await producer.sendBatch(numbers(100).map(() => kilobyte))
    expect(stored.map(({ offset }) => Number(offset))).toEqual(numbers(100))
  })
})

test('a linger that would outlast its records is refused', () => {
  expect(() => cluster.open().producer('small', { linger: '10s', deliveryTimeout: '5s' })).toThrow(
    /ProducerConfig.linger \(10000 ms\) must be less than deliveryTimeout \(5000 ms\)/,
  )
})
