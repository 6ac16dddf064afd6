import { expect, test } from 'vitest'
import { ManualRuntime } from '../../test/broker/manual-runtime.ts'
import type { PartitionLog } from './log/partition-log.ts'
import { LongPolls, type WaitOptions } from './long-polls.ts'

/** A log of which only the advance matters. */
class FakeLog {
  readonly logEndOffset = 0n
  readonly highWatermark = 0n
  readonly listeners = new Set<() => void>()

  onAdvance(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  advance(): void {
    for (const listener of [...this.listeners]) listener()
  }
}

function setUp(waitsMax = 10) {
  const runtime = new ManualRuntime()
  const polls = new LongPolls(runtime, waitsMax)
  const logs = [new FakeLog(), new FakeLog()]
  const wait = (options: Partial<WaitOptions> = {}) =>
    polls.wait(logs as unknown as PartitionLog[], {
      timeoutMs: 1000,
      signal: undefined,
      isWorthLooking: () => false,
      ...options,
    })
  const expectNothingLeft = () => {
    expect(polls.waiting).toBe(0)
    expect(runtime.pendingTimers).toBe(0)
    expect(logs.map(({ listeners }) => listeners.size)).toEqual([0, 0])
    expect(logs.some((log) => polls.isWatched(log as unknown as PartitionLog))).toBe(false)
  }
  return { runtime, polls, logs, wait, expectNothingLeft }
}

test('a wait ends when a log has advanced far enough, not before', async () => {
  const { polls, logs, wait, expectNothingLeft } = setUp()
  let isEnough = false
  const outcome = wait({ isWorthLooking: () => isEnough })
  logs[1]!.advance()
  expect(polls.waiting).toBe(1)
  isEnough = true
  logs[0]!.advance()
  expect(await outcome).toBe('advanced')
  expectNothingLeft()
})

test('what advanced before the wait began ends it at once', async () => {
  const { wait, expectNothingLeft } = setUp()
  expect(await wait({ isWorthLooking: () => true })).toBe('advanced')
  expectNothingLeft()
})

test('a wait ends when its time is up', async () => {
  const { runtime, wait, expectNothingLeft } = setUp()
  const outcome = wait()
  runtime.advance(1000)
  expect(await outcome).toBe('expired')
  expectNothingLeft()
})

test('a wait ends when its caller is gone, and lets go of the signal', async () => {
  const { wait, expectNothingLeft } = setUp()
  const controller = new AbortController()
  const outcome = wait({ signal: controller.signal })
  controller.abort()
  expect(await outcome).toBe('gone')
  expect(await wait({ signal: controller.signal })).toBe('gone')
  expectNothingLeft()
})

test('closing ends every wait, also later ones', async () => {
  const { polls, wait, expectNothingLeft } = setUp()
  const outcomes = [wait(), wait()]
  polls.close()
  polls.close()
  expect(await Promise.all([...outcomes, wait()])).toEqual(['closed', 'closed', 'closed'])
  expectNothingLeft()
})

test('past the limit there is no waiting', async () => {
  const { polls, wait, expectNothingLeft } = setUp(1)
  const first = wait()
  expect(await wait()).toBe('expired')
  polls.wakeAll()
  expect(await first).toBe('advanced')
  expectNothingLeft()
})

test('a log is watched as long as somebody waits for it', async () => {
  const { polls, logs, wait, runtime } = setUp()
  const first = wait()
  const second = wait({ timeoutMs: 2000 })
  runtime.advance(1000)
  await first
  expect(polls.isWatched(logs[0] as unknown as PartitionLog)).toBe(true)
  runtime.advance(1000)
  await second
  expect(polls.isWatched(logs[0] as unknown as PartitionLog)).toBe(false)
})
