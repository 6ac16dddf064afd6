/**
 * Random topologies of the oracle's language, through Kafka Streams' own test driver and through ours: the same comes of the same
 * records. CASES says how many (default 60), SEED which is the first (default 1). What is not to be alike is left out by `randomCase`.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { randomCase } from '../../streams/kafka-streams/random-case.ts'
import { runToEnd } from '../../streams/oracle.ts'
import { differences, type OracleCase, type OracleOutput } from '../../streams/oracle-case.ts'
import { describeJava } from '../describe-java.ts'
import { javaClassPath, javaProgram, streamsDriverClassPath } from '../java-class-path.ts'

const execute = promisify(execFile)
const programs = fileURLToPath(new URL('../../streams/kafka-streams/', import.meta.url))
const count = Number(process.env.CASES ?? 60)
const firstSeed = Number(process.env.SEED ?? 1)
/** Versioned tables are in RocksDB only, which is not fetched. */
const options = { hasVersionedTables: false }
const inMemory = 'org.apache.kafka.streams.state.BuiltInDslStoreSuppliers$InMemoryDslStoreSuppliers'

interface Result {
  readonly output: readonly OracleOutput[]
  readonly error?: number
  /** Kafka Streams does not take the topology. */
  readonly refused?: string
}

describeJava('random topologies', () => {
  let folder: string
  let classPath: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kafka-do-random-cases-'))
    classPath = await javaClassPath(folder, await streamsDriverClassPath())
    const sources = (await readdir(programs)).filter((name) => name.endsWith('.java'))
    const paths = sources.map((name) => join(programs, name))
    await execute(javaProgram('javac'), ['-nowarn', '-d', folder, '-cp', classPath, ...paths])
  })
  afterAll(async () => {
    if (folder) await rm(folder, { recursive: true, force: true })
  })

  async function runTheirs(cases: readonly OracleCase[]): Promise<readonly Result[]> {
    const [asked, answered] = [join(folder, 'cases.json'), join(folder, 'results.json')]
    const config = { 'dsl.store.suppliers.class': inMemory }
    await writeFile(asked, JSON.stringify(cases.map((one) => ({ ...one, config }))))
    const path = [classPath, folder].join(delimiter)
    const args = ['-Xmx1g', '-cp', path, 'RunCases', asked, answered]
    await execute(javaProgram('java'), args, { maxBuffer: 2 ** 30 })
    return JSON.parse(await readFile(answered, 'utf8')) as readonly Result[]
  }

  /** Aggregates have no headers here; the cases have none anyway. */
  test(`${count} of them from seed ${firstSeed}`, { timeout: 600_000 }, async () => {
    const cases = Array.from({ length: count }, (_, i) => randomCase(firstSeed + i, options))
    const results = await runTheirs(cases)
    const taken = results.filter(({ refused }) => refused === undefined)
    expect(taken.length).toBeGreaterThan(count / 2)
    expect(taken.flatMap(({ output }) => output).length).toBeGreaterThan(count)
    const told = cases.flatMap((oneCase, i) => {
      const { output, error, refused } = results[i]!
      if (refused !== undefined) return []
      const ours = runToEnd(oneCase)
      const found = differences(output, ours.output)
      if (found.length === 0 && ours.error === error) return []
      return [`${oneCase.name}: ${JSON.stringify(oneCase.topology)}\n${found.join('\n')}`]
    })
    expect(told).toEqual([])
  })
})
