/** Ctrl-C in the middle of sending and handling: nothing acknowledged is lost, nothing is passed over. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { Client } from '../../src/index.ts'
import { createServer } from '../../src/server/server.ts'
import { amount } from '../amount.ts'

const program = fileURLToPath(new URL('worker.js', import.meta.url))
const interrupts = amount(3, 12)
/** So that a member that just died is not waited for. */
const broker = { groupMinSessionTimeout: '100ms' }

interface Life {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly sent: number[]
  readonly handled: number[]
  readonly stderr: string
}

/** Runs a worker until it has handled so many records, then presses Ctrl-C. */
function live(args: readonly string[], enough: number): Promise<Life> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, ...args])
    const lines = { sent: [] as number[], handled: [] as number[] }
    let stderr = ''
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk
    })
    createInterface({ input: child.stdout }).on('line', (line) => {
      const [what, n] = line.split(' ')
      lines[what as 'sent' | 'handled'].push(Number(n))
      if (what === 'handled' && lines.handled.length === enough) child.kill('SIGINT')
    })
    child.on('close', (code, signal) => resolve({ code, signal, ...lines, stderr }))
  })
}

async function interruptRepeatedly(url: string, graceful: boolean) {
  const lives: Life[] = []
  let next = 0
  for (let n = 1; n <= interrupts; n++) {
    const life = await live([url, String(next), ...(graceful ? ['graceful'] : [])], 7 * n)
    lives.push(life)
    // A send that was cut off may have been stored: it is not sent again.
    next = (life.sent.at(-1) ?? next) + 2
  }
  return { lives, sent: lives.flatMap((life) => life.sent) }
}

async function check(url: string, { lives, sent }: { lives: Life[]; sent: number[] }) {
  await using kafka = new Client(url.startsWith('file:') ? { url, broker } : url)
  await kafka.produce('numbers', 'end')
  const stored: unknown[] = []
  for await (const { value } of kafka.consumer('numbers')) {
    if (value === 'end') break
    stored.push(value)
  }
  const acknowledged = new Set(sent)
  expect(stored.filter((n) => acknowledged.has(n as number))).toEqual(sent)
  // What was not handled in the end is what the group has yet to read.
  const handled = lives.flatMap((life) => life.handled)
  const rest: unknown[] = []
  for await (const { value } of kafka.consumer('numbers', {
    group: 'workers',
    sessionTimeout: '1s',
  })) {
    if (value === 'end') break
    rest.push(value)
  }
  expect([...new Set([...handled, ...rest])]).toEqual(stored)
  return { handled, rest, stored }
}

describe.each(['embedded', 'served'])('%s', (connection) => {
  test.each([
    ['the process just dies', false],
    ['the process closes its client, and ends by itself', true],
  ])('%s', async (_name, graceful) => {
    const folder = await mkdtemp(join(tmpdir(), 'kafka-do-ctrl-c-'))
    const server =
      connection === 'served' ? await createServer({ data: folder, port: 0, broker }) : undefined
    try {
      const url = server?.url ?? `file:${folder}`
      const outcome = await interruptRepeatedly(url, graceful)
      const { handled, rest, stored } = await check(url, outcome)
      if (graceful) {
        for (const { code, stderr } of outcome.lives)
          expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
        // What was handled was committed: no record comes twice.
        expect([...handled, ...rest]).toEqual(stored)
      } else {
        for (const { signal } of outcome.lives) expect(signal).toBe('SIGINT')
      }
    } finally {
      await server?.close()
      await rm(folder, { recursive: true, force: true })
    }
  })
})
