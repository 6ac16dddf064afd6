/** `map` with concurrency: several callbacks take their time at once, and nothing else changes. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Client } from '../../src/entry/client.ts'
import type { StreamRecord } from '../../src/streams/stream-record.ts'
import { StreamTestDriver } from '../../src/testing/stream-test-driver.ts'
import { topologyOf } from './one-process.ts'

const patient = { timeout: 10_000 }
let kafka: Client
const rejections: unknown[] = []
const onRejection = (reason: unknown) => rejections.push(reason)
beforeEach(() => {
  process.on('unhandledRejection', onRejection)
  kafka = new Client({ url: 'memory:', retryBackoff: 5 })
})
afterEach(async () => {
  await kafka.close()
  process.off('unhandledRejection', onRejection)
  expect(rejections.splice(0)).toEqual([])
})

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)

async function produce(count: number): Promise<void> {
  await kafka.producer<number>('in').sendBatch(numbers(count))
}

async function read(count: number): Promise<number[]> {
  const records = await kafka.consumer<number>('out').take(count).toArray()
  return records.map(({ value }) => value)
}

/** Callbacks that wait until the test lets them go on. */
class Gates {
  readonly called: number[] = []
  readonly #waiting = new Map<number, { resolve(): void; reject(error: Error): void }>()

