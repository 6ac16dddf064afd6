/**
 * Our client beside kafkajs and @platformatic/kafka, at both brokers. Each figure is the median of runs in turn, every run
 * a process of its own.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, test } from 'vitest'
import { type BenchBroker, startKafka, startKafkaDo } from './brokers.ts'
import { createTopic, fillTopic } from './perf-tools.ts'
import { format, median, runs, scale } from './report.ts'

const execute = promisify(execFile)
const program = fileURLToPath(new URL('client-program.js', import.meta.url))
const clients = ['kafka-do', 'kafkajs', 'platformatic']
const storedCount = Math.round(1_000_000 * scale)
const kinds = [
  { kind: 'single', count: Math.round(5000 * scale), what: 'awaited single sends' },
  {
    kind: 'singleAcks1',
    count: Math.round(20_000 * scale),
    what: 'awaited single sends, acks=1',
  },
  { kind: 'batch', count: Math.round(300_000 * scale), what: 'batched sends' },
  { kind: 'iterator', count: storedCount, what: 'consume by iterator' },
  { kind: 'handler', count: storedCount, what: 'consume with a handler' },
] as const

const brokers: BenchBroker[] = []
beforeAll(async () => {
  brokers.push(await startKafkaDo(), await startKafka())
  for (const broker of brokers)
    await fillTopic(broker, { topic: 'stored', records: storedCount, recordBytes: 100 })
})
afterAll(async () => {
  for (const broker of brokers) await broker.stop()
})

test.each(kinds)('$what', async ({ kind, count, what }) => {
  for (const broker of brokers) {
    const speeds = new Map<string, number[]>(clients.map((client) => [client, []]))
    for (let run = 0; run < runs; run++) {
      for (const client of clients) {
        const isProducing = kind !== 'iterator' && kind !== 'handler'
        const target = isProducing ? `${kind}-${client}-${run}` : 'stored'
        if (isProducing) await createTopic(broker, target)
        const args = [program, client, kind, broker.bootstrap, target, String(count)]
        const { stdout } = await execute(process.execPath, args, { timeout: 600_000 })
        speeds.get(client)!.push(Number(stdout.trim()))
      }
    }
    print(`${what}, at ${broker.name}, records/s`, speeds)
  }
})

function print(what: string, speeds: ReadonlyMap<string, readonly number[]>): void {
  const middle = new Map([...speeds].map(([client, values]) => [client, median(values)]))
  const best = Math.max(middle.get('kafkajs')!, middle.get('platformatic')!)
  const ratio = middle.get('kafka-do')! / best
  const shown = [...middle].map(([client, value]) => `${client} ${format(value)}`).join('   ')
  const verdict = `${ratio.toFixed(2)} × the faster of the others (target ≥ 1) ${ratio >= 1 ? 'met' : 'MISSED'}`
  console.log(`${what.padEnd(60)} ${shown}   ${verdict}`)
}
