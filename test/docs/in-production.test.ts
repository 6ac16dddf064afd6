/** docs/guide/in-production.md, step by step: its commands are run, and what they print is what it says. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { freePorts } from '../kafka/free-port.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const guide = readFileSync(join(root, 'docs/guide/in-production.md'), 'utf8')
const blocks = [...guide.matchAll(/```(sh serve|sh|json|log)\n(.*?)```/gs)].map(
  ([, kind, text]) => ({ kind: kind!, text: text! }),
)
const hasCurl = spawnSync('curl', ['--version']).status === 0
const folder = mkdtempSync(join(tmpdir(), 'kafka-do-production-'))
const pidFile = join(folder, 'kafka-do.pid')

let shell: ChildProcess | undefined
let said = ''
afterAll(() => {
  // The shell has started the server beside itself.
  if (shell?.exitCode === null) process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

test.skipIf(!hasCurl)('every step of the guide does what it says', async () => {
  const [http, management] = (await freePorts(2)) as [number, number]
  const here = (text: string) =>
    text
      .replaceAll(/^kafka-do /gm, `${process.execPath} ${join(root, 'dist/cli/main.js')} `)
      .replaceAll('8080', String(http))
      .replaceAll('9308', String(management))
  let steps = 0
  for (const [i, { kind, text }] of blocks.entries()) {
    if (kind === 'sh serve') {
      const env = { ...process.env, KAFKA_DO_PORT: '0' }
      shell = spawn('bash', ['--norc', '-c', here(text)], { cwd: folder, env })
      shell.stdout!.on('data', (chunk) => {
        said += chunk
      })
      shell.stderr!.on('data', (chunk) => {
        said += chunk
      })
      await expect.poll(() => said, { timeout: 30_000 }).toContain(`:${management} (Ctrl-C`)
    }
    if (kind !== 'sh') continue
    said = ''
    const run = ['--norc', '-euo', 'pipefail', '-c', here(text)]
    const { status, stdout, stderr } = spawnSync('bash', run, { cwd: folder, encoding: 'utf8' })
    expect([text, status, stderr]).toEqual([text, 0, ''])
    const next = blocks[i + 1]
    if (next?.kind === 'json') expect(JSON.parse(stdout)).toMatchObject(JSON.parse(next.text))
    if (next?.kind === 'log') {
      // Without the time before it.
      await expect.poll(() => stdout + said).toContain(next.text.trim())
    }
    if (text.startsWith('kill "$(cat')) {
      expect((await fetch(`http://localhost:${management}/readyz`)).status).toBe(503)
      const [code] = await once(shell!, 'exit')
      expect(code).toBe(0)
      expect(said).toContain('everything acknowledged is stored')
    }
    steps++
  }
  expect(steps).toBe(7)
})
