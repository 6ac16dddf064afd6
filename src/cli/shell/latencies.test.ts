import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Latencies } from './latencies.ts'

test('percentiles of what is known', () => {
  const latencies = new Latencies()
  for (let i = 1; i <= 1000; i++) latencies.add(i)
  const { p50, p90, p99, p999, max } = latencies.percentiles()
  expect(
    [p50 / 500, p90 / 900, p99 / 990, p999 / 999].every((one) => one >= 1 && one < 1.016),
  ).toBe(true)
  expect(max).toBe(1000)
})

test('nothing is nothing', () => {
  expect(new Latencies().percentiles()).toEqual({ p50: 0, p90: 0, p99: 0, p999: 0, max: 0 })
})

test('a percentile is never too low, and hardly too high', () => {
  const times = fc.array(fc.double({ min: 0, max: 1e7, noNaN: true }), {
    minLength: 1,
    maxLength: 200,
  })
  fc.assert(
    fc.property(times, fc.double({ min: 0.001, max: 1, noNaN: true }), (all, share) => {
      const latencies = new Latencies()
      for (const one of all) latencies.add(one)
      const sorted = [...all].sort((a, b) => a - b)
      const exact = sorted[Math.ceil(share * all.length) - 1]!
      const told = latencies.percentile(share)
      expect(told).toBeGreaterThanOrEqual(Math.min(exact, latencies.percentiles().max))
      expect(told).toBeLessThanOrEqual(exact * 1.016 + 0.001)
    }),
  )
})
