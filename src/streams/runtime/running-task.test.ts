/** In which order a task takes the records of its inputs, and how long it waits for one that has none. */
import { expect, test } from 'vitest'
import { createRuntime } from '../../core/runtime.ts'
import type { Task } from '../task/task.ts'
import { RunningTask } from './running-task.ts'
import type { TaskInput } from './task-input.ts'

function inputOf(topic: string, times: number[]) {
  const input = {
    topic,
    isDrained: true,
    isInternal: false,
    isBroadcast: false,
    handed: 0,
    get head() {
      return times.length > 0 ? { timestampMs: times[0]! } : undefined
    },
    headOrigin: () => ({ topic, partition: 0, offset: 0n }),
    shift: () => void times.shift(),
  }
  return { input: input as unknown as TaskInput & { isDrained: boolean }, times }
}

function taskOf(maxIdleMs: number, handsOver = false) {
  let nowMs = 1000
  const taken: string[] = []
  const left = inputOf('left', [])
  const right = inputOf('right', [])
  const task = {
    recordsAhead: () => 1,
    process: ({ topic }: { topic: string }, { timestampMs }: { timestampMs: number }) =>
      void taken.push(`${topic}@${timestampMs}`),
  } as unknown as Task
  const runtime = { ...createRuntime(), monotonicNow: () => nowMs }
  const host = { onRecord() {}, now: () => nowMs, handsOver: () => handsOver, maxIdleMs }
  const running = new RunningTask(task, [left.input, right.input], host)
  return {
    left,
    right,
    taken,
    running,
    pass(ms: number) {
      nowMs += ms
    },
    run: () => running.run(runtime, Number.POSITIVE_INFINITY),
    resumesIn: () => running.resumesIn(runtime),
  }
}

test('an empty partition is not waited for by default', () => {
  const { left, taken, run, resumesIn } = taskOf(0)
  left.times.push(20)
  expect(run()).toBe(1)
  expect([taken, resumesIn()]).toEqual([['left@20'], Number.POSITIVE_INFINITY])
})

test('an older record that comes while others wait for its partition is taken first', () => {
  const { left, right, taken, run, resumesIn, pass } = taskOf(500)
  left.times.push(20)
  expect(run()).toBe(0)
  expect(resumesIn()).toBe(500)
  pass(300)
  expect([run(), resumesIn()]).toEqual([0, 200])
  right.times.push(10)
  run()
  expect(taken).toEqual(['right@10'])
  // The wait for the partition begins anew, since it had something.
  expect(resumesIn()).toBe(500)
})

test('records are taken without a partition that stays empty, until it brings something', () => {
  const { left, right, taken, run, resumesIn, pass } = taskOf(500)
  left.times.push(20, 30)
  run()
  pass(500)
  expect(resumesIn()).toBe(0)
  expect(run()).toBe(2)
  expect(resumesIn()).toBe(Number.POSITIVE_INFINITY)
  // It has been waited for long enough: what comes now need not wait again.
  left.times.push(40)
  expect(run()).toBe(1)
  right.times.push(35)
  left.times.push(50)
  run()
  expect(taken).toEqual(['left@20', 'left@30', 'left@40', 'right@35'])
})

test('what the broker is known to have is waited for, however long that takes', () => {
  const { left, right, run, resumesIn, pass } = taskOf(500)
  right.input.isDrained = false
  left.times.push(20)
  expect(run()).toBe(0)
  pass(10_000)
  expect([run(), resumesIn()]).toEqual([0, Number.POSITIVE_INFINITY])
})

test('what tasks of this process hand over is not waited for', () => {
  const { left, right, taken, run } = taskOf(500, true)
  Object.assign(right.input, { isInternal: true })
  left.times.push(20)
  run()
  expect(taken).toEqual(['left@20'])
})
