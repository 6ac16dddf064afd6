/** `stream.process(…)`: stores and timers in callbacks, and what a restart must not change. */
import { describe, expect, test } from 'vitest'
import { json } from '../../src/client/serializer.ts'
import { ConfigError } from '../../src/core/errors.ts'
import { keyValueStore, windowStore } from '../../src/streams/dsl/process.ts'
import type { StreamBuilder } from '../../src/streams/dsl/stream-builder.ts'
import { StreamProcessingError } from '../../src/streams/task/errors.ts'
import { StreamTestDriver } from '../../src/testing/stream-test-driver.ts'

const values = (driver: StreamTestDriver, topic = 'out') =>
  driver.read(topic).map(({ key, value, timestampMs }) => [key, value, timestampMs])

/** Lets each value of a key through once. */
function dedupe(app: StreamBuilder): void {
  app
    .stream<string>('in')
    .process({
      stores: { seen: keyValueStore<number>() },
      record({ key, value, timestampMs }, { store, forward }) {
        const seen = store('seen')
        if (seen.get(value) !== undefined) return
        seen.put(value, timestampMs)
        forward({ key, value })
      },
    })
    .to('out')
}

describe('stores', () => {
  test('are kept between records, and over a restart', () => {
    const driver = new StreamTestDriver(dedupe)
    driver.send('in', 'x', { key: 'a', timestamp: 1 })
    driver.send('in', 'x', { key: 'a', timestamp: 2 })
    driver.commit()
    driver.restart()
    driver.send('in', 'x', { key: 'a', timestamp: 3 })
    driver.send('in', 'y', { key: 'a', timestamp: 4 })
    expect(values(driver)).toEqual([
      ['a', 'x', 1],
      ['a', 'y', 4],
    ])
    expect(driver.store('process-1-seen').get('y')).toBe(4)
  })

  test('have entries, deletions and frozen values', () => {
    const driver = new StreamTestDriver((app) => {
      app
        .stream<number>('in')
        .process({
          name: 'lists',
          stores: { lists: keyValueStore<number[]>() },
          value: json<readonly (readonly [string, number[]])[]>(),
          record({ key, value }, { store, forward }) {
            const lists = store('lists')
            if (value < 0) lists.delete(key!)
            else lists.put(key!, [...(lists.get(key!) ?? []), value])
            forward({ key, value: [...lists.entries()] })
          },
        })
        .to('out')
      app
        .stream<string>('mutating')
        .process({
          stores: { lists: keyValueStore<number[]>() },
          record({ key }, { store }) {
            store('lists').put(key!, [])
            store('lists').get(key!)!.push(1)
          },
        })
        .to('never')
    })
    driver.send('in', 1, { key: 'b' })
    driver.send('in', 2, { key: 'a' })
    driver.send('in', -1, { key: 'b' })
    expect(driver.read('out').map(({ value }) => value)).toEqual([
      [['b', [1]]],
      [
        ['a', [2]],
        ['b', [1]],
      ],
      [['a', [2]]],
    ])
    expect(() => driver.send('mutating', '', { key: 'a' })).toThrow(/object is not extensible/)
  })

  test('of windows forget what is older than their retention', () => {
    const driver = new StreamTestDriver((app) => {
      app
        .stream<number>('in')
        .process({
          stores: { byTime: windowStore<number>({ retention: 10 }) },
          value: json<unknown>(),
          record({ key, value, timestampMs }, { store, forward }) {
            const byTime = store('byTime')
            byTime.put(key!, timestampMs, value)
            const got = byTime.get(key!, timestampMs) ?? null
            forward({ key, value: [got, [...byTime.range(key!, 0, 100)]] })
          },
        })
        .to('out')
    })
    const range = (timestamp: number, value: number) => {
      driver.send('in', value, { key: 'a', timestamp })
      return driver.read('out')[0]!.value
    }
    expect(range(5, 1)).toEqual([1, [[5, 1]]])
    expect(range(14, 2)).toEqual([2, [[5, 1], [14, 2]]]) // biome-ignore format: as it reads best.
    expect(range(15, 3)).toEqual([3, [[14, 2], [15, 3]]]) // biome-ignore format: as it reads best.
    expect(range(5, 4)).toEqual([null, [[14, 2], [15, 3]]]) // biome-ignore format: as it reads best.
  })

  test('bring the records of a key together first, if the key was changed', () => {
    const driver = new StreamTestDriver(
      (app) => {
        app
          .stream<string>('in')
          .rekey((value) => value)
          .process({
            stores: { seen: keyValueStore<boolean>() },
            keepsKey: true,
            record({ key, value }, { store, forward }) {
              if (store('seen').get(key)) return
              store('seen').put(key, true)
              forward({ key, value })
            },
          })
          .to('out')
      },
      { partitions: { in: 4 } },
    )
    for (const key of ['a', 'b', 'c', 'd']) driver.send('in', 'same', { key })
    expect(values(driver)).toHaveLength(1)
  })
})

