/** How applications end: closed at any moment, with the broker away, beside others of their name, or by what they meet. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Client, topic } from '../../src/index.ts'
import { createServer } from '../../src/server/server.ts'

/** A busy machine takes its time. */
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

function counts(app: string, options = {}) {
  return kafka
    .stream<number>('numbers', { app, ...options })
    .groupBy((n) => String(n % 3))
    .reduce(0, (sum, n) => sum + n, { store: 'sums' })
    .to('sums')
}

async function produce(count: number): Promise<void> {
  await kafka.producer<number>('numbers').sendBatch(Array.from({ length: count }, (_, n) => n))
}

describe('close', () => {
  test('before it has started, and twice', async () => {
    const run = counts('a')
    await Promise.all([run.close(), run.close()])
    await run
    expect(run.state).toBe('closed')
  })

  test('with its client, before it has started', async () => {
    const run = counts('a')
    const app = kafka.streams({ app: 'b' })
    app.stream('numbers').to('copies')
    const started = app.start()
    await kafka.close()
    await run
    expect(run.state).toBe('closed')
    expect((await started).state).toBe('closed')
  })

  test('by a signal that has aborted already', async () => {
    await produce(3)
    const run = counts('a', { signal: AbortSignal.abort() })
    await run
    expect(run.state).toBe('closed')
    expect(run.metrics().recordsIn).toBe(0)
  })

  test('ends questions to its stores: another process may have them', async () => {
    await produce(3)
    const run = counts('a')
    await run.ready
    const sums = run.store('sums')
    await expect.poll(() => sums.get('2'), patient).toBe(2)
    await run.close()
    const closed = expect.objectContaining({ code: 'STREAM_CLOSED' })
    expect(() => sums.get('2')).toThrow(closed)
    expect(() => run.store('sums')).toThrow(closed)
    expect(() => run.locate('sums', '2')).toThrow(closed)
  })

  test('while it restores, and while it commits: the next one goes on', async () => {
    await produce(3000)
    for (const turns of [0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144]) {
      const run = counts('a', { commitInterval: 1 })
      for (let turn = 0; turn < turns; turn++) await new Promise((done) => setImmediate(done))
      await run.close()
    }
    const run = counts('a', { commitInterval: 1 })
    const sum = (rest: number) => ((999 * 1000) / 2) * 3 + 1000 * rest
    await run.ready
    await expect
      .poll(() => ['0', '1', '2'].map((key) => run.store('sums').get(key)), patient)
      .toEqual([0, 1, 2].map(sum))
    await run.close()
  })

  test('while a callback never comes back: in time, and the record is processed again', async () => {
    await produce(1)
    const seen: number[] = []
    const start = (fn: () => Promise<void>) =>
      kafka
        .stream<number>('numbers', { app: 'a' })
        .peek((n) => void seen.push(n))
        .forEach(fn)
    const run = start(() => new Promise(() => undefined))
    await expect.poll(() => seen, patient).toEqual([0])
    await run.close()
    await run
    expect(run.state).toBe('closed')
    const next = start(() => Promise.resolve())
    await expect.poll(() => seen, patient).toEqual([0, 0])
    await next.close()
  }, 20_000)

  test('with the broker away: in time', async () => {
    const server = await createServer({ data: 'memory:', port: 0 })
    await using remote = new Client({ url: server.url, timeout: '1s' })
    await remote.produce('numbers', 1)
    const seen: number[] = []
    const run = remote
      .stream<number>('numbers', { app: 'a' })
      .peek((n) => void seen.push(n))
      .to('copies')
    await expect.poll(() => seen, patient).toEqual([1])
    await server.close()
    await run.close()
    await run
  }, 30_000)

  test('between two attempts of a record is no failure', async () => {
    await produce(1)
    let attempts = 0
    const run = kafka
      .stream<number>('numbers', {
        app: 'a',
        onError: { retry: { attempts: 100, baseDelay: '1m', maxDelay: '1m', retryIf: () => true } },
      })
      .map(() => {
        attempts++
        throw new Error('not now')
      })
      .to('copies')
    await expect.poll(() => attempts, patient).toBeGreaterThan(0)
    await run.close()
    await run
  })
})

