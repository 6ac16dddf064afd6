/** An application in two processes (here: two clients): they share its tasks, and take over from one another. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Client, type StreamRun } from '../../src/index.ts'
import { byKey, createTopics, read, readToEnd, send } from './stream-topics.ts'
import { isServed, useCluster } from './test-cluster.ts'

const cluster = useCluster()
const patience = { timeout: 60_000, interval: 20 }
const quick = { sessionTimeout: '6s', heartbeatInterval: '100ms' } as const

let folder: string
let clients: [Client, Client]
beforeEach(async () => {
  if (isServed) {
    clients = [cluster.open(), cluster.open()]
    return
  }
  // In memory each client has a cluster of its own; on a folder they share one.
  folder = await mkdtemp(join(tmpdir(), 'kafka-do-streams-'))
  clients = [new Client(`file:${folder}`), new Client(`file:${folder}`)]
})
afterEach(async () => {
  if (isServed) return
  await Promise.all(clients.map((client) => client.close()))
  await rm(folder, { recursive: true, force: true })
})

interface Numbered {
  readonly n: number
  readonly group: string
}

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({
    key: `key-${from + i}`,
    value: { n: from + i, group: `g${(from + i) % 11}` },
  }))

/** Of so many numbers, what is to be written for each group: 1, 2, 3 … */
function countsOf(total: number): { [key: string]: number[] } {
  const counts: { [key: string]: number[] } = {}
  for (const { value } of numbers(0, total)) {
    counts[value.group] ??= []
    counts[value.group]!.push(counts[value.group]!.length + 1)
  }
  return counts
}

const tasksOf = (runs: readonly StreamRun[]) => runs.map((run) => run.metrics().tasks)

test.each([0, 1])(
  'with %i standbys: tasks are shared, move and come back, and each record counts once',
  {
    timeout: 180_000,
  },
  async (standbys) => {
    const [one, other] = clients
    await createTopics(one, 4, 'in', 'out')
    const start = (kafka: Client) =>
      kafka
        .stream<Numbered>('in', { app: `counts-${standbys}`, standbys, ...quick })
        .groupBy(({ group }) => group)
        .count({ store: 'counts' })
        .to('out')
    const first = start(one)
    await first.ready
    // Alone it has all: four that read, four that count.
    await expect.poll(() => first.metrics().tasks, patience).toBe(8)
    await send(one, 'in', ...numbers(0, 300))
    await read(one, 'out', 200)
    const second = start(other)
    await second.ready
    const feeding = send(one, 'in', ...numbers(300, 600))
    // Whoever runs a task has its state, and neither has more than it should.
    await expect.poll(() => tasksOf([first, second]), patience).toEqual([4, 4])
    await feeding
    await read(one, 'out', 600)
    await send(one, 'in', ...numbers(600, 800))
    // With records in hand.
    await first.close()
    await expect.poll(() => second.metrics().tasks, patience).toBe(8)
    await send(one, 'in', ...numbers(800, 1000))
    await read(one, 'out', 1000)
    const third = start(one)
    await third.ready
    await expect.poll(() => tasksOf([second, third]), patience).toEqual([4, 4])
    await send(one, 'in', ...numbers(1000, 1200))
    expect(byKey(await read<number>(one, 'out', 1200))).toEqual(countsOf(1200))
    await Promise.all([second.close(), third.close()])
    expect(await readToEnd(one, 'out')).toHaveLength(1200)
  },
)

test('a topic that nobody has repartitioned is shared by its partitions', {
  timeout: 120_000,
}, async () => {
  const [one, other] = clients
  await createTopics(one, 4, 'in', 'out')
  const start = (kafka: Client) =>
    kafka
      .stream<Numbered>('in', { app: 'copies', ...quick })
      .map(({ n }) => n)
      .to('out')
  const runs = [start(one), start(other)]
  await Promise.all(runs.map((run) => run.ready))
  await expect.poll(() => tasksOf(runs), patience).toEqual([2, 2])
  await send(one, 'in', ...numbers(0, 400))
  const copied = await read<number>(one, 'out', 400)
  expect(copied.map(({ value }) => value).toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 400 }, (_, n) => n),
  )
  expect(runs.every((run) => run.metrics().recordsIn > 0)).toBe(true)
  await Promise.all(runs.map((run) => run.close()))
  expect(await readToEnd(one, 'out')).toHaveLength(400)
})

test('at least once: two share the tasks, and nothing is lost', { timeout: 120_000 }, async () => {
  const [one, other] = clients
  await createTopics(one, 4, 'in', 'out')
  const start = (kafka: Client) =>
    kafka
      .stream<Numbered>('in', { app: 'sums', guarantee: 'at-least-once', ...quick })
      .groupBy(({ group }) => group)
      .count({ store: 'sums' })
      .to('out')
  const runs = [start(one), start(other)]
  await Promise.all(runs.map((run) => run.ready))
  await expect.poll(() => tasksOf(runs), patience).toEqual([4, 4])
  await send(one, 'in', ...numbers(0, 400))
  await read(one, 'out', 400)
  await runs[0]!.close()
  await expect.poll(() => runs[1]!.metrics().tasks, patience).toBe(8)
  await send(one, 'in', ...numbers(400, 600))
  // Nobody has died, so nothing counts twice either.
  expect(byKey(await read<number>(one, 'out', 600))).toEqual(countsOf(600))
  await runs[1]!.close()
})
