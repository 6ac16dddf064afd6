/** `kafka-do backup` and `kafka-do restore`. */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { Client } from '../../src/index.ts'
import { createServer } from '../../src/server/server.ts'
import { run, runJson, Sink } from './command-line.ts'

const scratch = mkdtempSync(join(tmpdir(), 'kafka-do-cli-backup-'))
let number = 0
let data = ''
let to = ''
let restored = ''
beforeEach(async () => {
  number++
  data = join(scratch, `data-${number}`)
  to = join(scratch, `backup-${number}`)
  restored = join(scratch, `restored-${number}`)
  await using kafka = new Client(`file:${data}`)
  for (let i = 0; i < 5; i++) await kafka.produce('orders', i)
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

async function valuesIn(folder: string, count: number): Promise<unknown[]> {
  await using kafka = new Client(`file:${folder}`)
  return (await kafka.consumer('orders').take(count).toArray()).map(({ value }) => value)
}

/** Every file of a folder with its content. */
function contentOf(folder: string): [string, string][] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .sort()
    .filter((name) => statSync(join(folder, name)).isFile())
    .map((name) => [name, readFileSync(join(folder, name)).toString('hex')])
}

test('of a folder that no broker has open, in which nothing is changed', async () => {
  const before = contentOf(data)
  const result = await runJson<{ files: number; copiedFiles: number; to: string }>([
    ...['backup', data, '--to', to],
  ])
  expect(result).toMatchObject({ to, warnings: [], partitions: 4 })
  expect(contentOf(data)).toEqual(before)
  const again = await runJson<{ copiedFiles: number }>(['backup', `file:${data}`, '--to', to])
  expect(again.copiedFiles).toBe(0)
  const { code, stdout } = await run(['restore', to, '--to', restored])
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^restored\s+\S+restored-1$/m)])
  expect(await valuesIn(restored, 5)).toEqual([0, 1, 2, 3, 4])
})

test('of a folder whose broker died, as it was left', async () => {
  const log = join(data, 'orders-0', `${'0'.repeat(20)}.log`)
  rmSync(join(data, '.kafka_cleanshutdown'))
  writeFileSync(log, Buffer.concat([readFileSync(log), Buffer.from('half of a batch')]))
  expect(await runJson(['backup', data, '--to', to])).toMatchObject({ warnings: [] })
  expect(await runJson(['restore', to, '--to', restored])).toMatchObject({ warnings: [] })
  expect(await valuesIn(restored, 5)).toEqual([0, 1, 2, 3, 4])
})

test('of a damaged folder says so, and the check of it has another exit code', async () => {
  const log = join(data, 'orders-0', `${'0'.repeat(20)}.log`)
  const bytes = readFileSync(log)
  bytes[bytes.length - 3]! ^= 1
  writeFileSync(log, bytes)
  const { code, stderr } = await run(['backup', data, '--to', to])
  expect([code, stderr]).toEqual([0, expect.stringMatching(/warning: orders-0\S+ is damaged at/)])
  expect(await run(['restore', to, '--check'])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/warning: orders-0\S+ is damaged at/),
  })
  expect((await run(['restore', to, '--to', restored])).code).toBe(0)
})

test('of a server, by its HTTP port; a folder in use names that', async () => {
  await using server = await createServer({ data, port: 0, httpPort: 0 })
  const url = server.httpUrl!
  expect(await run(['backup', data, '--to', to])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/in use by[\s\S]*kafka-do backup http:\/\/HOST:PORT/),
  })
  expect(existsSync(to)).toBe(false)
  await runJson(['backup', url, '--to', to])
  await runJson(['backup', '--url', url, '--to', to])
  expect(await run(['backup', server.url, '--to', to])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('HTTP port'),
  })
  await runJson(['restore', to, '--to', restored])
  expect(await valuesIn(restored, 5)).toEqual([0, 1, 2, 3, 4])
})

