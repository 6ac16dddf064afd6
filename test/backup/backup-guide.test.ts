/** docs/guide/backup.md, step by step: its commands are run. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { Client } from '../../src/index.ts'
import { createServer } from '../../src/server/server.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const guide = readFileSync(join(root, 'docs/guide/backup.md'), 'utf8')
const program = `${process.execPath} ${join(root, 'dist/cli/main.js')}`
const hasCurl = spawnSync('curl', ['--version']).status === 0
const folder = mkdtempSync(join(tmpdir(), 'kafka-do-backup-guide-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The command lines of the page, in order, by the word after `sh`. */
const commands = [...guide.matchAll(/```sh( with a key)?\n(.*?)```/gs)].flatMap(
  ([, withKey, text]) =>
    text!
      .trim()
      .split('\n')
      .map((line) => ({ line, withKey: withKey !== undefined })),
)

interface Outcome {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The server is in this process, so nothing here may hold it up. */
function shell(line: string, environment: NodeJS.ProcessEnv): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn('sh', ['-c', line], { cwd: folder, env: environment })
    const said = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const)
      child[name].on('data', (chunk: Buffer) => {
        said[name] += chunk.toString('utf8')
      })
    child.once('close', (status) => resolve({ status, ...said }))
  })
}

/** Serves until it has said so. */
async function served(line: string, environment: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const child = spawn('sh', ['-c', `exec ${line}`], { cwd: folder, env: environment })
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.toString('utf8').includes('serves')) resolve()
    })
    child.once('exit', (code) => reject(new Error(`it ended with ${code}`)))
  })
  return child
}

test('each command does what the page says', { timeout: 120_000 }, async () => {
  await using server = await createServer({ data: join(folder, 'data'), port: 0, httpPort: 0 })
  await using guarded = await createServer({
    ...{ data: join(folder, 'guarded'), port: 0, httpPort: 0, access: 'keys' },
  })
  cpSync(guarded.firstKey!.path!, join(folder, 'admin-key'))
  {
    await using kafka = new Client(server.url)
    for (let i = 0; i < 20; i++) await kafka.produce('orders', { orderId: i })
    await using stopped = new Client(`file:${join(folder, 'stopped')}`)
    await stopped.produce('orders', 1)
  }
  mkdirSync(join(folder, 'bin'))
  const ssh = join(folder, 'bin', 'ssh')
  writeFileSync(ssh, '#!/bin/sh\nexec sh -c "$2"\n')
  chmodSync(ssh, 0o755)
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}`,
  }
  delete environment.KAFKA_DO_URL
  let done = 0
  for (const { line, withKey } of commands) {
    if (line.startsWith('curl') && !hasCurl) continue
    if (line.includes('events.tar --check') && !hasCurl) continue
    const { httpUrl } = withKey ? guarded : server
    // Two backups of two clusters do not go to one folder.
    const place = withKey ? line.replace('backups/events', 'backups/guarded') : line
    const here = place
      .replaceAll('npx kafka-do', program)
      .replaceAll('http://localhost:8080', httpUrl!)
    if (line.includes(' serve ')) {
      const serving = await served(
        here.replace('--http-port 8080', '--port 0 --http-port 0'),
        environment,
      )
      const ended = new Promise((resolve) => serving.once('exit', resolve))
      serving.kill('SIGTERM')
      await ended
      continue
    }
    const { status, stdout, stderr } = await shell(here, environment)
    expect({ line, status, stderr: status === 0 ? '' : stderr }).toEqual({
      line,
      status: 0,
      stderr: '',
    })
    if (line.includes('consume orders')) expect(stdout).toContain('19')
    if (line.includes('topic ls')) expect(stdout).toContain('orders')
    done++
  }
  expect(done).toBeGreaterThan(10)
  expect(existsSync(join(folder, 'drill'))).toBe(false)
  await using restored = new Client(`file:${join(folder, 'from-elsewhere')}`)
  expect(await restored.consumer('orders').take(20).toArray()).toHaveLength(20)
})

test('what is run every night is a command that there is', async () => {
  const lines = [...guide.matchAll(/(?:ExecStart=| kafka {2})(npx kafka-do .*)/g)].map(
    ([, line]) => line!,
  )
  expect(lines).toHaveLength(2)
  await using server = await createServer({ data: 'memory:', port: 0, httpPort: 0 })
  for (const [i, line] of lines.entries()) {
    const here = line
      .replace('npx kafka-do', program)
      .replace('http://localhost:8080', server.httpUrl!)
      .replace('/backups/events', join(folder, `nightly-${i}`))
    expect(await shell(here, process.env)).toMatchObject({ status: 0, stderr: '' })
  }
})
