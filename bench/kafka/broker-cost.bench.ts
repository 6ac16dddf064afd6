/**
 * What the same work costs the two brokers: processor time of their processes, under a load generator that leaves the
 * machine to them. `npm run bench:kafka -- broker-cost`; BENCH_RUNS and BENCH_SCALE as in `side-by-side.bench.ts`.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Client } from 'kafka-do'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BenchBroker, startKafka, startKafkaDo } from './brokers.ts'
import { touchPageCache } from './disk.ts'
import { median, printComparison, printHead, runs, scale } from './report.ts'

const execute = promisify(execFile)
const program = fileURLToPath(new URL('lean-load.js', import.meta.url))

interface Load {
  readonly topic: string
  readonly kind: 'produce' | 'fetch'
  readonly recordBytes: number
  readonly megabytes: number
  readonly acks?: 1 | -1
  readonly batchBytes?: number
  readonly connections?: number
  readonly inFlight?: number
  readonly rate?: number
}

interface Loaded {
  readonly records: number
  readonly bytes: number
  readonly recordsPerSecond: number
  readonly p50?: number
  readonly p99?: number
  readonly p999?: number
}

/** Seconds of processor time of the broker: for a million records, the system's part of that, and for a gigabyte. */
interface Cost extends Loaded {
  readonly perMillion: number
  readonly systemPerMillion: number
  readonly perGigabyte: number
}

let brokers: readonly [ours: BenchBroker, theirs: BenchBroker]

beforeAll(async () => {
  brokers = [await startKafkaDo(), await startKafka()]
  printHead()
})
afterAll(async () => {
  const [ours, theirs] = brokers
  const resident = { mine: ours.residentMiB(), other: theirs.residentMiB() }
  printComparison('RSS after all loads, MiB', {
    ...resident,
    target: '≤ 110 MiB',
    isMet: resident.mine <= 110,
  })
  printComparison('open files', { mine: ours.openFiles(), other: theirs.openFiles() })
  for (const broker of brokers) await broker.stop()
})

describe.each([
  { recordBytes: 100, cost: { 1: 0.3, all: 0.5, fetch: 0.6 } },
  { recordBytes: 1024, cost: { 1: 0.35, all: 0.6, fetch: 0.8 } },
])('$recordBytes bytes', ({ recordBytes, cost }) => {
  const topic = `lean-${recordBytes}`
  const megabytes = Math.max(1, 400 * scale)
  const name = (what: string) => `${what}, ${recordBytes} B`

  test('produce, acks=1', async () => {
    const results = await inTurn({ topic, kind: 'produce', recordBytes, megabytes, acks: 1 })
    printRate(name('produce, acks=1'), results, 1.5)
    printLatencies(`, ${name('produce, acks=1')}`, results)
    printCost(name('produce, acks=1'), results, cost[1])
  })

  test('produce, acks=all; Apache Kafka does not sync', async () => {
    const results = await inTurn({ topic, kind: 'produce', recordBytes, megabytes, acks: -1 })
    printRate(name('produce, acks=all'), results)
    printLatencies(`, ${name('produce, acks=all')}`, results)
    printCost(name('produce, acks=all'), results, cost.all)
  })

  test('fetch', async () => {
    const results = await inTurn({ topic, kind: 'fetch', recordBytes, megabytes: megabytes * 2 })
    printRate(name('fetch'), results, recordBytes === 1024 ? 1.2 : undefined)
    printCost(name('fetch'), results, cost.fetch)
  })
})

describe('each record a batch, acks=all, both sync', () => {
  const topic = 'lean-synced'
  const load = { topic, kind: 'produce', acks: -1, recordBytes: 100, batchBytes: 1 } as const
  const megabytesFor = (requests: number) => (requests * 180) / 1e6

  beforeAll(async () => {
    for (const broker of brokers) {
      const configs = broker.name === 'kafka-do' ? {} : { 'flush.messages': '1' }
      const kafka = new Client(broker.url)
      await kafka.admin.createTopic(topic, { partitions: 1, configs })
      await kafka.close()
    }
  })

  test('64 connections that await each', async () => {
    const megabytes = megabytesFor(20_000 * scale)
    const results = await inTurn({ ...load, megabytes, connections: 64, inFlight: 1 })
    printRate('64 connections, each record a batch', results, 10)
    printLatencies(', 64 connections, each record a batch', results)
    printCost('64 connections, each record a batch', results)
  })

  test.each([1000, 10_000])('%i records per second', async (rate) => {
    const megabytes = megabytesFor(rate * 10 * scale)
    const results = await inTurn({ ...load, megabytes, rate, connections: 10, inFlight: 1 })
    printLatencies(` at ${rate} records/s`, results, 0.5)
  })
})

