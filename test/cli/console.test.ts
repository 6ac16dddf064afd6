/** `kafka-do console`, before each kind of cluster; and the commands of docs/guide/console.md, as they stand there. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Interruption } from '../../src/cli/shell/io.ts'
import { Client } from '../../src/index.ts'
import { createServer, type Server } from '../../src/server/server.ts'
import { httpAt } from '../http/http-fixture.ts'
import { type Outcome, run } from './command-line.ts'
import { pipelineOf } from './words.ts'

let scratch = ''
let server: Server
beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'kafka-do-console-'))
  server = await createServer({ data: 'memory:', port: 0, httpPort: 0, access: 'keys' })
  writeFileSync(join(scratch, 'key'), server.firstKey!.key)
  const environment = { url: server.url, apiKey: server.firstKey!.key }
  await using there = new Client(environment)
  await there.produce('orders', { order: 1 })
  await using here = new Client(`file:${join(scratch, 'data')}`)
  await here.produce('orders', { order: 1 })
})
afterAll(async () => {
  await server.close()
  rmSync(scratch, { recursive: true, force: true })
})

/** Runs the command, looks at what it serves, and ends it by Ctrl-C. */
async function opened(
  words: readonly string[],
  look: (url: string) => Promise<void>,
): Promise<Outcome> {
  const ending = new AbortController()
  let seen: Promise<void> | undefined
  const outcome = await run(['console', ...words, '-o', 'json'], {
    signal: ending.signal,
    environment: { BROWSER: 'true' },
    onOutput: (text) => {
      if (!text.includes('\n')) return
      seen ??= look((JSON.parse(text) as { url: string }).url).finally(() =>
        ending.abort(new Interruption('SIGINT')),
      )
    },
  })
  await seen
  return outcome
}

async function expectOrders(url: string): Promise<void> {
  const { ask } = httpAt(url.replace(/\/$/, ''))
  expect((await ask('GET', '/')).text).toContain('<div id="app">')
  const { body } = await ask('GET', '/v1/sizes/topics')
  expect(body.topics).toMatchObject([{ name: 'orders', records: '1' }])
  expect((await ask('GET', '/v1/topics/orders/records')).body.records).toMatchObject([
    { value: { order: 1 } },
  ])
  await ask('PATCH', '/v1/topics/orders', { body: { configs: { 'retention.ms': '3600000' } } })
  const reset = { topic: 'orders', to: 'latest', dryRun: false }
  const moved = await ask('POST', '/v1/groups/own/offsets:reset', { body: reset })
  expect(moved).toMatchObject({ status: 200, body: { partitions: [{ offset: '1' }] } })
  expect((await ask('GET', '/v1/groups/own/lag')).body).toMatchObject({ totalLag: '0' })
  expect((await ask('DELETE', '/v1/groups/own')).status).toBe(204)
}

const page = readFileSync(new URL('../../docs/guide/console.md', import.meta.url), 'utf8')
const lines = [...page.matchAll(/^npx (kafka-do console .*)$/gm)].map(([, line]) => line!)

function placed(word: string): string[] {
  if (word === 'file:./data') return [`file:${join(scratch, 'data')}`]
  if (word === 'kafka://broker:9092') return [server.url, '--api-key-file', join(scratch, 'key')]
  if (word === 'https://events.example.com') return [server.httpUrl!]
  return [word === './key' ? join(scratch, 'key') : word]
}

test('the guide has a command for each kind of cluster', () => {
  expect(lines).toHaveLength(3)
})

describe.each(lines)('%s', (line) => {
  test('shows it', async () => {
    const [{ words }] = pipelineOf(line) as [{ words: string[] }]
    const { code, stderr } = await opened(words.slice(2).flatMap(placed), expectOrders)
    expect(stderr).not.toContain('kafka-do: ')
    expect([0, 130]).toContain(code)
  })
})

test('a folder that is not there is not made', async () => {
  const missing = join(scratch, 'nowhere')
  const { code, stderr } = await run(['console', '--url', `file:${missing}`])
  expect(code).toBe(4)
  expect(stderr).toContain('there is no data folder')
})

test('a port that another has is told', async () => {
  const port = new URL(server.httpUrl!).port
  const { code, stderr } = await run(['console', '--url', 'memory:', '--port', port])
  expect(code).toBe(1)
  expect(stderr).toContain('another process listens there')
})

test('a cluster that is gone is told in the page, and does not end the console', async () => {
  const { stderr } = await opened(['--url', 'kafka://127.0.0.1:1'], async (url) => {
    const answer = await fetch(`${url}v1/cluster`)
    expect([502, 503, 504]).toContain(answer.status)
    expect(await answer.json()).toMatchObject({ retriable: true })
  })
  expect(stderr).not.toContain('kafka-do: ')
})
