import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { servedUrl } from '../server/served-url.ts'
import { checkOutput, runWithKills, seedInput } from './kills.ts'

const program = fileURLToPath(new URL('server.js', import.meta.url))
const timeout = 600_000

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kafka-do-exactly-once-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('embedded: the process dies with its broker in it', { timeout }, async () => {
  const url = `file:${folder}`
  await seedInput(url)
  await runWithKills({ url, workers: 1 })
  await checkOutput(url)
})

test('served: workers die, and the server', { timeout }, async () => {
  let server = await serve('0')
  const { url } = server
  const port = new URL(url.replace('kafka:', 'http:')).port
  await seedInput(url)
  const killBroker = async () => {
    await server.kill()
    server = await serve(port)
  }
  await runWithKills({ url, workers: 2, killBroker })
  await checkOutput(url)
  await server.kill()
})

async function serve(port: string) {
  const child = spawn(process.execPath, [program, folder, port], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const url = await servedUrl(child)
  expect(url).toMatch(/^kafka:\/\//)
  return {
    url,
    async kill() {
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}