/** Medians of runs that take turns. */
async function inTurn(load: Load): Promise<[mine: Cost, other: Cost]> {
  const all: [Cost[], Cost[]] = [[], []]
  for (let run = 0; run < runs; run++)
    for (const [i, broker] of brokers.entries()) all[i]!.push(await measured(broker, load))
  return all.map(medians) as [Cost, Cost]
}

async function measured(broker: BenchBroker, load: Load): Promise<Cost> {
  await topicIsThere(broker, load.topic)
  if (load.kind === 'produce') touchPageCache(2 * load.megabytes)
  const before = broker.cpuTimes()
  const args = [program, JSON.stringify({ ...load, bootstrap: broker.bootstrap })]
  const { stdout } = await execute(process.execPath, args)
  const after = broker.cpuTimes()
  const system = after.system - before.system
  const seconds = after.user - before.user + system
  const loaded: Loaded = JSON.parse(stdout)
  expect(loaded.records).toBeGreaterThan(0)
  return {
    ...loaded,
    perMillion: (seconds * 1e6) / loaded.records,
    systemPerMillion: (system * 1e6) / loaded.records,
    perGigabyte: (seconds * 1e9) / loaded.bytes,
  }
}

async function topicIsThere(broker: BenchBroker, topic: string): Promise<void> {
  const kafka = new Client(broker.url)
  const topics = await kafka.admin.listTopics()
  if (!topics.some(({ name }) => name === topic))
    await kafka.admin.createTopic(topic, { partitions: 1 })
  await kafka.close()
}

function medians(costs: readonly Cost[]): Cost {
  const of = (pick: (cost: Cost) => number | undefined) =>
    median(costs.map((one) => pick(one) ?? 0))
  return {
    ...costs[0]!,
    recordsPerSecond: of((one) => one.recordsPerSecond),
    perMillion: of((one) => one.perMillion),
    systemPerMillion: of((one) => one.systemPerMillion),
    perGigabyte: of((one) => one.perGigabyte),
    p50: of((one) => one.p50),
    p99: of((one) => one.p99),
    p999: of((one) => one.p999),
  }
}

function printRate(what: string, [ours, theirs]: readonly [Cost, Cost], atLeast?: number): void {
  const [mine, other] = [ours.recordsPerSecond, theirs.recordsPerSecond]
  const target =
    atLeast === undefined ? {} : { target: `≥ ${atLeast}`, isMet: mine >= atLeast * other }
  printComparison(`${what}: records/s`, { mine, other, ...target })
}

function printLatencies(where: string, results: readonly [Cost, Cost], atMost?: number): void {
  for (const share of ['p50', 'p99', 'p999'] as const) {
    const [mine, other] = results.map((result) => result[share]!) as [number, number]
    const isJudged = atMost !== undefined && share === 'p99'
    const target = isJudged ? { target: `≤ ${atMost}`, isMet: mine <= other * atMost } : {}
    printComparison(`${share}${where}, µs`, { mine, other, ...target })
  }
}

function printCost(what: string, [ours, theirs]: readonly [Cost, Cost], atMost?: number): void {
  const [mine, other] = [ours.perMillion, theirs.perMillion]
  const target =
    atMost === undefined ? {} : { target: `≤ ${atMost}`, isMet: mine <= atMost * other }
  printComparison(`${what}: broker CPU s per million`, { mine, other, ...target })
  const inSystem = { mine: ours.systemPerMillion, other: theirs.systemPerMillion }
  printComparison(`${what}: of that in the system`, inSystem)
  const gigabytes = { mine: ours.perGigabyte, other: theirs.perGigabyte }
  printComparison(`${what}: broker CPU s per GB`, gigabytes)
}