describe('what a callback did is undone', () => {
  const failing = (callback: (value: number) => void) => (app: StreamBuilder) => {
    app
      .stream<number>('in')
      .process({
        stores: { sums: keyValueStore<number>() },
        record({ key, value }, { store, forward }) {
          const sum = (store('sums').get('sum') ?? 0) + value
          store('sums').put('sum', sum)
          try {
            forward({ key, value: sum })
          } catch {
            // A failure below cannot be hidden: half of it may have been done.
          }
        },
      })
      .peek(callback)
      .to('out')
  }

  test('when what is below throws, though it is caught', () => {
    const build = failing((sum) => {
      if (sum === 3) throw new Error('three')
    })
    const driver = new StreamTestDriver(build, { onError: 'skip' })
    for (const value of [1, 2, 3]) driver.send('in', value, { timestamp: value })
    expect(values(driver)).toEqual([
      [null, 1, 1],
      [null, 4, 3],
    ])
  })

  test('also where below takes its time', async () => {
    const build = failing(((sum: number) =>
      sum === 3 ? Promise.reject(new Error('three')) : Promise.resolve()) as never)
    const driver = new StreamTestDriver(build, { onError: 'skip' })
    for (const value of [1, 2, 3]) await driver.sendAsync('in', value, { timestamp: value })
    expect(values(driver)).toEqual([
      [null, 1, 1],
      [null, 4, 3],
    ])
  })
})

/** Tells how many records came in each minute: by stream time. */
function perMinute(app: StreamBuilder): void {
  app
    .stream<string>('in')
    .process({
      stores: { counts: keyValueStore<number>() },
      value: json<number>(),
      init({ every }) {
        every('1m', 'stream', (at, { store, forward }) => {
          forward({ key: at.toISOString().slice(11, 16), value: store('counts').get('n') ?? 0 })
          store('counts').delete('n')
        })
      },
      record(_, { store }) {
        store('counts').put('n', (store('counts').get('n') ?? 0) + 1)
      },
    })
    .to('out')
}

describe('timers by stream time', () => {
  const records = [10_000, 59_999, 60_000, 30_000, 61_000, 240_500, 300_000]
  const expected = [
    ['00:01', 2, 60_000],
    ['00:04', 3, 240_000],
    ['00:05', 1, 300_000],
  ]

  test('come at the multiples of their interval, before the record that brings the time', () => {
    const driver = new StreamTestDriver(perMinute)
    for (const timestamp of records) driver.send('in', '', { timestamp })
    expect(values(driver)).toEqual(expected)
  })

  test.each(records.map((_, i) => i))('are the same with a restart before record %i', (at) => {
    const driver = new StreamTestDriver(perMinute)
    for (const [i, timestamp] of records.entries()) {
      if (i === at - 1) driver.commit()
      if (i === at) driver.restart()
      driver.send('in', '', { timestamp })
    }
    expect(values(driver)).toEqual(expected)
  })

  test('do not need a store', () => {
    const driver = new StreamTestDriver((app) => {
      app
        .stream<string>('in')
        .process({
          init({ every }) {
            every(10, 'stream', (at, { forward }) => forward({ key: 'tick', value: at.toJSON() }))
          },
          record: () => undefined,
        })
        .to('out')
    })
    driver.send('in', '', { timestamp: 15 })
    driver.commit()
    driver.restart()
    driver.send('in', '', { timestamp: 25 })
    expect(values(driver)).toEqual([['tick', '1970-01-01T00:00:00.020Z', 20]])
  })
})

