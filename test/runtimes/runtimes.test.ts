/**
 * The packed package on every runtime, embedded and over TCP to `kafka-do serve`. Writes the table of docs/runtimes.md.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { installPackage, root } from '../package/packed-package.ts'
import { servedUrl } from '../server/served-url.ts'
import { executableOf, installRuntimes, type Runtime, runtimes } from './runtimes.ts'

interface Outcome {
  readonly check: string
  readonly error?: string
}

/** The last is served by `kafka-do serve` on the Node that runs this. */
const connections = ['memory:', 'file:', 'kafka:'] as const
const program = fileURLToPath(new URL('smoke-test.mjs', import.meta.url))
const page = join(root, 'docs/runtimes.md')
/** By runtime and connection. */
const outcomes = new Map<string, readonly Outcome[]>()
let folder = ''
let nodeModules = ''
let server: ChildProcess | undefined
let serverUrl = ''

beforeAll(async () => {
  nodeModules = await installRuntimes()
  folder = await installPackage({ versions: 'newest' })
  copyFileSync(program, join(folder, 'smoke-test.mjs'))
  server = spawn(
    process.execPath,
    ['node_modules/kafka-do/dist/cli/main.js', 'serve', '--data', 'served', '--port', '0'],
    { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  serverUrl = await servedUrl(server)
})
afterAll(async () => {
  if (server && server.exitCode === null) {
    server.kill()
    await once(server, 'exit')
  }
  if (folder) rmSync(folder, { recursive: true, force: true })
  if (outcomes.size === runtimes.length * connections.length) writeTable()
})

describe.each(runtimes)('$name', (runtime) => {
  test.each(connections)('does over %s all that is asked', async (connection) => {
    const url = {
      'memory:': connection,
      'file:': `file:./${fileNameOf(runtime)}`,
      'kafka:': serverUrl,
    }
    const found = await smokeTest(runtime, url[connection])
    outcomes.set(`${runtime.name} ${connection}`, found)
    expect(found.filter(({ error }) => error !== undefined)).toEqual([])
    expect(found.at(-1)?.check).toBe('close')
  })
})

/** The program must end by itself; what hangs is killed, and rejects. */
async function smokeTest(runtime: Runtime, url: string): Promise<Outcome[]> {
  const args = [...runtime.args, 'smoke-test.mjs', url]
  const options = { cwd: folder, timeout: 60_000, killSignal: 'SIGKILL' as const }
  const { stdout } = await promisify(execFile)(executableOf(runtime, nodeModules), args, options)
  const lines = stdout.trim().split('\n')
  return lines.map((line) => JSON.parse(line) as Outcome)
}

function fileNameOf({ name }: Runtime): string {
  return name.replaceAll(' ', '-')
}

/** One row per check, one column per runtime; a cell names the connections over which it does not work. */
function writeTable(): void {
  const checks = [...new Set([...outcomes.values()].flat().map(({ check }) => check))]
  const rows = checks.map((check) => [check, ...runtimes.map((runtime) => cell(runtime, check))])
  const header = ['', ...runtimes.map(({ name }) => name)]
  const table = [header, header.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
  const text = readFileSync(page, 'utf8')
  const written = text.replace(
    /(<!-- table -->\n)[\s\S]*(\n<!-- \/table -->)/,
    (_, begin: string, end: string) => begin + table + end,
  )
  if (written !== text) writeFileSync(page, written)
}

function cell(runtime: Runtime, check: string): string {
  const failing = connections.filter((connection) => {
    const found = outcomes
      .get(`${runtime.name} ${connection}`)
      ?.find((each) => each.check === check)
    return !found || found.error !== undefined
  })
  return failing.length === 0 ? 'yes' : `not over ${failing.join(', ')}`
}
