import { beforeEach, expect, test } from 'vitest'
import { ManualRuntime } from '../../test/broker/manual-runtime.ts'
import { ReceiptWatch } from './receipt-watch.ts'

let runtime: ManualRuntime
let watch: ReceiptWatch
let tookMs: number[]
beforeEach(() => {
  runtime = new ManualRuntime()
  tookMs = []
  watch = new ReceiptWatch({ runtime, timeoutMs: 1000, onTimeout: (ms) => tookMs.push(ms) })
})

test('a request has so long from its first byte on, however often more of it comes', () => {
  for (let n = 0; n < 9; n++) {
    watch.progress(0)
    runtime.advance(111)
  }
  expect(tookMs).toEqual([])
  runtime.advance(1)
  expect(tookMs).toEqual([1000])
})

test('each request has its own time, and one that is whole needs none', () => {
  watch.progress(0)
  runtime.advance(900)
  watch.progress(1)
  runtime.advance(900)
  expect(tookMs).toEqual([])
  watch.progress(undefined)
  runtime.advance(10_000)
  expect([tookMs, runtime.pendingTimers]).toEqual([[], 0])
})

test('time in which nothing is read does not count', () => {
  watch.progress(0)
  runtime.advance(900)
  watch.pause()
  runtime.advance(10_000)
  watch.resume()
  runtime.advance(99)
  expect(tookMs).toEqual([])
  runtime.advance(1)
  expect(tookMs).toEqual([1000])
})

test('nothing is watched after the end', () => {
  watch.progress(0)
  watch.end()
  runtime.advance(10_000)
  expect([tookMs, runtime.pendingTimers]).toEqual([[], 0])
})
