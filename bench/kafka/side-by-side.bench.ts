/**
 * kafka-do and Apache Kafka side by side: the same machine, the same load generators, runs in turn. Prints medians and
 * ratios. `npm run bench:kafka`; BENCH_RUNS sets the runs of each figure (default 3), BENCH_SCALE the amount of work.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Client } from 'kafka-do'
import { afterAll, beforeAll, test } from 'vitest'
import { type BenchBroker, startKafka, startKafkaDo } from './brokers.ts'
import { syncP99Ms } from './disk.ts'
import {
  consumerPerf,
  createTopic,
  fillTopic,
  type ProducerLoad,
  producerPerf,
} from './perf-tools.ts'
import { format, median, printComparison, printHead, runs, scale } from './report.ts'

const execute = promisify(execFile)
const connectionsProgram = fileURLToPath(new URL('connections-program.js', import.meta.url))
const producersAtOnce = 8

let ours: BenchBroker
let theirs: BenchBroker
let both: readonly BenchBroker[] | undefined

beforeAll(async () => {
  printHead()
  await compareStarts()
  ours = await startKafkaDo()
  theirs = await startKafka()
  both = [ours, theirs]
})
afterAll(async () => {
  if (both) {
    const [mine, other] = [ours.residentMiB(), theirs.residentMiB()]
    const isMet = mine <= other / 10
    printComparison('RSS after all loads, MiB', { mine, other, target: '≤ 0.1', isMet })
  }
  await ours?.stop()
  await theirs?.stop()
})

test('memory at rest', async () => {
  for (const broker of both!) await firstProduce(broker.url)
  const [mine, other] = [ours.residentMiB(), theirs.residentMiB()]
  const isMet = mine <= other / 10
  printComparison('RSS after the first record, MiB', { mine, other, target: '≤ 0.1', isMet })
})

test.each([100, 1024])('Kafka’s producer-perf-test, %i bytes', async (recordBytes) => {
  const records = Math.round((recordBytes === 100 ? 1_500_000 : 400_000) * scale)
  const load = { records, recordBytes, throughput: -1 }
  for (const acks of ['1', 'all'] as const) {
    const result = await inTurn((broker, run) =>
      throughput(broker, { ...load, acks, topic: `perf-${recordBytes}-${acks}-${run}` }),
    )
    const target = acks === '1' ? { target: '≥ 1', isMet: result.mine >= result.other } : {}
    printComparison(`produce ${recordBytes} B, acks=${acks}, records/s`, { ...result, ...target })
  }
  await compareSynced(recordBytes, Math.round(records / 4))
  // So many that reading them takes seconds.
  const stored = { topic: `stored-${recordBytes}`, records: records * 3, recordBytes }
  for (const broker of both!) await fillTopic(broker, stored)
  const read = await inTurn((broker) => consumerPerf(broker, stored.topic, stored.records))
  printComparison(`consume ${recordBytes} B, records/s`, {
    ...read,
    target: '≥ 1',
    isMet: read.mine >= read.other,
  })
})

/** With an Apache Kafka that, as kafka-do does, answers what is synced only. */
async function compareSynced(recordBytes: number, records: number): Promise<void> {
  const topicOf = (run: number) => `synced-${recordBytes}-${run}`
  for (const broker of both!) {
    const configs = broker === theirs ? ['flush.messages=1'] : []
    for (let run = 0; run < runs; run++) await createTopic(broker, topicOf(run), configs)
  }
  const load = { recordBytes, throughput: -1, acks: 'all' } as const
  // Small requests are where syncs that are shared and syncs that are not differ most.
  const single = { ...load, properties: ['batch.size=1'] }
  const many = Math.round(20_000 * scale)
  const kinds: [what: string, load: Omit<ProducerLoad, 'topic'>][] = [
    [`produce ${recordBytes} B, acks=all, Kafka with flush.messages=1`, { ...load, records }],
    ['the same, each record a batch', { ...single, records: many }],
    [
      `the same, from ${producersAtOnce} producers at once`,
      { ...single, records: many * 4, warmupRecords: many, producers: producersAtOnce },
    ],
  ]
  for (const [what, kind] of kinds) {
    const result = await inTurn((broker, run) =>
      throughput(broker, { ...kind, topic: topicOf(run) }),
    )
    const isMet = result.mine >= 10 * result.other
    printComparison(what, { ...result, target: '≥ 10', isMet })
  }
  const light = await inTurn((broker, run) =>
    lightProducers(broker, topicOf(run), { connections: 64, records: many, recordBytes }),
  )
  printComparison('the same, 64 connections that await each record', {
    ...light,
    target: '≥ 10',
    isMet: light.mine >= 10 * light.other,
  })
}

