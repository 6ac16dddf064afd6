/** Our client through the death and return of an Apache Kafka: it goes on by itself, with nothing lost and nothing twice. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  Client,
  KafkaError,
  Message,
  type Outcome,
  type ConsumerRecord as Received,
} from '../../src/index.ts'
import { type ApacheKafka, startApacheKafka } from './apache-kafka.ts'
import { describeJava } from './describe-java.ts'

const deaths = 2
/** How much happens between one death and the next. */
const perLife = 200
const partitions = 3

describeJava('our client while Apache Kafka is killed and started again', () => {
  let kafka: ApacheKafka
  let client: Client
  beforeAll(async () => {
    kafka = await startApacheKafka()
    client = new Client({ url: kafka.url, timeout: 60_000 })
  })
  afterAll(async () => {
    await client?.close()
    await kafka?.stop()
  })

  /** Kills and starts it each time so much more has happened, while `work` goes on. */
  async function withDeaths(happened: () => number, work: Promise<unknown>): Promise<void> {
    let isOver = false
    const over = () => {
      isOver = true
    }
    work.then(over, over)
    for (let death = 1; death <= deaths && !isOver; death++) {
      const isDue = () => isOver || happened() >= death * perLife
      await expect.poll(isDue, { timeout: 120_000 }).toBe(true)
      await kafka.kill()
      await kafka.start()
    }
    await work
  }

  /** By partition, what a reader of committed records sees. */
  async function readAll<T>(topic: string): Promise<T[][]> {
    const values: T[][] = Array.from({ length: partitions }, () => [])
    for (let partition = 0; partition < partitions; partition++)
      await client.produce(topic, 'end', { partition })
    let ends = 0
    for await (const { value, partition } of client.consumer<T | 'end'>(topic)) {
      if (value !== 'end') values[partition]!.push(value)
      else if (++ends === partitions) break
    }
    return values
  }

  const total = (deaths + 1) * perLife
  const expected = Array.from({ length: total }, (_, n) => n)
  const byPartition = Array.from({ length: partitions }, (_, partition) =>
    expected.filter((n) => n % partitions === partition),
  )

  test('produce and consume', async () => {
    const topic = 'events'
    await client.admin.createTopic(topic, { partitions })
    const outcomes: (Outcome | 'stored')[] = []
    const handled = new Map<number, number>()
    const enough = new AbortController()
    const members = [1, 2].map(() =>
      client
        .consumer<number>(topic, { group: 'readers', signal: enough.signal })
        .forEach(async (record) => {
          handled.set(record.value, (handled.get(record.value) ?? 0) + 1)
          await record.commit()
        }),
    )
    const ended = Promise.allSettled(members)
    const producer = client.producer<number>(topic)
    const produce = async (partition: number) => {
      for (let n = partition; n < total; n += partitions) {
        outcomes[n] = await producer.send(n, { partition }).then(
          () => 'stored',
          (error: KafkaError) => error.outcome,
        )
      }
    }
    await withDeaths(
      () => outcomes.length,
      Promise.all(Array.from({ length: partitions }, (_, partition) => produce(partition))),
    )
    // deliveryTimeout is longer than Kafka is away, so each is stored.
    expect(outcomes.filter((outcome) => outcome !== 'stored')).toEqual([])
    expect(await readAll<number>(topic)).toEqual(byPartition)
    const missing = () => expected.filter((n) => !handled.has(n))
    await expect.poll(missing, { timeout: 60_000 }).toEqual([])
    enough.abort()
    await ended
  })

  test('transactions: what was said of each is so', async () => {
    const topic = 'transactions'
    await client.admin.createTopic(topic, { partitions })
    const outcomes: (Outcome | 'committed')[] = []
    let next = 0
    const lane = async (id: string) => {
      while (next < total) {
        const n = next++
        const run = client.transaction(topic, { id }, async (tx) => {
          for (let partition = 0; partition < partitions; partition++)
            await tx.send(n, { partition })
        })
        outcomes[n] = await run.then(
          () => 'committed',
          (error: KafkaError) => error.outcome,
        )
      }
    }
    await withDeaths(() => next, Promise.all([lane('one'), lane('two')]))
    const read = await readAll<number>(topic)
    for (const [n, outcome] of outcomes.entries()) {
      const seen = read.map((values) => values.filter((value) => value === n).length)
      const text = `transaction ${n} (${outcome})`
      if (outcome === 'committed') expect(seen, text).toEqual([1, 1, 1])
      else if (outcome === 'failed') expect(seen, text).toEqual([0, 0, 0])
      else expect([[0, 0, 0].join(), [1, 1, 1].join()], text).toContain(seen.join())
    }
    expect(outcomes.filter((outcome) => outcome === 'committed').length).toBeGreaterThan(total / 2)
  })

  test('read, transform, write: each input has one output', async () => {
    const [input, output] = ['inputs', 'outputs']
    await client.admin.createTopic(input, { partitions })
    await client.admin.createTopic(output, { partitions })
    for (let partition = 0; partition < partitions; partition++) {
      const values = byPartition[partition]!.map((value) => new Message(value, { partition }))
      await client.producer(input).sendBatch(values)
    }
    let done = 0
    const enough = new AbortController()
    const copy = async (record: Received<number>) => {
      await client.transaction(output, async (tx) => {
        await tx.send(record.value, { partition: record.partition })
        await tx.commitOffsets(record)
      })
      done++
    }
    /** A consumer that stops with an error is made again, as a supervisor would. */
    const worker = async () => {
      while (!enough.signal.aborted) {
        await client
          .consumer<number>(input, { group: 'copiers', autoCommit: false, signal: enough.signal })
          .forEach(copy)
          .catch((error: unknown) => expect(error).toBeInstanceOf(KafkaError))
      }
    }
    const workers = Promise.all([worker(), worker()])
    const lags = async () =>
      (await client.admin.describeGroup('copiers')).partitions.map(({ lag }) => lag)
    const caughtUp = expect.poll(lags, { timeout: 150_000, interval: 200 }).toEqual([0n, 0n, 0n])
    await withDeaths(() => done, caughtUp)
    enough.abort()
    await workers
    expect(await readAll<number>(output)).toEqual(byPartition)
  })
})
