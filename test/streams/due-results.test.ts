/** Results that fail when a record makes them due: it is they that have failed, not the record, and they do not come again. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  Client,
  keyValueStore,
  type StreamBuilder,
  StreamProcessingError,
  type StreamsConfig,
  Window,
  Windowed,
} from '../../src/index.ts'
import { StreamTestDriver } from '../../src/testing/index.ts'
import { until } from '../until.ts'

type Check = (key: unknown) => void
type Shape = (app: StreamBuilder, check: Check) => void

/** Throws for the key 'bad', so many times. */
function refusing(times = Number.POSITIVE_INFINITY): Check {
  let left = times
  return (key) => {
    if (keyOf(key) === 'bad' && left-- > 0) throw new Error('no good')
  }
}

function keyOf(key: unknown): unknown {
  return key instanceof Windowed ? key.key : key
}

const grouped = (app: StreamBuilder) => app.stream<number>('in').groupByKey()

/** What they make of a key at time 0 is due with the first record of time 100. */
const shapes: readonly (readonly [name: string, shape: Shape])[] = [
  [
    'a tumbling window',
    (app, check) => {
      const table = grouped(app).window(Window.tumbling(10)).count().final()
      table
        .toStream()
        .peek((_, { key }) => check(key))
        .to('out')
    },
  ],
  [
    'a sliding window',
    (app, check) => {
      const table = grouped(app).window(Window.sliding(10)).count().final()
      table
        .toStream()
        .peek((_, { key }) => check(key))
        .to('out')
    },
  ],
  [
    'a session',
    (app, check) => {
      const table = grouped(app).window(Window.session(10)).count().final()
      table
        .toStream()
        .peek((_, { key }) => check(key))
        .to('out')
    },
  ],
  [
    'a suppressed window',
    (app, check) => {
      const table = grouped(app).window(Window.tumbling(10)).count().suppress({ until: 'close' })
      table
        .toStream()
        .peek((_, { key }) => check(key))
        .to('out')
    },
  ],
  [
    'a suppressed table',
    (app, check) => {
      const table = grouped(app).count().suppress({ until: 10 })
      table
        .toStream()
        .peek((_, { key }) => check(key))
        .to('out')
    },
  ],
  [
    'a pair without a partner',
    (app, check) => {
      const pairs = app.stream('in').join(app.stream('other'), { window: 10, type: 'left' })
      pairs
        .map((left, _, { key }) => {
          check(key)
          return left
        })
        .to('out')
    },
  ],
]

function sendAll(driver: StreamTestDriver): void {
  for (const key of ['a', 'bad', 'b']) driver.send('in', 1, { key, timestamp: 0 })
  for (let i = 0; i < 3; i++) driver.send('in', 1, { key: 'late', timestamp: 100 })
}

const keysOf = (records: readonly { readonly key: unknown }[]) =>
  records.map(({ key }) => {
    if (key instanceof Windowed) return key.key
    // The topology does not name the topic of dead letters.
    return String(key).startsWith('{') ? JSON.parse(String(key)).key : key
  })

const keysIn = (driver: StreamTestDriver, topic: string) => keysOf(driver.read(topic))

describe.each(shapes)('%s', (_, shape) => {
  test('is passed over by itself, once', () => {
    const driver = new StreamTestDriver((app) => shape(app, refusing()), { onError: 'skip' })
    sendAll(driver)
    expect(keysIn(driver, 'out').sort()).toEqual(['a', 'b'])
    expect(driver.metrics().skipped).toEqual({ failed: 1 })
    driver.commit()
    driver.restart()
    driver.send('in', 1, { key: 'late', timestamp: 100 })
    expect(keysIn(driver, 'out')).toEqual([])
    expect(driver.metrics().skipped).toEqual({ failed: 1 })
  })

  test('goes to the dead letters as what it is', () => {
    const driver = new StreamTestDriver((app) => shape(app, refusing()), {
      onError: { deadLetter: 'dead' },
    })
    sendAll(driver)
    expect(keysIn(driver, 'out').sort()).toEqual(['a', 'b'])
    const dead = driver.read('dead')
    expect(dead).toMatchObject([
      { value: 1, timestampMs: 0, headers: { 'original-offset': '3', error: 'no good' } },
    ])
    expect(keysOf(dead)).toEqual(['bad'])
  })

  test('is tried again, and nothing else is', async () => {
    const checked: unknown[] = []
    const refuse = refusing(1)
    const check = (key: unknown) => {
      checked.push(keyOf(key))
      refuse(key)
    }
    const driver = new StreamTestDriver((app) => shape(app, check), {
      onError: { retry: { attempts: 3, baseDelay: 1 } },
    })
    for (const key of ['a', 'bad', 'b']) await driver.sendAsync('in', 1, { key, timestamp: 0 })
    await driver.sendAsync('in', 1, { key: 'late', timestamp: 100 })
    expect(keysIn(driver, 'out').sort()).toEqual(['a', 'b', 'bad'])
    expect(checked.sort()).toEqual(['a', 'b', 'bad', 'bad'])
    expect(driver.metrics().skipped).toEqual({})
  })

  test('stops the stream, which says what has failed', () => {
    const driver = new StreamTestDriver((app) => shape(app, refusing()))
    const error = thrownBy(() => sendAll(driver))
    expect(error).toMatchObject({ topic: 'in', partition: 0, offset: 3n, where: 'process' })
    expect(keyOf(error.result!.key)).toBe('bad')
    expect(error.result!.timestampMs).toBe(0)
    expect(error.message).toMatch(/the result of '.*' for "bad" .*, due at offset 3 of in-0/)
    expect(driver.read('out')).toEqual([])
  })
})

