/** Handling several records at a time, in batches, and when handlers fail. */
import { describe, expect, test } from 'vitest'
import {
  type Client,
  type ConsumerRecord,
  Offset,
  SerializationError,
  string,
  topic,
} from '../../src/index.ts'
import { until } from '../until.ts'
import { useCluster } from './test-cluster.ts'

const cluster = useCluster()
const quick = { heartbeatInterval: 20, autoCommitInterval: 10 }

async function withKeyed(count: number, keys: number, partitions: number): Promise<Client> {
  const kafka = cluster.open()
  await kafka.admin.createTopic('keyed', { partitions })
  const producer = kafka.producer<number>('keyed')
  await Promise.all(
    Array.from({ length: count }, (_, n) => producer.send(n, { key: `key ${n % keys}` })),
  )
  return kafka
}

/** A turn of the event loop, now and then some more. */
async function someTurns(n: number): Promise<void> {
  for (let turn = 0; turn <= n % 3; turn++) await new Promise((resolve) => setImmediate(resolve))
}

describe('concurrency', () => {
  test.each(['partition', 'key', 'none'] as const)(
    'ordered by %s, handles many at a time and each once',
    async (ordering) => {
      const kafka = await withKeyed(500, 7, 2)
      const stop = new AbortController()
      const seen: ConsumerRecord<number>[] = []
      const busy = new Map<string, number>()
      let underWay = 0
      let most = 0
      let overlaps = 0
      const lane = ({ partition, key }: ConsumerRecord<number>) =>
        ordering === 'partition' ? String(partition) : `${partition} ${key}`
      await kafka.consume<number>(
        'keyed',
        { group: 'g', concurrency: 20, ordering, signal: stop.signal, ...quick },
        async (record) => {
          most = Math.max(most, ++underWay)
          busy.set(lane(record), (busy.get(lane(record)) ?? 0) + 1)
          if (busy.get(lane(record))! > 1) overlaps++
          await someTurns(record.value)
          seen.push(record)
          busy.set(lane(record), busy.get(lane(record))! - 1)
          underWay--
          if (seen.length === 500) stop.abort()
        },
      )
      expect(new Set(seen.map(({ value }) => value)).size).toBe(500)
      if (ordering === 'none') {
        expect(most).toBe(20)
      } else {
        expect(overlaps).toBe(0)
        // How many lanes there are at a time depends on which partitions have arrived.
        expect(most).toBeLessThanOrEqual(ordering === 'key' ? 7 : 2)
        if (ordering === 'key') expect(most).toBeGreaterThan(1)
        const last = new Map<string, bigint>()
        for (const record of seen) {
          expect(record.offset).toBeGreaterThan(last.get(lane(record)) ?? -1n)
          last.set(lane(record), record.offset)
        }
      }
      const group = await kafka.admin.describeGroup('g')
      expect(group.totalLag).toBe(0n)
    },
  )

  test('a commit never passes a record that is still being handled', async () => {
    const kafka = await withKeyed(50, 50, 1)
    const stop = new AbortController()
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let done = 0
    const consuming = kafka.consume<number>(
      'keyed',
      { group: 'g', concurrency: 10, ordering: 'none', signal: stop.signal, ...quick },
      async ({ offset }) => {
        if (offset === 5n) await held
        done++
      },
    )
    await until(() => done === 49)
    // Commits come by themselves: the next ones may not bring the group past the record in hand.
    const committed = async () => (await kafka.admin.describeGroup('g')).partitions[0]?.committed
    await until(async () => (await committed()) === 5n)
    expect(await committed()).toBe(5n)
    release()
    await until(() => done === 50)
    stop.abort()
    await consuming
    expect(await committed()).toBe(50n)
  })

  test('a handler that throws stops the others from beginning, and what was begun is finished', async () => {
    const kafka = await withKeyed(100, 100, 1)
    const handled: bigint[] = []
    const consuming = kafka.consume<number>(
      'keyed',
      { group: 'g', concurrency: 5, ordering: 'none', ...quick },
      async ({ offset }) => {
        await someTurns(Number(offset))
        if (offset === 10n) throw new Error('mine')
        handled.push(offset)
      },
    )
    await expect(consuming).rejects.toThrow('mine')
    expect(handled).not.toContain(10n)
    expect(handled.length).toBeLessThan(30)
    const again = await kafka.consumer<number>('keyed', { group: 'g' }).take(1).toArray()
    expect(again[0]!.offset).toBe(10n)
  })
})

