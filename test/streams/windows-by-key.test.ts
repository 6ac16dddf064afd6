/** All windows of a key lie in the partition of the key, so whatever meets by key and window, or by the key, meets. */
import { expect, test } from 'vitest'
import { json, string } from '../../src/client/serializer.ts'
import { topic } from '../../src/client/topic.ts'
import { Client } from '../../src/index.ts'
import type { StreamBuilder } from '../../src/streams/dsl/stream-builder.ts'
import { Windowed } from '../../src/streams/windowed.ts'
import { windowedKey } from '../../src/streams/windowed-key.ts'
import { Window } from '../../src/streams/windows.ts'
import { StreamTestDriver } from '../../src/testing/stream-test-driver.ts'

const tens = Window.tumbling('10ms')
const keys = Array.from({ length: 20 }, (_, n) => `key-${n}`)
const four = (...topics: string[]) => ({
  partitions: Object.fromEntries(topics.map((name) => [name, 4])),
})

function send(driver: StreamTestDriver, times: readonly number[] = [0]): void {
  for (const timestamp of times) {
    for (const key of keys) driver.send('in', 1, { key, timestamp })
  }
}

function counts(app: StreamBuilder) {
  return app.stream<number>('in').groupByKey().window(tens).count()
}

function partitionsByKey(records: readonly { key: unknown; partition: number }[]) {
  const found = new Map<unknown, Set<number>>()
  for (const { key, partition } of records) {
    const inner = key instanceof Windowed ? key.key : key
    found.set(inner, (found.get(inner) ?? new Set()).add(partition))
  }
  return Object.fromEntries([...found].map(([key, partitions]) => [String(key), [...partitions]]))
}

test.each(['json', 'binary'] as const)('results written as %s lie where their keys do', (key) => {
  const driver = new StreamTestDriver(
    (app) => {
      counts(app).to('counts', { key })
      app.stream<number>('in').to('keyed')
    },
    four('in', 'keyed', 'counts'),
  )
  send(driver, [0, 10, 25, 1000])
  const serializer = key === 'json' ? windowedKey() : windowedKey(string, tens)
  const written = driver.read(topic('counts', { key: serializer, value: json<number>() }))
  expect(written).toHaveLength(4 * keys.length)
  expect(partitionsByKey(written)).toEqual(partitionsByKey(driver.read('keyed')))
})

test('keys that are JSON themselves, too', () => {
  const source = topic('in', { key: json<string>(), value: json<number>() })
  const results = topic('counts', { key: windowedKey(json<string>()), value: json<number>() })
  const driver = new StreamTestDriver(
    (app) => {
      app.stream(source).groupByKey().window(tens).count().to('counts')
      app.stream(source).to('keyed')
    },
    four('in', 'keyed', 'counts'),
  )
  for (const key of keys) driver.send(source, 1, { key, timestamp: 5 })
  const keyed = topic('keyed', { key: json<string>(), value: json<number>() })
  expect(partitionsByKey(driver.read(results))).toEqual(partitionsByKey(driver.read(keyed)))
})

test('a stream that was given keys with windows meets the table of windows', () => {
  const driver = new StreamTestDriver(
    (app) => {
      const stream = app
        .stream<number>('rows')
        .rekey((_, { key }) => new Windowed(key as string, 0, 10), { key: windowedKey() })
      stream.join(counts(app)).to('joined')
    },
    four('in', 'rows', 'joined'),
  )
  send(driver)
  keys.forEach((key, n) => void driver.send('rows', n, { key, timestamp: 20 }))
  const joined = driver.read(topic('joined', { key: windowedKey(), value: json() }))
  expect(joined.map(({ value }) => value)).toEqual(keys.map((_, n) => [n, 1]))
})

test('a table that was written and read again meets the one that it was written from', () => {
  const driver = new StreamTestDriver(
    (app) => {
      const table = counts(app)
      const read = app.table(topic('counts', { key: windowedKey(), value: json<number>() }))
      table.to('counts')
      table.join(read).to('joined')
    },
    four('in', 'counts', 'joined'),
  )
  send(driver)
  const joined = driver.read(topic('joined', { key: windowedKey(), value: json() }))
  expect(joined.map(({ key, value }) => [key!.key, value])).toEqual(
    keys.map((key) => [key, [1, 1]]),
  )
})

test('rows find results of windows by a foreign key', () => {
  const driver = new StreamTestDriver(
    (app) => {
      app
        .table<number>('rows')
        .join(counts(app), { foreignKey: (n) => new Windowed(`key-${n}`, 0, 10) })
        .to('joined')
    },
    four('in', 'rows', 'joined'),
  )
  keys.forEach((_, n) => void driver.send('rows', n, { key: `row-${n}` }))
  send(driver)
  const joined = driver.read<[number, number]>('joined')
  expect(joined.map(({ key, value }) => [key, value])).toEqual(
    keys.map((_, n) => [`row-${n}`, [n, 1]]),
  )
})

test('a producer sends keys with windows there, too', async () => {
  await using kafka = new Client('memory:')
  await kafka.admin.createTopic('counts', { partitions: 8 })
  const windowed = kafka.producer(topic('counts', { key: windowedKey(), value: json<number>() }))
  const plain = kafka.producer(topic('counts', { key: string, value: json<number>() }))
  for (const key of keys) {
    const { partition } = await plain.send(1, { key })
    expect(await windowed.send(1, { key: new Windowed(key, 0, 10) })).toMatchObject({ partition })
  }
})

test('what a serialiser of keys gives to choose the partition by is checked', async () => {
  await using kafka = new Client('memory:')
  const key = { ...string, name: 'odd', partitionKey: () => 7 as never }
  const producer = kafka.producer(topic('odd', { key, value: json<number>() }))
  await expect(producer.send(1, { key: 'a' })).rejects.toThrow(
    /cannot be serialised as odd: its partitionKey must return a string or a Uint8Array, and returned 7/,
  )
})
