/** The main job, killed and interrupted on its way: it goes on where it was and every figure is right. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { amount, isLong } from './amount.ts'

const program = fileURLToPath(new URL('../examples/flights/main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'kafka-do-flights-'))
const events = amount(40_000, 100_000)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Runs the job until its output matches `until`, then sends `signal`; or to its end. */
function run(
  until?: RegExp,
  signal: NodeJS.Signals = 'SIGKILL',
): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, '--events', String(events), '--data', folder], {
      env: { ...process.env, FLIGHTS_PROGRESS_MS: '20' },
    })
    let output = ''
    let isSent = false
    const take = (chunk: Buffer) => {
      output += chunk.toString()
      if (isSent || !until?.test(output)) return
      isSent = true
      child.kill(signal)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.on('close', (code) => resolve({ code, output }))
  })
}

test('survives kills and Ctrl-C: nothing is lost, nothing is counted twice', {
  timeout: 180_000,
}, async () => {
  for (const share of isLong ? [10, 30, 60] : [30])
    await run(new RegExp(`produced +(${share}|[${String(share + 10)[0]}-9]\\d) %`))
  const interrupted = await run(/counted +\d/, 'SIGINT')
  expect([130, 0]).toContain(interrupted.code)
  for (const share of isLong ? [40, 80] : [60])
    await run(new RegExp(`counted +(${share}|[${String(share + 10)[0]}-9]\\d) %`))
  const { code, output } = await run()
  expect(output).toContain(`${events.toLocaleString('en')} flights from`)
  expect(output).toContain('every figure agrees with the data set')
  expect(output).toContain('days of airports counted in windows: each agrees with the data set')
  expect(code).toBe(0)
})