describe('onError', () => {
  const failing = (value: number) => {
    if (value % 3 === 0) throw new Error(`no ${value}`)
  }

  async function consumeAll(kafka: Client, count: number, onError: object | 'skip' | 'stop') {
    const stop = new AbortController()
    const attempts: number[] = []
    let done = 0
    await kafka.consume<number>(
      'keyed',
      {
        group: 'g',
        signal: stop.signal,
        onError: onError as 'skip',
        onAssigned: () => undefined,
        ...quick,
      },
      (record) => {
        attempts.push(record.value)
        if (record.offset === BigInt(count - 1)) {
          done++
          stop.abort()
          return
        }
        failing(record.value)
        done++
      },
    )
    return { attempts, done }
  }

  test('skip goes on with the next', async () => {
    const kafka = await withKeyed(11, 1, 1)
    const { attempts } = await consumeAll(kafka, 11, 'skip')
    expect(attempts).toEqual(Array.from({ length: 11 }, (_, n) => n))
  })

  test('retry tries again, then stops with the error', async () => {
    const kafka = await withKeyed(5, 1, 1)
    const attempts: number[] = []
    const consuming = kafka.consume<number>(
      'keyed',
      { group: 'g', onError: { retry: { attempts: 3, baseDelay: 1 } } },
      ({ value }) => {
        attempts.push(value)
        if (value === 2) throw new Error('always')
        if (value === 1 && attempts.length < 3) throw new Error('passing')
      },
    )
    await expect(consuming).rejects.toThrow('always')
    expect(attempts).toEqual([0, 1, 1, 2, 2, 2])
  })

  test('a dead letter is the record as it was, with where it came from and why', async () => {
    const kafka = await withKeyed(5, 1, 1)
    const retry = { attempts: 2, baseDelay: 1 }
    await consumeAll(kafka, 5, { retry, deadLetter: 'dead' })
    const [first, second] = await kafka.consumer<number>('dead').take(2).toArray()
    expect([first!.value, second!.value]).toEqual([0, 3])
    expect(first).toMatchObject({
      key: 'key 0',
      headers: {
        'original-topic': 'keyed',
        'original-partition': '0',
        'original-offset': '0',
        error: 'no 0',
      },
    })
    expect(Date.parse(first!.headers['failed-at']!)).toBeGreaterThan(0)
  })

  test.each([
    ['stop', { retry: { baseDelay: '1m' } }],
    ['dead letters', { retry: { baseDelay: '1m' }, deadLetter: 'dead' }],
  ] as const)(
    'a consumer that is stopped in the pause before a retry ends, and the record comes again (%s)',
    async (_, onError) => {
      const kafka = await withKeyed(2, 1, 1)
      for (const end of ['signal', 'consumer'] as const) {
        const stop = new AbortController()
        const config = { group: 'g', onError, signal: stop.signal, ...quick }
        const consumer = kafka.consumer<number>('keyed', config)
        let seen = 0
        await consumer.forEach(() => {
          if (end === 'signal') setImmediate(() => stop.abort())
          else setImmediate(() => void consumer.close())
          seen++
          throw new Error('not yet')
        })
        expect(seen).toBe(1)
      }
      const { totalLag } = await kafka.admin.describeGroup('g')
      expect(totalLag).toBe(2n)
    },
  )

  test('nothing more is begun once the consumer is stopped', async () => {
    const kafka = await withKeyed(50, 1, 1)
    for (const [options, begun] of [
      [{ onError: 'skip' }, 1],
      [{ concurrency: 4, ordering: 'none' }, 4],
    ] as const) {
      const stop = new AbortController()
      const seen: number[] = []
      const config = { ...options, group: `of ${begun}`, signal: stop.signal, ...quick }
      await kafka.consume<number>('keyed', config, async ({ value }) => {
        seen.push(value)
        // By then others are waiting for their turn.
        await someTurns(2)
        stop.abort()
      })
      expect(seen.length).toBeLessThanOrEqual(begun)
      const { partitions } = await kafka.admin.describeGroup(`of ${begun}`)
      expect(partitions[0]!.committed).toBe(BigInt(seen.length))
    }
  })

  test('a record that cannot be read is a dead letter too, byte for byte', async () => {
    const kafka = cluster.open()
    const text = topic('events', { value: string })
    await kafka.produce(text, 'this is not JSON', { headers: { a: 'b' } })
    await kafka.produce('events', { n: 1 })
    const stop = new AbortController()
    const config = { group: 'g', onError: { deadLetter: 'dead' }, signal: stop.signal, ...quick }
    await kafka.consume('events', config, ({ value }) => {
      expect(value).toEqual({ n: 1 })
      stop.abort()
    })
    const [dead] = await kafka
      .consumer(topic('dead', { value: string }))
      .take(1)
      .toArray()
    expect(dead!.value).toBe('this is not JSON')
    expect(dead!.headers).toMatchObject({ a: 'b', 'error-code': 'DESERIALIZATION_FAILED' })
    await expect(kafka.consume('events', { group: 'other' }, () => undefined)).rejects.toThrow(
      SerializationError,
    )
  })

  test('a config that contradicts itself', () => {
    const kafka = cluster.open()
    const both = { otherwise: 'skip', deadLetter: 'dead' } as const
    expect(() => kafka.consumer('a', { onError: both })).toThrow(/exclude each other/)
    expect(() => kafka.consumer('a', { onError: 'ignore' as 'skip' })).toThrow(
      /ConsumerConfig.onError/,
    )
  })
})

