/** Processes of an application are killed, or replaced by a newer program, at our broker: nothing is lost or counted twice. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, test } from 'vitest'
import { amount, isLong } from '../amount.ts'
import { servedUrl } from '../server/served-url.ts'
import { runWithKills, runWithUpgrade } from './worker-kills.ts'

const program = fileURLToPath(new URL('../exactly-once/server.js', import.meta.url))
const timeout = 900_000
const seed = Number(process.env.STREAM_KILLS_SEED ?? Date.now() % 1_000_000)

let folder: string
let url: string
let stop: () => Promise<void>
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-do-streams-kills-'))
  const child = spawn(process.execPath, [program, folder, '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  url = await servedUrl(child)
  stop = async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
})
afterEach(async () => {
  await stop()
  await rm(folder, { recursive: true, force: true })
})

test('workers die: each record is counted once', { timeout }, async () => {
  const records = amount(3000, 1_000_000, 'STREAM_KILLS_RECORDS')
  const kills = isLong ? { killsMin: 5, everyMs: 10_000 } : { killsMin: 1, everyMs: 500 }
  await runWithKills({ url, records, workers: isLong ? 3 : 2, seed, sessionTimeout: '2s' }, kills)
})

test('a newer program with an operator more takes over, worker by worker', {
  timeout,
}, async () => {
  const records = amount(1000, 20_000, 'STREAM_KILLS_RECORDS')
  await runWithUpgrade({ url, records, workers: isLong ? 3 : 2, seed, sessionTimeout: '2s' })
})
