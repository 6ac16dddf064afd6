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
import { consumerPerf, createTopic, type ProducerLoad, producerPerf } from './perf-tools.ts'

const runs = Number(process.env.BENCH_RUNS ?? 3)
const scale = Number(process.env.BENCH_SCALE ?? 1)
const execute = promisify(execFile)
const program = fileURLToPath(new URL('client-program.js', import.meta.url))

let ours: BenchBroker
let theirs: BenchBroker
let both: readonly BenchBroker[] | undefined

beforeAll(async () => {
  line('what', 'kafka-do', 'Apache Kafka', 'ratio', 'target')
  await compareStarts()
  ours = await startKafkaDo()
  theirs = await startKafka()
  both = [ours, theirs]
})
afterAll(async () => {
  if (both) {
    const [mine, other] = [ours.residentMiB(), theirs.residentMiB()]
    compare('RSS after all loads, MiB', mine, other, '≤ 0.1', mine <= other / 10)
  }
  await ours?.stop()
  await theirs?.stop()
})

test('memory at rest', async () => {
  for (const broker of both!) await firstProduce(broker.url)
  const [mine, other] = [ours.residentMiB(), theirs.residentMiB()]
  compare('RSS after the first record, MiB', mine, other, '≤ 0.1', mine <= other / 10)
})

test.each([100, 1024])('Kafka’s producer-perf-test, %i bytes', async (recordBytes) => {
  const records = Math.round((recordBytes === 100 ? 1_500_000 : 400_000) * scale)
  const load = { records, recordBytes, throughput: -1 }
  for (const acks of ['1', 'all'] as const) {
    const [mine, other] = await inTurn((broker, run) =>
      throughput(broker, { ...load, acks, topic: `perf-${recordBytes}-${acks}-${run}` }),
    )
    const what = `produce ${recordBytes} B, acks=${acks}, records/s`
    compare(what, mine, other, acks === '1' ? '≥ 1' : '', acks !== '1' || mine >= other)
  }
  const synced = { ...load, records: Math.round(records / 4), acks: 'all' } as const
  for (const broker of both!) {
    const configs = broker === theirs ? ['flush.messages=1'] : []
    for (let run = 0; run < runs; run++) {
      await createTopic(broker, `synced-${recordBytes}-${run}`, configs)
    }
  }
  const [mine, other] = await inTurn((broker, run) =>
    throughput(broker, { ...synced, topic: `synced-${recordBytes}-${run}` }),
  )
  const what = `produce ${recordBytes} B, acks=all, Kafka with flush.messages=1`
  compare(what, mine, other, '≥ 10', mine >= 10 * other)
  // Small requests are where syncs that are shared and syncs that are not differ most.
  const single = { ...synced, records: Math.round(20_000 * scale), properties: ['batch.size=1'] }
  const [mineSingle, otherSingle] = await inTurn((broker, run) =>
    throughput(broker, { ...single, topic: `synced-${recordBytes}-${run}` }),
  )
  const whatSingle = `the same, each record a batch`
  compare(whatSingle, mineSingle, otherSingle, '≥ 10', mineSingle >= 10 * otherSingle)
  const [read, otherRead] = await inTurn((broker, run) =>
    consumerPerf(broker, `perf-${recordBytes}-1-${run}`, records),
  )
  compare(`consume ${recordBytes} B, records/s`, read, otherRead, '≥ 1', read >= otherRead)
})

test.each([1000, 10_000])('latency at %i records/s', async (rate) => {
  for (const acks of ['1', 'all'] as const) {
    const load = { records: rate * 10, recordBytes: 100, acks, throughput: rate }
    const [mine, other] = await inTurn(async (broker, run) => {
      // A first run warms up the broker's code; the tool's own warm-up is part of what it measures.
      const topic = `latency-${rate}-${acks}`
      if (run === 0) await producerPerf(broker, { ...load, records: rate * 3, topic })
      return (await producerPerf(broker, { ...load, topic })).p99Ms
    })
    compare(`p99 at ${rate} records/s, acks=${acks}, ms`, mine, other, '≤ 1', mine <= other)
  }
})

test('JavaScript clients at both brokers', async () => {
  const count = Math.round(300_000 * scale)
  for (const broker of both!) {
    for (const kind of ['produce', 'consume']) {
      const speeds = new Map<string, number[]>()
      for (let run = 0; run < runs; run++) {
        for (const client of ['kafka-do', 'kafkajs', 'platformatic']) {
          const topic = `client-${client}-${run}`
          if (kind === 'produce') await createTopic(broker, topic)
          const args = [program, client, kind, broker.bootstrap, topic, String(count)]
          const { stdout } = await execute(process.execPath, args, { timeout: 300_000 })
          speeds.set(client, [...(speeds.get(client) ?? []), Number(stdout.trim())])
        }
      }
      const middle = new Map([...speeds].map(([client, values]) => [client, median(values)]))
      const best = Math.max(middle.get('kafkajs')!, middle.get('platformatic')!)
      const mine = middle.get('kafka-do')!
      const shown = [...middle].map(([client, value]) => `${client} ${format(value)}`).join('   ')
      const verdict = `${(mine / best).toFixed(2)} × the faster of the others (target ≥ 1) ${mine >= best ? 'met' : 'MISSED'}`
      console.log(`${`${kind}, at ${broker.name}, records/s`.padEnd(52)} ${shown}   ${verdict}`)
    }
  }
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
  compare('start to first answered produce, ms', mine, other, '< 300 ms', mine < 300)
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
async function inTurn(
  measure: (broker: BenchBroker, run: number) => Promise<number>,
): Promise<[ours: number, theirs: number]> {
  const values: [number[], number[]] = [[], []]
  for (let run = 0; run < runs; run++) {
    values[0].push(await measure(ours, run))
    values[1].push(await measure(theirs, run))
  }
  return [median(values[0]), median(values[1])]
}

function compare(what: string, mine: number, other: number, target: string, isMet: boolean): void {
  const verdict = target === '' ? '' : `${target} ${isMet ? 'met' : 'MISSED'}`
  line(what, format(mine), format(other), (mine / other).toFixed(2), verdict)
}

function line(what: string, mine: string, other: string, ratio: string, target: string): void {
  console.log(
    `${what.padEnd(52)} ${mine.padStart(12)} ${other.padStart(13)} ${ratio.padStart(7)}  ${target}`,
  )
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!
}

function format(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
}
