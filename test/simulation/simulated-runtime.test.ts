import { expect, test } from 'vitest'
import { delay } from '../../src/core/backoff.ts'
import { SeededRandom } from './random.ts'
import { SimulatedRuntime } from './simulated-runtime.ts'

test('timers run in order of time, those of one time in the order they were set', async () => {
  const runtime = newRuntime()
  const start = runtime.now()
  const seen: string[] = []
  const note = (name: string) => () => seen.push(`${name} at ${runtime.now() - start}`)
  runtime.setTimer(20, note('c'))
  runtime.setTimer(10, note('a'))
  runtime.setTimer(10, note('b'))
  const cancelled = runtime.setTimer(15, note('never'))
  cancelled.cancel()
  cancelled.cancel()
  await runtime.advance(19)
  expect(seen).toEqual(['a at 10', 'b at 10'])
  await runtime.advance(1)
  expect(seen.at(-1)).toBe('c at 20')
  expect(runtime.monotonicNow() - start).toBe(20)
})

test('the clock stands still while anything can happen without it', async () => {
  const runtime = newRuntime()
  const start = runtime.now()
  const chain = async () => {
    for (let i = 0; i < 10_000; i++) await Promise.resolve()
    return runtime.now() - start
  }
  runtime.setTimer(5, () => undefined)
  expect(await runtime.runUntil(chain())).toBe(0)
})

test('timers set by what a timer began run at their own times', async () => {
  const runtime = newRuntime()
  const start = runtime.now()
  const work = async () => {
    for (let i = 0; i < 3; i++) await delay(runtime, 100)
    return runtime.now() - start
  }
  expect(await runtime.runUntil(work())).toBe(300)
})

test('waiting for what never comes is an error, not a hang', async () => {
  const runtime = newRuntime()
  await expect(runtime.runUntil(new Promise(() => undefined))).rejects.toThrow(/no timer is set/)
  const again = () => void runtime.setTimer(1000, again)
  again()
  await expect(runtime.runUntil(new Promise(() => undefined), 60_000)).rejects.toThrow(
    /within 60000 ms/,
  )
})

test('a rejection is handed on', async () => {
  await expect(newRuntime().runUntil(Promise.reject(new Error('no')))).rejects.toThrow('no')
})

test('equal seeds give equal chance, and version 4 UUIDs', () => {
  const draw = () => {
    const runtime = newRuntime()
    return [runtime.uuid(), runtime.uuid(), runtime.random()]
  }
  const [first, second] = draw()
  expect(draw()).toEqual([first, second, expect.any(Number)])
  expect(first).not.toBe(second)
  expect(first).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-8[\da-f]{3}-[\da-f]{12}$/)
})

function newRuntime(): SimulatedRuntime {
  return new SimulatedRuntime({ random: new SeededRandom(1) })
}