test('a wrong key, and one that may not', async () => {
  await using server = await createServer({ data, port: 0, httpPort: 0, access: 'keys' })
  const { key } = await server.keys!.create({ name: 'reader', scopes: ['consume:*'] })
  const words = ['backup', server.httpUrl!, '--to', to]
  const withKey = (value: string) => run(words, { environment: { KAFKA_DO_API_KEY: value } })
  expect((await withKey(key)).code).toBe(3)
  expect((await withKey('kd_wrong')).code).toBe(3)
  expect((await withKey(server.firstKey!.key)).code).toBe(0)
})

test('through a pipe, and back', async () => {
  const stdout = new Sink()
  const made = await run(['backup', data, '--to', '-'], { stdout })
  expect(made).toMatchObject({ code: 0, stderr: expect.stringMatching(/^Backed up/) })
  const tar = Buffer.concat(stdout.chunks)
  expect(await run(['restore', '-', '--check'], { stdin: tar })).toMatchObject({ code: 0 })
  expect(await run(['restore', '-', '--to', restored], { stdin: tar })).toMatchObject({ code: 0 })
  expect(await valuesIn(restored, 5)).toEqual([0, 1, 2, 3, 4])
  const cut = tar.subarray(0, tar.length - 3000)
  expect(await run(['restore', '-', '--check'], { stdin: cut })).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/ends in the middle/),
  })
})

test('to a file, whose owner alone may read it', async () => {
  await runJson(['backup', data, '--to', `${to}.tar`])
  expect(statSync(`${to}.tar`).mode & 0o777).toBe(0o600)
  expect(execFileSync('tar', ['-tf', `${to}.tar`], { encoding: 'utf8' })).toMatch(
    /^\.kafka-do-backup\n[\s\S]*\nmanifest\.json\n$/,
  )
  await runJson(['restore', `${to}.tar`, '--to', restored])
  expect(await valuesIn(restored, 5)).toEqual([0, 1, 2, 3, 4])
})

test.each([
  [['backup'], 2, /--to is required/],
  [['backup', 'x', '--url', 'memory:', '--to', 'y'], 2, /given twice/],
  [['backup', '/nowhere', '--to', 'y'], 4, /\/nowhere is not a data folder/],
  [
    ['backup', 'http://127.0.0.1:1', '--to', join(scratch, 'none')],
    1,
    /cannot be reached|never made/,
  ],
  [['restore', '/nowhere', '--to', 'y'], 4, /there is no backup \/nowhere/],
  [['restore', '/nowhere'], 2, /--to is required/],
  [['restore', '/nowhere', '--to', 'x', '--check'], 2, /exclude each other/],
])('%j', async (words, code, message) => {
  const outcome = await run(words)
  expect(outcome).toEqual({ code, stdout: '', stderr: expect.stringMatching(message) })
})

test('to where it cannot be', async () => {
  expect((await run(['backup', data, '--to', join(data, 'in')])).stderr).toMatch(/inside the data/)
  expect((await run(['backup', data, '--to', data])).stderr).toMatch(/the data folder/)
  const terminal = await run(['backup', data, '--to', '-'], { isTerminal: true })
  expect(terminal).toMatchObject({ code: 2, stderr: expect.stringMatching(/terminal/) })
  if (process.getuid?.() === 0) return
  mkdirSync(to)
  chmodSync(to, 0o500)
  expect((await run(['backup', data, '--to', to])).stderr).toMatch(/permission is missing|EACCES/)
})

test('shows how far it is, on a terminal', async () => {
  const { stderr } = await run(['backup', data, '--to', to, '--max-bytes-per-second', '1KiB'], {
    isTerminal: true,
  })
  expect(stderr).toMatch(/backup: [\d.]+ \S+ of [\d.]+ \S+, /)
})

test('Ctrl-C leaves the backup before', async () => {
  await runJson(['backup', data, '--to', to])
  const before = contentOf(to)
  {
    await using kafka = new Client(`file:${data}`)
    await kafka.produce('orders', 'x'.repeat(100_000))
  }
  const ending = new AbortController()
  const running = run(['backup', data, '--to', to, '--max-bytes-per-second', '1000'], {
    signal: ending.signal,
    isTerminal: true,
    onError: (said) => {
      if (/backup: \d/.test(said)) ending.abort(new Error('ended'))
    },
  })
  expect((await running).code).not.toBe(0)
  expect(contentOf(to)).toEqual(before)
})