  readonly enter = async (n: number): Promise<number> => {
    this.called.push(n)
    await new Promise<void>((resolve, reject) => this.#waiting.set(n, { resolve, reject }))
    return n * 10
  }

  get underWay(): number[] {
    return [...this.#waiting.keys()]
  }

  open(n: number, error?: Error): void {
    const gate = this.#waiting.get(n)!
    this.#waiting.delete(n)
    if (error) gate.reject(error)
    else gate.resolve()
  }
}

test('that many are under way at once, and what is done last goes on in its turn', async () => {
  await produce(6)
  const gates = new Gates()
  const run = kafka
    .stream<number>('in', { app: 'a' })
    .filter((n) => n !== 1)
    .map(gates.enter, { concurrency: 3 })
    .to('out')
  // The filter takes one of the three.
  await expect.poll(() => gates.underWay, patient).toEqual([0, 2])
  gates.open(2)
  gates.open(0)
  await expect.poll(() => gates.underWay, patient).toEqual([3, 4, 5])
  for (const n of [5, 4, 3]) gates.open(n)
  expect(await read(5)).toEqual([0, 20, 30, 40, 50])
  await run.close()
  expect(gates.called).toEqual([0, 2, 3, 4, 5])
})

test('order is kept with delays at random, never more at once, each with its own record', async () => {
  await produce(200)
  let underWay = 0
  let most = 0
  const callback = async (n: number, record: StreamRecord<number, string | null>) => {
    most = Math.max(most, ++underWay)
    for (let turns = (n * 7919) % 13; turns > 0; turns--) await new Promise(setImmediate)
    underWay--
    expect(record.value).toBe(n)
    return Number(record.offset)
  }
  const run = kafka.stream<number>('in', { app: 'a' }).map(callback, { concurrency: 8 }).to('out')
  expect(await read(200)).toEqual(numbers(200))
  await run.close()
  expect(most).toBeGreaterThan(1)
  expect(most).toBeLessThanOrEqual(8)
})

test('behind a repartition, and before a store', async () => {
  await produce(50)
  let underWay = 0
  let most = 0
  const run = kafka
    .stream<number>('in', { app: 'a' })
    .groupBy(() => 'all')
    .count({ store: 'before' })
    .toStream()
    .repartition()
    .map(
      async (count) => {
        most = Math.max(most, ++underWay)
        await new Promise(setImmediate)
        underWay--
        return count!
      },
      { concurrency: 4 },
    )
    .groupByKey()
    .reduce(0, (sum, n) => sum + n, { store: 'sums' })
    .to('out')
  expect((await read(50)).at(-1)).toBe((50 * 51) / 2)
  await run.close()
  expect(most).toBeGreaterThan(1)
  expect(most).toBeLessThanOrEqual(4)
})

test('of two topics together no more are under way at once', async () => {
  await produce(40)
  await kafka.producer<number>('others').sendBatch(numbers(40))
  let underWay = 0
  let most = 0
  const app = kafka.streams({ app: 'a' })
  app
    .stream<number>('in')
    .merge(app.stream<number>('others'))
    .map(
      async (n) => {
        most = Math.max(most, ++underWay)
        await new Promise(setImmediate)
        underWay--
        return n
      },
      { concurrency: 2 },
    )
    .to('out')
  const run = await app.start()
  const all = await read(80)
  expect(all.toSorted((a, b) => a - b)).toEqual(numbers(40).flatMap((n) => [n, n]))
  expect(most).toBe(2)
  await run.close()
})

test('with a value for each of several, and what is thrown above it', async () => {
  await produce(10)
  const run = kafka
    .stream<number>('in', { app: 'a', onError: 'skip' })
    .peek((n) => {
      if (n === 3) throw new Error('not this one')
    })
    .flatMap((n) => [n, n + 100])
    .map(async (n) => n, { concurrency: 3 })
    .to('out')
  const kept = numbers(10).filter((n) => n !== 3)
  expect(await read(18)).toEqual(kept.flatMap((n) => [n, n + 100]))
  await run.close()
})

describe('a callback that fails', () => {
  const failing = (options: object) => {
    const calls: number[] = []
    const callback = async (n: number) => {
      calls.push(n)
      await new Promise(setImmediate)
      if (n === 2 && calls.filter((one) => one === 2).length === 1) throw new Error('not this one')
      return n
    }
    const run = kafka
      .stream<number>('in', { app: 'a', ...options })
      .map(callback, { concurrency: 4 })
      .to('out')
    return { run, calls }
  }

  test('stops the stream in its turn; those before it are kept, and it goes on from there', async () => {
    await produce(5)
    const { run } = failing({})
    await expect(run.done).rejects.toMatchObject({ offset: 2n, operator: 'map' })
    const next = kafka
      .stream<number>('in', { app: 'a' })
      .map((n) => n)
      .to('out')
    expect(await read(5)).toEqual([0, 1, 2, 3, 4])
    await next.close()
  })

  test('is passed over alone', async () => {
    await produce(5)
    const { run, calls } = failing({ onError: 'skip' })
    expect(await read(4)).toEqual([0, 1, 3, 4])
    await run.close()
    expect(calls).toEqual([0, 1, 2, 3, 4])
  })

  test('is called again where that is the policy, and the others are not', async () => {
    await produce(5)
    const { run, calls } = failing({ onError: { retry: { attempts: 2, baseDelay: 1 } } })
    expect(await read(5)).toEqual([0, 1, 2, 3, 4])
    await run.close()
    expect(calls.toSorted()).toEqual([0, 1, 2, 2, 3, 4])
  })

  test('sends its record to the dead letters', async () => {
    await produce(5)
    const { run } = failing({ onError: { deadLetter: 'dead' } })
    expect(await read(4)).toEqual([0, 1, 3, 4])
    const [dead] = await kafka.consumer<number>('dead').take(1).toArray()
    expect(dead!.value).toBe(2)
    expect(dead!.headers['original-offset']).toBe('2')
    await run.close()
  })
})

test('what was begun and not taken is not committed: closed in the middle, each comes out once', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'concurrency-'))
  const embedded = () => new Client({ url: `file:${dir}` })
  try {
    const first = embedded()
    await first.producer<number>('in').sendBatch(numbers(8))
    const gates = new Gates()
    const run = first
      .stream<number>('in', { app: 'a', commitInterval: 1 })
      .map(gates.enter, { concurrency: 4 })
      .to('out')
    await expect.poll(() => gates.underWay, patient).toEqual([0, 1, 2, 3])
    gates.open(0)
    for (const n of [2, 3]) gates.open(n)
    await expect.poll(() => gates.underWay, patient).toEqual([1, 4])
    await run.close().catch(() => undefined)
    await first.close()
    const second = embedded()
    const next = second
      .stream<number>('in', { app: 'a' })
      .map(async (n) => n * 10, { concurrency: 4 })
      .to('out')
    const records = await second.consumer<number>('out').take(8).toArray()
    expect(records.map(({ value }) => value)).toEqual(numbers(8).map((n) => n * 10))
    await next.close()
    await second.close()
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
})

test.each([0, -1, 1001, 1.5, '4', null, Number.NaN, {}])('concurrency %j is refused', (given) => {
  expect(() =>
    topologyOf((b) => void b.stream('in').map((v) => v, { concurrency: given as number })),
  ).toThrow(/map: concurrency must be a whole number from 1 to 1000/)
})

