import { describe, expect, test } from 'vitest'
import {
  type BrokerConfigInput,
  type Client,
  type ConsumerRecord,
  Offset,
  SerializationError,
  string,
  topic,
} from '../../src/index.ts'
import { until } from '../until.ts'
import { testOfOurBroker, useCluster } from './test-cluster.ts'

const cluster = useCluster()
let kafka: Client

const quick = { heartbeatInterval: 20, autoCommitInterval: 10 }

async function withNumbers(
  count: number,
  partitions = 1,
  broker?: BrokerConfigInput,
): Promise<Client> {
  kafka = broker ? await cluster.openBroker(broker) : cluster.open()
  await kafka.admin.createTopic('numbers', { partitions })
  const producer = kafka.producer<number>('numbers')
  await producer.sendBatch(Array.from({ length: count }, (_, n) => n))
  return kafka
}

describe('a consumer without a group', () => {
  test('reads everything from the beginning', async () => {
    await withNumbers(1000, 3)
    const records = await kafka.consumer<number>('numbers').take(1000).toArray()
    expect(records.map(({ value }) => value).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 1000 }, (_, n) => n),
    )
  })

  test('lets timers and I/O have their turn after maxPollRecords', async () => {
    await withNumbers(500)
    let sinceTurn = 0
    let longest = 0
    let turns = 0
    let timer = setImmediate(function turn() {
      turns++
      sinceTurn = 0
      timer = setImmediate(turn)
    })
    const records = kafka.consumer('numbers', { maxPollRecords: 10 }).take(500)
    for await (const _ of records) longest = Math.max(longest, ++sinceTurn)
    clearImmediate(timer)
    expect(longest).toBe(10)
    expect(turns).toBeGreaterThanOrEqual(49)
  })

  test('filters, maps and takes lazily', async () => {
    await withNumbers(100)
    const even = kafka
      .consumer<number>('numbers')
      .filter(({ value }) => value % 2 === 0)
      .map(({ value }) => value)
      .take(5)
    expect(await even.toArray()).toEqual([0, 2, 4, 6, 8])
  })

  test('a partition with nothing new holds up neither one with much nor one that starts later', async () => {
    kafka = cluster.open()
    await kafka.admin.createTopic('uneven', { partitions: 2 })
    const much = Array.from({ length: 100 }, (_, n) => `${n}`.padEnd(100_000))
    await kafka.producer<string>('uneven').sendBatch(much, { partition: 0 })
    await kafka.produce('late', 'x')
    // Whoever waited for the one that is empty would wait for a whole poll.
    const patient = { fetchMaxWait: '50s', maxPartitionFetchBytes: 200_000 } as const
    const records = await kafka.consumer(['uneven', 'late'], patient).take(101).toArray()
    expect(records.filter(({ topic }) => topic === 'uneven').map(({ value }) => value)).toEqual(
      much,
    )
  }, 40_000)

  test('starts at a timestamp', async () => {
    kafka = cluster.open()
    for (const time of [1000, 2000, 3000, 4000])
      await kafka.produce('timed', time, { timestamp: time })
    const from = kafka.consumer<number>('timed', { offset: Offset.timestamp(2500) })
    expect((await from.take(2).toArray()).map(({ value }) => value)).toEqual([3000, 4000])
  })

  test('starts at an offset, and at the end', async () => {
    await withNumbers(10)
    const [seventh] = await kafka
      .consumer<number>('numbers', { offset: Offset.at(7) })
      .take(1)
      .toArray()
    expect(seventh!.value).toBe(7)
    const next = kafka.consumer<number>('numbers', { offset: Offset.latest }).take(1).toArray()
    const producer = kafka.producer<number>('numbers')
    const stop = setInterval(() => void producer.send(99), 5)
    expect((await next)[0]!.value).toBe(99)
    clearInterval(stop)
    await producer.flush()
  })

  test('says which record cannot be read', async () => {
    kafka = cluster.open()
    await kafka.produce(topic('broken', { value: string }), '{not json')
    const failure = kafka.consumer('broken').take(1).toArray()
    await expect(failure).rejects.toThrow(SerializationError)
    await expect(failure).rejects.toThrow(/offset 0 of broken-0 cannot be read as json/)
  })
})

