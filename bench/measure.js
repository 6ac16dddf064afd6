/** What the benchmarks share: medians over runs, one line per figure, and the machine's own fdatasync to compare with. */
import { spawn } from 'node:child_process'
import { closeSync, fdatasync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** @param {readonly number[]} values */
export function median(values) {
  return percentile(values, 0.5)
}

/** @param {readonly number[]} values @param {number} share 0 to 1 */
export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

/**
 * Runs `once` some times after a warm-up and prints the median of what it returns.
 * @param {string} name
 * @param {{ unit: string, runs?: number, atLeast?: number, atMost?: number }} options
 * @param {() => Promise<number>} once
 */
export async function measure(name, { unit, runs = 5, atLeast, atMost }, once) {
  await once()
  const values = []
  for (let run = 0; run < runs; run++) values.push(await once())
  report(name, values, { unit, ...(atLeast && { atLeast }), ...(atMost && { atMost }) })
  return median(values)
}

/**
 * @param {string} name
 * @param {readonly number[]} values
 * @param {{ unit: string, atLeast?: number, atMost?: number }} options
 */
export function report(name, values, { unit, atLeast, atMost }) {
  const middle = median(values)
  const met =
    (atLeast === undefined || middle >= atLeast) && (atMost === undefined || middle <= atMost)
  const target =
    atLeast !== undefined
      ? `target ≥ ${format(atLeast)}`
      : atMost !== undefined
        ? `target ≤ ${format(atMost)}`
        : ''
  const verdict = target === '' ? '' : met ? `${target}  met` : `${target}  MISSED`
  const range = `${format(Math.min(...values))} … ${format(Math.max(...values))}`
  console.log(
    `${name.padEnd(46)} ${format(middle).padStart(11)} ${unit.padEnd(10)} (${range})  ${verdict}`,
  )
}

/** @param {number} value */
function format(value) {
  return value >= 1000 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
}

/** A folder that is removed when the process ends. */
export function temporaryFolder() {
  const folder = mkdtempSync(join(process.env.KAFKA_DO_BENCH_DIR ?? tmpdir(), 'kafka-do-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The machine's own speed: milliseconds of each of `count` appends of 4 KiB with fdatasync. @param {number} count */
export async function timeRawSync(count) {
  const sync = promisify(fdatasync)
  const descriptor = openSync(join(temporaryFolder(), 'raw'), 'w')
  const bytes = Buffer.alloc(4096, 1)
  const times = []
  for (let i = 0; i < count; i++) {
    const start = performance.now()
    writeSync(descriptor, bytes)
    await sync(descriptor)
    times.push(performance.now() - start)
  }
  closeSync(descriptor)
  return times
}

/** `kafka-do serve` in a process of its own, on a folder that goes with this process. @param {readonly string[]} more */
export function startBroker(...more) {
  return startBrokerBy([], ...more)
}

/** The same, by a Node with options of its own. @param {readonly string[]} nodeOptions @param {readonly string[]} more */
export async function startBrokerBy(nodeOptions, ...more) {
  const program = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
  const args = [program, 'serve', '--port', '0', '--data', temporaryFolder(), ...more]
  const child = spawn(process.execPath, [...nodeOptions, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  /** @type {string} */
  const url = await new Promise((resolve, reject) => {
    let printed = ''
    child.once('exit', (code) => reject(new Error(`the broker ended with ${code}: ${printed}`)))
    child.stdout.on('data', (chunk) => {
      printed += chunk
      const found = /kafka:\/\/\S+/.exec(printed)
      if (found) resolve(found[0])
    })
  })
  const hasEnded = new Promise((resolve) => child.once('exit', resolve))
  /** Resolves when it has ended, which it does before its folder goes. */
  const stop = () => {
    child.kill()
    return hasEnded
  }
  return { url, pid: child.pid, stop }
}
