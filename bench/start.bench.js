/**
 * What a start costs: from the process to `kafka-do serve` that says where it is, and to a program that has imported
 * `kafka-do`. Wall time, processor time (user and system), and how many files of the package are read. In turn, for each
 * checkout of START_ROOTS (folders, by commas, each with a `dist/`), so that two builds can be held against each other;
 * by default this one.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { median, report, temporaryFolder } from './measure.js'
import { cpuSeconds } from './processes.js'

const runs = 9
const folder = temporaryFolder()
const newFolder = () => mkdtempSync(join(folder, 'start-'))
const roots = (process.env.START_ROOTS ?? fileURLToPath(new URL('..', import.meta.url))).split(',')

/** @typedef {{ wall: number, processor: number }} Cost milliseconds */

const programs = {
  'a bare Node': () => [
    '--eval',
    "process.once('SIGTERM', () => process.exit()); console.log('ready'); setInterval(() => undefined, 1000)",
  ],
  'kafka-do serve': (/** @type {string} */ root) => {
    const program = join(root, 'dist/cli/main.js')
    return [program, 'serve', '--port', '0', '--data', newFolder()]
  },
  "import 'kafka-do'": (/** @type {string} */ root) => {
    const module = JSON.stringify(join(root, 'dist/index.js'))
    const text = `process.once('SIGTERM', () => process.exit())
await import(${module}); console.log('ready'); setInterval(() => undefined, 1000)`
    return ['--input-type=module', '--eval', text]
  },
}

/** Of a bare Node, to ready: milliseconds. */
let bare = Number.NaN
for (const [name, argumentsAt] of Object.entries(programs)) {
  /** @type {Cost[][]} */
  const costs = roots.map(() => [])
  for (let run = -1; run < runs; run++) {
    for (const [i, root] of roots.entries()) {
      const cost = await start(argumentsAt(root))
      if (run >= 0) costs[i]?.push(cost)
    }
  }
  for (const [i, root] of roots.entries()) {
    const of = roots.length > 1 ? `, ${i + 1}` : ''
    const each = costs[i] ?? []
    const label = `${name}${of}`
    report(
      `${label}: to ready`,
      each.map(({ wall }) => wall),
      { unit: 'ms' },
    )
    const middle = median(each.map(({ wall }) => wall))
    if (name === 'a bare Node') bare = middle
    else if (name === 'kafka-do serve')
      report(`${label}: over a bare Node`, [middle / bare], { unit: '×', atMost: 1.6 })
    report(
      `${label}: processor time`,
      each.map(({ processor }) => processor),
      { unit: 'ms' },
    )
    if (name === 'a bare Node') continue
    const files = await filesRead(root, argumentsAt(root))
    report(`${label}: files of the package`, [files], { unit: 'files' })
  }
}

/** Until it prints its first line. @param {string[]} args @param {object} environment @returns {Promise<Cost>} */
async function start(args, environment = {}) {
  const began = performance.now()
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  })
  const hasEnded = new Promise((resolve) => child.once('exit', resolve))
  await Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), hasEnded])
  if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`)
  const wall = performance.now() - began
  const processor = 1000 * cpuSeconds(child.pid)
  child.kill()
  await hasEnded
  return { wall, processor }
}

/** Node's coverage lists each script that was loaded. @param {string} root @param {string[]} args */
async function filesRead(root, args) {
  const coverage = newFolder()
  await start(args, { NODE_V8_COVERAGE: coverage })
  const scripts = readdirSync(coverage).flatMap((file) => {
    const { result } = JSON.parse(readFileSync(join(coverage, file), 'utf8'))
    return result.map((/** @type {{ url: string }} */ { url }) => url)
  })
  const ours = pathToFileURL(join(root, 'dist')).href
  return new Set(scripts.filter((url) => url.startsWith(ours))).size
}
