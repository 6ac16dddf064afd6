/**
 * A server that is killed in the middle of writes under idempotency keys: each is sent until it has an answer, across the
 * deaths, and is stored once; answers that were given stand.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { amount } from '../amount.ts'
import { until } from '../until.ts'
import { httpAt } from './http-fixture.ts'

const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

class KilledServer {
  readonly #folder: string
  #child: ChildProcess | undefined
  url = ''

  constructor(folder: string) {
    this.#folder = folder
  }

  async start(): Promise<void> {
    const args = ['serve', '--data', this.#folder, '--port', '0', '--http-port', '0']
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    this.url = await new Promise((resolve, reject) => {
      let printed = ''
      child.once('exit', (code) => reject(new Error(`it ended with ${code}: ${printed}`)))
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (chunk) => {
          printed += chunk
          const found = /http:\/\/[\d.]+:\d+/.exec(printed)?.[0]
          if (found) resolve(found)
        })
      }
    })
  }

  async kill(): Promise<void> {
    const ended = new Promise((resolve) => this.#child!.once('exit', resolve))
    this.#child!.kill('SIGKILL')
    await ended
  }
}

test('each record is stored once, and each answer stands', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-do-kills-'))
  const server = new KilledServer(folder)
  const kills = amount(3, 20)
  const perLife = 25
  const answers = new Map<string, string>()
  let sent = 0
  let isOver = false
  try {
    await server.start()
    const write = async (key: string) => {
      const { ask } = httpAt(server.url)
      const answer = await ask('POST', '/v1/topics/orders/records', {
        body: key,
        headers: { 'idempotency-key': key },
      }).catch(() => undefined)
      if (answer?.status !== 200) return false
      const before = answers.get(key)
      if (before !== undefined) expect(answer.text).toBe(before)
      answers.set(key, answer.text)
      return true
    }
    const work = async () => {
      while (!isOver) {
        const key = String(sent++)
        await until(() => write(key))
      }
    }
    const workers = Array.from({ length: 4 }, work)
    for (let i = 1; i <= kills; i++) {
      await until(() => answers.size >= i * perLife)
      await server.kill()
      await server.start()
    }
    isOver = true
    await Promise.all(workers)
    // Answers of all lives are the same when they are asked for again.
    for (const key of answers.keys()) expect(await write(key)).toBe(true)
    const { ask } = httpAt(server.url)
    const seen: number[] = []
    for (let cursor = 'earliest'; ; ) {
      const { body } = await ask('GET', `/v1/topics/orders/records?from=${cursor}`)
      seen.push(...body.records.map(({ value }: { value: number }) => value))
      cursor = body.cursor
      if (body.isAtEnd) break
    }
    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: sent }, (_, i) => i))
  } finally {
    isOver = true
    await server.kill().catch(() => undefined)
    rmSync(folder, { recursive: true, force: true })
  }
})