function thrownBy(call: () => void): StreamProcessingError {
  try {
    call()
  } catch (error) {
    if (error instanceof StreamProcessingError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

test('the error has the bounds of the window', () => {
  const driver = new StreamTestDriver((app) => shapes[0]![1](app, refusing()))
  const error = thrownBy(() => sendAll(driver))
  expect(error.result!.key).toEqual(new Windowed('bad', 0, 10))
  expect(error.message).toContain('from 1970-01-01T00:00:00.000Z to 1970-01-01T00:00:00.010Z')
  expect(JSON.parse(JSON.stringify(error)).result.key).toEqual({ key: 'bad', start: 0, end: 10 })
})

test('a function for errors gets the result as it is written, and decides on each', () => {
  const told: unknown[] = []
  const driver = new StreamTestDriver((app) => shapes[0]![1](app, refusing()), {
    onError(error, { key, value, timestampMs }, where) {
      const texts = [key, value].map((bytes) => String.fromCharCode(...bytes!))
      told.push([...texts, timestampMs, where, error.offset])
      return 'skip'
    },
  })
  sendAll(driver)
  expect(told).toEqual([['{"key":"bad","start":0,"end":10}', '1', 0, 'process', 3n]])
})

test('what it has done below is undone: outputs, stores and times', () => {
  const driver = new StreamTestDriver(
    (app) => {
      const results = grouped(app).window(Window.tumbling(10)).count().final().toStream()
      // All in one task: there is no topic in between.
      results.to('out')
      const below = results.groupByKey().window(Window.tumbling(3)).count({ store: 'below' })
      const refuse = refusing()
      below
        .toStream()
        .peek((_, { key }) => refuse((key as Windowed<Windowed>).key))
        .to('totals')
    },
    { onError: 'skip' },
  )
  // Were the time below to stay where the failed one has moved it, the others would be late.
  driver.send('in', 1, { key: 'a', timestamp: 0 })
  driver.send('in', 1, { key: 'bad', timestamp: 9 })
  driver.send('in', 1, { key: 'c', timestamp: 0 })
  driver.send('in', 1, { key: 'late', timestamp: 100 })
  expect(keysIn(driver, 'out')).toEqual(['a', 'c'])
  expect([...driver.store('below').entries()]).toHaveLength(2)
  expect(driver.metrics()).toMatchObject({ late: {}, skipped: { failed: 1 } })
})

describe('timers by stream time', () => {
  const build = (check: (at: Date) => void) => (app: StreamBuilder) => {
    app
      .stream<number>('in')
      .process<{ seen: ReturnType<typeof keyValueStore<number>> }, unknown>({
        stores: { seen: keyValueStore<number>() },
        init: (context) =>
          context.every(10, 'stream', (at) => {
            context.store('seen').put(`${at.getTime()}`, 1)
            context.forward({ key: 'timer', value: at.getTime() })
            check(at)
          }),
        record: ({ key, value }, context) => context.forward({ key, value }),
      })
      .to('out')
  }
  const failsAt = (timeMs: number) => (at: Date) => {
    if (at.getTime() === timeMs) throw new Error('not now')
  }

  test('fail by themselves, and are passed over', () => {
    const driver = new StreamTestDriver(build(failsAt(10)), { onError: { deadLetter: 'dead' } })
    for (const timestamp of [0, 11, 12, 21]) driver.send('in', timestamp, { key: 'k', timestamp })
    expect(driver.read('out').map(({ value }) => value)).toEqual([0, 11, 12, 20, 21])
    expect([...driver.store('process-1-seen').entries()].map(([key]) => key)).toEqual(['20'])
    // There is nothing to be sent.
    expect(driver.read('dead')).toEqual([])
    expect(driver.metrics().skipped).toEqual({ failed: 1 })
  })

  test('stop the stream, which says which', () => {
    const driver = new StreamTestDriver(build(failsAt(10)))
    driver.send('in', 0, { key: 'k', timestamp: 0 })
    const error = thrownBy(() => driver.send('in', 1, { key: 'k', timestamp: 11 }))
    expect(error.result).toMatchObject({ key: null, timestampMs: 10 })
    expect(error.message).toMatch(/1970-01-01T00:00:00.010Z, due at offset 1 of in-0/)
    expect(driver.read('out').map(({ value }) => value)).toEqual([0])
  })
})

test('what a callback writes while those below still work at what it forwarded stays', async () => {
  let tellWritten = () => {}
  const written = new Promise<void>((resolve) => {
    tellWritten = resolve
  })
  const driver = new StreamTestDriver(
    (app) => {
      app
        .stream<number>('in')
        .process<{ seen: ReturnType<typeof keyValueStore<number>> }, unknown>({
          stores: { seen: keyValueStore<number>() },
          record: async ({ key, value }, context) => {
            context.forward({ key, value })
            if (value !== 2) return
            await Promise.resolve()
            context.store('seen').put('k', 2)
            tellWritten()
          },
        })
        .process<Record<never, never>, unknown>({
          init: (context) =>
            context.every(10, 'stream', async () => {
              await written
              throw new Error('no good')
            }),
          record: ({ key, value }, context) => context.forward({ key, value }),
        })
        .to('out')
    },
    { onError: 'skip' },
  )
  await driver.sendAsync('in', 1, { key: 'k', timestamp: 0 })
  await driver.sendAsync('in', 2, { key: 'k', timestamp: 100 })
  expect(driver.metrics().skipped).toEqual({ failed: 1 })
  expect([...driver.store('process-1-seen').entries()]).toEqual([['k', 2]])
})

const tooLarge = 'x'.repeat(1_100_000)
const guarantees = ['exactly-once', 'at-least-once'] as const

describe.each(guarantees)('in an application, %s', (guarantee) => {
  let kafka: Client
  beforeEach(() => {
    kafka = new Client({ url: 'memory:', retryBackoff: 5 })
  })
  afterEach(() => kafka.close())

  const app = (config: StreamsConfig) =>
    kafka.streams({ ...config, app: 'a', commitInterval: 20, guarantee })

  /** Keys at time 0, then records that make what is due of them due. */
  async function produce(): Promise<void> {
    const producer = kafka.producer<number>('in')
    for (const key of ['a', 'bad', 'b', 'worse', 'c']) {
      void producer.send(1, { key, timestamp: 0 })
    }
    for (let i = 0; i < 20; i++) void producer.send(1, { key: 'late', timestamp: 100 })
    await producer.flush()
  }

  const counts = (builder: StreamBuilder) =>
    builder.stream<number>('in').groupByKey().window(Window.tumbling(10)).count().final()

  const isBad = (key: unknown) => ['bad', 'worse'].includes(keyOf(key) as string)

  /** Everything that was sent is committed. */
  const allCommitted = () =>
    until(async () => {
      const { partitions } = await kafka.admin.describeGroup('a')
      return partitions.some(({ topic, committed }) => topic === 'in' && committed === 25n)
    })

  /** Exactly once none twice; else any number of times. */
  async function keysWritten(topic: string): Promise<unknown[]> {
    const { offsets } = await kafka.admin.describeTopic(topic)
    const count = Number(offsets[0]!.latest)
    const records = await kafka
      .consumer(topic)
      .take(guarantee === 'exactly-once' ? 3 : count)
      .toArray()
    const keys = keysOf(records)
    return guarantee === 'exactly-once' ? keys.sort() : [...new Set(keys)].sort()
  }

  const others = ['a', 'b', 'c']

  test('a callback that fails for one window keeps nothing else out', async () => {
    const streams = app({ onError: 'skip' })
    counts(streams)
      .toStream()
      .map((count, { key }) => {
        if (isBad(key)) throw new Error('no good')
        return count
      })
      .to('out')
    const run = await streams.start()
    await produce()
    await allCommitted()
    expect(run.metrics().skipped).toEqual({ failed: 2 })
    expect(await keysWritten('out')).toEqual(others)
    await run.close()
  })

  test('results that the broker refuses are passed over, and nothing else is', async () => {
    const told = new Set<string>()
    const streams = app({
      onError(error, { key }, where) {
        const text = key && JSON.parse(String.fromCharCode(...key)).key
        told.add(`${where} ${text} ${keyOf(error.result?.key)} ${error.offset} ${error.code}`)
        return 'skip'
      },
    })
    counts(streams)
      .toStream()
      .map((count, { key }) => (isBad(key) ? tooLarge : count))
      .to('out')
    const run = await streams.start()
    await produce()
    await allCommitted()
    expect([...told].sort()).toEqual([
      'produce bad bad 5 MESSAGE_TOO_LARGE',
      'produce worse worse 5 MESSAGE_TOO_LARGE',
    ])
    expect(await keysWritten('out')).toEqual(others)
    await run.close()
  })

  test('they go to the dead letters as what they are', async () => {
    const streams = app({ onError: { deadLetter: 'dead' } })
    counts(streams)
      .toStream()
      .map((count, { key }) => (isBad(key) ? tooLarge : count))
      .to('out')
    const run = await streams.start()
    await produce()
    await allCommitted()
    expect(await keysWritten('out')).toEqual(others)
    const { offsets } = await kafka.admin.describeTopic('dead')
    const count = guarantee === 'exactly-once' ? 2 : Number(offsets[0]!.latest)
    const dead = await kafka.consumer('dead').take(count).toArray()
    expect([...new Set(keysOf(dead))].sort()).toEqual(['bad', 'worse'])
    expect(new Set(dead.map(({ value }) => value))).toEqual(new Set([1]))
    await run.close()
  })

  test('one stops the application, and the error says which', async () => {
    const streams = app({})
    counts(streams)
      .toStream()
      .map((count, { key }) => (isBad(key) ? tooLarge : count))
      .to('out')
    const run = await streams.start()
    await produce()
    const error = await run.done.catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(StreamProcessingError)
    expect(error).toMatchObject({
      where: 'produce',
      topic: 'in',
      offset: 5n,
      result: { key: new Windowed('bad', 0, 10) },
    })
    const { partitions } = await kafka.admin.describeGroup('a')
    expect(partitions.find(({ topic }) => topic === 'in')?.committed).toBe(5n)
  })

  test('state below that its changelog does not take is that of its result', async () => {
    const streams = app({ onError: 'skip' })
    counts(streams)
      .toStream()
      .groupByKey()
      .aggregate({
        initial: () => '',
        add: (_, __, key) => (isBad(key) ? tooLarge : 'small'),
        store: 'texts',
      })
      .toStream()
      .map(() => 1)
      .to('out')
    const run = await streams.start()
    await produce()
    await allCommitted()
    const keys = await keysWritten('out')
    if (guarantee === 'exactly-once') expect(keys).toEqual(others)
    // What was sent before the changelog was refused stays.
    else expect(keys).toEqual(expect.arrayContaining(others))
    expect([...run.store('texts').entries()]).toHaveLength(3)
    await run.close()
  })

  test('what results are handed on to, in this process, is given up there', async () => {
    const streams = app({ onError: 'skip' })
    counts(streams)
      .toStream()
      .rekey((_, { key }) => `${keyOf(key)}`)
      .repartition({ name: 'between', partitions: 1 })
      .map((count, { key }) => (isBad(key) ? tooLarge : count))
      .to('out')
    const run = await streams.start()
    await produce()
    await allCommitted()
    expect(await keysWritten('out')).toEqual(others)
    await run.close()
  })

  test('a dead letter that is refused as well stops the application', async () => {
    const streams = app({ onError: { deadLetter: 'dead' } })
    const texts = streams
      .stream<number>('in')
      .groupByKey()
      .window(Window.tumbling(10))
      // Of a topic that takes more than that of the dead letters.
      .aggregate({
        initial: () => '',
        add: (_, __, key) => (isBad(key) ? 'x'.repeat(200_000) : 'small'),
      })
      .final()
    texts.toStream().to('out')
    for (const name of ['out', 'dead']) {
      await kafka.admin.createTopic(name, { configs: { 'max.message.bytes': '100000' } })
    }
    const run = await streams.start()
    await produce()
    await expect(run.done).rejects.toMatchObject({
      name: 'MessageTooLargeError',
      message: expect.stringContaining('dead-0'),
    })
  })
})
