/**
 * Our stream processor and Kafka Streams, at one Apache Kafka: the same topologies, exactly once, commits each 100 ms, stores in
 * memory, every update written out; runs in turn. Each run is a process of its own, and what is compared is the processor time that
 * it took for each record, with its start and its compilers.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, test } from 'vitest'
import { javaClassPath, javaProgram, streamsClassPath } from '../../test/kafka/java-class-path.ts'
import { fill } from '../streams-input.js'
import { type BenchBroker, startKafka } from './brokers.ts'
import { median, printComparison, printHead, runs, scale } from './report.ts'

const execute = promisify(execFile)
const recordCount = Math.round(1_000_000 * scale)
const timeout = 600_000
const ourProgram = fileURLToPath(new URL('../streams-program.js', import.meta.url))
const theirProgram = fileURLToPath(new URL('StreamsProgram.java', import.meta.url))
const log4j = fileURLToPath(new URL('../../test/kafka/log4j2-tools.properties', import.meta.url))

interface Result {
  /** For each record. */
  readonly cpuMicros: number
  /** Of the last three quarters: without the start. */
  readonly warmCpuMicros: number
  readonly perSecond: number
}

let kafka: BenchBroker
let folder: string
beforeAll(async () => {
  kafka = await startKafka()
  folder = await mkdtemp(join(tmpdir(), 'kafka-do-bench-streams-'))
  await compile()
  await fill(kafka.url, recordCount)
  printHead('kafka-do', 'Kafka Streams')
})
afterAll(async () => {
  await kafka?.stop()
  if (folder) await rm(folder, { recursive: true, force: true })
})

test.each(['stateless', 'count'])('%s', async (topology) => {
  const mine: Result[] = []
  const others: Result[] = []
  for (let run = 0; run < runs; run++) {
    mine.push(await runOurs(topology))
    others.push(await runTheirs(topology, run))
  }
  const compare = (field: keyof Result) => ({
    mine: median(mine.map((one) => one[field])),
    other: median(others.map((one) => one[field])),
  })
  for (const [field, what] of [
    ['cpuMicros', 'with start'],
    ['warmCpuMicros', 'when warm'],
  ] as const) {
    const cpu = compare(field)
    const isMet = cpu.mine <= cpu.other / 2
    printComparison(`streams: ${topology}, CPU µs/record ${what}`, {
      ...cpu,
      target: '≤ 0.5',
      isMet,
    })
  }
  printComparison(`streams: ${topology}, records/s`, compare('perSecond'))
})

async function runOurs(topology: string): Promise<Result> {
  const args = [ourProgram, kafka.url, topology, String(recordCount)]
  return resultOf(await execute(process.execPath, args, { timeout }))
}

async function runTheirs(topology: string, run: number): Promise<Result> {
  const jvm = [`-Dlog4j2.configurationFile=${log4j}`, '-Xmx1g', '-cp', await classPath()]
  const state = join(folder, `state-${topology}-${run}`)
  const args = [...jvm, 'StreamsProgram', kafka.bootstrap, topology, String(recordCount), state]
  return resultOf(await execute(javaProgram('java'), args, { timeout }))
}

/** Before it is run, so that the compiler's time is not the program's. */
async function compile(): Promise<void> {
  await execute(javaProgram('javac'), ['-d', folder, '-cp', await classPath(), theirProgram])
}

async function classPath(): Promise<string> {
  return javaClassPath(folder, await streamsClassPath())
}

function resultOf({ stdout }: { readonly stdout: string }): Result {
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Result
}
