import { describe, expect, test } from 'vitest'
import { bytes, string } from '../client/serializer.ts'
import { topic } from '../client/topic.ts'
import { encodeUtf8 } from '../core/bytes.ts'
import { ClosedError, ConfigError } from '../core/errors.ts'
import type { StreamBuilder } from '../streams/dsl/stream-builder.ts'
import { StreamProcessingError } from '../streams/task/errors.ts'
import { Window } from '../streams/windows.ts'
import { StreamTestDriver } from './stream-test-driver.ts'

interface Order {
  readonly amount: number
  readonly region: string
}
const orders = topic<Order>('orders')

function counting(app: StreamBuilder): void {
  app
    .stream(orders)
    .groupBy((order) => order.region)
    .count({ store: 'by-region' })
    .to('counts')
}

const order = (amount: number, region = 'eu'): Order => ({ amount, region })

describe('sending and reading', () => {
  test('gives what was written since the last read', () => {
    const driver = new StreamTestDriver((app) => {
      app
        .stream(orders)
        .filter(({ amount }) => amount > 100)
        .to('large')
    })
    driver.send(orders, order(150), { key: 'a', timestamp: 5, headers: { source: 'web' } })
    driver.send('orders', order(50), { key: 'b' })
    expect(driver.read('large')).toEqual([
      { key: 'a', value: order(150), timestampMs: 5, headers: { source: 'web' } },
    ])
    expect(driver.read('large')).toEqual([])
    driver.send(orders, order(160))
    const [read] = driver.read<Order>('large')
    expect(read).toMatchObject({ key: null, topic: 'large', partition: 0 })
    expect(read!.timestampMs).toBe(driver.now.getTime())
    expect(read!.timestamp).toEqual(driver.now)
  })

  test('serialises as the topology reads and writes the topics', () => {
    const lines = topic('lines', { key: bytes, value: string })
    const driver = new StreamTestDriver((app) => {
      app
        .stream(lines)
        .filter((line) => line !== '')
        .to(topic('copies', { key: bytes, value: string }))
    })
    driver.send('lines', 'not "json"', { key: new Uint8Array([255]) })
    const [copy] = driver.read<string, Uint8Array>('copies')
    expect(copy!.value).toBe('not "json"')
    expect(copy!.key).toEqual(new Uint8Array([255]))
  })

  test('null is a tombstone', () => {
    const driver = new StreamTestDriver((app) => {
      app.stream(orders, { tombstones: 'deliver' }).to('copies')
      app.stream(topic<Order>('others')).to('other-copies')
    })
    driver.send('orders', null, { key: 'a' })
    driver.send('others', null, { key: 'a' })
    expect(driver.read('copies')).toMatchObject([{ key: 'a', value: null }])
    expect(driver.read('other-copies')).toEqual([])
    expect(driver.metrics().skipped).toEqual({ tombstone: 1 })
  })

  test('to a topic that is not read is refused, with those that are', () => {
    const driver = new StreamTestDriver((app) => {
      app.stream('orders').join(app.table('customers')).to('out')
    })
    expect(() => driver.send('order', 1)).toThrow(
      "send: the topology does not read 'order'; it reads orders, customers",
    )
    expect(() => driver.send('out', 1)).toThrow(ConfigError)
  })

  test('bytes are taken as they are, also such as cannot be read', () => {
    const build = (app: StreamBuilder) => void app.stream(orders).to('copies')
    const stopping = new StreamTestDriver(build)
    expect(() => stopping.send('orders', encodeUtf8('{oops'), { key: 'a' })).toThrow(
      /offset 0 of orders-0: the value cannot be read as json/,
    )
    const driver = new StreamTestDriver(build, { onError: { deadLetter: 'dead' } })
    driver.send('orders', encodeUtf8('{oops'), { key: 'a', timestamp: 7 })
    const [dead] = driver.read('dead')
    expect(dead).toMatchObject({ key: 'a', value: '{oops', timestampMs: 7 })
    expect(dead!.headers).toMatchObject({ 'original-topic': 'orders', 'original-offset': '0' })
    expect(driver.metrics().deadLetters).toBe(1)
  })

  test('what the topology writes and reads again is processed before send returns', () => {
    const driver = new StreamTestDriver((app) => {
      app.stream<number>('numbers').through('between').to('out')
      app
        .stream<number>('out')
        .filter((n) => n < 3)
        .map((n) => n + 1)
        .to('numbers')
    })
    driver.send('numbers', 1, { key: 'a' })
    expect(driver.read('out').map(({ value }) => value)).toEqual([1, 2, 3])
  })

  test('forEach is called', () => {
    const seen: unknown[] = []
    const driver = new StreamTestDriver((app) =>
      app.stream(orders).forEach((value, { key }) => {
        seen.push([key, value])
      }),
    )
    driver.send('orders', order(1), { key: 'a' })
    expect(seen).toEqual([['a', order(1)]])
  })
})

