/** Questions to the stores of a running application. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Client, ConfigError, StoreMovedError } from '../../src/index.ts'
import type { Streams } from '../../src/streams/dsl/streams.ts'
import '../../src/streams/runtime/start-application.ts'
import { Window } from '../../src/streams/windows.ts'
import { SeededRandom } from '../simulation/random.ts'
import { World } from './simulated-world.ts'

let kafka: Client
beforeEach(() => {
  kafka = new Client({ url: 'memory:' })
})
afterEach(() => kafka.close())

async function started(write: (streams: Streams) => void, commitInterval = 5) {
  const streams = kafka.streams({ app: 'shop', commitInterval })
  write(streams)
  return streams.start()
}

const send = (key: string, timestamp: number) =>
  kafka.produce('in', 1, { key, timestamp: new Date(timestamp) })

describe('a store by key', () => {
  test('gives values, ranges and all entries', async () => {
    await kafka.admin.createTopic('in', { partitions: 3 })
    for (const key of ['d', 'b', 'a', 'c', 'a']) await send(key, 1)
    const run = await started((app) => {
      app.stream('in').groupByKey().count({ store: 'counts' })
    })
    const counts = run.store<number>('counts')
    await expect.poll(() => [...counts.range()].map(([, value]) => value)).toEqual([2, 1, 1, 1])
    expect([...counts.range('b', 'c')]).toEqual([
      ['b', 1],
      ['c', 1],
    ])
    expect([...counts.range('c')].map(([key]) => key)).toEqual(['c', 'd'])
    expect(counts.get('a')).toBe(2)
    expect(counts.get('z')).toBeUndefined()
    expect(run.locate('counts', 'a')).toMatchObject({ isLocal: true, isStandby: false })
    await run.close()
  })

  test('gives what is not committed only where that is asked for', async () => {
    await send('a', 1)
    const run = await started(
      (app) => void app.stream('in').groupByKey().count({ store: 'counts' }),
      3_600_000,
    )
    const uncommitted = run.store<number>('counts', { uncommitted: true })
    await expect.poll(() => uncommitted.get('a')).toBe(1)
    expect([...uncommitted.entries()]).toEqual([['a', 1]])
    const counts = run.store('counts')
    expect([counts.get('a'), ...counts.entries(), ...counts.range()]).toEqual([undefined])
    await run.close()
  })
})

test('windows and sessions', async () => {
  const run = await started((app) => {
    const grouped = app.stream('in').groupByKey()
    grouped
      .window(Window.tumbling(10))
      .count({ store: 'windows', retention: 1000 })
      .forEach(() => {})
    grouped
      .window(Window.session(5))
      .count({ store: 'sessions' })
      .forEach(() => {})
  })
  for (const timestamp of [1, 2, 11, 25]) await send('a', timestamp)
  const windows = run.store<number>('windows')
  const sessions = run.store<number>('sessions')
  const seen = (list: Iterable<readonly [{ startMs: number; endMs: number }, number]>) =>
    [...list].map(([{ startMs, endMs }, value]) => [startMs, endMs, value])
  await expect
    .poll(() => seen(windows.windows('a')))
    .toEqual([
      [0, 10, 2],
      [10, 20, 1],
      [20, 30, 1],
    ])
  expect(seen(windows.windows('a', new Date(10), 19))).toEqual([[10, 20, 1]])
  expect(windows.window('a', 0)).toBe(2)
  expect(seen(sessions.windows('a'))).toEqual([[25, 25, 1]])
  expect(sessions.window('a', 25)).toBe(1)
  expect([...windows.entries()]).toHaveLength(3)
  await run.close()
})

test('wrong questions are told what is right', async () => {
  await send('a', 1)
  const run = await started((app) => {
    app.stream('in').groupByKey().count({ store: 'counts' })
    const windowed = app.stream('in').groupByKey().window(Window.tumbling(10))
    windowed.count({ store: 'windows' }).forEach(() => {})
  })
  const wrong: (() => unknown)[] = [
    () => run.store('other'),
    () => run.store(1 as never),
    () => run.store('counts', { stail: true } as never),
    () => run.store('counts', { stale: 1 } as never),
    () => run.store('counts').get(1 as never),
    () => run.store('counts').get(null as never),
    () => [...run.store('counts').range(1 as never)],
    () => run.store('counts').window('a', 0),
    () => run.store('windows').get('a'),
    () => run.store('windows').range(),
    () => run.store('windows').window('a', 'now' as never),
    () => run.store('windows').window('a', Number.NaN),
    () => run.store('windows').windows('a', {} as never),
    () => run.locate('other', 'a'),
    () => run.locate('counts', undefined as never),
  ]
  for (const ask of wrong) expect(ask, String(ask)).toThrow(ConfigError)
  await run.close()
})

test('what another process has is said to be elsewhere, and a copy of it is read where that is allowed', async () => {
  const world = new World({
    random: new SeededRandom(1),
    processes: 2,
    isEmbedded: false,
    config: { commitInterval: 10, standbys: 1 },
    build: (streams) => void streams.stream('in').groupByKey().count({ store: 'counts' }),
    events: [],
  })
  const keys = Array.from({ length: 12 }, (_, n) => `k${n}`)
  const live = async () => {
    await world.openBroker()
    await world.sound.admin.createTopic('in', { partitions: 4 })
    for (const key of keys) await world.sound.produce('in', 1, { key })
    const [first, second] = [world.startProcess(), world.startProcess()]
    const has = (key: string) =>
      [first, second].filter(({ running }) => running?.locate('counts', key).isLocal)
    const isCopied = (key: string) =>
      [first, second].filter(({ running }) => {
        if (!running || running.locate('counts', key).isLocal) return false
        return [...running.store('counts', { stale: true }).range(key, key)].length === 1
      }).length === 1
    for (let waits = 0; waits < 600; waits++) {
      await world.later(100)
      const counts = [first, second].map((one) => keys.filter((key) => has(key).includes(one)))
      if (counts.every(({ length }) => length > 0) && keys.every(isCopied)) break
    }
    const key = keys.find((one) => has(one)[0] === second)!
    expect(second.running!.store('counts').get(key)).toBe(1)
    const { partition } = first.running!.locate('counts', key)
    expect(first.running!.locate('counts', key)).toEqual({
      isLocal: false,
      isStandby: true,
      partition,
    })
    const ask = () => first.running!.store('counts').get(key)
    expect(ask).toThrow(StoreMovedError)
    expect(ask).toThrow(expect.objectContaining({ partition, retriable: true, isStandby: true }))
    expect(first.running!.store('counts', { stale: true }).get(key)).toBe(1)
  }
  await world.drive(live(), 3_600_000)
  await world.drive(world.close(), 600_000)
  expect(world.failures).toEqual([])
})

test('an application counts, and its client tells what', async () => {
  await send('a', 20)
  await kafka.produce('in', 1, { timestamp: new Date(21) })
  await send('a', 40)
  await send('a', 1)
  const run = await started((app) => {
    const windowed = app.stream('in').groupByKey().window(Window.tumbling(10))
    windowed.count({ store: 'windows' }).forEach(() => {})
  })
  await expect.poll(() => run.metrics().late).toEqual({ windows: 1 })
  await expect.poll(() => run.metrics().commits).toBeGreaterThan(0)
  const { commitMs, ...metrics } = run.metrics()
  expect(commitMs).toBeGreaterThan(0)
  expect(metrics).toMatchObject({
    ...{ recordsIn: 4, skipped: { 'null key': 1 }, deadLetters: 0, restoreRemaining: 0 },
    ...{ standbyLag: 0, tasks: 1, tasksByState: { running: 1, restoring: 0, standby: 0 } },
  })
  const told = (name: string) => kafka.metrics().find((metric) => metric.name === name)?.values
  expect(told('kafka_streams_records_in_total')).toEqual([{ labels: { app: 'shop' }, value: 4 }])
  expect(told('kafka_streams_late_records_total')).toEqual([
    { labels: { app: 'shop', operator: 'windows' }, value: 1 },
  ])
  expect(told('kafka_streams_tasks')).toContainEqual({
    labels: { app: 'shop', state: 'running' },
    value: 1,
  })
  const other = kafka.streams({ app: 'other' })
  other.stream('in').forEach(() => {})
  const second = await other.start()
  expect(told('kafka_streams_records_in_total')).toHaveLength(2)
  await second.close()
  await run.close()
  expect(told('kafka_streams_records_in_total')).toBeUndefined()
})
