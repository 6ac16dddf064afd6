/** Topics of an application that grow, are not there, or are written and read by itself. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Client, ConfigError } from '../../src/index.ts'
import type { Streams } from '../../src/streams/dsl/streams.ts'
import '../../src/streams/runtime/start-application.ts'
import { SeededRandom } from '../simulation/random.ts'
import { World } from './simulated-world.ts'

let kafka: Client
beforeEach(() => {
  kafka = new Client({ url: 'memory:', metadataMaxAge: 500 })
})
afterEach(() => kafka.close())

const start = (write: (streams: Streams) => void) => {
  const streams = kafka.streams({ app: 'shop', commitInterval: 5, heartbeatInterval: 100 })
  write(streams)
  return streams.start()
}

describe('a source that gets partitions', () => {
  beforeEach(() => kafka.admin.createTopic('in', { partitions: 1 }))

  test('is gone on with where nothing is kept', async () => {
    const seen: unknown[] = []
    const run = await start(
      (app) => void app.stream('in').forEach((value) => void seen.push(value)),
    )
    await kafka.produce('in', 'first')
    await expect.poll(() => seen).toEqual(['first'])
    await kafka.admin.createPartitions('in', 3)
    await kafka.produce('in', 'second', { partition: 2 })
    await expect.poll(() => seen, { timeout: 10_000 }).toEqual(['first', 'second'])
    expect(run.metrics().tasks).toBe(3)
    await run.close()
    await kafka.produce('in', 'third', { partition: 1 })
    const again = await start(
      (app) => void app.stream('in').forEach((value) => void seen.push(value)),
    )
    await expect.poll(() => seen).toEqual(['first', 'second', 'third'])
    await again.close()
  })

  test('ends an application with state, and says why', async () => {
    const run = await start((app) => void app.stream('in').groupByKey().count({ store: 'counts' }))
    await kafka.admin.createPartitions('in', 2)
    await expect(run.done).rejects.toThrow(
      "The changelog topic 'shop-counts-changelog' has 1 partitions, and the application needs 2",
    )
    await expect(run.done).rejects.toThrow(ConfigError)
    expect(run.state).toBe('failed')
  })

  test('is read whole, if it is the right side of a join by predicate', async () => {
    const seen: string[] = []
    await kafka.admin.createTopic('right', { partitions: 1 })
    const run = await start((app) => {
      app
        .stream<string>('in')
        .join(app.stream<string>('right'), { on: () => true, window: '1h' })
        .forEach((left, right) => void seen.push(`${left} ${right}`))
    })
    await kafka.produce('in', 'a')
    await kafka.produce('right', 'x')
    await expect.poll(() => seen).toEqual(['a x'])
    await kafka.admin.createPartitions('right', 2)
    await kafka.produce('right', 'y', { partition: 1 })
    await expect.poll(() => seen, { timeout: 10_000 }).toEqual(['a x', 'a y'])
    await kafka.produce('in', 'b')
    await expect.poll(() => [...seen].sort()).toEqual(['a x', 'a y', 'b x', 'b y'])
    await run.close()
  })
})

test('a sink that is not there is made by the broker', async () => {
  await kafka.produce('in', 1)
  const run = await start((app) => void app.stream('in').to('new'))
  expect(await kafka.consumer('new').take(1).toArray()).toMatchObject([{ value: 1 }])
  await run.close()
})

test('what was read of a topic between tasks is deleted, and nothing else', async () => {
  const world = new World({
    random: new SeededRandom(3),
    processes: 2,
    isEmbedded: false,
    config: { commitInterval: 50 },
    build: (streams) =>
      void streams
        .stream<number>('in')
        .groupBy((value) => `k${value % 5}`)
        .count({ store: 'counts' })
        .to('out'),
    events: [],
  })
  const repartition = 'app-counts-repartition'
  const send = async (count: number) => {
    for (let n = 0; n < count; n++) await world.sound.produce('in', n, { partition: n % 2 })
  }
  const offsets = async () => (await world.sound.admin.describeTopic(repartition)).offsets
  const counted = async (count: number) => {
    for (let waits = 0; waits < 600; waits++) {
      await world.later(100)
      const stores = [...world.processes].map(({ running }) => running?.store<number>('counts'))
      const sum = stores
        .flatMap((store) => [...(store?.entries() ?? [])])
        .reduce((total, [, value]) => total + value, 0)
      if (sum === count) return
    }
    throw new Error(`not ${count}`)
  }
  const live = async () => {
    await world.openBroker()
    await world.sound.admin.createTopic('in', { partitions: 2 })
    world.startProcess()
    world.startProcess()
    while ([...world.processes].some(({ running }) => running?.metrics().tasks !== 2)) {
      await world.later(100)
    }
    await send(20)
    await counted(20)
    expect((await offsets()).map(({ earliest }) => earliest)).toEqual([0n, 0n])
    await world.later(31_000)
    await send(10)
    await counted(30)
    await world.later(1000)
    const { partitions } = await world.sound.admin.describeGroup('app')
    const ofTopic = partitions.filter(({ topic }) => topic === repartition)
    for (const { partition, earliest } of await offsets()) {
      const committed = ofTopic.find((one) => one.partition === partition)?.committed ?? 0n
      expect(earliest).toBeLessThanOrEqual(committed)
      if (committed > 0n) expect(earliest).toBeGreaterThan(0n)
    }
    await send(10)
    await counted(40)
  }
  await world.drive(live(), 3_600_000)
  await world.drive(world.close(), 600_000)
  expect(world.failures).toEqual([])
})