describe('a group', () => {
  test('goes on where it was', async () => {
    await withNumbers(10)
    const first = await kafka
      .consumer<number>('numbers', { group: 'g', ...quick })
      .take(4)
      .toArray()
    const second = await kafka
      .consumer<number>('numbers', { group: 'g', ...quick })
      .take(6)
      .toArray()
    expect([...first, ...second].map(({ value }) => value)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  test('is delivered again what was not committed', async () => {
    await withNumbers(3)
    const manual = { group: 'g', autoCommit: false, ...quick }
    for await (const record of kafka.consumer<number>('numbers', manual)) {
      if (record.value === 1) {
        await record.commit()
        break
      }
    }
    const rest = await kafka.consumer<number>('numbers', manual).take(1).toArray()
    expect(rest.map(({ value }) => value)).toEqual([2])
  })

  test('a record that was being handled when the loop was left comes again', async () => {
    await withNumbers(3)
    for await (const record of kafka.consumer<number>('numbers', { group: 'g', ...quick }))
      if (record.value === 1) break
    const [next] = await kafka
      .consumer<number>('numbers', { group: 'g', ...quick })
      .take(1)
      .toArray()
    expect(next!.value).toBe(1)
  })

  test('a handler that throws stops the consumer and commits nothing past its record', async () => {
    await withNumbers(5)
    const failure = kafka.consume<number>('numbers', { group: 'g', ...quick }, ({ value }) => {
      if (value === 2) throw new Error('no twos')
    })
    await expect(failure).rejects.toThrow('no twos')
    const [next] = await kafka
      .consumer<number>('numbers', { group: 'g', ...quick })
      .take(1)
      .toArray()
    expect(next!.value).toBe(2)
  })

  test.each(['cooperative-sticky', 'range', 'roundrobin'] as const)(
    'of three shares the partitions (%s), also as members come and go',
    async (assignor) => {
      await withNumbers(0, 6)
      const seen = new Map<number, number>()
      const owners = Array.from({ length: 3 }, () => new Set<number>())
      const stops = owners.map(() => new AbortController())
      const members = owners.map((own, i) =>
        kafka.consume<number>(
          'numbers',
          { group: 'g', assignor, signal: stops[i]!.signal, ...quick },
          (record) => {
            own.add(record.partition)
            seen.set(record.value, (seen.get(record.value) ?? 0) + 1)
          },
        ),
      )
      const producer = kafka.producer<number>('numbers')
      let sent = 0
      const sendRound = async () => {
        for (let partition = 0; partition < 6; partition++)
          await producer.send(sent++, { partition })
      }
      while (owners.some((own) => own.size === 0)) await sendRound()
      stops[0]!.abort()
      await members[0]
      owners[1]!.clear()
      owners[2]!.clear()
      while (new Set([...owners[1]!, ...owners[2]!]).size < 6) await sendRound()
      await until(() => seen.size === sent)
      stops[1]!.abort()
      stops[2]!.abort()
      await Promise.all(members)
      expect([...seen.keys()].sort((a, b) => a - b)).toEqual(
        Array.from({ length: sent }, (_, n) => n),
      )
      expect([...seen.values()].filter((times) => times > 1).length).toBe(0)
    },
  )

  testOfOurBroker('a consumer that sits in a slow handler keeps its membership', async () => {
    await withNumbers(2, 1, { groupMinSessionTimeout: 100 })
    const handled: number[] = []
    const stop = new AbortController()
    await kafka.consume<number>(
      'numbers',
      { group: 'g', sessionTimeout: 100, heartbeatInterval: 10, signal: stop.signal },
      async ({ value }) => {
        await new Promise((resolve) => setTimeout(resolve, 300))
        handled.push(value)
        if (value === 1) stop.abort()
      },
    )
    expect(handled).toEqual([0, 1])
  })

  test('commit without a group says what is missing', async () => {
    await withNumbers(1)
    const [record] = await kafka.consumer<number>('numbers').take(1).toArray()
    await expect(record!.commit()).rejects.toThrow(/needs a group/)
  })

  test('close lets the handler finish and commits what it handled', async () => {
    await withNumbers(2)
    const started: ConsumerRecord<number>[] = []
    let finish = () => {}
    const running = kafka.consume<number>('numbers', { group: 'g', ...quick }, (record) => {
      started.push(record as ConsumerRecord<number>)
      return new Promise<void>((resolve) => {
        finish = resolve
      })
    })
    await until(() => started.length === 1)
    const closing = kafka.close()
    finish()
    await closing
    await running
    expect(started.map(({ value }) => value)).toEqual([0])
  })
})