describe('consumeBatch', () => {
  test('hands over many at a time, and commits them together', async () => {
    const kafka = await withKeyed(95, 3, 2)
    const stop = new AbortController()
    const sizes: number[] = []
    const seen = new Set<number>()
    const config = { group: 'g', batchSize: 10, batchTimeout: 20, signal: stop.signal, ...quick }
    await kafka.consumeBatch<number>('keyed', config, async (records) => {
      sizes.push(records.length)
      for (const { value } of records) seen.add(value)
      if (seen.size === 95) stop.abort()
    })
    expect(seen.size).toBe(95)
    expect(Math.max(...sizes)).toBe(10)
    expect((await kafka.admin.describeGroup('g')).totalLag).toBe(0n)
  })

  test('when the handler throws none of its records is committed', async () => {
    const kafka = await withKeyed(10, 1, 1)
    let calls = 0
    const consuming = kafka.consumeBatch<number>(
      'keyed',
      { group: 'g', batchSize: 4, ...quick },
      () => {
        if (++calls === 2) throw new Error('mine')
      },
    )
    await expect(consuming).rejects.toThrow('mine')
    const [again] = await kafka.consumer<number>('keyed', { group: 'g' }).take(1).toArray()
    expect(again!.offset).toBe(4n)
  })
})

describe('a consumer that is read', () => {
  test('can be paused, resumed and moved; says how far it is', async () => {
    const kafka = await withKeyed(20, 1, 1)
    const consumer = kafka.consumer<number>('keyed', { offset: Offset.earliest })
    const partition = { topic: 'keyed', partition: 0 }
    expect(consumer.positions()).toEqual([])
    expect(() => consumer.seek(partition, 0n)).toThrow(/not currently assigned/)
    const seen: number[] = []
    for await (const { value } of consumer) {
      seen.push(value)
      if (seen.length === 5) consumer.seek(partition, 15n)
      if (seen.length === 7) {
        expect(consumer.positions()).toEqual([
          { ...partition, position: 17n, lag: 3n, isPaused: false },
        ])
        consumer.pause()
        setImmediate(() => consumer.resume([partition]))
      }
      if (value === 19) break
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 15, 16, 17, 18, 19])
  })

  test('tells which partitions come and go', async () => {
    const kafka = await withKeyed(10, 1, 3)
    const events: string[] = []
    const consumer = kafka.consumer<number>('keyed', {
      group: 'g',
      onAssigned: (partitions) => events.push(`+${partitions.length}`),
      onRevoked: (partitions) => events.push(`-${partitions.length}`),
      onLost: (partitions) => events.push(`-${partitions.length} lost`),
      ...quick,
    })
    for await (const _ of consumer) break
    expect(events).toEqual(['+3', '-3'])
  })
})