describe('timers by the wall clock', () => {
  const build = (app: StreamBuilder) => {
    app
      .stream<number>('in')
      .process({
        stores: { sum: keyValueStore<number>() },
        init({ every }) {
          every('1m', 'wall', (at, { store, forward }) => {
            const sum = store('sum').get('sum') ?? 0
            store('sum').put('sum', sum + 100)
            if (sum > 300) throw new Error('too much')
            forward({ key: at.toISOString().slice(11, 16), value: sum })
          })
        },
        record({ value }, { store }) {
          store('sum').put('sum', (store('sum').get('sum') ?? 0) + value)
        },
      })
      .to('out')
  }
  const read = (driver: StreamTestDriver) => values(driver).map(([key, value]) => [key, value])

  test('come as the clock passes them, each as a record of its own', () => {
    const driver = new StreamTestDriver(build)
    driver.send('in', 5)
    driver.advance('59s')
    expect(read(driver)).toEqual([])
    driver.advance('2m')
    expect(read(driver)).toEqual([
      ['00:01', 5],
      ['00:02', 105],
    ])
  })

  test('are undone when they fail, and stop the stream', () => {
    const driver = new StreamTestDriver(build)
    driver.send('in', 250)
    driver.advance('1m')
    expect(() => driver.advance('1m')).toThrow(
      /stopped at a timer of in-0 in 'process-1': too much/,
    )
    expect(driver.store('process-1-sum').get('sum')).toBe(350)
  })

  test('are passed over where records that fail are', () => {
    const driver = new StreamTestDriver(build, { onError: 'skip' })
    driver.send('in', 350)
    driver.advance('3m')
    expect(read(driver)).toEqual([])
    expect(driver.store('process-1-sum').get('sum')).toBe(350)
    expect(driver.metrics().skipped).toEqual({ failed: 3 })
  })
})

describe('promises', () => {
  test('of the callback, and of what is below, are waited for in turn', async () => {
    const driver = new StreamTestDriver((app) => {
      app
        .stream<number>('in')
        .process({
          stores: { last: keyValueStore<number>() },
          async record({ key, value }, { store, forward }) {
            await Promise.resolve()
            forward({ key, value: store('last').get('last') ?? 0 })
            forward({ key, value })
            store('last').put('last', value)
          },
        })
        .map(async (value) => value)
        .to('out')
    })
    await Promise.all([driver.sendAsync('in', 1), driver.sendAsync('in', 2)])
    expect(driver.read('out').map(({ value }) => value)).toEqual([0, 1, 1, 2])
  })
})

describe('wrong use', () => {
  const record = () => undefined
  const at = (app: StreamBuilder) => app.stream<string>('in')

  test.each([
    ['no options', undefined],
    ['no record', {}],
    ['an option', { record, store: {} }],
    ['stores', { record, stores: [] }],
    ['a store', { record, stores: { seen: 'memory' } }],
    ['init', { record, init: 'now' }],
    ['keepsKey', { record, keepsKey: 'yes' }],
    ['name', { record, name: 7 }],
    ['value', { record, value: 'json' }],
  ])('%s is refused', (_, options) => {
    expect(
      () =>
        new StreamTestDriver(
          (app) =>
            void at(app)
              .process(options as never)
              .to('out'),
        ),
    ).toThrow(ConfigError)
  })

  test.each([
    ['an interval', ['soon', 'stream', record]],
    ['an interval of 0', [0, 'stream', record]],
    ['a clock', ['1s', 'event', record]],
    ['a callback', ['1s', 'wall', undefined]],
  ])('%s of every is refused', (_, args) => {
    const init = ({ every }: { every: (...args: never[]) => void }) => every(...(args as never[]))
    expect(
      () =>
        new StreamTestDriver(
          (app) =>
            void at(app)
              .process({ init, record } as never)
              .to('out'),
        ),
    ).toThrow(/interval|every/)
  })

  test('stores, forward and every have their time', () => {
    const run = (options: object) => {
      const driver = new StreamTestDriver((app) => {
        at(app)
          .process({ stores: { seen: keyValueStore() }, record, ...options } as never)
          .to('out')
      })
      driver.send('in', 'x', { key: 'a' })
    }
    type Any = { store(name: string): { get(key: string): void }; every(...args: unknown[]): void }
    expect(() => run({ init: ({ store }: Any) => store('seen').get('a') })).toThrow(/not in init/)
    expect(() => run({ record: (_: unknown, c: Any) => c.every(1, 'wall', record) })).toThrow(
      /must be called in init/,
    )
    expect(() => run({ record: (_: unknown, c: Any) => c.store('sene') })).toThrow(
      /no store "sene"; stores has seen/,
    )
    expect(() =>
      run({ record: (_: unknown, c: { forward(it: unknown): void }) => c.forward(1) }),
    ).toThrow(/process: forward needs \{ key, value/)
    let leaked: Any | undefined
    run({
      record(_: unknown, context: Any) {
        leaked = context
      },
    })
    expect(() => leaked!.store('seen').get('a')).toThrow(
      /while a record or a timer is being processed/,
    )
  })
})

test('a failure names the operator', () => {
  const driver = new StreamTestDriver((app) => {
    app
      .stream<string>('in')
      .process({
        name: 'mine',
        stores: { seen: keyValueStore() },
        record() {
          throw new Error('no')
        },
      })
      .to('out')
  })
  try {
    driver.send('in', '')
    expect.unreachable()
  } catch (error) {
    expect(error).toBeInstanceOf(StreamProcessingError)
    expect((error as StreamProcessingError).operator).toBe('mine')
  }
})
