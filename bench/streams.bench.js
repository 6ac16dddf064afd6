/**
 * The stream processor on `kafka-do serve`, each application in a process of its own: processor time per record, exactly once, with
 * the start of the process, and once it is warm. The targets are for a million records with the start, as they were measured of
 * Kafka Streams; with fewer the start weighs more, so then they are held against the warm figure only.
 * Beside Kafka Streams: `npm run bench:kafka`.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { report, startBroker } from './measure.js'
import { fill, fillPayments } from './streams-input.js'

const execute = promisify(execFile)
const program = fileURLToPath(new URL('streams-program.js', import.meta.url))
const scale = Number(process.env.BENCH_SCALE ?? 1)
const recordCount = Math.round(1_000_000 * scale)
/** Of what has a target; the others are run once. */
const runs = 3

const broker = await startBroker()
try {
  await fill(broker.url, recordCount)
  await fillPayments(broker.url, recordCount / 10)
  await compare(broker.url)
} finally {
  await broker.stop()
}

/** @param {string} url */
async function compare(url) {
  /**
   * `taken`: how many records its tasks take, times `recordCount`; fewer of what has no target.
   * @type {{ [topology: string]: { atMost?: number, taken: number } }}
   */
  const loads = {
    stateless: { atMost: 6, taken: 1 },
    count: { atMost: 8, taken: 1 },
    join: { taken: 0.15 },
    sessions: { taken: 0.1 },
    suppress: { taken: 0.1 },
    // Once as it is read, once as it is handed over.
    'hand-over': { taken: 0.2 },
  }
  for (const [topology, { atMost, taken }] of Object.entries(loads)) {
    const records = Math.floor(recordCount * taken)
    const results = []
    for (let run = 0; run < (atMost ? runs : 1); run++) {
      const { stdout } = await execute(process.execPath, [program, url, topology, `${records}`])
      results.push(JSON.parse(stdout))
    }
    report(
      `streams: ${topology}, exactly once, CPU with start`,
      results.map(({ cpuMicros }) => cpuMicros),
      { unit: 'µs/record', ...(atMost && scale >= 1 && { atMost }) },
    )
    report(
      `streams: ${topology}, exactly once, CPU when warm`,
      results.map(({ warmCpuMicros }) => warmCpuMicros),
      { unit: 'µs/record', ...(atMost && { atMost }) },
    )
    report(
      `streams: ${topology}, exactly once`,
      results.map(({ perSecond }) => perSecond),
      { unit: 'records/s' },
    )
    if (topology === 'count') {
      report(
        `streams: restart with ${results[0].entries} entries`,
        results.map(({ restoreSeconds }) => restoreSeconds * 1000),
        { unit: 'ms' },
      )
    }
  }
}
