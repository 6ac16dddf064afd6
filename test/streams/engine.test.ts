/** The engine of streams: a record happens as a whole or not at all, callbacks are held to what they may do. */
import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../../src/core/bytes.ts'
import type { StreamBuilder } from '../../src/streams/dsl/stream-builder.ts'
import { StreamProcessingError } from '../../src/streams/task/errors.ts'
import { Window } from '../../src/streams/windows.ts'
import { StreamTestDriver } from '../../src/testing/stream-test-driver.ts'

const valuesOf = (driver: StreamTestDriver, topic: string) =>
  driver.read(topic).map(({ value }) => value)

describe('a record that fails', () => {
  /** Counts, writes what it has counted, and only then looks whether it may. */
  const build = (check: (value: number) => void | Promise<void>) => (app: StreamBuilder) => {
    const numbers = app.stream<number>('in')
    const counted = numbers.groupByKey().count({ store: 'counts' })
    counted.to('counts')
    numbers.to('copies')
    numbers.peek(check).to('checked')
  }
  const refuse = (value: number) => {
    if (value < 0) throw new Error('negative')
  }
  const sendAll = (driver: StreamTestDriver, values: readonly number[]) => {
    for (const value of values) driver.send('in', value, { key: 'a' })
  }

  test('leaves nothing when it stops the stream', () => {
    const driver = new StreamTestDriver(build(refuse))
    driver.send('in', 1, { key: 'a' })
    expect(() => driver.send('in', -1, { key: 'a' })).toThrow(StreamProcessingError)
    expect(driver.store('counts').get('a')).toBe(1)
    expect(valuesOf(driver, 'counts')).toEqual([1])
    expect(valuesOf(driver, 'copies')).toEqual([1])
  })

  test('leaves nothing when it is skipped', () => {
    const driver = new StreamTestDriver(build(refuse), { onError: 'skip' })
    sendAll(driver, [1, -1, 2])
    expect(valuesOf(driver, 'counts')).toEqual([1, 2])
    expect(valuesOf(driver, 'copies')).toEqual([1, 2])
    expect(driver.metrics().skipped).toEqual({ failed: 1 })
  })

  test('leaves only itself among the dead letters, as it was', () => {
    const driver = new StreamTestDriver(build(refuse), { onError: { deadLetter: 'dead' } })
    sendAll(driver, [1])
    driver.send('in', -1, { key: 'a', timestamp: 77, headers: { source: 'web' } })
    sendAll(driver, [2])
    expect(valuesOf(driver, 'counts')).toEqual([1, 2])
    const [dead, ...others] = driver.read('dead')
    expect(others).toEqual([])
    expect(dead).toMatchObject({ key: 'a', value: -1, timestampMs: 77 })
    expect(dead!.headers).toMatchObject({
      source: 'web',
      error: 'negative',
      'original-topic': 'in',
      'original-offset': '1',
      'failed-at': driver.now.toISOString(),
    })
  })

  test('counts once when it is tried again', async () => {
    let failures = 2
    const flaky = () => {
      if (failures-- > 0) throw new Error('busy')
    }
    const retry = { attempts: 5, baseDelay: 0 }
    const driver = new StreamTestDriver(build(flaky), { onError: { retry } })
    await driver.sendAsync('in', 1, { key: 'a' })
    expect(failures).toBe(-1)
    expect(valuesOf(driver, 'counts')).toEqual([1])
    expect(driver.store('counts').get('a')).toBe(1)
  })

  test('leaves nothing when a promise rejects', async () => {
    const driver = new StreamTestDriver(
      build(async (value) => refuse(value)),
      { onError: 'skip' },
    )
    for (const value of [1, -1, 2]) await driver.sendAsync('in', value, { key: 'a' })
    expect(valuesOf(driver, 'counts')).toEqual([1, 2])
  })

  test('does not move time, nor close windows', () => {
    const driver = new StreamTestDriver(
      (app) => {
        app
          .stream<number>('in')
          .groupByKey()
          .window(Window.tumbling(10))
          .count({ store: 'windows' })
          .toStream()
          .peek((count, { key }) => {
            if (key.startMs >= 1000) throw new Error(`too far: ${count}`)
          })
          .to('out')
      },
      { onError: 'skip' },
    )
    const send = (timestamp: number) => driver.send('in', 1, { key: 'a', timestamp })
    send(1)
    send(1000)
    send(2)
    expect(valuesOf(driver, 'out')).toEqual([1, 2])
    expect(driver.metrics().late).toEqual({})
    expect(driver.store('windows').window('a', 1000)).toBeUndefined()
  })

  test('that cannot be read has no retries', async () => {
    const retry = { attempts: 5, baseDelay: 0 }
    const driver = new StreamTestDriver((app) => void app.stream('in').to('out'), {
      onError: { retry, otherwise: 'skip' },
    })
    driver.send('in', encodeUtf8('{'))
    expect(driver.metrics().skipped).toEqual({ failed: 1 })
  })
})

test('a restart forgets what was done since the commit, and does it again', () => {
  const seen: number[] = []
  const driver = new StreamTestDriver((app) => {
    const numbers = app.stream<number>('in')
    numbers
      .groupBy(() => 'all')
      .reduce((a, b) => a + b, { store: 'sum' })
      .to('sums')
    numbers.forEach((value) => {
      seen.push(value)
    })
  })
  driver.send('in', 1)
  driver.commit()
  driver.send('in', 2)
  driver.send('in', 3)
  driver.restart()
  expect(driver.store('sum').get('all')).toBe(6)
  expect(valuesOf(driver, 'sums')).toEqual([1, 3, 6])
  // Callbacks are outside the transaction.
  expect(seen).toEqual([1, 2, 3, 2, 3])
})