/** The Java tools take most of two cores; this load leaves them to the broker. */
async function lightProducers(
  broker: BenchBroker,
  topic: string,
  {
    connections,
    records,
    recordBytes,
  }: { [name in 'connections' | 'records' | 'recordBytes']: number },
): Promise<number> {
  const numbers = [connections, records, recordBytes].map(String)
  const args = [connectionsProgram, broker.bootstrap, topic, ...numbers]
  const { stdout } = await execute(process.execPath, args)
  return Number(stdout.trim())
}

test.each([1000, 10_000])('latency at %i records/s', async (rate) => {
  const synced = `latency-${rate}-synced`
  for (const broker of both!)
    await createTopic(broker, synced, broker === theirs ? ['flush.messages=1'] : [])
  const kinds = [
    { acks: '1', topic: `latency-${rate}-1`, what: 'acks=1' },
    { acks: 'all', topic: `latency-${rate}-all`, what: 'acks=all' },
    { acks: 'all', topic: synced, what: 'acks=all, Kafka with flush.messages=1' },
  ] as const
  for (const { acks, topic, what } of kinds) {
    const load = { recordBytes: 100, acks, throughput: rate, topic }
    const result = await inTurn(async (broker) => {
      const kind = { ...load, records: rate * 10, warmupRecords: rate * 5 }
      return (await producerPerf(broker, kind)).p99Ms
    })
    const isMet = result.mine <= result.other
    printComparison(`p99 at ${rate} records/s, ${what}, ms`, { ...result, target: '≤ 1', isMet })
  }
  const p99 = await syncP99Ms(Math.min(rate, 1000), 10)
  console.log(`p99 of an fdatasync of 4 KiB by itself, right after: ${format(p99)} ms`)
})

/** From the start of the process to the answer to the first record. */
async function compareStarts(): Promise<void> {
  const measure = async (start: () => Promise<BenchBroker>, times: number) => {
    const took: number[] = []
    for (let run = 0; run < times; run++) {
      const begun = performance.now()
      const broker = await start()
      await firstProduce(broker.url)
      took.push(performance.now() - begun)
      await broker.stop()
    }
    return median(took)
  }
  const mine = await measure(startKafkaDo, Math.max(5, runs))
  const other = await measure(startKafka, 1)
  printComparison('start to first answered produce, ms', {
    mine,
    other,
    target: '< 300 ms',
    isMet: mine < 300,
  })
}

async function firstProduce(url: string): Promise<void> {
  const kafka = new Client(url)
  await kafka.produce('first', { n: 1 })
  await kafka.close()
}

async function throughput(broker: BenchBroker, load: ProducerLoad): Promise<number> {
  return (await producerPerf(broker, load)).recordsPerSecond
}

/** Medians of runs that take turns, so that a noisy neighbour disturbs both alike. */
async function inTurn(measure: (broker: BenchBroker, run: number) => Promise<number>) {
  const values = both!.map(() => ({ measured: [] as number[], busy: [] as number[] }))
  for (let run = 0; run < runs; run++) {
    for (const [i, broker] of both!.entries()) {
      const begun = performance.now()
      const cpuSeconds = broker.cpuSeconds()
      values[i]!.measured.push(await measure(broker, run))
      const tookSeconds = (performance.now() - begun) / 1000
      values[i]!.busy.push((broker.cpuSeconds() - cpuSeconds) / tookSeconds)
    }
  }
  const [mine, other] = values.map(({ measured }) => median(measured)) as [number, number]
  const busy = values.map((value) => median(value.busy)) as [number, number]
  return { mine, other, busy }
}
