/** When retention follows the clock, and when it waits for somebody to look at it. */
import { describe, expect, test } from 'vitest'
import type { Logger } from '../../core/runtime.ts'
import { RetentionClock, type RetentionClockState } from './retention-clock.ts'

const startMs = 1_700_000_000_000
const hourMs = 3_600_000
const dayMs = 24 * hourMs
const yearMs = 365 * dayMs

class Bench {
  wallMs = startMs
  monotonicMs = 5000
  readonly lines: string[] = []
  clock: RetentionClock
  readonly #graceMs: number

  constructor(graceMs = dayMs, state?: RetentionClockState) {
    this.#graceMs = graceMs
    this.clock = this.#open(state)
  }

  /** Time passes, and both clocks know it. */
  pass(ms: number): void {
    this.wallMs += ms
    this.monotonicMs += ms
  }

  restart(): void {
    this.monotonicMs = 1
    this.clock = this.#open(this.clock.state)
  }

  /** How far retention is behind the wall clock. */
  get behindMs(): number {
    return this.wallMs - this.clock.now()
  }

  #open(state: RetentionClockState | undefined): RetentionClock {
    const note = (level: string) => (_: object, message: string) =>
      void this.lines.push(`${level}: ${message}`)
    const logger: Logger = {
      debug: note('debug'),
      info: note('info'),
      warn: note('warn'),
      error: note('error'),
    }
    const runtime = { now: () => this.wallMs, monotonicNow: () => this.monotonicMs, logger }
    return new RetentionClock({ runtime, graceMs: this.#graceMs, state })
  }
}

describe('is followed', () => {
  test('as time passes', () => {
    const bench = new Bench()
    for (let day = 0; day < 100; day++) {
      expect(bench.behindMs).toBe(0)
      bench.pass(dayMs)
    }
    expect(bench.lines).toEqual([])
  })

  test('after a laptop has slept over a long week-end, which the monotonic clock does not count', () => {
    const bench = new Bench()
    expect(bench.behindMs).toBe(0)
    bench.wallMs += 4 * dayMs
    expect(bench.behindMs).toBe(0)
  })

  test('after the broker was stopped for some days', () => {
    const bench = new Bench()
    expect(bench.behindMs).toBe(0)
    bench.wallMs += 6 * dayMs
    bench.restart()
    expect(bench.behindMs).toBe(0)
  })

  test('wherever it goes, without a grace', () => {
    const bench = new Bench(0)
    expect(bench.behindMs).toBe(0)
    bench.wallMs += yearMs
    expect(bench.behindMs).toBe(0)
  })

  test('back, at once', () => {
    const bench = new Bench()
    expect(bench.behindMs).toBe(0)
    bench.wallMs -= yearMs
    expect(bench.behindMs).toBe(0)
  })
})

describe('is held back', () => {
  test('when it jumps ahead, with a warning, until the grace is over', () => {
    const bench = new Bench()
    expect(bench.behindMs).toBe(0)
    bench.wallMs += 10 * yearMs
    expect(bench.behindMs).toBe(10 * yearMs)
    expect(bench.lines).toEqual([expect.stringMatching(/^warn: the clock jumped far ahead/)])
    bench.pass(dayMs - 1)
    expect(bench.behindMs).toBe(10 * yearMs)
    bench.pass(1)
    expect(bench.behindMs).toBe(0)
    expect(bench.lines).toHaveLength(2)
  })

  test('until it is set right', () => {
    const bench = new Bench()
    expect(bench.behindMs).toBe(0)
    bench.wallMs += 10 * yearMs
    expect(bench.behindMs).toBe(10 * yearMs)
    bench.pass(hourMs)
    bench.wallMs -= 10 * yearMs - 5000
    expect(bench.behindMs).toBe(0)
    expect(bench.lines.at(-1)).toMatch(/^info: the clock was set back/)
  })

  test('also when it jumps again: the grace begins anew', () => {
    const bench = new Bench()
    expect(bench.behindMs).toBe(0)
    bench.wallMs += yearMs
    expect(bench.behindMs).toBe(yearMs)
    bench.pass(dayMs - 1)
    bench.wallMs += yearMs
    expect(bench.behindMs).toBe(2 * yearMs)
    bench.pass(dayMs - 1)
    expect(bench.behindMs).toBe(2 * yearMs)
  })

  test('after the broker was stopped for two months, for the grace', () => {
    const bench = new Bench()
    expect(bench.behindMs).toBe(0)
    bench.wallMs += 60 * dayMs
    bench.restart()
    expect(bench.behindMs).toBe(60 * dayMs)
    expect(bench.lines).toEqual([
      expect.stringMatching(/^warn: the clock is far ahead of when this broker last ran/),
    ])
    bench.pass(dayMs)
    expect(bench.behindMs).toBe(0)
  })

  test('over restarts, which do not prolong the grace', () => {
    const bench = new Bench()
    expect(bench.behindMs).toBe(0)
    bench.wallMs += yearMs
    expect(bench.behindMs).toBe(yearMs)
    for (let hour = 0; hour < 23; hour++) {
      bench.pass(hourMs)
      bench.restart()
      expect(bench.behindMs).toBe(yearMs)
    }
    bench.pass(hourMs)
    expect(bench.behindMs).toBe(0)
  })

  test('not for ever where a broker runs for a minute every two weeks', () => {
    const bench = new Bench()
    let behindMs = 0
    for (let run = 0; run < 10; run++) {
      bench.pass(60_000)
      behindMs = bench.behindMs
      bench.wallMs += 14 * dayMs
      bench.restart()
    }
    // Of the last gap alone: those before are over.
    expect(behindMs).toBe(14 * dayMs + 60_000)
  })
})