test('below state, or below another with concurrency, it is refused', () => {
  const concurrent = { concurrency: 2 }
  expect(() =>
    topologyOf((b) =>
      b
        .stream('in')
        .groupByKey()
        .count()
        .toStream()
        .map(async () => 1, concurrent),
    ),
  ).toThrow(/map cannot have concurrency below .*Put repartition\(\)/)
  expect(() =>
    topologyOf((b) =>
      b
        .stream('in')
        .map(async () => 1, concurrent)
        .map(async () => 1, concurrent),
    ),
  ).toThrow(/map cannot have concurrency below map/)
  expect(() => topologyOf((b) => b.stream('in').map(() => 1, { concurency: 2 } as never))).toThrow(
    /map has no option 'concurency'/,
  )
})

test('a callback above that takes its time stops the stream, and says what to do', async () => {
  await produce(2)
  const run = kafka
    .stream<number>('in', { app: 'a' })
    .filter(async () => true)
    .map(async (n) => n, { concurrency: 2 })
    .to('out')
  await expect(run.done).rejects.toThrow(
    /'filter' returned a promise, above a map with concurrency/,
  )
})

describe('in the test driver', () => {
  const driving = (gates: Gates, options: object = {}) =>
    new StreamTestDriver((app) => {
      app
        .stream<number>('in')
        .filter((n) => n !== 1)
        .map(gates.enter, { concurrency: 3 })
        .groupBy(() => 'all')
        .reduce(0, (sum, n) => sum + n, { store: 'sums' })
        .to('out')
    }, options)
  const values = (driver: StreamTestDriver) => driver.read<number>('out').map(({ value }) => value)

  test('what is sent before it is awaited is begun together, and goes on in its order', async () => {
    const gates = new Gates()
    const driver = driving(gates)
    const sent = numbers(6).map((n) => driver.sendAsync('in', n))
    // The filter takes one of the three.
    await expect.poll(() => gates.underWay, patient).toEqual([0, 2])
    gates.open(2)
    gates.open(0)
    await sent[2]
    expect(values(driver)).toEqual([0, 20])
    await expect.poll(() => gates.underWay, patient).toEqual([3, 4, 5])
    for (const n of [5, 4, 3]) gates.open(n)
    await Promise.all(sent)
    expect(values(driver)).toEqual([50, 90, 140])
    expect(gates.called).toEqual([0, 2, 3, 4, 5])
    driver.commit()
    await driver.restartAsync()
    expect(driver.store('sums').get('all')).toBe(140)
  })

  test('one that fails stops it in its turn, and those behind it are not processed', async () => {
    const gates = new Gates()
    const driver = driving(gates)
    const sent = [2, 3, 4].map((n) => driver.sendAsync('in', n))
    const ended = Promise.allSettled(sent)
    await expect.poll(() => gates.underWay, patient).toEqual([2, 3, 4])
    gates.open(4)
    gates.open(3, new Error('not this one'))
    gates.open(2)
    const [first, second, third] = await ended
    expect(first).toMatchObject({ status: 'fulfilled' })
    expect(second).toMatchObject({ reason: { operator: 'map', offset: 1n } })
    expect(third).toMatchObject({ reason: { code: 'STREAM_STOPPED' } })
    expect(values(driver)).toEqual([20])
  })

  test('one that is passed over is passed over alone; one that is awaited is alone', async () => {
    const gates = new Gates()
    const driver = driving(gates, { onError: 'skip' })
    const sent = [2, 3, 4].map((n) => driver.sendAsync('in', n))
    await expect.poll(() => gates.underWay, patient).toEqual([2, 3, 4])
    for (const n of [4, 2]) gates.open(n)
    gates.open(3, new Error('not this one'))
    await Promise.all(sent)
    expect(values(driver)).toEqual([20, 60])
    const alone = driver.sendAsync('in', 7)
    await expect.poll(() => gates.underWay, patient).toEqual([7])
    gates.open(7)
    await alone
    expect(values(driver)).toEqual([130])
  })

  test('behind a repartition, where one record has made several', async () => {
    let underWay = 0
    let most = 0
    const driver = new StreamTestDriver((app) => {
      app
        .stream<number>('in')
        .flatMap((n) => numbers(n))
        .repartition()
        .map(
          async (n) => {
            most = Math.max(most, ++underWay)
            await new Promise(setImmediate)
            underWay--
            return n
          },
          { concurrency: 4 },
        )
        .to('out')
    })
    await driver.sendAsync('in', 10, { key: 'a' })
    expect(values(driver)).toEqual(numbers(10))
    expect(most).toBe(4)
  })
})