describe('what stops it', () => {
  test('a record that throws, after many that do not: those are committed', async () => {
    await produce(501)
    const run = kafka
      .stream<number>('numbers', { app: 'a', commitInterval: '1m' })
      .map((n) => {
        if (n === 500) throw new Error('no 500')
        return n
      })
      .to('copies')
    await expect(run).rejects.toMatchObject({ offset: 500n, message: /no 500/ })
    const copies = await kafka.consumer<number>('copies').take(500).toArray()
    expect(copies.map(({ value }) => value)).toEqual(Array.from({ length: 500 }, (_, n) => n))
    const { partitions } = await kafka.admin.describeGroup('a')
    expect(partitions.map(({ committed }) => committed)).toEqual([500n])
  })

  test('a topic that vanishes', async () => {
    await produce(1)
    const seen: number[] = []
    const run = kafka.stream<number>('numbers', { app: 'a' }).forEach((n) => void seen.push(n))
    const ended = expect(run.done).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' })
    await expect.poll(() => seen, patient).toEqual([0])
    await kafka.admin.deleteTopic('numbers')
    await ended
  }, 30_000)

  test('a sink topic that cannot be made', async () => {
    await using strict = new Client({ url: 'memory:', broker: { autoCreateTopics: false } })
    await strict.admin.createTopic('numbers')
    await strict.produce('numbers', 1)
    const run = strict.stream<number>('numbers', { app: 'a' }).to('nowhere')
    await expect(run).rejects.toMatchObject({ message: /nowhere/ })
  }, 30_000)

  test('another of its name in the same client', async () => {
    await produce(1)
    const first = counts('a')
    await first.ready
    await expect(counts('a')).rejects.toThrow("'a' runs already in this client")
    await first.close()
  })

  test('not another program of its name: that is told, and passes when one of them ends', async () => {
    await using server = await createServer({ data: 'memory:', port: 0 })
    const told: unknown[] = []
    const warn = (about: unknown, message?: string) => void told.push([about, message])
    const logger = { debug() {}, info() {}, warn, error() {} }
    await using here = new Client({ url: server.url, logger })
    await using there = new Client({ url: server.url, logger })
    await here.admin.createTopic('numbers', { partitions: 2 })
    const copies = here.stream('numbers', { app: 'a' }).to('copies')
    await copies.ready
    const halves = there
      .stream<number>('numbers', { app: 'a' })
      .map((n) => n / 2)
      .to('halves')
    await halves.ready
    expect(told).toEqual([
      [{ app: 'a', topologies: 2 }, expect.stringContaining('run different topologies')],
    ])
    await copies.close()
    await expect.poll(() => halves.metrics().tasks, patient).toBe(2)
    await halves.close()
    expect(told).toHaveLength(1)
  })
})

test('ten applications at once in one client', async () => {
  await produce(300)
  const runs = Array.from({ length: 10 }, (_, n) =>
    kafka
      .stream<number>('numbers', { app: `app-${n}`, commitInterval: 1 })
      .map((value) => value + n)
      .to(`copies-${n}`),
  )
  for (let n = 0; n < 10; n++) {
    const copies = await kafka.consumer<number>(`copies-${n}`).take(300).toArray()
    expect(copies.map(({ value }) => value)).toEqual(
      Array.from({ length: 300 }, (_, value) => value + n),
    )
  }
  await Promise.all(runs.map((run) => run.close()))
})

test('two clients of one server share an application', async () => {
  await using server = await createServer({ data: 'memory:', port: 0 })
  const clients = [new Client(server.url), new Client(server.url)]
  const numbers = topic<number, string>('numbers', {})
  await clients[0]!.admin.createTopic('numbers', { partitions: 4 })
  const runs = clients.map((client) =>
    client.stream(numbers, { app: 'a', commitInterval: 1 }).to('copies'),
  )
  await Promise.all(runs.map(({ ready }) => ready))
  const sent = Array.from({ length: 200 }, (_, n) => n)
  for (const n of sent) await clients[0]!.produce(numbers, n, { key: `k${n}` })
  const copies = await clients[0]!.consumer<number>('copies').take(200).toArray()
  expect(copies.map(({ value }) => value).sort((a, b) => a - b)).toEqual(sent)
  await Promise.all(runs.map((run) => run.close()))
  await Promise.all(clients.map((client) => client.close()))
})

test('two clients of one folder share an application', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'streams-'))
  const url = `file:${folder}`
  const failed: unknown[] = []
  const debug = (_: unknown, message?: string) => {
    if (message === 'a commit failed') failed.push(message)
  }
  const logger = { debug, info() {}, warn() {}, error() {} }
  const clients = [new Client({ url, logger }), new Client({ url, logger })]
  await clients[0]!.admin.createTopic('numbers', { partitions: 4 })
  const runs = clients.map((client) =>
    client.stream<number>('numbers', { app: 'a', commitInterval: 1 }).to('copies'),
  )
  await Promise.all(runs.map(({ ready }) => ready))
  const sent = Array.from({ length: 200 }, (_, n) => n)
  for (const n of sent) await clients[0]!.produce('numbers', n, { key: `k${n}` })
  const copies = await clients[0]!.consumer<number>('copies').take(200).toArray()
  expect(copies.map(({ value }) => value).sort((a, b) => a - b)).toEqual(sent)
  // Neither takes the other's transactions for those of one that died.
  expect(failed).toEqual([])
  await Promise.all(runs.map((run) => run.close()))
  await Promise.all(clients.map((client) => client.close()))
  await rm(folder, { recursive: true })
}, 30_000)