describe('state', () => {
  test('of a windowed table that nothing is made of is there to be asked', () => {
    const driver = new StreamTestDriver((app) => {
      app.stream('in').groupByKey().window(Window.tumbling('10ms')).count({ store: 'counts' })
    })
    driver.send('in', 1, { key: 'a', timestamp: 25 })
    expect(driver.store('counts').window('a', 20)).toBe(1)
  })

  test('can be looked at', () => {
    const driver = new StreamTestDriver(counting)
    driver.send(orders, order(1), { key: 'a' })
    driver.send(orders, order(2), { key: 'b' })
    expect(driver.store('by-region').get('eu')).toBe(2)
    expect(driver.store('by-region').get('us')).toBeUndefined()
    expect([...driver.store('by-region').entries()]).toEqual([['eu', 2]])
    expect(driver.metrics().stores['by-region']!.entries).toBe(1)
    expect(() => driver.store('by-regoin')).toThrow(/no store 'by-regoin'; there are by-region/)
    expect(() => driver.store('by-region').window('eu', 0)).toThrow(ConfigError)
  })

  test('of windows has a value for each', () => {
    const driver = new StreamTestDriver((app) => {
      app
        .stream(orders)
        .groupBy((one) => one.region)
        .window(Window.tumbling('1m'))
        .count({ store: 'per-minute' })
        .to('counts')
    })
    driver.send(orders, order(1), { timestamp: 61_000 })
    expect(driver.store('per-minute').window('eu', 60_000)).toBe(1)
    expect(driver.store('per-minute').window('eu', new Date(0))).toBeUndefined()
    const [[key]] = [...driver.store('per-minute').entries()] as unknown as [[object]]
    expect(key).toMatchObject({ key: 'eu', startMs: 60_000, endMs: 120_000 })
  })

  test('is after a restart what was committed and what was sent since', () => {
    const driver = new StreamTestDriver(counting)
    driver.send(orders, order(1))
    driver.commit()
    driver.send(orders, order(2))
    expect(driver.read('counts').map(({ value }) => value)).toEqual([1, 2])
    driver.restart()
    expect(driver.read('counts')).toEqual([])
    driver.send(orders, order(3))
    expect(driver.read('counts').map(({ value }) => value)).toEqual([3])
  })

  test('that is not written to the changelog is gone with a restart', () => {
    const driver = new StreamTestDriver(counting)
    driver.send(orders, order(1))
    driver.commit()
    // Not sent again, as it was committed: what is there was restored.
    driver.restart()
    expect(driver.store('by-region').get('eu')).toBe(1)
    expect(driver.metrics().recordsIn).toBe(2)
  })
})

describe('partitions', () => {
  test('share out keys as Kafka does', () => {
    const driver = new StreamTestDriver((app) => void app.stream(orders).to('copies'), {
      partitions: { orders: 4, copies: 4 },
    })
    for (const key of ['a', 'b', 'c', 'd']) driver.send('orders', order(1), { key })
    // By murmur2, which its own tests hold to Kafka's.
    expect(driver.read('copies').map(({ key, partition }) => [key, partition])).toEqual([
      ['a', 0],
      ['b', 0],
      ['c', 2],
      ['d', 1],
    ])
    expect(driver.metrics().tasks).toBe(4)
    expect(() => driver.send('orders', order(1), { partition: 4 })).toThrow(/no partition 4/)
  })

  test('of a grouped stream come together', () => {
    const driver = new StreamTestDriver(counting, { partitions: { orders: 4 } })
    for (const key of ['a', 'b', 'c', 'd']) driver.send('orders', order(1), { key })
    expect(driver.store('by-region').get('eu')).toBe(4)
    // Four that read orders, and four that read the topic in between.
    expect(driver.metrics().tasks).toBe(8)
  })

  test('that differ where they must not are refused', () => {
    const build = (app: StreamBuilder) => {
      app.stream(orders).merge(app.stream<Order>('returns')).groupByKey().count().to('out')
    }
    expect(() => new StreamTestDriver(build, { partitions: { orders: 4 } })).toThrow(
      /same number of partitions: 'orders' has 4, 'returns' has 1/,
    )
    const partitions = { orders: 4, returns: 4 }
    expect(new StreamTestDriver(build, { partitions }).metrics().tasks).toBe(4)
  })
})

