import { expect, test, vi } from 'vitest'
import { createRuntime } from './runtime.ts'

test('a timer never fires early, whatever fraction of a millisecond it is set to', async () => {
  const runtime = createRuntime()
  const early: number[] = []
  for (let i = 0; i < 200; i++) {
    const delayMs = 0.1 + (i % 30) / 10
    const start = runtime.monotonicNow()
    await new Promise<void>((resolve) => runtime.setTimer(delayMs, resolve))
    const elapsedMs = runtime.monotonicNow() - start
    if (elapsedMs < delayMs) early.push(delayMs - elapsedMs)
  }
  expect(early).toEqual([])
})

test('a timer may be longer than setTimeout can count, and be cancelled at any time', () => {
  vi.useFakeTimers()
  try {
    const runtime = createRuntime()
    const day = 86_400_000
    const fired: string[] = []
    runtime.setTimer(30 * day, () => fired.push('a month'))
    const cancelled = runtime.setTimer(30 * day, () => fired.push('cancelled'))
    vi.advanceTimersByTime(29 * day)
    cancelled.cancel()
    expect(fired).toEqual([])
    vi.advanceTimersByTime(day)
    expect(fired).toEqual(['a month'])
  } finally {
    vi.useRealTimers()
  }
})