describe('callbacks that return promises', () => {
  test('keep the order of records, and of what comes of each', async () => {
    const driver = new StreamTestDriver((app) => {
      const numbers = app.stream<number>('in')
      numbers
        .map(async (value) => {
          // The first takes the most turns.
          for (let turn = value; turn < 5; turn++) await Promise.resolve()
          return value
        })
        .filter(async (value) => value !== 3)
        .flatMap(async (value) => [value, value * 10])
        .rekey(async (value) => String(value))
        .peek(async () => undefined)
        .to('out')
      numbers.map((value) => -value).to('out')
    })
    await Promise.all([1, 2, 3].map((value) => driver.sendAsync('in', value)))
    expect(valuesOf(driver, 'out')).toEqual([1, 10, -1, 2, 20, -2, -3])
  })

  test('of what must not wait are refused, by the name of the operator', () => {
    const later = (async () => true) as never
    const cases: { readonly [what: string]: (app: StreamBuilder) => void } = {
      "aggregate of 'sums'": (app) => {
        app
          .stream('in')
          .groupByKey()
          .aggregate({ initial: () => 0, add: later, store: 'sums' })
          .to('out')
      },
      "initial value of 'sums'": (app) => {
        app
          .stream('in')
          .groupByKey()
          .aggregate({ initial: later, add: () => 0, store: 'sums' })
          .to('out')
      },
      "reduce of 'reduce-1'": (app) => {
        app.stream('in').groupByKey().reduce(0, later).to('out')
      },
      'predicate of branch': (app) => void app.stream('in').branch([[later, 'out']]),
      'topic of to': (app) => void app.stream('in').to(later),
      predicate: (app) => {
        app.stream('in').groupByKey().count().filter(later).to('out')
      },
      'partitioner of to': (app) => void app.stream('in').to('out', { partitioner: later }),
    }
    for (const [what, build] of Object.entries(cases)) {
      const driver = new StreamTestDriver(build)
      expect(() => driver.send('in', 1, { key: 'a' }), what).toThrow(
        /returned a promise; it must return its result/,
      )
      const again = new StreamTestDriver(build)
      expect(() => again.send('in', 1, { key: 'a' })).toThrow(what)
    }
  })
})

describe('what callbacks return', () => {
  const forgot = (() => undefined) as never
  test.each<[string, (app: StreamBuilder) => void]>([
    ['map', (app) => void app.stream('in').map(forgot).to('out')],
    [
      'flatMap',
      (app) =>
        void app
          .stream('in')
          .flatMap(() => [undefined])
          .to('out'),
    ],
    ['rekey', (app) => void app.stream('in').rekey(forgot).to('out')],
    [
      'mapRecord',
      (app) =>
        void app
          .stream('in')
          .mapRecord(() => ({ key: 'a' }) as never)
          .to('out'),
    ],
    ['groupBy', (app) => void app.stream('in').groupBy(forgot).count().to('out')],
    ['reduce', (app) => void app.stream('in').groupByKey().reduce(1, forgot).to('out')],
    ['map', (app) => void app.stream('in').groupByKey().count().map(forgot).to('out')],
  ])('%s must not forget it', (kind, build) => {
    const driver = new StreamTestDriver(build)
    expect(() => driver.send('in', 1, { key: 'a' })).toThrow(
      new RegExp(`${kind}.*returned undefined`),
    )
  })

  test('an aggregate must not be changed in place', () => {
    const driver = new StreamTestDriver((app) => {
      app
        .stream<number>('in')
        .groupByKey()
        .aggregate<{ list: number[] }>({
          initial: () => ({ list: [] }),
          add(total, value) {
            total.list.push(value)
            return total
          },
        })
        .to('out')
    })
    try {
      driver.send('in', 1, { key: 'a' })
      expect.unreachable()
    } catch (error) {
      expect((error as Error).cause).toBeInstanceOf(TypeError)
      expect((error as StreamProcessingError).operator).toBe('aggregate-1')
    }
  })
})

test('negative timestamps are passed over, and counted', () => {
  const driver = new StreamTestDriver((app) => void app.stream('in').to('out'))
  driver.send('in', 1, { timestamp: -1 })
  driver.send('in', 2, { timestamp: 0 })
  expect(valuesOf(driver, 'out')).toEqual([2])
  expect(driver.metrics().skipped).toEqual({ 'negative timestamp': 1 })
})

test('silence closes windows that ask for it', () => {
  const driver = new StreamTestDriver((app) => {
    app
      .stream<number>('in')
      .groupByKey()
      .window(Window.tumbling('10s', { idle: '30s' }))
      .count()
      .final()
      .to('out')
  })
  driver.send('in', 1, { key: 'a' })
  driver.advance('29s')
  expect(valuesOf(driver, 'out')).toEqual([])
  driver.advance('1s')
  expect(valuesOf(driver, 'out')).toEqual([1])
})

test('of several inputs the earliest record is first', () => {
  const driver = new StreamTestDriver((app) => {
    const numbers = app.stream<number>('in')
    // Both topics in between have a record before either is read.
    const later = numbers.mapRecord(() => ({ key: 'k', value: 'later', timestamp: 20 }))
    const earlier = numbers.mapRecord(() => ({ key: 'k', value: 'earlier', timestamp: 10 }))
    later
      .repartition({ name: 'one' })
      .merge(earlier.repartition({ name: 'two' }))
      .to('out')
  })
  driver.send('in', 1)
  expect(valuesOf(driver, 'out')).toEqual(['earlier', 'later'])
})