describe('failures', () => {
  test('stop the driver until it is started again', () => {
    let isBroken = true
    const driver = new StreamTestDriver((app) => {
      app
        .stream<number>('in')
        .map((n) => {
          if (isBroken) throw new Error('no')
          return n
        })
        .to('out')
    })
    expect(() => driver.send('in', 1)).toThrow(StreamProcessingError)
    expect(() => driver.send('in', 2)).toThrow(ClosedError)
    expect(() => driver.commit()).toThrow(ClosedError)
    expect(() => driver.restart()).toThrow(StreamProcessingError)
    isBroken = false
    driver.restart()
    expect(driver.read('out').map(({ value }) => value)).toEqual([1])
  })

  test('of a call leave it as it was', () => {
    const driver = new StreamTestDriver((app) => void app.stream(orders).to('copies'))
    expect(() => driver.send('bad name', 1)).toThrow(ConfigError)
    expect(() => driver.send('orders', 1, { keys: 'a' } as object)).toThrow(/no option 'keys'/)
    expect(() => driver.send('orders', 1, { timestamp: 0.5 })).toThrow(ConfigError)
    driver.send('orders', order(1))
    expect(driver.read('copies')).toHaveLength(1)
  })

  test.each([
    ['no function', undefined, {}],
    ['an async function', async () => undefined, {}],
    ['an empty topology', () => undefined, {}],
    ['an app', counting, { app: 'a b' }],
    ['an option', counting, { partition: 1 }],
    ['partitions', counting, { partitions: 4 }],
    ['a count', counting, { partitions: { orders: 0 } }],
    ['a topic', counting, { partitions: { order: 2 } }],
    ['an internal topic', counting, { partitions: { 'test-by-region-repartition': 2 } }],
    ['onError', counting, { onError: 'ignore' }],
    ['startTime', counting, { startTime: 'today' }],
  ])('%s is refused', (_, build, options) => {
    expect(() => new StreamTestDriver(build as never, options as never)).toThrow(ConfigError)
  })
})

describe('promises', () => {
  const build = (app: StreamBuilder) => {
    app
      .stream<number>('in')
      .map(async (n) => n * 2)
      .to('out')
  }

  test('need sendAsync', async () => {
    const driver = new StreamTestDriver(build)
    expect(() => driver.send('in', 1)).toThrow(/await driver.sendAsync/)
    expect(() => driver.send('in', 1)).toThrow(ClosedError)
    await driver.restartAsync()
    expect(driver.read('out').map(({ value }) => value)).toEqual([2])
  })

  test('keep the order of what is sent', async () => {
    const driver = new StreamTestDriver(build)
    const sent = [1, 2, 3].map((n) => driver.sendAsync('in', n))
    expect(() => driver.commit()).toThrow(/still busy/)
    await Promise.all(sent)
    expect(driver.read('out').map(({ value }) => value)).toEqual([2, 4, 6])
  })

  test('that fail reject, and so does what was to come after', async () => {
    const driver = new StreamTestDriver((app) => {
      app
        .stream<number>('in')
        .map(async (n) => {
          if (n === 1) throw new Error('no')
          return n
        })
        .to('out')
    })
    const first = driver.sendAsync('in', 1)
    const second = driver.sendAsync('in', 2)
    await expect(first).rejects.toThrow(StreamProcessingError)
    await expect(second).rejects.toThrow(ClosedError)
  })
})

describe('onError as a function', () => {
  const build = (app: StreamBuilder) => {
    const stream = app.stream<number>('in')
    stream.map((n) => (n > 0 ? n : (undefined as never))).to('out')
  }

  test('is told where a record failed, and says what becomes of it', () => {
    const told: unknown[] = []
    const driver = new StreamTestDriver(build, {
      onError(error, record, where) {
        told.push([where, error.offset, record.value && String.fromCharCode(...record.value)])
        return where === 'decode' ? { deadLetter: 'dead' } : 'skip'
      },
    })
    driver.send('in', new Uint8Array([123]), { key: 'a' })
    driver.send('in', -1, { key: 'a' })
    expect(told).toEqual([
      ['decode', 0n, '{'],
      ['process', 1n, '-1'],
    ])
    expect(driver.read('dead')).toHaveLength(1)
    expect(driver.read('out')).toEqual([])
  })

  test.each([
    [undefined, /what StreamsConfig.onError returned must be/],
    ['ignore', /what StreamsConfig.onError returned/],
    [Promise.resolve('skip'), /what StreamsConfig.onError returned/],
  ])('stops at %s', (said, message) => {
    const driver = new StreamTestDriver(build, { onError: () => said as never })
    expect(() => driver.send('in', -1, { key: 'a' })).toThrow(message)
  })

  test('what it throws stops the stream', () => {
    const onError = () => {
      throw new Error('no idea')
    }
    const driver = new StreamTestDriver(build, { onError })
    expect(() => driver.send('in', -1, { key: 'a' })).toThrow(/no idea/)
  })
})
