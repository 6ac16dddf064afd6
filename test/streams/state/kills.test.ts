/** An application that is killed again and again keeps its totals, and reads only what its files lack. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Client } from '../../../src/entry/client.ts'

interface Order {
  readonly customer: string
  readonly amount: number
}

const program = fileURLToPath(new URL('totals.js', import.meta.url))
let folder: string
let child: ChildProcess | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kafka-do-kills-'))
})
afterEach(() => {
  child?.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

/** Runs the program until it has said so many lines, and kills it. Gives what it had to restore. */
async function live(lines: number): Promise<number> {
  child = spawn(process.execPath, [program, folder], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise((resolve) => child!.once('exit', resolve))
  let errors = ''
  child.stderr!.on('data', (data) => {
    errors += data
  })
  let restored: number | undefined
  let left = lines
  for await (const line of createInterface({ input: child.stdout! })) {
    restored ??= (JSON.parse(line) as { restored: number }).restored
    if (--left === 0) child.kill('SIGKILL')
  }
  await ended
  if (restored === undefined || left > 0) throw new Error(`The program failed: ${errors}`)
  return restored
}

test('totals over kills', async () => {
  const restored: number[] = []
  for (const lines of [20, 33, 7, 26]) restored.push(await live(lines))
  await using kafka = new Client(`file:${folder}/data`)
  const run = kafka
    .stream<Order>('orders', { app: 'totals', state: { dir: join(folder, 'state') } })
    .groupBy((order) => order.customer)
    .reduce(0, (total, order) => total + order.amount, { store: 'totals' })
    .to('totals')
  await run.ready
  restored.push(run.metrics().restored)
  const { offsets } = await kafka.admin.describeTopic('orders')
  const count = offsets.reduce((sum, { latest }) => sum + Number(latest), 0)
  const orders = await kafka.consumer<Order>('orders').take(count).toArray()
  const expected = new Map<string, number>()
  for (const { value } of orders) {
    expected.set(value.customer, (expected.get(value.customer) ?? 0) + value.amount)
  }
  const store = run.store<number>('totals')
  await expect
    .poll(() => [...expected.keys()].map((key) => store.get(key)), { timeout: 20_000 })
    .toEqual([...expected.values()])
  const entries = new Map<string, number>()
  for await (const [key, value] of store.entries()) entries.set(key, value)
  expect(new Map([...entries].sort())).toEqual(new Map([...expected].sort()))
  const changelog = await kafka.admin.describeTopic('totals-totals-changelog')
  const written = changelog.offsets.reduce((sum, { latest }) => sum + Number(latest), 0)
  // At most what came between two commits, not what came since the beginning.
  expect(written).toBeGreaterThan(3000)
  expect(Math.max(...restored)).toBeLessThan(1500)
  await run.close()
  const tasks = readdirSync(join(folder, 'state', 'totals')).filter((name) => /^\d/.test(name))
  expect(tasks.filter((name) => name.endsWith('damaged'))).toEqual([])
  expect(restored[0]).toBe(0)
})
